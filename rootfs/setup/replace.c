// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A new disk for the pair; the contract is in replace.h.
 *
 * What can go wrong, and why it does not:
 *
 *  - The wrong disk. Its serial is typed by a person who has just read it from the label. Taken is
 *    only a disk that is in no use, that holds nothing (or is given up with --erase), and that is
 *    not the one with all the mail.
 *  - What the disk held before comes back to life. A stale superblock of md, LVM or a filesystem in
 *    the right place would be found by udev the moment the partitions appear, and an old member of
 *    this very pair has its partitions in the same places: it would be assembled at once. So first
 *    the first and last MiB are cleared of the disk, of each partition that it has, and of each
 *    that it will have; then the kernel reads the empty table, and only then is the new one made.
 *  - A cut. Until everything is done, partition 4 is called "rehome-unfinished", in a table whose
 *    partitions lie exactly where the other disk's do. That name is written into the table after
 *    the disk was cleared, so what lies under it is ours: a disk that bears it is gone on with
 *    without asking for --erase again. Each later step looks whether it is done. The backup table
 *    is written before the primary, and the kernel reads it last.
 *  - Half a copy that counts as one. md's superblock on the new member says how far the rebuild is;
 *    only the kernel raises it. The serial is noted as one of ours before the first byte is copied,
 *    so that a disk whose rebuild was cut is taken back at the next boot.
 *  - A machine that starts only from the old disk. ESP and boot area are made before the arrays are
 *    touched; /boot itself comes with its array, so the new disk starts the machine when the small
 *    array is whole, long before the large one.
 */
#include "rootfs/setup/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/esp.h"

#define SECTOR 512ull
#define CLEAR  2048u /* sectors at each end: 1 MiB, more than any known superblock is away */

static int open_disk(struct rh_setup *s, const struct rh_disk *disk, int *fd, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("dev/%s", disk->name);

	*fd = openat(s->root, path, O_RDWR | O_CLOEXEC);
	return *fd < 0 ? rh_err_errno(err, errno, "cannot open /%s", path) : 0;
}

/* Both ends of the COUNT sectors from START. */
static int clear_ends(int fd, uint64_t start, uint64_t count, struct rh_err *err)
{
	RH_FREE uint8_t *zeros = rh_xalloc(CLEAR * SECTOR);
	uint64_t n = count < CLEAR ? count : CLEAR;
	int r = rh_pwrite_all(fd, zeros, n * SECTOR, start * SECTOR, err);

	return r < 0 ? r : rh_pwrite_all(fd, zeros, n * SECTOR, (start + count - n) * SECTOR, err);
}

static int clear_disk(int fd, const struct rh_replace *r, struct rh_err *err)
{
	const struct rh_disk *disk = r->target->d->disk;
	int e = 0;

	for (size_t i = 0; e == 0 && i < disk->n_parts; i++)
		/* An extended partition tells 2 sectors; what is in it follows. */
		e = clear_ends(fd, disk->parts[i].start, disk->parts[i].sectors, err);
	for (int i = 0; e == 0 && i < RH_REPLACE_PARTS; i++) {
		const struct rh_gpt_entry *p = &r->table.entries[i];

		e = clear_ends(fd, p->first, p->last - p->first + 1, err);
	}
	if (e == 0)
		e = clear_ends(fd, 0, disk->sectors, err);
	if (e == 0 && fsync(fd) < 0)
		e = rh_err_errno(err, errno, "cannot write");
	return e;
}

static int write_table(int fd, const struct rh_gpt *g, struct rh_err *err)
{
	uint8_t first[RH_GPT_FIRST_BYTES] = {0}, last[RH_GPT_LAST_BYTES];
	int r = 0;

	/* The boot code in front of the table is kept. */
	if (pread(fd, first, RH_GPT_BOOT_CODE, 0) != RH_GPT_BOOT_CODE)
		return rh_err_set(err, EIO, "cannot read");
	rh_gpt_encode(g, first, last);
	r = rh_pwrite_all(fd, last, sizeof last, (g->disk_sectors - RH_GPT_LAST_SECTORS) * SECTOR,
			  err);
	if (r == 0 && fsync(fd) < 0)
		r = rh_err_errno(err, errno, "cannot write");
	if (r == 0)
		r = rh_pwrite_all(fd, first, sizeof first, 0, err);
	if (r == 0 && fsync(fd) < 0)
		r = rh_err_errno(err, errno, "cannot write");
	return r;
}

static int reread(struct rh_setup *s, const struct rh_disk *disk, struct rh_err *err)
{
	RH_FREE char *dev = rh_xasprintf("/dev/%s", disk->name);
	int r;

	/* udev and its helpers hold new devices open for moments: wait for them first. */
	r = rh_setup_run(s, NULL, err, "udevadm", "settle", "--timeout=60", NULL);
	if (r >= 0)
		r = rh_setup_run(s, NULL, err, "blockdev", "--rereadpt", rh_setup_path(s, dev),
				 NULL);
	if (r >= 0)
		r = rh_setup_run(s, NULL, err, "udevadm", "settle", "--timeout=60", NULL);
	return r < 0 ? r : 0;
}

/* Let go of what still holds the disk: our arrays, as failed; an array that does not run. */
static int let_go(struct rh_setup *s, const struct rh_replace *r, struct rh_err *err)
{
	const struct rh_replace_facts *f = r->target;
	int e = 0;

	for (int k = 0; e >= 0 && k < RH_PAIR_ARRAYS; k++) {
		RH_FREE char *node = rh_xasprintf("/dev/%s", r->pair->array[k]->node);
		RH_FREE char *dev = rh_xasprintf("/dev/%s", f->d->on[k].device);

		if (!f->d->on[k].there || !f->d->on[k].held)
			continue;
		rh_change_point(s);
		e = rh_setup_run(s, NULL, err, "mdadm", "--manage", node, "--remove", dev, NULL);
	}
	if (e >= 0 && *f->stop) {
		RH_FREE char *node = rh_xasprintf("/dev/%s", f->stop);

		rh_change_point(s);
		e = rh_setup_run(s, NULL, err, "mdadm", "--stop", node, NULL);
	}
	return e < 0 ? e : 0;
}

static int partition(struct rh_setup *s, const struct rh_replace *r, struct rh_err *err)
{
	const struct rh_disk *disk = r->target->d->disk;
	RH_CLOSE int fd = -1;
	int e = let_go(s, r, err);

	if (e == 0)
		e = open_disk(s, disk, &fd, err);
	if (e == 0) {
		rh_setup_say(s, "replace: clearing and partitioning %s",
			     rh_disk_text(r->pair->disks, disk));
		rh_change_point(s);
		e = clear_disk(fd, r, err);
	}
	if (e == 0)
		e = reread(s, disk, err);
	if (e == 0) {
		rh_change_point(s);
		e = write_table(fd, &r->table, err);
	}
	return rh_err_prefix(err, e, "/dev/%s", disk->name);
}

/* --- after the table --- */

/* The picture anew: partitions and members have appeared. */
static int look_again(struct rh_setup *s, struct rh_replace *r, const struct rh_pair_disk **d,
		      struct rh_err *err)
{
	RH_FREE char *serial = rh_xstrdup(r->target->d->disk->serial);
	int e = rh_pair_read(s, r->pair, err);

	if (e < 0)
		return e;
	*d = rh_pair_by_serial(r->pair, serial);
	if (!*d)
		return rh_err_set(err, ENODEV, "the disk with serial %s has gone away", serial);
	return 0;
}

static int need_part(const struct rh_pair_disk *d, unsigned number, const struct rh_partition **out,
		     struct rh_err *err)
{
	*out = rh_disk_part(d->disk, number);
	return *out ? 0
		    : rh_err_set(err, ENODEV,
				 "/dev/%s: the kernel shows no partition %u: restart the machine "
				 "and run replace-disk again",
				 d->disk->name, number);
}

static int format_esp(struct rh_setup *s, const struct rh_pair_disk *d, struct rh_err *err)
{
	const struct rh_partition *part;
	RH_FREE char *dev = NULL;
	int r = need_part(d, 2, &part, err);

	if (r < 0)
		return r;
	dev = rh_xasprintf("/dev/%s", part->name);
	rh_change_point(s);
	r = rh_setup_run(s, NULL, err, "mkfs.vfat", "-F", "32", "-n", "REHOME-ESP",
			 rh_setup_path(s, dev), NULL);
	return r < 0 ? r : 0;
}

static int has_fat(struct rh_setup *s, const struct rh_pair_disk *d, bool *yes, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	const struct rh_partition *part;
	RH_FREE char *dev = NULL;
	int r = need_part(d, 2, &part, err);

	if (r < 0)
		return r;
	dev = rh_xasprintf("/dev/%s", part->name);
	r = rh_setup_run(s, &text, err, "wipefs", "--noheadings", "--output", "TYPE,LABEL",
			 rh_setup_path(s, dev), NULL);
	*yes = strstr(rh_str_text(&text), "REHOME-ESP");
	return r < 0 ? r : 0;
}

static bool all_said(struct rh_setup *s, const struct rh_boot_report *report,
		     const struct rh_disk *disk, bool *mine)
{
	RH_FREE char *dev = rh_xasprintf("/dev/%s:", disk->name);

	*mine = true;
	for (size_t i = 0; i < report->bad.n; i++) {
		rh_setup_say(s, "warning: %s", report->bad.v[i]);
		if (strstr(report->bad.v[i], dev))
			*mine = false;
	}
	return report->bad.n == 0;
}

/* A cut while it was formatted leaves an ESP that cannot be mounted: then it is formatted anew. */
static int make_startable(struct rh_setup *s, struct rh_replace *r, const struct rh_pair_disk *d,
			  struct rh_err *err)
{
	bool fat = false, good = false;
	int e = has_fat(s, d, &fat, err);

	for (int i = 0; e >= 0 && !good && i < 2; i++) {
		struct rh_boot_report report = {0};

		if (!fat || i > 0)
			e = format_esp(s, d, err);
		if (e >= 0)
			e = rh_boot_sync(s, r->pair, d->disk, false, &report, err);
		if (e >= 0)
			all_said(s, &report, d->disk, &good);
		rh_boot_report_free(&report);
	}
	if (e >= 0 && !good)
		e = rh_err_set(err, EIO, "the ESP or boot area of /dev/%s could not be made",
			       d->disk->name);
	return e;
}

/* udev watches disks: when a writer of the whole disk closes it (the boot area was written), it has
 * the table read again, and while nothing uses the partitions they vanish for a moment. */
static int wait_for_node(struct rh_setup *s, const char *name, struct rh_err *err)
{
	const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
	RH_FREE char *node = rh_xasprintf("dev/%s", name);
	int r = rh_setup_run(s, NULL, err, "udevadm", "settle", "--timeout=60", NULL);

	for (int i = 0; r >= 0 && i < 50 && !rh_exists(s->root, node); i++)
		nanosleep(&pause, NULL);
	return r < 0 ? r : 0;
}

static int add_member(struct rh_setup *s, const struct rh_replace *r, const struct rh_pair_disk *d,
		      int k, struct rh_err *err)
{
	const struct rh_partition *part;
	int e = need_part(d, k == 0 ? 3 : 4, &part, err);

	if (e < 0 || d->on[k].held)
		return e;
	e = wait_for_node(s, part->name, err);
	if (e < 0)
		return e;
	if (d->on[k].there) {
		RH_FREE char *dev = rh_xasprintf("/dev/%s", part->name);

		rh_change_point(s);
		e = rh_setup_run(s, NULL, err, "mdadm", "--zero-superblock", dev, NULL);
	}
	if (e >= 0)
		e = rh_pair_add(s, r->pair, k, part->name, err);
	if (e >= 0)
		rh_setup_say(s, "replace: array %s copies to /dev/%s", r->pair->array[k]->name,
			     part->name);
	return e < 0 ? e : 0;
}

/* The table gets its real name: from now on the disk is like the other one. */
static int finish_table(struct rh_setup *s, struct rh_replace *r, const struct rh_pair_disk *d,
			struct rh_err *err)
{
	struct rh_gpt_entry *pv = &r->table.entries[RH_REPLACE_PARTS - 1];
	RH_CLOSE int fd = -1;
	int e = open_disk(s, d->disk, &fd, err);

	memcpy(pv->name, r->old_table.entries[RH_REPLACE_PARTS - 1].name, sizeof pv->name);
	if (rh_gpt_has_name(pv, RH_REPLACE_UNFINISHED))
		rh_gpt_set_name(pv, "rehome-pv");
	if (e == 0) {
		rh_change_point(s);
		e = write_table(fd, &r->table, err);
	}
	return rh_err_prefix(err, e, "/dev/%s", d->disk->name);
}

static int go_on(struct rh_setup *s, struct rh_replace *r, struct rh_err *err)
{
	const struct rh_pair_disk *d;
	int e = look_again(s, r, &d, err);

	if (e == 0)
		e = make_startable(s, r, d, err);
	if (e == 0)
		e = rh_pair_learn(s, r->pair, d->disk->serial, err);
	for (int k = 0; e == 0 && k < RH_PAIR_ARRAYS; k++)
		e = add_member(s, r, d, k, err);
	return e == 0 ? finish_table(s, r, d, err) : e;
}

static bool kernel_shows(const struct rh_disk *disk, const struct rh_gpt *table)
{
	for (unsigned i = 0; i < RH_REPLACE_PARTS; i++) {
		const struct rh_gpt_entry *e = &table->entries[i];
		const struct rh_partition *part = rh_disk_part(disk, i + 1);

		if (!part || part->start != e->first || part->sectors != e->last - e->first + 1)
			return false;
	}
	return true;
}

int rh_replace_act(struct rh_setup *s, struct rh_replace *r, struct rh_err *err)
{
	int e = 0;

	if (r->done) {
		rh_setup_say(s, "replace: this disk works in the pair already");
	} else {
		bool fresh = !r->unfinished;

		if (fresh)
			e = partition(s, r, err);
		else
			rh_setup_say(s, "replace: going on with %s",
				     rh_disk_text(r->pair->disks, r->target->d->disk));
		/* Also after a cut, when the kernel has not read the last table. */
		if (e == 0 && (fresh || !kernel_shows(r->target->d->disk, &r->table)))
			e = reread(s, r->target->d->disk, err);
		if (e == 0)
			e = go_on(s, r, err);
	}
	if (e == 0)
		e = rh_pair_read(s, r->pair, err);
	if (e == 0)
		e = rh_pair_note(s, r->pair, err);
	return rh_err_prefix(err, e, "replace-disk (run it again to go on)");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at the pair; the contract is in pair.h, the decisions are in pairplan.c. */
#include "rootfs/setup/pair.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "rootfs/setup/state.h"

#define SECTOR	    512u
#define ALIGN	    4096u
#define LOCK_WAIT_S 60

/* The bitmap's header (drivers/md/md-bitmap.c, struct bitmap_super_s): magic at 0, events_cleared
 * at 32, little-endian. -ENOENT when there is none. */
static int read_cleared(int root, const struct rh_member *m, uint64_t *cleared)
{
	RH_FREE char *name = rh_xasprintf("dev/%s", m->device);
	RH_CLOSE int fd = openat(root, name, O_RDONLY | O_DIRECT | O_CLOEXEC);
	RH_FREE uint8_t *buf = NULL;
	int64_t at = ((int64_t)m->super.super_offset + m->super.bitmap_offset) * SECTOR;
	uint32_t magic;
	void *mem;

	/* Some filesystems of the tests have no O_DIRECT. */
	if (fd < 0 && errno == EINVAL)
		fd = openat(root, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || at < 0 || posix_memalign(&mem, ALIGN, ALIGN) != 0)
		return -ENOENT;
	buf = mem;
	/* 4 KiB at a time, from where the header's block begins, for disks of 4 KiB blocks. */
	if (pread(fd, buf, ALIGN, at / ALIGN * ALIGN) < (ssize_t)(at % ALIGN + 40))
		return -EIO;
	memcpy(&magic, buf + at % ALIGN, 4);
	if (le32toh(magic) != 0x6d746962u)
		return -ENOENT;
	memcpy(cleared, buf + at % ALIGN + 32, 8);
	*cleared = le64toh(*cleared);
	return 0;
}

static struct rh_pair_running running(struct rh_setup *s, const struct rh_array *a, bool was_whole)
{
	struct rh_pair_running run = {.slots = a->slots, .was_whole = was_whole};
	const struct rh_member *best = NULL;

	for (size_t i = 0; i < a->n_members; i++) {
		const struct rh_member *m = &a->members[i];

		if (m->state != RH_MEMBER_ACTIVE || m->slot < 0 || m->slot >= RH_MDSUPER_SLOTS)
			continue;
		run.works[m->slot] = true;
		if (m->has_super && (!best || m->super.events > best->super.events))
			best = m;
	}
	if (best) {
		run.events = best->super.events;
		run.ctime = best->super.ctime;
		run.bitmap =
		    best->super.bitmap && read_cleared(s->root, best, &run.events_cleared) == 0;
	}
	return run;
}

static void judge_held(const struct rh_pair_running *run, const struct rh_member *m, bool known,
		       struct rh_pair_member *out)
{
	struct rh_pair_outside o = {.known = known, .failed = true, .super = m->super};

	out->there = out->held = true;
	out->device = m->device;
	out->why = "";
	if (m->state == RH_MEMBER_ACTIVE)
		out->what = RH_PAIR_WORKS;
	else if (m->state != RH_MEMBER_FAULTY)
		out->what = RH_PAIR_REBUILDING;
	else if (m->has_super)
		out->what = rh_pair_judge(run, &o, &out->why);
	else {
		out->what = RH_PAIR_FAILED;
		out->why = "the kernel has thrown it out, and it can no longer be read";
	}
}

static int judge_disk(struct rh_setup *s, const struct rh_array *a,
		      const struct rh_pair_running *run, const struct rh_pair_disk *d,
		      struct rh_pair_member *out, struct rh_err *err)
{
	const struct rh_member *m = rh_array_on(a, d->disk);

	if (m) {
		judge_held(run, m, d->known, out);
		return 0;
	}
	for (size_t i = 0; a->found && i < d->disk->n_parts; i++) {
		struct rh_pair_outside o = {.known = d->known};
		int r = rh_disks_read_super(s->root, &d->disk->parts[i], &o.super, err);

		if (r == -EACCES || r == -EPERM)
			return r;
		if (r < 0 || !rh_uuid_equal(&o.super.array, &a->uuid))
			continue;
		out->there = true;
		out->device = d->disk->parts[i].name;
		out->what = rh_pair_judge(run, &o, &out->why);
	}
	return 0;
}

/* "…/ata2/host1/…" → "ata2"; an NVMe drive is its own port. */
static const char *port_of(struct rh_setup *s, struct rh_arena *arena, const struct rh_disk *disk)
{
	RH_FREE char *link = rh_xasprintf("sys/block/%s", disk->name);
	char target[PATH_MAX];
	ssize_t n = readlinkat(s->root, link, target, sizeof target - 1);
	const char *at;

	if (n <= 0)
		return "";
	target[n] = '\0';
	if ((at = strstr(target, "/ata")) || (at = strstr(target, "/nvme/nvme")) ||
	    (at = strstr(target, "/virtio")) || (at = strstr(target, "/usb"))) {
		at += !strncmp(at, "/nvme/", 6) ? 6 : 1;
		return rh_arena_strndup(arena, at, strcspn(at, "/"));
	}
	return "";
}

static bool listed(const struct rh_strv *l, const char *serial)
{
	for (size_t i = 0; *serial && i < l->n; i++)
		if (!strcmp(l->v[i], serial))
			return true;
	return false;
}

static int read_known(struct rh_setup *s, struct rh_strv *out, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int r = rh_marker_read(s, "pair-disks", &text, err);
	char *rest = text.data, *line;

	while (r == 0 && rest && (line = strsep(&rest, "\n")))
		if (*line)
			rh_strv_add(out, line);
	return r;
}

static bool array_whole(const struct rh_array *a)
{
	for (unsigned i = 0; i < a->slots; i++) {
		const struct rh_member *m = rh_array_slot(a, i);

		if (!m || m->state != RH_MEMBER_ACTIVE)
			return false;
	}
	return a->found && a->slots >= 2 && a->degraded == 0;
}

static void conclude(struct rh_pair *p)
{
	p->mixed = p->array[0]->found && p->array[1]->found;
	for (size_t i = 0; i < p->n; i++) {
		struct rh_pair_disk *d = &p->v[i];

		for (int k = 0; k < RH_PAIR_ARRAYS; k++) {
			const struct rh_pair_member *m = &d->on[k];

			if (!m->there)
				continue;
			if (!d->member || m->what > d->what)
				d->why = m->why;
			d->what = d->member ? rh_pair_worse(d->what, m->what) : m->what;
			d->member = true;
		}
		if (d->on[0].there && d->on[0].what == RH_PAIR_WORKS && d->on[1].there &&
		    d->on[1].what == RH_PAIR_WORKS)
			p->mixed = false;
	}
	p->whole = array_whole(p->array[0]) && array_whole(p->array[1]);
}

int rh_pair_read(struct rh_setup *s, struct rh_pair *p, struct rh_err *err)
{
	int r;

	rh_pair_free(p);
	r = read_known(s, &p->known, err);
	if (r >= 0)
		r = rh_disks_read(s->root, &p->disks, err);
	if (r < 0)
		return r;
	p->array[0] = &p->disks->boot;
	p->array[1] = &p->disks->pv;
	p->n = p->disks->n;
	p->v = rh_arena_alloc(p->disks->arena, (p->n + 1) * sizeof *p->v);
	for (int k = 0; r >= 0 && k < RH_PAIR_ARRAYS; k++) {
		struct rh_pair_running run = running(s, p->array[k], p->known.n > 1);

		for (size_t i = 0; r >= 0 && i < p->n; i++) {
			struct rh_pair_disk *d = &p->v[i];

			d->disk = &p->disks->v[i];
			d->why = "";
			d->known = listed(&p->known, d->disk->serial);
			d->port = port_of(s, p->disks->arena, d->disk);
			r = judge_disk(s, p->array[k], &run, d, &d->on[k], err);
		}
	}
	if (r >= 0)
		conclude(p);
	return r;
}

void rh_pair_free(struct rh_pair *p)
{
	rh_disks_free(&p->disks);
	rh_strv_free(&p->known);
	*p = (struct rh_pair){0};
}

const struct rh_pair_disk *rh_pair_by_serial(const struct rh_pair *p, const char *serial)
{
	for (size_t i = 0; *serial && i < p->n; i++)
		if (!strcmp(p->v[i].disk->serial, serial))
			return &p->v[i];
	return NULL;
}

bool rh_pair_needs_person(const struct rh_pair *p)
{
	if (!p->array[0]->found || !p->array[1]->found || p->mixed)
		return true;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].member && p->v[i].what >= RH_PAIR_FAILED &&
		    (!p->whole || p->v[i].what != RH_PAIR_STRANGER))
			return true;
	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		for (unsigned i = 0; i < p->array[k]->slots; i++)
			if (!rh_array_slot(p->array[k], i))
				return true;
	return false;
}

int rh_disks_lock(struct rh_setup *s, int *fd, struct rh_err *err)
{
	const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
	int r = rh_mkdirs(s->root, "run/rehome", 0755, err);

	if (r < 0)
		return r;
	*fd = openat(s->root, "run/rehome/disks.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		     0600);
	if (*fd < 0)
		return rh_err_errno(err, errno, "cannot open /run/rehome/disks.lock");
	for (int i = 0; i < LOCK_WAIT_S * 5; i++) {
		if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return rh_err_errno(err, errno, "cannot lock /run/rehome/disks.lock");
		if (rh_interrupted())
			return rh_err_set(err, EINTR,
					  "interrupted while waiting for another "
					  "rehome-setup that works on the disks");
		nanosleep(&pause, NULL);
	}
	return rh_err_set(
	    err, EBUSY, "another rehome-setup is at work on the disks: wait until it has finished");
}

void rh_alarm(struct rh_setup *s, const char *subject, const char *text)
{
	struct rh_err err = {{0}};

	rh_setup_say(s, "warning: %s", subject);
	if (rh_setup_run(s, NULL, &err, s->foreign ? "alarm" : "/usr/lib/rehome/alarm", subject,
			 text, NULL) < 0)
		rh_setup_log(s, "the alarm could not be sent: %s", err.text);
}

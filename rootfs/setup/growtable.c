// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A partition table moved to the end of its disk without a moment in which the pair has none. The
 * contract is in growtable.h.
 *
 * Who reads what:
 * - The firmware: UEFI takes the primary; when its checksums are wrong it takes the backup, which
 *   it looks for in the last sector of the disk (UEFI 2.10 §5.3.2). A BIOS reads sector 0 only.
 * - GRUB reads the primary and believes it without the checksums.
 * - Linux takes the primary, and the backup only as a witness: when the primary's checksums are
 *   wrong it shows no partitions at all, unless the word "gpt" stands on its command line
 *   (block/partitions/efi.c), and we do not set that, because it would also make it believe the
 *   leftover of a table on a foreign disk.
 *
 * The order on each disk:
 *   1. The new backup is written to the disk's end and flushed. The primary still says where the
 *      old backup lies, and both of those are untouched: everybody sees the old table.
 *   2. The primary is written and flushed: everybody sees the new table, and its backup was there
 *      before it. The old backup stays behind inside our partition, where nobody looks.
 * A cut between the two leaves the old table; a cut before 1 is finished too.
 *
 * That leaves the write of the primary itself. Its header (sector 1) and our four entries (sector
 * 2) must change together. They lie in the first 4096 bytes of the disk, which go out as one write
 * of one block; a drive with physical sectors of 4096 bytes, as all of this size are, writes that
 * block whole or not at all. On one with sectors of 512 bytes a cut may part the two. Then this
 * disk has no partitions for Linux at the next boot, while firmware and GRUB still start it. For
 * that moment the pair has its other disk, with an old or a new table, whole: the disks are done
 * one after the other, each flushed to the end before the next one is begun. The next run finds the
 * disk without partitions and, in its last sectors, the backup of step 1, and repairs the primary
 * from that (struct rh_grow_disk, stray).
 *
 * The disk is locked against udev meanwhile (flock, systemd's "Locking Block Device Access"), which
 * would otherwise read the table after each of our writes.
 */
#include "rootfs/setup/growtable.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/core/file.h"

#define PAGE 4096

static int open_disk(struct rh_setup *s, const char *name, int flags, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("dev/%s", name);
	int fd = openat(s->root, path, flags | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? rh_err_errno(err, errno, "cannot open /dev/%s", name) : fd;
}

static int read_at(int fd, const char *name, void *buf, size_t n, uint64_t sector,
		   struct rh_err *err)
{
	return rh_err_prefix(err, rh_pread_all(fd, buf, n, sector * RH_GPT_SECTOR, err), "/dev/%s",
			     name);
}

static void keep_faults(struct rh_tables *t, const struct rh_diags *d)
{
	size_t n = strlen(t->fault);

	for (size_t i = 0; i < d->n && n < sizeof t->fault; i++)
		n += (size_t)snprintf(t->fault + n, sizeof t->fault - n, "%s%s: %s", n ? "; " : "",
				      d->v[i].where, d->v[i].text);
}

static int read_backup(int fd, const char *name, uint64_t sectors, uint64_t end, struct rh_gpt *out,
		       struct rh_diags *d, struct rh_err *err)
{
	uint8_t bytes[RH_GPT_LAST_BYTES];
	int r;

	if (end > sectors || end < 128)
		return -EINVAL;
	r = read_at(fd, name, bytes, sizeof bytes, end - RH_GPT_LAST_SECTORS, err);
	if (r < 0)
		return r;
	return rh_gpt_decode_backup(bytes, end - 1, sectors, name, out, d);
}

int rh_tables_read(struct rh_setup *s, const char *name, uint64_t sectors, uint64_t hint,
		   struct rh_tables *out, struct rh_err *err)
{
	RH_CLOSE int fd = open_disk(s, name, O_RDONLY, err);
	uint8_t first[RH_GPT_FIRST_BYTES];
	struct rh_diags d = {0}, quiet = {0};
	RH_FREE struct rh_gpt *backup = rh_xalloc(sizeof *backup);
	struct rh_err why = {{0}};
	int r;

	memset(out, 0, sizeof *out);
	if (fd < 0)
		return fd;
	if (sectors < 128)
		return rh_err_set(err, EINVAL, "/dev/%s is too small for a partition table", name);
	r = read_at(fd, name, first, sizeof first, 0, &why);
	if (r == 0)
		out->primary_ok = rh_gpt_decode_primary(first, sectors, name, &out->table, &d) == 0;
	else
		snprintf(out->fault, sizeof out->fault, "%.*s", 200, why.text);
	if (out->primary_ok) {
		out->backup_ok = read_backup(fd, name, sectors, out->table.disk_sectors, backup, &d,
					     &why) == 0 &&
				 rh_gpt_equal(&out->table, backup);
	} else {
		out->backup_ok =
		    read_backup(fd, name, sectors, sectors, &out->table, &d, &why) == 0;
		if (!out->backup_ok && hint && hint != sectors)
			out->backup_ok =
			    read_backup(fd, name, sectors, hint, &out->table, &quiet, &why) == 0;
	}
	keep_faults(out, &d);
	if (!out->backup_ok && !*out->fault)
		snprintf(out->fault, sizeof out->fault, "the backup table does not say the same");
	rh_diags_free(&d);
	rh_diags_free(&quiet);
	return 0;
}

/* Write the N bytes at AT, page by page, those that differ from what is there, the first page last:
 * the header of a primary table lies in it. */
static int write_pages(int fd, const char *name, uint8_t *have, const uint8_t *want, size_t n,
		       off_t at, struct rh_err *err)
{
	size_t pages = (n + PAGE - 1) / PAGE;
	int r = 0;

	for (size_t i = pages; r == 0 && i-- > 0;) {
		size_t from = i * PAGE, len = n - from < PAGE ? n - from : PAGE;

		if (memcmp(have + from, want + from, len) != 0)
			r = rh_pwrite_all(fd, want + from, len, (uint64_t)at + from, err);
	}
	if (r == 0 && fsync(fd) < 0)
		r = rh_err_errno(err, errno, "cannot write");
	return rh_err_prefix(err, r, "/dev/%s", name);
}

static int write_table(struct rh_setup *s, const char *name, const struct rh_gpt *g, bool backup,
		       struct rh_err *err)
{
	RH_CLOSE int fd = open_disk(s, name, O_RDWR, err);
	uint8_t first[RH_GPT_FIRST_BYTES], last[RH_GPT_LAST_BYTES];
	uint8_t have[RH_GPT_FIRST_BYTES];
	uint64_t sector = backup ? g->disk_sectors - RH_GPT_LAST_SECTORS : 0;
	size_t n = backup ? sizeof last : sizeof first;
	int r;

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX) < 0)
		return rh_err_errno(err, errno, "cannot lock /dev/%s", name);
	r = read_at(fd, name, have, n, sector, err);
	if (r < 0)
		return r;
	memcpy(first, have, RH_GPT_BOOT_CODE);
	rh_gpt_encode(g, first, last);
	return write_pages(fd, name, have, backup ? last : first, n,
			   (off_t)(sector * RH_GPT_SECTOR), err);
}

int rh_table_write_backup(struct rh_setup *s, const char *name, const struct rh_gpt *g,
			  struct rh_err *err)
{
	return write_table(s, name, g, true, err);
}

int rh_table_write_primary(struct rh_setup *s, const char *name, const struct rh_gpt *g,
			   struct rh_err *err)
{
	return write_table(s, name, g, false, err);
}

/* A disk that is a file (a foreign root) has no kernel to be told: a stand-in is. */
static int tell_stand_in(struct rh_setup *s, const char *what, const char *name, unsigned number,
			 uint64_t count, struct rh_err *err)
{
	RH_FREE char *n = rh_xasprintf("%u", number);
	RH_FREE char *c = rh_xasprintf("%llu", (unsigned long long)count);
	int r = rh_setup_run(s, NULL, err, "blkpg", what, name, n, c, NULL);

	return r < 0 ? r : 0;
}

int rh_table_tell_kernel(struct rh_setup *s, const char *name, unsigned number, uint64_t first,
			 uint64_t count, struct rh_err *err)
{
	RH_CLOSE int fd = -1;
	struct blkpg_partition part = {
	    .start = (long long)(first * RH_GPT_SECTOR),
	    .length = (long long)(count * RH_GPT_SECTOR),
	    .pno = (int)number,
	};
	struct blkpg_ioctl_arg arg = {
	    .op = BLKPG_RESIZE_PARTITION, .datalen = sizeof part, .data = &part};

	if (s->foreign)
		return tell_stand_in(s, "resize", name, number, count, err);
	fd = open_disk(s, name, O_RDONLY, err);
	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKPG, &arg) < 0)
		return rh_err_errno(err, errno,
				    "the kernel does not take the new end of partition %u of "
				    "/dev/%s (it will after a restart)",
				    number, name);
	return 0;
}

int rh_table_rescan(struct rh_setup *s, const char *name, struct rh_err *err)
{
	RH_CLOSE int fd = -1;

	if (s->foreign)
		return tell_stand_in(s, "rescan", name, 0, 0, err);
	fd = open_disk(s, name, O_RDONLY, err);
	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKRRPART) < 0)
		return rh_err_errno(err, errno, "the kernel does not read the table of /dev/%s",
				    name);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Raw images from the outside; the contract is in image.h. */
#include "builder/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/gpt.h"
#include "builder/lvm.h"
#include "builder/md.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

static int put(int fd, const char *path, const void *data, size_t n, uint64_t sector,
	       struct rh_err *err)
{
	return rh_err_prefix(err, rh_pwrite_all(fd, data, n, sector * RH_SECTOR, err), "%s", path);
}

static int put_gpt(int fd, const char *path, const struct rh_layout *l,
		   const struct rh_extent *extents, const char *seed, const char *disk,
		   const uint8_t *boot, struct rh_err *err)
{
	uint8_t first[RH_GPT_FIRST_BYTES] = {0}, last[RH_GPT_LAST_BYTES] = {0};
	struct rh_gpt table;
	int r;

	if (boot)
		memcpy(first, boot, RH_GPT_BOOT_CODE);
	rh_layout_gpt(l, extents, seed, disk, &table);
	rh_gpt_encode(&table, first, last);
	/* The backup first: a cut between the two leaves at least one whole table. */
	r = put(fd, path, last, sizeof last, l->disk_sectors - RH_GPT_LAST_SECTORS, err);
	if (r == 0)
		r = put(fd, path, first, sizeof first, 0, err);
	return r;
}

int rh_image_create(const char *path, const struct rh_layout *l, const char *seed,
		    struct rh_err *err)
{
	RH_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || ftruncate(fd, (off_t)(l->disk_sectors * RH_SECTOR)) < 0)
		return rh_err_errno(err, errno, "cannot create %s", path);
	return put_gpt(fd, path, l, l->data, seed, "a", NULL, err);
}

int rh_image_volumes(const char *path, const struct rh_layout *l, const char *seed, uint64_t time,
		     struct rh_err *err)
{
	RH_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	RH_FREE uint8_t *head = rh_xalloc(RH_LVM_HEAD_BYTES);
	struct rh_lvm group;
	int r;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", path);
	rh_lvm_group(l, seed, time, &group);
	r = rh_lvm_encode(&group, head, err);
	return r < 0 ? r : put(fd, path, head, RH_LVM_HEAD_BYTES, l->data[RH_PART_PV].start, err);
}

static int copy_range(int in, int out, off_t from, off_t end, const char *target,
		      struct rh_err *err)
{
	off_t to = from;

	while (from < end) {
		ssize_t n = copy_file_range(in, &from, out, &to, (size_t)(end - from), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rh_err_errno(err, errno, "cannot write %s", target);
		if (n == 0)
			return rh_err_set(err, EIO, "the source of %s ended early", target);
	}
	return 0;
}

int rh_image_clone(const char *source, const char *target, void (*tick)(void *arg, uint64_t pos),
		   void *arg, struct rh_err *err)
{
	const off_t step = 64 << 20;
	RH_CLOSE int in = open(source, O_RDONLY | O_CLOEXEC);
	RH_CLOSE int out = open(target, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct stat st;
	off_t data = 0, hole;
	int r = 0;

	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return rh_err_errno(err, errno, "cannot copy %s to %s", source, target);
	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, st.st_size) < 0)
		return rh_err_errno(err, errno, "cannot create %s", target);
	while (r == 0 && (data = lseek(in, data, SEEK_DATA)) >= 0) {
		hole = lseek(in, data, SEEK_HOLE);
		if (hole < 0)
			break;
		while (r == 0 && data < hole) {
			off_t end = hole - data > step ? data + step : hole;

			r = copy_range(in, out, data, end, target, err);
			data = end;
			if (tick)
				tick(arg, (uint64_t)data);
			if (r == 0 && rh_interrupted())
				r = rh_err_set(err, EINTR, "interrupted");
		}
	}
	if (r == 0 && errno != ENXIO) /* ENXIO: no more data, which is how it should end */
		r = rh_err_errno(err, errno, "cannot find the data of %s", source);
	return r;
}

static int put_array(int fd, const char *path, const struct rh_md *md, const struct rh_extent *part,
		     const char *seed, unsigned member, const char *name, struct rh_err *err)
{
	uint8_t sb[RH_MD_SB_BYTES], bitmap[RH_MD_BITMAP_BYTES];
	uint64_t at = part->start + rh_md_super_sector(md);
	struct rh_uuid device;
	char what[32];
	int r;

	snprintf(what, sizeof what, "md-%s/%u", name, member);
	device = rh_ident(seed, what);
	rh_md_encode(md, member, &device, sb);
	r = put(fd, path, sb, sizeof sb, at, err);
	if (r == 0 && md->bitmap_offset) {
		rh_md_bitmap_encode(md, bitmap);
		r = put(fd, path, bitmap, sizeof bitmap, at + (uint64_t)(int64_t)md->bitmap_offset,
			err);
	}
	return r;
}

int rh_image_finish(const char *path, const struct rh_layout *l, const char *seed, unsigned member,
		    const struct rh_image_boot *boot, uint64_t time, struct rh_err *err)
{
	RH_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	struct rh_md md_boot, md_pv;
	int r;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", path);
	rh_md_arrays(l, seed, time, &md_boot, &md_pv);
	r = put_array(fd, path, &md_boot, &l->part[RH_PART_BOOT], seed, member, "boot", err);
	if (r == 0)
		r = put_array(fd, path, &md_pv, &l->part[RH_PART_PV], seed, member, "pv", err);
	if (r == 0)
		r = put(fd, path, boot->core, boot->core_len, l->part[RH_PART_BIOS].start, err);
	if (r == 0)
		r = put_gpt(fd, path, l, l->part, seed, member ? "b" : "a", boot->boot, err);
	if (r == 0 && fsync(fd) < 0)
		r = rh_err_errno(err, errno, "cannot write %s", path);
	return r;
}

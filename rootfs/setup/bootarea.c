// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The BIOS boot area of a disk: GRUB's boot code in the first 440 bytes of the disk, its core image
 * in partition 1; the contract is in esp.h.
 *
 * The core image first, then the code that loads it. A cut in the middle leaves a disk that BIOS
 * cannot start; the other disk's is touched only after this one is synced, so one always works.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/digest.h"
#include "lib/grub.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/esp.h"

#define SECTOR 512u

struct area {
	uint8_t boot[SECTOR]; /* as embedded for this disk */
	uint8_t *core;	      /* whole sectors */
	size_t len;
	uint64_t at; /* bytes from the start of the disk */
};

static int embed(const struct rh_boot_reference *ref, const struct rh_partition *part,
		 struct area *a, struct rh_err *err)
{
	a->len = (ref->area.len + SECTOR - 1) / SECTOR * SECTOR;
	a->core = rh_xalloc(a->len);
	a->at = part->start * SECTOR;
	memcpy(a->core, ref->area.data, ref->area.len);
	memcpy(a->boot, ref->boot, SECTOR);
	return rh_grub_embed(a->boot, a->core, ref->area.len, part->start, part->sectors, err);
}

static int write_synced(int fd, const void *buf, size_t n, uint64_t at, struct rh_err *err)
{
	int r = rh_pwrite_all(fd, buf, n, at, err);

	return r == 0 && fsync(fd) < 0 ? rh_err_errno(err, errno, "cannot write") : r;
}

/* The digest of what was found, over the length that was last written. Embedding changed it by this
 * disk's numbers: they are taken out again. */
static int digest_found(const struct rh_boot_reference *ref, int fd, const struct area *a,
			uint64_t room, char hex[RH_SHA256_HEX], struct rh_err *err)
{
	size_t len = ref->area.written_len;
	RH_FREE uint8_t *have = NULL;
	struct rh_digest *d;
	int r;

	hex[0] = '\0';
	if (len < SECTOR || len > room * SECTOR)
		return 0;
	have = rh_xalloc(len);
	r = rh_pread_all(fd, have, len, a->at, err);
	if (r < 0)
		return r;
	memcpy(have + SECTOR - 12, ref->area.data + SECTOR - 12, 12);
	d = rh_digest_new();
	rh_digest_data(d, have, len);
	rh_digest_final(&d, hex);
	return 0;
}

static int mend(struct rh_setup *s, int fd, const struct area *a, struct rh_err *err)
{
	int r;

	rh_change_point(s);
	r = write_synced(fd, a->core, a->len, a->at, err);
	if (r < 0)
		return r;
	rh_change_point(s);
	return write_synced(fd, a->boot, RH_GRUB_CODE, 0, err);
}

int rh_boot_area_sync(struct rh_setup *s, const struct rh_boot_reference *ref,
		      const struct rh_boot_disk *disk, bool look, struct rh_boot_report *report,
		      struct rh_err *err)
{
	const struct rh_partition *part = rh_disk_part(disk->disk, 1);
	RH_FREE char *name = rh_xasprintf("dev/%s", disk->disk->name);
	RH_CLOSE int fd = openat(s->root, name, (look ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	RH_FREE uint8_t *have = NULL;
	uint8_t code[SECTOR];
	char hex[RH_SHA256_HEX];
	struct area a = {0};
	int r;

	if (!part)
		return rh_err_set(err, ENOENT, "%s has no partition 1", disk->text);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open /%s", name);
	r = embed(ref, part, &a, err);
	have = rh_xalloc(a.len);
	if (r >= 0)
		r = rh_pread_all(fd, have, a.len, a.at, err);
	if (r >= 0)
		r = rh_pread_all(fd, code, SECTOR, 0, err);
	if (r >= 0 &&
	    (memcmp(have, a.core, a.len) != 0 || memcmp(code, a.boot, RH_GRUB_CODE) != 0)) {
		r = digest_found(ref, fd, &a, part->sectors, hex, err);
		if (r >= 0 && !look)
			r = mend(s, fd, &a, err);
		if (r >= 0)
			rh_boot_differs(disk, &ref->area, hex, !look, report);
	}
	rh_cleanup_free(&a.core);
	return rh_err_prefix(err, r, "%s: boot area", disk->text);
}

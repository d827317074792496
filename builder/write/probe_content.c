// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lies on a disk, by libblkid's low-level probing.
 *
 * One area may carry several signatures: a filesystem over an old md superblock, a partition table
 * over a whole-disk array. libblkid stops at the first, and calls two of them "ambivalent". So each
 * one found is hidden from it (a wipe in its memory only) and the area is probed again, until
 * nothing is left. The areas are the whole disk and every partition of its table.
 *
 * What lies in the middle of no area (the remains of a table before the present one) is not found.
 * The writer therefore clears the disk's last MiBs in any case.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/write/probe.h"

#define ROUNDS 64 /* signatures of one area; ZFS alone has hundreds of copies */

static const char *value(blkid_probe pr, const char *name)
{
	const char *text = NULL;

	return blkid_probe_lookup_value(pr, name, &text, NULL) == 0 && text ? text : "";
}

static char *describe(blkid_probe pr, const char *type, unsigned part)
{
	struct rh_str s = {0};
	const char *label = value(pr, "LABEL"), *uuid = value(pr, "UUID");

	if (!strcmp(type, "linux_raid_member"))
		rh_str_addf(&s, "md RAID member, metadata %s", value(pr, "VERSION"));
	else if (!strcmp(type, "LVM2_member"))
		rh_str_add(&s, "LVM physical volume");
	else if (!strcmp(type, "zfs_member"))
		rh_str_add(&s, "part of a ZFS pool");
	else
		rh_str_add(&s, type);
	if (*label)
		rh_str_addf(&s, " \"%s\"", label);
	if (*uuid)
		rh_str_addf(&s, ", UUID %s", uuid);
	if (part)
		rh_str_addf(&s, " in partition %u", part);
	return s.data;
}

static bool known(const struct rh_disk *d, const char *type, uint64_t at, unsigned part)
{
	for (size_t i = 0; i < d->n_content; i++) {
		const struct rh_content *c = &d->content[i];

		/* The whole disk's probe sees what the first partition's does when they begin or
		 * end at one place; and one pool is one line. */
		if (!strcmp(c->type, type) &&
		    (c->at == at || (!strcmp(type, "zfs_member") && c->part == part)))
			return true;
	}
	return false;
}

static void add(struct rh_disk *d, blkid_probe pr, const char *type, uint64_t area, uint64_t len,
		uint64_t magic, uint64_t magic_len, unsigned part)
{
	struct rh_content *c;

	if (known(d, type, area + magic, part))
		return;
	RH_GROW(d->content, d->n_content, d->content_cap);
	c = &d->content[d->n_content++];
	*c = (struct rh_content){.at = area + magic,
				 .len = magic_len,
				 .area = area,
				 .area_len = len,
				 .part = part,
				 .type = rh_xstrdup(type),
				 .text = describe(pr, type, part)};
}

static int probe_area(int fd, uint64_t start, uint64_t len, unsigned part, struct rh_disk *d,
		      struct rh_err *err)
{
	blkid_probe pr = blkid_new_probe();
	int r = 0, found = 0;

	if (!pr || blkid_probe_set_device(pr, fd, (blkid_loff_t)start, (blkid_loff_t)len) < 0) {
		blkid_free_probe(pr);
		return rh_err_set(err, EIO, "cannot look at bytes %llu to %llu",
				  (unsigned long long)start, (unsigned long long)(start + len));
	}
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE |
						  BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
						  BLKID_SUBLKS_VERSION | BLKID_SUBLKS_BADCSUM);
	/* A partition may hold a table too, but only the whole disk's counts. */
	blkid_probe_enable_partitions(pr, part == 0);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	for (int i = 0; i < ROUNDS; i++) {
		const char *type, *at;
		const char *data = NULL;
		size_t n = 0;

		found = blkid_do_probe(pr);
		if (found != 0)
			break;
		type = value(pr, "TYPE");
		at = value(pr, "SBMAGIC_OFFSET");
		if (*type)
			blkid_probe_lookup_value(pr, "SBMAGIC", &data, &n);
		else {
			type = value(pr, "PTTYPE");
			at = value(pr, "PTMAGIC_OFFSET");
			blkid_probe_lookup_value(pr, "PTMAGIC", &data, &n);
		}
		if (*type && *at)
			add(d, pr, type, start, len, strtoull(at, NULL, 10), n, part);
		if (blkid_do_wipe(pr, 1) != 0)
			break;
	}
	if (found < 0)
		r = rh_err_set(err, EIO, "cannot read what lies between bytes %llu and %llu",
			       (unsigned long long)start, (unsigned long long)(start + len));
	blkid_free_probe(pr);
	return r;
}

static int probe_partitions(int fd, uint64_t size, struct rh_disk *d, struct rh_err *err)
{
	blkid_probe pr = blkid_new_probe();
	blkid_partlist list;
	int r = 0;

	if (!pr || blkid_probe_set_device(pr, fd, 0, (blkid_loff_t)size) < 0) {
		blkid_free_probe(pr);
		return rh_err_set(err, EIO, "cannot look at the partition table");
	}
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_FORCE_GPT);
	list = blkid_probe_get_partitions(pr);
	for (int i = 0; r == 0 && list && i < blkid_partlist_numof_partitions(list); i++) {
		blkid_partition p = blkid_partlist_get_partition(list, i);
		uint64_t start = (uint64_t)blkid_partition_get_start(p) * 512;
		uint64_t len = (uint64_t)blkid_partition_get_size(p) * 512;

		if (blkid_partition_is_extended(p) || start >= size || len == 0)
			continue;
		if (len > size - start)
			len = size - start;
		r = probe_area(fd, start, len, (unsigned)blkid_partition_get_partno(p), d, err);
	}
	blkid_free_probe(pr);
	return r;
}

int rh_probe_content(int fd, uint64_t size, struct rh_disk *d, struct rh_err *err)
{
	int r = probe_area(fd, 0, size, 0, d, err);

	return r == 0 ? probe_partitions(fd, size, d, err) : r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Superblocks of a two-disk md RAID1 that is born in sync. Pure: no I/O.
 *
 * Format: <linux/raid/md_p.h> (struct mdp_superblock_1) and, for the bitmap, the kernel's
 * drivers/md/md-bitmap.c (struct bitmap_super_s). Both members carry the same array UUID, name,
 * times, events and roles; they differ in device UUID, device number and checksum.
 */
#pragma once

#include "builder/ident.h"
#include "builder/layout.h"

#define RH_MD_SB_BYTES	   4096
#define RH_MD_BITMAP_BYTES 256

struct rh_md {
	int minor;		 /* 0: superblock at the end (1.0); 2: 4 KiB into it (1.2) */
	uint64_t part_sectors;	 /* of the partition */
	uint64_t data_offset;	 /* sectors from the start of the partition */
	uint64_t data_sectors;	 /* what the array offers */
	int32_t bitmap_offset;	 /* sectors from the superblock, may be negative; 0: no bitmap */
	uint32_t bitmap_sectors; /* reserved for it, enough for the grown size */
	struct rh_uuid uuid;
	const char *name; /* at most 32 bytes; "any:NAME" belongs to every host (mdadm(8)) */
	uint64_t time;	  /* seconds since 1970 */
};

/* The arrays of LAYOUT's boot and pv parts. */
void rh_md_arrays(const struct rh_layout *l, const char *seed, uint64_t time, struct rh_md *boot,
		  struct rh_md *pv);
/* Sector of the superblock, from the start of the partition. */
uint64_t rh_md_super_sector(const struct rh_md *md);
/* MEMBER is 0 or 1. */
void rh_md_encode(const struct rh_md *md, unsigned member, const struct rh_uuid *device,
		  uint8_t out[RH_MD_SB_BYTES]);
/* The bitmap's own header; the bits that follow it on disk are all zero: nothing to resync. */
void rh_md_bitmap_encode(const struct rh_md *md, uint8_t out[RH_MD_BITMAP_BYTES]);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The superblock of a member of an md array, metadata 1.0 and 1.2, read. Pure: no I/O.
 *
 * Format: <linux/raid/md_p.h>, struct mdp_superblock_1. The checksum and every bound are checked;
 * any bytes may be given.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/uuid.h"

#define RH_MDSUPER_BYTES 4096
#define RH_MDSUPER_NAME	 33	    /* 32 characters and the NUL */
#define RH_MDSUPER_SLOTS 16	    /* most devices of an array that we read */
#define RH_MDSUPER_END	 UINT64_MAX /* in resync_offset: nothing is left to resync */

/* struct rh_mdsuper, role: a slot from 0 on, or one of these. */
enum { RH_MDROLE_SPARE = -1, RH_MDROLE_FAULTY = -2, RH_MDROLE_OTHER = -3 };

struct rh_mdsuper {
	int minor; /* 0: metadata 1.0, superblock at the end; 2: 1.2, at 4 KiB */
	struct rh_uuid array, device;
	char name[RH_MDSUPER_NAME]; /* "any:pv"; characters that cannot be printed are "?" */
	int32_t level;		    /* 1: RAID1 */
	uint32_t slots;		    /* devices that make the array whole */
	uint64_t size;		    /* sectors that each member gives to the array */
	uint64_t data_offset;	    /* sectors from the start of the partition */
	uint64_t data_size;	    /* sectors that this member could give */
	uint64_t super_offset;	    /* sectors from the start of the partition */
	uint64_t ctime, utime;	    /* seconds since 1970 */
	uint64_t events;	    /* the member with the higher number was written last */
	uint64_t resync_offset;	    /* sectors, or RH_MDSUPER_END */
	uint32_t dev_number;
	int role;		  /* of this member */
	bool recovering;	  /* it was being rebuilt: only up to recovery_offset is it good */
	uint64_t recovery_offset; /* sectors; only when recovering */
	bool bitmap;		  /* inside the metadata */
	int32_t bitmap_offset;	  /* sectors from the superblock; only with a bitmap */
	/* Which slots this member knows as active, as mdadm --examine prints it: "AA", ".A". */
	char state[RH_MDSUPER_SLOTS + 1];
};

/* Where the superblock of a partition lies: sector from its start. PART_SECTORS is at least 24. */
uint64_t rh_mdsuper_sector(int minor, uint64_t part_sectors);
/* BYTES were read at rh_mdsuper_sector(MINOR, PART_SECTORS). -ENOENT: there is no superblock (of
 * metadata 1); -EINVAL: there is one and it is damaged or of a form that we do not know. */
RH_CHECKED int rh_mdsuper_decode(const uint8_t bytes[RH_MDSUPER_BYTES], int minor,
				 uint64_t part_sectors, struct rh_mdsuper *out, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A GUID partition table (UEFI 2.10 §5.3) as bytes and as a struct. Pure: no I/O.
 *
 * The table that we write and read has its usual form: sectors of 512 bytes, 128 entries of 128
 * bytes, the primary in sectors 1 to 33, the backup in the disk's last 33. Everything that makes or
 * keeps our disks (this file, sgdisk, fdisk, parted) writes that form; another one is refused in
 * words.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/diag.h"
#include "lib/core/err.h"
#include "lib/uuid.h"

#define RH_GPT_SECTOR	     512u
#define RH_GPT_ENTRIES	     128
#define RH_GPT_FIRST_SECTORS 34 /* MBR, header, entries */
#define RH_GPT_LAST_SECTORS  33 /* entries, header */
#define RH_GPT_FIRST_BYTES   (RH_GPT_FIRST_SECTORS * RH_GPT_SECTOR)
#define RH_GPT_LAST_BYTES    (RH_GPT_LAST_SECTORS * RH_GPT_SECTOR)
#define RH_GPT_BOOT_CODE     440 /* bytes of sector 0 that belong to the boot loader */
#define RH_GPT_NAME	     36	 /* UTF-16 units */

struct rh_gpt_entry {
	struct rh_uuid type; /* all zero: the entry is not used */
	struct rh_uuid guid;
	uint64_t first, last; /* sectors, both belong to the partition */
	uint64_t attributes;
	uint16_t name[RH_GPT_NAME]; /* UTF-16; ends at the first 0 or at the end */
};

struct rh_gpt {
	struct rh_uuid disk;
	uint64_t disk_sectors;		    /* the backup's header lies on the last of them */
	uint64_t first_usable, last_usable; /* sectors */
	struct rh_gpt_entry entries[RH_GPT_ENTRIES]; /* partition N is entries[N - 1] */
};

/* A table without partitions. DISK_SECTORS is at least 128. */
void rh_gpt_init(struct rh_gpt *g, const struct rh_uuid *disk, uint64_t disk_sectors);
/* NAME is ASCII; what is longer than 36 characters is cut. */
void rh_gpt_set_name(struct rh_gpt_entry *e, const char *name);
bool rh_gpt_has_name(const struct rh_gpt_entry *e, const char *name);

/* FIRST goes to sector 0, LAST to the disk's last 33 sectors. The boot code, the first 440 bytes of
 * FIRST, is left as it is. */
void rh_gpt_encode(const struct rh_gpt *g, uint8_t first[RH_GPT_FIRST_BYTES],
		   uint8_t last[RH_GPT_LAST_BYTES]);

/*
 * Read a table back: every checksum, every bound, no two partitions that overlap or share a GUID.
 * Any bytes may be given. All faults go to D, under the name FILE; -EINVAL when there is any, and
 * then *OUT is not to be used.
 *
 * DEVICE_SECTORS is the real size of the disk; it may be larger than the table says. The primary
 * tells where it expects the backup: on the last of its disk_sectors; the 33 sectors that end there
 * are BYTES for the backup, and HEADER_LBA that last sector.
 */
RH_CHECKED int rh_gpt_decode_primary(const uint8_t bytes[RH_GPT_FIRST_BYTES],
				     uint64_t device_sectors, const char *file, struct rh_gpt *out,
				     struct rh_diags *d);
RH_CHECKED int rh_gpt_decode_backup(const uint8_t bytes[RH_GPT_LAST_BYTES], uint64_t header_lba,
				    uint64_t device_sectors, const char *file, struct rh_gpt *out,
				    struct rh_diags *d);
/* Do the two say the same? (The tables of one disk; a move of the backup is a difference.) */
bool rh_gpt_equal(const struct rh_gpt *a, const struct rh_gpt *b);

/* The number of the partition that ends last on the disk; 0 when there is none. */
unsigned rh_gpt_last_partition(const struct rh_gpt *g);
/* The disk is larger (or the table was copied to a larger one): the backup's place and the usable
 * sectors follow. -EINVAL when a partition would not fit. */
RH_CHECKED int rh_gpt_resize(struct rh_gpt *g, uint64_t disk_sectors, struct rh_err *err);
/* Partition NUMBER shall end at sector LAST, which is not before its present end. -EINVAL when that
 * is beyond the usable sectors or runs into another partition. */
RH_CHECKED int rh_gpt_extend(struct rh_gpt *g, unsigned number, uint64_t last, struct rh_err *err);

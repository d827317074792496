// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * md superblock encoder; the contract is in md.h.
 *
 * What makes the pair start as [UU] without a resync: both roles are filled, events are equal,
 * resync_offset is "the end" (MaxSector, what mdadm --assume-clean writes), and the bitmap, whose
 * events must not be behind the superblock's, has no bit set. It is true because the second disk is
 * a copy of the first over the whole component.
 */
#include "builder/md.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>

/* <linux/raid/md_p.h> wants these first. */
#include <linux/types.h>
#include <asm/byteorder.h>
#include <linux/raid/md_p.h>

_Static_assert(sizeof(struct mdp_superblock_1) == 256, "md_p.h");
_Static_assert(offsetof(struct mdp_superblock_1, device_uuid) == 168, "md_p.h");
_Static_assert(offsetof(struct mdp_superblock_1, sb_csum) == 216, "md_p.h");

#define MAX_DEV	    128 /* roles in the table; mdadm makes room for as many */
#define EVENTS	    2	/* anything but 0, equal everywhere */
#define MAX_SECTOR  (~0ULL)
#define CHUNK_BYTES (64u * 1024 * 1024) /* mdadm's default for large arrays */

struct bitmap_super { /* drivers/md/md-bitmap.c: struct bitmap_super_s, little-endian */
	uint32_t magic, version;
	uint8_t uuid[16];
	uint64_t events, events_cleared, sync_size;
	uint32_t state, chunksize, daemon_sleep, write_behind, sectors_reserved, nodes;
	uint8_t cluster_name[64], pad[256 - 136];
};
_Static_assert(sizeof(struct bitmap_super) == RH_MD_BITMAP_BYTES, "md-bitmap.c");

/* Between the end of the data and the superblock. With metadata 1.0 the kernel takes all that lies
 * between bitmap and superblock as the bitmap's room (super_1_validate() in drivers/md/md.c). */
#define BOOT_BITMAP_SECTORS 512
_Static_assert(BOOT_BITMAP_SECTORS + 24 < RH_BOOT_TAIL, "the bitmap would lie in the data");

#define BITMAP_MAGIC 0x6d746962u
#define BITMAP_MAJOR 4

void rh_md_arrays(const struct rh_layout *l, const char *seed, uint64_t time, struct rh_md *boot,
		  struct rh_md *pv)
{
	*boot = (struct rh_md){
	    .minor = 0,
	    .part_sectors = l->part[RH_PART_BOOT].count,
	    .data_sectors = l->data[RH_PART_BOOT].count,
	    .bitmap_offset = -BOOT_BITMAP_SECTORS,
	    .bitmap_sectors = BOOT_BITMAP_SECTORS,
	    .uuid = rh_ident(seed, "md-boot"),
	    .name = "any:boot",
	    .time = time,
	};
	*pv = (struct rh_md){
	    .minor = 2,
	    .part_sectors = l->part[RH_PART_PV].count,
	    .data_offset = RH_PV_DATA_OFFSET,
	    .data_sectors = l->data[RH_PART_PV].count,
	    .bitmap_offset = 8,
	    /* One bit for each 64 MiB: 1 MiB is enough for 512 TiB. */
	    .bitmap_sectors = 2048,
	    .uuid = rh_ident(seed, "md-pv"),
	    .name = "any:pv",
	    .time = time,
	};
}

uint64_t rh_md_super_sector(const struct rh_md *md)
{
	/* 1.0: 8 KiB before the end, on a 4 KiB boundary (mdadm super1.c); 1.2: at 4 KiB. */
	return md->minor == 0 ? (md->part_sectors - 16) & ~7ULL : 8;
}

/* The 32-bit sum of the little-endian words with the field itself zero, carry folded in. */
static uint32_t checksum(const uint8_t *sb)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < 256 + 2 * MAX_DEV; i += 4) {
		uint32_t word;

		memcpy(&word, sb + i, 4);
		sum += le32toh(word);
	}
	return (uint32_t)((sum & 0xffffffff) + (sum >> 32));
}

void rh_md_encode(const struct rh_md *md, unsigned member, const struct rh_uuid *device,
		  uint8_t out[RH_MD_SB_BYTES])
{
	uint64_t super = rh_md_super_sector(md);
	struct mdp_superblock_1 sb = {
	    .magic = htole32(MD_SB_MAGIC),
	    .major_version = htole32(1),
	    .feature_map = htole32(md->bitmap_offset ? MD_FEATURE_BITMAP_OFFSET : 0),
	    .ctime = htole64(md->time),
	    .level = htole32(1),
	    .size = htole64(md->data_sectors),
	    .raid_disks = htole32(2),
	    .bitmap_offset = htole32((uint32_t)md->bitmap_offset),
	    .data_offset = htole64(md->data_offset),
	    .data_size = htole64(md->data_sectors),
	    .super_offset = htole64(super),
	    .dev_number = htole32(member),
	    .utime = htole64(md->time),
	    .events = htole64(EVENTS),
	    .resync_offset = htole64(MAX_SECTOR),
	    .max_dev = htole32(MAX_DEV),
	};
	uint16_t roles[MAX_DEV];

	memcpy(sb.set_uuid, md->uuid.b, 16);
	memcpy(sb.device_uuid, device->b, 16);
	memcpy(sb.set_name, md->name, strnlen(md->name, sizeof sb.set_name));
	for (int i = 0; i < MAX_DEV; i++)
		roles[i] = htole16(i < 2 ? (uint16_t)i : 0xffff); /* 0xffff: spare */
	memset(out, 0, RH_MD_SB_BYTES);
	memcpy(out, &sb, sizeof sb);
	memcpy(out + sizeof sb, roles, sizeof roles);
	sb.sb_csum = htole32(checksum(out));
	memcpy(out, &sb, sizeof sb);
}

void rh_md_bitmap_encode(const struct rh_md *md, uint8_t out[RH_MD_BITMAP_BYTES])
{
	struct bitmap_super b = {
	    .magic = htole32(BITMAP_MAGIC),
	    .version = htole32(BITMAP_MAJOR),
	    .events = htole64(EVENTS),
	    .events_cleared = htole64(EVENTS),
	    .sync_size = htole64(md->data_sectors),
	    .chunksize = htole32(CHUNK_BYTES),
	    .daemon_sleep = htole32(5), /* seconds; mdadm's default */
	    .sectors_reserved = htole32(md->bitmap_sectors),
	};

	memcpy(b.uuid, md->uuid.b, 16);
	memcpy(out, &b, sizeof b);
}

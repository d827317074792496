// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * md superblock decoder; the contract is in mdsuper.h.
 *
 * The trap: a member does not carry its role. It carries a number, and the table of roles that
 * follows the superblock gives the slot of each number; the table also tells which of the others
 * this member last saw active. Two members of which each has seen only itself as active have both
 * run alone, and must never be merged.
 */
#include "lib/mdsuper.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* <linux/raid/md_p.h> wants these first. */
#include <linux/types.h>
#include <asm/byteorder.h>
#include <linux/raid/md_p.h>

_Static_assert(sizeof(struct mdp_superblock_1) == 256, "md_p.h");

#define ROLES_MAX ((RH_MDSUPER_BYTES - sizeof(struct mdp_superblock_1)) / 2)
#define TIME_MASK ((1ULL << 40) - 1) /* the rest are microseconds */

uint64_t rh_mdsuper_sector(int minor, uint64_t part_sectors)
{
	/* 1.0: 8 KiB before the end, on a 4 KiB boundary (mdadm super1.c); 1.2: at 4 KiB. */
	return minor == 0 ? (part_sectors - 16) & ~7ULL : 8;
}

/* The 32-bit sum of the little-endian words with the field itself zero, carry folded in. An odd
 * number of roles leaves two bytes, which count as a word of their own. */
static uint32_t checksum(const uint8_t *sb, uint32_t max_dev)
{
	size_t at = offsetof(struct mdp_superblock_1, sb_csum), n = 256 + 2 * (size_t)max_dev;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i + 4 <= n; i += 4) {
		uint32_t word;

		memcpy(&word, sb + i, 4);
		sum += i == at ? 0 : le32toh(word);
	}
	if (i < n)
		sum += (uint32_t)sb[i] | (uint32_t)sb[i + 1] << 8;
	return (uint32_t)((sum & 0xffffffff) + (sum >> 32));
}

static uint16_t role_at(const uint8_t *sb, uint32_t number)
{
	const uint8_t *p = sb + sizeof(struct mdp_superblock_1) + 2 * (size_t)number;

	return (uint16_t)(p[0] | p[1] << 8);
}

static int role_of(const uint8_t *sb, uint32_t max_dev, uint32_t number, uint32_t slots)
{
	uint16_t role = number < max_dev ? role_at(sb, number) : MD_DISK_ROLE_SPARE;

	if (role == MD_DISK_ROLE_FAULTY)
		return RH_MDROLE_FAULTY;
	if (role == MD_DISK_ROLE_SPARE)
		return RH_MDROLE_SPARE;
	return role < slots ? role : RH_MDROLE_OTHER;
}

static void put_state(const uint8_t *sb, uint32_t max_dev, uint32_t slots, char *out)
{
	memset(out, '.', slots);
	out[slots] = '\0';
	for (uint32_t i = 0; i < max_dev; i++) {
		uint16_t role = role_at(sb, i);

		if (role < slots)
			out[role] = 'A';
	}
}

static void put_name(const char *from, char *out)
{
	size_t n = strnlen(from, RH_MDSUPER_NAME - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = from[i] >= ' ' && from[i] < 0x7f ? from[i] : '?';
	out[n] = '\0';
}

static int check(const struct mdp_superblock_1 *sb, const uint8_t *bytes, uint64_t place,
		 uint64_t part_sectors, struct rh_err *err)
{
	uint32_t max_dev = le32toh(sb->max_dev), slots = le32toh(sb->raid_disks);
	uint64_t offset = le64toh(sb->data_offset), size = le64toh(sb->data_size);

	if (le32toh(sb->magic) != MD_SB_MAGIC || le32toh(sb->major_version) != 1)
		return rh_err_set(err, ENOENT, "there is no md superblock");
	if (max_dev > ROLES_MAX)
		return rh_err_set(err, EINVAL, "the md superblock names %" PRIu32 " roles",
				  max_dev);
	if (checksum(bytes, max_dev) != le32toh(sb->sb_csum))
		return rh_err_set(err, EINVAL, "the md superblock's checksum is wrong");
	if (le64toh(sb->super_offset) != place)
		return rh_err_set(err, EINVAL,
				  "the md superblock says that it lies in sector %" PRIu64
				  ", it is in %" PRIu64,
				  le64toh(sb->super_offset), place);
	if (slots < 1 || slots > RH_MDSUPER_SLOTS)
		return rh_err_set(err, EINVAL, "an array of %" PRIu32 " devices is not ours",
				  slots);
	if (offset > part_sectors || size > part_sectors - offset || le64toh(sb->size) > size)
		return rh_err_set(err, EINVAL,
				  "the md superblock's data, %" PRIu64 " sectors from %" PRIu64
				  " on, do not fit the partition",
				  size, offset);
	return 0;
}

int rh_mdsuper_decode(const uint8_t bytes[RH_MDSUPER_BYTES], int minor, uint64_t part_sectors,
		      struct rh_mdsuper *out, struct rh_err *err)
{
	uint64_t place = rh_mdsuper_sector(minor, part_sectors);
	struct mdp_superblock_1 sb;
	uint32_t features, max_dev;
	int r;

	memcpy(&sb, bytes, sizeof sb);
	r = check(&sb, bytes, place, part_sectors, err);
	if (r < 0)
		return r;
	features = le32toh(sb.feature_map);
	max_dev = le32toh(sb.max_dev);
	*out = (struct rh_mdsuper){
	    .minor = minor,
	    .level = (int32_t)le32toh(sb.level),
	    .slots = le32toh(sb.raid_disks),
	    .size = le64toh(sb.size),
	    .data_offset = le64toh(sb.data_offset),
	    .data_size = le64toh(sb.data_size),
	    .super_offset = place,
	    .ctime = le64toh(sb.ctime) & TIME_MASK,
	    .utime = le64toh(sb.utime) & TIME_MASK,
	    .events = le64toh(sb.events),
	    .resync_offset = le64toh(sb.resync_offset),
	    .dev_number = le32toh(sb.dev_number),
	    .recovering = features & MD_FEATURE_RECOVERY_OFFSET,
	    .bitmap = features & MD_FEATURE_BITMAP_OFFSET,
	};
	out->recovery_offset = out->recovering ? le64toh(sb.recovery_offset) : 0;
	out->bitmap_offset = out->bitmap ? (int32_t)le32toh(sb.bitmap_offset) : 0;
	out->role = role_of(bytes, max_dev, out->dev_number, out->slots);
	memcpy(out->array.b, sb.set_uuid, 16);
	memcpy(out->device.b, sb.device_uuid, 16);
	put_name(sb.set_name, out->name);
	put_state(bytes, max_dev, out->slots, out->state);
	return 0;
}

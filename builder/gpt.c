// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GPT encoder; the contract is in gpt.h.
 *
 * The trap of the format: a GUID's first three fields are stored little-endian (UEFI 2.10 appendix
 * A), so the bytes of the text form are swapped in groups of 4, 2 and 2.
 */
#include "builder/gpt.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

struct header {
	char signature[8];
	uint32_t revision, size, crc, reserved;
	uint64_t this_lba, other_lba, first_usable, last_usable;
	uint8_t disk_guid[16];
	uint64_t entries_lba;
	uint32_t n_entries, entry_size, entries_crc;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 92, "UEFI 2.10 table 5-5");

struct entry {
	uint8_t type[16], guid[16];
	uint64_t first, last, attributes;
	uint16_t name[36];
} __attribute__((packed));
_Static_assert(sizeof(struct entry) == 128, "UEFI 2.10 table 5-6");

#define ENTRIES 128

/* In text order: BIOS boot (GRUB manual, "BIOS installation"), EFI system (UEFI 2.10 table 5-7),
 * Linux RAID twice (Discoverable Partitions Specification lists the same value). */
static const struct rh_uuid types[RH_PARTS] = {
    {{0x21, 0x68, 0x61, 0x48, 0x64, 0x49, 0x6e, 0x6f, 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46,
      0x49}},
    {{0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9,
      0x3b}},
    {{0xa1, 0x9d, 0x88, 0x0f, 0x05, 0xfc, 0x4d, 0x3b, 0xa0, 0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91,
      0x1e}},
    {{0xa1, 0x9d, 0x88, 0x0f, 0x05, 0xfc, 0x4d, 0x3b, 0xa0, 0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91,
      0x1e}},
};

static void put_guid(uint8_t out[16], const struct rh_uuid *u)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (int i = 0; i < 16; i++)
		out[i] = u->b[order[i]];
}

static void put_entry(struct entry *e, enum rh_part part, const struct rh_extent *x,
		      const char *seed, const char *disk)
{
	const char *name = rh_part_names[part];
	char what[64];
	struct rh_uuid u;

	snprintf(what, sizeof what, "disk-%s/%s", disk, name);
	u = rh_ident(seed, what);
	put_guid(e->type, &types[part]);
	put_guid(e->guid, &u);
	e->first = htole64(x->start);
	e->last = htole64(x->start + x->count - 1);
	for (size_t i = 0; name[i]; i++)
		e->name[i] = htole16((uint16_t)name[i]);
}

/* One protective partition over the whole disk (UEFI 2.10 §5.2.3). */
static void put_mbr(uint8_t *sector, uint64_t disk_sectors)
{
	static const uint8_t start_chs[3] = {0x00, 0x02, 0x00}, end_chs[3] = {0xff, 0xff, 0xff};
	uint8_t *p = sector + 446;
	uint64_t count = disk_sectors - 1;
	uint32_t first = htole32(1),
		 size = htole32(count > 0xffffffff ? 0xffffffff : (uint32_t)count);

	memset(sector + 440, 0, 70);
	memcpy(p + 1, start_chs, 3);
	p[4] = 0xee;
	memcpy(p + 5, end_chs, 3);
	memcpy(p + 8, &first, 4);
	memcpy(p + 12, &size, 4);
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

static void put_header(uint8_t *sector, const struct rh_layout *l, const struct rh_uuid *guid,
		       uint32_t entries_crc, int backup)
{
	uint64_t last = l->disk_sectors - 1;
	struct header h = {
	    .signature = "EFI PART",
	    .revision = htole32(0x00010000),
	    .size = htole32(sizeof h),
	    .this_lba = htole64(backup ? last : 1),
	    .other_lba = htole64(backup ? 1 : last),
	    .first_usable = htole64(RH_GPT_FIRST_SECTORS),
	    .last_usable = htole64(last - RH_GPT_LAST_SECTORS),
	    .entries_lba = htole64(backup ? last - RH_GPT_LAST_SECTORS + 1 : 2),
	    .n_entries = htole32(ENTRIES),
	    .entry_size = htole32(sizeof(struct entry)),
	    .entries_crc = htole32(entries_crc),
	};

	put_guid(h.disk_guid, guid);
	h.crc = htole32((uint32_t)crc32(0, (const Bytef *)&h, sizeof h));
	memset(sector, 0, RH_SECTOR);
	memcpy(sector, &h, sizeof h);
}

void rh_gpt_encode(const struct rh_layout *l, const struct rh_extent extents[RH_PARTS],
		   const char *seed, const char *disk,
		   uint8_t first[RH_GPT_FIRST_SECTORS * RH_SECTOR],
		   uint8_t last[RH_GPT_LAST_SECTORS * RH_SECTOR])
{
	struct entry entries[ENTRIES] = {0};
	char what[32];
	struct rh_uuid guid;
	uint32_t crc;

	snprintf(what, sizeof what, "disk-%s", disk);
	guid = rh_ident(seed, what);
	for (int i = 0; i < RH_PARTS; i++)
		put_entry(&entries[i], i, &extents[i], seed, disk);
	crc = (uint32_t)crc32(0, (const Bytef *)entries, sizeof entries);
	put_mbr(first, l->disk_sectors);
	put_header(first + RH_SECTOR, l, &guid, crc, 0);
	memcpy(first + 2 * RH_SECTOR, entries, sizeof entries);
	memcpy(last, entries, sizeof entries);
	put_header(last + sizeof entries, l, &guid, crc, 1);
}

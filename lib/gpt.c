// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GPT encoder and decoder; the contract is in gpt.h.
 *
 * The trap of the format: a GUID's first three fields are stored little-endian (UEFI 2.10 appendix
 * A), so the bytes of the text form are swapped in groups of 4, 2 and 2.
 *
 * CRC-32 is written out here because rehome-setup would otherwise need zlib in the appliance for
 * this one function; a table has 16 KiB, so the plain bit by bit form is fast enough.
 */
#include "lib/gpt.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
	uint16_t name[RH_GPT_NAME];
} __attribute__((packed));
_Static_assert(sizeof(struct entry) == 128, "UEFI 2.10 table 5-6");

#define SIGNATURE     "EFI PART"
#define REVISION      0x00010000u
#define ENTRIES_BYTES (RH_GPT_ENTRIES * sizeof(struct entry))
#define MBR_PART      446  /* first of four partitions in sector 0, 16 bytes each */
#define MBR_GPT	      0xee /* the protective partition's type */
#define FAULTS_MAX    16   /* told; 128 partitions over each other are one fault to a reader */
/* Bounds every sum of sectors: 2^63 bytes. */
#define SECTORS_MAX (1ULL << 54)

/* CRC-32 as UEFI wants it (ISO 3309, reflected 0x04c11db7). */
static uint32_t crc32(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static const uint8_t guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static void put_guid(uint8_t out[16], const struct rh_uuid *u)
{
	for (int i = 0; i < 16; i++)
		out[i] = u->b[guid_order[i]];
}

static struct rh_uuid get_guid(const uint8_t in[16])
{
	struct rh_uuid u;

	for (int i = 0; i < 16; i++)
		u.b[guid_order[i]] = in[i];
	return u;
}

void rh_gpt_init(struct rh_gpt *g, const struct rh_uuid *disk, uint64_t disk_sectors)
{
	assert(disk_sectors >= 128);
	*g = (struct rh_gpt){
	    .disk = *disk,
	    .disk_sectors = disk_sectors,
	    .first_usable = RH_GPT_FIRST_SECTORS,
	    .last_usable = disk_sectors - 1 - RH_GPT_LAST_SECTORS,
	};
}

void rh_gpt_set_name(struct rh_gpt_entry *e, const char *name)
{
	memset(e->name, 0, sizeof e->name);
	for (size_t i = 0; i < RH_GPT_NAME && name[i]; i++)
		e->name[i] = (uint8_t)name[i];
}

bool rh_gpt_has_name(const struct rh_gpt_entry *e, const char *name)
{
	struct rh_gpt_entry want;

	rh_gpt_set_name(&want, name);
	return memcmp(e->name, want.name, sizeof want.name) == 0;
}

static void put_entry(struct entry *e, const struct rh_gpt_entry *from)
{
	if (rh_uuid_is_zero(&from->type))
		return;
	put_guid(e->type, &from->type);
	put_guid(e->guid, &from->guid);
	e->first = htole64(from->first);
	e->last = htole64(from->last);
	e->attributes = htole64(from->attributes);
	for (size_t i = 0; i < RH_GPT_NAME; i++)
		e->name[i] = htole16(from->name[i]);
}

/* One protective partition over the whole disk (UEFI 2.10 §5.2.3). */
static void put_mbr(uint8_t *sector, uint64_t disk_sectors)
{
	static const uint8_t start_chs[3] = {0x00, 0x02, 0x00}, end_chs[3] = {0xff, 0xff, 0xff};
	uint8_t *p = sector + MBR_PART;
	uint64_t count = disk_sectors - 1;
	uint32_t first = htole32(1),
		 size = htole32(count > 0xffffffff ? 0xffffffff : (uint32_t)count);

	memset(sector + RH_GPT_BOOT_CODE, 0, RH_GPT_SECTOR - RH_GPT_BOOT_CODE);
	memcpy(p + 1, start_chs, 3);
	p[4] = MBR_GPT;
	memcpy(p + 5, end_chs, 3);
	memcpy(p + 8, &first, 4);
	memcpy(p + 12, &size, 4);
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

static void put_header(uint8_t *sector, const struct rh_gpt *g, uint32_t entries_crc, bool backup)
{
	uint64_t last = g->disk_sectors - 1;
	struct header h = {
	    .signature = SIGNATURE,
	    .revision = htole32(REVISION),
	    .size = htole32(sizeof h),
	    .this_lba = htole64(backup ? last : 1),
	    .other_lba = htole64(backup ? 1 : last),
	    .first_usable = htole64(g->first_usable),
	    .last_usable = htole64(g->last_usable),
	    .entries_lba = htole64(backup ? last - RH_GPT_LAST_SECTORS + 1 : 2),
	    .n_entries = htole32(RH_GPT_ENTRIES),
	    .entry_size = htole32(sizeof(struct entry)),
	    .entries_crc = htole32(entries_crc),
	};

	put_guid(h.disk_guid, &g->disk);
	h.crc = htole32(crc32(&h, sizeof h));
	memset(sector, 0, RH_GPT_SECTOR);
	memcpy(sector, &h, sizeof h);
}

void rh_gpt_encode(const struct rh_gpt *g, uint8_t first[RH_GPT_FIRST_BYTES],
		   uint8_t last[RH_GPT_LAST_BYTES])
{
	struct entry entries[RH_GPT_ENTRIES] = {0};
	uint32_t crc;

	for (int i = 0; i < RH_GPT_ENTRIES; i++)
		put_entry(&entries[i], &g->entries[i]);
	crc = crc32(entries, sizeof entries);
	put_mbr(first, g->disk_sectors);
	put_header(first + RH_GPT_SECTOR, g, crc, false);
	memcpy(first + 2 * RH_GPT_SECTOR, entries, sizeof entries);
	memcpy(last, entries, sizeof entries);
	put_header(last + sizeof entries, g, crc, true);
}

/* --- decoding --- */

/* One reading: where faults go, and how many there were. */
struct reading {
	const char *file, *where;
	struct rh_diags *d;
	unsigned faults;
	bool backup;
	uint64_t header_lba, device_sectors;
};

static void fault(struct reading *r, const char *fmt, ...) RH_PRINTF(2, 3);
static void fault(struct reading *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (r->faults++ >= FAULTS_MAX)
		return;
	rh_diag_add(r->d, r->file, 0, r->where, "", "%s", text);
}

/* The firmware and the kernel look at the rest only behind a protective partition. */
static void check_mbr(struct reading *r, const uint8_t *sector)
{
	static const uint8_t start[4] = {1, 0, 0, 0};

	if (sector[510] != 0x55 || sector[511] != 0xaa) {
		fault(r, "sector 0 does not end in 55 aa");
		return;
	}
	for (int i = 0; i < 4; i++) {
		const uint8_t *p = sector + MBR_PART + 16 * i;

		if (p[4] == MBR_GPT && memcmp(p + 8, start, 4) == 0)
			return;
	}
	fault(r, "sector 0 has no protective partition");
}

/* The form of the header: when false, its fields mean nothing. */
static bool check_form(struct reading *r, const uint8_t *sector, struct header *h)
{
	struct header copy;
	uint32_t crc;

	memcpy(h, sector, sizeof *h);
	if (memcmp(h->signature, SIGNATURE, sizeof h->signature) != 0) {
		fault(r, "there is no partition table (the signature is missing)");
		return false;
	}
	if (le32toh(h->size) != sizeof *h) {
		fault(r, "the header has %" PRIu32 " bytes, expected %zu", le32toh(h->size),
		      sizeof *h);
		return false;
	}
	copy = *h;
	copy.crc = 0;
	crc = crc32(&copy, sizeof copy);
	if (crc != le32toh(h->crc)) {
		fault(r, "the header's checksum is wrong");
		return false;
	}
	return true;
}

static void check_places(struct reading *r, const struct header *h, const struct rh_gpt *g)
{
	uint64_t end = g->disk_sectors;
	uint64_t entries = r->backup ? r->header_lba - RH_GPT_LAST_SECTORS + 1 : 2;

	if (le32toh(h->revision) != REVISION)
		fault(r, "revision %08" PRIx32 " is not known", le32toh(h->revision));
	if (le64toh(h->this_lba) != r->header_lba)
		fault(r, "the header says that it lies in sector %" PRIu64 ", it is in %" PRIu64,
		      le64toh(h->this_lba), r->header_lba);
	if (r->backup && le64toh(h->other_lba) != 1)
		fault(r, "the header says that the primary lies in sector %" PRIu64,
		      le64toh(h->other_lba));
	if (end > r->device_sectors)
		fault(r,
		      "the table is made for a disk of %" PRIu64 " sectors, this one has %" PRIu64,
		      end, r->device_sectors);
	if (le32toh(h->n_entries) != RH_GPT_ENTRIES || le32toh(h->entry_size) != 128)
		fault(r, "%" PRIu32 " entries of %" PRIu32 " bytes, expected 128 of 128",
		      le32toh(h->n_entries), le32toh(h->entry_size));
	if (le64toh(h->entries_lba) != entries)
		fault(r, "the entries lie in sector %" PRIu64 ", expected %" PRIu64,
		      le64toh(h->entries_lba), entries);
	if (end < 128 || g->first_usable < RH_GPT_FIRST_SECTORS ||
	    g->last_usable > end - 1 - RH_GPT_LAST_SECTORS || g->first_usable > g->last_usable)
		fault(r, "the usable sectors, %" PRIu64 " to %" PRIu64 ", cannot be",
		      g->first_usable, g->last_usable);
}

static void check_pair(struct reading *r, const struct rh_gpt *g, int i, int k)
{
	const struct rh_gpt_entry *a = &g->entries[i], *b = &g->entries[k];

	if (rh_uuid_is_zero(&b->type))
		return;
	if (a->first <= b->last && b->first <= a->last)
		fault(r, "partitions %d and %d overlap", i + 1, k + 1);
	if (rh_uuid_equal(&a->guid, &b->guid))
		fault(r, "partitions %d and %d have one GUID", i + 1, k + 1);
}

static void check_entries(struct reading *r, const struct rh_gpt *g)
{
	for (int i = 0; i < RH_GPT_ENTRIES; i++) {
		const struct rh_gpt_entry *e = &g->entries[i];

		if (rh_uuid_is_zero(&e->type))
			continue;
		if (e->first > e->last || e->first < g->first_usable || e->last > g->last_usable)
			fault(r,
			      "partition %d lies in the sectors %" PRIu64 " to %" PRIu64
			      ", usable are %" PRIu64 " to %" PRIu64,
			      i + 1, e->first, e->last, g->first_usable, g->last_usable);
		for (int k = i + 1; k < RH_GPT_ENTRIES; k++)
			check_pair(r, g, i, k);
	}
}

static void get_entries(struct rh_gpt *g, const uint8_t *bytes)
{
	for (int i = 0; i < RH_GPT_ENTRIES; i++) {
		struct rh_gpt_entry *out = &g->entries[i];
		struct entry e;

		memcpy(&e, bytes + (size_t)i * sizeof e, sizeof e);
		out->type = get_guid(e.type);
		if (rh_uuid_is_zero(&out->type))
			continue;
		out->guid = get_guid(e.guid);
		out->first = le64toh(e.first);
		out->last = le64toh(e.last);
		out->attributes = le64toh(e.attributes);
		for (size_t k = 0; k < RH_GPT_NAME; k++)
			out->name[k] = le16toh(e.name[k]);
	}
}

static int decode(struct reading *r, const uint8_t *sector, const uint8_t *entries,
		  struct rh_gpt *g)
{
	struct header h;
	uint64_t last;

	*g = (struct rh_gpt){0};
	if (!check_form(r, sector, &h))
		return -EINVAL;
	last = le64toh(r->backup ? h.this_lba : h.other_lba);
	g->disk = get_guid(h.disk_guid);
	g->disk_sectors = last < SECTORS_MAX ? last + 1 : SECTORS_MAX;
	g->first_usable = le64toh(h.first_usable);
	g->last_usable = le64toh(h.last_usable);
	check_places(r, &h, g);
	if (crc32(entries, ENTRIES_BYTES) != le32toh(h.entries_crc)) {
		fault(r, "the checksum of the entries is wrong");
		return -EINVAL;
	}
	get_entries(g, entries);
	check_entries(r, g);
	return r->faults ? -EINVAL : 0;
}

int rh_gpt_decode_primary(const uint8_t bytes[RH_GPT_FIRST_BYTES], uint64_t device_sectors,
			  const char *file, struct rh_gpt *out, struct rh_diags *d)
{
	struct reading r = {.file = file,
			    .where = "partition table",
			    .d = d,
			    .header_lba = 1,
			    .device_sectors = device_sectors};

	check_mbr(&r, bytes);
	return decode(&r, bytes + RH_GPT_SECTOR, bytes + 2 * RH_GPT_SECTOR, out);
}

int rh_gpt_decode_backup(const uint8_t bytes[RH_GPT_LAST_BYTES], uint64_t header_lba,
			 uint64_t device_sectors, const char *file, struct rh_gpt *out,
			 struct rh_diags *d)
{
	struct reading r = {.file = file,
			    .where = "backup partition table",
			    .d = d,
			    .backup = true,
			    .header_lba = header_lba,
			    .device_sectors = device_sectors};

	return decode(&r, bytes + ENTRIES_BYTES, bytes, out);
}

bool rh_gpt_equal(const struct rh_gpt *a, const struct rh_gpt *b)
{
	if (!rh_uuid_equal(&a->disk, &b->disk) || a->disk_sectors != b->disk_sectors ||
	    a->first_usable != b->first_usable || a->last_usable != b->last_usable)
		return false;
	for (int i = 0; i < RH_GPT_ENTRIES; i++) {
		const struct rh_gpt_entry *x = &a->entries[i], *y = &b->entries[i];

		if (!rh_uuid_equal(&x->type, &y->type) || !rh_uuid_equal(&x->guid, &y->guid) ||
		    x->first != y->first || x->last != y->last || x->attributes != y->attributes ||
		    memcmp(x->name, y->name, sizeof x->name) != 0)
			return false;
	}
	return true;
}

unsigned rh_gpt_last_partition(const struct rh_gpt *g)
{
	unsigned number = 0;
	uint64_t end = 0;

	for (unsigned i = 0; i < RH_GPT_ENTRIES; i++)
		if (!rh_uuid_is_zero(&g->entries[i].type) && g->entries[i].last >= end) {
			end = g->entries[i].last;
			number = i + 1;
		}
	return number;
}

int rh_gpt_resize(struct rh_gpt *g, uint64_t disk_sectors, struct rh_err *err)
{
	unsigned n = rh_gpt_last_partition(g);
	uint64_t end = n ? g->entries[n - 1].last : 0;

	if (disk_sectors < 128 || end > disk_sectors - 1 - RH_GPT_LAST_SECTORS)
		return rh_err_set(err, EINVAL,
				  "partition %u ends in sector %" PRIu64 ", and a disk of %" PRIu64
				  " sectors ends before it",
				  n, end, disk_sectors);
	g->disk_sectors = disk_sectors;
	g->last_usable = disk_sectors - 1 - RH_GPT_LAST_SECTORS;
	return 0;
}

int rh_gpt_extend(struct rh_gpt *g, unsigned number, uint64_t last, struct rh_err *err)
{
	struct rh_gpt_entry *e;

	if (number < 1 || number > RH_GPT_ENTRIES || rh_uuid_is_zero(&g->entries[number - 1].type))
		return rh_err_set(err, EINVAL, "there is no partition %u", number);
	e = &g->entries[number - 1];
	if (last < e->last || last > g->last_usable)
		return rh_err_set(err, EINVAL,
				  "partition %u ends in sector %" PRIu64
				  " and cannot end in %" PRIu64 " (usable up to %" PRIu64 ")",
				  number, e->last, last, g->last_usable);
	for (unsigned i = 0; i < RH_GPT_ENTRIES; i++) {
		const struct rh_gpt_entry *o = &g->entries[i];

		if (!rh_uuid_is_zero(&o->type) && o->first > e->last && o->first <= last)
			return rh_err_set(err, EINVAL, "partition %u lies behind partition %u",
					  i + 1, number);
	}
	e->last = last;
	return 0;
}

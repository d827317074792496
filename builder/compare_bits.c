// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bytes of a disk outside the arrays' data areas, with names; see compare_p.h.
 *
 * A disk is cut into regions without a gap. Each has a list of fields, or none; a region may be a
 * row of equal records (the entries of a GPT). What differs is told by field, and where no field is
 * known, by the first byte.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* <linux/raid/md_p.h> wants these first. */
#include <linux/types.h>
#include <asm/byteorder.h>
#include <linux/raid/md_p.h>

#include "builder/compare_p.h"
#include "builder/gpt.h"
#include "builder/md.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

#define BLOCK (1u << 20)

enum kind { HEX, NUMBER, UUID, GUID };

struct field {
	const char *name;
	uint32_t at, len;
	enum kind kind;
};

#define SB(field, name, kind)                                           \
	{                                                               \
		name, offsetof(struct mdp_superblock_1, field),         \
		    sizeof(((struct mdp_superblock_1 *)0)->field), kind \
	}

static const struct field mbr_fields[] = {{"boot code", 0, RH_GPT_BOOT_CODE, HEX},
					  {"disk signature", 440, 6, HEX},
					  {"protective partition", 446, 64, HEX},
					  {"boot signature", 510, 2, HEX},
					  {NULL}};
/* UEFI 2.10 table 5-5 */
static const struct field gpt_fields[] = {{"signature", 0, 8, HEX},
					  {"revision", 8, 4, NUMBER},
					  {"header size", 12, 4, NUMBER},
					  {"header checksum", 16, 4, NUMBER},
					  {"reserved", 20, 4, NUMBER},
					  {"own sector", 24, 8, NUMBER},
					  {"other header's sector", 32, 8, NUMBER},
					  {"first usable sector", 40, 8, NUMBER},
					  {"last usable sector", 48, 8, NUMBER},
					  {"disk GUID", 56, 16, GUID},
					  {"sector of the entries", 72, 8, NUMBER},
					  {"number of entries", 80, 4, NUMBER},
					  {"size of an entry", 84, 4, NUMBER},
					  {"checksum of the entries", 88, 4, NUMBER},
					  {NULL}};
/* table 5-6 */
static const struct field entry_fields[] = {{"type GUID", 0, 16, GUID},
					    {"unique GUID", 16, 16, GUID},
					    {"first sector", 32, 8, NUMBER},
					    {"last sector", 40, 8, NUMBER},
					    {"attributes", 48, 8, NUMBER},
					    {"name", 56, 72, HEX},
					    {NULL}};
/* Microsoft's fatgen103, "FAT32" */
static const struct field fat_fields[] = {{"jump", 0, 3, HEX},
					  {"OEM name", 3, 8, HEX},
					  {"geometry", 11, 56, HEX},
					  {"volume serial number", 67, 4, NUMBER},
					  {"label", 71, 11, HEX},
					  {"type", 82, 8, HEX},
					  {"boot code", 90, 420, HEX},
					  {"signature", 510, 2, HEX},
					  {NULL}};
static const struct field super_fields[] = {SB(magic, "magic", NUMBER),
					    SB(major_version, "version", NUMBER),
					    SB(feature_map, "features", NUMBER),
					    SB(set_uuid, "array UUID", UUID),
					    SB(set_name, "name", HEX),
					    SB(ctime, "creation time", NUMBER),
					    SB(level, "level", NUMBER),
					    SB(size, "size", NUMBER),
					    SB(raid_disks, "raid disks", NUMBER),
					    SB(bitmap_offset, "bitmap offset", NUMBER),
					    SB(data_offset, "data offset", NUMBER),
					    SB(data_size, "data size", NUMBER),
					    SB(super_offset, "superblock's sector", NUMBER),
					    SB(dev_number, "device number", NUMBER),
					    SB(device_uuid, "device UUID", UUID),
					    SB(devflags, "device flags", NUMBER),
					    SB(bblog_size, "bad block log size", NUMBER),
					    SB(bblog_offset, "bad block log offset", NUMBER),
					    SB(utime, "update time", NUMBER),
					    SB(events, "events", NUMBER),
					    SB(resync_offset, "resync offset", NUMBER),
					    SB(sb_csum, "checksum", NUMBER),
					    SB(max_dev, "room for roles", NUMBER),
					    {"roles", 256, 256, HEX},
					    {NULL}};
/* drivers/md/md-bitmap.c, struct bitmap_super_s */
static const struct field bitmap_fields[] = {{"magic", 0, 4, NUMBER},
					     {"version", 4, 4, NUMBER},
					     {"array UUID", 8, 16, UUID},
					     {"events", 24, 8, NUMBER},
					     {"cleared events", 32, 8, NUMBER},
					     {"size", 40, 8, NUMBER},
					     {"state", 48, 4, NUMBER},
					     {"chunk size", 52, 4, NUMBER},
					     {"delay", 56, 4, NUMBER},
					     {"write behind", 60, 4, NUMBER},
					     {"reserved sectors", 64, 4, NUMBER},
					     {NULL}};

struct region {
	const char *name;
	uint64_t from, to; /* bytes of the disk */
	const struct field *fields;
	uint32_t record; /* bytes of one, in a row of records; 0: no row */
	uint64_t fat;	 /* a FAT32 filesystem begins there; 0: none */
};

#define REGIONS 32

struct regions {
	struct region v[REGIONS];
	size_t n;
	uint64_t at; /* up to here */
};

/* --- spans --- */

/* The next byte from AT on that is no hole in at least one of the two; END when there is none. */
static uint64_t next_data(const struct rh_sides *s, uint64_t at, uint64_t end)
{
	uint64_t next = end;

	for (int i = 0; i < 2; i++) {
		off_t data = lseek(s->fd[i], (off_t)at, SEEK_DATA);

		if (data < 0 && errno != ENXIO) /* no such filesystem: everything is data */
			return at;
		if (data >= 0 && (uint64_t)data < next)
			next = (uint64_t)data;
	}
	return next;
}

static int read_at(const struct rh_sides *s, int side, void *buf, size_t n, uint64_t at,
		   struct rh_err *err)
{
	return rh_err_prefix(err, rh_pread_all(s->fd[side], buf, n, at, err), "%s", s->path[side]);
}

int rh_compare_span(const struct rh_sides *s, uint64_t from, uint64_t to, bool first_only,
		    uint64_t *first, uint64_t *bytes, struct rh_err *err)
{
	RH_FREE uint8_t *x = rh_xalloc(BLOCK), *y = rh_xalloc(BLOCK);
	uint64_t at = from;

	*first = to;
	*bytes = 0;
	while (at < to && (at = next_data(s, at, to)) < to) {
		size_t n = to - at < BLOCK ? (size_t)(to - at) : BLOCK;
		int r = read_at(s, 0, x, n, at, err);

		if (r == 0)
			r = read_at(s, 1, y, n, at, err);
		if (r == 0 && rh_interrupted())
			r = rh_err_set(err, EINTR, "interrupted");
		if (r < 0)
			return r;
		for (size_t i = 0, end = memcmp(x, y, n) ? n : 0; i < end; i++) {
			if (x[i] == y[i])
				continue;
			if ((*bytes)++ == 0)
				*first = at + i;
			if (first_only)
				return 0;
		}
		at += n;
	}
	return 0;
}

/* --- regions --- */

static void gap(struct regions *g, const char *name, uint64_t to)
{
	if (g->at >= to)
		return;
	g->v[g->n++] = (struct region){.name = name, .from = g->at, .to = to};
	g->at = to;
}

static void region(struct regions *g, const char *name, uint64_t from, uint64_t len,
		   const struct field *fields, uint32_t record)
{
	gap(g, "unused space", from);
	g->v[g->n++] = (struct region){
	    .name = name, .from = from, .to = from + len, .fields = fields, .record = record};
	g->at = from + len;
}

/* What is not data: behind it (1.0) or before it (1.2). Superblock and bitmap may come in either
 * order. */
static void array_regions(struct regions *g, const struct rh_md *md, const char *const names[4],
			  const struct rh_extent *part, const struct rh_extent *data)
{
	uint64_t super = (part->start + rh_md_super_sector(md)) * RH_SECTOR;
	uint64_t bitmap = super + (uint64_t)((int64_t)md->bitmap_offset * RH_SECTOR);
	uint64_t bits = (uint64_t)md->bitmap_sectors * RH_SECTOR;

	gap(g, "unused space", part->start * RH_SECTOR);
	if (md->bitmap_offset && bitmap < super) {
		region(g, names[1], bitmap, RH_MD_BITMAP_BYTES, bitmap_fields, 0);
		region(g, names[2], g->at, bits - RH_MD_BITMAP_BYTES, NULL, 0);
	}
	region(g, names[0], super, RH_MD_SB_BYTES, super_fields, 0);
	if (md->bitmap_offset && bitmap > super) {
		region(g, names[1], bitmap, RH_MD_BITMAP_BYTES, bitmap_fields, 0);
		region(g, names[2], g->at, bits - RH_MD_BITMAP_BYTES, NULL, 0);
	}
	gap(g, names[3],
	    md->minor == 0 ? (part->start + part->count) * RH_SECTOR : data->start * RH_SECTOR);
}

static void cut(const struct rh_layout *l, struct regions *g)
{
	static const char *const boot_names[] = {"md boot superblock", "md boot bitmap",
						 "md boot bitmap's bits", "md boot, unused space"};
	static const char *const pv_names[] = {"md pv superblock", "md pv bitmap",
					       "md pv bitmap's bits", "md pv, unused space"};
	const struct rh_extent *bios = &l->part[RH_PART_BIOS], *esp = &l->part[RH_PART_ESP];
	const struct rh_extent *boot = l->part + RH_PART_BOOT, *pv = l->part + RH_PART_PV;
	uint64_t last = (l->disk_sectors - RH_GPT_LAST_SECTORS) * RH_SECTOR;
	uint64_t entries = RH_GPT_ENTRIES * sizeof(uint8_t[128]);
	struct rh_md md_boot, md_pv;
	size_t i;

	rh_md_arrays(l, "", 0, &md_boot, &md_pv);
	region(g, "MBR", 0, RH_SECTOR, mbr_fields, 0);
	region(g, "GPT header", RH_SECTOR, RH_SECTOR, gpt_fields, 0);
	region(g, "GPT entry", 2ull * RH_SECTOR, entries, entry_fields, 128);
	region(g, "BIOS boot area (core.img)", bios->start * RH_SECTOR, bios->count * RH_SECTOR,
	       NULL, 0);
	i = g->n;
	region(g, "ESP boot sector", esp->start * RH_SECTOR, RH_SECTOR, fat_fields, 0);
	region(g, "ESP", g->at, (esp->count - 1) * RH_SECTOR, NULL, 0);
	g->v[g->n - 1].fat = g->v[i].from;
	gap(g, "unused space", boot->start * RH_SECTOR);
	g->at = (l->data[RH_PART_BOOT].start + l->data[RH_PART_BOOT].count) * RH_SECTOR;
	array_regions(g, &md_boot, boot_names, boot, &l->data[RH_PART_BOOT]);
	array_regions(g, &md_pv, pv_names, pv, &l->data[RH_PART_PV]);
	g->at = (l->data[RH_PART_PV].start + l->data[RH_PART_PV].count) * RH_SECTOR;
	region(g, "backup GPT entry", last, entries, entry_fields, 128);
	region(g, "backup GPT header", g->at, RH_SECTOR, gpt_fields, 0);
}

/* --- telling --- */

static void value_text(const uint8_t *p, const struct field *f, struct rh_str *s)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	struct rh_uuid u;
	char text[RH_UUID_TEXT];
	uint64_t n = 0;

	if (f->kind == NUMBER) {
		memcpy(&n, p, f->len < 8 ? f->len : 8);
		rh_str_addf(s, "%" PRIu64, le64toh(n));
	} else if (f->kind == HEX) {
		for (uint32_t i = 0; i < f->len; i++)
			rh_str_addf(s, "%02x", p[i]);
	} else {
		/* A GUID's first three fields are stored little-endian (UEFI 2.10 appendix A). */
		for (int i = 0; i < 16; i++)
			u.b[i] = p[f->kind == GUID ? order[i] : i];
		if (f->kind == GUID)
			rh_uuid_text(&u, text);
		else
			rh_uuid_md_text(&u, text);
		rh_str_add(s, text);
	}
}

static void tell_field(const char *where, const struct field *f, const uint8_t *x, const uint8_t *y,
		       struct rh_comparison *c)
{
	RH_STR struct rh_str a = {0}, b = {0};
	uint32_t at = f->at;

	while (x[at] == y[at])
		at++;
	if (f->len > 16) {
		rh_comparison_add(c, where, "%s, from byte %u on", f->name, at);
		return;
	}
	value_text(x + f->at, f, &a);
	value_text(y + f->at, f, &b);
	rh_comparison_add(c, where, "%s at offset %u: %s against %s", f->name, f->at, a.data,
			  b.data);
}

/* One record, or a region with fields that is one; its bytes that belong to no field too. */
static void tell_record(const char *where, const struct field *fields, const uint8_t *x,
			const uint8_t *y, size_t n, struct rh_comparison *c)
{
	size_t known = 0;

	for (const struct field *f = fields;; f++) {
		size_t end = f->name ? f->at : n, at = known;

		while (at < end && x[at] == y[at])
			at++;
		if (at < end)
			rh_comparison_add(c, where, "byte %zu: %02x against %02x", at, x[at],
					  y[at]);
		if (!f->name)
			return;
		if (memcmp(x + f->at, y + f->at, f->len) != 0)
			tell_field(where, f, x, y, c);
		known = f->at + f->len;
	}
}

static int tell_fields(const struct rh_sides *s, const struct region *g, const char *disk,
		       struct rh_comparison *c, struct rh_err *err)
{
	size_t n = (size_t)(g->to - g->from), record = g->record ? g->record : n;
	RH_FREE uint8_t *x = rh_xalloc(n), *y = rh_xalloc(n);
	int r = read_at(s, 0, x, n, g->from, err);

	if (r == 0)
		r = read_at(s, 1, y, n, g->from, err);
	for (size_t i = 0; r == 0 && i < n / record; i++) {
		RH_FREE char *where = g->record
					  ? rh_xasprintf("disk %s: %s %zu", disk, g->name, i + 1)
					  : rh_xasprintf("disk %s: %s", disk, g->name);

		tell_record(where, g->fields, x + i * record, y + i * record, record, c);
	}
	return r;
}

static int compare_region(const struct rh_sides *s, const struct region *g, const char *disk,
			  struct rh_comparison *c, struct rh_err *err)
{
	RH_FREE char *where = rh_xasprintf("disk %s: %s", disk, g->name);
	RH_ARENA struct rh_arena *arena = rh_arena_new();
	const char *file = NULL;
	uint64_t first, bytes;
	int r = rh_compare_span(s, g->from, g->to, false, &first, &bytes, err);

	if (r < 0 || bytes == 0)
		return r;
	if (g->fields)
		return tell_fields(s, g, disk, c, err);
	if (g->fat)
		file = rh_compare_fat_name(s->fd[0], g->fat, first - g->fat, arena);
	rh_comparison_add(
	    c, where,
	    "%s%s%" PRIu64 " bytes differ, the first at byte %" PRIu64 " (%" PRIu64 " of the disk)",
	    file ? file : "", file ? ": " : "", bytes, first - (g->fat ? g->fat : g->from), first);
	return 0;
}

int rh_compare_disk(const struct rh_sides *s, const struct rh_layout *l, const char *name,
		    struct rh_comparison *c, struct rh_err *err)
{
	struct regions g = {.n = 0};
	int r = 0;

	cut(l, &g);
	for (size_t i = 0; r == 0 && i < g.n; i++)
		r = compare_region(s, &g.v[i], name, c, err);
	return r;
}

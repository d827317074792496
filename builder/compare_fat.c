// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * To whom a byte of a FAT32 filesystem belongs; see compare_p.h.
 *
 * The chains of clusters are followed from the root folder on, for each file, until the cluster in
 * question comes. The table may be damaged: steps and depth are bounded, and an answer that cannot
 * be found is none. (Microsoft's fatgen103.)
 */
#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "builder/compare_p.h"

#define ENTRY	    32u
#define DEPTH	    8
#define FOLDER	    0x10
#define VOLUME	    0x08 /* a label, or a part of a long name */
#define LOWER_BASE  0x08
#define LOWER_EXT   0x10
#define CLUSTER_MAX (64u << 10)

struct fat {
	int fd;
	uint64_t start, table, table_bytes, data; /* bytes; the last three from START */
	uint32_t cluster_bytes, root, clusters;
	uint32_t wanted;
	uint64_t steps; /* left */
	struct rh_arena *arena;
};

static bool read_at(const struct fat *f, void *buf, size_t n, uint64_t at)
{
	return pread(f->fd, buf, n, (off_t)(f->start + at)) == (ssize_t)n;
}

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static bool open_fat(struct fat *f)
{
	uint8_t b[512];
	uint64_t sectors;

	if (!read_at(f, b, sizeof b, 0) || le16(b + 11) != 512 || !b[13] || !b[16] || le16(b + 22))
		return false;
	f->cluster_bytes = b[13] * 512u;
	f->table = le16(b + 14) * 512ull;
	f->table_bytes = le32(b + 36) * 512ull;
	f->data = f->table + b[16] * f->table_bytes;
	f->root = le32(b + 44);
	sectors = le32(b + 32);
	if (sectors * 512 <= f->data || f->cluster_bytes > CLUSTER_MAX)
		return false;
	f->clusters = (uint32_t)((sectors * 512 - f->data) / f->cluster_bytes);
	f->steps = 4ull * f->clusters;
	return true;
}

/* The cluster behind CLUSTER in its chain; 0 at the end, and for what cannot be. */
static uint32_t next(struct fat *f, uint32_t cluster)
{
	uint8_t b[4];
	uint32_t n;

	if (f->steps == 0 || !read_at(f, b, 4, f->table + cluster * 4ull))
		return 0;
	f->steps--;
	n = le32(b) & 0x0fffffff;
	return n >= 2 && n < f->clusters + 2 ? n : 0;
}

static void name_of(const uint8_t *e, struct rh_str *s)
{
	for (int i = 0; i < 11; i++) {
		bool lower = e[12] & (i < 8 ? LOWER_BASE : LOWER_EXT);
		uint8_t c = e[i];

		if (c == ' ')
			continue;
		if (i >= 8 && !memchr(s->data, '.', s->len))
			rh_str_addc(s, '.');
		if (c < ' ' || c > '~')
			c = '?';
		rh_str_addc(s, (char)(lower && c >= 'A' && c <= 'Z' ? c + 32 : c));
	}
}

static const char *search_folder(struct fat *f, uint32_t cluster, const char *path, int depth);

static const char *search_entry(struct fat *f, const uint8_t *e, const char *path, int depth)
{
	uint32_t cluster = le16(e + 20) << 16 | le16(e + 26);
	RH_STR struct rh_str name = {0};
	const char *full;

	if (e[0] == 0xe5 || e[0] == '.' || e[11] & VOLUME || cluster < 2 ||
	    cluster >= f->clusters + 2)
		return NULL;
	rh_str_add(&name, "");
	name_of(e, &name);
	full = rh_arena_printf(f->arena, "%s%s%s", path, *path ? "/" : "", rh_str_text(&name));
	if (e[11] & FOLDER)
		return depth < DEPTH ? search_folder(f, cluster, full, depth + 1) : NULL;
	for (; cluster; cluster = next(f, cluster))
		if (cluster == f->wanted)
			return full;
	return NULL;
}

static const char *search_folder(struct fat *f, uint32_t cluster, const char *path, int depth)
{
	RH_FREE uint8_t *b = rh_xalloc(f->cluster_bytes);
	const char *found = NULL;

	for (; cluster && !found; cluster = next(f, cluster)) {
		if (cluster == f->wanted)
			return rh_arena_printf(f->arena, "folder /%s", path);
		if (!read_at(f, b, f->cluster_bytes,
			     f->data + (cluster - 2) * (uint64_t)f->cluster_bytes))
			return NULL;
		for (uint32_t i = 0; !found && i < f->cluster_bytes; i += ENTRY) {
			if (b[i] == 0) /* no entry has ever been behind it */
				return NULL;
			found = search_entry(f, b + i, path, depth);
		}
	}
	return found;
}

const char *rh_compare_fat_name(int fd, uint64_t start, uint64_t at, struct rh_arena *arena)
{
	struct fat f = {.fd = fd, .start = start, .arena = arena};
	const char *found;

	if (!open_fat(&f))
		return NULL;
	if (at < f.table)
		return "reserved sectors";
	if (at < f.data)
		return rh_arena_printf(arena, "allocation table %u",
				       (unsigned)((at - f.table) / f.table_bytes) + 1);
	f.wanted = (uint32_t)((at - f.data) / f.cluster_bytes) + 2;
	found = search_folder(&f, f.root, "", 0);
	return found ? found : "space of no file";
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies on a disk as fuzz targets. Random bytes would end at the first checksum, so the input's
 * checksums are put right here, by code of its own: a disk with a fault behind a good checksum is
 * what a strange tool leaves.
 */
#include <endian.h>
#include <linux/raid/md_p.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/gpt.h"
#include "lib/mdsuper.h"
#include "tests/fuzz/targets.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void put32(uint8_t *at, uint32_t n)
{
	n = htole32(n);
	memcpy(at, &n, sizeof n);
}

/* A header of 92 bytes and its entries: CRC of the entries at 88, of the header at 16. */
static void seal_gpt(uint8_t *header, const uint8_t *entries)
{
	put32(header + 88, (uint32_t)crc32(0, entries, RH_GPT_ENTRIES * 128));
	put32(header + 16, 0);
	put32(header + 16, (uint32_t)crc32(0, header, 92));
}

/* Sound: it survives being written and read. */
static void sound_gpt(const struct rh_gpt *g, uint64_t device)
{
	static uint8_t first[RH_GPT_FIRST_BYTES], last[RH_GPT_LAST_BYTES];
	static struct rh_gpt a, b;
	struct rh_diags d = {0};
	struct rh_err err;
	unsigned n = rh_gpt_last_partition(g);

	rh_gpt_encode(g, first, last);
	must(rh_gpt_decode_primary(first, device, "f", &a, &d) == 0);
	must(rh_gpt_decode_backup(last, g->disk_sectors - 1, device, "f", &b, &d) == 0);
	must(rh_gpt_equal(g, &a) && rh_gpt_equal(&a, &b));
	if (rh_gpt_resize(&a, device, &err) == 0 && n)
		must(rh_gpt_extend(&a, n, a.last_usable, &err) == 0);
	rh_diags_free(&d);
}

#define DEVICE 12582912 /* sectors; the corpus is of the small recipe */

void rh_fuzz_gpt(const uint8_t *data, size_t n)
{
	static uint8_t first[RH_GPT_FIRST_BYTES], last[RH_GPT_LAST_BYTES];
	static struct rh_gpt g;
	struct rh_diags d = {0};

	memset(first, 0, sizeof first);
	memcpy(first, data, n < sizeof first ? n : sizeof first);
	seal_gpt(first + RH_GPT_SECTOR, first + 2 * RH_GPT_SECTOR);
	if (rh_gpt_decode_primary(first, DEVICE, "f", &g, &d) == 0)
		sound_gpt(&g, DEVICE);
	else
		must(d.n > 0);
	/* The same as a backup: the entries before the header. */
	memcpy(last, first + 2 * RH_GPT_SECTOR, RH_GPT_ENTRIES * 128);
	memcpy(last + RH_GPT_ENTRIES * 128, first + RH_GPT_SECTOR, RH_GPT_SECTOR);
	if (rh_gpt_decode_backup(last, DEVICE - 1, DEVICE, "f", &g, &d) == 0)
		sound_gpt(&g, DEVICE);
	rh_diags_free(&d);
}

/* md_p.h, sb_csum: the words' sum with the carry folded in, the field itself 0. */
static void seal_md(uint8_t *sb)
{
	size_t at = offsetof(struct mdp_superblock_1, sb_csum);
	uint32_t max_dev, word;
	uint64_t sum = 0;
	size_t bytes;

	memcpy(&max_dev, sb + offsetof(struct mdp_superblock_1, max_dev), 4);
	bytes = 256 + 2 * (size_t)le32toh(max_dev);
	if (bytes > RH_MDSUPER_BYTES)
		return;
	put32(sb + at, 0);
	for (size_t i = 0; i < bytes; i += 4) {
		word = 0;
		memcpy(&word, sb + i, bytes - i < 4 ? bytes - i : 4);
		sum += le32toh(word);
	}
	put32(sb + at, (uint32_t)(sum + (sum >> 32)));
}

void rh_fuzz_mdsuper(const uint8_t *data, size_t n)
{
	static uint8_t sb[RH_MDSUPER_BYTES];

	memset(sb, 0, sizeof sb);
	memcpy(sb, data, n < sizeof sb ? n : sizeof sb);
	seal_md(sb);
	for (int minor = 0; minor <= 2; minor += 2) {
		struct rh_mdsuper out;
		struct rh_err err = {0};

		if (rh_mdsuper_decode(sb, minor, DEVICE, &out, &err) < 0) {
			must(*err.text);
			continue;
		}
		must(strlen(out.name) < RH_MDSUPER_NAME && strlen(out.state) <= RH_MDSUPER_SLOTS);
		must(out.data_offset <= DEVICE && out.data_size <= DEVICE - out.data_offset);
		must(out.role >= RH_MDROLE_OTHER);
	}
}

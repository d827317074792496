// SPDX-License-Identifier: GPL-2.0-or-later
/* Partition tables: written and read back, damaged at every byte, moved to a larger disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "lib/gpt.h"

#define SECTORS 100000ULL

static const struct rh_uuid linux_raid = {{0xa1, 0x9d, 0x88, 0x0f, 0x05, 0xfc, 0x4d, 0x3b, 0xa0,
					   0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91, 0x1e}};

struct bytes {
	uint8_t first[RH_GPT_FIRST_BYTES], last[RH_GPT_LAST_BYTES];
};

static struct rh_gpt table_ok(void)
{
	const struct rh_uuid disk = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
	struct rh_gpt g;

	rh_gpt_init(&g, &disk, SECTORS);
	for (int i = 0; i < 3; i++) {
		struct rh_gpt_entry *e = &g.entries[i * 2]; /* numbers 1, 3, 5 */

		e->type = linux_raid;
		e->guid = disk;
		e->guid.b[0] = (uint8_t)(0x20 + i);
		e->first = 2048u * (unsigned)(i + 1);
		e->last = e->first + 2047;
		e->attributes = 5;
		rh_gpt_set_name(e, "rehome-pv");
	}
	return g;
}

static int read_primary(const struct bytes *b, uint64_t device, struct rh_gpt *g,
			struct rh_diags *d)
{
	return rh_gpt_decode_primary(b->first, device, "/dev/sdx", g, d);
}

static int read_backup(const struct bytes *b, uint64_t device, struct rh_gpt *g, struct rh_diags *d)
{
	return rh_gpt_decode_backup(b->last, SECTORS - 1, device, "/dev/sdx", g, d);
}

/* Is there a fault with TEXT in it? */
static bool told(const struct rh_diags *d, const char *text)
{
	for (size_t i = 0; i < d->n; i++)
		if (strstr(d->v[i].text, text))
			return true;
	return false;
}

static void what_is_written_is_read_back(void **state)
{
	struct rh_gpt g = table_ok(), p, b;
	struct bytes x = {0};
	struct rh_diags d = {0};

	(void)state;
	rh_gpt_encode(&g, x.first, x.last);
	assert_int_equal(read_primary(&x, SECTORS, &p, &d), 0);
	assert_int_equal(read_backup(&x, SECTORS, &b, &d), 0);
	assert_true(rh_gpt_equal(&p, &g));
	assert_true(rh_gpt_equal(&p, &b));
	assert_true(rh_gpt_has_name(&p.entries[4], "rehome-pv"));
	assert_false(rh_gpt_has_name(&p.entries[4], "rehome-p"));
	assert_int_equal(d.n, 0);
	/* A larger disk is no fault, a smaller one is. */
	assert_int_equal(read_primary(&x, SECTORS * 2, &p, &d), 0);
	assert_int_equal(p.disk_sectors, SECTORS);
	assert_int_equal(read_primary(&x, SECTORS - 1, &p, &d), -EINVAL);
	assert_true(told(&d, "made for a disk of 100000 sectors, this one has 99999"));
	rh_diags_free(&d);
}

/* Each byte of header, entries and protective partition counts. */
static void a_changed_byte_is_seen(void **state)
{
	struct rh_gpt g = table_ok(), out;
	static struct bytes x;

	(void)state;
	rh_gpt_encode(&g, x.first, x.last);
	for (size_t i = 0; i < sizeof x.last; i++) {
		/* The rest of the header's sector is reserved (UEFI table 5-5) and in no checksum.
		 */
		bool header = i >= RH_GPT_LAST_BYTES - 512;
		bool counts = !header || i < RH_GPT_LAST_BYTES - 512 + 92;
		struct rh_diags d = {0};

		x.last[i] ^= 0x40;
		assert_int_equal(read_backup(&x, SECTORS, &out, &d), counts ? -EINVAL : 0);
		assert_int_equal(d.n > 0, counts);
		x.last[i] ^= 0x40;
		rh_diags_free(&d);
	}
	for (size_t i = 512; i < 512 + 92; i++) {
		struct rh_diags d = {0};

		x.first[i] ^= 0x01;
		assert_int_equal(read_primary(&x, SECTORS, &out, &d), -EINVAL);
		x.first[i] ^= 0x01;
		rh_diags_free(&d);
	}
}

/* Put the checksums right again after a change, so that the bounds are what speaks. */
static void resum(uint8_t *header, const uint8_t *entries)
{
	uint32_t crc = (uint32_t)crc32(0, entries, 128 * 128);

	memcpy(header + 88, &crc, 4);
	memset(header + 16, 0, 4);
	crc = (uint32_t)crc32(0, header, 92);
	memcpy(header + 16, &crc, 4);
}

static void bounds_are_checked_behind_right_checksums(void **state)
{
	static const struct {
		size_t at; /* in FIRST */
		uint64_t value;
		const char *text;
	} cases[] = {
	    {512 + 24, 7, "says that it lies in sector 7, it is in 1"},
	    {512 + 32, ~0ULL, "made for a disk of"},
	    {512 + 32, 0, "cannot be"},
	    {512 + 40, 33, "cannot be"},
	    {512 + 48, SECTORS - 33, "cannot be"},
	    {512 + 48, 20, "cannot be"},
	    {512 + 72, 3, "entries lie in sector 3, expected 2"},
	    {512 + 80, 0x0000008000000081, "129 entries of 128 bytes, expected 128 of 128"},
	    {1024 + 32, 4097, "partition 1 lies in the sectors 4097 to 4095"},
	    {1024 + 32, 33, "partition 1 lies in the sectors 33 to 4095, usable are 34 to 99966"},
	    {1024 + 40, 4096, "partitions 1 and 3 overlap"},
	    {1024 + 40, ~0ULL, "partitions 1 and 5 overlap"},
	    {0, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; cases[i].text; i++) {
		struct rh_gpt g = table_ok(), out;
		struct bytes x = {0};
		struct rh_diags d = {0};

		rh_gpt_encode(&g, x.first, x.last);
		memcpy(x.first + cases[i].at, &cases[i].value, 8);
		resum(x.first + 512, x.first + 1024);
		assert_int_equal(read_primary(&x, SECTORS, &out, &d), -EINVAL);
		if (!told(&d, cases[i].text))
			fail_msg("not told: %s", cases[i].text);
		rh_diags_free(&d);
	}
}

static void a_doubled_guid_and_a_missing_mbr_are_told(void **state)
{
	struct rh_gpt g = table_ok(), out;
	struct bytes x = {0};
	struct rh_diags d = {0};

	(void)state;
	g.entries[2].guid = g.entries[0].guid;
	rh_gpt_encode(&g, x.first, x.last);
	x.first[446 + 4] = 0x83;
	assert_int_equal(read_primary(&x, SECTORS, &out, &d), -EINVAL);
	assert_true(told(&d, "partitions 1 and 3 have one GUID"));
	assert_true(told(&d, "no protective partition"));
	rh_diags_free(&d);
	memset(&x, 0, sizeof x);
	assert_int_equal(read_primary(&x, SECTORS, &out, &d), -EINVAL);
	assert_true(told(&d, "does not end in 55 aa"));
	assert_true(told(&d, "there is no partition table"));
	rh_diags_free(&d);
}

static void a_table_moves_to_a_larger_disk(void **state)
{
	struct rh_gpt g = table_ok(), before = g, out;
	struct bytes x = {0};
	struct rh_diags d = {0};

	(void)state;
	assert_int_equal(rh_gpt_last_partition(&g), 5);
	assert_int_equal(rh_gpt_extend(&g, 5, g.last_usable + 1, NULL), -EINVAL);
	assert_int_equal(rh_gpt_extend(&g, 1, 4096, NULL), -EINVAL); /* 3 is in the way */
	assert_int_equal(rh_gpt_extend(&g, 2, 4096, NULL), -EINVAL);
	assert_int_equal(rh_gpt_extend(&g, 5, 8190, NULL), -EINVAL); /* would shrink */
	assert_true(rh_gpt_equal(&g, &before));
	assert_int_equal(rh_gpt_resize(&g, 8192, NULL), -EINVAL);
	assert_int_equal(rh_gpt_resize(&g, SECTORS * 3, NULL), 0);
	assert_int_equal(rh_gpt_extend(&g, 5, g.last_usable, NULL), 0);
	rh_gpt_encode(&g, x.first, x.last);
	assert_int_equal(read_primary(&x, SECTORS * 3, &out, &d), 0);
	assert_int_equal(out.disk_sectors, SECTORS * 3);
	assert_int_equal(out.entries[4].last, SECTORS * 3 - 34);
	assert_int_equal(d.n, 0);
}

/* Random bytes behind right checksums and without them: never anything but a result. */
static void garbage_is_refused(void **state)
{
	static struct bytes x;
	struct rh_gpt g = table_ok(), out;

	(void)state;
	srandom(7);
	for (int round = 0; round < 400; round++) {
		struct rh_diags d = {0};

		rh_gpt_encode(&g, x.first, x.last);
		for (int n = 0; n < 1 + round % 40; n++)
			x.last[random() % RH_GPT_LAST_BYTES] = (uint8_t)random();
		if (round & 1) {
			memcpy(x.last + 128 * 128, "EFI PART\0\0\1\0\x5c\0\0", 16);
			resum(x.last + 128 * 128, x.last);
		}
		if (rh_gpt_decode_backup(x.last, SECTORS - 1, SECTORS, "x", &out, &d) == 0)
			for (int i = 0; i < RH_GPT_ENTRIES; i++)
				assert_true(out.entries[i].last <= out.last_usable);
		assert_true(d.n <= 16);
		rh_diags_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(a_changed_byte_is_seen),
	    cmocka_unit_test(bounds_are_checked_behind_right_checksums),
	    cmocka_unit_test(a_doubled_guid_and_a_missing_mbr_are_told),
	    cmocka_unit_test(a_table_moves_to_a_larger_disk),
	    cmocka_unit_test(garbage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

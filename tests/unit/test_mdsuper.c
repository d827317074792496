// SPDX-License-Identifier: GPL-2.0-or-later
/* md superblocks: what the builder writes is read back; damage at every byte is seen. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/md.h"
#include "lib/mdsuper.h"

static const struct rh_disk_sizes sizes = {.disk = 18ULL << 30,
					   .esp = 512ULL << 20,
					   .boot = 1ULL << 30,
					   .root = 6ULL << 30,
					   .var = 6ULL << 30,
					   .swap = 2ULL << 30};

static void arrays(struct rh_md *boot, struct rh_md *pv)
{
	struct rh_layout l;

	assert_int_equal(rh_layout_make(&sizes, &l, NULL), 0);
	rh_md_arrays(&l, "seed", 1700000000, boot, pv);
}

/* Change bytes and put the checksum right again. */
static void patch(uint8_t *sb, size_t at, const void *data, size_t n)
{
	uint64_t sum = 0;
	uint32_t max_dev, word;

	memcpy(sb + at, data, n);
	memset(sb + 216, 0, 4);
	memcpy(&max_dev, sb + 220, 4);
	max_dev = le32toh(max_dev);
	for (size_t i = 0; i + 4 <= 256 + 2 * (size_t)max_dev && i < RH_MDSUPER_BYTES; i += 4) {
		memcpy(&word, sb + i, 4);
		sum += le32toh(word);
	}
	word = htole32((uint32_t)((sum & 0xffffffff) + (sum >> 32)));
	memcpy(sb + 216, &word, 4);
}

static void what_the_builder_writes_is_read(void **state)
{
	struct rh_uuid device = rh_ident("seed", "device");
	struct rh_md md[2];
	uint8_t sb[RH_MDSUPER_BYTES];

	(void)state;
	arrays(&md[0], &md[1]);
	for (int i = 0; i < 2; i++)
		for (unsigned member = 0; member < 2; member++) {
			struct rh_mdsuper out;
			struct rh_err err = {{0}};

			rh_md_encode(&md[i], member, &device, sb);
			assert_int_equal(
			    rh_mdsuper_decode(sb, md[i].minor, md[i].part_sectors, &out, &err), 0);
			assert_string_equal(out.name, i ? "any:pv" : "any:boot");
			assert_string_equal(out.state, "AA");
			assert_int_equal(out.role, member);
			assert_int_equal(out.slots, 2);
			assert_int_equal(out.level, 1);
			assert_int_equal(out.size, md[i].data_sectors);
			assert_int_equal(out.data_offset, md[i].data_offset);
			assert_int_equal(out.utime, 1700000000);
			assert_true(out.resync_offset == RH_MDSUPER_END);
			assert_true(out.events > 0);
			assert_true(out.bitmap);
			assert_int_equal(out.bitmap_offset, md[i].bitmap_offset);
			assert_false(out.recovering);
			assert_true(rh_uuid_equal(&out.array, &md[i].uuid));
			assert_true(rh_uuid_equal(&out.device, &device));
			assert_int_equal(rh_mdsuper_sector(md[i].minor, md[i].part_sectors),
					 rh_md_super_sector(&md[i]));
		}
}

static void roles_tell_who_was_seen(void **state)
{
	static const struct {
		uint16_t roles[2];
		unsigned member;
		const char *text;
		int role;
	} cases[] = {
	    {{0, 1}, 0, "AA", 0},
	    {{0, 0xfffe}, 0, "A.", 0},
	    {{0xfffe, 1}, 1, ".A", 1},
	    {{0, 0xffff}, 1, "A.", RH_MDROLE_SPARE},
	    {{0, 0xfffe}, 1, "A.", RH_MDROLE_FAULTY},
	    {{0, 7}, 1, "A.", RH_MDROLE_OTHER},
	};
	struct rh_uuid device = rh_ident("seed", "device");
	struct rh_md boot, pv;
	uint8_t sb[RH_MDSUPER_BYTES];

	(void)state;
	arrays(&boot, &pv);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint16_t roles[2] = {htole16(cases[i].roles[0]), htole16(cases[i].roles[1])};
		struct rh_mdsuper out;

		rh_md_encode(&pv, cases[i].member, &device, sb);
		patch(sb, 256, roles, 4);
		assert_int_equal(rh_mdsuper_decode(sb, 2, pv.part_sectors, &out, NULL), 0);
		assert_string_equal(out.state, cases[i].text);
		assert_int_equal(out.role, cases[i].role);
	}
}

static void a_changed_byte_is_seen(void **state)
{
	struct rh_uuid device = rh_ident("seed", "device");
	struct rh_md boot, pv;
	uint8_t sb[RH_MDSUPER_BYTES];

	(void)state;
	arrays(&boot, &pv);
	rh_md_encode(&pv, 0, &device, sb);
	for (size_t i = 0; i < 256 + 2 * 128; i++) {
		struct rh_mdsuper out;
		struct rh_err err = {{0}};

		sb[i] ^= 0x10;
		assert_true(rh_mdsuper_decode(sb, 2, pv.part_sectors, &out, &err) < 0);
		assert_true(*err.text);
		sb[i] ^= 0x10;
	}
}

static void bounds_are_checked_behind_a_right_checksum(void **state)
{
	static const struct {
		size_t at, n;
		uint64_t value;
		int code;
	} cases[] = {
	    {0, 4, 1, -ENOENT},	     /* magic */
	    {4, 4, 0, -ENOENT},	     /* version */
	    {220, 4, 1921, -EINVAL}, /* roles beyond the sector */
	    {220, 4, 0xffffffff, -EINVAL},
	    {92, 4, 0, -EINVAL}, /* slots */
	    {92, 4, 17, -EINVAL},
	    {144, 8, 16, -EINVAL},	   /* its own place */
	    {128, 8, 1ULL << 60, -EINVAL}, /* data_offset */
	    {136, 8, ~0ULL, -EINVAL},	   /* data_size */
	    {80, 8, ~0ULL, -EINVAL},	   /* size */
	    {160, 4, 0xffffffff, 0},	   /* a number without a role is a spare */
	};
	struct rh_uuid device = rh_ident("seed", "device");
	struct rh_md boot, pv;
	uint8_t sb[RH_MDSUPER_BYTES];

	(void)state;
	arrays(&boot, &pv);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t value = htole64(cases[i].value);
		struct rh_mdsuper out;

		rh_md_encode(&pv, 0, &device, sb);
		patch(sb, cases[i].at, &value, cases[i].n);
		assert_int_equal(rh_mdsuper_decode(sb, 2, pv.part_sectors, &out, NULL),
				 cases[i].code);
		if (cases[i].code == 0)
			assert_int_equal(out.role, RH_MDROLE_SPARE);
	}
	rh_md_encode(&pv, 0, &device, sb);
	patch(sb, 32, "a\nb\x1b\xff", 6);
	{
		struct rh_mdsuper out;

		assert_int_equal(rh_mdsuper_decode(sb, 2, pv.part_sectors, &out, NULL), 0);
		assert_string_equal(out.name, "a?b??");
		/* The partition has been made smaller. */
		assert_int_equal(rh_mdsuper_decode(sb, 2, pv.part_sectors - 8, &out, NULL),
				 -EINVAL);
	}
}

static void garbage_is_refused(void **state)
{
	uint8_t sb[RH_MDSUPER_BYTES];
	struct rh_md boot, pv;
	struct rh_uuid device = rh_ident("seed", "device");

	(void)state;
	arrays(&boot, &pv);
	srandom(3);
	for (int round = 0; round < 2000; round++) {
		struct rh_mdsuper out;
		uint8_t byte = (uint8_t)random();

		rh_md_encode(&pv, 0, &device, sb);
		for (int n = 0; n < 8; n++)
			sb[8 + random() % 500] = (uint8_t)random();
		patch(sb, 8 + (size_t)random() % 200, &byte, 1);
		if (rh_mdsuper_decode(sb, 2, pv.part_sectors, &out, NULL) == 0) {
			assert_true(strlen(out.state) == out.slots);
			assert_true(out.role < (int)out.slots);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_the_builder_writes_is_read),
	    cmocka_unit_test(roles_tell_who_was_seen),
	    cmocka_unit_test(a_changed_byte_is_seen),
	    cmocka_unit_test(bounds_are_checked_behind_a_right_checksum),
	    cmocka_unit_test(garbage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

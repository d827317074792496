// SPDX-License-Identifier: GPL-2.0-or-later
/* Ranges, patches, and the folder of a pair as a source. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/write/source.h"
#include "lib/core/mem.h"

#define MIB (1ULL << 20)

static void no_close(struct rh_source *s)
{
	(void)s;
}

/* Every byte of disk a is the number of its MiB, and 1 where that would be 0. */
static int read_pattern(struct rh_source *s, uint64_t at, void *buf, size_t n, struct rh_err *err)
{
	uint8_t *p = buf;

	(void)s;
	(void)err;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((at + i) / MIB % 255 + 1);
	return 0;
}

static const struct rh_source_ops ops = {NULL, read_pattern, no_close};

static struct rh_source *new_source(uint64_t size)
{
	struct rh_source *s = rh_xalloc(sizeof *s);

	*s = (struct rh_source){.ops = &ops, .size = size, .name = rh_xstrdup("pattern")};
	return s;
}

static void ranges_are_widened_and_joined(void **state)
{
	struct rh_source *s = new_source(64 * MIB);

	(void)state;
	rh_source_add_range(s, 5000, 10);
	rh_source_add_range(s, MIB, 100);	     /* the hole before is small */
	rh_source_add_range(s, 10 * MIB + 1, 4096);  /* far away */
	rh_source_add_range(s, 64 * MIB - 512, 512); /* the end is not widened past the disk */
	rh_source_add_range(s, 64 * MIB - 512, 0);
	assert_int_equal(s->n_ranges, 3);
	assert_int_equal(s->range[0].start, 4096);
	assert_int_equal(s->range[0].len, MIB);
	assert_int_equal(s->range[1].start, 10 * MIB);
	assert_int_equal(s->range[1].len, 8192);
	assert_int_equal(s->range[2].start, 64 * MIB - 4096);
	assert_int_equal(s->range[2].len, 4096);
	rh_source_free(&s);
}

static void pieces_cover_the_disk_without_gap(void **state)
{
	struct rh_source *s = new_source(64 * MIB + 512);
	uint64_t at = 0, len, zeros = 0, data = 0;
	bool zero;

	(void)state;
	rh_source_add_range(s, 3 * MIB, 5 * MIB);
	rh_source_add_range(s, 20 * MIB, 4096);
	while ((len = rh_source_piece(s, at, 2 * MIB, &zero)) > 0) {
		assert_in_range(len, 1, 2 * MIB);
		*(zero ? &zeros : &data) += len;
		at += len;
	}
	assert_int_equal(at, s->size);
	assert_int_equal(data, 5 * MIB + 4096);
	assert_int_equal(zeros, s->size - data);
	assert_int_equal(rh_source_piece(s, 3 * MIB - 1, MIB, &zero), 1);
	assert_true(zero);
	assert_int_equal(rh_source_piece(s, 3 * MIB, 64 * MIB, &zero), 5 * MIB);
	assert_false(zero);
	rh_source_free(&s);
}

static void patches_are_covered_and_put_in(void **state)
{
	static const uint8_t b[1024] = {[0] = 0xb0, [511] = 0xb1, [512] = 0xb2, [1023] = 0xb3};
	struct rh_source *s = new_source(64 * MIB);
	uint8_t buf[8192];

	(void)state;
	rh_source_add_range(s, 0, 4096);
	assert_int_equal(rh_source_add_patch(s, 30 * MIB, b, 512, NULL), 0);
	assert_int_equal(rh_source_add_patch(s, 30 * MIB + 512, b + 512, 512, NULL), 0);
	assert_int_equal(s->n_patches, 1); /* neighbours are one */
	assert_int_equal(rh_source_add_patch(s, 40 * MIB, b, 512, NULL), 0);
	rh_source_cover(s);
	assert_int_equal(s->n_ranges, 3);
	assert_int_equal(s->range[1].start, 30 * MIB);
	assert_int_equal(s->range[1].len, 4096);
	assert_false(rh_source_patched(s, 30 * MIB - 4096, 4096));
	assert_true(rh_source_patched(s, 30 * MIB - 4096, 4097));
	assert_true(rh_source_patched(s, 30 * MIB + 1023, 1));
	assert_false(rh_source_patched(s, 30 * MIB + 1024, 4096));
	/* A reading that begins within the patch and ends behind it. */
	assert_int_equal(rh_source_read(s, 1, 30 * MIB + 511, buf, 1024, NULL), 0);
	assert_int_equal(buf[0], 0xb1);
	assert_int_equal(buf[1], 0xb2);
	assert_int_equal(buf[512], 0xb3);
	assert_int_equal(buf[513], 31);
	assert_int_equal(rh_source_read(s, 0, 30 * MIB + 511, buf, 1024, NULL), 0);
	assert_int_equal(buf[0], 31);
	/* Across a hole. */
	assert_int_equal(rh_source_read(s, 1, 30 * MIB, buf, sizeof buf, NULL), 0);
	assert_int_equal(buf[4095], 31);
	assert_int_equal(buf[4096], 0);
	assert_int_equal(rh_source_read(s, 0, 64 * MIB - 1, buf, 2, NULL), -EINVAL);
	rh_source_free(&s);
}

static void two_strangers_are_no_pair(void **state)
{
	struct rh_source *s = new_source(64 * MIB);
	uint8_t *b = rh_xalloc(MIB);
	struct rh_err err;
	int r = 0, n = 0;

	(void)state;
	for (; r == 0; n++)
		r = rh_source_add_patch(s, (uint64_t)n * 2 * MIB, b, MIB, &err);
	assert_int_equal(r, -E2BIG);
	assert_int_equal(n, RH_PATCH_MAX / MIB + 1);
	assert_non_null(strstr(err.text, "two halves of one pair"));
	free(b);
	rh_source_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ranges_are_widened_and_joined),
	    cmocka_unit_test(pieces_cover_the_disk_without_gap),
	    cmocka_unit_test(patches_are_covered_and_put_in),
	    cmocka_unit_test(two_strangers_are_no_pair),
	};

	return cmocka_run_group_tests_name("write_source", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The power cut's model against its promise: after a cut each sector holds what it held at the last
 * flush (or FUA write), or something written since; and by seeds, everything that may happen does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/cutlog.h"

#define SECTORS 512u
#define HISTORY 64u

/* What each sector may hold: versions since it was last made durable, the first is that one. */
struct shadow {
	uint64_t v[SECTORS][HISTORY];
	unsigned n[SECTORS];
};

static char path[] = "/tmp/rh-cutlog-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	return fd < 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void fresh(struct cut_disk *d, uint64_t size, uint64_t seed)
{
	*d = (struct cut_disk){
	    .fd = -1, .seed = cut_disk_seed(seed, 0), .tear = 512, .cache_max = 64 << 20};
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, (off_t)size), 0);
	assert_int_equal(cut_disk_open(d, path), 0);
}

/* A small generator of its own, so that the sequence has nothing to do with the cut's seed. */
static uint32_t next(uint32_t *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

static void fill(uint64_t *buf, unsigned sectors, uint64_t version)
{
	for (unsigned i = 0; i < sectors * CUT_SECTOR / 8; i++)
		buf[i] = version;
}

/* One random request, on the disk and on its shadow. */
static void step(struct cut_disk *d, struct shadow *sh, uint32_t *rnd, uint64_t version)
{
	static uint64_t buf[32 * CUT_SECTOR / 8];
	unsigned what = next(rnd) % 16, n = 1 + next(rnd) % 32, at = next(rnd) % (SECTORS - n);
	bool fua = what == 1, zero = what == 2;

	if (what == 0) {
		cut_disk_flush(d);
		for (unsigned s = 0; s < SECTORS; s++) {
			sh->v[s][0] = sh->v[s][sh->n[s] - 1];
			sh->n[s] = 1;
		}
		return;
	}
	fill(buf, n, version);
	assert_int_equal(
	    cut_disk_write(d, zero ? NULL : buf, n * CUT_SECTOR, (uint64_t)at * CUT_SECTOR, fua),
	    0);
	for (unsigned s = at; s < at + n; s++) {
		if (fua)
			sh->n[s] = 0;
		assert_true(sh->n[s] < HISTORY);
		sh->v[s][sh->n[s]++] = zero ? 0 : version;
	}
}

/* How many sectors hold an older content than the newest; all must hold an admitted one. */
static unsigned compare(struct cut_disk *d, const struct shadow *sh)
{
	uint64_t buf[CUT_SECTOR / 8];
	unsigned older = 0;

	for (unsigned s = 0; s < SECTORS; s++) {
		bool found = false;

		assert_int_equal(cut_disk_read(d, buf, sizeof buf, (uint64_t)s * CUT_SECTOR), 0);
		for (unsigned i = 1; i < CUT_SECTOR / 8; i++)
			assert_true(buf[i] == buf[0]);
		for (unsigned i = 0; i < sh->n[s]; i++)
			found |= sh->v[s][i] == buf[0];
		if (!found)
			fail_msg("sector %u holds version %lu, which it may not", s, buf[0]);
		older += buf[0] != sh->v[s][sh->n[s] - 1];
	}
	return older;
}

static struct shadow *play(struct cut_disk *d, unsigned steps, uint32_t sequence)
{
	struct shadow *sh = calloc(1, sizeof *sh);

	assert_non_null(sh);
	for (unsigned s = 0; s < SECTORS; s++)
		sh->n[s] = 1;
	for (unsigned i = 1; i <= steps; i++)
		step(d, sh, &sequence, i);
	assert_int_equal(compare(d, sh), 0);
	return sh;
}

static void only_what_may_be(void **state)
{
	unsigned older = 0, all = 0;
	uint64_t torn = 0, kept = 0, lost = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 400; seed++) {
		struct cut_disk d;
		struct shadow *sh;
		unsigned k;

		fresh(&d, SECTORS * CUT_SECTOR, seed);
		d.cache_max = seed % 3 ? 64 << 20 : 24 * CUT_SECTOR;
		d.tear = 512;
		sh = play(&d, 40 + seed % 50, seed * 7919);
		assert_int_equal(cut_disk_power_off(&d), 0);
		k = compare(&d, sh);
		/* (zeros taken back to zeros show as nothing) */
		assert_true(k == 0 || d.sectors_lost > 0);
		older += k;
		all += k == 0;
		torn += d.torn;
		kept += d.kept;
		lost += d.lost;
		free(sh);
		cut_disk_close(&d);
	}
	/* Something was lost in most cuts, in some nothing, and each fate occurred. */
	assert_true(older > 1000 && all > 0 && all < 200);
	assert_true(torn > 50 && kept > 200 && lost > 200);
}

static void flushed_is_kept(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 50; seed++) {
		struct cut_disk d;
		struct shadow *sh;

		fresh(&d, SECTORS * CUT_SECTOR, seed);
		sh = play(&d, 60, seed);
		cut_disk_flush(&d);
		assert_int_equal(cut_disk_power_off(&d), 0);
		assert_int_equal(compare(&d, sh), 0);
		assert_int_equal(d.pending + d.sectors_lost, 0);
		free(sh);
		cut_disk_close(&d);
	}
}

/* A FUA write stays, and what lay under it does not come back. */
static void fua_is_kept(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 50; seed++) {
		uint64_t buf[8 * CUT_SECTOR / 8];
		struct cut_disk d;

		fresh(&d, 64 * CUT_SECTOR, seed);
		fill(buf, 8, 1);
		assert_int_equal(cut_disk_write(&d, buf, sizeof buf, 0, false), 0);
		fill(buf, 2, 2);
		assert_int_equal(cut_disk_write(&d, buf, 2 * CUT_SECTOR, 3 * CUT_SECTOR, true), 0);
		assert_int_equal(cut_disk_power_off(&d), 0);
		assert_int_equal(cut_disk_read(&d, buf, sizeof buf, 0), 0);
		for (unsigned s = 0; s < 8; s++)
			assert_true(s == 3 || s == 4 ? buf[s * 64] == 2 : buf[s * 64] < 2);
		cut_disk_close(&d);
	}
}

/* With units of 4096 bytes a torn write is torn only at their borders. */
static void tears_at_units(void **state)
{
	unsigned torn = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		static uint64_t buf[64 * CUT_SECTOR / 8];
		struct cut_disk d;

		fresh(&d, 64 * CUT_SECTOR, seed);
		d.tear = 4096;
		fill(buf, 64, 1);
		assert_int_equal(cut_disk_write(&d, buf, sizeof buf, 0, false), 0);
		assert_int_equal(cut_disk_power_off(&d), 0);
		assert_int_equal(cut_disk_read(&d, buf, sizeof buf, 0), 0);
		for (unsigned s = 0; s < 64; s++)
			assert_true(buf[s * 64] == buf[s / 8 * 8 * 64]);
		torn += d.torn > 0 && d.sectors_lost > 0 && d.sectors_lost < 64;
		cut_disk_close(&d);
	}
	assert_true(torn > 5);
}

static void same_seed_same_end(void **state)
{
	static unsigned char one[SECTORS * CUT_SECTOR], two[SECTORS * CUT_SECTOR];
	unsigned differ = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		for (unsigned turn = 0; turn < 3; turn++) {
			struct cut_disk d;

			fresh(&d, sizeof one, turn < 2 ? seed : seed + 1000);
			free(play(&d, 80, 4711));
			assert_int_equal(cut_disk_power_off(&d), 0);
			assert_int_equal(cut_disk_read(&d, turn ? two : one, sizeof one, 0), 0);
			cut_disk_close(&d);
			if (turn == 1)
				assert_memory_equal(one, two, sizeof one);
		}
		differ += memcmp(one, two, sizeof one) != 0;
	}
	assert_true(differ > 10);
}

/* A trim of gigabytes costs neither memory nor space, before the cut and after it. */
static void holes_stay(void **state)
{
	const uint64_t size = (uint64_t)6 << 30;
	unsigned char page[4096];
	struct cut_disk d;
	struct stat st;

	(void)state;
	fresh(&d, size, 3);
	memset(page, 7, sizeof page);
	assert_int_equal(cut_disk_write(&d, page, sizeof page, size / 2, false), 0);
	cut_disk_flush(&d);
	assert_int_equal(cut_disk_write(&d, NULL, size - 4096, 4096, false), 0);
	assert_int_equal(cut_disk_power_off(&d), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks <= 16);
	assert_int_equal(st.st_size, size);
	cut_disk_close(&d);
}

static void refuses(void **state)
{
	unsigned char sector[512] = {0};
	struct cut_disk d;

	(void)state;
	fresh(&d, 64 * CUT_SECTOR, 1);
	assert_int_equal(cut_disk_write(&d, sector, 100, 0, false), -EINVAL);
	assert_int_equal(cut_disk_write(&d, sector, 512, 1, false), -EINVAL);
	assert_int_equal(cut_disk_write(&d, sector, 512, 64 * 512, false), -ENOSPC);
	assert_int_equal(d.writes, 0);
	cut_disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_may_be),
	    cmocka_unit_test(flushed_is_kept),
	    cmocka_unit_test(fua_is_kept),
	    cmocka_unit_test(tears_at_units),
	    cmocka_unit_test(same_seed_same_end),
	    cmocka_unit_test(holes_stay),
	    cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The archive of a pair: what is packed comes back, and nothing damaged is ever taken for data. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/stick/archive.h"
#include "builder/stick/pack.h"
#include "lib/core/file.h"
#include "lib/core/mem.h"

#define SIZE ((9u << 20) + 1024) /* three frames, the last a short one */
#define BASE 8192

static char dir[] = "/tmp/rh-archive-XXXXXX";
static uint8_t *image[2];
static char *path[2], *packed;
static uint64_t length;

static void put(const char *name, const uint8_t *data)
{
	struct rh_err err;

	assert_int_equal(rh_file_write(AT_FDCWD, name, 0644, data, SIZE, &err), 0);
}

static int pack(const char *target, int level, struct rh_err *err)
{
	struct rh_pack p = {.image = {path[0], path[1]},
			    .recipe = "small \"x\"",
			    .key = "k",
			    .manifest = "{\"version\": 1}",
			    .manifest_len = 14,
			    .level = level};
	RH_CLOSE int fd = open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	for (int i = 0; i < 2; i++)
		assert_int_equal(rh_sha256_file(AT_FDCWD, path[i], p.sha256[i], NULL, NULL, err),
				 0);
	return rh_pack(&p, fd, BASE, &length, err);
}

/* The archive alone: it starts at BASE of the file. */
static void cut_out(const char *from, const char *to)
{
	RH_STR struct rh_str s = {0};
	struct rh_err err;

	assert_int_equal(rh_file_read(AT_FDCWD, from, 1u << 28, &s, &err), 0);
	assert_int_equal(s.len, BASE + length);
	assert_int_equal(rh_file_write(AT_FDCWD, to, 0644, s.data + BASE, s.len - BASE, &err), 0);
}

static int setup(void **state)
{
	RH_FREE char *whole = NULL;
	struct rh_err err;
	uint32_t x = 12345;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++) {
		image[i] = rh_xalloc(SIZE);
		path[i] = rh_xasprintf("%s/%c.img", dir, "ab"[i]);
	}
	for (size_t i = 0; i < 300000; i++) {
		x = x * 1664525 + 1013904223;
		image[0][i] = (uint8_t)(x >> 24);
		image[0][SIZE - 1 - i % 700] = (uint8_t)(x >> 16);
	}
	memcpy(image[1], image[0], SIZE);
	image[1][512] ^= 1;			 /* one sector */
	memset(image[1] + SIZE - 1024, 7, 1024); /* the last two */
	put(path[0], image[0]);
	put(path[1], image[1]);
	packed = rh_xasprintf("%s/archive", dir);
	whole = rh_xasprintf("%s/whole", dir);
	assert_int_equal(pack(whole, 3, &err), 0);
	assert_int_equal(length % RH_ARCHIVE_ALIGN, 0);
	cut_out(whole, packed);
	return 0;
}

static int teardown(void **state)
{
	struct rh_err err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		free(image[i]);
		free(path[i]);
	}
	free(packed);
	return rh_remove_tree(AT_FDCWD, dir, &err);
}

static void test_comes_back(void **state)
{
	static const size_t pieces[] = {512, 4096, 1000000, SIZE};
	RH_FREE uint8_t *buf = rh_xalloc(SIZE);
	struct rh_archive *a = NULL;
	struct rh_err err = {""};

	(void)state;
	assert_int_equal(rh_archive_open(packed, &a, &err), 0);
	assert_string_equal(rh_archive_index(a)->recipe, "small \"x\"");
	assert_int_equal(rh_archive_index(a)->n_frames, 3);
	assert_true(rh_archive_index(a)->frames[1].zero);
	assert_int_equal(rh_archive_index(a)->n_patches, 3);
	assert_int_equal(rh_archive_index(a)->n_data, 2);
	for (unsigned member = 0; member < 2; member++)
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			for (size_t at = 0; at < SIZE; at += pieces[k]) {
				size_t n = SIZE - at < pieces[k] ? SIZE - at : pieces[k];

				assert_int_equal(rh_archive_read(a, member, at, buf + at, n, &err),
						 0);
			}
			assert_memory_equal(buf, image[member], SIZE);
		}
	assert_int_equal(rh_archive_check(a, NULL, NULL, &err), 0);
	assert_int_equal(rh_archive_read(a, 0, SIZE - 1, buf, 2, &err), -EINVAL);
	rh_archive_close(&a);
}

/* The extents follow from the bytes: where the file has holes does not show. */
static void test_holes_do_not_show(void **state)
{
	RH_FREE char *sparse = rh_xasprintf("%s/sparse", dir);
	RH_FREE char *again = rh_xasprintf("%s/again", dir);
	RH_STR struct rh_str one = {0}, two = {0};
	char *keep = path[0];
	struct rh_err err;
	RH_CLOSE int fd = open(sparse, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	(void)state;
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(pwrite(fd, image[0], 300000, 0), 300000);
	assert_int_equal(pwrite(fd, image[0] + SIZE - 700, 700, SIZE - 700), 700);
	path[0] = sparse;
	assert_int_equal(pack(again, 3, &err), 0);
	path[0] = keep;
	cut_out(again, sparse);
	assert_int_equal(rh_file_read(AT_FDCWD, packed, 1u << 28, &one, &err), 0);
	assert_int_equal(rh_file_read(AT_FDCWD, sparse, 1u << 28, &two, &err), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
}

static void test_not_a_pair(void **state)
{
	RH_FREE char *other = rh_xasprintf("%s/other", dir);
	RH_FREE uint8_t *bytes = rh_xalloc(SIZE);
	char *keep = path[1];
	struct rh_err err = {""};

	(void)state;
	memset(bytes, 3, SIZE);
	put(other, bytes);
	path[1] = other;
	assert_int_equal(pack(packed + 0, 1, &err) == 0, 0);
	path[1] = keep;
	assert_non_null(strstr(err.text, "not the two disks of one pair"));
	{
		RH_FREE char *whole = rh_xasprintf("%s/whole", dir);

		assert_int_equal(pack(whole, 3, &err), 0);
		cut_out(whole, packed);
	}
}

/* Open, and read all of it: with a damaged archive one of the two must fail, or the bytes are the
 * right ones (the damage was in padding or in what only other programs read). */
static void try_damaged(const char *name)
{
	RH_FREE uint8_t *buf = rh_xalloc(SIZE);
	struct rh_archive *a = NULL;
	struct rh_err err = {""};

	if (rh_archive_open(name, &a, &err) < 0) {
		assert_true(*err.text);
		return;
	}
	for (unsigned member = 0; member < 2; member++)
		if (rh_archive_read(a, member, 0, buf, SIZE, &err) == 0)
			assert_memory_equal(buf, image[member], SIZE);
	rh_archive_close(&a);
}

static void test_damage(void **state)
{
	RH_FREE char *name = rh_xasprintf("%s/damaged", dir);
	RH_STR struct rh_str s = {0};
	struct rh_err err;
	uint32_t x = 99;

	(void)state;
	assert_int_equal(rh_file_read(AT_FDCWD, packed, 1u << 28, &s, &err), 0);
	for (int i = 0; i < 300; i++) {
		size_t at = i < 200 ? (size_t)i : (x = x * 1664525 + 1013904223) % s.len;
		char keep = s.data[at];

		s.data[at] = (char)(keep ^ (1 << i % 8));
		assert_int_equal(rh_file_write(AT_FDCWD, name, 0644, s.data, s.len, &err), 0);
		try_damaged(name);
		s.data[at] = keep;
	}
}

static void test_cut_off(void **state)
{
	RH_FREE char *name = rh_xasprintf("%s/short", dir);
	RH_STR struct rh_str s = {0};
	struct rh_archive *a = NULL;
	struct rh_err err;
	size_t cuts[] = {0, 1, 8, 183, 4095, 4096, 5000, 100000, 299999};

	(void)state;
	assert_int_equal(rh_file_read(AT_FDCWD, packed, 1u << 28, &s, &err), 0);
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts + 1; i++) {
		size_t n = i < sizeof cuts / sizeof *cuts ? cuts[i] : s.len - 1;

		assert_int_equal(rh_file_write(AT_FDCWD, name, 0644, s.data, n, &err), 0);
		assert_true(rh_archive_open(name, &a, &err) < 0);
	}
	/* A partition may be longer. */
	rh_str_addn(&s, "garbage", 7);
	assert_int_equal(rh_file_write(AT_FDCWD, name, 0644, s.data, s.len, &err), 0);
	assert_int_equal(rh_archive_open(name, &a, &err), 0);
	rh_archive_close(&a);
}

#define HEX  "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD "{\"recipe\":\"x\",\"key\":\"k\",\"a.img\":\"" HEX "\",\"b.img\":\"" HEX "\","

/* Each index is right but for one thing. */
static void test_index_refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "[]",
	    "{}",
	    "nul\0l",
	    HEAD "\"frames\":[[9,\"" HEX
		 "\"]],\"data\":[[0,512]],\"b\":[]}", /* a frame is missing */
	    HEAD "\"frames\":[[9,\"" HEX "\"],[0]],\"data\":[[0,512]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[-1]],\"data\":[[0,512]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[99999999999]],\"data\":[[0,512]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[900000]],\"data\":[[0,512]],\"b\":[]}", /* > index */
	    HEAD "\"frames\":[[9,\"00\"],[9]],\"data\":[[0,512]],\"b\":[]}",
	    HEAD "\"frames\":[9,9],\"data\":[[0,512]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,511]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,512],[0,512]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,1048576]],\"b\":[]}", /* zeros */
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9,\"" HEX "\"]],\"data\":[[0,9000960]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[512,9223372036854775296]],\"b\":[]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,512]]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,512]],\"b\":[[0,\"00\"]]}",
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,512]],\"b\":[[0,1]]}",
	};
	static const char good[] =
	    HEAD "\"frames\":[[9,\"" HEX "\"],[9]],\"data\":[[0,512]],\"b\":[]}";
	struct rh_archive_header h = {.frame_size = 65536,
				      .length = 1 << 20,
				      .image_size = 131072,
				      .index_at = 5000,
				      .index_len = 100};
	struct rh_archive_index x;
	struct rh_err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (rh_archive_index_parse(cases[i], strlen(cases[i]), &h, &x, &err) != -EINVAL)
			fail_msg("case %zu was taken", i);
	assert_int_equal(rh_archive_index_parse(good, sizeof good - 1, &h, &x, &err), 0);
	rh_archive_index_free(&x);
	for (size_t n = 0; n < sizeof good - 1; n++)
		assert_int_equal(rh_archive_index_parse(good, n, &h, &x, &err), -EINVAL);
}

static void test_header_refused(void **state)
{
	struct rh_archive_header h = {.frame_size = 65536,
				      .length = 1 << 20,
				      .image_size = 131072,
				      .index_at = 5000,
				      .index_len = 100},
				 out;
	uint8_t bytes[RH_ARCHIVE_HEADER];
	struct rh_err err;

	(void)state;
	memset(h.index_sha256, '0', 64);
	rh_archive_header_encode(&h, bytes);
	assert_int_equal(rh_archive_header_decode(bytes, 1 << 20, &out, &err), 0);
	assert_int_equal(rh_archive_header_decode(bytes, (1 << 20) - 1, &out, &err), -EIO);
	for (int i = 0; i < 184 * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(rh_archive_header_decode(bytes, 1 << 20, &out, &err) < 0);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	h.index_len = 1 << 20;
	rh_archive_header_encode(&h, bytes);
	assert_int_equal(rh_archive_header_decode(bytes, 1 << 20, &out, &err), -EINVAL);
	h.index_len = 100;
	h.frame_size = 1000;
	rh_archive_header_encode(&h, bytes);
	assert_int_equal(rh_archive_header_decode(bytes, 1 << 20, &out, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comes_back),	   cmocka_unit_test(test_holes_do_not_show),
	    cmocka_unit_test(test_not_a_pair),	   cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_cut_off),	   cmocka_unit_test(test_index_refused),
	    cmocka_unit_test(test_header_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/digest: the known digests, files, and parts that do not run into one another. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/core/file.h"
#include "lib/digest.h"

/* FIPS 180-2, the example of one block */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void known_digest(void **state)
{
	struct rh_digest *d = rh_digest_new();
	char hex[RH_SHA256_HEX];

	(void)state;
	rh_digest_data(d, "a", 1);
	rh_digest_data(d, "", 0);
	rh_digest_data(d, "bc", 2);
	rh_digest_final(&d, hex);
	assert_null(d);
	assert_string_equal(hex, ABC);
}

static void two_parts(char hex[RH_SHA256_HEX], const char *name, const char *a, const char *b)
{
	struct rh_digest *d = rh_digest_new();

	rh_digest_part(d, name, a, strlen(a));
	rh_digest_part(d, "", b, strlen(b));
	rh_digest_final(&d, hex);
}

static void parts_do_not_meet(void **state)
{
	char x[RH_SHA256_HEX], y[RH_SHA256_HEX];

	(void)state;
	two_parts(x, "", "ab", "c");
	two_parts(y, "", "a", "bc");
	assert_string_not_equal(x, y);
	two_parts(x, "n", "ab", "");
	two_parts(y, "na", "b", "");
	assert_string_not_equal(x, y);
}

static void count(void *arg, uint64_t pos)
{
	*(uint64_t *)arg = pos;
}

static void files(void **state)
{
	char dir[] = "/tmp/rh-digest-XXXXXX", hex[RH_SHA256_HEX] = "unchanged";
	struct rh_err err = {0};
	uint64_t pos = 0;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rh_sha256_file(fd, "f", hex, NULL, NULL, &err), -ENOENT);
	assert_string_equal(hex, "unchanged");
	assert_non_null(strstr(err.text, "f"));
	assert_int_equal(rh_file_write(fd, "f", 0600, "abc", 3, NULL), 0);
	assert_int_equal(rh_sha256_file(fd, "f", hex, count, &pos, &err), 0);
	assert_string_equal(hex, ABC);
	assert_int_equal(pos, 3);
	close(fd);
	assert_int_equal(rh_remove_tree(AT_FDCWD, dir, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_digest),
	    cmocka_unit_test(parts_do_not_meet),
	    cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

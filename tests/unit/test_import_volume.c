/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file system a volume has, and whether its journal is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/core/mem.h"
#include "rootfs/import/run.h"

/* A volume whose first 2048 bytes are zero but for N bytes at AT, and INCOMPAT. */
static const char *kind(const char *bytes, size_t at, unsigned char incompat, bool *unclean)
{
	int fd RH_CLOSE = memfd_create("volume", MFD_CLOEXEC);
	unsigned char buf[2048] = {0};
	const char *options = "";

	memcpy(buf + at, bytes, strlen(bytes));
	buf[1024 + 96] = incompat;
	assert_int_equal(write(fd, buf, sizeof buf), sizeof buf);
	*unclean = true;
	return rh_volume_kind(fd, &options, unclean);
}

static void knows_file_systems(void **state)
{
	bool unclean;
	(void)state;
	assert_string_equal(kind("\x53\xef", 1024 + 56, 0x42, &unclean), "ext4");
	assert_false(unclean);
	assert_string_equal(kind("XFSB", 0, 0, &unclean), "xfs");
	assert_false(unclean);
	assert_null(kind("NTFS", 3, 0, &unclean));
}

static void sees_a_journal_that_is_needed(void **state)
{
	bool unclean;
	(void)state;
	assert_string_equal(kind("\x53\xef", 1024 + 56, 0x46, &unclean), "ext4");
	assert_true(unclean);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_file_systems),
	    cmocka_unit_test(sees_a_journal_that_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

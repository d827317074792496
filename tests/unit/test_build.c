// SPDX-License-Identifier: GPL-2.0-or-later
/* What a build may replace, and what of the cache it may use again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/build.h"
#include "builder/cache.h"
#include "builder/made.h"
#include "builder/manifest.h"
#include "lib/core/file.h"

static char dir[] = "/tmp/rh-build-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && chdir(dir) == 0 && setenv("RH_CACHE", dir, 1) == 0 ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rh_remove_tree(AT_FDCWD, dir, NULL) : -1;
}

static void put(const char *path)
{
	assert_int_equal(rh_file_write(AT_FDCWD, path, 0644, "x", 1, NULL), 0);
}

static void only_a_pair_may_be_replaced(void **state)
{
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_manifest_replaceable("absent", &err), 0);
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(rh_manifest_replaceable("folder", &err), 0);
	put("folder/a.img");
	put("folder/manifest.json");
	assert_int_equal(rh_manifest_replaceable("folder", &err), 0);
	put("folder/thesis.tex");
	assert_int_equal(rh_manifest_replaceable("folder", &err), -EEXIST);
	assert_non_null(strstr(err.text, "thesis.tex"));
	put("file");
	assert_int_equal(rh_manifest_replaceable("file", &err), -ENOTDIR);
	assert_int_equal(symlink("folder", "link"), 0);
	assert_int_equal(rh_manifest_replaceable("link", &err), -ENOTDIR);
}

static void a_build_refuses_a_folder_of_other_things(void **state)
{
	struct rh_plan plan = {0};
	struct rh_build b = {.plan = &plan, .data_dir = dir, .target = "home"};
	struct rh_err err;
	bool unchanged;

	(void)state;
	assert_int_equal(mkdir("home", 0755), 0);
	put("home/thesis.tex");
	assert_int_equal(rh_build_pair(&b, &unchanged, &err), -EEXIST);
	assert_true(rh_exists(AT_FDCWD, "home/thesis.tex"));
}

static void settings_that_mean_nothing_are_refused(void **state)
{
	static const char *const dates[] = {"yesterday", "-1", " 1", "12x", "123456789012"};
	struct rh_plan plan = {0};
	struct rh_build b = {.plan = &plan, .data_dir = dir, .target = "absent"};
	char *path = NULL;
	struct rh_err err;
	bool unchanged;

	(void)state;
	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		setenv("SOURCE_DATE_EPOCH", dates[i], 1);
		assert_int_equal(rh_build_pair(&b, &unchanged, &err), -EINVAL);
		assert_non_null(strstr(err.text, "SOURCE_DATE_EPOCH"));
	}
	unsetenv("SOURCE_DATE_EPOCH");
	setenv("RH_CACHE", "relative", 1);
	assert_int_equal(rh_cache_path("tree", "key", ".tar", &path, &err), -EINVAL);
	setenv("RH_CACHE", dir, 1);
}

static void a_tree_made_anew_gets_its_own_boot_files(void **state)
{
	char *first = NULL, *again = NULL, *later = NULL;
	struct rh_err err;

	(void)state;
	put("root.tar");
	assert_int_equal(rh_made_boot_place("key", "root.tar", 7, &first, &err), 0);
	assert_int_equal(rh_made_boot_place("key", "root.tar", 7, &again, &err), 0);
	assert_string_equal(first, again);
	assert_int_equal(rh_file_write(AT_FDCWD, "root.tar", 0644, "xy", 2, &err), 0);
	assert_int_equal(rh_made_boot_place("key", "root.tar", 7, &later, &err), 0);
	assert_string_not_equal(first, later);
	free(later);
	assert_int_equal(rh_made_boot_place("key", "root.tar", 8, &later, &err), 0);
	assert_string_not_equal(first, later);
	free(first);
	free(again);
	free(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_a_pair_may_be_replaced),
	    cmocka_unit_test(a_build_refuses_a_folder_of_other_things),
	    cmocka_unit_test(settings_that_mean_nothing_are_refused),
	    cmocka_unit_test(a_tree_made_anew_gets_its_own_boot_files),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

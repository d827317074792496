// SPDX-License-Identifier: GPL-2.0-or-later
/* The state machine, markers, and changes of files in a tree of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/state.h"

static char dir[64];

static int open_tree(void **state)
{
	struct rh_setup *s = rh_xalloc(sizeof *s);

	strcpy(dir, "/tmp/rh-state-XXXXXX");
	if (!mkdtemp(dir) || rh_setup_open(s, dir, NULL) < 0)
		return -1;
	*state = s;
	return 0;
}

static int close_tree(void **state)
{
	struct rh_setup *s = *state;

	rh_setup_close(s);
	free(s);
	return rh_remove_tree(AT_FDCWD, dir, NULL);
}

static void test_words(void **state)
{
	enum rh_state st;

	(void)state;
	for (int i = 0; i < RH_STATE_N; i++) {
		assert_int_equal(rh_state_parse(rh_state_name((enum rh_state)i), &st), 0);
		assert_int_equal(st, i);
	}
	assert_int_equal(rh_state_parse("closed\n", &st), 0);
	assert_int_equal(rh_state_parse("close", &st), -EINVAL);
	assert_int_equal(rh_state_parse("closed ", &st), -EINVAL);
	assert_int_equal(rh_state_parse("", &st), -EINVAL);
}

static void test_transitions(void **state)
{
	/* Row: from; column: to; in the order of the enum. */
	static const bool may[RH_STATE_N][RH_STATE_N] = {
	    {0, 1, 0, 0, 0}, {0, 0, 1, 0, 1}, {0, 1, 0, 1, 0}, {0, 0, 1, 0, 1}, {0, 0, 0, 0, 0},
	};

	(void)state;
	for (int i = 0; i < RH_STATE_N; i++)
		for (int k = 0; k < RH_STATE_N; k++)
			assert_int_equal(rh_state_may((enum rh_state)i, (enum rh_state)k),
					 may[i][k]);
}

static void test_kept(void **state)
{
	struct rh_setup *s = *state;
	struct rh_err err;
	enum rh_state st;

	assert_int_equal(rh_state_read(s, &st, NULL), 0);
	assert_int_equal(st, RH_STATE_UNCONFIGURED);
	assert_int_equal(rh_state_set(s, RH_STATE_LIVE, &err), -EPERM);
	assert_string_equal(err.text, "the machine is unconfigured: it cannot become live");
	assert_int_equal(rh_state_set(s, RH_STATE_CLOSED, NULL), 1);
	assert_int_equal(rh_state_set(s, RH_STATE_CLOSED, NULL), 0);
	assert_int_equal(rh_state_read(s, &st, NULL), 0);
	assert_int_equal(st, RH_STATE_CLOSED);
	assert_int_equal(rh_file_write(s->root, "var/lib/rehome/state", 0644, "x", 1, NULL), 0);
	assert_int_equal(rh_state_read(s, &st, &err), -EINVAL);
	assert_int_equal(rh_state_set(s, RH_STATE_CLOSED, NULL), -EINVAL);
}

static void test_markers(void **state)
{
	struct rh_setup *s = *state;
	RH_STR struct rh_str text = {0};

	assert_int_equal(rh_marker_read(s, "applied/x", &text, NULL), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(rh_marker_set(s, "applied/x", "abc", NULL), 1);
	assert_int_equal(rh_marker_set(s, "applied/x", "abc", NULL), 0);
	assert_true(rh_marker_there(s, "applied/x"));
	assert_int_equal(rh_marker_read(s, "applied/x", &text, NULL), 0);
	assert_string_equal(text.data, "abc\n");
	assert_int_equal(rh_marker_clear(s, "applied/x", NULL), 1);
	assert_int_equal(rh_marker_clear(s, "applied/x", NULL), 0);
	assert_false(rh_marker_there(s, "applied/x"));
}

static void test_files(void **state)
{
	struct rh_setup *s = *state;
	const struct rh_target t = {.path = "/etc/deep/file", .mode = 0640};
	struct stat st;

	assert_int_equal(rh_change_file(s, &t, "one", 3, NULL), 1);
	assert_int_equal(rh_change_file(s, &t, "one", 3, NULL), 0);
	assert_int_equal(rh_change_differs(s, &t, "two", 3, NULL), 1);
	assert_int_equal(fchmodat(s->root, "etc/deep/file", 0644, 0), 0);
	assert_int_equal(rh_change_file(s, &t, "one", 3, NULL), 1);
	assert_int_equal(fstatat(s->root, "etc/deep/file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(rh_change_file(s, &t, "", 0, NULL), 1);
	assert_int_equal(rh_change_file(s, &t, "", 0, NULL), 0);
}

static void test_links_are_not_followed(void **state)
{
	struct rh_setup *s = *state;
	const struct rh_target last = {.path = "/etc/name", .mode = 0644};
	const struct rh_target way = {.path = "/link/name", .mode = 0644};
	const struct rh_target folder = {.path = "/link", .mode = 0755};
	struct rh_err err = {{0}};
	struct stat st;

	assert_int_equal(rh_mkdirs(s->root, "etc", 0755, NULL), 0);
	assert_int_equal(rh_mkdirs(s->root, "elsewhere", 0755, NULL), 0);
	assert_int_equal(symlinkat("../elsewhere/victim", s->root, "etc/name"), 0);
	assert_int_equal(symlinkat("elsewhere", s->root, "link"), 0);
	assert_int_equal(rh_change_file(s, &last, "x", 1, NULL), 1);
	assert_false(rh_exists(s->root, "elsewhere/victim"));
	assert_int_equal(fstatat(s->root, "etc/name", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(rh_change_file(s, &way, "x", 1, &err), -ELOOP);
	assert_int_equal(rh_change_dir(s, &folder, &err), -ENOTDIR);
	assert_false(rh_exists(s->root, "elsewhere/name"));
}

static void test_leftovers_are_swept(void **state)
{
	struct rh_setup *s = *state;
	const struct rh_target t = {.path = "/etc/file", .mode = 0644};

	assert_int_equal(rh_mkdirs(s->root, "etc", 0755, NULL), 0);
	assert_int_equal(rh_file_write(s->root, "etc/file.tmp-abcd0123", 0644, "half", 4, NULL), 0);
	assert_int_equal(rh_change_file(s, &t, "whole", 5, NULL), 1);
	assert_false(rh_exists(s->root, "etc/file.tmp-abcd0123"));
}

static void test_dry_run(void **state)
{
	struct rh_setup *s = *state;
	const struct rh_target t = {.path = "/etc/deep/file", .mode = 0644, .owner = "nobodyhere"};
	const struct rh_target d = {.path = "/srv/mail", .mode = 0755};
	RH_STRV struct rh_strv names = {0};

	s->dry_run = true;
	assert_int_equal(rh_change_file(s, &t, "x", 1, NULL), 1);
	assert_int_equal(rh_change_dir(s, &d, NULL), 1);
	assert_int_equal(rh_change_link(s, "/etc/l", "x", NULL), 1);
	assert_int_equal(s->changed.n, 3);
	assert_int_equal(rh_list_dir(s->root, ".", &names, NULL), 0);
	assert_int_equal(names.n, 0);
}

#define tree_test(f) cmocka_unit_test_setup_teardown(f, open_tree, close_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_transitions),
	    tree_test(test_kept),
	    tree_test(test_markers),
	    tree_test(test_files),
	    tree_test(test_links_are_not_followed),
	    tree_test(test_leftovers_are_swept),
	    tree_test(test_dry_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

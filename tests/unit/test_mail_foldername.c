/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folder names: what is valid mUTF-7, what becomes of everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rootfs/mail/foldername.h"

static void valid(void **state)
{
	static const struct {
		const char *name;
		bool valid;
	} cases[] = {
	    {"Sent", true},
	    {"a&-b", true},
	    {"&ZeVnLIqe-", true},
	    {"a b", true},
	    {"&2DzfDQ-", true},
	    {"a&b", false},
	    {"&", false},
	    {"&ZeVnLIqe", false},
	    {"&AGE-", false}, /* ASCII in a run */
	    {"&2Dw-", false},
	    {"&Z-", false},
	    {"\xe6\x97\xa5", false},
	    {"&ZeU-&ZyyKng-", false},
	    {"&ZeV-", false},
	    {"&Ze/nLIqe-", false},
	    {"", true},
	    {"&-&-", true},
	    {"&ZeU-&-", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (rh_mutf7_valid(cases[i].name, strlen(cases[i].name)) != cases[i].valid)
			fail_msg("%s", cases[i].name);
}

static void encode(void **state)
{
	static const struct {
		const char *utf8, *mutf7;
	} cases[] = {
	    {"Sent", "Sent"},
	    {"a&b", "a&-b"},
	    {"日本語", "&ZeVnLIqe-"},
	    {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
	    {"😀", "&2D3eAA-"},
	    {"é&é", "&AOk-&-&AOk-"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rh_str out = {0};
		rh_mutf7_encode(cases[i].utf8, strlen(cases[i].utf8), &out);
		assert_string_equal(out.data, cases[i].mutf7);
		assert_true(rh_mutf7_valid(out.data, out.len));
		rh_str_free(&out);
	}
}

static void folders(void **state)
{
	static const struct {
		const char *name, *want;
		enum rh_name_how how;
	} cases[] = {
	    {"Sent.2004", "Sent.2004", RH_NAME_KEPT},
	    {"&ZeVnLIqe-.x", "&ZeVnLIqe-.x", RH_NAME_KEPT},
	    {"日本語.&ZeVnLIqe-", "&ZeVnLIqe-.&ZeVnLIqe-", RH_NAME_UTF8},
	    {"a&b", "a&-b", RH_NAME_UTF8},
	    {"\x83\x81\x81\x5b\x83\x8b", "&MOEw,DDr-", RH_NAME_CHARSET}, /* CP932 */
	    {"\xa5\xe1\xa1\xbc\xa5\xeb", "&MOEw,DDr-", RH_NAME_CHARSET}, /* EUC-JP */
	    {"\x1b$B%a!<%k\x1b(B", "&MOEw,DDr-", RH_NAME_CHARSET},	 /* ISO-2022-JP */
	    {"\x1b$BF|.|K\x1b(B", NULL, RH_NAME_CHARSET}, /* with a '.' inside a kanji */
	    {"a\xff\xfe", "a__", RH_NAME_FORCED},
	    {"trail.", "trail", RH_NAME_FORCED},
	    {"a..b", "a.b", RH_NAME_FORCED},
	    {".", "_", RH_NAME_FORCED},
	    {"", "_", RH_NAME_FORCED},
	    {"~x", "_x", RH_NAME_FORCED},
	    {"inbox", "inbox_", RH_NAME_FORCED},
	    {"INBOX.x", "INBOX.x", RH_NAME_KEPT},
	    {"a\tb", "a_b", RH_NAME_FORCED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rh_arena *arena = rh_arena_new();
		enum rh_name_how how;
		const char *charset;
		char *got = rh_folder_name(arena, cases[i].name, &how, &charset);
		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
		assert_true(rh_mutf7_valid(got, strlen(got)));
		if (cases[i].want)
			assert_int_equal(how, cases[i].how);
		rh_arena_free(&arena);
	}
}

static void long_names(void **state)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_str a = {0};
	enum rh_name_how how;
	const char *charset;
	(void)state;
	for (int i = 0; i < 80; i++)
		rh_str_add(&a, "日");
	char *one = rh_folder_name(arena, a.data, &how, &charset);
	assert_true(strlen(one) <= RH_FOLDER_MAX);
	rh_str_add(&a, ".本");
	for (int i = 0; i < 60; i++)
		rh_str_add(&a, "x.");
	char *two = rh_folder_name(arena, a.data, &how, &charset);
	assert_true(strlen(two) <= RH_FOLDER_MAX);
	assert_true(rh_mutf7_valid(two, strlen(two)));
	assert_string_not_equal(one, two);
	assert_int_equal(how, RH_NAME_FORCED);
	rh_str_free(&a);
	rh_arena_free(&arena);
}

/* Every string of two bytes, and every prefix of a long one: always a name that Dovecot can open.
 */
static void always_valid(void **state)
{
	static const char text[] = "&ZeVn\x1b$B%a\xe6\x97\xa5.\x83\x81.~&&-\xff.INBOX.&2D3eAA-";
	(void)state;
	for (unsigned v = 1; v < 0x10000; v++) {
		struct rh_arena *arena = rh_arena_new();
		char s[3] = {(char)(v & 255), (char)(v >> 8), 0};
		enum rh_name_how how;
		const char *charset;
		if (s[0] == 0 || s[0] == '/' || s[1] == '/')
			goto next;
		char *got = rh_folder_name(arena, s, &how, &charset);
		if (!*got || !rh_mutf7_valid(got, strlen(got)))
			fail_msg("%02x %02x", (unsigned char)s[0], (unsigned char)s[1]);
	next:
		rh_arena_free(&arena);
	}
	for (size_t n = 0; n < sizeof text; n++) {
		struct rh_arena *arena = rh_arena_new();
		char *cut = rh_arena_strndup(arena, text, n);
		enum rh_name_how how;
		const char *charset;
		char *got = rh_folder_name(arena, cut, &how, &charset);
		assert_true(rh_mutf7_valid(got, strlen(got)));
		rh_arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(valid),	  cmocka_unit_test(encode),	  cmocka_unit_test(folders),
	    cmocka_unit_test(long_names), cmocka_unit_test(always_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

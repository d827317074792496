/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/json: what is refused and where, positions, look-ups, sizes; each text also cut at each byte.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json_p.h"

static int parse(const char *text, struct rh_json **out, struct rh_diags *d)
{
	return rh_json_parse(text, strlen(text), "t.json", out, d);
}

static void accepts_what_rfc_8259_accepts(void **state)
{
	static const char *const good[] = {
	    "{}",
	    "[]",
	    " [ ] \r\n",
	    "0",
	    "-0",
	    "12",
	    "-1.5e+3",
	    "\"\"",
	    "true",
	    "false",
	    "null",
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
	    "\"メール\"",
	    "{\"a\":{\"a\":1},\"b\":[1,2,{\"a\":null}]}",
	    "9223372036854775807",
	    "-9223372036854775808",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct rh_diags d = {0};
		struct rh_json *j = NULL;

		assert_int_equal(parse(good[i], &j, &d), 0);
		assert_int_equal(d.n, 0);
		rh_json_free(&j);
		assert_null(j);
	}
}

static void refuses_with_line_and_words(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *where, *says;
	} bad[] = {
	    {"", 1, "", "empty"},
	    {"{\n\n  \"a\": 1\n  \"b\": 2\n}", 4, "", "expected \",\" or \"}\""},
	    {"[1,\n2,\n]", 3, "", "a value after the comma"},
	    {"{\"a\": [1, {\"b\": x}]}", 1, "a[1].b", "expected a value"},
	    {"{\"a\": tru}", 1, "a", "expected a value"},
	    {"{\"a\": nullx}", 1, "a", "expected a value"},
	    {"[01]", 1, "[0]", "must not begin with 0"},
	    {"[+1]", 1, "[0]", "expected a value"},
	    {"[.5]", 1, "[0]", "expected a value"},
	    {"[1.]", 1, "[0]", "decimal point"},
	    {"[NaN]", 1, "[0]", "expected a value"},
	    {"9223372036854775808", 1, "", "too large"},
	    {"\"\xc0\x80\"", 1, "", "UTF-8"},
	    {"\"\xed\xa0\x80\"", 1, "", "UTF-8"},
	    {"\"\xf4\x90\x80\x80\"", 1, "", "UTF-8"},
	    {"\"\xe3\x83\"", 1, "", "UTF-8"},
	    {"\"\\ud800\\u0041\"", 1, "", "surrogate"},
	    {"\"\x01\"", 1, "", "control character"},
	    {"{} {}", 1, "", "end of the file"},
	    {"{\"a\":1,\n\"\\u0061\":2}", 2, "a", "duplicate key \"a\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rh_diags d = {0};
		struct rh_json *j = NULL;

		assert_int_equal(parse(bad[i].text, &j, &d), -EINVAL);
		assert_null(j);
		assert_int_equal(d.n, 1);
		assert_int_equal(d.v[0].line, bad[i].line);
		assert_string_equal(d.v[0].where, bad[i].where);
		assert_non_null(strstr(d.v[0].text, bad[i].says));
		rh_diags_free(&d);
	}
}

/* Every beginning of a text is either whole or refused; no byte beyond it is looked at. */
static void every_cut_is_refused(void **state)
{
	static const char text[] =
	    "{\"k\\u00e9\": [1.5e3, -2, true, null, \"\\ud83d\\ude00é\"], \"o\": {\"x\": {}}}";
	size_t n = sizeof text - 1;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct rh_diags d = {0};
		struct rh_json *j = NULL;
		char *copy = malloc(i + 1); /* exact, so that the sanitizer sees an overrun */

		assert_non_null(copy);
		memcpy(copy, text, i);
		assert_int_equal(rh_json_parse(copy, i, "t", &j, &d), -EINVAL);
		assert_int_equal(d.n, 1);
		rh_diags_free(&d);
		free(copy);
	}
}

/* Each byte in turn becomes another: never a crash, and json-c never refuses what we accept. */
static void changed_bytes_do_no_harm(void **state)
{
	static const char text[] = "{\"a\": [1, -2.5, \"x\\n\"], \"b\": {\"c\": true}}";
	char copy[sizeof text];

	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++) {
		for (int c = 0; c < 256; c++) {
			struct rh_diags d = {0};
			struct rh_json *j = NULL;

			memcpy(copy, text, sizeof text);
			copy[i] = (char)c;
			if (rh_json_parse(copy, sizeof text - 1, "t", &j, &d) < 0) {
				assert_true(d.n > 0);
				assert_null(strstr(d.v[0].text, "json-c"));
			}
			rh_json_free(&j);
			rh_diags_free(&d);
		}
	}
}

static void all_duplicates_are_listed(void **state)
{
	struct rh_diags d = {0};
	struct rh_json *j = NULL;

	(void)state;
	assert_int_equal(parse("{\"a\":1,\n\"b\":{\"c\":1,\n\"c\":2},\n\"a\":3,\n\"a\":4}", &j, &d),
			 -EINVAL);
	rh_diags_sort(&d);
	assert_int_equal(d.n, 3);
	assert_string_equal(d.v[0].where, "b.c");
	assert_int_equal(d.v[0].line, 3);
	assert_int_equal(d.v[1].line, 4);
	assert_int_equal(d.v[2].line, 5);
	rh_diags_free(&d);
}

static void lines_and_look_ups(void **state)
{
	static const char text[] =
	    "{\n\"disk\": {\n\"size\": \"18GiB\"},\n\"list\": [\n1,\n{\"x\": "
	    "true},\n\"s\"], \"i\": 7, \"r\": 4.0, \"f\": 4.5\n}";
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	struct json_object *o;

	(void)state;
	assert_int_equal(parse(text, &j, &d), 0);
	assert_int_equal(rh_json_line(j, ""), 1);
	assert_int_equal(rh_json_line(j, "disk"), 2);
	assert_int_equal(rh_json_line(j, "disk.size"), 3);
	assert_int_equal(rh_json_line(j, "disk.none.deeper[3]"), 2);
	assert_int_equal(rh_json_line(j, "list[1].x"), 6);
	assert_int_equal(rh_json_line(j, "list[9]"), 4);
	assert_int_equal(rh_json_line(j, "nothing"), 1);
	o = rh_json_root(j);
	assert_string_equal(rh_json_str(rh_json_get(o, "disk"), "size", ""), "18GiB");
	assert_string_equal(rh_json_str(o, "i", "def"), "def");
	assert_int_equal(rh_json_int(o, "i", 0), 7);
	assert_int_equal(rh_json_int(o, "r", 0), 4);
	assert_int_equal(rh_json_int(o, "f", -1), -1);
	assert_true(rh_json_bool(rh_json_at(o, "list[1]"), "x", false));
	assert_string_equal(json_object_get_string(rh_json_at(o, "list[2]")), "s");
	assert_null(rh_json_at(o, "list[3]"));
	assert_null(rh_json_at(o, "list[x]"));
	assert_null(rh_json_at(o, "i.x"));
	assert_null(rh_json_get(NULL, "x"));
	rh_json_free(&j);
}

static void depth_is_bounded(void **state)
{
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	char text[2 * RH_JSON_DEPTH + 3];

	(void)state;
	memset(text, '[', RH_JSON_DEPTH);
	memset(text + RH_JSON_DEPTH, ']', RH_JSON_DEPTH);
	assert_int_equal(rh_json_parse(text, (size_t)2 * RH_JSON_DEPTH, "t", &j, &d), 0);
	rh_json_free(&j);
	memset(text, '[', RH_JSON_DEPTH + 1);
	memset(text + RH_JSON_DEPTH + 1, ']', RH_JSON_DEPTH + 1);
	assert_int_equal(rh_json_parse(text, (size_t)2 * RH_JSON_DEPTH + 2, "t", &j, &d), -EINVAL);
	rh_diags_free(&d);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} t[] = {
	    {"0B", 0, 0},
	    {"1B", 0, 1},
	    {"20KiB", 0, 20480},
	    {"18GiB", 0, 18ULL << 30},
	    {"16777215TiB", 0, 16777215ULL << 40},
	    {"16777216TiB", -ERANGE, 0},
	    {"99999999999999999999B", -ERANGE, 0},
	    {"", -EINVAL, 0},
	    {"MiB", -EINVAL, 0},
	    {"1", -EINVAL, 0},
	    {"1MB", -EINVAL, 0},
	    {"1 MiB", -EINVAL, 0},
	    {"-1MiB", -EINVAL, 0},
	    {"1.5MiB", -EINVAL, 0},
	    {"1MiBx", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		uint64_t n = 0;

		assert_int_equal(rh_size_parse(t[i].text, &n), t[i].r);
		assert_true(n == t[i].bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_what_rfc_8259_accepts),
	    cmocka_unit_test(refuses_with_line_and_words),
	    cmocka_unit_test(every_cut_is_refused),
	    cmocka_unit_test(changed_bytes_do_no_harm),
	    cmocka_unit_test(all_duplicates_are_listed),
	    cmocka_unit_test(lines_and_look_ups),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

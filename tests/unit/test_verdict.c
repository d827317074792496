// SPDX-License-Identifier: GPL-2.0-or-later
/* What proofs print becomes checks; when the whole is GO; what an import report must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "builder/importcheck.h"
#include "builder/verdict.h"

static void feed(struct rh_verdict *v, const char *output, int status, const char *why)
{
	rh_verdict_add_output(v, "web", "10-x", output, strlen(output), status, why);
}

static void test_zero_checks(void **state)
{
	struct rh_verdict v = {0};

	(void)state;
	assert_false(rh_verdict_go(&v));
	rh_verdict_add(&v, RH_VERDICT_OWN, "boot", "login", true, "fine");
	assert_false(rh_verdict_go(&v)); /* our own checks prove no service */
	feed(&v, "{\"name\":\"a\",\"ok\":true,\"text\":\"t\"}\n", 0, NULL);
	assert_true(rh_verdict_go(&v));
	rh_verdict_add(&v, RH_VERDICT_OWN, "x", "y", false, "bad");
	assert_false(rh_verdict_go(&v));
	rh_verdict_free(&v);
}

struct output_case {
	const char *output;
	int status;
	const char *why;
	bool go;
	size_t checks;
};

static void test_outputs(void **state)
{
	static const struct output_case cases[] = {
	    {"{\"name\":\"a\",\"ok\":true}\n{\"name\":\"b\",\"ok\":true,\"text\":\"\"}", 0, NULL,
	     true, 2},
	    {"\r\n{\"name\":\"a\",\"ok\":true,\"more\":[1]}\r\n\n", 0, NULL, true, 1},
	    {"{\"name\":\"a\",\"ok\":false,\"text\":\"no\"}\n", 1, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":false}\n", 0, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":true}\n", 1, NULL, false, 2}, /* bad end, no failed line */
	    {"{\"name\":\"a\",\"ok\":true}\n", 256 + 11, NULL, false, 2}, /* killed */
	    {"{\"name\":\"a\",\"ok\":true}\n", 0, "did not end", false, 2},
	    {"", 0, NULL, false, 1},
	    {"\n \n", 0, NULL, false, 1},
	    {"hello\n", 0, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":true}\nhello\nworld\n", 0, NULL, false, 2},
	    {"{\"name\":\"a\",\"ok\":\"true\"}\n", 0, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":1}\n", 0, NULL, false, 1},
	    {"{\"name\":1,\"ok\":true}\n", 0, NULL, false, 1},
	    {"{\"ok\":true}\n", 0, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":true,\"text\":5}\n", 0, NULL, false, 1},
	    {"[true]\n", 0, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":true} trailing\n", 0, NULL, false, 1},
	    {"{\"name\":\"a\",\"ok\":true", 0, NULL, false, 1},
	    {"{\"name\":\"\xff\",\"ok\":true}\n", 0, NULL, false, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rh_verdict v = {0};

		feed(&v, cases[i].output, cases[i].status, cases[i].why);
		if (rh_verdict_go(&v) != cases[i].go || v.n != cases[i].checks)
			fail_msg("case %zu: %zu checks, %s", i, v.n,
				 rh_verdict_go(&v) ? "GO" : "NO-GO");
		rh_verdict_free(&v);
	}
}

static void test_could_not_run(void **state)
{
	struct rh_verdict v = {0};

	(void)state;
	feed(&v, "", 127, "cannot run x");
	assert_int_equal(v.n, 1);
	assert_false(v.v[0].ok);
	assert_string_equal(v.v[0].text, "could not run: cannot run x");
	rh_verdict_free(&v);
}

static void test_print(void **state)
{
	struct rh_verdict v = {0};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	rh_verdict_add(&v, "web", "20-page", "login", true, "in\033[2J");
	rh_verdict_add(&v, "postfix", "10-relay", "refused", false, "no");
	rh_verdict_print(&v, false, f);
	fclose(f);
	assert_string_equal(text, "overlay  proof     check    result\n"
				  "web      20-page   login    ok      in [2J\n"
				  "postfix  10-relay  refused  FAILED  no\n"
				  "2 checks, 1 failed\n");
	free(text);
	rh_verdict_free(&v);
}

static void test_json(void **state)
{
	struct rh_verdict v = {0};
	struct json_object *list;

	(void)state;
	rh_verdict_add(&v, "a", "b", "c", true, "%s", "\"quoted\"");
	list = rh_verdict_json(&v);
	assert_string_equal(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN),
			    "[{\"overlay\":\"a\",\"proof\":\"b\",\"name\":\"c\",\"ok\":true,"
			    "\"text\":\"\\\"quoted\\\"\"}]");
	json_object_put(list);
	rh_verdict_free(&v);
}

static size_t import_failures(int status, const char *report, int64_t expected)
{
	struct rh_importcheck in = {.exit_status = status,
				    .report = report,
				    .why = "no ssh",
				    .expected_messages = expected};
	struct rh_verdict v = {0};
	struct json_object *doc;
	size_t failed;

	rh_importcheck(&in, &v, &doc);
	json_object_put(doc);
	failed = rh_verdict_failed(&v);
	rh_verdict_free(&v);
	return failed;
}

static void test_import(void **state)
{
	static const char good[] =
	    "{\"totals\":{\"messages\":3,\"accounts\":1},\"accounts\":[{\"address\":\"a@b\","
	    "\"result\":\"carried\"}],\"not_carried\":[{\"file\":\"f\",\"reason\":\"r\"}]}";

	(void)state;
	assert_int_equal(import_failures(0, good, 3), 0);
	assert_int_equal(import_failures(3, good, -1), 0);
	assert_int_equal(import_failures(0, good, 4), 1);
	assert_int_equal(import_failures(1, good, 3), 1);
	assert_int_equal(import_failures(0, NULL, 3), 1);
	assert_int_equal(import_failures(0, "rubbish", 3), 1);
	assert_int_equal(import_failures(0, "[]", 3), 1);
	assert_int_equal(import_failures(0, "{}", 3), 2);
	assert_int_equal(import_failures(0,
					 "{\"totals\":{\"messages\":3},\"accounts\":[{\"address\":"
					 "\"a@b\",\"result\":\"refused\"}]}",
					 3),
			 1);
}

static void test_expected(void **state)
{
	char *domain = NULL;

	(void)state;
	assert_int_equal(rh_importcheck_expected("{\"totals\":{\"messages\":7},\"accounts\":"
						 "[{\"user\":\"x@example.jp\"}]}",
						 &domain),
			 7);
	assert_string_equal(domain, "example.jp");
	free(domain);
	assert_int_equal(rh_importcheck_expected("[]", NULL), -1);
	assert_int_equal(rh_importcheck_expected("{", NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zero_checks),	  cmocka_unit_test(test_outputs),
	    cmocka_unit_test(test_could_not_run), cmocka_unit_test(test_print),
	    cmocka_unit_test(test_json),	  cmocka_unit_test(test_import),
	    cmocka_unit_test(test_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

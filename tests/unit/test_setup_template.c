// SPDX-License-Identifier: GPL-2.0-or-later
/* Templates: what is replaced, what is literal, which faults are seen on which line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rootfs/setup/template.h"

static int lookup(void *arg, const char *name, const char *join, struct rh_str *out,
		  struct rh_str *why)
{
	(void)arg;
	if (!strcmp(name, "answers.name"))
		rh_str_add(out, "value");
	else if (!strcmp(name, "list[0]") || !strcmp(name, "list"))
		rh_str_addf(out, "a%sb", join);
	else if (strcmp(name, "empty")) {
		rh_str_add(why, "unknown");
		return -ENOENT;
	}
	return 0;
}

static void test_renders(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"", ""},
	    {"plain\n", "plain\n"},
	    {"@{answers.name}", "value"},
	    {"<@{answers.name}@{answers.name}>", "<valuevalue>"},
	    {"@{list}", "a, b"},
	    {"@{list|comma}", "a, b"},
	    {"@{list|space}", "a b"},
	    {"@{list[0]}", "a, b"},
	    {"[@{empty}]", "[]"},
	    {"@@{answers.name}", "@{answers.name}"},
	    {"@@@{answers.name}", "@@{answers.name}"},
	    {"user@example.org {x} $@ @ @@", "user@example.org {x} $@ @ @@"},
	    {"a@", "a@"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		RH_STR struct rh_str out = {0};
		struct rh_diags d = {0};

		assert_int_equal(rh_template_render(cases[i].in, strlen(cases[i].in), "t", lookup,
						    NULL, &out, &d),
				 0);
		assert_string_equal(rh_str_text(&out), cases[i].out);
		assert_int_equal(d.n, 0);
		rh_diags_free(&d);
	}
}

static void test_nul_bytes_pass(void **state)
{
	static const char in[] = "a\0@{answers.name}\0b";
	RH_STR struct rh_str out = {0};
	struct rh_diags d = {0};

	(void)state;
	assert_int_equal(rh_template_render(in, sizeof in, "t", lookup, NULL, &out, &d), 0);
	assert_int_equal(out.len, sizeof "a\0value\0b");
	assert_memory_equal(out.data, "a\0value\0b", out.len);
	rh_diags_free(&d);
}

static void test_faults_have_lines(void **state)
{
	static const struct {
		const char *in;
		unsigned line;
	} cases[] = {
	    {"@{nothing}", 1},
	    {"\n\n@{nothing}\n", 3},
	    {"@{", 1},
	    {"\n@{answers.name\n}", 2},
	    {"@{}", 1},
	    {"@{answers name}", 1},
	    {"@{list|tab}", 1},
	    {"@{list|}", 1},
	    {"@{list|space|comma}", 1},
	    {"@{|space}", 1},
	    {"@{a@{b}", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		RH_STR struct rh_str out = {0};
		struct rh_diags d = {0};

		assert_int_equal(rh_template_render(cases[i].in, strlen(cases[i].in), "t.conf",
						    lookup, NULL, &out, &d),
				 -EINVAL);
		assert_int_equal(d.n, 1);
		assert_string_equal(d.v[0].file, "t.conf");
		assert_int_equal(d.v[0].line, cases[i].line);
		rh_diags_free(&d);
	}
}

static void test_all_faults_at_once(void **state)
{
	static const char in[] = "@{x}\n@{answers.name}\n@{y} @{z}\n@{";
	RH_STR struct rh_str out = {0};
	struct rh_diags d = {0};

	(void)state;
	assert_int_equal(rh_template_render(in, strlen(in), "t", lookup, NULL, &out, &d), -EINVAL);
	assert_int_equal(d.n, 4);
	assert_int_equal(d.v[2].line, 3);
	assert_int_equal(d.v[3].line, 4);
	rh_diags_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_renders),
	    cmocka_unit_test(test_nul_bytes_pass),
	    cmocka_unit_test(test_faults_have_lines),
	    cmocka_unit_test(test_all_faults_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/schema: what a schema may say, what each word refuses, and the schemas that we publish. */
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
#include "lib/schema.h"

static char dir[] = "/tmp/rh-schema-XXXXXX";
static int top = -1, tmp = -1;

static int make_dir(void **state)
{
	(void)state;
	top = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!mkdtemp(dir))
		return -1;
	tmp = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return top < 0 || tmp < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
	(void)state;
	close(top);
	close(tmp);
	return rh_remove_tree(AT_FDCWD, dir, NULL);
}

static int load(const char *text, struct rh_schema **out, struct rh_err *err)
{
	assert_int_equal(rh_file_write(tmp, "s.json", 0600, text, strlen(text), NULL), 0);
	return rh_schema_load(tmp, "s.json", out, err);
}

/* The faults of DOC under SCHEMA. */
static void faults(const char *schema, const char *doc, struct rh_diags *d)
{
	struct rh_schema *s = NULL;
	struct rh_json *j = NULL;
	struct rh_err err;
	size_t n;

	assert_int_equal(load(schema, &s, &err), 0);
	assert_int_equal(rh_json_parse(doc, strlen(doc), "d", &j, d), 0);
	n = rh_schema_check(s, j, d);
	assert_int_equal(n, d->n);
	rh_json_free(&j);
	rh_schema_free(&s);
}

struct row {
	const char *schema, *good, *bad, *where, *says, *hint;
};

static const struct row rows[] = {
    {"{\"type\":\"string\",\"description\":\"D\"}", "\"x\"", "1", "",
     "is a number, must be a string", "D"},
    {"{\"type\":\"integer\"}", "3.0", "3.5", "", "is a fraction, must be an integer", ""},
    {"{\"type\":\"number\"}", "3", "\"3\"", "", "must be a number", ""},
    {"{\"type\":\"boolean\"}", "true", "null", "", "is null, must be true or false", ""},
    {"{\"type\":\"null\"}", "null", "false", "", "is a boolean, must be null", ""},
    {"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"description\":\"A\"}}}",
     "{\"a\":1}", "{}", "", "missing key \"a\"", "A"},
    {"{\"properties\":{\"alpha\":{}},\"additionalProperties\":false}", "{\"alpha\":1}",
     "{\"alhpa\":1}", "alhpa", "unknown key \"alhpa\"", "did you mean \"alpha\"?"},
    {"{\"properties\":{\"a\":{},\"b\":{}},\"additionalProperties\":false}", "{}", "{\"zzz\":1}",
     "zzz", "unknown key", "known here: \"a\", \"b\""},
    {"{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"x\":1}", "{\"x\":[]}", "x",
     "is a list [ ], must be an integer", ""},
    {"{\"propertyNames\":{\"pattern\":\"^[a-z]+$\",\"description\":\"N\"}}", "{\"x\":1}",
     "{\"X\":1}", "X", "does not have the right form", "N"},
    {"{\"items\":{\"type\":\"string\"}}", "[\"a\"]", "[\"a\",2]", "[1]", "must be a string", ""},
    {"{\"minItems\":1}", "[1]", "[]", "", "has 0 items, must have at least 1", ""},
    {"{\"maxItems\":1}", "[1]", "[1,2]", "", "has 2 items, must have at most 1", ""},
    {"{\"uniqueItems\":true}", "[\"a\",\"b\",1]", "[\"a\",\"b\",\"a\"]", "[2]", "twice", ""},
    {"{\"enum\":[\"tcp\",\"udp\"]}", "\"udp\"", "\"udq\"", "", "\"udq\" is not one",
     "did you mean \"udp\"?"},
    {"{\"enum\":[1,\"x\"]}", "1", "2", "", "2 is not one", "one of 1, \"x\""},
    {"{\"const\":1}", "1", "2", "", "2, must be 1", ""},
    {"{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", "\"a\\u001bc\"", "", "\"a\\x1bc\" does not have", ""},
    {"{\"minLength\":2}", "\"éé\"", "\"é\"", "", "has 1 character, must have at least 2", ""},
    {"{\"maxLength\":2}", "\"éé\"", "\"abc\"", "", "has 3 characters, must have at most 2", ""},
    {"{\"minimum\":1}", "1", "0", "", "is 0, must be at least 1", ""},
    {"{\"maximum\":1.5}", "1.5", "1.6", "", "is 1.6, must be at most 1.5", ""},
    {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"integer\",\"description\":\"inner\"}},"
     "\"description\":\"outer\"}",
     "1", "\"1\"", "", "must be an integer", "outer"},
};

static void each_word_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rh_diags d = {0};

		faults(rows[i].schema, rows[i].good, &d);
		assert_int_equal(d.n, 0);
		faults(rows[i].schema, rows[i].bad, &d);
		assert_int_equal(d.n, 1);
		assert_string_equal(d.v[0].where, rows[i].where);
		assert_non_null(strstr(d.v[0].text, rows[i].says));
		if (*rows[i].hint)
			assert_string_equal(d.v[0].hint, rows[i].hint);
		rh_diags_free(&d);
	}
}

#define BRANCH(m, more)                                                                  \
	"{\"type\":\"object\",\"required\":[\"method\"],\"additionalProperties\":false," \
	"\"properties\":{\"method\":{\"const\":\"" m "\"}" more "}}"
#define ONE_OF \
	"{\"oneOf\":[" BRANCH("dhcp", "") "," BRANCH("static", ",\"ip\":{\"type\":\"string\"}") "]}"

static void one_of_looks_at_its_branch(void **state)
{
	static const struct {
		const char *doc, *where, *says, *hint;
	} t[] = {
	    {"{\"method\":\"static\",\"ip\":1}", "ip", "must be a string", ""},
	    {"{\"method\":\"dhcp\",\"ip\":\"x\"}", "ip", "unknown key", "known here: \"method\""},
	    {"{\"method\":\"sttic\"}", "method", "not one of", "did you mean \"static\"?"},
	    {"{\"ip\":\"x\"}", "", "missing key \"method\"", "one of \"dhcp\", \"static\""},
	    {"7", "", "must be an object", ""},
	};
	struct rh_diags d = {0};

	(void)state;
	faults(ONE_OF, "{\"method\":\"static\",\"ip\":\"x\"}", &d);
	assert_int_equal(d.n, 0);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		faults(ONE_OF, t[i].doc, &d);
		assert_int_equal(d.n, 1);
		assert_string_equal(d.v[0].where, t[i].where);
		assert_non_null(strstr(d.v[0].text, t[i].says));
		assert_string_equal(d.v[0].hint, t[i].hint);
		rh_diags_free(&d);
	}
}

static void a_bad_schema_is_our_fault(void **state)
{
	static const char *const bad[] = {
	    "[]",
	    "{\"type\":\"strin\"}",
	    "{\"type\":[\"string\"]}",
	    "{\"format\":\"date\"}",
	    "{\"$id\":\"x\"}",
	    "{\"properties\":[]}",
	    "{\"properties\":{\"a\":1}}",
	    "{\"required\":\"a\"}",
	    "{\"required\":[1]}",
	    "{\"additionalProperties\":true}",
	    "{\"items\":[]}",
	    "{\"minItems\":-1}",
	    "{\"maxLength\":\"1\"}",
	    "{\"minimum\":\"1\"}",
	    "{\"uniqueItems\":1}",
	    "{\"enum\":[]}",
	    "{\"pattern\":\"(\"}",
	    "{\"pattern\":\"\\\\d\"}",
	    "{\"pattern\":\"[[:alpha:]]\"}",
	    "{\"pattern\":\"(?:a)\"}",
	    "{\"pattern\":\"a+?\"}",
	    "{\"pattern\":\"[a\"}",
	    "{\"$ref\":\"#/$defs/none\"}",
	    "{\"$ref\":\"other.json\"}",
	    "{\"oneOf\":[{\"type\":\"object\"}]}",
	    "{\"oneOf\":[]}",
	    "{\"description\":1}",
	    "{broken",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rh_schema *s = NULL;
		struct rh_err err = {0};

		if (load(bad[i], &s, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_null(s);
		assert_non_null(strstr(err.text, "s.json"));
	}
}

static void circles_and_floods_end(void **state)
{
	struct rh_diags d = {0};
	RH_STR struct rh_str doc = {0};

	(void)state;
	faults("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}", "1", &d);
	assert_int_equal(d.n, 1);
	rh_diags_free(&d);
	rh_str_add(&doc, "[0");
	for (int i = 0; i < 5000; i++)
		rh_str_add(&doc, ",0");
	rh_str_add(&doc, "]");
	faults("{\"items\":{\"type\":\"string\"},\"uniqueItems\":true}", doc.data, &d);
	assert_int_equal(d.n, 200);
	rh_diags_free(&d);
}

/* Each property says what it is: the hints of rehome check come from there. */
static void assert_described(struct json_object *node)
{
	struct json_object *props = rh_json_get(node, "properties");

	if (json_object_is_type(props, json_type_object)) {
		json_object_object_foreach (props, key, val) {
			if (json_object_object_get_ex(val, "const", NULL))
				continue;
			if (!*rh_json_str(val, "title", "") ||
			    !*rh_json_str(val, "description", ""))
				fail_msg("%s has no title or no description", key);
		}
	}
	if (json_object_is_type(node, json_type_object)) {
		json_object_object_foreach (node, key, val) {
			(void)key;
			assert_described(val);
		}
	}
}

static void published_schemas_are_whole(void **state)
{
	RH_STRV struct rh_strv names = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(rh_list_dir(top, "recipes", &names, NULL), 0);
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *path = rh_xasprintf("recipes/%s", names.v[i]);
		struct rh_diags d = {0};
		struct rh_schema *s = NULL;
		struct rh_json *j = NULL;
		struct rh_err err = {0};

		if (!strstr(path, ".schema.json"))
			continue;
		if (rh_schema_load(top, path, &s, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(rh_json_load(top, path, path, &j, &d), 0);
		if (!strstr(path, "answers")) { /* that one has a test of its own */
			assert_string_equal(rh_json_str(rh_json_root(j), "$schema", ""),
					    "https://json-schema.org/draft/2020-12/schema");
			assert_described(rh_json_root(j));
		}
		rh_json_free(&j);
		rh_schema_free(&s);
		n++;
	}
	assert_true(n >= 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_word_refuses),
	    cmocka_unit_test(one_of_looks_at_its_branch),
	    cmocka_unit_test(a_bad_schema_is_our_fault),
	    cmocka_unit_test(circles_and_floods_end),
	    cmocka_unit_test(published_schemas_are_whole),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

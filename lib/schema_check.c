/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checking a document against a loaded schema, all faults at once.
 *
 * One function for each group of keywords; each adds its faults and the walk goes on. A value of
 * the wrong type gets that one fault and is not looked at further.
 *
 * Trap: the number of faults is bounded (FAULTS_MAX), since a hostile document of 16 MiB could
 * have millions. "integer" is JSON Schema's: 4.0 is one.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/schema_p.h"

#define FAULTS_MAX 200

struct check {
	const struct rh_schema *s;
	const struct rh_json *doc;
	struct rh_diags *d;
	struct rh_str path;
	const char *described; /* a description beside the $ref that led here goes before ours */
	size_t faults;
	int depth;
};

static void check_node(struct check *c, struct json_object *node, struct json_object *v);

static void fault(struct check *c, const char *hint, const char *text)
{
	const char *path = rh_str_text(&c->path);

	if (c->faults++ < FAULTS_MAX)
		rh_diag_add(c->d, rh_json_name(c->doc), rh_json_line(c->doc, path), path, hint,
			    "%s", text);
}

/* What the author of the schema says about a node. */
static const char *description_of(const struct check *c, struct json_object *node)
{
	struct json_object *target = rh_schema_ref(c->s, node);
	const char *own = rh_json_str(node, "description", NULL);

	return own ?: target ? rh_json_str(target, "description", "") : "";
}

/* The same about the value that is being checked. */
static const char *description(const struct check *c, struct json_object *node)
{
	return c->described ?: description_of(c, node);
}

/* A value inside the present one: descriptions start anew. */
static void check_inner(struct check *c, struct json_object *node, struct json_object *v)
{
	const char *described = c->described;

	c->described = NULL;
	check_node(c, node, v);
	c->described = described;
}

static void show(struct rh_str *out, struct json_object *v)
{
	const char *text;

	if (json_object_is_type(v, json_type_string)) {
		rh_json_quote(out, json_object_get_string(v), json_object_get_string_len(v));
		return;
	}
	text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
	rh_str_addn(out, text, strnlen(text, 60));
}

static bool is_integer(struct json_object *v)
{
	if (json_object_is_type(v, json_type_double)) {
		double f = json_object_get_double(v);

		return f > -0x1p53 && f < 0x1p53 && (double)(int64_t)f == f;
	}
	return json_object_is_type(v, json_type_int);
}

static const char *article(const char *type)
{
	static const char *const names[][2] = {{"object", "an object { }"},
					       {"array", "a list [ ]"},
					       {"string", "a string"},
					       {"integer", "an integer"},
					       {"number", "a number"},
					       {"boolean", "true or false"},
					       {"null", "null"},
					       {"int", "a number"},
					       {"double", "a fraction"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i][0], type) == 0)
			return names[i][1];
	return type;
}

/* false: wrong type, and said so. */
static bool check_type(struct check *c, struct json_object *node, struct json_object *v)
{
	const char *want = rh_json_str(node, "type", NULL);
	enum json_type t = json_object_get_type(v);
	const char *have = json_type_to_name(t);
	RH_STR struct rh_str text = {0};

	if (!want || strcmp(want, have) == 0)
		return true;
	if (strcmp(want, "integer") == 0 && is_integer(v))
		return true;
	if (strcmp(want, "number") == 0 && (t == json_type_int || t == json_type_double))
		return true;
	rh_str_addf(&text, "is %s, must be %s",
		    t == json_type_boolean ? "a boolean" : article(have), article(want));
	fault(c, description(c, node), rh_str_text(&text));
	return false;
}

static void add_names(struct rh_str *out, const char *head, struct json_object *list)
{
	rh_str_add(out, head);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		rh_str_add(out, i > 0 ? ", " : "");
		show(out, json_object_array_get_idx(list, i));
	}
}

/* "did you mean" among the strings of LIST, or all of them. */
static void choices(struct rh_str *hint, const char *head, struct json_object *list,
		    struct json_object *v)
{
	size_t n = json_object_array_length(list);
	RH_FREE const char **names = rh_xrealloc(NULL, n + 1, sizeof *names);
	const char *near = NULL;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (json_object_is_type(o, json_type_string))
			names[k++] = json_object_get_string(o);
	}
	if (json_object_is_type(v, json_type_string))
		near = rh_did_you_mean(json_object_get_string(v), names, k);
	if (near)
		rh_str_addf(hint, "did you mean \"%s\"?", near);
	else
		add_names(hint, head, list);
}

static void check_values(struct check *c, struct json_object *node, struct json_object *v)
{
	struct json_object *list = rh_json_get(node, "enum"), *one;
	RH_STR struct rh_str text = {0}, hint = {0};
	bool known = false;

	for (size_t i = 0; list && !known && i < json_object_array_length(list); i++)
		known = json_object_equal(json_object_array_get_idx(list, i), v);
	if (list && !known) {
		show(&text, v);
		rh_str_add(&text, " is not one of the values allowed here");
		choices(&hint, "one of ", list, v);
		fault(c, rh_str_text(&hint), rh_str_text(&text));
	}
	if (json_object_object_get_ex(node, "const", &one) && !json_object_equal(one, v)) {
		rh_json_path_cut(&text, 0);
		show(&text, v);
		rh_str_add(&text, ", must be ");
		show(&text, one);
		fault(c, description(c, node), rh_str_text(&text));
	}
}

static size_t characters(const char *p, size_t n)
{
	size_t chars = 0;

	for (size_t i = 0; i < n; i++)
		chars += (p[i] & 0xc0) != 0x80;
	return chars;
}

/* "has N WHAT, must have at least|at most M". */
static void check_count(struct check *c, struct json_object *node, const char *min_key,
			const char *max_key, const char *what, size_t n)
{
	int64_t min = rh_json_int(node, min_key, 0), max = rh_json_int(node, max_key, INT64_MAX);
	RH_STR struct rh_str text = {0};

	if ((int64_t)n >= min && (int64_t)n <= max)
		return;
	rh_str_addf(&text, "has %zu %s%s, must have at %s %lld", n, what, n == 1 ? "" : "s",
		    (int64_t)n < min ? "least" : "most", (long long)((int64_t)n < min ? min : max));
	fault(c, description(c, node), rh_str_text(&text));
}

static void check_string(struct check *c, struct json_object *node, struct json_object *v)
{
	const char *p = json_object_get_string(v);
	size_t n = (size_t)json_object_get_string_len(v);
	const regex_t *re = rh_schema_regex(c->s, node);
	RH_STR struct rh_str text = {0};

	check_count(c, node, "minLength", "maxLength", "character", characters(p, n));
	if (re && regexec(re, p, 0, NULL, 0) != 0) {
		show(&text, v);
		rh_str_add(&text, n == 0 ? " is empty" : " does not have the right form");
		fault(c, description(c, node), rh_str_text(&text));
	}
}

static void check_number(struct check *c, struct json_object *node, struct json_object *v)
{
	struct json_object *min = rh_json_get(node, "minimum"), *max = rh_json_get(node, "maximum");
	double f = json_object_get_double(v);
	RH_STR struct rh_str text = {0};
	bool low = min && f < json_object_get_double(min);
	bool high = max && f > json_object_get_double(max);

	if (!low && !high)
		return;
	rh_str_add(&text, "is ");
	show(&text, v);
	rh_str_add(&text, low ? ", must be at least " : ", must be at most ");
	show(&text, low ? min : max);
	fault(c, description(c, node), rh_str_text(&text));
}

struct item {
	const char *text;
	size_t i;
};

static int by_text(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int r = strcmp(x->text, y->text);

	return r ? r : (x->i > y->i) - (x->i < y->i);
}

/* Compared as texts, so that a long list costs n log n; objects count as equal only when their
 * keys stand in the same order. */
static void check_unique(struct check *c, struct json_object *v)
{
	size_t n = json_object_array_length(v), len = c->path.len;
	RH_FREE struct item *items = rh_xrealloc(NULL, n + 1, sizeof *items);

	for (size_t i = 0; i < n; i++)
		items[i] =
		    (struct item){.i = i,
				  .text = json_object_to_json_string_ext(
				      json_object_array_get_idx(v, i), JSON_C_TO_STRING_PLAIN)};
	qsort(items, n, sizeof *items, by_text);
	for (size_t i = 1; i < n; i++) {
		RH_STR struct rh_str text = {0};

		if (strcmp(items[i - 1].text, items[i].text) != 0)
			continue;
		show(&text, json_object_array_get_idx(v, items[i].i));
		rh_str_add(&text, " stands in this list twice");
		rh_json_path_index(&c->path, items[i].i);
		fault(c, "remove one of the two", rh_str_text(&text));
		rh_json_path_cut(&c->path, len);
	}
}

static void check_array(struct check *c, struct json_object *node, struct json_object *v)
{
	struct json_object *items = rh_json_get(node, "items");
	size_t n = json_object_array_length(v), len = c->path.len;

	check_count(c, node, "minItems", "maxItems", "item", n);
	for (size_t i = 0; items && i < n && c->faults < FAULTS_MAX; i++) {
		rh_json_path_index(&c->path, i);
		check_inner(c, items, json_object_array_get_idx(v, i));
		rh_json_path_cut(&c->path, len);
	}
	if (rh_json_bool(node, "uniqueItems", false))
		check_unique(c, v);
}

static void unknown_key(struct check *c, struct json_object *props, const char *key)
{
	struct json_object *names = json_object_new_array();
	struct json_object *word = json_object_new_string(key);
	RH_STR struct rh_str text = {0}, hint = {0};

	if (json_object_is_type(props, json_type_object)) {
		json_object_object_foreach (props, name, val) {
			(void)val;
			json_object_array_add(names, json_object_new_string(name));
		}
	}
	choices(&hint, "known here: ", names, word);
	rh_str_add(&text, "unknown key ");
	rh_json_quote(&text, key, strlen(key));
	fault(c, json_object_array_length(names) > 0 ? rh_str_text(&hint) : "remove it",
	      rh_str_text(&text));
	json_object_put(names);
	json_object_put(word);
}

static void check_required(struct check *c, struct json_object *node, struct json_object *v)
{
	struct json_object *required = rh_json_get(node, "required");
	struct json_object *props = rh_json_get(node, "properties");

	for (size_t i = 0; required && i < json_object_array_length(required); i++) {
		struct json_object *name = json_object_array_get_idx(required, i);
		const char *key = json_object_get_string(name);
		RH_STR struct rh_str text = {0};

		if (json_object_object_get_ex(v, key, NULL))
			continue;
		rh_str_addf(&text, "missing key \"%s\"", key);
		fault(c, description_of(c, rh_json_get(props, key)), rh_str_text(&text));
	}
}

static void check_object(struct check *c, struct json_object *node, struct json_object *v)
{
	struct json_object *props = rh_json_get(node, "properties");
	struct json_object *extra = rh_json_get(node, "additionalProperties");
	struct json_object *names = rh_json_get(node, "propertyNames");
	size_t len = c->path.len;

	check_required(c, node, v);
	json_object_object_foreach (v, key, val) {
		struct json_object *prop = rh_json_get(props, key);

		if (c->faults >= FAULTS_MAX)
			return;
		rh_json_path_key(&c->path, key);
		if (names) {
			struct json_object *name = json_object_new_string(key);

			check_inner(c, names, name);
			json_object_put(name);
		}
		if (prop)
			check_inner(c, prop, val);
		else if (json_object_is_type(extra, json_type_object))
			check_inner(c, extra, val);
		else if (extra)
			unknown_key(c, props, key);
		rh_json_path_cut(&c->path, len);
	}
}

/* The branch whose discriminator has the value that stands in V. */
static void check_oneof(struct check *c, struct json_object *branches, struct json_object *v)
{
	const char *key = rh_schema_discriminator(c->s, branches);
	struct json_object *have = rh_json_get(v, key), *known = json_object_new_array();
	RH_STR struct rh_str text = {0}, hint = {0};
	size_t len = c->path.len;
	bool done = false;

	for (size_t i = 0; !done && i < json_object_array_length(branches); i++) {
		struct json_object *b = json_object_array_get_idx(branches, i);
		struct json_object *node = rh_schema_ref(c->s, b) ?: b;
		struct json_object *one = rh_json_get(rh_json_get(node, "properties"), key);

		one = rh_json_get(one, "const");
		done = have && json_object_equal(one, have);
		if (done)
			check_node(c, b, v);
		else
			json_object_array_add(known, json_object_get(one));
	}
	if (!done && !json_object_is_type(v, json_type_object)) {
		fault(c, "", "must be an object { }");
	} else if (!done && !have) {
		rh_str_addf(&text, "missing key \"%s\"", key);
		add_names(&hint, "one of ", known);
		fault(c, rh_str_text(&hint), rh_str_text(&text));
	} else if (!done) {
		show(&text, have);
		rh_str_add(&text, " is not one of the values allowed here");
		choices(&hint, "one of ", known, have);
		rh_json_path_key(&c->path, key);
		fault(c, rh_str_text(&hint), rh_str_text(&text));
		rh_json_path_cut(&c->path, len);
	}
	json_object_put(known);
}

static void check_node(struct check *c, struct json_object *node, struct json_object *v)
{
	struct json_object *ref = rh_schema_ref(c->s, node);
	struct json_object *branches = rh_json_get(node, "oneOf");
	size_t before = c->faults;

	if (++c->depth > RH_SCHEMA_DEPTH) {
		fault(c, "", "the schema refers to itself in a circle");
		c->depth--;
		return;
	}
	if (ref) {
		const char *described = c->described;

		c->described = described ?: rh_json_str(node, "description", NULL);
		check_node(c, ref, v);
		c->described = described;
	}
	if (c->faults == before && check_type(c, node, v)) {
		check_values(c, node, v);
		if (c->faults == before && json_object_is_type(v, json_type_string))
			check_string(c, node, v);
		else if (json_object_is_type(v, json_type_array))
			check_array(c, node, v);
		else if (json_object_is_type(v, json_type_object))
			check_object(c, node, v);
		else if (json_object_is_type(v, json_type_int) ||
			 json_object_is_type(v, json_type_double))
			check_number(c, node, v);
		if (branches)
			check_oneof(c, branches, v);
	}
	c->depth--;
}

size_t rh_schema_check(const struct rh_schema *s, const struct rh_json *doc, struct rh_diags *d)
{
	struct check c = {.s = s, .doc = doc, .d = d};

	check_node(&c, rh_json_root(s->doc), rh_json_root(doc));
	rh_str_free(&c.path);
	return c.faults < FAULTS_MAX ? c.faults : FAULTS_MAX;
}

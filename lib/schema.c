/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a JSON Schema: every word must be one that the checker understands.
 *
 * Invariant: after rh_schema_load() each keyword has the type that the standard gives it, each
 * $ref leads to a node, each pattern is compiled, each oneOf has a discriminator. A schema that
 * breaks this is our own mistake, so the first fault ends the load.
 *
 * Trap: glibc's regcomp() takes "\d" for a plain "d" without complaint. Patterns are therefore
 * held to what POSIX ERE and ECMA-262 read alike (plain_pattern()).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema_p.h"

struct loader {
	struct rh_schema *s;
	struct rh_err *err;
	struct rh_str path;
};

/* Where the words of a node lead: what kind of value the keyword has. */
enum kind {
	IGNORED,
	STRING,
	NUMBER,
	COUNT,
	BOOL,
	TYPE,
	SCHEMA,
	SCHEMA_MAP,
	SCHEMA_LIST,
	REF,
	PATTERN,
	NAMES,
	VALUES,
	VALUE,
	EXTRA
};

struct word {
	const char *name;
	enum kind kind;
};

static const struct word words[] = {
    {"$schema", IGNORED},
    {"$comment", IGNORED},
    {"title", STRING},
    {"description", STRING},
    {"examples", IGNORED},
    {"default", IGNORED},
    {"type", TYPE},
    {"properties", SCHEMA_MAP},
    {"required", NAMES},
    {"additionalProperties", EXTRA},
    {"propertyNames", SCHEMA},
    {"items", SCHEMA},
    {"minItems", COUNT},
    {"maxItems", COUNT},
    {"uniqueItems", BOOL},
    {"enum", VALUES},
    {"const", VALUE},
    {"pattern", PATTERN},
    {"minLength", COUNT},
    {"maxLength", COUNT},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"oneOf", SCHEMA_LIST},
    {"$ref", REF},
    {"$defs", SCHEMA_MAP},
};

static int load_node(struct loader *l, struct json_object *node, int depth);

static int bad(struct loader *l, const char *what)
{
	return rh_err_set(l->err, EINVAL, "%s:%u: %s: %s", rh_json_name(l->s->doc),
			  rh_json_line(l->s->doc, rh_str_text(&l->path)), rh_str_text(&l->path),
			  what);
}

static int load_map(struct loader *l, struct json_object *v, int depth)
{
	if (!json_object_is_type(v, json_type_object))
		return bad(l, "must be an object of schemas");
	json_object_object_foreach (v, key, val) {
		size_t len = l->path.len;
		int r;

		rh_json_path_key(&l->path, key);
		r = load_node(l, val, depth);
		if (r < 0)
			return r;
		rh_json_path_cut(&l->path, len);
	}
	return 0;
}

static int load_oneof(struct loader *l, struct json_object *v, int depth)
{
	if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) == 0)
		return bad(l, "must be a list of schemas");
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		size_t len = l->path.len;
		int r;

		rh_json_path_index(&l->path, i);
		r = load_node(l, json_object_array_get_idx(v, i), depth);
		if (r < 0)
			return r;
		rh_json_path_cut(&l->path, len);
	}
	if (!rh_schema_discriminator(l->s, v))
		return bad(l, "no required property has a \"const\" in every branch");
	return 0;
}

/* Only what POSIX ERE and ECMA-262 understand in the same way. */
static bool plain_pattern(const char *p)
{
	bool set = false;

	for (; *p; p++) {
		if (set && (*p == '[' || *p == '\\'))
			return false;
		if (set) {
			set = *p != ']';
		} else if (*p == '\\') {
			if (!ispunct((unsigned char)p[1]) || strchr("<>`'", p[1]))
				return false;
			p++;
		} else if (*p == '[') {
			p += p[1] == '^';
			if (p[1] == ']')
				return false;
			set = true;
		} else if (p[0] == '(' && p[1] == '?') {
			return false;
		} else if (strchr("*+?}", p[0]) && strchr("+?", p[1]) && p[1]) {
			return false;
		}
	}
	return !set;
}

static int load_pattern(struct loader *l, struct json_object *node, struct json_object *v)
{
	struct rh_schema *s = l->s;
	struct rh_schema_pattern *p;
	int r;

	if (!json_object_is_type(v, json_type_string))
		return bad(l, "must be a string");
	if (!plain_pattern(json_object_get_string(v)))
		return bad(l, "is not in the common part of POSIX ERE and ECMA-262");
	(void)RH_GROW(s->patterns, s->n, s->cap);
	p = &s->patterns[s->n];
	p->node = node;
	r = regcomp(&p->re, json_object_get_string(v), REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		char text[128];

		regerror(r, &p->re, text, sizeof text);
		return bad(l, text);
	}
	s->n++;
	return 0;
}

static bool known_type(const char *t)
{
	static const char *const types[] = {"object", "array",	 "string", "integer",
					    "number", "boolean", "null"};

	for (size_t i = 0; t && i < sizeof types / sizeof *types; i++)
		if (strcmp(t, types[i]) == 0)
			return true;
	return false;
}

static bool strings_only(struct json_object *v)
{
	if (!json_object_is_type(v, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(v); i++)
		if (!json_object_is_type(json_object_array_get_idx(v, i), json_type_string))
			return false;
	return true;
}

static int load_scalar(struct loader *l, enum kind kind, struct json_object *v)
{
	bool whole = json_object_is_type(v, json_type_int);

	switch (kind) {
	case STRING:
		return json_object_is_type(v, json_type_string) ? 0 : bad(l, "must be a string");
	case NUMBER:
		return whole || json_object_is_type(v, json_type_double)
			   ? 0
			   : bad(l, "must be a number");
	case COUNT:
		return whole && json_object_get_int64(v) >= 0 ? 0 : bad(l, "must be a count");
	case BOOL:
		return json_object_is_type(v, json_type_boolean) ? 0 : bad(l, "must be a boolean");
	case TYPE:
		return json_object_is_type(v, json_type_string) &&
			       known_type(json_object_get_string(v))
			   ? 0
			   : bad(l, "is not one type's name");
	case NAMES:
		return strings_only(v) ? 0 : bad(l, "must be a list of names");
	case VALUES:
		return json_object_is_type(v, json_type_array) && json_object_array_length(v) > 0
			   ? 0
			   : bad(l, "must be a list of values");
	default:
		return 0;
	}
}

static int load_word(struct loader *l, struct json_object *node, const char *key,
		     struct json_object *v, int depth)
{
	enum kind kind = IGNORED;
	size_t i = 0, n = sizeof words / sizeof *words;

	while (i < n && strcmp(words[i].name, key) != 0)
		i++;
	if (i == n)
		return bad(l, "is not a keyword that rehome understands");
	kind = words[i].kind;
	switch (kind) {
	case SCHEMA_MAP:
		return load_map(l, v, depth);
	case SCHEMA_LIST:
		return load_oneof(l, v, depth);
	case PATTERN:
		return load_pattern(l, node, v);
	case REF:
		return rh_schema_ref(l->s, node) ? 0 : bad(l, "leads to nothing in $defs");
	case EXTRA:
		if (json_object_is_type(v, json_type_boolean))
			return json_object_get_boolean(v) ? bad(l, "must be false or a schema") : 0;
		return load_node(l, v, depth);
	case SCHEMA:
		return load_node(l, v, depth);
	default:
		return load_scalar(l, kind, v);
	}
}

static int load_node(struct loader *l, struct json_object *node, int depth)
{
	if (depth > RH_JSON_DEPTH)
		return bad(l, "is nested too deeply");
	if (!json_object_is_type(node, json_type_object))
		return bad(l, "is not a schema");
	json_object_object_foreach (node, key, val) {
		size_t len = l->path.len;
		int r;

		rh_json_path_key(&l->path, key);
		r = load_word(l, node, key, val, depth + 1);
		if (r < 0)
			return r;
		rh_json_path_cut(&l->path, len);
	}
	return 0;
}

struct json_object *rh_schema_ref(const struct rh_schema *s, struct json_object *node)
{
	static const char head[] = "#/$defs/";
	const char *ref = rh_json_str(node, "$ref", NULL);

	if (!ref || strncmp(ref, head, sizeof head - 1) != 0)
		return NULL;
	return rh_json_get(rh_json_get(rh_json_root(s->doc), "$defs"), ref + sizeof head - 1);
}

static bool requires_const(struct json_object *branch, const char *key)
{
	struct json_object *required = rh_json_get(branch, "required");
	struct json_object *prop = rh_json_get(rh_json_get(branch, "properties"), key);

	if (!json_object_object_get_ex(prop, "const", NULL) || !strings_only(required))
		return false;
	for (size_t i = 0; i < json_object_array_length(required); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(required, i)), key) ==
		    0)
			return true;
	return false;
}

const char *rh_schema_discriminator(const struct rh_schema *s, struct json_object *branches)
{
	struct json_object *first = json_object_array_get_idx(branches, 0);
	struct json_object *props;

	first = rh_schema_ref(s, first) ?: first;
	props = rh_json_get(first, "properties");
	if (!json_object_is_type(props, json_type_object))
		return NULL;
	json_object_object_foreach (props, key, val) {
		bool all = true;

		(void)val;
		for (size_t i = 0; all && i < json_object_array_length(branches); i++) {
			struct json_object *b = json_object_array_get_idx(branches, i);

			all = requires_const(rh_schema_ref(s, b) ?: b, key);
		}
		if (all)
			return key;
	}
	return NULL;
}

static int by_node(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct rh_schema_pattern *)a)->node;
	uintptr_t y = (uintptr_t)((const struct rh_schema_pattern *)b)->node;

	return (x > y) - (x < y);
}

const regex_t *rh_schema_regex(const struct rh_schema *s, struct json_object *node)
{
	struct rh_schema_pattern want = {.node = node}, *p = NULL;

	if (s->n > 0)
		p = bsearch(&want, s->patterns, s->n, sizeof want, by_node);
	return p ? &p->re : NULL;
}

int rh_schema_load(int dirfd, const char *path, struct rh_schema **out, struct rh_err *err)
{
	struct rh_schema *s = rh_xalloc(sizeof *s);
	struct loader l = {.s = s, .err = err};
	struct rh_diags d = {0};
	int r = rh_json_load(dirfd, path, path, &s->doc, &d);

	if (r < 0 && d.n > 0 && d.v[0].line == 0)
		rh_err_set(err, -r, "%s: %s", d.v[0].file, d.v[0].text);
	else if (r < 0 && d.n > 0)
		rh_err_set(err, -r, "%s:%u: %s", d.v[0].file, d.v[0].line, d.v[0].text);
	else if (r == 0)
		r = load_node(&l, rh_json_root(s->doc), 0);
	rh_diags_free(&d);
	rh_str_free(&l.path);
	if (r < 0) {
		rh_schema_free(&s);
		return r;
	}
	if (s->n > 0)
		qsort(s->patterns, s->n, sizeof *s->patterns, by_node);
	*out = s;
	return 0;
}

void rh_schema_free(struct rh_schema **sp)
{
	struct rh_schema *s = *sp;

	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		regfree(&s->patterns[i].re);
	free(s->patterns);
	rh_json_free(&s->doc);
	free(s);
	*sp = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON documents: values from json-c, positions from lib/json_scan.c.
 *
 * Invariant: a text reaches json-c only after the scan has accepted it, so the scan's messages are
 * the ones that users see; an error of json-c afterwards would be a bug of ours and is reported as
 * such. Compiles with json-c 0.16 and later.
 *
 * Trap: json-c counts nesting from 1 and its parser takes an int length.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/json_p.h"

struct rh_json {
	struct rh_arena *arena;
	struct json_object *root;
	const char *name;
	struct rh_json_positions pos;
};

void rh_json_free(struct rh_json **jp)
{
	struct rh_json *j = *jp;

	if (!j)
		return;
	json_object_put(j->root);
	rh_arena_free(&j->arena);
	free(j->pos.v);
	free(j);
	*jp = NULL;
}

static int parse_values(struct rh_json *j, const char *text, size_t len, struct rh_diags *d)
{
	struct json_tokener *tok = json_tokener_new_ex(RH_JSON_DEPTH + 1);
	enum json_tokener_error e;

	if (!tok) {
		rh_diag_add(d, j->name, 0, "", "", "out of memory");
		return -ENOMEM;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	j->root = json_tokener_parse_ex(tok, text, (int)len);
	e = json_tokener_get_error(tok);
	if (e == json_tokener_continue) { /* a bare number ends only at a NUL */
		j->root = json_tokener_parse_ex(tok, "", 1);
		e = json_tokener_get_error(tok);
	}
	json_tokener_free(tok);
	if (e == json_tokener_success)
		return 0;
	rh_diag_add(d, j->name, 0, "", "please report this", "json-c refuses the text: %s",
		    json_tokener_error_desc(e));
	return -EINVAL;
}

int rh_json_parse(const char *text, size_t len, const char *name, struct rh_json **out,
		  struct rh_diags *d)
{
	struct rh_json *j = rh_xalloc(sizeof *j);
	int r;

	j->arena = rh_arena_new();
	j->name = rh_arena_strdup(j->arena, name);
	if (len > RH_JSON_MAX) {
		rh_diag_add(d, name, 0, "", "", "is larger than %d MiB", RH_JSON_MAX >> 20);
		r = -EFBIG;
	} else {
		r = rh_json_scan(text, len, j->name, j->arena, &j->pos, d);
		while (len > 0 && strchr(" \t\r\n", text[len - 1]))
			len--;
		if (r == 0)
			r = parse_values(j, text, len, d);
	}
	if (r < 0)
		rh_json_free(&j);
	else
		*out = j;
	return r;
}

int rh_json_load(int dirfd, const char *path, const char *name, struct rh_json **out,
		 struct rh_diags *d)
{
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(dirfd, path, RH_JSON_MAX, &text, NULL);

	if (r == -EFBIG)
		rh_diag_add(d, name, 0, "", "", "is larger than %d MiB", RH_JSON_MAX >> 20);
	else if (r == -EINVAL)
		rh_diag_add(d, name, 0, "", "", "is not a regular file");
	else if (r < 0)
		rh_diag_add(d, name, 0, "", "", "cannot be read: %s", strerror(-r));
	if (r < 0)
		return r;
	return rh_json_parse(rh_str_text(&text), text.len, name, out, d);
}

struct json_object *rh_json_root(const struct rh_json *j)
{
	return j->root;
}

const char *rh_json_name(const struct rh_json *j)
{
	return j->name;
}

static const struct rh_json_pos *find(const struct rh_json *j, const char *path)
{
	size_t lo = 0, hi = j->pos.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(path, j->pos.v[mid].path);

		if (c == 0)
			return &j->pos.v[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

unsigned rh_json_line(const struct rh_json *j, const char *path)
{
	RH_FREE char *p = rh_xstrdup(path);
	const struct rh_json_pos *pos = find(j, p);

	while (!pos && *p) {
		size_t n = strlen(p) - 1;

		while (n > 0 && p[n] != '.' && p[n] != '[')
			n--;
		p[n] = '\0';
		pos = find(j, p);
	}
	return pos ? pos->line : 1;
}

struct json_object *rh_json_get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, key, &v);
	return v;
}

const char *rh_json_str(struct json_object *o, const char *key, const char *def)
{
	struct json_object *v = rh_json_get(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : def;
}

int64_t rh_json_int(struct json_object *o, const char *key, int64_t def)
{
	struct json_object *v = rh_json_get(o, key);

	if (json_object_is_type(v, json_type_int))
		return json_object_get_int64(v);
	if (json_object_is_type(v, json_type_double)) { /* 4.0 and 4e3 are integers in JSON */
		double f = json_object_get_double(v);

		if (f > -0x1p53 && f < 0x1p53 && (double)(int64_t)f == f)
			return (int64_t)f;
	}
	return def;
}

bool rh_json_bool(struct json_object *o, const char *key, bool def)
{
	struct json_object *v = rh_json_get(o, key);

	return json_object_is_type(v, json_type_boolean) ? json_object_get_boolean(v) : def;
}

/* "[12]" at *P: the element; *P moves behind it. */
static struct json_object *element(struct json_object *o, const char **p)
{
	char *end;
	unsigned long i = strtoul(*p + 1, &end, 10);

	if (end == *p + 1 || *end != ']' || !json_object_is_type(o, json_type_array) ||
	    i >= json_object_array_length(o))
		return NULL;
	*p = end + 1;
	return json_object_array_get_idx(o, i);
}

struct json_object *rh_json_at(struct json_object *root, const char *path)
{
	struct json_object *o = root;

	while (o && *path) {
		size_t n;

		if (*path == '[') {
			o = element(o, &path);
			continue;
		}
		path += *path == '.';
		n = strcspn(path, ".[");
		if (n == 0)
			return NULL;
		RH_FREE char *key = rh_xasprintf("%.*s", (int)n, path);

		o = rh_json_get(o, key);
		path += n;
	}
	return o;
}

void rh_json_add_str(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text ? text : ""));
}

void rh_json_add_int(struct json_object *o, const char *key, int64_t n)
{
	json_object_object_add(o, key, json_object_new_int64(n));
}

int rh_size_parse(const char *text, uint64_t *bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	for (unsigned i = 0; i < 5; i++) {
		if (strcmp(p, units[i]) != 0)
			continue;
		if (__builtin_mul_overflow(n, 1ULL << (10 * i), &n))
			return -ERANGE;
		*bytes = n;
		return 0;
	}
	return -EINVAL;
}

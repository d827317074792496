// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks and verdict. See verdict.h.
 *
 * Trap: a proof's output is foreign text. It is parsed strictly, control characters never reach the
 * terminal, and a proof that says nothing or dies has failed even if every line before was fine.
 */
#include "builder/verdict.h"

#include <string.h>

#define LINE_MAX_BYTES	(64 * 1024)
#define MAX_PROOF_LINES 100000

static const char *clean(struct rh_arena *arena, const char *text)
{
	char *copy = rh_arena_strdup(arena, text);

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return copy;
}

void rh_verdict_add(struct rh_verdict *v, const char *overlay, const char *proof, const char *name,
		    bool ok, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	struct rh_check *check;
	va_list ap;

	if (!v->arena)
		v->arena = rh_arena_new();
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = rh_xstrdup("out of memory");
	va_end(ap);
	RH_GROW(v->v, v->n, v->cap);
	check = &v->v[v->n++];
	*check = (struct rh_check){
	    .overlay = clean(v->arena, overlay),
	    .proof = clean(v->arena, proof),
	    .name = clean(v->arena, name),
	    .text = clean(v->arena, text),
	    .ok = ok,
	};
}

/* One line of a proof. False when it is not what a proof may print. */
static bool add_line(struct rh_verdict *v, const char *overlay, const char *proof, const char *line,
		     size_t len, bool *ok)
{
	struct json_tokener *tok = json_tokener_new_ex(4);
	struct json_object *doc, *name = NULL, *good = NULL, *text = NULL;
	bool fine = false;

	if (!tok)
		return false;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	doc = json_tokener_parse_ex(tok, line, (int)len);
	if (doc && json_tokener_get_error(tok) == json_tokener_success &&
	    json_tokener_get_parse_end(tok) == len && json_object_is_type(doc, json_type_object)) {
		json_object_object_get_ex(doc, "name", &name);
		json_object_object_get_ex(doc, "ok", &good);
		json_object_object_get_ex(doc, "text", &text);
		fine = json_object_is_type(name, json_type_string) &&
		       json_object_is_type(good, json_type_boolean) &&
		       (!text || json_object_is_type(text, json_type_string));
	}
	if (fine) {
		*ok = json_object_get_boolean(good);
		rh_verdict_add(v, overlay, proof, json_object_get_string(name), *ok, "%s",
			       text ? json_object_get_string(text) : "");
	}
	json_object_put(doc);
	json_tokener_free(tok);
	return fine;
}

struct tally {
	size_t lines, failed, garbage;
	char first[81]; /* the beginning of the first line that is garbage */
};

static void read_lines(struct rh_verdict *v, const char *overlay, const char *proof,
		       const char *output, size_t len, struct tally *t)
{
	for (size_t at = 0; at < len;) {
		const char *line = output + at, *end = memchr(line, '\n', len - at);
		size_t n = end ? (size_t)(end - line) : len - at;
		bool ok = true, bad;

		at += n + 1;
		while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' '))
			n--;
		if (n == 0)
			continue;
		bad = n > LINE_MAX_BYTES || t->lines >= MAX_PROOF_LINES ||
		      !add_line(v, overlay, proof, line, n, &ok);
		if (!bad) {
			t->lines++;
			t->failed += !ok;
		} else if (t->garbage++ == 0) {
			snprintf(t->first, sizeof t->first, "%.*s", (int)(n < 80 ? n : 80), line);
		}
	}
}

void rh_verdict_add_output(struct rh_verdict *v, const char *overlay, const char *proof,
			   const char *output, size_t len, int status, const char *why)
{
	struct tally t = {0};

	read_lines(v, overlay, proof, output, len, &t);
	if (t.garbage)
		rh_verdict_add(v, overlay, proof, "output", false,
			       "could not run: %zu lines are not checks, the first: %s", t.garbage,
			       t.first);
	if (why)
		rh_verdict_add(v, overlay, proof, "run", false, "could not run: %s", why);
	else if (status >= 256)
		rh_verdict_add(v, overlay, proof, "run", false,
			       "could not run: killed by signal %d", status - 256);
	else if (status && !t.failed)
		rh_verdict_add(v, overlay, proof, "run", false,
			       "could not run: exit status %d without a failed check", status);
	else if (!t.lines && !t.garbage)
		rh_verdict_add(v, overlay, proof, "run", false,
			       "could not run: the proof printed no check");
}

size_t rh_verdict_failed(const struct rh_verdict *v)
{
	size_t failed = 0;

	for (size_t i = 0; i < v->n; i++)
		failed += !v->v[i].ok;
	return failed;
}

static bool has_proof(const struct rh_verdict *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i].overlay, RH_VERDICT_OWN) != 0)
			return true;
	return false;
}

bool rh_verdict_go(const struct rh_verdict *v)
{
	return has_proof(v) && rh_verdict_failed(v) == 0;
}

/* Columns on a terminal: continuation bytes of UTF-8 take none. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void cell(const char *text, int columns, FILE *out)
{
	fprintf(out, "%s%*s  ", text, columns - width(text), "");
}

void rh_verdict_print(const struct rh_verdict *v, bool colour, FILE *out)
{
	const char *green = colour ? "\033[32m" : "", *red = colour ? "\033[1;31m" : "";
	const char *off = colour ? "\033[0m" : "";
	int w_overlay = 7, w_proof = 5, w_name = 5;

	for (size_t i = 0; i < v->n; i++) {
		int o = width(v->v[i].overlay), p = width(v->v[i].proof), n = width(v->v[i].name);

		w_overlay = o > w_overlay ? o : w_overlay;
		w_proof = p > w_proof ? p : w_proof;
		w_name = n > w_name ? n : w_name;
	}
	if (v->n) {
		cell("overlay", w_overlay, out);
		cell("proof", w_proof, out);
		cell("check", w_name, out);
		fputs("result\n", out);
	}
	for (size_t i = 0; i < v->n; i++) {
		const struct rh_check *c = &v->v[i];

		cell(c->overlay, w_overlay, out);
		cell(c->proof, w_proof, out);
		cell(c->name, w_name, out);
		fprintf(out, "%s%-6s%s  %s\n", c->ok ? green : red, c->ok ? "ok" : "FAILED", off,
			c->text);
	}
	fprintf(out, "%zu checks, %zu failed\n", v->n, rh_verdict_failed(v));
	if (!has_proof(v))
		fputs("No overlay's proof was run: nothing is known about the services.\n", out);
}

struct json_object *rh_verdict_json(const struct rh_verdict *v)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < v->n; i++) {
		const struct rh_check *c = &v->v[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "overlay", json_object_new_string(c->overlay));
		json_object_object_add(o, "proof", json_object_new_string(c->proof));
		json_object_object_add(o, "name", json_object_new_string(c->name));
		json_object_object_add(o, "ok", json_object_new_boolean(c->ok));
		json_object_object_add(o, "text", json_object_new_string(c->text));
		json_object_array_add(list, o);
	}
	return list;
}

void rh_verdict_free(struct rh_verdict *v)
{
	rh_arena_free(&v->arena);
	rh_cleanup_free(&v->v);
	*v = (struct rh_verdict){0};
}

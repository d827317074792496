/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file:
 *
 *	rehome-import 1 done|copying
 *	subscriptions SUM
 *	folder UIDVALIDITY NAMES UIDLIST KEYWORDS NAME
 *	end
 *
 * Sums are 32 hex digits; NAME is the rest of the line. Without the last line the file is as good
 *as absent: the mailbox then counts as not ours.
 */
#include "rootfs/import/state.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t h)
{
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9u;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebu;
	return h ^ h >> 31;
}

static struct rh_sum hash(const char *s, size_t n, struct rh_sum h)
{
	for (size_t i = 0; i < n; i++) {
		h.a = (h.a ^ (unsigned char)s[i]) * 0x100000001b3u;
		h.b = (h.b + (unsigned char)s[i]) * 0x9e3779b97f4a7c15u;
		h.b ^= h.b >> 29;
	}
	return h;
}

static const struct rh_sum seed = {0xcbf29ce484222325u, 0x2545f4914f6cdd1du};

void rh_sum_name(struct rh_sum *s, const char *dir, const char *name)
{
	struct rh_sum h = hash(name, strlen(name), hash(dir, strlen(dir), seed));
	s->a += mix(h.a);
	s->b += mix(h.b);
}

struct rh_sum rh_sum_text(const char *text, size_t n)
{
	struct rh_sum h = hash(text, n, seed);
	return (struct rh_sum){mix(h.a + n), mix(h.b + n)};
}

bool rh_sum_equal(struct rh_sum x, struct rh_sum y)
{
	return x.a == y.a && x.b == y.b;
}

static bool sum_parse(struct rh_span s, struct rh_sum *out)
{
	uint64_t v[2] = {0};
	if (s.n != 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *at = s.s[i] ? strchr(hex, s.s[i]) : NULL;
		if (!at)
			return false;
		v[i / 16] = v[i / 16] << 4 | (uint64_t)(at - hex);
	}
	*out = (struct rh_sum){v[0], v[1]};
	return true;
}

static bool folder_line(struct rh_arena *arena, struct rh_span line, struct rh_fstate *f)
{
	struct rh_span v, a, b, c;
	uint64_t validity;
	if (!rh_span_cut(&line, ' ', &v) || !rh_span_number(v, UINT32_MAX, &validity) ||
	    !rh_span_cut(&line, ' ', &a) || !sum_parse(a, &f->names) ||
	    !rh_span_cut(&line, ' ', &b) || !sum_parse(b, &f->uidlist) ||
	    !rh_span_cut(&line, ' ', &c) || !sum_parse(c, &f->keywords) || line.n == 0)
		return false;
	f->validity = (uint32_t)validity;
	f->name = rh_span_dup(arena, line);
	return true;
}

static void parse(struct rh_arena *arena, const char *text, size_t n, struct rh_mstate *out)
{
	struct rh_text t;
	struct rh_span line, word;

	rh_text_init(&t, text, n);
	if (!rh_text_line(&t, &line))
		return;
	out->done = rh_span_is(line, "rehome-import 1 done");
	if (!out->done && !rh_span_is(line, "rehome-import 1 copying"))
		return;
	while (rh_text_line(&t, &line)) {
		struct rh_fstate f = {0};
		if (rh_span_is(line, "end")) {
			out->exists = true;
			return;
		}
		if (!rh_span_cut(&line, ' ', &word))
			return;
		if (rh_span_is(word, "subscriptions")) {
			if (!sum_parse(line, &out->subscriptions))
				return;
		} else if (!rh_span_is(word, "folder") || !folder_line(arena, line, &f)) {
			return;
		} else {
			rh_mstate_add(out, f);
		}
	}
}

void rh_mstate_parse(struct rh_arena *arena, const char *text, size_t n, struct rh_mstate *out)
{
	parse(arena, text, n, out);
	if (!out->exists)
		rh_mstate_free(out); /* half of it would be believed otherwise */
}

static void put_sum(struct rh_str *out, struct rh_sum s)
{
	rh_str_addf(out, "%016llx%016llx", (unsigned long long)s.a, (unsigned long long)s.b);
}

void rh_mstate_text(const struct rh_mstate *s, struct rh_str *out)
{
	rh_str_addf(out, "rehome-import 1 %s\nsubscriptions ", s->done ? "done" : "copying");
	put_sum(out, s->subscriptions);
	rh_str_addc(out, '\n');
	for (size_t i = 0; i < s->n; i++) {
		const struct rh_fstate *f = &s->v[i];
		rh_str_addf(out, "folder %u ", f->validity);
		put_sum(out, f->names);
		rh_str_addc(out, ' ');
		put_sum(out, f->uidlist);
		rh_str_addc(out, ' ');
		put_sum(out, f->keywords);
		rh_str_addf(out, " %s\n", f->name);
	}
	rh_str_add(out, "end\n");
}

const struct rh_fstate *rh_mstate_find(const struct rh_mstate *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

void rh_mstate_add(struct rh_mstate *s, struct rh_fstate f)
{
	RH_GROW(s->v, s->n, s->cap);
	s->v[s->n++] = f;
}

void rh_mstate_free(struct rh_mstate *s)
{
	free(s->v);
	*s = (struct rh_mstate){0};
}

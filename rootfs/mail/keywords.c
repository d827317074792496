/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * courierimapkeywords/: the keywords of a folder's messages.
 *
 *	:list		keyword names, one a line; an empty line; then "BASE:INDEX INDEX …"
 *	BASE		pending: the newest complete set of one message, a name a line (may be
 *empty) .N.BASE		the same, N = time/300, made when a race forbids the plain name
 *
 * A pending file replaces the entry of :list. The plain one wins, even when it is empty (which
 * means: no keywords); else the highest N. Numbered files stay behind after Courier has merged
 * them, so they must not win over the plain one.
 */
#include "rootfs/mail/courier.h"

#include <stdlib.h>
#include <string.h>

static unsigned intern(struct rh_keywords *k, struct rh_arena *arena, struct rh_span name)
{
	for (size_t i = 0; i < k->nnames; i++)
		if (rh_span_is(name, k->names[i]))
			return (unsigned)i;
	RH_GROW(k->names, k->nnames, k->names_cap);
	k->names[k->nnames] = rh_span_dup(arena, name);
	return (unsigned)k->nnames++;
}

/* No IMAP server can have a keyword that is not an atom. */
static bool atom(struct rh_span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.s[i];
		if (c <= 0x20 || c >= 0x7f || strchr("(){%*\"\\]", c))
			return false;
	}
	return s.n > 0;
}

static void put(struct rh_kwrec *r, unsigned kw)
{
	size_t i = 0;
	while (i < r->n && r->kw[i] < kw)
		i++;
	if (i < r->n && r->kw[i] == kw)
		return;
	memmove(r->kw + i + 1, r->kw + i, (r->n - i) * sizeof *r->kw);
	r->kw[i] = kw;
	r->n++;
}

static void append(struct rh_keywords *k, struct rh_kwrec r)
{
	RH_GROW(k->v, k->n, k->cap);
	k->v[k->n++] = r;
}

/* "BASE:INDEX INDEX …"; MAP translates the file's indexes, entry MAX+1 and above do not exist. */
static const char *record(struct rh_arena *arena, struct rh_span line, const unsigned *map,
			  size_t nmap, struct rh_kwrec *r)
{
	struct rh_span idx, part;
	uint64_t v;
	if (!rh_span_cut_last(&line, ':', &idx) || line.n == 0 || rh_span_has(line, '/') ||
	    rh_span_has(line, 0))
		return "it is not 'MESSAGE:INDEX …'";
	r->base = rh_span_dup(arena, line);
	r->kw = rh_arena_alloc(arena, (nmap + 1) * sizeof *r->kw);
	while (idx.n) {
		if (!rh_span_cut(&idx, ' ', &part)) {
			part = idx;
			idx.n = 0;
		}
		if (part.n == 0)
			continue;
		if (!rh_span_number(part, UINT32_MAX, &v) || v >= nmap)
			return "it names a keyword that is not in the list";
		if (map[v] != UINT32_MAX)
			put(r, map[v]);
	}
	return NULL;
}

void rh_kwlist_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		     struct rh_keywords *out, struct rh_diags *d)
{
	struct rh_text t;
	struct rh_span line;
	unsigned *map = NULL;
	size_t nmap = 0, cap = 0;

	rh_text_init(&t, text, n);
	while (rh_text_line(&t, &line) && line.n) {
		RH_GROW(map, nmap, cap);
		if (!t.torn && atom(line)) {
			map[nmap++] = intern(out, arena, line);
			continue;
		}
		map[nmap++] = UINT32_MAX;
		rh_diag_add(d, file, t.line, "", "", "keyword not carried: %s",
			    t.torn ? "the line is cut off" : "it is not an IMAP atom");
	}
	while (rh_text_line(&t, &line)) {
		struct rh_kwrec r = {0};
		const char *fault =
		    t.torn ? "the line is cut off" : record(arena, line, map, nmap, &r);
		if (fault)
			rh_diag_add(d, file, t.line, "", "", "keywords not carried: %s", fault);
		else
			append(out, r);
	}
	free(map);
}

bool rh_kwpending_name(const char *name, const char **base, uint64_t *rank)
{
	if (strcmp(name, ":list") == 0 || strncmp(name, ".tmp.", 5) == 0)
		return false;
	if (name[0] != '.') {
		*base = name;
		*rank = RH_KW_PLAIN;
		return true;
	}
	const char *dot = strchr(name + 1, '.');
	struct rh_span num = {name + 1, dot ? (size_t)(dot - name - 1) : 0};
	if (!dot || !dot[1] || !rh_span_number(num, RH_KW_PLAIN - 2, rank))
		return false;
	*rank += 1; /* above :list, whose rank is 0 */
	*base = dot + 1;
	return true;
}

void rh_kwpending_parse(struct rh_arena *arena, const char *file, const char *base, uint64_t rank,
			const char *text, size_t n, struct rh_keywords *out, struct rh_diags *d)
{
	struct rh_text t;
	struct rh_span line;
	struct rh_kwrec r = {.base = rh_arena_strdup(arena, base), .rank = rank};
	size_t lines = 1;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	r.kw = rh_arena_alloc(arena, (lines + 1) * sizeof *r.kw);
	rh_text_init(&t, text, n);
	while (rh_text_line(&t, &line)) {
		if (line.n == 0)
			continue;
		if (atom(line))
			put(&r, intern(out, arena, line));
		else
			rh_diag_add(d, file, t.line, "", "",
				    "keyword not carried: it is not an IMAP atom");
	}
	append(out, r);
}

static int by_base(const void *a, const void *b)
{
	const struct rh_kwrec *x = a, *y = b;
	int c = strcmp(x->base, y->base);
	return c ? c : (x->rank < y->rank) - (x->rank > y->rank);
}

void rh_keywords_settle(struct rh_keywords *k)
{
	size_t n = 0;
	if (k->n)
		qsort(k->v, k->n, sizeof *k->v, by_base);
	for (size_t i = 0; i < k->n; i++)
		if (!n || strcmp(k->v[n - 1].base, k->v[i].base) != 0)
			k->v[n++] = k->v[i];
	k->n = n;
}

static int find(const void *key, const void *rec)
{
	return strcmp(key, ((const struct rh_kwrec *)rec)->base);
}

const struct rh_kwrec *rh_keywords_find(const struct rh_keywords *k, const char *base)
{
	return k->n ? bsearch(base, k->v, k->n, sizeof *k->v, find) : NULL;
}

void rh_keywords_free(struct rh_keywords *k)
{
	free(k->names);
	free(k->v);
	*k = (struct rh_keywords){0};
}

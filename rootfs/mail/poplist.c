/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * courierpop3dsizelist: what POP3 clients know of the INBOX.
 *
 *	v0	no header				NAME SIZE
 *	v1	/1 NEXTUID				NAME SIZE UID
 *	v2	/2 NEXTUID UIDVALIDITY			NAME SIZE UID:UIDVALIDITY
 *	v3	/3 NEXTUID UIDVALIDITY			NAME SIZE UID:UIDVALIDITY:ISUTF8
 *
 * NAME has its flags and may contain spaces: fields are split off from the right. The size counts
 * line ends as two and adds two for a missing last one, so it is no size that Dovecot knows: it is
 * not kept. UIDL: "UID<n>-<validity>", without the second part when validity is 0, and the escaped
 * base name when UID is 0. The old server's clients remember these texts for ever.
 */
#include "rootfs/mail/courier.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int by_base(const void *a, const void *b)
{
	const struct rh_poprec *x = a, *y = b;
	int c = strcmp(x->base, y->base);
	return c ? c : (x->uid > y->uid) - (x->uid < y->uid);
}

static bool header(struct rh_span line, struct rh_poplist *out)
{
	struct rh_span part;
	uint64_t version;
	line.s++;
	line.n--;
	if (!rh_span_cut(&line, ' ', &part) || !rh_span_number(part, 3, &version) || version == 0)
		return false;
	out->version = (unsigned)version;
	if (version == 1)
		return rh_span_number(line, UINT64_MAX, &out->next);
	return rh_span_cut(&line, ' ', &part) && rh_span_number(part, UINT64_MAX, &out->next) &&
	       rh_span_number(line, UINT64_MAX, &out->validity);
}

/* UID[:UIDVALIDITY[:ISUTF8]] */
static bool numbers(struct rh_span s, unsigned version, struct rh_poprec *r)
{
	struct rh_span uid, utf8;
	uint64_t flag;
	if (version == 1)
		return rh_span_number(s, UINT64_MAX, &r->uid);
	if (!rh_span_cut(&s, ':', &uid) || !rh_span_number(uid, UINT64_MAX, &r->uid))
		return false;
	if (version == 3 && (!rh_span_cut_last(&s, ':', &utf8) || !rh_span_number(utf8, 1, &flag)))
		return false;
	return rh_span_number(s, UINT64_MAX, &r->validity);
}

static const char *record(struct rh_arena *arena, struct rh_span line, bool torn, unsigned version,
			  struct rh_poprec *r)
{
	struct rh_span nums = {0}, size, info;
	uint64_t v;
	if (torn)
		return "the line is cut off";
	if (version > 0 && !rh_span_cut_last(&line, ' ', &nums))
		return "it has too few fields";
	if (!rh_span_cut_last(&line, ' ', &size) || !rh_span_number(size, UINT64_MAX, &v))
		return "it has no size";
	if (version > 0 && !numbers(nums, version, r))
		return "its UID is not a number";
	if (line.n == 0 || rh_span_has(line, '/') || rh_span_has(line, 0))
		return "no file can have that name";
	rh_span_cut_last(&line, ':', &info);
	r->base = rh_span_dup(arena, line);
	return NULL;
}

static void settle(struct rh_poplist *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_base);
	for (size_t i = 0; i < l->n; i++)
		if (!n || strcmp(l->v[n - 1].base, l->v[i].base) != 0)
			l->v[n++] = l->v[i];
	l->n = n;
}

void rh_poplist_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		      struct rh_poplist *out, struct rh_diags *d)
{
	struct rh_text t;
	struct rh_span line;

	rh_text_init(&t, text, n);
	out->valid = true;
	if (n && text[0] == '/') {
		rh_text_line(&t, &line);
		out->valid = !t.torn && header(line, out);
	}
	if (!out->valid) {
		rh_diag_add(d, file, 1, "", "",
			    "POP3 UIDLs not carried: the header is none of versions 1 to 3");
		return;
	}
	while (rh_text_line(&t, &line)) {
		struct rh_poprec r = {0};
		const char *fault = record(arena, line, t.torn, out->version, &r);
		if (fault) {
			rh_diag_add(d, file, t.line, "", "", "POP3 UIDL not carried: %s", fault);
			continue;
		}
		if (r.uid >= out->next && r.uid < UINT64_MAX)
			out->next = r.uid + 1;
		RH_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = r;
	}
	settle(out);
}

static int find(const void *key, const void *rec)
{
	return strcmp(key, ((const struct rh_poprec *)rec)->base);
}

const struct rh_poprec *rh_poplist_find(const struct rh_poplist *l, const char *base)
{
	return l->n ? bsearch(base, l->v, l->n, sizeof *l->v, find) : NULL;
}

void rh_poplist_free(struct rh_poplist *l)
{
	free(l->v);
	*l = (struct rh_poplist){0};
}

char *rh_poplist_uidl(struct rh_arena *arena, const char *base, uint64_t uid, uint64_t validity)
{
	struct rh_str out RH_STR = {0};
	if (uid && validity)
		return rh_arena_printf(arena, "UID%llu-%llu", (unsigned long long)uid,
				       (unsigned long long)validity);
	if (uid)
		return rh_arena_printf(arena, "UID%llu", (unsigned long long)uid);
	for (const char *p = base; *p && *p != ':'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < 0x21 || c > 0x7e || c == '\'' || c == '"' || c == '+')
			rh_str_addf(&out, "+%02X", c);
		else
			rh_str_addc(&out, (char)c);
	}
	return rh_arena_strdup(arena, rh_str_text(&out));
}

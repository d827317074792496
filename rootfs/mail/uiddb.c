/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * courierimapuiddb: the UIDs of a folder.
 *
 *	1 UIDVALIDITY UIDNEXT
 *	UID BASE			BASE may contain spaces; no ":2,FLAGS"
 *
 * Courier ignores a last line without LF (its reader drops it at EOF): so is it here, with a
 * report, because a torn BASE could be another message's. A UID that stands twice is certain for
 * neither; the first keeps it, the other message gets a new UID above UIDNEXT, so no client can
 *take one message for another. The header gone, UIDVALIDITY is unknown and the UIDs only give the
 *order.
 */
#include "rootfs/mail/courier.h"

#include <stdlib.h>
#include <string.h>

static int by_uid(const void *a, const void *b)
{
	const struct rh_uidrec *x = a, *y = b;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static int by_base(const void *a, const void *b)
{
	const struct rh_uidrec *x = a, *y = b;
	int c = strcmp(x->base, y->base);
	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static bool header(struct rh_span line, struct rh_uiddb *out)
{
	struct rh_span version, validity;
	uint64_t v, n;
	if (!rh_span_cut(&line, ' ', &version) || !rh_span_cut(&line, ' ', &validity) ||
	    !rh_span_is(version, "1") || !rh_span_number(validity, UINT32_MAX, &v) ||
	    !rh_span_number(line, UINT32_MAX, &n) || v == 0 || n == 0)
		return false;
	out->validity = (uint32_t)v;
	out->next = (uint32_t)n;
	return true;
}

static const char *record(struct rh_arena *arena, struct rh_span line, bool torn,
			  struct rh_uidrec *r)
{
	struct rh_span uid;
	uint64_t v;
	if (torn)
		return "the line is cut off";
	if (!rh_span_cut(&line, ' ', &uid) || !rh_span_number(uid, RH_UID_MAX, &v) || v == 0)
		return "it does not begin with a UID";
	if (line.n == 0 || rh_span_has(line, '/') || rh_span_has(line, 0))
		return "no file can have that name";
	r->uid = (uint32_t)v;
	struct rh_span info;
	struct rh_span base = line;
	if (rh_span_cut_last(&base, ':', &info) && info.n >= 2 && memcmp(info.s, "2,", 2) == 0)
		line = base;
	r->base = rh_span_dup(arena, line);
	return NULL;
}

/* Takes out every second use of a UID or base. */
static void unique(struct rh_uiddb *db, const char *file, struct rh_diags *d,
		   int (*cmp)(const void *, const void *), bool uid)
{
	size_t n = 0;
	if (db->n)
		qsort(db->v, db->n, sizeof *db->v, cmp);
	for (size_t i = 0; i < db->n; i++) {
		const struct rh_uidrec *r = &db->v[i], *last = n ? &db->v[n - 1] : NULL;
		if (last && (uid ? last->uid == r->uid : strcmp(last->base, r->base) == 0)) {
			rh_diag_add(d, file, r->line, "", "",
				    "UID %u not carried: %s stands in line %u too", r->uid,
				    uid ? "it" : "the same message", last->line);
			continue;
		}
		db->v[n++] = *r;
	}
	db->n = n;
}

static void raise_next(struct rh_uiddb *db, const char *file, struct rh_diags *d)
{
	uint32_t max = 0;
	for (size_t i = 0; i < db->n; i++)
		if (db->v[i].uid > max)
			max = db->v[i].uid;
	if (db->next > max)
		return;
	if (db->valid)
		rh_diag_add(d, file, 1, RH_NOTE, "", "UIDNEXT %u is not above UID %u: raised",
			    db->next, max);
	db->next = max + 1;
}

void rh_uiddb_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		    struct rh_uiddb *out, struct rh_diags *d)
{
	struct rh_text t;
	struct rh_span line;

	rh_text_init(&t, text, n);
	if (rh_text_line(&t, &line))
		out->valid = !t.torn && header(line, out);
	if (!out->valid)
		rh_diag_add(d, file, 1, "", "",
			    "UIDVALIDITY not carried: the file does not begin with '1 UIDVALIDITY "
			    "UIDNEXT'; the folder gets a new one");
	while (rh_text_line(&t, &line)) {
		struct rh_uidrec r = {.line = t.line};
		const char *fault = record(arena, line, t.torn, &r);
		if (fault) {
			rh_diag_add(d, file, t.line, "", "", "UID not carried: %s", fault);
			continue;
		}
		RH_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = r;
	}
	unique(out, file, d, by_uid, true);
	unique(out, file, d, by_base, false);
	raise_next(out, file, d);
}

static int find(const void *key, const void *rec)
{
	return strcmp(key, ((const struct rh_uidrec *)rec)->base);
}

const struct rh_uidrec *rh_uiddb_find(const struct rh_uiddb *db, const char *base)
{
	return db->n ? bsearch(base, db->v, db->n, sizeof *db->v, find) : NULL;
}

void rh_uiddb_free(struct rh_uiddb *db)
{
	free(db->v);
	*db = (struct rh_uiddb){0};
}

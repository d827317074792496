/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dovecot's side (maildir-uidlist.c, maildir-keywords.c of 2.4.1).
 *
 *	3 V<UIDVALIDITY> N<UIDNEXT>
 *	UID [P<uidl>] [O<order>] :BASE
 *
 * One line out of UID order makes Dovecot renumber the rest in silence, so ascending UIDs are an
 * invariant that the caller's sort must give and rh_uidlist_add() cannot repair. An empty P means
 * "the base name", which saves space for servers whose UIDL is the file name. No W is ever written:
 * Courier's sizes are not Dovecot's. In file names keyword N is the letter 'a' + N, and
 * dovecot-keywords holds "N NAME" lines; there are only 26.
 */
#include "rootfs/mail/dovecot.h"

#include <string.h>
#include <strings.h>

void rh_uidlist_begin(struct rh_str *out, uint32_t validity, uint32_t next)
{
	rh_str_addf(out, "3 V%u N%u\n", validity, next);
}

static void number(struct rh_str *out, uint32_t v)
{
	char buf[12], *p = buf + sizeof buf;
	do {
		*--p = (char)('0' + v % 10);
	} while (v /= 10);
	rh_str_addn(out, p, (size_t)(buf + sizeof buf - p));
}

void rh_uidlist_add(struct rh_str *out, uint32_t uid, const char *uidl, uint32_t order,
		    const char *base, size_t len)
{
	number(out, uid);
	if (uidl) {
		rh_str_addn(out, " P", 2);
		if (strncmp(uidl, base, len) != 0 || uidl[len] != 0)
			rh_str_add(out, uidl);
	}
	if (order) {
		rh_str_addn(out, " O", 2);
		number(out, order);
	}
	rh_str_addn(out, " :", 2);
	rh_str_addn(out, base, len);
	rh_str_addc(out, '\n');
}

static int letter_of(const struct rh_letters *l, const char *name)
{
	for (size_t i = 0; i < l->used; i++)
		if (strcasecmp(l->names[i], name) == 0)
			return (int)i;
	return -1;
}

void rh_letters_assign(struct rh_arena *arena, const char *file, const struct rh_keywords *k,
		       const size_t *used, struct rh_letters *out, struct rh_diags *d)
{
	out->n = k->nnames;
	out->of = rh_arena_alloc(arena, (k->nnames + 1) * sizeof *out->of);
	for (size_t i = 0; i < k->nnames; i++) {
		const char *name = k->names[i];
		out->of[i] = -1;
		if (used[i] == 0)
			continue;
		int at = letter_of(out, name);
		if (at >= 0) {
			rh_diag_add(d, file, 0, RH_NOTE, "",
				    "keywords %s and %s differ only in case: they become one",
				    out->names[at], name);
		} else if (out->used < RH_KW_LETTERS) {
			at = (int)out->used;
			out->names[out->used++] = name;
		} else {
			rh_diag_add(
			    d, file, 0, "", "",
			    "keyword %s of %zu messages not carried: a folder can have only "
			    "26 in its file names",
			    name, used[i]);
		}
		out->of[i] = at;
	}
}

void rh_letters_text(const struct rh_letters *l, struct rh_str *out)
{
	for (size_t i = 0; i < l->used; i++)
		rh_str_addf(out, "%zu %s\n", i, l->names[i]);
}

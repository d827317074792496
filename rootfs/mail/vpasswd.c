/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpasswd: the accounts of one domain.
 *
 *	name:hash:pw_uid:pw_gid:gecos:dir:quota[:clear password]
 *
 * Only the first seven colons separate: a clear password may hold colons. pw_gid is a set of
 * flags. Names come from programs that let almost anything through, '/' included, so a name is
 * checked here before anybody can make a path or an address of it. A bad line is reported and the
 * rest goes on; the text file is the authority (vpopmail's own cdb writer breaks long lines).
 */
#include "rootfs/mail/account.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, HASH, UID, GID, GECOS, DIR_, QUOTA, FIELDS };

static const char *const flag_lost[RH_VP_FLAG_BITS] = {
    "may not change the password",
    "POP3 was denied",
    "webmail was denied",
    "IMAP was denied",
    "all mail to it was bounced",
    "relaying after POP3 was denied",
    "dial-up was denied",
    "site flag 0x80",
    "site flag 0x100",
    "site flag 0x200",
    "site flag 0x400",
    "SMTP submission was denied",
    NULL, /* QA_ADMIN: carried as a domain administrator */
    NULL, /* V_OVERRIDE: only says that the domain's limits do not apply */
    "SpamAssassin was off for it",
    "spam was deleted for it",
    NULL, /* SA_ADMIN, SA_EXPERT: menus of a program that is gone */
    NULL,
    NULL, /* NO_MAILDROP: a program that is gone */
    "flag 0x80000",
};

const char *rh_vpflag_lost(unsigned bit)
{
	return bit < RH_VP_FLAG_BITS ? flag_lost[bit] : "unknown flag";
}

const char *rh_name_fault(const char *name, size_t n)
{
	if (n == 0)
		return "the name is empty";
	if (n > 200)
		return "the name is too long";
	if (name[0] == '.')
		return "the name begins with a dot";
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];
		if (c == '/')
			return "the name contains '/'";
		if (c <= 0x20 || c == 0x7f)
			return "the name contains a space or a control character";
		if (c > 0x7f)
			return "the name contains a character outside ASCII";
		if (strchr("@%,\"\\<>()[];", c))
			return "the name contains a character that no address can have";
	}
	return NULL;
}

static const char *split(struct rh_span line, struct rh_span f[FIELDS], bool *clear)
{
	if (memchr(line.s, 0, line.n))
		return "it contains a NUL byte";
	for (int i = 0; i < FIELDS - 1; i++)
		if (!rh_span_cut(&line, ':', &f[i]))
			return "it has fewer than seven fields";
	*clear = rh_span_cut(&line, ':', &f[QUOTA]) && line.n > 0;
	if (!f[QUOTA].s)
		f[QUOTA] = line;
	return rh_name_fault(f[NAME].s, f[NAME].n);
}

static const char *parse_line(struct rh_arena *arena, struct rh_span line, struct rh_vpuser *u)
{
	struct rh_span f[FIELDS] = {0};
	uint64_t flags, uid;
	const char *fault = split(line, f, &u->clear);

	if (fault)
		return fault;
	if (!rh_span_number(f[UID], UINT32_MAX, &uid) ||
	    !rh_span_number(f[GID], UINT32_MAX, &flags))
		return "pw_uid or pw_gid is not a number";
	if (f[DIR_].n && f[DIR_].s[0] != '/')
		return "its directory is not an absolute path";
	char *name = rh_span_dup(arena, f[NAME]);
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	u->name = name;
	u->hash = rh_span_dup(arena, f[HASH]);
	u->gecos = rh_span_dup(arena, f[GECOS]);
	u->dir = rh_span_dup(arena, f[DIR_]);
	u->quota_text = rh_span_dup(arena, f[QUOTA]);
	u->quota = rh_quota_parse(u->quota_text);
	u->flags = (uint32_t)flags;
	u->kind = rh_hash_kind(u->hash);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct rh_vpuser *x = a, *y = b;
	int c = strcmp(x->name, y->name);
	return c ? c : (x->line > y->line) - (x->line < y->line);
}

/* The list sorted by name, later lines with a name that stood before taken out. */
static void drop_duplicates(struct rh_vpusers *l, const char *file, struct rh_diags *d)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
	for (size_t i = 0; i < l->n; i++) {
		if (n && strcmp(l->v[n - 1].name, l->v[i].name) == 0) {
			rh_diag_add(d, file, l->v[i].line, "", "",
				    "account %s stands here a second time (first in line %u)",
				    l->v[i].name, l->v[n - 1].line);
			continue;
		}
		l->v[n++] = l->v[i];
	}
	l->n = n;
}

void rh_vpasswd_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		      struct rh_vpusers *out, struct rh_diags *d)
{
	struct rh_text t;
	struct rh_span line;

	rh_text_init(&t, text, n);
	while (rh_text_line(&t, &line)) {
		struct rh_vpuser u = {.line = t.line};
		if (line.n == 0)
			continue;
		const char *fault = parse_line(arena, line, &u);
		if (fault) {
			rh_diag_add(d, file, t.line, "", "correct the line and run again",
				    "account not carried: %s", fault);
			continue;
		}
		if (t.torn)
			rh_diag_add(d, file, t.line, RH_NOTE, "",
				    "the last line has no end: the file may be cut off");
		RH_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = u;
	}
	drop_duplicates(out, file, d);
}

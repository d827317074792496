/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /var/qmail/users/assign: which domains vpopmail serves, and where they live.
 *
 *	+DOMAIN-:REAL:UID:GID:DIR:-::	DOMAIN is served from DIR; an alias when DOMAIN ≠ REAL
 *	=USER:…				an exact qmail user: not vpopmail's
 *	.				the last line
 *
 * qmail-newu puts the lines into a cdb whose first record of a key wins. Domains without a dot
 * exist. Whether a "+" line belongs to vpopmail at all shows only in DIR, so that is for the
 *caller.
 */
#include "rootfs/mail/account.h"

#include <ctype.h>
#include <string.h>

static char *lower(char *s)
{
	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* Split a "+" line; NULL when it is one of vpopmail's, else what is wrong. */
static const char *split(struct rh_arena *arena, struct rh_span line, struct rh_assign *out)
{
	struct rh_span f[7];
	line.s++;
	line.n--;
	for (int i = 0; i < 7; i++)
		if (!rh_span_cut(&line, ':', &f[i]))
			return "it has fewer than eight fields";
	if (f[0].n < 2 || f[0].s[f[0].n - 1] != '-' || !rh_span_is(f[5], "-") || f[6].n || line.n)
		return "it is not a domain of vpopmail's";
	f[0].n--;
	const char *fault = rh_name_fault(f[0].s, f[0].n);
	if (!fault)
		fault = rh_name_fault(f[1].s, f[1].n);
	if (fault)
		return fault;
	if (f[4].n == 0 || f[4].s[0] != '/' || memchr(f[4].s, 0, f[4].n))
		return "its directory is not an absolute path";
	out->name = lower(rh_span_dup(arena, f[0]));
	out->real = lower(rh_span_dup(arena, f[1]));
	out->dir = rh_span_dup(arena, f[4]);
	return NULL;
}

static bool seen(const struct rh_assigns *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0)
			return true;
	return false;
}

void rh_assign_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		     struct rh_assigns *out, struct rh_diags *d)
{
	struct rh_text t;
	struct rh_span line;
	bool end = false;

	rh_text_init(&t, text, n);
	while (rh_text_line(&t, &line)) {
		struct rh_assign a = {.line = t.line};
		if (line.n == 0)
			continue;
		if (rh_span_is(line, ".")) {
			end = true;
			break;
		}
		const char *fault = line.s[0] == '+' ? split(arena, line, &a)
						     : "it is a user of qmail's, not of vpopmail's";
		if (fault) {
			rh_diag_add(d, file, t.line, "", "", "line not carried: %s", fault);
			continue;
		}
		if (seen(out, a.name)) {
			rh_diag_add(d, file, t.line, "", "",
				    "domain %s stands here a second time; qmail uses the first",
				    a.name);
			continue;
		}
		RH_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = a;
	}
	if (!end)
		rh_diag_add(d, file, t.line, RH_NOTE, "",
			    "the file does not end with a line '.': it may be cut off");
	while (rh_text_line(&t, &line))
		if (line.n)
			rh_diag_add(d, file, t.line, "", "",
				    "line not carried: after the end mark");
}

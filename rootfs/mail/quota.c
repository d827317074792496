/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpopmail's quota strings (maildirquota.c, format_maildirquota).
 *
 *	quota = "NOQUOTA" | item *("," item)
 *	item  = digits "C"			messages
 *	      | digits ["K" | "M"] ["B"] ["S"]	bytes, any case
 *
 * There is no G: vpopmail reads "1GB" as one byte. A canonical file has only "NNNS,NNNC".
 */
#include "rootfs/mail/account.h"

#include <string.h>
#include <strings.h>

static bool ends(struct rh_span *s, const char *letters)
{
	if (s->n == 0 || !strchr(letters, s->s[s->n - 1]) || s->s[s->n - 1] == 0)
		return false;
	s->n--;
	return true;
}

static bool item(struct rh_span s, struct rh_quota *q)
{
	uint64_t v, unit = 1;
	if (ends(&s, "C"))
		return rh_span_number(s, UINT64_MAX, &q->count);
	ends(&s, "Ss");
	ends(&s, "Bb");
	if (ends(&s, "Kk"))
		unit = 1024;
	else if (ends(&s, "Mm"))
		unit = 1024 * 1024;
	if (!rh_span_number(s, UINT64_MAX / unit, &v))
		return false;
	q->bytes = v * unit;
	return true;
}

struct rh_quota rh_quota_parse(const char *text)
{
	struct rh_quota q = {0};
	struct rh_span rest = {text, strlen(text)}, part;

	if (rest.n == 0 || strcasecmp(text, "NOQUOTA") == 0) {
		q.none = true;
		return q;
	}
	while (rh_span_cut(&rest, ',', &part))
		q.bad |= !item(part, &q);
	q.bad |= !item(rest, &q);
	q.none = q.bytes == 0 && q.count == 0;
	return q;
}

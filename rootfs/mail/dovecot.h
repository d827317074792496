/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that Dovecot reads at its first opening of a folder: dovecot-uidlist, dovecot-keywords,
 * subscriptions. Texts are built in memory; writing them is the caller's.
 */
#pragma once

#include "rootfs/mail/courier.h"

/* dovecot-uidlist version 3: header, then records with strictly ascending UIDs. UIDL NULL: no P;
 * ORDER 0: no O. BASE (LEN bytes) must have neither ':' nor LF. */
void rh_uidlist_begin(struct rh_str *out, uint32_t validity, uint32_t next);
void rh_uidlist_add(struct rh_str *out, uint32_t uid, const char *uidl, uint32_t order,
		    const char *base, size_t len);

/* How Courier's keywords of one folder become Dovecot's letters. */
#define RH_KW_LETTERS 26
struct rh_letters {
	int *of;  /* per keyword of the source: 0…25, or -1 when it has no letter */
	size_t n; /* keywords of the source */
	const char *names[RH_KW_LETTERS];
	size_t used;
};
/* USED[i] = number of messages with keyword i. Keywords without message get no letter; those that
 * differ only in case share one (Dovecot compares without case); the 27th and later get none. All
 * but the first case is reported, FILE being what the report calls the source. */
void rh_letters_assign(struct rh_arena *arena, const char *file, const struct rh_keywords *k,
		       const size_t *used, struct rh_letters *out, struct rh_diags *d);
void rh_letters_text(const struct rh_letters *l, struct rh_str *out); /* dovecot-keywords */

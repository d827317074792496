/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this program last wrote into one mailbox: USER/.rehome-import at the target.
 *
 * With it a later run tells its own writes from those of Dovecot and of the mailbox's user, and a
 * run with nothing to do needs to read names only.
 */
#pragma once

#include "rootfs/mail/text.h"

#define RH_STATE_NAME ".rehome-import"

/* A 128-bit sum over a set of names (independent of order) or over a text. Not cryptographic: it
 * recognises our own work, it does not defend against an attacker, who would own the mailbox. */
struct rh_sum {
	uint64_t a, b;
};
void rh_sum_name(struct rh_sum *s, const char *dir, const char *name);
struct rh_sum rh_sum_text(const char *text, size_t n);
bool rh_sum_equal(struct rh_sum x, struct rh_sum y);

struct rh_fstate {
	const char *name; /* directory at the target: "." or ".Sent" */
	uint32_t validity;
	struct rh_sum names, uidlist, keywords;
};

struct rh_mstate {
	bool exists; /* there was a file that we understand */
	bool done;   /* the last run finished this mailbox */
	struct rh_sum subscriptions;
	struct rh_fstate *v;
	size_t n, cap;
};

/* TEXT not understood: exists stays false. Strings in ARENA, the array to be freed by
 * rh_mstate_free(). */
void rh_mstate_parse(struct rh_arena *arena, const char *text, size_t n, struct rh_mstate *out);
void rh_mstate_text(const struct rh_mstate *s, struct rh_str *out);
const struct rh_fstate *rh_mstate_find(const struct rh_mstate *s, const char *name);
void rh_mstate_add(struct rh_mstate *s, struct rh_fstate f);
void rh_mstate_free(struct rh_mstate *s);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is what the new server serves what the old one served? Pure: works on two struct rh_account.
 *
 * Rules that are not plain equality:
 * - \Recent never counts (it is not read at all).
 * - RFC822.SIZE and POP3 sizes: the old server's figure, or, for a message that Courier is known to
 *   count differently (no final newline: +2; CR LF inside the file: +1 each), the file's own size
 * on the wire. Each such message is listed. Nothing else is allowed to differ.
 * - A UIDL that no client was ever given (known = false) may be any, once in the mailbox.
 * - The UIDVALIDITY of a folder that the old server had not numbered yet may be any.
 * - Drafts, Junk, Sent and Trash, which the new server makes by itself, may exist and be subscribed
 *   beyond the old ones when they are empty.
 */
#pragma once

#include "builder/probe/expect.h"

enum rh_kind {
	RH_KIND_LOGIN_IMAP,
	RH_KIND_LOGIN_POP3,
	RH_KIND_FOLDERS,
	RH_KIND_SUBSCRIPTIONS,
	RH_KIND_UIDVALIDITY,
	RH_KIND_UIDS,
	RH_KIND_FLAGS,
	RH_KIND_KEYWORDS,
	RH_KIND_DATES,
	RH_KIND_SIZES,
	RH_KIND_BODIES,
	RH_KIND_POP3_UIDL,
	RH_KIND_POP3_ORDER,
	RH_KIND_POP3_SIZES,
	RH_KIND_N,
};

extern const char *const rh_kind_names[RH_KIND_N];

/* How many differences of a kind are told in full. */
#define RH_COMPARE_TELL 3

struct rh_result {
	bool ran;	 /* false: could not be compared, which is a fault too */
	size_t compared; /* things looked at */
	size_t faults;
	struct rh_str text; /* the first faults, "; " between */
	size_t allowed;
	struct rh_str allow; /* each known difference, named */
};

struct rh_results {
	struct rh_result kind[RH_KIND_N];
};

/* Folders and messages of OLD against NEW. Fills all IMAP kinds but the login. */
void rh_compare_imap(const struct rh_account *old, const struct rh_account *new,
		     struct rh_results *res);
void rh_compare_pop3(const struct rh_account *old, const struct rh_account *new,
		     struct rh_results *res);
void rh_result_fault(struct rh_result *r, const char *fmt, ...) RH_PRINTF(2, 3);
bool rh_result_ok(const struct rh_result *r);
void rh_results_free(struct rh_results *res);
#define RH_RESULTS __attribute__((cleanup(rh_results_free)))

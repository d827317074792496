/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's view of one account, read without changing anything (unless asked): EXAMINE,
 * BODY.PEEK[], no RETR.
 */
#pragma once

#include "builder/probe/expect.h"
#include "builder/probe/imap.h"
#include "builder/probe/pop3.h"

enum rh_view_flags {
	RH_VIEW_BODIES = 1, /* each message's canonical digest too */
	RH_VIEW_SETTLE = 2, /* SELECT each folder first, which numbers its new messages: a change */
};
/* Folders (LIST), subscriptions (LSUB), and per folder STATUS and UID FETCH 1:* into A, whose lists
 * must be empty. Logged in already. FLAGS: enum rh_view_flags. */
RH_CHECKED int rh_view_imap(struct rh_imap *im, struct rh_arena *arena, unsigned flags,
			    struct rh_account *a, struct rh_err *err);
/* UIDL and LIST into A. Logged in already. */
RH_CHECKED int rh_view_pop3(struct rh_pop3 *p, struct rh_arena *arena, struct rh_account *a,
			    struct rh_err *err);
/* The words of TEXT sorted bytewise, one space between, doubles removed. */
const char *rh_view_sort_words(struct rh_arena *arena, const char *text);

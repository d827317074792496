/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files behind what Courier serves: which file has which UID, its digest, and which UIDLs were
 * given to clients. Read-only.
 */
#pragma once

#include "builder/probe/expect.h"

/* Which folders have a courierimapuiddb, as names like in rh_folder; before the server is asked. */
RH_CHECKED int rh_oldfiles_numbered(int rootfd, const struct rh_account *a, struct rh_strv *names,
				    struct rh_err *err);
/* Set fresh for each folder of A that is not among NAMES. */
void rh_oldfiles_fresh(struct rh_account *a, const struct rh_strv *names);

/* Find the file of each message of A below ROOTFD/A->dir/Maildir, through each folder's
 * courierimapuiddb, and fill file, sha256, wire, crlf, open_end. -ENOENT when a message has none.
 */
RH_CHECKED int rh_oldfiles_fill(int rootfd, struct rh_arena *arena, struct rh_account *a,
				struct rh_err *err);

/* The UIDLs and file names in courierpop3dsizelist, as the server would render them. */
struct rh_uidl {
	const char *base; /* file name without flags */
	const char *uidl;
};
struct rh_uidls {
	struct rh_uidl *v;
	size_t n, cap;
};
/* An absent list gives none. */
RH_CHECKED int rh_oldfiles_uidls(int rootfd, struct rh_arena *arena, const struct rh_account *a,
				 struct rh_uidls *l, struct rh_err *err);
void rh_uidls_free(struct rh_uidls *l);
/* Fill wire and known of A's POP3 list: BEFORE is the list before the server was asked, AFTER the
 * one that it wrote then. */
RH_CHECKED int rh_oldfiles_pop3(struct rh_account *a, const struct rh_uidls *before,
				const struct rh_uidls *after, struct rh_err *err);

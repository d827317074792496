/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One mailbox in work: shared by mailbox.c (the course) and sync.c (one folder at the target). */
#pragma once

#include "rootfs/import/copy.h"
#include "rootfs/import/folder.h"
#include "rootfs/import/state.h"

struct rh_subfolder {
	const char *src; /* directory in the source's Maildir, "." for INBOX */
	const char *dst; /* the same at the target */
	const char *path;
};

struct rh_mailbox {
	struct rh_run *run;
	const struct rh_domain *domain;
	const struct rh_account *account;
	struct rh_arena *arena;
	const char *path;   /* of the source's Maildir on the old server */
	const char *target; /* DOMAIN/USER, for messages */
	int src;
	struct rh_tdir *user, *maildir; /* NULL in a dry run */
	bool fresh;			/* the target had no Maildir */
	bool writing;			/* something was queued in this run */
	bool refused;
	bool finishing; /* the report's line waits for the renames */
	struct rh_mstate old, now;
	struct rh_subfolder *v;
	size_t n, cap;
	bool unread; /* something of the old mailbox could not be read */
	uint64_t messages, copied, renamed, bytes, wrong_sizes, stated;
	uint64_t failed; /* messages that could not be read */
};

/* Queue the mark "copying" before the first change of a mailbox; later calls do nothing.
 * -ECANCELED: it is refused now. */
RH_CHECKED int rh_mailbox_begin(void *mailbox, struct rh_err *err);
/* The mailbox stays as it is: reported with WHY and the remedy. */
void rh_mailbox_refuse(struct rh_mailbox *m, const char *dir, const char *why);

/* Has anybody but us changed the target since we wrote it? Refuses then. */
RH_CHECKED int rh_sync_check(struct rh_mailbox *m, struct rh_err *err);
/* Make the folder S at the target equal to F; adds to m->now. */
RH_CHECKED int rh_sync_folder(struct rh_mailbox *m, const struct rh_subfolder *s, int src,
			      struct rh_folder *f, struct rh_err *err);
/* Has Dovecot changed a file that we wrote? Refuses then. */
RH_CHECKED bool rh_sync_touched(struct rh_mailbox *m);
/* Is the target now what S says, by a new listing? *MESSAGES gets how many it has; fails with text
 * when a name or a text of Dovecot's is not as it was to be. */
RH_CHECKED int rh_sync_verify(int maildir, const struct rh_mstate *s, uint64_t *messages,
			      struct rh_err *err);
/* Write NAME in D when its text differs from what we wrote before (OLD); refuses when it was
 * changed by others meanwhile. *SUM gets the new sum. */
RH_CHECKED int rh_sync_text(struct rh_mailbox *m, struct rh_tdir *d, const char *name,
			    const struct rh_str *text, struct rh_sum old, struct rh_sum *sum,
			    struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to the target so that a crash leaves whole files under final names, or none.
 *
 * Files are made under temporary names; after a batch of them one syncfs() makes their content
 * durable, and only then they are renamed, in the order in which they were queued. This costs one
 * flush for hundreds of messages instead of two fsync() for each. Metadata goes the same way:
 * queued after its messages, it becomes visible after them. The syncfs() runs in a thread of its
 * own while the next batch is being filled.
 *
 * What must follow on *durable* renames (the mark "done" of a mailbox) is queued by a function
 * given to rh_batch_after(): it runs when the renames are made, and what it queues is renamed only
 * after the next syncfs(), which made those durable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/err.h"

struct rh_batch;

/* A directory at the target, shared by everything queued for it. */
struct rh_tdir {
	int fd;
	unsigned refs;
	bool created; /* it was not there before */
	bool maildir; /* temporary names go to its tmp/ */
};

#define RH_BATCH_TEMP "rehome-import."

/* ROOT: any descriptor on the target filesystem, borrowed. CHOWN: give files to UID:GID. */
struct rh_batch *rh_batch_new(int root, bool chown, uid_t uid, gid_t gid);
/* Removes the temporary files of what was never flushed. */
void rh_batch_free(struct rh_batch **b);

/* Open the directory NAME in PARENT, making it when it is not there; release with
 * rh_tdir_release(). A symbolic link is refused. */
RH_CHECKED int rh_batch_dir(struct rh_batch *b, int parent, const char *name, struct rh_tdir **out,
			    struct rh_err *err);
void rh_tdir_release(struct rh_tdir **d);
/* Only make it: NAME below DIR. */
RH_CHECKED int rh_batch_mkdir(struct rh_batch *b, int dir, const char *name, struct rh_err *err);

/* A new temporary file of D: *FD, and its name relative to D. May be called by several threads at
 * once, unlike everything else here. */
struct rh_temp {
	char name[48];
};
RH_CHECKED int rh_batch_temp(struct rh_batch *b, struct rh_tdir *d, struct rh_temp *temp, int *fd,
			     struct rh_err *err);
void rh_batch_drop(struct rh_tdir *d, const struct rh_temp *temp);
/* Queue: the temporary file TEMP of BYTES bytes gets the name TO. */
RH_CHECKED int rh_batch_publish(struct rh_batch *b, struct rh_tdir *d, const struct rh_temp *temp,
				const char *to, uint64_t bytes, struct rh_err *err);
/* Queue the rename of a published file. */
RH_CHECKED int rh_batch_rename(struct rh_batch *b, struct rh_tdir *d, const char *from,
			       const char *to, struct rh_err *err);
/* Queue a small file: content TEXT under the name TO. */
RH_CHECKED int rh_batch_text(struct rh_batch *b, struct rh_tdir *d, const char *to,
			     const char *text, size_t n, struct rh_err *err);

typedef int rh_after_fn(struct rh_batch *b, void *arg, struct rh_err *err);
/* FN runs once, after the renames of everything queued so far; with B NULL, only to free ARG, when
 * that never comes. */
void rh_batch_after(struct rh_batch *b, rh_after_fn *fn, void *arg);
/* Until nothing is queued any more, then one last sync. Nothing at all when nothing was written. */
RH_CHECKED int rh_batch_finish(struct rh_batch *b, struct rh_err *err);

/* Remove leftovers of an interrupted run from D. */
RH_CHECKED int rh_batch_sweep(struct rh_batch *b, struct rh_tdir *d, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying messages into the target's tmp/ and queueing their final names; by two threads. */
#pragma once

#include <pthread.h>

#include "rootfs/import/folder.h"

struct rh_copier {
	struct rh_run *run;
	const struct rh_domain *domain;
	const struct rh_folder *folder;
	struct rh_tdir *to;
	int cur, new_; /* the source's directories; -1 when missing */
	/* Called before anything is written. */
	int (*begin)(void *arg, struct rh_err *err);
	void *arg;
	pthread_mutex_t lock; /* guards everything of the run but reading and writing mail */
	uint64_t copied, bytes, wrong_sizes;
};

/* Copy the N messages of LIST, in the order of their inodes. A message that cannot be read is
 * reported and marked as failed; an error is one of the target, or the user's interruption. */
RH_CHECKED int rh_copy_messages(struct rh_copier *c, struct rh_msg **list, size_t n,
				struct rh_err *err);

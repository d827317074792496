/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying one message into the target's tmp/ and queueing its final name. */
#pragma once

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
	uint64_t copied, bytes, wrong_sizes;
};

/* 0 when M is queued; 1 when M could not be read (reported, M->failed set); a negative errno when
 * the target cannot be written. */
RH_CHECKED int rh_copy_message(struct rh_copier *c, struct rh_msg *m, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a pair to the image of a stick. The pair's checksums are checked first; the image gets its
 * name when it is complete.
 */
#pragma once

#include "builder/plan.h"
#include "builder/tree.h"

struct rh_stick_job {
	const char *pair;   /* the pair's folder */
	const char *target; /* the image; TARGET.sha256 is written beside it */
	const char *data_dir;
	const char *recipe; /* as on the command line; NULL: the one that the manifest names */
	bool archive_only;  /* TARGET is the archive alone, without the system around it */
	struct rh_tree_options tree;
	struct rh_progress *progress;
};

struct rh_stick_result {
	uint64_t size; /* bytes */
	char sha256[RH_SHA256_HEX];
};

/* Faults of the recipe go to D, then -EINVAL. */
RH_CHECKED int rh_stick_make(const struct rh_stick_job *job, struct rh_stick_result *ret,
			     struct rh_diags *d, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a checked plan to a pair of disks in a folder.
 *
 * Everything is made in a scratch folder beside the target; the rename of that folder is the act
 * that makes the pair visible. A folder that already holds the pair of exactly these inputs is left
 * alone (*UNCHANGED is set).
 */
#pragma once

#include "builder/plan.h"
#include "builder/tree.h"

struct rh_build {
	const struct rh_plan *plan;
	const char *data_dir;
	const char *target; /* the pair's folder */
	bool force;	    /* build even if nothing changed */
	struct rh_tree_options tree;
	struct rh_progress *progress;
};

RH_CHECKED int rh_build_pair(const struct rh_build *b, bool *unchanged, struct rh_err *err);

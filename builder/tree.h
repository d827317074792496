/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Root trees: packages of one Debian release, installed by mmdebstrap into a tar in the cache.
 *
 * The key covers release, architecture, package list, debconf answers and how we call mmdebstrap;
 * what the mirror holds on the day is not in it, so that a build works without a network as long as
 * the cache lasts. --refresh makes a tree anew. No initramfs is built while packages are installed:
 * the boot step does that once, with the overlays' settings.
 */
#pragma once

#include <stdbool.h>

#include "builder/plan.h"
#include "lib/core/progress.h"
#include "lib/digest.h"

struct rh_tree_spec {
	const char *name; /* for messages */
	const char *release, *arch;
	struct rh_list packages, debconf;
};

struct rh_tree_options {
	const char *mirror, *security; /* NULL: the workstation's */
	bool refresh;
	struct rh_progress *progress; /* may be NULL */
};

void rh_tree_key(const struct rh_tree_spec *spec, char key[RH_SHA256_HEX]);
/* Path of the tar, which is made if it is not there. The caller frees *TAR. */
RH_CHECKED int rh_tree_get(const struct rh_tree_spec *spec, const struct rh_tree_options *o,
			   char **tar, struct rh_err *err);
/* Is it in the cache? */
bool rh_tree_cached(const struct rh_tree_spec *spec);
/* A spec from a file {"name", "release", "packages", "debconf"}; memory from ARENA. */
RH_CHECKED int rh_tree_spec_load(const char *path, struct rh_arena *arena,
				 struct rh_tree_spec *spec, struct rh_err *err);

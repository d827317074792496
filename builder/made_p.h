/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What made.c does for others that make something inside a root tree and keep it in the cache. */
#pragma once

#include "builder/made.h"

struct rh_made_call {
	const char *tree, *in, *out, *program; /* IN and OUT appear as /in and /out */
	const char *const *args;
	uint64_t epoch;
};

/* A folder made by a shell script in TREE: the script's inputs are put into a folder that it sees
 * as /in (the script itself must be one of them), its results are what it leaves in /out. */
struct rh_made_job {
	const char *tree, *script;
	uint64_t epoch;
	int (*inputs)(void *arg, const char *dir, struct rh_err *err);
	void *arg;
};
/* TARGET, a place in the cache; nothing is done when it is there. */
RH_CHECKED int rh_made_folder(const struct rh_made_job *job, const char *target,
			      struct rh_err *err);

/* A tar of programs, made by `make TARGET` in the build root. */
struct rh_made_compile {
	const char *data_dir, *key, *target;
	const char *what; /* for messages */
};
RH_CHECKED int rh_made_compiled(const struct rh_made_compile *c, const struct rh_tree_options *o,
				uint64_t epoch, char **tar, struct rh_err *err);
/* Its key: the Makefile and everything below DIRS (relative to DATA_DIR, NULL-terminated). */
RH_CHECKED int rh_made_compiled_key(const char *data_dir, const char *const *dirs,
				    char key[RH_SHA256_HEX], struct rh_err *err);
/* Every file below DIR (relative to ROOT), by name and content. */
RH_CHECKED int rh_made_digest_tree(struct rh_digest *d, int root, const char *dir,
				   struct rh_err *err);

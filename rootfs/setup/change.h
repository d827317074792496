/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only way in which setup changes the machine's files: exactly when they differ, atomically,
 * and counted.
 *
 * Invariant: a file that already has the wanted content, owner and mode is not touched, so that a
 * second run changes nothing. No symbolic link is followed, neither in the folders on the way nor
 * at the end: a link in the last place is replaced. Every function returns 1 when it changed
 * something, 0 when all was as wanted, or a negative errno. In a dry run nothing is changed, only
 * noted.
 *
 * rh_change_point() stands before each outside-visible change, here and in the other modules: the
 * test variable RH_STOP_AT_STEP=K ends the process there as a power cut would, before change K.
 */
#pragma once

#include <sys/types.h>

#include "rootfs/setup/setup.h"

#define RH_STOPPED_EXIT 100

struct rh_target {
	const char *path;	   /* absolute, below the context's root */
	mode_t mode;		   /* permission bits */
	const char *owner, *group; /* NULL: root */
};

void rh_change_point(struct rh_setup *s);
/* Note WHAT (a path, or words) as changed. */
void rh_change_note(struct rh_setup *s, const char *what);

RH_CHECKED int rh_change_file(struct rh_setup *s, const struct rh_target *t, const void *data,
			      size_t n, struct rh_err *err);
/* Would rh_change_file() change it? 1, 0 or a negative errno. */
RH_CHECKED int rh_change_differs(struct rh_setup *s, const struct rh_target *t, const void *data,
				 size_t n, struct rh_err *err);
RH_CHECKED int rh_change_dir(struct rh_setup *s, const struct rh_target *t, struct rh_err *err);
RH_CHECKED int rh_change_link(struct rh_setup *s, const char *path, const char *target,
			      struct rh_err *err);
RH_CHECKED int rh_change_remove(struct rh_setup *s, const char *path, struct rh_err *err);

/* Ids by the root's own /etc/passwd and /etc/group; -ENOENT when unknown. NULL: root. */
RH_CHECKED int rh_owner_ids(struct rh_setup *s, const char *owner, const char *group, uid_t *uid,
			    gid_t *gid, struct rh_err *err);

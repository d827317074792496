/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pair grows until it fills its disks: tables, partitions, array, LVM, filesystems.
 *
 * The caller holds the lock of rh_setup_lock() (not needed to look). Nothing is grown twice and
 * nothing needs a note of what was done: see growplan.h.
 */
#pragma once

#include "rootfs/setup/growplan.h"
#include "rootfs/setup/setup.h"

struct rh_grow {
	enum rh_grow_verdict verdict;
	char reason[1024];    /* of WAIT and NEVER */
	struct rh_strv steps; /* what was done, or (look) would be done, a line each */
	uint64_t root, var;   /* bytes that they have in the end; 0: not known */
	uint64_t mail;	      /* bytes of the mail volume, or free for it; 0: not known */
};

/* Only look. In a dry run too; where no program may be run, the volumes are left out. */
RH_CHECKED int rh_grow_look(struct rh_setup *s, struct rh_grow *out, struct rh_err *err);
/* Do all that can be done. 1: something was changed; 0: nothing had to be, or the verdict is not
 * READY; a negative errno when a step failed. */
RH_CHECKED int rh_grow_run(struct rh_setup *s, struct rh_grow *out, struct rh_err *err);
/* Return when the mirror is whole and has nothing to do but a resync after a power cut; looks every
 * few seconds. -EINTR when interrupted. */
RH_CHECKED int rh_grow_wait(struct rh_setup *s, struct rh_err *err);
void rh_grow_free(struct rh_grow *g);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service of the stick: checks the archive, looks at the disks, waits for a wish (or takes it
 * from the answers volume), writes, verifies, restarts the machine. See state.h for how it is
 * talked to.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

struct rh_serve {
	const char *dir;      /* of state and request */
	const char *pair;     /* the archive: a partition or a file */
	const char *answers;  /* the answers volume, or a file; NULL: none */
	const char *schema;   /* of the answers */
	bool again;	      /* disks of this very pair may be written without being asked for */
	bool no_reboot;	      /* return instead */
	bool allow_loop;      /* for trying it out */
	struct rh_strv only;  /* disks to look at; none: all of the machine's */
	unsigned wait_pair_s; /* for the partition, before it is a fault */
	unsigned wait_answers_s; /* for the answers volume, from when the archive is checked */
	unsigned wait_disks_s;	 /* for the disks that the answers name */
	unsigned reboot_s;	 /* after an installation without questions */
};

/* Returns when the machine is to be restarted and no_reboot is set, or when interrupted. */
RH_CHECKED int rh_stick_serve(const struct rh_serve *o, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filesystems and their contents, made in the libguestfs appliance: no loop devices, no root.
 *
 * The image must exist with its build-time table (rh_image_create()). The appliance is launched
 * once. Only disk.c includes guestfs.h.
 */
#pragma once

#include "builder/layout.h"
#include "builder/treetar.h"
#include "lib/core/progress.h"

struct rh_disk_job {
	const char *image;
	const struct rh_layout *layout;
	const char *seed;
	const struct rh_treetar *tree; /* for the root, /var and /boot filesystems */
	uint64_t tree_bytes;	       /* size of its packages' tar, for progress */
	const struct rh_extras *esp;   /* for the EFI system partition */
	struct rh_progress *progress;
};

RH_CHECKED int rh_disk_fill(const struct rh_disk_job *job, struct rh_err *err);
/* "kvm" or "tcg": what the appliance will run on here. */
const char *rh_disk_accelerator(void);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filesystems and their contents, made in the libguestfs appliance: no loop devices, no root.
 *
 * The image must exist with its build-time table (rh_image_create()), its volumes
 * (rh_image_volumes()) and its boot filesystem (rh_format_boot()). The appliance is launched once.
 * Only disk.c includes guestfs.h.
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
	struct rh_progress *progress;
};

RH_CHECKED int rh_disk_fill(const struct rh_disk_job *job, struct rh_err *err);
/* What is in a finished pair. Both functions are called for each filesystem, in no certain order.
 */
struct rh_disk_view {
	void *arg;
	/* Of a volume group, a volume or a filesystem: its size, identifier, features. */
	void (*fact)(void *arg, const char *name, const char *value);
	/* Read the filesystem named VOLUME (its label) as a tar stream from FD, to its end; in a
	 * thread of its own. */
	int (*tree)(void *arg, const char *volume, int fd, struct rh_err *err);
};
/* Assemble the two disks in an appliance, read-only, and show what is there. -ENODEV when the
 * arrays or the volume group do not start. */
RH_CHECKED int rh_disk_read(const char *const images[2], const struct rh_disk_view *view,
			    struct rh_err *err);
/* "kvm" or "tcg": what the appliance will run on here. */
const char *rh_disk_accelerator(void);

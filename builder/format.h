/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filesystems that the workstation's own tools make inside the image, without a kernel in
 * between: the same inputs give the same bytes.
 */
#pragma once

#include "builder/layout.h"
#include "builder/treetar.h"

struct rh_format {
	const char *image;
	const struct rh_extent *at; /* where in the image */
	const char *seed;	    /* for every identifier */
	uint64_t epoch;		    /* every date */
};

/* FAT32, label REHOME-ESP, with FILES (sorted; no links) in it. */
RH_CHECKED int rh_format_esp(const struct rh_format *f, const struct rh_extras *files,
			     struct rh_err *err);
/* An empty ext4, label boot, that GRUB can read. */
RH_CHECKED int rh_format_boot(const struct rh_format *f, struct rh_err *err);

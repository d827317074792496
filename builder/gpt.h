/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The partition table of a disk of the pair (lib/gpt.h), from its layout. Pure: no I/O. */
#pragma once

#include "builder/ident.h"
#include "builder/layout.h"
#include "lib/gpt.h"

/* EXTENTS has one extent for each part (partitions or data areas). SEED and DISK ("a", "b") give
 * the GUIDs. */
void rh_layout_gpt(const struct rh_layout *l, const struct rh_extent extents[RH_PARTS],
		   const char *seed, const char *disk, struct rh_gpt *out);

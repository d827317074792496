/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LVM2's metadata of one volume group on one physical volume, as bytes. Pure: no I/O.
 *
 * pvcreate and lvcreate choose identifiers by chance and write the time and the name of the host
 * into the metadata; ours follow from seed and date, so that two builds have the same.
 */
#pragma once

#include "builder/ident.h"
#include "builder/layout.h"

#define RH_LVM_HEAD_BYTES (1u << 20) /* label and metadata area: all before the first extent */
#define RH_LVM_VOLUMES	  3

struct rh_lvm_volume {
	const char *name;
	struct rh_uuid uuid;
	uint64_t extents; /* of 4 MiB */
};

struct rh_lvm {
	const char *name; /* of the volume group */
	struct rh_uuid pv, vg;
	uint64_t sectors;			      /* of the physical volume */
	uint64_t time;				      /* seconds since 1970 */
	struct rh_lvm_volume volumes[RH_LVM_VOLUMES]; /* one behind the other, no gap */
	size_t n;
};

/* The group "rehome" of LAYOUT's pv part: root, var and, if there is any, swap. */
void rh_lvm_group(const struct rh_layout *l, const char *seed, uint64_t time, struct rh_lvm *out);
/* OUT goes to the start of the physical volume. -ENOSPC when the volumes do not fit into it. */
RH_CHECKED int rh_lvm_encode(const struct rh_lvm *v, uint8_t out[RH_LVM_HEAD_BYTES],
			     struct rh_err *err);

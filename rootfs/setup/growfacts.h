/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is there, for growplan.h: read from sysfs, the disks themselves, LVM and XFS. */
#pragma once

#include "rootfs/setup/disks.h"
#include "rootfs/setup/growplan.h"
#include "rootfs/setup/setup.h"

#define RH_GROW_VG	 "rehome"
#define RH_GROW_MAIL_MIN (512ull << 20) /* bytes; mkfs.xfs refuses less than 300 MiB */

/* The texts in OUT belong to DISKS. */
RH_CHECKED int rh_growfacts_disks(struct rh_setup *s, const struct rh_disks *disks,
				  struct rh_grow_disks *out, struct rh_err *err);
/* NODE is the array's, "md127". Runs pvs, lvs and xfs_growfs -n; where no program may be run there
 * is no group. Reads the shares from the recipe. */
RH_CHECKED int rh_growfacts_volumes(struct rh_setup *s, const char *node,
				    struct rh_grow_volumes *out, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that the builder lays over the packages: the overlays' files, what the appliance must
 * know about them, and the files that follow from the layout (fstab, mdadm.conf, GRUB's menu).
 */
#pragma once

#include "builder/layout.h"
#include "builder/plan.h"
#include "builder/treetar.h"

/* Without what needs the kernel's version (see below). Sorted. */
RH_CHECKED int rh_compose(const struct rh_plan *plan, const struct rh_layout *l,
			  const char *data_dir, struct rh_extras *x, struct rh_err *err);
/* The initramfs and GRUB's menu for kernel KVER. Sort again afterwards. */
void rh_compose_boot(const struct rh_plan *plan, const struct rh_layout *l, const char *kver,
		     const char *initrd, struct rh_extras *x);
/* The EFI system partition: shim and GRUB, signed by Debian, from folder BOOT; GRUB's first
 * configuration finds /boot by its UUID. Sorted. */
RH_CHECKED int rh_compose_esp(const struct rh_plan *plan, const char *boot, struct rh_extras *x,
			      struct rh_err *err);
/* GRUB's first configuration, for both firmwares. The caller frees it. */
char *rh_compose_grub_early(const struct rh_plan *plan);

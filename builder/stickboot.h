/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system of the stick: kernel, initramfs with rehome-stick in it, boot loaders. Made once in
 * the root tree of a recipe, and cached by the digest of its inputs.
 *
 * It is the same for every pair of that tree; what belongs to one pair is in the stick's GRUB menu.
 */
#pragma once

#include "builder/plan.h"
#include "builder/tree.h"

struct rh_stick_boot {
	const char *data_dir; /* the project's tree, or where it is installed */
	const struct rh_plan *plan;
	struct rh_tree_options tree; /* its progress is used for the steps below */
	uint64_t epoch;
};

/* Folder with vmlinuz, initrd.img, core.img, boot.img, shimx64.efi, grubx64.efi, mmx64.efi, kver.
 * Steps of the progress: packages, programs, boot. The caller frees *DIR. */
RH_CHECKED int rh_stick_boot_files(const struct rh_stick_boot *b, char **dir, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is made inside a root tree rather than taken from packages: the boot files (initramfs, GRUB
 * core image, signed EFI programs) and our own programs, compiled for the appliance's release.
 *
 * Both run in rh-sandbox and are cached by the digest of their inputs.
 */
#pragma once

#include "builder/plan.h"
#include "builder/tree.h"
#include "builder/treetar.h"

struct rh_made_inputs {
	const char *data_dir; /* the project's tree, or where it is installed */
	const struct rh_plan *plan;
	const char *tree_key;
	const struct rh_extras *extras; /* from rh_compose() */
	const char *grub_early;
};

/* The keys, without making anything. */
RH_CHECKED int rh_made_boot_key(const struct rh_made_inputs *in, char key[RH_SHA256_HEX],
				struct rh_err *err);
RH_CHECKED int rh_made_programs_key(const char *data_dir, char key[RH_SHA256_HEX],
				    struct rh_err *err);

/* Where in the cache the boot files of KEY and TREE lie. The kernel comes from the tree, and a tree
 * may be made anew under its old key (--refresh): the place is of this very file. The initramfs
 * has dates in it: the place is of EPOCH too. (Our programs have none, and the tree's stream dates
 * their files.) */
RH_CHECKED int rh_made_boot_place(const char *key, const char *tree, uint64_t epoch, char **target,
				  struct rh_err *err);
/* Folder with initrd.img, core.img, boot.img, shimx64.efi, grubx64.efi, mmx64.efi, kver. The
 * caller frees *DIR. */
RH_CHECKED int rh_made_boot(const struct rh_made_inputs *in, const char *tree, const char *key,
			    uint64_t epoch, char **dir, struct rh_err *err);
/* Tar with usr/sbin/rehome-* and their manual pages. The caller frees *TAR. */
RH_CHECKED int rh_made_programs(const char *data_dir, const char *key,
				const struct rh_tree_options *o, uint64_t epoch, char **tar,
				struct rh_err *err);

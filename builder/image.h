/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host itself writes into the raw images: partition tables, boot code, md superblocks,
 * and the second disk. Everything inside the filesystems is disk.c's.
 */
#pragma once

#include "builder/layout.h"

struct rh_image_boot {
	const uint8_t *boot; /* boot.img, 512 bytes, embedded by rh_grub_embed() */
	const uint8_t *core;
	size_t core_len;
};

/* A new sparse image whose table shows the data areas (see layout.h). */
RH_CHECKED int rh_image_create(const char *path, const struct rh_layout *l, const char *seed,
			       struct rh_err *err);
/* LVM's metadata at the start of the pv part's data area: group, volumes, dated TIME. */
RH_CHECKED int rh_image_volumes(const char *path, const struct rh_layout *l, const char *seed,
				uint64_t time, struct rh_err *err);
/* Copy SOURCE to TARGET: by reflink where the filesystem can, else its data and not its holes. */
RH_CHECKED int rh_image_clone(const char *source, const char *target,
			      void (*tick)(void *arg, uint64_t pos), void *arg, struct rh_err *err);
/* Make the filled image member MEMBER (0: disk a, 1: disk b) of the pair: final partition table,
 * boot code, superblocks dated TIME; synced to disk. */
RH_CHECKED int rh_image_finish(const char *path, const struct rh_layout *l, const char *seed,
			       unsigned member, const struct rh_image_boot *boot, uint64_t time,
			       struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A built pair of disks as a rehearsal sees it: the images, the machine they are for, the overlays.
 */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "lib/core/diag.h"
#include "lib/core/mem.h"

struct rh_pair {
	char *dir;	/* absolute */
	char *image[2]; /* a.img, b.img; absolute */
	struct stat st[2];
	char *recipe; /* its name */
	char *vendor, *model, *disk_model, *nic;
	unsigned memory_mib, cpus;
	struct rh_strv overlays;
};

/* Read DIR/manifest.json; what it does not tell comes from the recipe file RECIPE (may be NULL).
 * Every fault goes to D, then -EINVAL. */
RH_CHECKED int rh_pair_load(const char *dir, const char *recipe, struct rh_pair *out,
			    struct rh_diags *d);

/* Have the images been changed since the load? NULL if not, else which. */
const char *rh_pair_changed(const struct rh_pair *p);

/* The TCP ports that the overlays below DATA_DIR open, at most N, without doubles; returns how
 * many. */
size_t rh_pair_ports(const struct rh_pair *p, const char *data_dir, uint16_t *ports, size_t n,
		     struct rh_diags *d);

void rh_pair_free(struct rh_pair *p);

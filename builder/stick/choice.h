/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which disks may be written, and whether a wish names two of them. Pure: no I/O.
 *
 * Nothing is ever guessed: a wish is two serial numbers, and every reason against it is told at
 * once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/mem.h"

struct rh_offer {
	char *path; /* its name below /dev/disk/by-id/ */
	char *kname, *model, *serial;
	uint64_t size;		/* bytes */
	struct rh_strv content; /* what lies on it, a line each */
	struct rh_strv refused; /* why it cannot be written, a line each */
	struct rh_strv why;	/* the same by their stable names */
	bool installed;		/* it has a disk of this very pair already */
};

struct rh_offers {
	struct rh_offer *v;
	size_t n, cap;
};

bool rh_offer_ok(const struct rh_offer *o);
/* Is it worth a line on the screen? The stick itself and disks that are too small are not. */
bool rh_offer_shown(const struct rh_offer *o);
size_t rh_offers_ok(const struct rh_offers *l); /* how many may be written */
void rh_offers_free(struct rh_offers *l);
/* A new one at the end, all empty. */
struct rh_offer *rh_offers_add(struct rh_offers *l);

/* "4.0 TB", "500 GB", as on the disk's label. */
void rh_offer_size(uint64_t bytes, char out[16]);

/* The two disks with these serials, into PICK; every fault goes to FAULTS, then -EINVAL.
 * AGAIN: a disk of this very pair may be written once more. */
RH_CHECKED int rh_choose(const struct rh_offers *l, const char *const serial[2], bool again,
			 size_t pick[2], struct rh_strv *faults);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That the new region of the grown array is copied, whatever happens before the copy is done.
 *
 * The kernel's own marks do not suffice (md_bitmap_resize() in 6.12; both were seen in a machine):
 * - It marks the new region for a resync in memory only. A power cut before the resync is through
 *   would start again with a bitmap that calls the region clean.
 * - It takes the chunk in which the old region ended for an old one, so what is new in that chunk
 *   is not copied at all. On a pair from an image this is where the old backup partition tables
 *   lie, which differ.
 * So the resync that has begun is stopped, the bits from that chunk on are set on the disks by us,
 * and it is begun again from there. A note of where the region begins is kept from before the
 * growth until then.
 */
#pragma once

#include "rootfs/setup/disks.h"
#include "rootfs/setup/setup.h"

#define RH_PATH_GROWING RH_PATH_STATE "/growing" /* the old component, in sectors */

/* Before the array grows: keep its component. */
RH_CHECKED int rh_growmark_begin(struct rh_setup *s, const struct rh_array *pv, struct rh_err *err);
/* After it, or at the next start: if there is a note, mark what is new in PV, which was read since,
 * and forget the note. 1 when there was one. */
RH_CHECKED int rh_growmark_end(struct rh_setup *s, const struct rh_array *pv, struct rh_err *err);

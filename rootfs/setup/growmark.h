/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That the new region of the grown array is copied, whatever happens before the copy is done.
 *
 * The kernel marks the new region for a resync in memory only (md_bitmap_resize() in 6.12; seen on
 * the disks right after a growth: no bit of it was set). A power cut before the resync is through
 * would start again with a bitmap that calls the region clean, and the two disks would never be
 * made equal there. So the bits are set on the disks by us, and a note of where the region begins
 * is kept from before the growth until they are.
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

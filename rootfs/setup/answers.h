/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the answers, and checking them and the image whole before anything is touched.
 */
#pragma once

#include "rootfs/setup/setup.h"

/*
 * Look for the answers: FILE if not NULL; else the volume labelled REHOME; else those that an
 * earlier run kept. With s->boot and nothing kept, a volume that the kernel has not seen yet is
 * waited for, a few seconds. 1 found and in s->answers_text, 0 there are none; faults go to D
 * (-EINVAL).
 */
RH_CHECKED int rh_answers_find(struct rh_setup *s, const char *file, struct rh_diags *d);

/* Parse what was found, the recipe and the overlays into the context. -EINVAL with faults in D. */
RH_CHECKED int rh_setup_load(struct rh_setup *s, struct rh_diags *d);
/* Check all of it, adding every fault to D; needs rh_setup_load() first, even a failed one. */
void rh_setup_check(struct rh_setup *s, struct rh_diags *d);

/* volume.c: read rehome-answers.json from the volume. 1 read, 0 no volume, or a negative errno. */
RH_CHECKED int rh_volume_read(struct rh_setup *s, struct rh_str *out, struct rh_err *err);

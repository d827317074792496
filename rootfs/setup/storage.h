/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mail volume: /dev/rehome/mail, XFS, on /srv/mail. The step itself is in steps.h. */
#pragma once

#include "rootfs/setup/setup.h"

/* Is there the volume, or room for it? Adds faults to D; says nothing where nothing can be run. */
void rh_storage_check(struct rh_setup *s, struct rh_diags *d);

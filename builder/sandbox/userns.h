/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Become root of a user namespace when we are not root already.
 *
 * The map covers our own id (as 0) and the subordinate ranges of /etc/subuid and /etc/subgid (as 1
 * and up), set by newuidmap(1) and newgidmap(1); with it a root tree can be unpacked with its
 * owners. Does nothing for root.
 */
#pragma once

#include "lib/core/err.h"

RH_CHECKED int rh_userns_enter(struct rh_err *err);

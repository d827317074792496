/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The root that a sandboxed program sees: a tar unpacked into a tmpfs of this mount namespace.
 *
 * rh_root_make() is called once, in a new mount and pid namespace, as its root. It leaves nothing
 * behind: the tmpfs goes with the namespace, however the program ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/core/err.h"

struct rh_bind {
	const char *source, *target; /* outside; inside (absolute) */
	bool read_only;
	int fd; /* of source; set by rh_root_make() */
};

/* Unpack the tar, mount /proc, /sys, /dev and the binds, change the root. */
RH_CHECKED int rh_root_make(int tar_fd, struct rh_bind *binds, size_t n, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scratch folders that do not pile up.
 *
 * Each is locked while its maker lives, so that the next one of the same prefix can tell what a run
 * that was killed outright has left, and removes it.
 */
#pragma once

#include "lib/core/err.h"

struct rh_scratch {
	char *path; /* PREFIX and six letters; NULL: none */
	int lock;   /* its descriptor */
};
#define RH_SCRATCH_INIT                  \
	{                                \
		.path = NULL, .lock = -1 \
	}

/* Sweep, then make a folder that only its owner can read. */
RH_CHECKED int rh_scratch_make(struct rh_scratch *s, const char *prefix, struct rh_err *err);
/* It has got another name: forget it. */
void rh_scratch_release(struct rh_scratch *s);
/* Remove it with all that it holds; nothing to do when there is none. The memory is freed even when
 * that fails: the error names the folder. */
RH_CHECKED int rh_scratch_drop(struct rh_scratch *s, struct rh_err *err);

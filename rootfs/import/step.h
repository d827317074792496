/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every operation that changes the target passes rh_step() first, so that tests can cut the program
 * at each of them.
 *
 * RH_STOP_AT_STEP=K: _exit(100) instead of the K-th operation (1-based). RH_FAIL_AT_STEP=K: the
 * K-th fails with ENOSPC. RH_COUNT_STEPS=FILE: rh_step_finish() writes how many there were.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"

/* Reads the variables; true when one is set, and then only one thread may write. */
bool rh_step_init(void);
/* 0, or a negative errno that the operation must return as its own. */
int rh_step(void);
void rh_step_finish(void);
/* How many files a batch has: N, or what RH_BATCH_FILES says, so that tests see many batches. */
unsigned long rh_step_batch(unsigned long n);

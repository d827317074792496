/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The step counter. Threads may call it; a test that cuts at a step runs with one thread. */
#include "rootfs/import/step.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong done;
static unsigned long stop_at, fail_at;

static unsigned long number(const char *name)
{
	const char *v = getenv(name);
	return v ? strtoul(v, NULL, 10) : 0;
}

int rh_step(void)
{
	unsigned long k = atomic_fetch_add(&done, 1) + 1;
	if (k == stop_at)
		_exit(100);
	return k == fail_at ? -ENOSPC : 0;
}

bool rh_step_init(void)
{
	stop_at = number("RH_STOP_AT_STEP");
	fail_at = number("RH_FAIL_AT_STEP");
	return stop_at || fail_at || getenv("RH_COUNT_STEPS");
}

unsigned long rh_step_batch(unsigned long n)
{
	unsigned long v = number("RH_BATCH_FILES");
	return v ? v : n;
}

void rh_step_finish(void)
{
	const char *file = getenv("RH_COUNT_STEPS");
	FILE *f = file ? fopen(file, "we") : NULL;
	if (!f)
		return;
	fprintf(f, "%lu\n", atomic_load(&done));
	fclose(f);
}

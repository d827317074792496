/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer's entry: the target that RH_FUZZ_TARGET names at compile time. */
#include <string.h>

#include "tests/fuzz/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (const struct rh_fuzz_target *t = rh_fuzz_targets; t->name; t++)
		if (strcmp(t->name, RH_FUZZ_TARGET) == 0)
			t->fn(data, n);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: each takes any bytes, and aborts when an invariant of the parser breaks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef void rh_fuzz_fn(const uint8_t *data, size_t n);

struct rh_fuzz_target {
	const char *name; /* of its corpus: tests/fuzz/corpus/NAME.*, one file an input */
	rh_fuzz_fn *fn;
};
rh_fuzz_fn rh_fuzz_gpt, rh_fuzz_mdsuper;	      /* in disks.c */
extern const struct rh_fuzz_target rh_fuzz_targets[]; /* ends with a NULL name */

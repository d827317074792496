/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every fault of an input at once: checkers add to a list instead of stopping at the first.
 *
 * A diagnostic names the file, the line (1-based, 0 when there is none), where in the document
 * (a JSON path such as "overlays[2]", or "" ), what is wrong, and what to do about it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "lib/core/mem.h"

struct rh_diag {
	const char *file;
	unsigned line;
	const char *where;
	const char *text; /* what is wrong */
	const char *hint; /* what to write or do instead; "" when the text says it */
};

struct rh_diags {
	struct rh_arena *arena; /* owns the strings; made by the first add */
	struct rh_diag *v;
	size_t n, cap;
};

void rh_diag_add(struct rh_diags *d, const char *file, unsigned line, const char *where,
		 const char *hint, const char *fmt, ...) RH_PRINTF(6, 7);
void rh_diags_sort(struct rh_diags *d); /* by file, then line; stable */
/* "FILE:LINE: WHERE: TEXT\n    HINT\n" each, to OUT. */
void rh_diags_print(const struct rh_diags *d, FILE *out);
void rh_diags_free(struct rh_diags *d);

/* The name in NAMES (N of them) that is nearest to WORD by edit distance, or NULL when none is near
 * enough (at most a third of the word's length, at least 1) to be what the user meant. */
const char *rh_did_you_mean(const char *word, const char *const *names, size_t n);

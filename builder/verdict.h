/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of checks of a rehearsal and what follows from it: GO or NO-GO.
 *
 * GO needs at least one check that an overlay's proof made, and every check fine. A check that
 * could not run is a failed check, never an absent one.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>

#include "lib/core/mem.h"

#define RH_VERDICT_OWN "rehearsal" /* stands for the overlay in checks of our own */

struct rh_check {
	const char *overlay, *proof, *name, *text;
	bool ok;
};

struct rh_verdict {
	struct rh_arena *arena; /* made by the first add */
	struct rh_check *v;
	size_t n, cap;
};

void rh_verdict_add(struct rh_verdict *v, const char *overlay, const char *proof, const char *name,
		    bool ok, const char *fmt, ...) RH_PRINTF(6, 7);

/* Read what a proof printed, one JSON object a line, and add its checks. STATUS is its exit status
 * (256 + signal when killed), WHY what kept it from ending or starting, or NULL. Whatever is not a
 * proper line, no line at all, or a bad end without a failed line becomes a failed check. */
void rh_verdict_add_output(struct rh_verdict *v, const char *overlay, const char *proof,
			   const char *output, size_t len, int status, const char *why);

bool rh_verdict_go(const struct rh_verdict *v);
size_t rh_verdict_failed(const struct rh_verdict *v);

/* The table, then why it is NO-GO when that is not in the table. Not the last line. */
void rh_verdict_print(const struct rh_verdict *v, bool colour, FILE *out);

/* A new array with an object per check. */
struct json_object *rh_verdict_json(const struct rh_verdict *v);
void rh_verdict_free(struct rh_verdict *v);

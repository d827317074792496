/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Are two pairs of disks the same? Tables, boot areas, EFI system partitions and md metadata bit by
 * bit; what lies in LVM, XFS and ext4 by content.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"
#include "lib/core/progress.h"

/* As many are kept; the others are counted. */
#define RH_COMPARE_KEPT 1000

struct rh_difference {
	const char *where; /* "disk a: GPT entry 3", "root: /etc/hosts" */
	const char *what;  /* "unique GUID: … against …" */
};

/* All zero is a comparison that has found nothing. */
struct rh_comparison {
	struct rh_arena *arena; /* owns the strings */
	struct rh_difference *v;
	size_t n, cap;
	uint64_t count; /* all differences */
	uint64_t files; /* compared by content */
	bool
	    identical; /* the data areas have the same bytes, so nothing was looked at by content */
	/* Why the files were not looked at, for which something else must differ; NULL: they were.
	 */
	const char *unread;
	bool other_keys; /* the manifests name different inputs */
};

/* Two pairs' folders, PAIR and OTHER. 0 when the comparison was made, whatever it found. */
RH_CHECKED int rh_compare_pairs(const char *pair, const char *other, struct rh_progress *progress,
				struct rh_comparison *out, struct rh_err *err);

void rh_comparison_add(struct rh_comparison *c, const char *where, const char *fmt, ...)
    RH_PRINTF(3, 4);
/* {"same": …, "differences": N, "files": N, "list": [{"where": …, "what": …}]} */
struct json_object *rh_comparison_json(const struct rh_comparison *c);
void rh_comparison_free(struct rh_comparison *c);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new disk in the place of a lost one. The essay is in replace.c.
 *
 * rh_replace_facts() looks, rh_replace_plan() decides (pure; every fault at once), and
 * rh_replace_act() does. All numbers are sectors of 512 bytes.
 */
#pragma once

#include "lib/gpt.h"
#include "rootfs/setup/pair.h"

#define RH_REPLACE_UNFINISHED "rehome-unfinished" /* GPT name of partition 4 until all is done */
#define RH_REPLACE_PARTS      4

/* What is known of one disk that may be the new one. */
struct rh_replace_facts {
	const struct rh_pair_disk *d;
	const char *holds;  /* what lies on it: "ext4 on sdb1, …"; "" when nothing was found */
	const char *in_use; /* "mounted: /dev/sdb1", "used by dm-3"; "" when it is not */
	const char *stop;   /* an md array that does not run and holds it ("md125"); "" when none */
	bool has_table;	    /* TABLE is its partition table */
	struct rh_gpt table;
};

struct rh_replace {
	struct rh_arena *arena;
	struct rh_pair *pair;		/* borrowed, with all strings */
	const struct rh_pair_disk *old; /* the disk that works in both arrays */
	struct rh_gpt old_table;
	struct rh_replace_facts *v; /* every other disk */
	size_t n;

	/* The plan. */
	const struct rh_replace_facts *target;
	bool unfinished;     /* an earlier run has partitioned it: go on there */
	bool done;	     /* it is partitioned and in both arrays: only wait */
	struct rh_gpt table; /* to be written, with the name RH_REPLACE_UNFINISHED */
};

/* P was read under the lock and stays the caller's. -ENODEV when no disk works in both arrays. */
RH_CHECKED int rh_replace_facts(struct rh_setup *s, struct rh_pair *p, struct rh_replace *out,
				struct rh_err *err);
void rh_replace_free(struct rh_replace *r);
/* Take the disk with SERIAL; ERASE: what it holds may go. Faults go to D; -EINVAL when there are
 * any. RANDOM: bytes for the GUIDs of disk and partitions, 16 each. */
RH_CHECKED int rh_replace_plan(struct rh_replace *r, const char *serial, bool erase,
			       const uint8_t random[16 * (1 + RH_REPLACE_PARTS)],
			       struct rh_diags *d);
/* Is TABLE that of a disk which replace-disk has not finished, beside a disk with table OLD? */
bool rh_replace_is_unfinished(const struct rh_gpt *table, const struct rh_gpt *old);
/* Sectors that a new disk must have. */
uint64_t rh_replace_need(const struct rh_replace *r);

/* All but the waiting. May be cut anywhere and run again. R->pair is read anew. */
RH_CHECKED int rh_replace_act(struct rh_setup *s, struct rh_replace *r, struct rh_err *err);
/* Until both arrays are whole; shows the rebuild. -EINTR when the user interrupts: it goes on. */
RH_CHECKED int rh_replace_wait(struct rh_setup *s, struct rh_pair *p, bool quiet,
			       struct rh_err *err);

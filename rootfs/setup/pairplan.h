/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this member go back into its array, and how? Facts in, decision out. Pure: no I/O.
 *
 * The essay on why these rules lose nothing is in pairplan.c.
 */
#pragma once

#include <stdbool.h>

#include "lib/mdsuper.h"

/* In the order of how much they matter for a person: a disk is what the worst of its members is. */
enum rh_pair_what {
	RH_PAIR_WORKS,	    /* in place and in sync */
	RH_PAIR_REBUILDING, /* in place, being copied to */
	RH_PAIR_READD,	    /* back into its place; the bitmap knows what it missed */
	RH_PAIR_COPY,	    /* back into its place, copied whole: there is no bitmap to go by */
	RH_PAIR_FAILED,	    /* the kernel has thrown it out and still holds it */
	RH_PAIR_OLD,	    /* was replaced meanwhile: the bitmap no longer knows what it missed */
	RH_PAIR_STRANGER,   /* bears our arrays' names, but never worked in this machine */
	RH_PAIR_SPLIT, /* both halves have run alone: which one counts, only a person can say */
};

/* One running array, as its working members show it. */
struct rh_pair_running {
	unsigned slots;
	bool works[RH_MDSUPER_SLOTS]; /* the slot has a member in sync */
	uint64_t events;	      /* the highest of the working members */
	uint64_t ctime;
	bool bitmap;
	uint64_t events_cleared; /* of the bitmap; only with one */
	bool was_whole;		 /* on this machine the pair has worked with both disks */
};

/* A member with that array's UUID which is in no slot of it. */
struct rh_pair_outside {
	bool known;  /* its disk has worked in this machine's pair (by serial) */
	bool failed; /* the kernel still holds it, as faulty */
	struct rh_mdsuper super;
};

/* *WHY is a text for people, what is known and not what to do. */
enum rh_pair_what rh_pair_judge(const struct rh_pair_running *a, const struct rh_pair_outside *m,
				const char **why);
/* The verdict on a whole disk from those on its members: what may not happen to one of them must
 * not happen to the other, or the disk would be half of one history and half of another. */
enum rh_pair_what rh_pair_worse(enum rh_pair_what a, enum rh_pair_what b);
const char *rh_pair_word(enum rh_pair_what what); /* one word, for programs */

/* The next number of /boot/rehome/gen-N after N (0: there was none). */
unsigned rh_pair_next_gen(unsigned n);
#define RH_PAIR_GEN_MAX 99u

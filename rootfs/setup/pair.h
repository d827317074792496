/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pair as it is now, and what may be done about it without asking anybody.
 *
 * Facts come from disks.h, decisions from pairplan.h. What is remembered lies in /var/lib/rehome:
 * "pair-disks" has the serial numbers of the disks that last worked together, one a line;
 * "pair-degraded" stands from the first look at a degraded pair until it is whole again, with the
 * serial numbers of the disks that work;
 * "pair-copy-boot" and "pair-copy-pv" hold the serial of a disk whose old superblock is being
 * replaced; "pair-alarm" is the alarm that was last sent.
 */
#pragma once

#include "rootfs/setup/disks.h"
#include "rootfs/setup/pairplan.h"
#include "rootfs/setup/setup.h"

#define RH_PATH_INSTRUCTION RH_PATH_STATE "/disk-instruction.txt"
#define RH_PAIR_ARRAYS	    2 /* [0] boot, [1] pv */

struct rh_pair_member {
	bool there;		/* the disk has a member of that array */
	bool held;		/* the kernel's array holds it, in whatever state */
	enum rh_pair_what what; /* of these three only when there */
	const char *device;	/* "sdb4" */
	const char *why;	/* "" when it works or is being rebuilt */
};

struct rh_pair_disk {
	const struct rh_disk *disk;
	const char *port; /* "ata2", "nvme0"; "" when sysfs does not tell */
	bool known;	  /* has worked in this machine's pair */
	bool member;	  /* has a member of one of the arrays */
	enum rh_pair_what what;
	const char *why;
	struct rh_pair_member on[RH_PAIR_ARRAYS];
};

struct rh_pair {
	struct rh_disks *disks; /* owns every string */
	const struct rh_array *array[RH_PAIR_ARRAYS];
	struct rh_pair_disk *v; /* every disk of the machine */
	size_t n;
	struct rh_strv known; /* "pair-disks" */
	bool whole;	      /* both arrays have both members, in sync */
	bool mixed;	      /* no disk works in both arrays */
};

/* Zero-initialised, P may be given to rh_pair_free() at any time. */
RH_CHECKED int rh_pair_read(struct rh_setup *s, struct rh_pair *p, struct rh_err *err);
void rh_pair_free(struct rh_pair *p);
const struct rh_pair_disk *rh_pair_by_serial(const struct rh_pair *p, const char *serial);
/* Is a disk missing, or must a person decide? Rebuilding is neither. */
bool rh_pair_needs_person(const struct rh_pair *p);

/* Give back to the arrays what may go back; note generation, serials, banner, alarm, instruction.
 * The caller holds the lock. */
RH_CHECKED int rh_pair_repair(struct rh_setup *s, struct rh_pair *p, struct rh_err *err);
/* Add PARTITION (no superblock on it that counts) to array K, with a full copy. */
RH_CHECKED int rh_pair_add(struct rh_setup *s, const struct rh_pair *p, int k, const char *device,
			   struct rh_err *err);
/* Note SERIAL as one that works here. */
RH_CHECKED int rh_pair_learn(struct rh_setup *s, const struct rh_pair *p, const char *serial,
			     struct rh_err *err);
RH_CHECKED int rh_pair_note(struct rh_setup *s, const struct rh_pair *p, struct rh_err *err);

/* One program that changes disks at a time: waits, -EBUSY after a minute. *FD is the lock. */
RH_CHECKED int rh_disks_lock(struct rh_setup *s, int *fd, struct rh_err *err);
/* To journal, console and mail (overlays/raid, alarm). A failure is logged, no more. */
void rh_alarm(struct rh_setup *s, const char *subject, const char *text);

/* Texts (pairtext.c). */
void rh_pair_show(const struct rh_pair *p, struct rh_str *out);
void rh_pair_json(const struct rh_pair *p, struct rh_str *out);
void rh_pair_banner(const struct rh_pair *p, struct rh_str *out);      /* "" when all is well */
void rh_pair_alarm_text(const struct rh_pair *p, struct rh_str *out);  /* "" when none */
void rh_pair_instruction(const struct rh_pair *p, struct rh_str *out); /* the paper one */

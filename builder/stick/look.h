/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine as rehome-stick finds it: its disks, and the answers volume. Reads only. */
#pragma once

#include <stdbool.h>

#include "builder/stick/choice.h"
#include "builder/write/probe.h"
#include "builder/write/source.h"

struct rh_look {
	struct rh_source *source; /* what would be written */
	const char *stick; /* the archive's partition: its disk is not offered. A file: none is */
	bool allow_loop;   /* loop devices count as disks: for trying it out */
	const struct rh_strv *only; /* look at these alone; NULL or none: at all of the machine's */
};

/* How the disks are looked at; the same before they are written. */
struct rh_probe_options rh_look_options(const struct rh_look *l);
/* Every disk of the machine. */
RH_CHECKED int rh_look_disks(const struct rh_look *l, struct rh_offers *out, struct rh_err *err);

/*
 * The answers in FILE (rehome-answers(5)), checked against the schema at SCHEMA. 1: SERIAL is what
 * its member "disks" names, the caller frees both; 0: it names none; -EINVAL with all FAULTS.
 */
RH_CHECKED int rh_look_answers(const char *file, const char *schema, char *serial[2],
			       struct rh_strv *faults);
/* The same with the file on the FAT volume DEVICE, which is mounted read-only at DIR meanwhile. */
RH_CHECKED int rh_look_volume(const char *device, const char *dir, const char *schema,
			      char *serial[2], struct rh_strv *faults);

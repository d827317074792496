/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `rehome write` and `rehome verify` share: disks as people and as programs read them, the
 * progress of the engine, the folder of what was written. They print, as commands do. */
#pragma once

#include <json-c/json.h>
#include <stdio.h>

#include "builder/write/engine.h"
#include "lib/core/progress.h"

/* "4.00 TB", as disks are labelled; for OUT of 24 bytes or more. */
const char *rh_bytes_text(uint64_t bytes, char *out, size_t size);

/* Model, serial, size and names, then a line for each thing that lies on it. TITLE: "disk a". */
void rh_disk_print(FILE *out, const char *title, const struct rh_disk *d);
/* Every reason against the disk, a line each. */
void rh_disk_print_refused(FILE *out, const struct rh_disk *d);

/* The keys of rehome-write(1), "JSON". */
struct json_object *rh_disk_json(const struct rh_disk *d);
void rh_target_add_json(struct json_object *o, const struct rh_target *t);
void rh_json_print(struct json_object *o); /* on standard output; and drops it */

/* $XDG_STATE_HOME/rehome, else ~/.local/state/rehome; NULL when there is no home. Owned by the
 * caller. */
char *rh_state_dir(void);

/* Feeds the engine's callbacks to a progress line with the rate. */
struct rh_meter {
	struct rh_progress *progress;
	const char *names[3];	  /* of the steps, by enum rh_write_phase; planned by the caller */
	struct json_object *said; /* strings; NULL: not collected */
	bool quiet;		  /* no progress; what is said is printed all the same */
	/* Its own. */
	int step; /* that runs, + 1; 0: none */
	double since[2];
	uint64_t pos[2];
	double rate; /* bytes/s */
};
void rh_meter_at(void *meter, enum rh_write_phase phase, uint64_t pos, uint64_t total);
void rh_meter_say(void *meter, const char *line);
void rh_meter_end(struct rh_meter *m, bool ok);
/* For rh_source_check() alone. */
void rh_meter_check(void *meter, uint64_t pos, uint64_t total);

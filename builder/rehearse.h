/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rehearsal: boot overlays on a pair in a network without a way out, answer its questions, import
 * the old data, run every proof, and say GO or NO-GO.
 *
 * Order of calls: prepare, run, report, perhaps keep, free. run() moves the calling process into
 * the rehearsal's namespaces for good. free() ends the machine and removes everything but the
 * report.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "builder/verdict.h"
#include "builder/vm.h"
#include "lib/core/diag.h"
#include "lib/core/progress.h"

struct rh_rehearse_options {
	const char *pair;     /* folder with a.img, b.img, manifest.json */
	const char *recipe;   /* path, for what the manifest does not tell; may be NULL */
	const char *data_dir; /* with overlays/ and recipes/ */
	const char *probe;    /* path of rh-probe */
	const char *answers;  /* may be NULL */
	const char *old_data; /* image of a volume; may be NULL */
	bool no_import;	      /* even if the answers ask for one */
	const char *label;    /* of the old data's volume */
	const char *old_tree; /* the old server's files, for proofs; may be NULL */
	const char *expect;   /* may be NULL */
	const char *report;   /* folder to be written */
	enum rh_firmware firmware;
	bool keep;
	unsigned memory_mib;				      /* 0: as the recipe says */
	int boot_s, setup_s, import_s, proof_s, all_proofs_s; /* limits; 0: default */
};

struct rh_rehearsal;

/* Read and check everything; all faults go to D, then -EINVAL. Nothing is made. */
RH_CHECKED int rh_rehearse_prepare(const struct rh_rehearse_options *o, struct rh_progress *p,
				   struct rh_rehearsal **out, struct rh_diags *d,
				   struct rh_err *err);
/* 0 when there is a verdict of whatever kind; an error when the workstation let us down or the user
 * interrupted (-EINTR). */
RH_CHECKED int rh_rehearse_run(struct rh_rehearsal *r, struct rh_err *err);
const struct rh_verdict *rh_rehearse_verdict(const struct rh_rehearsal *r);
/* The last lines of the serial console, when the machine did not come up; else "". */
const char *rh_rehearse_tail(const struct rh_rehearsal *r);
/* "login prompt after 89 s, closed after …" */
void rh_rehearse_times(const struct rh_rehearsal *r, struct rh_str *out);
struct json_object *rh_rehearse_json(const struct rh_rehearsal *r); /* new */
/* Write the report folder; its absolute path is the option's. */
RH_CHECKED int rh_rehearse_report(const struct rh_rehearsal *r, struct rh_err *err);
/* Is there a running machine to look at? */
bool rh_rehearse_alive(const struct rh_rehearsal *r);
/* How to look inside: addresses, log-ins. Only with the option keep. */
void rh_rehearse_describe(const struct rh_rehearsal *r, struct rh_str *out);
/* Forward connections until the user interrupts or the machine ends. */
RH_CHECKED int rh_rehearse_keep(struct rh_rehearsal *r, struct rh_err *err);
void rh_rehearse_free(struct rh_rehearsal **r);

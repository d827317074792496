/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot matrix: does the pair start from each firmware, with both disks and with either alone?
 *
 * A cell is one start of a machine without a network, with fresh firmware variables, from
 * copies-on-write, the absent disk's bay empty from the first second. It passes only on evidence in
 * its own serial console: the login prompt, how many disks the kernel attached, both arrays with
 * exactly the mirrors that must be there, no copying, and the firmware as firmware and kernel name
 * it. What a console does not say is a fault, not a doubt in its favour.
 *
 * Time: a degraded start may take less than RH_MATRIX_GOAL_S longer than one with both disks from
 * the same firmware. Measured twice: to the login prompt (as a user sees it), and by the guest's
 * clock from the last disk to the last array (where the wait lies, whatever else the workstation
 * does). Both must hold. Noise of a busy workstation only ever adds time, so a cell that failed by
 * its time alone is started once more and the better start counts.
 */
#pragma once

#include <stdbool.h>
#include <json-c/json.h>

#include "builder/vm.h"
#include "lib/core/diag.h"
#include "lib/core/progress.h"

#define RH_MATRIX_GOAL_S 15
#define RH_MATRIX_CELLS	 9
#define RH_MATRIX_ARRAYS 8

enum rh_matrix_disks { RH_MATRIX_BOTH, RH_MATRIX_A, RH_MATRIX_B };

struct rh_matrix_cell {
	enum rh_firmware firmware;
	enum rh_matrix_disks disks;
};

/* In the order in which they run; the cell with both disks comes first of its firmware. */
extern const struct rh_matrix_cell rh_matrix_cells[RH_MATRIX_CELLS];
extern const char *const rh_matrix_disks_name[3]; /* "both", "a", "b" */

/* --- pure --- */

/* LIST "bios:a,uefi:both", NULL for all. A cell with one disk brings the cell with both of its
 * firmware, which it is measured against. -EINVAL with the faulty word in the text. */
RH_CHECKED int rh_matrix_select(const char *list, bool wanted[RH_MATRIX_CELLS], struct rh_err *err);

struct rh_matrix_array {
	char name[16];	     /* the kernel's, e.g. "md127" */
	unsigned active, of; /* mirrors */
};

enum rh_matrix_secure { RH_MATRIX_UNSAID, RH_MATRIX_DISABLED, RH_MATRIX_ENABLED };

/* What a console says. Seconds are the guest kernel's; 0: never said. */
struct rh_matrix_seen {
	bool seabios, efi;		/* SeaBIOS spoke; the kernel names an EFI */
	enum rh_matrix_secure secure;	/* Secure Boot, as the kernel sees it */
	bool lockdown;			/* the kernel locked itself down because of it */
	bool copying;			/* md started a resync or recovery */
	unsigned disks;			/* that the kernel attached */
	double attached_s, assembled_s; /* the last disk; the last array */
	unsigned n_arrays;
	struct rh_matrix_array array[RH_MATRIX_ARRAYS];
};

/* TEXT: a whole serial log, any bytes. */
void rh_matrix_read(const char *text, size_t n, struct rh_matrix_seen *out);

/* Add to FAULTS each thing that SEEN lacks or has too much for CELL. */
void rh_matrix_judge(const struct rh_matrix_cell *cell, const struct rh_matrix_seen *seen,
		     struct rh_strv *faults);

/* Seconds from the last disk to the last array; -1 when one was never said. */
double rh_matrix_wait(const struct rh_matrix_seen *seen);

/* --- a run --- */

struct rh_matrix_options {
	const char *pair;    /* folder with a.img, b.img, manifest.json */
	const char *recipe;  /* path, for what the manifest does not tell; may be NULL */
	const char *cells;   /* as for rh_matrix_select() */
	const char *report;  /* folder to be written */
	unsigned memory_mib; /* 0: as the recipe says */
	int boot_s;	     /* limit for the login prompt; 0: default */
};

struct rh_matrix_result {
	bool wanted, ok;
	unsigned starts; /* 0: could not run */
	double login_s;	 /* from the start of the machine; 0: never */
	double extra_s;	 /* against both disks; only with have_extra */
	bool have_extra;
	struct rh_matrix_seen seen;
	struct rh_strv faults;
};

struct rh_matrix;

/* Read and check everything; all faults go to D, then -EINVAL. Nothing is made. */
RH_CHECKED int rh_matrix_prepare(const struct rh_matrix_options *o, struct rh_progress *p,
				 struct rh_matrix **out, struct rh_diags *d, struct rh_err *err);
/* 0 when every wanted cell has a result of whatever kind; an error when the user interrupted
 * (-EINTR) or the workstation let us down. */
RH_CHECKED int rh_matrix_run(struct rh_matrix *m, struct rh_err *err);
const struct rh_matrix_result *rh_matrix_result(const struct rh_matrix *m, size_t cell);
/* Every wanted cell is fine, and there is one. */
bool rh_matrix_go(const struct rh_matrix *m);
struct json_object *rh_matrix_json(const struct rh_matrix *m); /* new */
/* Write the report folder: report.json, cells/FIRMWARE-DISKS.log. */
RH_CHECKED int rh_matrix_report(const struct rh_matrix *m, struct rh_err *err);
/* Ends the machine and removes everything but the report. */
void rh_matrix_free(struct rh_matrix **m);

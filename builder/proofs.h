/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The overlays' proofs: found, put in order, run one after the other.
 *
 * The order is over all overlays: first the number in front of the file's name, then the overlay's
 * place in the pair, then the name.
 */
#pragma once

#include "builder/verdict.h"
#include "lib/core/diag.h"
#include "lib/core/mem.h"
#include "lib/core/progress.h"

struct rh_proof {
	char *overlay, *name, *path;
	unsigned long number;
	size_t place; /* of the overlay */
};

struct rh_proofs {
	struct rh_proof *v;
	size_t n, cap;
};

/* All of DATA_DIR/overlays/NAME/proofs/ for NAME in OVERLAYS. A missing overlay or a proof that is
 * not executable is a fault in D (then -EINVAL). */
RH_CHECKED int rh_proofs_collect(const char *data_dir, const struct rh_strv *overlays,
				 struct rh_proofs *out, struct rh_diags *d);

struct rh_proofs_run {
	const struct rh_strv *env; /* "NAME=value" */
	const char *log_dir;	   /* gets OVERLAY-NAME.log with what each wrote to stderr */
	int timeout_s;		   /* for one */
	int total_s;		   /* for all */
	struct rh_progress *progress;
};

/* Run all; each adds at least one check to V. Fails only when the user interrupts (-EINTR). */
RH_CHECKED int rh_proofs_run(const struct rh_proofs *p, const struct rh_proofs_run *run,
			     struct rh_verdict *v, struct rh_err *err);
void rh_proofs_free(struct rh_proofs *p);

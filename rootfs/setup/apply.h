/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine of apply: after the check, every step in its order; then the state.
 *
 * Whatever front end finds the answers (volume, wizard, ssh), it ends here.
 */
#pragma once

#include "rootfs/setup/setup.h"
#include "rootfs/setup/state.h"

/* Is everything applied from exactly these inputs, so that a boot has nothing to do? */
bool rh_apply_done(struct rh_setup *s);
/* All steps. Says "step N/M NAME" before each. -EINTR when interrupted between two. */
RH_CHECKED int rh_apply(struct rh_setup *s, struct rh_err *err);
/* Is there old data to import at the end of this run (or an import that was cut)? */
bool rh_import_wanted(struct rh_setup *s, enum rh_state state);
/* Start rehome-import.service without waiting for it. */
RH_CHECKED int rh_import_start(struct rh_setup *s, struct rh_err *err);

/* The import itself, from state to state. LABEL NULL: that of the answers. Returns the importer's
 * exit status, or a negative errno. Says "state importing", "import exit N", "state …". */
RH_CHECKED int rh_import(struct rh_setup *s, const char *label, struct rh_err *err);

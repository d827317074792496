/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the appliance stands, and markers of what has been done, both in /var/lib/rehome.
 *
 *     unconfigured → closed → (importing ⇄ ready) → live
 *
 * The state is one word in the file "state"; no file means unconfigured. Only the transitions that
 * rh_state_may() allows can be written, so that no run of apply leads a live machine back.
 * Markers: applied/NAME holds the digest of what overlay NAME was applied from (its presence opens
 * the gate of the overlay's services); pending/NAME stands from the first change until its services
 * run with it; "applied-inputs" holds the digest of all inputs of the last complete apply.
 */
#pragma once

#include "rootfs/setup/setup.h"

enum rh_state {
	RH_STATE_UNCONFIGURED,
	RH_STATE_CLOSED,
	RH_STATE_IMPORTING,
	RH_STATE_READY,
	RH_STATE_LIVE,
	RH_STATE_N
};

const char *rh_state_name(enum rh_state state);
RH_CHECKED int rh_state_parse(const char *text, enum rh_state *state); /* -EINVAL */
bool rh_state_may(enum rh_state from, enum rh_state to);
RH_CHECKED int rh_state_read(struct rh_setup *s, enum rh_state *state, struct rh_err *err);
/* 1 written, 0 it stood there already; -EPERM when the transition is not one of the above. */
RH_CHECKED int rh_state_set(struct rh_setup *s, enum rh_state to, struct rh_err *err);

/* NAME is relative to /var/lib/rehome. Reading gives "" when there is none. */
RH_CHECKED int rh_marker_read(struct rh_setup *s, const char *name, struct rh_str *text,
			      struct rh_err *err);
RH_CHECKED int rh_marker_set(struct rh_setup *s, const char *name, const char *text,
			     struct rh_err *err);
RH_CHECKED int rh_marker_clear(struct rh_setup *s, const char *name, struct rh_err *err);
bool rh_marker_there(struct rh_setup *s, const char *name);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of apply. Each is idempotent: it changes what differs from the answers and nothing
 * else, and returns 1 when it changed something, 0 when not, or a negative errno.
 */
#pragma once

#include "rootfs/setup/setup.h"
#include "rootfs/setup/state.h"

RH_CHECKED int rh_step_answers(struct rh_setup *s, struct rh_err *err);	 /* identity.c */
RH_CHECKED int rh_step_identity(struct rh_setup *s, struct rh_err *err); /* identity.c */
RH_CHECKED int rh_step_users(struct rh_setup *s, struct rh_err *err);	 /* identity.c */
RH_CHECKED int rh_step_access(struct rh_setup *s, struct rh_err *err);	 /* identity.c */
RH_CHECKED int rh_step_network(struct rh_setup *s, struct rh_err *err);	 /* network.c */
RH_CHECKED int rh_step_firewall(struct rh_setup *s, struct rh_err *err); /* firewall.c */
RH_CHECKED int rh_step_storage(struct rh_setup *s, struct rh_err *err);	 /* storage.c */
/* Templates, hook, services of one overlay. */
RH_CHECKED int rh_step_overlay(struct rh_setup *s, const struct rh_setup_overlay *o,
			       struct rh_err *err); /* deploy.c */

/* The texts that the steps write, for tests. */
void rh_network_keyfile(const struct rh_setup *s, struct rh_str *out);
void rh_firewall_admin_zone(const struct rh_setup *s, struct rh_str *out);
void rh_firewall_public_zone(const struct rh_setup *s, enum rh_state state, struct rh_str *out);

/* The banner before the login prompt: state, addresses, fingerprints, what to do next. */
RH_CHECKED int rh_issue_write(struct rh_setup *s, enum rh_state state, struct rh_err *err);
/* What to do next in STATE, one sentence. */
const char *rh_state_next(const struct rh_setup *s, enum rh_state state);

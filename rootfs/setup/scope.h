/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names that a template (and `rehome-setup get`) may use: answers.PATH, recipe.PATH,
 * secret.NAME, overlay, ports.
 *
 * Invariant: nothing that could break a configuration file comes out: strings with control
 * characters and the administrator's password (which may hold any sign) are refused.
 */
#pragma once

#include "rootfs/setup/setup.h"
#include "rootfs/setup/template.h"

struct rh_scope {
	struct rh_setup *s;
	const struct rh_setup_overlay *overlay; /* NULL: no secrets, overlay or ports (get) */
	bool placeholders;			/* secrets that do not exist yet are "x…" */
};

/* For rh_template_render(); ARG is a struct rh_scope. */
int rh_scope_lookup(void *arg, const char *name, const char *join, struct rh_str *out,
		    struct rh_str *why);

/* The same for `get`: answers. and recipe. only, the password too, groups of values as JSON. */
RH_CHECKED int rh_scope_get(struct rh_setup *s, const char *name, bool json, struct rh_str *out,
			    struct rh_str *why);

/* Render every template of O, adding to D what is wrong; with OUT (n_templates long, zeroed) the
 * texts are kept there. */
RH_CHECKED int rh_scope_render(struct rh_setup *s, const struct rh_setup_overlay *o,
			       bool placeholders, struct rh_str *out, struct rh_diags *d);

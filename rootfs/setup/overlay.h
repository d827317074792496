/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The overlays as they lie in the image: /usr/share/rehome/overlays.order and, in
 * /usr/share/rehome/overlays/NAME/, overlay.json, templates/ and the apply hook.
 *
 * The builder has checked them against their schema; here they are read again without trust,
 * because an administrator may have changed them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/mem.h"
#include "lib/json.h"

struct rh_setup;

struct rh_setup_template {
	const char *from; /* file name below templates/ */
	const char *path; /* absolute path of that file */
	const char *to, *owner, *group;
	mode_t mode;
	struct rh_str text; /* the template itself */
};

struct rh_setup_port {
	unsigned port;
	const char *protocol, *what;
};

struct rh_setup_user {
	const char *name, *home, *shell;
	int64_t uid, gid;
};

struct rh_setup_overlay {
	const char *name, *dir; /* dir: absolute below the root */
	struct rh_json *json;
	struct rh_str json_text;
	const char **needs, **services, **secrets;
	size_t n_needs, n_services, n_secrets;
	struct rh_setup_template *templates;
	size_t n_templates;
	struct rh_setup_port *ports;
	size_t n_ports;
	struct rh_setup_user *users;
	size_t n_users;
	bool has_hook;
	struct rh_str hook_text; /* the hook's bytes, for the digest of the inputs */
};

/* Load every overlay of the order file into the context. Faults go to D (-EINVAL). */
RH_CHECKED int rh_setup_overlays_load(struct rh_setup *s, struct rh_diags *d);
void rh_setup_overlays_free(struct rh_setup_overlay **v, size_t n);
const struct rh_setup_overlay *rh_setup_overlay_find(const struct rh_setup *s, const char *name);
/* Does O need the overlay NAME, directly or through others? */
bool rh_setup_overlay_needs(const struct rh_setup *s, const struct rh_setup_overlay *o,
			    const char *name);
/* The overlay that owns secret NAME as seen from O (its own, or one it needs); NULL: none. */
const struct rh_setup_overlay *
rh_setup_secret_owner(const struct rh_setup *s, const struct rh_setup_overlay *o, const char *name);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every part of rehome-setup shares: the root it works on, the answers, the recipe, the
 * overlays, and how it runs programs and speaks.
 *
 * Invariant: with a root other than "/" (tests, looking at an image) the machine that we run on is
 * never touched: no program is run, unless RH_SETUP_TOOLS names a folder that holds stand-ins for
 * them all. Every path is relative to the descriptor `root`.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/diag.h"
#include "lib/core/err.h"
#include "lib/core/mem.h"
#include "lib/json.h"
#include "rootfs/setup/overlay.h"

#define RH_PATH_ANSWERS	 "/etc/rehome/answers.json"
#define RH_PATH_RECIPE	 "/usr/share/rehome/recipe.json"
#define RH_PATH_SCHEMA	 "/usr/share/rehome/answers.schema.json"
#define RH_PATH_OVERLAYS "/usr/share/rehome/overlays"
#define RH_PATH_SECRETS	 "/etc/rehome/secrets"
#define RH_PATH_TLS	 "/etc/rehome/tls"
#define RH_PATH_STATE	 "/var/lib/rehome"
#define RH_VOLUME_LABEL	 "REHOME"
#define RH_VOLUME_FILE	 "rehome-answers.json"

struct rh_setup {
	const char *root_path; /* "/" on the machine; no slash at the end otherwise */
	int root;	       /* its descriptor */
	bool foreign;	       /* root is not "/" */
	const char *tools;     /* RH_SETUP_TOOLS; only looked at with a foreign root */
	bool dry_run, no_services, boot;
	bool one_disk; /* the administrator does not want to wait for the other disk */

	struct rh_arena *arena; /* lives as long as the context */
	struct rh_json *answers, *recipe;
	struct rh_str answers_text; /* as read, byte for byte */
	struct rh_str recipe_text;
	const char *answers_name;	   /* for diagnostics */
	struct rh_setup_overlay *overlays; /* in dependency order */
	size_t n_overlays;

	/* What the administrator reads, one line without newline; and what belongs in the log. */
	void (*say)(void *arg, const char *line);
	void (*log)(void *arg, const char *line);
	void *arg;

	struct rh_strv changed; /* every path and setting changed in this run */
	unsigned long points;	/* outside-visible changes so far, see change.h */
	unsigned long stop_at;	/* RH_STOP_AT_STEP */
	int lock;		/* -1: not held */
};

/* ROOT may be NULL for "/". The context owns everything it loads. */
RH_CHECKED int rh_setup_open(struct rh_setup *s, const char *root, struct rh_err *err);
void rh_setup_close(struct rh_setup *s);
/* One rehome-setup at a time: -EBUSY while another one works. */
RH_CHECKED int rh_setup_lock(struct rh_setup *s, struct rh_err *err);
void rh_setup_unlock(struct rh_setup *s);

/* "/etc/x" → "etc/x" for the *at() calls below s->root. */
const char *rh_rel(const char *path);
/* The path as a program outside of us must name it: ROOT/etc/x. In the context's arena. */
const char *rh_setup_path(struct rh_setup *s, const char *path);

void rh_setup_say(struct rh_setup *s, const char *fmt, ...) RH_PRINTF(2, 3);
void rh_setup_log(struct rh_setup *s, const char *fmt, ...) RH_PRINTF(2, 3);

/* May programs of the machine be run at all (see above)? */
bool rh_setup_can_run(const struct rh_setup *s);
/* Run PROGRAM with the given arguments (NULL-terminated), its stdout into OUT if not NULL. 0 done,
 * 1 left out because it may not be run, or a negative errno. */
RH_CHECKED int rh_setup_run(struct rh_setup *s, struct rh_str *out, struct rh_err *err,
			    const char *program, ...) __attribute__((sentinel));
/* The same for what touches running services: left out with --no-services as well. */
RH_CHECKED int rh_setup_service(struct rh_setup *s, struct rh_err *err, const char *program, ...)
    __attribute__((sentinel));

/* A string of the answers by path, "" when absent. */
const char *rh_answer(const struct rh_setup *s, const char *path);

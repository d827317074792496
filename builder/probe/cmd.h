/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs, their options and what they print.
 *
 * Exit status: 0 all checks good, 1 a check failed, 2 wrong usage, 3 could not run.
 */
#pragma once

#include <stdbool.h>

#include "builder/probe/conn.h"

enum { RH_EXIT_OK = 0, RH_EXIT_FAILED = 1, RH_EXIT_USAGE = 2, RH_EXIT_BROKEN = 3 };

struct rh_verb {
	const char *name, *args, *summary;
	int (*run)(int argc, char **argv);
};

extern const struct rh_verb rh_verb_record, rh_verb_compare, rh_verb_tls, rh_verb_cleartext,
    rh_verb_closed, rh_verb_submit, rh_verb_relay, rh_verb_auth_required, rh_verb_roundcube,
    rh_verb_postfixadmin, rh_verb_http_redirect;

/* One long option. Exactly one of STR, NUM and FLAG is set. */
struct rh_opt {
	const char *name;
	const char **str;
	unsigned *num;
	bool *flag;
	bool required;
};

/* Parse argv[1…] by OPTS (ended by a NULL name) and the common options (--host, --addr, --cafile,
 * --from, --timeout), which go to T. Returns -EINVAL after it has said what is wrong. */
RH_CHECKED int rh_cmd_options(int argc, char **argv, const struct rh_opt *opts,
			      struct rh_target *t);
/* "ADDR:PORT"; ADDR is copied into T->addr, and into T->host when that is not given. */
RH_CHECKED int rh_cmd_endpoint(const char *text, struct rh_target *t, unsigned *port,
			       struct rh_err *err);
/* The first line of a file, without its end. */
RH_CHECKED int rh_cmd_password(const char *path, char **ret, struct rh_err *err);

/* One JSON line {"name", "ok", "text"} on stdout. Safe from one thread only. */
void rh_cmd_check(const char *name, bool ok, const char *fmt, ...) RH_PRINTF(3, 4);
/* The exit status for what rh_cmd_check() has seen; no check at all is BROKEN. */
int rh_cmd_status(void);
/* "rh-probe: TEXT" on stderr; returns BROKEN. */
int rh_cmd_broken(const struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of rehome-setup and what they share. Only cmd_*.c and main.c print. */
#pragma once

#include "rootfs/setup/setup.h"

struct rh_setup_options {
	const char *root, *answers, *volume;
	bool boot, no_services, no_import, dry_run, one_disk, wait, json;
	bool repair, erase, no_wait; /* pair, replace-disk */
	const char *serial;
	char **args; /* what follows the options */
	int n_args;
};

/* Each returns the program's exit status: 0 done, 1 failed, 2 wrong use, 3 (import) see the report,
 * (pair) a person is needed. */
int rh_cmd_apply(const struct rh_setup_options *o);
int rh_cmd_get(const struct rh_setup_options *o);
int rh_cmd_state(const struct rh_setup_options *o);
int rh_cmd_grow(const struct rh_setup_options *o);
int rh_cmd_import(const struct rh_setup_options *o);
int rh_cmd_pair(const struct rh_setup_options *o);
int rh_cmd_esp(const struct rh_setup_options *o);
int rh_cmd_replace(const struct rh_setup_options *o);

/* Lines for the console and for the log; with JSON both go to stderr. */
void rh_cmd_voices(struct rh_setup *s, bool json);
/* "failed: …", the following lines of TEXT indented below it. */
void rh_cmd_failed(struct rh_setup *s, const char *text);
/* -EPERM unless this user may change the machine. */
RH_CHECKED int rh_cmd_may(const struct rh_setup *s, struct rh_err *err);

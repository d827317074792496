/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress of long work: one line on a terminal, plain lines otherwise, JSON lines for programs.
 *
 * The work is a list of named steps with weights (the expected seconds on the reference machine);
 * within a step a position and a total give the fraction. Time left is estimated from the weights,
 * corrected by the time that the finished ones really took.
 *
 * JSON line: {"step":"packages","done":0.42,"overall":0.17,"seconds":31,"left":140,"text":"…"}
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/err.h"

struct rh_progress;

/* JSON_FD < 0: none. QUIET: neither line nor plain text. Output goes to stderr. */
struct rh_progress *rh_progress_new(int json_fd, bool quiet);
void rh_progress_free(struct rh_progress **p);

/* Announce a step that will come; called for all before the first begins. */
void rh_progress_plan(struct rh_progress *p, const char *name, const char *text, double weight);
void rh_progress_begin(struct rh_progress *p, const char *name);
/* TOTAL 0: unknown. Cheap; draws at most 10 times a second. NOTE may be NULL. */
void rh_progress_at(struct rh_progress *p, uint64_t pos, uint64_t total, const char *note);
void rh_progress_end(struct rh_progress *p, bool ok);
/* A line of its own that stays (what was decided, a warning). */
void rh_progress_say(struct rh_progress *p, const char *fmt, ...) RH_PRINTF(2, 3);

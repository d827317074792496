/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Child processes: argument vectors only, never a shell string.
 *
 * A child gets its own process group, default signal dispositions, LC_ALL=C unless said otherwise,
 * and /dev/null for each standard stream that is not given. Success is exit status 0; being killed
 * by a signal is not success. When the user interrupts (rh_interrupted()), the child's group gets
 * SIGTERM, 5 s later SIGKILL, and the call returns -EINTR. No child outlives its parent: it is
 * bound by PR_SET_PDEATHSIG.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

struct rh_proc {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;	 /* "NAME=value" added to ours, NULL-terminated; may be NULL */
	const char *cwd;	 /* NULL: ours */
	int in;			 /* child's stdin; 0: /dev/null */
	int out;		 /* child's stdout; 0: see below */
	struct rh_str *capture;	 /* collects stdout when out is 0; -EFBIG above 16 MiB */
	const char *input;	 /* text for stdin when in is 0 (at most 64 KiB, a pipe's size) */
	/* Each line of stderr, and of stdout when it is neither given nor captured. NULL: the last
	 * lines are kept and put into the error text. */
	void (*line)(void *arg, const char *line);
	void *arg;
	/* Called in the child between fork and exec; a negative errno ends it. May be NULL. */
	int (*prepare)(void *arg);
	void *prepare_arg;
	int timeout_s;	/* 0: none; afterwards the group is killed and -ETIMEDOUT returned */
	int keep_fd[4]; /* descriptors > 2 that the child inherits under their own number; 0: none
			 */
};

/* Run and wait. -ECHILD when the exit status is not 0 (*status, if not NULL, gets it: 0..255, or
 * 256 + signal). */
RH_CHECKED int rh_proc_run(const struct rh_proc *p, int *status, struct rh_err *err);

/* Start without waiting; lines go to the null device unless out is given (then stderr goes there
 * too). The caller waits with rh_proc_stop() or rh_proc_wait(). */
RH_CHECKED int rh_proc_start(const struct rh_proc *p, pid_t *pid, struct rh_err *err);
/* Has it ended? 1 and *status as above, 0 while it runs. */
int rh_proc_poll(pid_t pid, int *status);
/* SIGTERM, then SIGKILL after GRACE_MS; reaps. Safe to call with pid <= 0. */
void rh_proc_stop(pid_t *pid, int grace_ms);

/* Short form: argv from the varargs, NULL-terminated. Errors carry the child's last lines. */
RH_CHECKED int rh_proc_call(struct rh_err *err, const char *argv0, ...) __attribute__((sentinel));

/* Is PROGRAM an executable in PATH? */
bool rh_proc_find(const char *program);

/* Ask for orderly interruption on SIGINT, SIGTERM and SIGHUP: sets the flag that
 * rh_interrupted() reads. A second SIGINT, half a second later or more, ends the
 * program at once. */
void rh_catch_signals(void);
bool rh_interrupted(void);

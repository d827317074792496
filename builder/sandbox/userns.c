// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User namespace with subordinate ids.
 *
 * newuidmap must run outside the new namespace and needs our pid after unshare(): a helper child
 * made before waits on a pipe for that moment, then execs the two programs one after the other.
 */
#include "builder/sandbox/userns.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/mem.h"
#include "lib/core/proc.h"

struct range {
	unsigned long start, count;
};

/* The first range of our user in FILE; lines are NAME-or-UID:START:COUNT (subuid(5)). */
static int find_range(const char *file, struct range *r, struct rh_err *err)
{
	const struct passwd *pw = getpwuid(getuid());
	RH_STR struct rh_str text = {0};
	char *save = NULL, *line;
	char uid[24];
	int rc = rh_file_read(AT_FDCWD, file, 1 << 20, &text, err);

	if (rc < 0)
		return rc;
	snprintf(uid, sizeof uid, "%u", (unsigned)getuid());
	for (line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(line, uid) && (!pw || strcmp(line, pw->pw_name)))
			continue;
		if (sscanf(colon + 1, "%lu:%lu", &r->start, &r->count) == 2 && r->count >= 65536)
			return 0;
	}
	return rh_err_set(err, ENOENT,
			  "%s has no range of at least 65536 ids for you: as root, run "
			  "'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s', "
			  "or run this as root",
			  file, pw ? pw->pw_name : uid);
}

static int set_map(const char *program, const char *pid, unsigned own, const struct range *r,
		   struct rh_err *err)
{
	char self[16], start[24], count[24];

	snprintf(self, sizeof self, "%u", own);
	snprintf(start, sizeof start, "%lu", r->start);
	snprintf(count, sizeof count, "%lu", r->count);
	return rh_proc_call(err, program, pid, "0", self, "1", "1", start, count, NULL);
}

/* The helper: waits for the byte that says "unshared", sets both maps, exits 0 on success; else it
 * writes the reason to SAY. */
static _Noreturn void helper(int go, int say, pid_t target, const struct range *u,
			     const struct range *g)
{
	struct rh_err err;
	char byte, pid[16];

	snprintf(pid, sizeof pid, "%d", (int)target);
	if (read(go, &byte, 1) != 1)
		_exit(1);
	if (set_map("newuidmap", pid, getuid(), u, &err) == 0 &&
	    set_map("newgidmap", pid, getgid(), g, &err) == 0)
		_exit(0);
	_exit(rh_write_all(say, err.text, strlen(err.text), NULL) < 0 ? 2 : 1);
}

/* The helper's end, and what it said. */
static int helper_result(pid_t pid, int say, struct rh_err *err)
{
	RH_STR struct rh_str why = {0};
	char buf[512];
	int status;
	ssize_t n;

	while ((n = read(say, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			rh_str_addn(&why, buf, (size_t)n);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return rh_err_errno(err, errno, "cannot set up the user namespace");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return rh_err_set(err, EPERM, "the ids of the user namespace (package uidmap): %s",
			  why.len ? why.data : "the helper was killed");
}

int rh_userns_enter(struct rh_err *err)
{
	struct rh_err later;
	struct range u, g;
	int go[2], say[2], r, r2;
	pid_t target = getpid(), pid;

	if (geteuid() == 0)
		return 0;
	r = find_range("/etc/subuid", &u, err);
	if (r == 0)
		r = find_range("/etc/subgid", &g, err);
	if (r < 0)
		return r;
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(say, O_CLOEXEC) < 0)
		return rh_err_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0)
		return rh_err_errno(err, errno, "cannot fork");
	if (pid == 0) {
		close(go[1]);
		helper(go[0], say[1], target, &u, &g);
	}
	close(go[0]);
	close(say[1]);
	if (unshare(CLONE_NEWUSER) < 0)
		r = rh_err_errno(err, errno, "user namespaces are not allowed here; run as root");
	else if (write(go[1], "x", 1) != 1)
		r = rh_err_errno(err, errno, "cannot set up the user namespace");
	close(go[1]);
	r2 = helper_result(pid, say[0], r < 0 ? &later : err);
	close(say[0]);
	r = r < 0 ? r : r2;
	if (r == 0 && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		r = rh_err_errno(err, errno, "cannot become root of the user namespace");
	return r;
}

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

static int set_map(const char *program, const char *pid, unsigned own, const struct range *r)
{
	char self[16], start[24], count[24];
	struct rh_err err;

	snprintf(self, sizeof self, "%u", own);
	snprintf(start, sizeof start, "%lu", r->start);
	snprintf(count, sizeof count, "%lu", r->count);
	return rh_proc_call(&err, program, pid, "0", self, "1", "1", start, count, NULL);
}

/* The helper: waits for the byte that says "unshared", sets both maps, exits 0 on success. */
static _Noreturn void helper(int go, pid_t target, const struct range *u, const struct range *g,
			     unsigned uid, unsigned gid)
{
	char byte, pid[16];

	snprintf(pid, sizeof pid, "%d", (int)target);
	if (read(go, &byte, 1) != 1)
		_exit(1);
	_exit(set_map("newuidmap", pid, uid, u) < 0 || set_map("newgidmap", pid, gid, g) < 0);
}

int rh_userns_enter(struct rh_err *err)
{
	struct range u, g;
	int go[2], status, r;
	pid_t target = getpid(), pid;

	if (geteuid() == 0)
		return 0;
	r = find_range("/etc/subuid", &u, err);
	if (r == 0)
		r = find_range("/etc/subgid", &g, err);
	if (r < 0)
		return r;
	if (pipe2(go, O_CLOEXEC) < 0)
		return rh_err_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0)
		return rh_err_errno(err, errno, "cannot fork");
	if (pid == 0) {
		close(go[1]);
		helper(go[0], target, &u, &g, getuid(), getgid());
	}
	close(go[0]);
	if (unshare(CLONE_NEWUSER) < 0)
		r = rh_err_errno(err, errno, "user namespaces are not allowed here; run as root");
	else if (write(go[1], "x", 1) != 1)
		r = rh_err_errno(err, errno, "cannot set up the user namespace");
	close(go[1]);
	waitpid(pid, &status, 0);
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status)))
		r = rh_err_set(err, EPERM, "newuidmap failed (is the package uidmap installed?)");
	if (r == 0 && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		r = rh_err_errno(err, errno, "cannot become root of the user namespace");
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making, locking, sweeping; the contract is in scratch.h.
 *
 * The race: between our mkdtemp() and our lock another process may take the folder for a leftover.
 * It removes only what it has locked, so either our lock fails or our folder has no name any more;
 * both are seen, and another one is made.
 */
#include "lib/core/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/mem.h"

#define LETTERS "XXXXXX"
#define TRIES	8

/* A locked descriptor of folder PATH, or -1: somebody else's, in use, or gone. */
static int lock_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0 &&
	    st.st_uid == geteuid())
		return fd;
	close(fd);
	return -1;
}

/* Leftovers only waste space: what cannot be removed is left to the next run. */
static void sweep(const char *prefix)
{
	const char *slash = strrchr(prefix, '/'), *base = slash ? slash + 1 : prefix;
	RH_FREE char *dir = slash == prefix ? rh_xstrdup("/")
			    : slash	    ? rh_xasprintf("%.*s", (int)(slash - prefix), prefix)
					    : rh_xstrdup(".");
	RH_STRV struct rh_strv names = {0};
	size_t n = strlen(base);

	if (rh_list_dir(AT_FDCWD, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *path = rh_xasprintf("%s/%s", dir, names.v[i]);
		RH_CLOSE int fd = -1;

		if (strncmp(names.v[i], base, n) != 0 ||
		    strlen(names.v[i]) != n + sizeof LETTERS - 1)
			continue;
		fd = lock_dir(path);
		if (fd >= 0 && rh_remove_tree(AT_FDCWD, path, NULL) < 0)
			continue;
	}
}

int rh_scratch_make(struct rh_scratch *s, const char *prefix, struct rh_err *err)
{
	*s = (struct rh_scratch)RH_SCRATCH_INIT;
	sweep(prefix);
	for (int i = 0; i < TRIES; i++) {
		char *path = rh_xasprintf("%s" LETTERS, prefix);

		if (!mkdtemp(path)) {
			int r = rh_err_errno(err, errno, "cannot make a folder %s" LETTERS, prefix);

			free(path);
			return r;
		}
		s->lock = lock_dir(path);
		if (s->lock >= 0) {
			s->path = path;
			return 0;
		}
		free(path);
	}
	return rh_err_set(err, EBUSY, "cannot lock a folder %s" LETTERS, prefix);
}

void rh_scratch_release(struct rh_scratch *s)
{
	if (s->lock >= 0)
		close(s->lock);
	free(s->path);
	*s = (struct rh_scratch)RH_SCRATCH_INIT;
}

int rh_scratch_drop(struct rh_scratch *s, struct rh_err *err)
{
	int r = s->path ? rh_remove_tree(AT_FDCWD, s->path, err) : 0;

	r = rh_err_prefix(err, r, "%s is left behind", s->path ? s->path : "");
	rh_scratch_release(s);
	return r;
}

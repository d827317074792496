// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes of files; the contract is in change.h.
 *
 * A target's folder is reached component by component with O_NOFOLLOW, so that a service's user who
 * owns a folder on the way cannot lead root elsewhere. What a cut leaves behind is a file named
 * NAME.tmp-XXXXXXXX beside the target: such leftovers are swept when NAME is written again.
 */
#include "rootfs/setup/change.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/file.h"

#define FILE_MAX (16u * 1024 * 1024)

void rh_change_point(struct rh_setup *s)
{
	if (!s->dry_run && ++s->points == s->stop_at)
		_exit(RH_STOPPED_EXIT);
}

void rh_change_note(struct rh_setup *s, const char *what)
{
	/* Our own bookkeeping is no news to anybody. */
	if (strncmp(what, RH_PATH_STATE "/", strlen(RH_PATH_STATE "/")) != 0)
		rh_strv_add(&s->changed, what);
}

static int lookup_user(struct rh_setup *s, const char *name, uid_t *uid)
{
	RH_FCLOSE FILE *f = NULL;
	struct passwd *pw;
	int fd = openat(s->root, "etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !(f = fdopen(fd, "r")))
		return -ENOENT;
	while ((pw = fgetpwent(f)))
		if (!strcmp(pw->pw_name, name)) {
			*uid = pw->pw_uid;
			return 0;
		}
	return -ENOENT;
}

static int lookup_group(struct rh_setup *s, const char *name, gid_t *gid)
{
	RH_FCLOSE FILE *f = NULL;
	struct group *gr;
	int fd = openat(s->root, "etc/group", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !(f = fdopen(fd, "r")))
		return -ENOENT;
	while ((gr = fgetgrent(f)))
		if (!strcmp(gr->gr_name, name)) {
			*gid = gr->gr_gid;
			return 0;
		}
	return -ENOENT;
}

int rh_owner_ids(struct rh_setup *s, const char *owner, const char *group, uid_t *uid, gid_t *gid,
		 struct rh_err *err)
{
	*uid = 0;
	*gid = 0;
	if (owner && strcmp(owner, "root") && lookup_user(s, owner, uid) < 0)
		return rh_err_set(err, ENOENT, "no user %s on this machine", owner);
	if (group && strcmp(group, "root") && lookup_group(s, group, gid) < 0)
		return rh_err_set(err, ENOENT, "no group %s on this machine", group);
	return 0;
}

/* Only root can give files away; someone who tries things in a folder of his own keeps them. */
static bool owns_matter(const struct rh_setup *s)
{
	return !s->foreign || geteuid() == 0;
}

/* The folder of PATH as a descriptor and the last component in *NAME (points into PATH). Missing
 * folders are made when MAKE; otherwise -ENOENT without a text. */
static int open_parent(struct rh_setup *s, const char *path, bool make, int *ret_fd,
		       const char **name, struct rh_err *err)
{
	const char *p = rh_rel(path), *slash;
	int fd = fcntl(s->root, F_DUPFD_CLOEXEC, 3);

	while (fd >= 0 && (slash = strchr(p, '/'))) {
		RH_FREE char *part = rh_xasprintf("%.*s", (int)(slash - p), p);
		const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
		int next = openat(fd, part, flags);

		if (next < 0 && errno == ENOENT && make) {
			if (mkdirat(fd, part, 0755) == 0 && fsync(fd) == 0)
				next = openat(fd, part, flags);
		}
		if (next < 0) {
			int code = errno;

			close(fd);
			if (code == ENOENT && !make)
				return -ENOENT;
			if (code == ELOOP || code == ENOTDIR)
				return rh_err_set(err, ELOOP,
						  "%s: %s is not a folder of its own (a link?): "
						  "name the real path",
						  path, part);
			return rh_err_errno(err, code, "%s: cannot open folder %s", path, part);
		}
		close(fd);
		fd = next;
		p = slash + 1 + strspn(slash + 1, "/");
	}
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open the folder of %s", path);
	*ret_fd = fd;
	*name = p;
	return 0;
}

static bool same_owner(const struct rh_setup *s, const struct stat *st, uid_t uid, gid_t gid)
{
	return !owns_matter(s) || (st->st_uid == uid && st->st_gid == gid);
}

static bool same_content(int dirfd, const char *name, const struct stat *st, const void *data,
			 size_t n)
{
	RH_STR struct rh_str have = {0};

	if ((uint64_t)st->st_size != n)
		return false;
	return rh_file_read(dirfd, name, FILE_MAX, &have, NULL) == 0 && have.len == n &&
	       (n == 0 || memcmp(have.data, data, n) == 0);
}

/* In a dry run an owner may be one that the users step would have made. */
static int target_ids(struct rh_setup *s, const struct rh_target *t, uid_t *uid, gid_t *gid,
		      struct rh_err *err)
{
	int r = rh_owner_ids(s, t->owner, t->group, uid, gid, err);

	if (r < 0 && (s->dry_run || !owns_matter(s)))
		return 0;
	return rh_err_prefix(err, r, "%s", t->path);
}

int rh_change_differs(struct rh_setup *s, const struct rh_target *t, const void *data, size_t n,
		      struct rh_err *err)
{
	RH_CLOSE int dirfd = -1;
	const char *name;
	struct stat st;
	uid_t uid;
	gid_t gid;
	int r = target_ids(s, t, &uid, &gid, err);

	if (r < 0)
		return r;
	r = open_parent(s, t->path, false, &dirfd, &name, err);
	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return r;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 1;
	return (st.st_mode & 07777) != t->mode || !same_owner(s, &st, uid, gid) ||
	       !same_content(dirfd, name, &st, data, n);
}

/* Remove what cuts have left of earlier attempts to write NAME. */
static void sweep_leftovers(int dirfd, const char *name)
{
	RH_STRV struct rh_strv names = {0};
	RH_FREE char *prefix = rh_xasprintf("%s.tmp-", name);

	if (rh_list_dir(dirfd, ".", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++)
		if (!strncmp(names.v[i], prefix, strlen(prefix)))
			unlinkat(dirfd, names.v[i], 0);
}

static int write_file(struct rh_setup *s, int dirfd, const char *name, const struct rh_target *t,
		      const void *data, size_t n, struct rh_err *err)
{
	struct rh_outfile f RH_OUTFILE = RH_OUTFILE_INIT;
	uid_t uid;
	gid_t gid;
	int r = target_ids(s, t, &uid, &gid, err);

	if (r < 0)
		return r;
	sweep_leftovers(dirfd, name);
	/* Secret until it has its owner. */
	r = rh_outfile_open(&f, dirfd, name, t->mode & 0700, err);
	if (r < 0)
		return r;
	rh_outfile_write(&f, data, n);
	if (owns_matter(s) && fchown(f.fd, uid, gid) < 0)
		return rh_err_errno(err, errno, "cannot give %s its owner", t->path);
	if (fchmod(f.fd, t->mode) < 0)
		return rh_err_errno(err, errno, "cannot set the mode of %s", t->path);
	return rh_outfile_commit(&f, err);
}

int rh_change_file(struct rh_setup *s, const struct rh_target *t, const void *data, size_t n,
		   struct rh_err *err)
{
	RH_CLOSE int dirfd = -1;
	const char *name;
	int r = rh_change_differs(s, t, data, n, err);

	if (r <= 0)
		return r;
	rh_change_point(s);
	rh_change_note(s, t->path);
	if (s->dry_run)
		return 1;
	r = open_parent(s, t->path, true, &dirfd, &name, err);
	if (r < 0)
		return r;
	r = write_file(s, dirfd, name, t, data, n, err);
	if (r < 0)
		return rh_err_prefix(err, r, "%s", t->path);
	return 1;
}

int rh_change_dir(struct rh_setup *s, const struct rh_target *t, struct rh_err *err)
{
	RH_CLOSE int parent = -1;
	RH_CLOSE int fd = -1;
	const char *name;
	struct stat st;
	uid_t uid;
	gid_t gid;
	int r = target_ids(s, t, &uid, &gid, err);

	if (r < 0)
		return r;
	r = open_parent(s, t->path, !s->dry_run, &parent, &name, err);
	if (r < 0 && !(r == -ENOENT && s->dry_run))
		return r;
	if (r == 0 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISDIR(st.st_mode))
			return rh_err_set(err, ENOTDIR, "%s is in the way: it is not a folder",
					  t->path);
		if ((st.st_mode & 07777) == t->mode && same_owner(s, &st, uid, gid))
			return 0;
	}
	rh_change_point(s);
	rh_change_note(s, t->path);
	if (s->dry_run)
		return 1;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return rh_err_errno(err, errno, "cannot make folder %s", t->path);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (owns_matter(s) && fchown(fd, uid, gid) < 0) || fchmod(fd, t->mode) < 0 ||
	    fsync(fd) < 0 || fsync(parent) < 0)
		return rh_err_errno(err, errno, "cannot set up folder %s", t->path);
	return 1;
}

static bool link_is(int dirfd, const char *name, const char *target)
{
	size_t n = strlen(target);
	RH_FREE char *have = rh_xalloc(n + 2);

	return readlinkat(dirfd, name, have, n + 1) == (ssize_t)n && !memcmp(have, target, n);
}

int rh_change_link(struct rh_setup *s, const char *path, const char *target, struct rh_err *err)
{
	RH_CLOSE int dirfd = -1;
	RH_FREE char *tmp = NULL;
	const char *name;
	char suffix[9];
	int r = open_parent(s, path, !s->dry_run, &dirfd, &name, err);

	if (r < 0 && !(r == -ENOENT && s->dry_run))
		return r;
	if (r == 0 && link_is(dirfd, name, target))
		return 0;
	rh_change_point(s);
	rh_change_note(s, path);
	if (s->dry_run)
		return 1;
	sweep_leftovers(dirfd, name);
	r = rh_random_text(suffix, sizeof suffix - 1, err);
	if (r < 0)
		return r;
	tmp = rh_xasprintf("%s.tmp-%s", name, suffix);
	if (symlinkat(target, dirfd, tmp) < 0)
		return rh_err_errno(err, errno, "cannot make link %s", path);
	if (renameat(dirfd, tmp, dirfd, name) < 0) {
		r = rh_err_errno(err, errno, "cannot make link %s", path);
		unlinkat(dirfd, tmp, 0);
		return r;
	}
	if (fsync(dirfd) < 0)
		return rh_err_errno(err, errno, "cannot sync the folder of %s", path);
	return 1;
}

int rh_change_remove(struct rh_setup *s, const char *path, struct rh_err *err)
{
	RH_CLOSE int dirfd = -1;
	const char *name;
	int r = open_parent(s, path, false, &dirfd, &name, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (!rh_exists(dirfd, name))
		return 0;
	rh_change_point(s);
	if (s->dry_run)
		return 1;
	if (unlinkat(dirfd, name, 0) < 0)
		return rh_err_errno(err, errno, "cannot remove %s", path);
	if (fsync(dirfd) < 0)
		return rh_err_errno(err, errno, "cannot sync the folder of %s", path);
	return 1;
}

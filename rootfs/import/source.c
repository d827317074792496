/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old tree. O_NOATIME is allowed only to a file's owner and to root, so EPERM means "once more
 * without it".
 */
#include "rootfs/import/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_below(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC | O_NOATIME | O_NONBLOCK | O_NOCTTY,
			       .resolve = resolve | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
	if (fd < 0 && errno == EPERM) {
		how.flags &= ~(uint64_t)O_NOATIME;
		fd = syscall(SYS_openat2, root, path, &how, sizeof how);
	}
	return fd < 0 ? -errno : (int)fd;
}

static int open_name(int dir, const char *name, int flags)
{
	flags |= O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = openat(dir, name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(dir, name, flags);
	return fd < 0 ? -errno : fd;
}

int rh_source_open(const char *root, int *fd, struct rh_err *err)
{
	*fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return rh_err_errno(err, errno, "cannot open the old server's tree %s", root);
	return 0;
}

int rh_source_dir(int root, const char *path, int *fd, struct rh_err *err)
{
	int r = open_below(root, path, O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
	if (r < 0)
		return rh_err_errno(err, -r, "cannot open %s of the old server", path);
	*fd = r;
	return 0;
}

/* The path of FD as the kernel shows it. */
static int fd_path(int fd, struct rh_str *out, struct rh_err *err)
{
	char *proc RH_FREE = rh_xasprintf("/proc/self/fd/%d", fd);
	size_t size = 4096;
	for (;;) {
		char *buf RH_FREE = rh_xalloc(size);
		ssize_t n = readlink(proc, buf, size);
		if (n < 0)
			return rh_err_errno(err, errno, "cannot read %s", proc);
		if ((size_t)n < size) {
			rh_str_addn(out, buf, (size_t)n);
			return 0;
		}
		size *= 2;
	}
}

int rh_source_real(int root, int fd, struct rh_str *out, struct rh_err *err)
{
	struct rh_str base RH_STR = {0}, path RH_STR = {0};
	int r = fd_path(root, &base, err);
	if (r == 0)
		r = fd_path(fd, &path, err);
	if (r < 0)
		return r;
	if (strcmp(base.data, "/") == 0)
		base.len = 0;
	if (strncmp(path.data, base.data, base.len) != 0 ||
	    (path.data[base.len] != '/' && path.data[base.len] != 0))
		return rh_err_set(err, EXDEV, "%s lies outside of %s", path.data, base.data);
	rh_str_add(out, path.data[base.len] ? path.data + base.len : "/");
	return 0;
}

static int regular(int fd, int *out)
{
	struct stat st;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	*out = fd;
	return 0;
}

int rh_source_file(int dir, const char *name, int *fd)
{
	*fd = open_name(dir, name, 0);
	return *fd < 0 ? *fd : 0;
}

int rh_source_subdir(int dir, const char *name, int *fd)
{
	*fd = open_name(dir, name, O_DIRECTORY);
	return *fd < 0 ? *fd : 0;
}

int rh_source_link(int root, const char *path, const char *name, const char *below, int *fd)
{
	char *full RH_FREE = rh_xasprintf("%s/%s", path, name);
	struct rh_str real RH_STR = {0};
	size_t n = strlen(below);
	int f, r = regular(open_below(root, full, O_RDONLY, RESOLVE_IN_ROOT), &f);
	if (r < 0)
		return r;
	r = rh_source_real(root, f, &real, NULL);
	if (r == 0 && (strncmp(real.data, below, n) != 0 || real.data[n] != '/'))
		r = -EXDEV;
	if (r < 0) {
		close(f);
		return r;
	}
	*fd = f;
	return 0;
}

int rh_source_read(int dir, const char *name, struct rh_str *out, struct rh_err *err)
{
	char buf[65536];
	ssize_t n;
	int fd RH_CLOSE = -1;
	int r = regular(open_name(dir, name, 0), &fd);
	if (r < 0)
		return rh_err_errno(err, -r, "cannot read %s", name);
	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rh_err_errno(err, errno, "cannot read %s", name);
		if (out->len + (size_t)n > RH_STATE_FILE_MAX)
			return rh_err_set(err, EFBIG, "%s is larger than 512 MiB", name);
		rh_str_addn(out, buf, (size_t)n);
	}
	return 0;
}

static unsigned char type_of(int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_REG; /* opening it will tell */
	return IFTODT(st.st_mode);
}

int rh_source_list(struct rh_arena *arena, int dir, struct rh_dirlist *out, struct rh_err *err)
{
	int fd = open_name(dir, ".", O_DIRECTORY);
	if (fd < 0)
		return rh_err_errno(err, -fd, "cannot list a folder");
	DIR *d RH_CLOSEDIR = fdopendir(fd);
	if (!d) {
		close(fd);
		return rh_err_errno(err, ENOMEM, "cannot list a folder");
	}
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(d);
		if (!e && errno)
			return rh_err_errno(err, errno, "cannot list a folder");
		if (!e)
			return 0;
		if (e->d_name[0] == '.' &&
		    (e->d_name[1] == 0 || (e->d_name[1] == '.' && e->d_name[2] == 0)))
			continue;
		RH_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = (struct rh_dirent){
		    .name = rh_arena_strdup(arena, e->d_name),
		    .ino = e->d_ino,
		    .type = e->d_type == DT_UNKNOWN ? type_of(dir, e->d_name) : e->d_type};
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct rh_dirent *)a)->name, ((const struct rh_dirent *)b)->name);
}

void rh_dirlist_sort(struct rh_dirlist *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
}

void rh_dirlist_free(struct rh_dirlist *l)
{
	free(l->v);
	*l = (struct rh_dirlist){0};
}

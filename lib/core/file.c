// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading with a bound, writing by temporary name, directories; the contract is in file.h. */
#include "lib/core/file.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

int rh_file_read(int dirfd, const char *path, size_t max, struct rh_str *out, struct rh_err *err)
{
	RH_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char buf[65536];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return rh_err_errno(err, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return rh_err_set(err, EINVAL, "%s is not a regular file", path);
	rh_str_free(out);
	rh_str_addn(out, "", 0);
	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rh_err_errno(err, errno, "cannot read %s", path);
		if (out->len + (size_t)n > max)
			return rh_err_set(err, EFBIG, "%s is larger than %zu bytes", path, max);
		rh_str_addn(out, buf, (size_t)n);
	}
	return 0;
}

int rh_write_all(int fd, const void *data, size_t n, struct rh_err *err)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return rh_err_errno(err, errno, "cannot write");
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int rh_pwrite_all(int fd, const void *data, size_t n, uint64_t at, struct rh_err *err)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = pwrite(fd, p, n, (off_t)at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return rh_err_errno(err, w < 0 ? errno : EIO,
					    "cannot write at byte %" PRIu64, at);
		p += w;
		at += (uint64_t)w;
		n -= (size_t)w;
	}
	return 0;
}

int rh_pread_all(int fd, void *data, size_t n, uint64_t at, struct rh_err *err)
{
	char *p = data;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return rh_err_errno(err, errno, "cannot read at byte %" PRIu64, at);
		if (got == 0)
			return rh_err_set(err, EIO, "it ends at byte %" PRIu64, at);
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

int rh_outfile_open(struct rh_outfile *f, int dirfd, const char *path, mode_t mode,
		    struct rh_err *err)
{
	char suffix[9];
	int r = rh_random_text(suffix, sizeof suffix - 1, err);

	if (r < 0)
		return r;
	*f = (struct rh_outfile){.dirfd = dirfd, .fd = -1};
	f->path = rh_xstrdup(path);
	f->tmp = rh_xasprintf("%s.tmp-%s", path, suffix);
	f->fd = openat(dirfd, f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (f->fd < 0) {
		r = rh_err_errno(err, errno, "cannot create %s", f->tmp);
		free(f->tmp); /* not ours: nothing to remove */
		f->tmp = NULL;
		rh_outfile_abort(f);
		return r;
	}
	/* The umask must not decide what others may read. */
	if (fchmod(f->fd, mode) < 0)
		f->error = errno;
	return 0;
}

void rh_outfile_write(struct rh_outfile *f, const void *data, size_t n)
{
	int r;

	if (f->error)
		return;
	r = rh_write_all(f->fd, data, n, NULL);
	if (r < 0)
		f->error = -r;
}

void rh_outfile_printf(struct rh_outfile *f, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		f->error = f->error ? f->error : ENOMEM;
		return;
	}
	rh_outfile_write(f, text, (size_t)n);
}

int rh_outfile_commit(struct rh_outfile *f, struct rh_err *err)
{
	int r = 0;

	if (!f->error && fsync(f->fd) < 0)
		f->error = errno;
	if (close(f->fd) < 0 && !f->error)
		f->error = errno;
	f->fd = -1;
	if (!f->error && renameat(f->dirfd, f->tmp, f->dirfd, f->path) < 0)
		f->error = errno;
	if (f->error) {
		r = rh_err_errno(err, f->error, "cannot write %s", f->path);
	} else {
		r = rh_sync_parent(f->dirfd, f->path, err);
		free(f->tmp); /* it has the final name now: nothing to remove */
		f->tmp = NULL;
	}
	rh_outfile_abort(f);
	return r;
}

void rh_outfile_abort(struct rh_outfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp)
		unlinkat(f->dirfd, f->tmp, 0);
	free(f->tmp);
	free(f->path);
	*f = (struct rh_outfile)RH_OUTFILE_INIT;
}

int rh_file_write(int dirfd, const char *path, mode_t mode, const void *data, size_t n,
		  struct rh_err *err)
{
	struct rh_outfile f RH_OUTFILE = RH_OUTFILE_INIT;
	int r = rh_outfile_open(&f, dirfd, path, mode, err);

	if (r < 0)
		return r;
	rh_outfile_write(&f, data, n);
	return rh_outfile_commit(&f, err);
}

int rh_sync_parent(int dirfd, const char *path, struct rh_err *err)
{
	const char *slash = strrchr(path, '/');
	RH_FREE char *parent = NULL;
	RH_CLOSE int fd = -1;

	if (!slash)
		parent = rh_xstrdup(".");
	else if (slash == path)
		parent = rh_xstrdup("/");
	else
		parent = rh_xasprintf("%.*s", (int)(slash - path), path);
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open the folder of %s", path);
	/* EINVAL: a filesystem that cannot sync directories has nothing to lose by it. */
	if (fsync(fd) < 0 && errno != EINVAL)
		return rh_err_errno(err, errno, "cannot sync the folder of %s", path);
	return 0;
}

int rh_sync_path(int dirfd, const char *path, struct rh_err *err)
{
	RH_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", path);
	if (fsync(fd) < 0 && errno != EINVAL)
		return rh_err_errno(err, errno, "cannot write %s", path);
	return 0;
}

/* For filesystems that cannot exchange two names: the old folder goes aside and comes back when the
 * new one cannot take its place. */
static int replace_in_two_steps(const char *made, const char *target, struct rh_err *err)
{
	RH_FREE char *aside = rh_xasprintf("%s.old", made);
	int r;

	if (rename(target, aside) < 0)
		return rh_err_errno(err, errno, "cannot move %s aside", target);
	if (rename(made, target) == 0) {
		r = rh_sync_parent(AT_FDCWD, target, err);
		if (r == 0)
			r = rh_remove_tree(AT_FDCWD, aside, err);
		return rh_err_prefix(err, r, "%s is the new one; the old one is in %s", target,
				     aside);
	}
	r = rh_err_errno(err, errno, "cannot rename %s to %s", made, target);
	if (rename(aside, target) < 0)
		return rh_err_prefix(err, r, "the old %s is now %s", target, aside);
	return r;
}

int rh_replace_dir(const char *made, const char *target, struct rh_err *err)
{
	int r;

	/* Never over something that another process has put there since. */
	if (syscall(SYS_renameat2, AT_FDCWD, made, AT_FDCWD, target, RENAME_NOREPLACE) == 0)
		return rh_sync_parent(AT_FDCWD, target, err);
	if (!rh_exists(AT_FDCWD, target)) {
		if (rename(made, target) < 0)
			return rh_err_errno(err, errno, "cannot rename %s to %s", made, target);
		return rh_sync_parent(AT_FDCWD, target, err);
	}
	if (syscall(SYS_renameat2, AT_FDCWD, made, AT_FDCWD, target, RENAME_EXCHANGE) < 0) {
		if (errno == EINVAL || errno == ENOSYS)
			return replace_in_two_steps(made, target, err);
		return rh_err_errno(err, errno, "cannot replace %s", target);
	}
	r = rh_sync_parent(AT_FDCWD, target, err);
	if (r == 0)
		r = rh_remove_tree(AT_FDCWD, made, err);
	return rh_err_prefix(err, r, "%s is the new one; the old one is in %s", target, made);
}

void rh_fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* mkdir of one step; what is there must be a folder, or a link to one. */
static int mkdir_one(int dirfd, const char *path, mode_t mode, struct rh_err *err)
{
	struct stat st;

	if (mkdirat(dirfd, path, mode) == 0)
		return 0;
	if (errno == EEXIST && fstatat(dirfd, path, &st, 0) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return rh_err_errno(err, errno, "cannot make folder %s", path);
}

int rh_mkdirs(int dirfd, const char *path, mode_t mode, struct rh_err *err)
{
	RH_FREE char *copy = rh_xstrdup(path);
	int r;

	for (char *p = copy + (*copy == '/'); *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = mkdir_one(dirfd, copy, mode, err);
		if (r < 0)
			return r;
		*p = '/';
	}
	return mkdir_one(dirfd, copy, mode, err);
}

static int remove_below(int fd, struct rh_err *err);

static int remove_one(int dirfd, const char *name, struct rh_err *err)
{
	RH_CLOSE int fd = -1;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return rh_err_errno(err, errno, "cannot remove %s", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot remove %s", name);
	r = remove_below(fd, err);
	if (r < 0)
		return r;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return rh_err_errno(err, errno, "cannot remove %s", name);
	return 0;
}

static int remove_below(int fd, struct rh_err *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	RH_CLOSEDIR DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *e;
	int r;

	if (!dir) {
		r = rh_err_errno(err, errno, "cannot list a folder");
		if (own >= 0)
			close(own);
		return r;
	}
	while (errno = 0, (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		r = remove_one(fd, e->d_name, err);
		if (r < 0)
			return r;
	}
	return errno ? rh_err_errno(err, errno, "cannot list a folder") : 0;
}

int rh_remove_tree(int dirfd, const char *path, struct rh_err *err)
{
	return remove_one(dirfd, path, err);
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int rh_list_dir(int dirfd, const char *path, struct rh_strv *names, struct rh_err *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RH_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return rh_err_errno(err, code, "cannot list %s", path);
	}
	while (errno = 0, (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			rh_strv_add(names, e->d_name);
	if (errno)
		return rh_err_errno(err, errno, "cannot list %s", path);
	if (names->n)
		qsort(names->v, names->n, sizeof *names->v, name_cmp);
	return 0;
}

bool rh_exists(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int rh_random_text(char *out, size_t n, struct rh_err *err)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char raw[64];
	size_t have = 0;

	for (size_t i = 0; i < n;) {
		if (have == 0) {
			ssize_t got = getrandom(raw, sizeof raw, 0);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				return rh_err_errno(err, errno, "no random numbers");
			have = (size_t)got;
		}
		have--;
		/* 252 = 7 · 36: larger bytes would make some digits likelier than others. */
		if (raw[have] < 252)
			out[i++] = digits[raw[have] % 36];
	}
	out[n] = '\0';
	return 0;
}

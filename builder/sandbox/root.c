// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unpack a root tree into memory and enter it; the contract is in root.h.
 *
 * The tmpfs is mounted over /tmp, a folder that every system has, so that no mount point is left
 * behind. What the caller names below /tmp is opened before and bound through its descriptor.
 */
#include "builder/sandbox/root.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/mem.h"

#define ROOT "/tmp"

/* A descriptor of the mount namespace before cannot be bound (EINVAL), so this comes after
 * unshare() and before /tmp is covered. */
static int open_binds(struct rh_bind *binds, size_t n, struct rh_err *err)
{
	for (size_t i = 0; i < n; i++) {
		binds[i].fd = open(binds[i].source, O_PATH | O_CLOEXEC);
		if (binds[i].fd < 0)
			return rh_err_errno(err, errno, "cannot open %s", binds[i].source);
	}
	return 0;
}

static int copy_entry(struct archive *in, struct archive *out, struct archive_entry *e,
		      struct rh_err *err)
{
	const void *data;
	size_t size;
	la_int64_t offset;
	int r = archive_write_header(out, e);

	if (r < ARCHIVE_WARN)
		return rh_err_set(err, EIO, "%s: %s", archive_entry_pathname(e),
				  archive_error_string(out));
	while ((r = archive_read_data_block(in, &data, &size, &offset)) == ARCHIVE_OK)
		if (archive_write_data_block(out, data, size, offset) < ARCHIVE_WARN)
			return rh_err_set(err, EIO, "%s: %s", archive_entry_pathname(e),
					  archive_error_string(out));
	if (r != ARCHIVE_EOF)
		return rh_err_set(err, EIO, "the tree is damaged: %s", archive_error_string(in));
	if (archive_write_finish_entry(out) < ARCHIVE_WARN)
		return rh_err_set(err, EIO, "%s: %s", archive_entry_pathname(e),
				  archive_error_string(out));
	return 0;
}

/* Device nodes cannot be made in a user namespace, and /dev is mounted anew anyway. */
static bool wanted(struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);
	mode_t type = archive_entry_filetype(e);

	if (!strncmp(path, "./", 2))
		path += 2;
	return type != AE_IFCHR && type != AE_IFBLK && (strncmp(path, "dev/", 4) != 0 || !path[4]);
}

static int unpack(int fd, struct rh_err *err)
{
	struct archive *in = archive_read_new(), *out = archive_write_disk_new();
	struct archive_entry *e;
	int r = 0, got;

	archive_read_support_format_tar(in);
	archive_read_support_filter_all(in);
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_OWNER |
						ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
						ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	if (archive_read_open_fd(in, fd, 1 << 20) != ARCHIVE_OK)
		r = rh_err_set(err, EIO, "cannot read the tree: %s", archive_error_string(in));
	while (r == 0 && (got = archive_read_next_header(in, &e)) != ARCHIVE_EOF) {
		if (got < ARCHIVE_WARN)
			r = rh_err_set(err, EIO, "the tree is damaged: %s",
				       archive_error_string(in));
		else if (wanted(e))
			r = copy_entry(in, out, e, err);
	}
	archive_read_free(in);
	if (archive_write_free(out) < ARCHIVE_WARN && r == 0)
		r = rh_err_set(err, EIO, "cannot finish unpacking the tree");
	return r;
}

static int mount_at(const char *source, const char *target, const char *type, unsigned long flags,
		    const char *options, struct rh_err *err)
{
	if (mount(source, target, type, flags, options) < 0)
		return rh_err_errno(err, errno, "cannot mount %s", target);
	return 0;
}

static int make_dev(struct rh_err *err)
{
	static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
					       {"/proc/self/fd/0", "stdin"},
					       {"/proc/self/fd/1", "stdout"},
					       {"/proc/self/fd/2", "stderr"}};
	int r = mount_at("dev", "dev", "tmpfs", MS_NOSUID, "mode=0755", err);

	for (size_t i = 0; r == 0 && i < sizeof nodes / sizeof *nodes; i++) {
		RH_FREE char *source = rh_xasprintf("/dev/%s", nodes[i]);
		RH_FREE char *target = rh_xasprintf("dev/%s", nodes[i]);
		RH_CLOSE int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

		if (fd < 0)
			return rh_err_errno(err, errno, "cannot make %s", target);
		r = mount_at(source, target, NULL, MS_BIND, NULL, err);
	}
	for (size_t i = 0; r == 0 && i < sizeof links / sizeof *links; i++) {
		RH_FREE char *target = rh_xasprintf("dev/%s", links[i][1]);

		if (symlink(links[i][0], target) < 0)
			r = rh_err_errno(err, errno, "cannot make %s", target);
	}
	if (r == 0 && (mkdir("dev/shm", 01777) < 0 || mkdir("dev/pts", 0755) < 0))
		r = rh_err_errno(err, errno, "cannot make /dev");
	if (r == 0)
		r = mount_at("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", err);
	if (r == 0)
		r = mount_at("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			     "newinstance,ptmxmode=0666,mode=0620", err);
	if (r == 0 && symlink("pts/ptmx", "dev/ptmx") < 0)
		r = rh_err_errno(err, errno, "cannot make /dev/ptmx");
	return r;
}

/* A read-only bind needs a remount that keeps the flags which a user namespace may not drop. */
static int remount_read_only(const char *target, struct rh_err *err)
{
	unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
	struct statvfs vfs;

	if (statvfs(target, &vfs) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", target);
	if (vfs.f_flag & ST_NOSUID)
		flags |= MS_NOSUID;
	if (vfs.f_flag & ST_NODEV)
		flags |= MS_NODEV;
	if (vfs.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	return mount_at(NULL, target, NULL, flags, NULL, err);
}

static int make_bind(const struct rh_bind *b, struct rh_err *err)
{
	RH_FREE char *source = rh_xasprintf("/proc/self/fd/%d", b->fd);
	RH_FREE char *target = rh_xasprintf(ROOT "%s", b->target);
	struct stat st;
	int r;

	if (fstat(b->fd, &st) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", b->source);
	if (S_ISDIR(st.st_mode)) {
		r = rh_mkdirs(AT_FDCWD, target, 0755, err);
	} else {
		RH_CLOSE int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		r = fd < 0 ? rh_err_errno(err, errno, "cannot make %s", b->target) : 0;
	}
	if (r == 0)
		r = mount_at(source, target, NULL, MS_BIND | MS_REC, NULL, err);
	if (r == 0 && b->read_only)
		r = remount_read_only(target, err);
	return r;
}

int rh_root_make(int tar_fd, struct rh_bind *binds, size_t n, struct rh_err *err)
{
	int r = mount_at("none", "/", NULL, MS_REC | MS_PRIVATE, NULL, err);

	if (r == 0)
		r = open_binds(binds, n, err);
	if (r == 0)
		r = mount_at("tree", ROOT, "tmpfs", 0, "mode=0755,size=80%", err);
	if (r == 0 && chdir(ROOT) < 0)
		r = rh_err_errno(err, errno, "cannot enter the new root");
	if (r == 0)
		r = unpack(tar_fd, err);
	if (r == 0)
		r = mount_at("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
	if (r == 0)
		r = mount_at("/sys", "sys", NULL, MS_BIND | MS_REC, NULL, err);
	if (r == 0)
		r = make_dev(err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = make_bind(&binds[i], err);
	if (r == 0 && (chroot(".") < 0 || chdir("/") < 0))
		r = rh_err_errno(err, errno, "cannot change the root");
	return r;
}

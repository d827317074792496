/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files: read whole with a bound, written so that a crash leaves the old or the new, never a half.
 *
 * Every descriptor is close-on-exec. Paths are relative to a directory descriptor (AT_FDCWD for the
 * current directory) so that callers can stay below a root that they opened.
 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Read the whole of PATH, at most MAX bytes (-EFBIG above); OUT gets data, NUL-terminated, to be
 * released by rh_str_free(). Refuses anything but a regular file (-EINVAL). */
RH_CHECKED int rh_file_read(int dirfd, const char *path, size_t max, struct rh_str *out,
			    struct rh_err *err);

/* Write all N bytes to FD, resuming after short writes and EINTR. */
RH_CHECKED int rh_write_all(int fd, const void *data, size_t n, struct rh_err *err);
/* The same at byte AT, and reading: all N bytes or an error that names the byte and not the file;
 * -EIO at the end of the file. The position of FD stays. */
RH_CHECKED int rh_pwrite_all(int fd, const void *data, size_t n, uint64_t at, struct rh_err *err);
RH_CHECKED int rh_pread_all(int fd, void *data, size_t n, uint64_t at, struct rh_err *err);

/*
 * An output file that becomes visible only by commit: a temporary name beside the target, then
 * fsync, rename, fsync of the directory. Errors of rh_outfile_write() are sticky: they may be
 * ignored, commit returns the first. rh_outfile_abort() after commit does nothing, so it can stand
 * in a cleanup attribute: struct rh_outfile f RH_OUTFILE = RH_OUTFILE_INIT;
 */
struct rh_outfile {
	int dirfd; /* borrowed */
	int fd;	   /* for direct writes; -1 when not open */
	int error;
	char *path, *tmp;
};
#define RH_OUTFILE_INIT               \
	{                             \
		.dirfd = -1, .fd = -1 \
	}
#define RH_OUTFILE __attribute__((cleanup(rh_outfile_abort)))
RH_CHECKED int rh_outfile_open(struct rh_outfile *f, int dirfd, const char *path, mode_t mode,
			       struct rh_err *err);
void rh_outfile_write(struct rh_outfile *f, const void *data, size_t n);
void rh_outfile_printf(struct rh_outfile *f, const char *fmt, ...) RH_PRINTF(2, 3);
RH_CHECKED int rh_outfile_commit(struct rh_outfile *f, struct rh_err *err);
void rh_outfile_abort(struct rh_outfile *f);

/* The whole of it in one call. */
RH_CHECKED int rh_file_write(int dirfd, const char *path, mode_t mode, const void *data, size_t n,
			     struct rh_err *err);

/* fsync the directory that holds PATH. */
RH_CHECKED int rh_sync_parent(int dirfd, const char *path, struct rh_err *err);

/*
 * Give folder MADE the name TARGET. What has that name already is exchanged for it in one step, so
 * that TARGET is always one of the two and whole, and is removed afterwards. On failure MADE is
 * still there under its own name, or TARGET is the new folder and the text says what is left.
 */
RH_CHECKED int rh_replace_dir(const char *made, const char *target, struct rh_err *err);

/* fsync one file or folder. */
RH_CHECKED int rh_sync_path(int dirfd, const char *path, struct rh_err *err);

/* Open /dev/null for each standard stream that the caller has closed: a file of ours that got such
 * a number would receive our messages. For the start of main(). */
void rh_fill_standard_fds(void);

/* mkdir -p; existing directories are fine, anything else of that name is -ENOTDIR. */
RH_CHECKED int rh_mkdirs(int dirfd, const char *path, mode_t mode, struct rh_err *err);

/* Remove PATH and everything below it, never following a link; absent is fine. */
RH_CHECKED int rh_remove_tree(int dirfd, const char *path, struct rh_err *err);

/* The names in directory PATH, sorted bytewise, without "." and "..". */
RH_CHECKED int rh_list_dir(int dirfd, const char *path, struct rh_strv *names, struct rh_err *err);

/* Does PATH exist (any type, links not followed)? */
bool rh_exists(int dirfd, const char *path);

/* N random bytes as lower-case letters and digits (about 5.1 bits each) into OUT[N + 1]. */
RH_CHECKED int rh_random_text(char *out, size_t n, struct rh_err *err);

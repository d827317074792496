// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the answers from the volume REHOME without leaving it mounted.
 *
 * The volume is mounted read-only, nodev, nosuid, noexec in a mount namespace of our own; the file
 * is opened there and we return to the machine's namespace with the descriptor. So nothing on the
 * machine ever sees the mount, and a cut leaves none behind. Trap: setns() needs a process with one
 * thread, and moves the working directory to the root: no relative path may be used afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/answers.h"

#define DEVICE	   "/dev/disk/by-label/" RH_VOLUME_LABEL
#define MOUNTPOINT "/run/rehome/answers"

/* In the new namespace: mount, open, unmount (the descriptor keeps what it needs). */
static int open_inside(int *file, struct rh_err *err)
{
	const unsigned long flags = MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC;
	int r = 0;

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return rh_err_errno(err, errno, "cannot make mounts private");
	if (mount(DEVICE, MOUNTPOINT, "vfat", flags, NULL) < 0)
		return rh_err_errno(err, errno,
				    "cannot read the volume " RH_VOLUME_LABEL
				    " (it must be formatted as FAT)");
	*file = open(MOUNTPOINT "/" RH_VOLUME_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*file < 0 && errno == ENOENT)
		r = rh_err_set(err, ENOENT,
			       "the volume " RH_VOLUME_LABEL " holds no file " RH_VOLUME_FILE
			       ": put it at the top of the volume");
	else if (*file < 0)
		r = rh_err_errno(err, errno, "cannot open " RH_VOLUME_FILE);
	umount2(MOUNTPOINT, MNT_DETACH);
	return r;
}

static int open_on_volume(struct rh_setup *s, int *file, struct rh_err *err)
{
	RH_CLOSE int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r = rh_mkdirs(s->root, rh_rel(MOUNTPOINT), 0700, err);

	if (r < 0)
		return r;
	if (home < 0 || unshare(CLONE_NEWNS) < 0)
		return rh_err_errno(err, errno, "cannot make a mount namespace");
	r = open_inside(file, err);
	if (setns(home, CLONE_NEWNS) < 0)
		return rh_err_errno(err, errno, "cannot return from the mount namespace");
	return r;
}

int rh_volume_read(struct rh_setup *s, struct rh_str *out, struct rh_err *err)
{
	RH_CLOSE int file = -1;
	RH_FREE char *path = NULL;
	int r;

	if (faccessat(s->root, rh_rel(DEVICE), F_OK, 0) < 0)
		return 0;
	if (s->foreign) {
		/* Below a root of someone else the "device" is a folder: the volume's content. */
		r = rh_file_read(s->root, rh_rel(DEVICE "/" RH_VOLUME_FILE), RH_JSON_MAX, out, err);
		return r < 0 ? r : 1;
	}
	r = open_on_volume(s, &file, err);
	if (r < 0)
		return r;
	path = rh_xasprintf("/proc/self/fd/%d", file);
	r = rh_file_read(AT_FDCWD, path, RH_JSON_MAX, out, err);
	return r < 0 ? r : 1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old disk as a volume: read-only in three ways, because it is the only copy.
 *
 * The block device itself is set read-only first (BLKROSET), since a file system that replays its
 * journal writes even when it is mounted "ro"; then it is mounted ro with noload (ext2/3/4) or
 * norecovery (XFS), in a mount namespace of our own, so that nothing else on the machine sees it.
 * The device stays read-only afterwards. Only these file systems are known; others are refused
 * rather than tried.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/import/run.h"

#define WHERE "/run/rehome/old"

#define EXT_MAGIC	   0xef53
#define EXT_NEEDS_RECOVERY 0x4u /* s_feature_incompat: the journal holds what the rest does not */

const char *rh_volume_kind(int fd, const char **options, bool *unclean)
{
	char buf[2048];
	uint16_t magic;
	uint32_t incompat;

	*unclean = false;
	if (pread(fd, buf, sizeof buf, 0) != (ssize_t)sizeof buf)
		return NULL;
	if (memcmp(buf, "XFSB", 4) == 0) {
		*options = "norecovery";
		return "xfs";
	}
	memcpy(&magic, buf + 1024 + 56, sizeof magic);
	memcpy(&incompat, buf + 1024 + 96, sizeof incompat);
	*options = "noload";
	if (le16toh(magic) != EXT_MAGIC)
		return NULL;
	*unclean = le32toh(incompat) & EXT_NEEDS_RECOVERY;
	return "ext4";
}

static int private_namespace(struct rh_err *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return rh_err_errno(err, errno, "cannot make a mount namespace");
	return rh_mkdirs(AT_FDCWD, WHERE, 0700, err);
}

int rh_volume_mount(const char *label, const char **root, bool *unclean, struct rh_err *err)
{
	char *device RH_FREE = rh_xasprintf("/dev/disk/by-label/%s", label);
	const char *type, *options;
	int fd RH_CLOSE = -1, on = 1, r;

	if (strchr(label, '/'))
		return rh_err_set(err, EINVAL, "a volume label has no '/': %s", label);
	fd = open(device, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return rh_err_errno(err, errno,
				    "cannot open the volume %s (is the disk connected?)", device);
	if (ioctl(fd, BLKROSET, &on) < 0)
		return rh_err_errno(err, errno, "cannot make %s read-only", device);
	type = rh_volume_kind(fd, &options, unclean);
	if (!type)
		return rh_err_set(err, EINVAL, "%s holds neither ext2/3/4 nor XFS", device);
	r = private_namespace(err);
	if (r < 0)
		return r;
	if (mount(device, WHERE, type, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
		  options) < 0)
		return rh_err_errno(err, errno, "cannot mount %s (%s) read-only", device, type);
	*root = WHERE;
	return 0;
}

void rh_volume_unmount(void)
{
	umount2(WHERE, MNT_DETACH);
}

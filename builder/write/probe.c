// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Look at a disk and say everything that speaks against it; the contract is in probe.h.
 *
 * The disk is opened with O_EXCL and kept open until it is written: from then on no mount, md or
 * swap can take it, and what the user has seen is what is erased. The lock keeps udev from looking
 * into a half-written disk and from starting arrays there (systemd's "Locking Block Device
 * Access").
 */
#include "builder/write/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/core/file.h"

const char *rh_refusal_name(enum rh_refusal r)
{
	static const char *const names[] = {
#define X(id, name) name,
	    RH_REFUSALS(X)
#undef X
	};

	return names[r];
}

void rh_disk_refuse(struct rh_disk *d, enum rh_refusal why, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = rh_xstrdup(rh_refusal_name(why));
	va_end(ap);
	for (size_t i = 0; i < d->n_refused; i++)
		if (d->refused[i].why == why && !strcmp(d->refused[i].text, text)) {
			free(text);
			return;
		}
	RH_GROW(d->refused, d->n_refused, d->refused_cap);
	d->refused[d->n_refused++] = (struct rh_refused){why, text};
}

/* The kernel's name of the device that NAME leads to; refusals that make the rest pointless. */
static bool resolve(const struct rh_probe_options *o, struct rh_disk *d)
{
	const char *root = o->root ? o->root : "";
	RH_FREE char *path = rh_xasprintf("%s%s", root, d->asked);
	RH_FREE char *real = realpath(path, NULL);
	RH_FREE char *sys = NULL, *part = NULL;
	struct stat st;

	if (!real || stat(real, &st) < 0) {
		rh_disk_refuse(d, RH_REFUSE_ABSENT,
			       "there is no %s: %s; ls /dev/disk/by-id lists "
			       "the disks",
			       d->asked, strerror(errno));
		return false;
	}
	d->kname = rh_xstrdup(strrchr(real, '/') + 1);
	d->node = rh_xstrdup(real + strlen(root));
	if (!*root && !S_ISBLK(st.st_mode)) {
		rh_disk_refuse(d, RH_REFUSE_NO_DISK, "%s is no disk but a %s", d->asked,
			       S_ISDIR(st.st_mode)   ? "folder"
			       : S_ISREG(st.st_mode) ? "file"
						     : "special file");
		return false;
	}
	if (!*root) {
		/* The node may have been made under any name. */
		RH_FREE char *link =
		    rh_xasprintf("/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
		RH_FREE char *dir = realpath(link, NULL);

		if (dir) {
			free(d->kname);
			d->kname = rh_xstrdup(strrchr(dir, '/') + 1);
		}
	}
	sys = rh_xasprintf("%s/sys/class/block/%s", root, d->kname);
	part = rh_xasprintf("%s/partition", sys);
	if (!rh_exists(AT_FDCWD, sys)) {
		rh_disk_refuse(d, RH_REFUSE_NO_DISK, "the kernel knows no disk %s", d->kname);
		return false;
	}
	if (rh_exists(AT_FDCWD, part)) {
		rh_disk_refuse(d, RH_REFUSE_PARTITION,
			       "%s is a partition: name the whole disk, without -partN", d->asked);
		return false;
	}
	return true;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void check_name(const struct rh_probe_options *o, struct rh_disk *d)
{
	static const char *const no[] = {"ram", "zram", "md", "dm-", "sr", "fd", "mtd"};
	char *by_id = rh_probe_by_id(o->root, d->kname);
	bool loop = begins(d->kname, "loop");

	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (begins(d->kname, no[i]))
			rh_disk_refuse(d, RH_REFUSE_NO_DISK, "%s is no disk of its own", d->node);
	d->path = rh_xstrdup(by_id ? by_id : d->asked);
	if (loop && !o->allow_loop)
		rh_disk_refuse(d, RH_REFUSE_NO_DISK,
			       "%s is a loop device, no disk; for trying it out add --allow-loop",
			       d->asked);
	else if (!loop && !o->any_name && !begins(d->asked, "/dev/disk/by-id/") && by_id)
		rh_disk_refuse(d, RH_REFUSE_NAME,
			       "%s may be another disk tomorrow: call it %s, if that is the one",
			       d->asked, by_id);
	else if (!loop && !o->any_name && !begins(d->asked, "/dev/disk/by-id/"))
		rh_disk_refuse(d, RH_REFUSE_NAME,
			       "%s has no name in /dev/disk/by-id/, so it cannot be told from "
			       "others",
			       d->asked);
	free(by_id);
}

static void check_facts(const struct rh_probe_options *o, struct rh_disk *d)
{
	const char *root = o->root ? o->root : "";
	RH_FREE char *path = rh_xasprintf("%s/sys/class/block/%s/ro", root, d->kname);
	RH_FCLOSE FILE *f = fopen(path, "re");

	if (!o->reading && f && fgetc(f) == '1')
		rh_disk_refuse(d, RH_REFUSE_READ_ONLY,
			       "it is read-only: look for a switch on the disk or its adapter");
	if (d->sector && d->sector != 512)
		rh_disk_refuse(d, RH_REFUSE_SECTOR,
			       "its sectors have %u bytes, and the images are made for 512: take "
			       "another disk, or switch it to 512 (hdparm --set-sector-size, nvme "
			       "format)",
			       d->sector);
	if (d->size < o->need)
		rh_disk_refuse(d, RH_REFUSE_SMALL,
			       "it has %llu bytes, and the pair needs %llu: take a larger disk",
			       (unsigned long long)d->size, (unsigned long long)o->need);
}

static bool holds(const struct rh_disk *d, const char *type)
{
	for (size_t i = 0; i < d->n_content; i++)
		if (!strcmp(d->content[i].type, type))
			return true;
	return false;
}

/* For reading what lies there no exclusive right is needed, and so a busy disk is shown as well. */
static void look(const struct rh_probe_options *o, struct rh_disk *d)
{
	RH_CLOSE int fd = open(d->node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct rh_err err;

	if (fd < 0)
		rh_disk_refuse(d, RH_REFUSE_ABSENT, "%s cannot be opened: %s%s", d->node,
			       strerror(errno),
			       errno == EACCES || errno == EPERM ? "; only root may" : "");
	else if (rh_probe_content(fd, d->size, d, &err) < 0 && !o->reading)
		rh_disk_refuse(d, RH_REFUSE_UNREADABLE, "%s: the disk may be failing", err.text);
}

/* udev holds the lock for a moment whenever somebody has closed the disk, as a run before this one
 * may just have done; so try for three seconds. */
static bool lock(int fd)
{
	for (int i = 0; i < 30; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		usleep(100000);
	}
	return false;
}

static void take(const struct rh_probe_options *o, struct rh_disk *d)
{
	int flags = o->reading ? O_RDONLY : O_RDWR | O_EXCL;

	d->fd = open(d->node, flags | O_CLOEXEC);
	if (d->fd >= 0 && !o->reading && !lock(d->fd)) {
		rh_disk_refuse(
		    d, RH_REFUSE_BUSY,
		    "another program has locked it: is it being partitioned or written?");
	} else if (d->fd < 0 && errno == EBUSY && holds(d, "zfs_member")) {
		rh_disk_refuse(d, RH_REFUSE_ZFS,
			       "a ZFS pool on it is in use: zpool export, if it is an old one");
	} else if (d->fd < 0 && errno == EBUSY) {
		if (d->n_refused == 0)
			rh_disk_refuse(d, RH_REFUSE_BUSY,
				       "something holds it that could not be found out");
	} else if (d->fd < 0 && errno == EROFS) {
		rh_disk_refuse(d, RH_REFUSE_READ_ONLY, "it is read-only");
	} else if (d->fd < 0 && d->n_refused == 0) {
		rh_disk_refuse(d, RH_REFUSE_ABSENT, "%s cannot be opened: %s%s", d->node,
			       strerror(errno),
			       errno == EACCES || errno == EPERM ? "; only root may" : "");
	}
}

void rh_probe_disk(const struct rh_probe_options *o, const char *name, struct rh_disk *out)
{
	*out = (struct rh_disk){.asked = rh_xstrdup(name), .fd = -1};
	if (!resolve(o, out)) {
		out->path = rh_xstrdup(name);
	} else {
		check_name(o, out);
		rh_probe_facts(o->root, out);
		check_facts(o, out);
		if (!o->reading)
			rh_probe_use(o->root, out);
		if (!o->root) {
			look(o, out);
			take(o, out);
		}
	}
	if (out->n_refused && out->fd >= 0) {
		close(out->fd);
		out->fd = -1;
	}
	if (!out->kname)
		out->kname = rh_xstrdup("");
	if (!out->node)
		out->node = rh_xstrdup(name);
	if (!out->serial)
		out->serial = rh_xstrdup("");
	if (!out->model)
		out->model = rh_xstrdup("");
}

void rh_probe_twins(const struct rh_disk *a, struct rh_disk *b)
{
	if (!*a->kname || !*b->kname)
		return;
	if (!strcmp(a->kname, b->kname)) {
		/* Of course it is busy: the first of the two names has taken it. */
		for (size_t i = 0; i < b->n_refused; i++)
			if (b->refused[i].why == RH_REFUSE_BUSY) {
				free(b->refused[i].text);
				b->refused[i--] = b->refused[--b->n_refused];
			}
		rh_disk_refuse(b, RH_REFUSE_SAME,
			       "%s and %s are one and the same disk (%s): name two disks", a->asked,
			       b->asked, a->node);
	} else if (a->has_serial && b->has_serial && !strcmp(a->serial, b->serial) &&
		   !strcmp(a->model, b->model) && a->size == b->size)
		rh_disk_refuse(
		    b, RH_REFUSE_SAME,
		    "%s and %s have the same model and serial (%s): one disk seen twice, "
		    "or an adapter that hides the disk's own serial",
		    a->node, b->node, a->serial);
}

void rh_disk_free(struct rh_disk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	for (size_t i = 0; i < d->n_content; i++) {
		free(d->content[i].type);
		free(d->content[i].text);
	}
	for (size_t i = 0; i < d->n_refused; i++)
		free(d->refused[i].text);
	free(d->content);
	free(d->refused);
	free(d->asked);
	free(d->path);
	free(d->kname);
	free(d->node);
	free(d->model);
	free(d->serial);
	*d = (struct rh_disk){.fd = -1};
}

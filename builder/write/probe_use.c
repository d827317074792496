// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Facts and use of a disk, from sysfs, udev's database, mountinfo and /proc/swaps.
 *
 * A disk is in use when something that stands on it is. The walk goes from the disk to its
 * partitions and from each of these to its holders (md, dm), and from those to theirs. Mounts and
 * swaps are then looked up for each member of that family: by device number, and by the source's
 * name, because btrfs shows a number of its own. Loop devices are no holders: the kernel opens a
 * file for them; so they are found by the name of that file.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "builder/write/probe.h"
#include "lib/core/file.h"

#define FAMILY_MAX 1024 /* devices on one disk: more is not believed */

static const char *prefix(const char *root)
{
	return root ? root : "";
}

/* The text of a small file in sysfs or procfs, without the white space at its end; "" if none. */
static char *read_text(const char *path)
{
	RH_FCLOSE FILE *f = fopen(path, "re");
	char buf[4096];
	size_t n = f ? fread(buf, 1, sizeof buf - 1, f) : 0;

	buf[n] = '\0';
	while (n > 0 && isspace((unsigned char)buf[n - 1]))
		buf[--n] = '\0';
	return rh_xstrdup(buf);
}

static char *attribute(const char *root, const char *kname, const char *name)
{
	RH_FREE char *path = rh_xasprintf("%s/sys/class/block/%s/%s", prefix(root), kname, name);

	return read_text(path);
}

static dev_t number_of(const char *root, const char *kname)
{
	RH_FREE char *text = attribute(root, kname, "dev");
	char *end;
	unsigned long major = strtoul(text, &end, 10);

	if (end == text || *end != ':')
		return 0;
	return makedev((unsigned)major, (unsigned)strtoul(end + 1, NULL, 10));
}

static void add_name(struct rh_strv *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], name))
			return;
	if (l->n < FAMILY_MAX)
		rh_strv_add(l, name);
}

/* The disk, its partitions, and all that holds them; without doubles, the disk first. */
static void family(const char *root, const char *kname, struct rh_strv *out)
{
	struct rh_err ignored;

	add_name(out, kname);
	for (size_t i = 0; i < out->n; i++) {
		RH_FREE char *dir = rh_xasprintf("%s/sys/class/block/%s", prefix(root), out->v[i]);
		RH_FREE char *holders = rh_xasprintf("%s/holders", dir);
		RH_STRV struct rh_strv names = {0}, held = {0};

		if (rh_list_dir(AT_FDCWD, dir, &names, &ignored) < 0)
			continue;
		for (size_t k = 0; k < names.n; k++) {
			RH_FREE char *part = rh_xasprintf("%s/%s/partition", dir, names.v[k]);

			if (rh_exists(AT_FDCWD, part))
				add_name(out, names.v[k]);
		}
		if (rh_list_dir(AT_FDCWD, holders, &held, &ignored) < 0)
			continue;
		for (size_t k = 0; k < held.n; k++)
			add_name(out, held.v[k]);
	}
}

/* Is NAME, a path of a device such as /dev/sdb1 or /dev/mapper/vg-root, the device KNAME? */
static bool names_device(const char *root, const char *name, const char *kname)
{
	RH_FREE char *path = rh_xasprintf("%s%s", prefix(root), name);
	RH_FREE char *real = realpath(path, NULL);
	const char *base = strrchr(real ? real : name, '/');

	return base && !strcmp(base + 1, kname);
}

/* Parts of the system that cannot be missed while it runs. */
static bool is_system(const char *target)
{
	static const char *const dirs[] = {"/",	   "/boot", "/boot/efi", "/efi",
					   "/usr", "/var",  "/etc"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (!strcmp(target, dirs[i]))
			return true;
	return false;
}

static void find_mounts(const char *root, struct rh_disk *d, const struct rh_strv *all)
{
	RH_FREE char *path = rh_xasprintf("%s/proc/self/mountinfo", prefix(root));
	struct libmnt_table *table = mnt_new_table_from_file(path);
	struct libmnt_iter *it = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs = NULL;

	if (!table || !it)
		rh_disk_refuse(d, RH_REFUSE_UNREADABLE,
			       "%s cannot be read, so nobody knows whether the disk is mounted",
			       path);
	while (table && it && mnt_table_next_fs(table, it, &fs) == 0) {
		const char *source = mnt_fs_get_source(fs), *target = mnt_fs_get_target(fs);

		for (size_t i = 0; i < all->n; i++) {
			dev_t dev = number_of(root, all->v[i]);

			if (!target ||
			    !((dev && dev == mnt_fs_get_devno(fs)) ||
			      (source && *source == '/' && names_device(root, source, all->v[i]))))
				continue;
			if (is_system(target))
				rh_disk_refuse(
				    d, RH_REFUSE_SYSTEM,
				    "the running system stands on it (/dev/%s is %s): this "
				    "disk is never written",
				    all->v[i], target);
			else
				rh_disk_refuse(
				    d, RH_REFUSE_MOUNTED,
				    "/dev/%s is mounted on %s: umount it, if nothing there "
				    "is needed",
				    all->v[i], target);
		}
	}
	mnt_free_iter(it);
	mnt_unref_table(table);
}

static void find_swaps(const char *root, struct rh_disk *d, const struct rh_strv *all)
{
	RH_FREE char *path = rh_xasprintf("%s/proc/swaps", prefix(root));
	RH_FCLOSE FILE *f = fopen(path, "re");
	char line[4096];

	while (f && fgets(line, sizeof line, f)) {
		char *end = strpbrk(line, " \t\n");

		if (*line != '/' || !end)
			continue;
		*end = '\0';
		for (size_t i = 0; i < all->n; i++)
			if (names_device(root, line, all->v[i]))
				rh_disk_refuse(d, RH_REFUSE_SWAP,
					       "the system swaps to /dev/%s: swapoff /dev/%s",
					       all->v[i], all->v[i]);
	}
}

static void find_holders(const char *root, struct rh_disk *d, const struct rh_strv *all)
{
	for (size_t i = 1; i < all->n; i++) {
		const char *k = all->v[i];
		RH_FREE char *partition = attribute(root, k, "partition");
		RH_FREE char *uuid = attribute(root, k, "dm/uuid");
		RH_FREE char *name = attribute(root, k, "dm/name");

		if (*partition)
			continue;
		if (!strncmp(k, "md", 2))
			rh_disk_refuse(
			    d, RH_REFUSE_MD,
			    "it belongs to the running array /dev/%s: mdadm --stop /dev/%s, "
			    "if it is an old one",
			    k, k);
		else if (!strncmp(uuid, "LVM-", 4))
			rh_disk_refuse(
			    d, RH_REFUSE_LVM,
			    "the logical volume %s is active on it: vgchange -an, if its "
			    "group is an old one",
			    name);
		else if (!strncmp(k, "dm-", 3))
			rh_disk_refuse(
			    d, RH_REFUSE_DM,
			    "the device mapper uses it (%s): dmsetup remove %s, if it is an "
			    "old one",
			    name, name);
		else
			rh_disk_refuse(d, RH_REFUSE_BUSY, "/dev/%s stands on it", k);
	}
}

static void find_loops(const char *root, struct rh_disk *d, const struct rh_strv *all)
{
	RH_FREE char *dir = rh_xasprintf("%s/sys/class/block", prefix(root));
	RH_STRV struct rh_strv names = {0};
	struct rh_err ignored;

	if (rh_list_dir(AT_FDCWD, dir, &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *file = NULL;

		if (strncmp(names.v[i], "loop", 4) != 0)
			continue;
		file = attribute(root, names.v[i], "loop/backing_file");
		for (size_t k = 0; *file && k < all->n; k++)
			if (names_device(root, file, all->v[k]))
				rh_disk_refuse(d, RH_REFUSE_LOOP,
					       "/dev/%s reads it (%s): losetup -d /dev/%s",
					       names.v[i], file, names.v[i]);
	}
}

void rh_probe_use(const char *root, struct rh_disk *d)
{
	RH_STRV struct rh_strv all = {0};

	family(root, d->kname, &all);
	find_mounts(root, d, &all);
	find_swaps(root, d, &all);
	find_holders(root, d, &all);
	find_loops(root, d, &all);
}

/* A value of udev's database for the device, NULL if it has none. */
static char *udev_value(const char *root, dev_t dev, const char *key)
{
	RH_FREE char *path =
	    rh_xasprintf("%s/run/udev/data/b%u:%u", prefix(root), major(dev), minor(dev));
	RH_FCLOSE FILE *f = fopen(path, "re");
	size_t n = strlen(key);
	char line[4096];

	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "E:", 2) && !strncmp(line + 2, key, n) && line[2 + n] == '=')
			return rh_xstrdup(line + 3 + n);
	}
	return NULL;
}

/* What people are shown and type: printable ASCII, without blanks at the ends. */
static char *clean(char *text)
{
	char *from = text, *to = text;

	while (isspace((unsigned char)*from))
		from++;
	for (; *from; from++)
		*to++ = isgraph((unsigned char)*from) || *from == ' ' ? *from : '_';
	*to = '\0';
	while (to > text && to[-1] == ' ')
		*--to = '\0';
	return text;
}

/* SCSI's page 80h (SPC-4 7.8.15), of which the kernel keeps a copy: four bytes, then the serial. */
static char *vpd_serial(const char *root, const char *kname)
{
	RH_FREE char *path =
	    rh_xasprintf("%s/sys/class/block/%s/device/vpd_pg80", prefix(root), kname);
	RH_FCLOSE FILE *f = fopen(path, "re");
	char buf[260] = "";
	size_t n = f ? fread(buf, 1, sizeof buf - 1, f) : 0;

	return rh_xstrdup(n > 4 ? buf + 4 : "");
}

static char *first_text(char **v, size_t n)
{
	char *out = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!out && v[i] && *clean(v[i]))
			out = v[i];
		else
			free(v[i]);
	}
	return out;
}

void rh_probe_facts(const char *root, struct rh_disk *d)
{
	dev_t dev = number_of(root, d->kname);
	RH_FREE char *sectors = attribute(root, d->kname, "size");
	RH_FREE char *sector = attribute(root, d->kname, "queue/logical_block_size");
	char *serials[] = {udev_value(root, dev, "ID_SERIAL_SHORT"),
			   attribute(root, d->kname, "device/serial"),
			   attribute(root, d->kname, "serial"), vpd_serial(root, d->kname)};
	char *models[] = {attribute(root, d->kname, "device/model"),
			  udev_value(root, dev, "ID_MODEL")};

	free(d->serial);
	free(d->model);
	d->serial = first_text(serials, sizeof serials / sizeof *serials);
	d->model = first_text(models, sizeof models / sizeof *models);
	d->has_serial = d->serial != NULL;
	if (!d->serial)
		d->serial = rh_xstrdup(d->kname);
	if (!d->model)
		d->model = rh_xstrdup("");
	d->size = strtoull(sectors, NULL, 10) * 512; /* sysfs counts in 512 bytes always */
	d->sector = (unsigned)strtoul(sector, NULL, 10);
	d->dev = dev;
}

/* Names that tell model and serial before those that are only numbers. */
static int rank(const char *name)
{
	static const char *const order[] = {"ata-", "nvme-", "scsi-", "usb-", "virtio-", "wwn-"};
	int n = sizeof order / sizeof *order;

	for (int i = 0; i < n; i++)
		if (!strncmp(name, order[i], strlen(order[i])))
			return !strncmp(name, "nvme-eui.", 9) || !strncmp(name, "nvme-nvme.", 10)
				   ? n
				   : i;
	return n + 1;
}

char *rh_probe_by_id(const char *root, const char *kname)
{
	RH_FREE char *dir = rh_xasprintf("%s/dev/disk/by-id", prefix(root));
	RH_STRV struct rh_strv names = {0};
	const char *best = NULL;
	struct rh_err ignored;

	if (rh_list_dir(AT_FDCWD, dir, &names, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *path = rh_xasprintf("/dev/disk/by-id/%s", names.v[i]);

		if (names_device(root, path, kname) && (!best || rank(names.v[i]) < rank(best)))
			best = names.v[i];
	}
	return best ? rh_xasprintf("/dev/disk/by-id/%s", best) : NULL;
}

int rh_probe_list(const struct rh_probe_options *o, struct rh_strv *names, struct rh_err *err)
{
	static const char *const no[] = {"ram", "zram", "md",	"dm-", "sr",
					 "fd",	"nbd",	"loop", "mtd"};
	RH_FREE char *dir = rh_xasprintf("%s/sys/class/block", prefix(o->root));
	RH_STRV struct rh_strv all = {0};
	int r = rh_list_dir(AT_FDCWD, dir, &all, err);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		RH_FREE char *part = attribute(o->root, all.v[i], "partition");
		RH_FREE char *size = attribute(o->root, all.v[i], "size");
		RH_FREE char *by_id = rh_probe_by_id(o->root, all.v[i]);
		bool skip = *part || strtoull(size, NULL, 10) == 0;

		for (size_t k = 0; k < sizeof no / sizeof *no; k++)
			skip |= !strncmp(all.v[i], no[k], strlen(no[k]));
		if (skip)
			continue;
		if (by_id)
			rh_strv_add(names, by_id);
		else
			rh_strv_addf(names, "/dev/%s", all.v[i]);
	}
	return r;
}

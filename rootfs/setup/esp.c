// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two EFI system partitions that say the same; the contract is in esp.h.
 *
 * They are two FAT filesystems and no array: firmware writes to them and knows nothing of md. So
 * they must be kept equal by hand, and the question is which one is right when they are not. The
 * answer is: neither. The reference is what the installed packages say: Debian's signed shim and
 * GRUB from /usr/lib, and grub-early.cfg, which chooses among the disks' /boot and came with the
 * image. The same for the BIOS boot area: grub-core makes the same bytes from the same packages.
 * Each disk is compared with the reference and never with the other one, so damage cannot spread.
 * Everything else that lies on an ESP is kept, and only noted when the two differ in it (firmware
 * and its update programs leave files on one of them).
 *
 * Explained or not. /var/lib/rehome/boot-written has the digests of what was last put onto both. A
 * file that still is what we wrote, when the reference has become another one: a package was
 * updated. A file that is neither: somebody, or a failing disk, has changed it. It is mended as
 * well, but a person is told.
 *
 * Order. A file is written under a temporary name, synced, renamed. FAT has no journal: a rename
 * is two directory entries, and a cut between them can leave both or damage one. Therefore one disk
 * is finished and synced before the next is touched, so that one of them always starts, and the
 * next run mends the other. Within a disk the shim, by which everything starts, comes last.
 */
#include "rootfs/setup/esp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/digest.h"
#include "rootfs/setup/change.h"

#define DEPTH_MAX 6

void rh_boot_report_free(struct rh_boot_report *r)
{
	rh_strv_free(&r->changed);
	rh_strv_free(&r->drift);
	rh_strv_free(&r->bad);
	rh_strv_free(&r->notes);
}

const struct rh_partition *rh_disk_part(const struct rh_disk *disk, unsigned number)
{
	for (size_t i = 0; i < disk->n_parts; i++)
		if (disk->parts[i].number == number)
			return &disk->parts[i];
	return NULL;
}

void rh_boot_differs(const struct rh_boot_disk *disk, const struct rh_boot_file *f,
		     const char *found, bool mended, struct rh_boot_report *report)
{
	bool explained = disk->fresh || !*f->written || !strcmp(found, f->written);

	if (!mended)
		rh_strv_addf(&report->bad, "%s: %s is not what the packages say%s", disk->text,
			     f->path, explained ? " (not yet brought up to date)" : "");
	else if (explained && (disk->fresh || strcmp(f->written, f->digest) != 0))
		rh_strv_addf(&report->changed, "%s: %s brought up to date", disk->text, f->path);
	else
		rh_strv_addf(&report->drift, "%s: %s had been changed or damaged, and is mended",
			     disk->text, f->path);
}

int rh_private_mounts(struct rh_setup *s, struct rh_err *err)
{
	RH_CLOSE int root = -1;

	if (s->foreign)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return rh_err_errno(err, errno, "cannot get mounts of our own");
	/* A descriptor stays in the namespace in which it was opened: paths from the old one would
	 * lead below our mounts, onto the folders on which they lie. */
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || dup3(root, s->root, O_CLOEXEC) < 0)
		return rh_err_errno(err, errno, "cannot open / among mounts of our own");
	return 0;
}

static bool is_ours(const struct rh_boot_reference *ref, const char *path)
{
	for (size_t i = 0; i < ref->n; i++)
		if (!strcasecmp(ref->files[i].path, path))
			return true;
	return strstr(path, ".tmp-") != NULL;
}

/* "DIGEST  PATH" of every file that is not of the reference. */
static int list_others(const struct rh_boot_reference *ref, int dir, const char *path, int depth,
		       struct rh_str *out, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	int r = rh_list_dir(dir, path, &names, err);

	for (size_t i = 0; r == 0 && depth < DEPTH_MAX && i < names.n; i++) {
		RH_FREE char *one = !strcmp(path, ".") ? rh_xstrdup(names.v[i])
						       : rh_xasprintf("%s/%s", path, names.v[i]);
		char hex[RH_SHA256_HEX];
		struct stat st;

		if (fstatat(dir, one, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return rh_err_errno(err, errno, "cannot look at %s", one);
		if (S_ISDIR(st.st_mode)) {
			r = list_others(ref, dir, one, depth + 1, out, err);
		} else if (S_ISREG(st.st_mode) && !is_ours(ref, one)) {
			r = rh_sha256_file(dir, one, hex, NULL, NULL, err);
			if (r == 0)
				rh_str_addf(out, "%s  %s\n", hex, one);
		}
	}
	return r;
}

/* What cuts have left of earlier attempts to write PATH. */
static void sweep(int dir, const char *path)
{
	RH_FREE char *folder = rh_xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	RH_STRV struct rh_strv names = {0};

	if (rh_list_dir(dir, folder, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *one = rh_xasprintf("%s/%s", folder, names.v[i]);

		if (strstr(names.v[i], ".tmp-"))
			unlinkat(dir, one, 0);
	}
}

static int sync_file(struct rh_setup *s, int dir, const struct rh_boot_file *f,
		     const struct rh_boot_disk *disk, bool look, struct rh_boot_report *report,
		     struct rh_err *err)
{
	RH_FREE char *folder =
	    rh_xasprintf("%.*s", (int)(strrchr(f->path, '/') - f->path), f->path);
	char hex[RH_SHA256_HEX] = "";
	int r = rh_exists(dir, f->path) ? rh_sha256_file(dir, f->path, hex, NULL, NULL, err) : 0;

	/* What cannot be read is written anew. */
	if (r == 0 && !strcmp(hex, f->digest))
		return 0;
	r = 0;
	if (!look) {
		rh_change_point(s);
		sweep(dir, f->path);
		r = rh_mkdirs(dir, folder, 0755, err);
		if (r == 0)
			r = rh_file_write(dir, f->path, 0644, f->data, f->len, err);
	}
	if (r == 0)
		rh_boot_differs(disk, f, hex, !look, report);
	return r;
}

static int sync_dir(struct rh_setup *s, int dir, const struct rh_boot_reference *ref,
		    const struct rh_boot_disk *disk, bool look, struct rh_boot_report *report,
		    struct rh_str *others, struct rh_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ref->n; i++)
		r = sync_file(s, dir, &ref->files[i], disk, look, report, err);
	if (r == 0 && !look && syncfs(dir) < 0)
		r = rh_err_errno(err, errno, "cannot write");
	return r < 0 ? r : list_others(ref, dir, ".", 0, others, err);
}

int rh_esp_sync(struct rh_setup *s, const struct rh_boot_reference *ref,
		const struct rh_boot_disk *disk, bool look, struct rh_boot_report *report,
		struct rh_str *others, struct rh_err *err)
{
	const struct rh_partition *part = rh_disk_part(disk->disk, 2);
	RH_FREE char *at = rh_xasprintf("/run/rehome/esp-%s", disk->disk->name);
	RH_FREE char *dev = rh_xasprintf("/dev/%s", part ? part->name : "");
	struct rh_err later;
	int r, dir, e;

	if (!part)
		return rh_err_set(err, ENOENT, "%s has no partition 2", disk->text);
	r = rh_mkdirs(s->root, rh_rel(at), 0700, err);
	/* The same options as fstab's: the kernel has one set for both mounts of a filesystem. */
	if (r >= 0)
		r = rh_setup_run(s, NULL, err, "mount", "-t", "vfat", "-o", "umask=0077",
				 rh_setup_path(s, dev), rh_setup_path(s, at), NULL);
	if (r != 0)
		return rh_err_prefix(err, r < 0 ? r : -ENOTSUP, "%s: cannot mount the ESP %s",
				     disk->text, dev);
	dir = openat(s->root, rh_rel(at), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? rh_err_errno(err, errno, "cannot open %s", at)
		    : sync_dir(s, dir, ref, disk, look, report, others, err);
	rh_cleanup_close(&dir);
	e = rh_setup_run(s, NULL, r < 0 ? &later : err, "umount", rh_setup_path(s, at), NULL);
	return rh_err_prefix(err, r < 0 ? r : e, "%s: ESP", disk->text);
}

static void compare_others(const struct rh_str lists[2], const struct rh_boot_disk disks[2],
			   struct rh_boot_report *report)
{
	for (int k = 0; k < 2; k++)
		for (const char *p = rh_str_text(&lists[k]); *p; p += strcspn(p, "\n") + 1) {
			RH_FREE char *line = rh_xasprintf("%.*s\n", (int)strcspn(p, "\n"), p);

			if (!strstr(rh_str_text(&lists[!k]), line))
				rh_strv_addf(&report->notes,
					     "%s: %.*s is not the same on the other ESP",
					     disks[k].text, (int)strlen(line) - 67, line + 66);
		}
}

/* A disk that cannot be brought up to date keeps the other from nothing. */
static bool sync_disk(struct rh_setup *s, const struct rh_boot_reference *ref,
		      const struct rh_boot_disk *disk, bool look, struct rh_boot_report *report,
		      struct rh_str *others)
{
	size_t bad = report->bad.n;
	struct rh_err err = {{0}};

	if (rh_esp_sync(s, ref, disk, look, report, others, &err) < 0)
		rh_strv_add(&report->bad, err.text);
	if (rh_boot_area_sync(s, ref, disk, look, report, &err) < 0)
		rh_strv_add(&report->bad, err.text);
	return report->bad.n == bad;
}

int rh_boot_sync(struct rh_setup *s, const struct rh_pair *p, const struct rh_disk *fresh,
		 bool look, struct rh_boot_report *report, struct rh_err *err)
{
	struct rh_boot_disk disks[2] = {{0}};
	struct rh_str others[2] = {{0}, {0}};
	struct rh_boot_reference ref;
	bool all = true;
	size_t n = 0;
	int r = rh_private_mounts(s, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n && n < 2; i++)
		if ((p->v[i].member && p->v[i].what <= RH_PAIR_REBUILDING) || p->v[i].disk == fresh)
			disks[n++] = (struct rh_boot_disk){
			    .disk = p->v[i].disk,
			    .text = rh_disk_text(p->disks, p->v[i].disk),
			    .fresh = p->v[i].disk == fresh,
			};
	r = rh_boot_reference_load(s, &ref, err);
	for (size_t i = 0; r >= 0 && i < n; i++)
		all = sync_disk(s, &ref, &disks[i], look, report, &others[i]) && all;
	if (r >= 0 && all && n == 2)
		compare_others(others, disks, report);
	/* With one disk away the other one would be explained by what is now. */
	if (r >= 0 && all && n == 2 && !look)
		r = rh_boot_reference_note(s, &ref, err);
	rh_str_free(&others[0]);
	rh_str_free(&others[1]);
	rh_boot_reference_free(&ref);
	return r < 0 ? r : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Driving libguestfs; the contract is in disk.h.
 *
 * The tree goes in through a pipe: a thread writes it with libarchive while guestfs_tar_in() reads
 * /dev/fd/N. The thread owns the pipe's writing end, so that either side's failure ends the other:
 * a failed writer closes it (tar sees a short archive), a failed reader makes the writer's write
 * fail. The writer's error is the cause and is the one reported.
 */
#include "builder/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <guestfs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/ident.h"
#include "lib/core/proc.h"

#define ESP_DEVICE  "/dev/sda2"
#define BOOT_DEVICE "/dev/sda3"
#define PV_DEVICE   "/dev/sda4"
#define VG	    "rehome"

const char *rh_disk_accelerator(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0 ? "kvm" : "tcg";
}

static int failed(guestfs_h *g, const char *what, struct rh_err *err)
{
	const char *text = guestfs_last_error(g);
	int code = guestfs_last_errno(g);

	if (rh_interrupted())
		return rh_err_set(err, EINTR, "interrupted");
	return rh_err_set(err, code > 0 ? code : EIO, "%s: %s", what,
			  text ? text : "libguestfs gives no reason");
}

static void set_uuid_text(const char *seed, const char *what, char out[RH_UUID_TEXT])
{
	struct rh_uuid u = rh_ident(seed, what);

	rh_uuid_text(&u, out);
}

static int launch(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	/* The appliance's own limits, in MB: tar and mkfs.xfs need little. */
	const int memory = 768;

	guestfs_set_error_handler(g, NULL, NULL);
	guestfs_set_pgroup(g, 1); /* Ctrl-C is ours to handle */
	guestfs_set_memsize(g, memory);
	guestfs_set_smp(g, 2);
	if (guestfs_set_backend(g, "direct") < 0 ||
	    guestfs_add_drive_opts(g, job->image, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw",
				   GUESTFS_ADD_DRIVE_OPTS_CACHEMODE, "unsafe",
				   GUESTFS_ADD_DRIVE_OPTS_DISCARD, "besteffort", -1) < 0)
		return failed(g, job->image, err);
	if (guestfs_launch(g) < 0) {
		int r = failed(g, "the libguestfs appliance does not start", err);

		return r == -EINTR
			   ? r
			   : rh_err_prefix(
				 err, r,
				 "(run 'libguestfs-test-tool' to see why; a readable kernel in "
				 "/boot is needed)");
	}
	return 0;
}

static int make_volumes(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	const struct rh_layout *l = job->layout;
	char *const pvs[] = {(char[]){PV_DEVICE}, NULL};
	const struct {
		const char *name;
		uint64_t bytes;
	} lvs[] = {{"root", l->root}, {"var", l->var}, {"swap", l->swap}};

	if (guestfs_pvcreate(g, PV_DEVICE) < 0 || guestfs_vgcreate(g, VG, pvs) < 0)
		return failed(g, "cannot make the volume group", err);
	for (size_t i = 0; i < sizeof lvs / sizeof *lvs; i++)
		if (lvs[i].bytes &&
		    guestfs_lvcreate(g, lvs[i].name, VG, (int)(lvs[i].bytes >> 20)) < 0)
			return failed(g, "cannot make a logical volume", err);
	return 0;
}

static int make_xfs(guestfs_h *g, const char *name, const char *seed, struct rh_err *err)
{
	RH_FREE char *device = rh_xasprintf("/dev/" VG "/%s", name);
	char uuid[RH_UUID_TEXT];

	set_uuid_text(seed, name, uuid);
	if (guestfs_mkfs_opts(g, "xfs", device, GUESTFS_MKFS_OPTS_LABEL, name, -1) < 0 ||
	    guestfs_set_uuid(g, device, uuid) < 0)
		return failed(g, device, err);
	return 0;
}

static int make_filesystems(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	char uuid[RH_UUID_TEXT];
	int r;

	/* GRUB must read /boot: leave out what it learnt last or not at all. */
	set_uuid_text(job->seed, "boot", uuid);
	if (guestfs_mkfs_opts(g, "vfat", ESP_DEVICE, GUESTFS_MKFS_OPTS_LABEL, "REHOME-ESP", -1) <
		0 ||
	    guestfs_mkfs_opts(g, "ext4", BOOT_DEVICE, GUESTFS_MKFS_OPTS_LABEL, "boot",
			      GUESTFS_MKFS_OPTS_FEATURES, "^metadata_csum_seed,^orphan_file",
			      -1) < 0 ||
	    guestfs_set_uuid(g, BOOT_DEVICE, uuid) < 0)
		return failed(g, "cannot make the boot filesystems", err);
	r = make_xfs(g, "root", job->seed, err);
	if (r == 0)
		r = make_xfs(g, "var", job->seed, err);
	set_uuid_text(job->seed, "swap", uuid);
	if (r == 0 && job->layout->swap &&
	    guestfs_mkswap_opts(g, "/dev/" VG "/swap", GUESTFS_MKSWAP_OPTS_LABEL, "swap",
				GUESTFS_MKSWAP_OPTS_UUID, uuid, -1) < 0)
		r = failed(g, "cannot make the swap space", err);
	return r;
}

static int mount_all(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	(void)job;
	if (guestfs_mount(g, "/dev/" VG "/root", "/") < 0 || guestfs_mkdir(g, "/var") < 0 ||
	    guestfs_mount(g, "/dev/" VG "/var", "/var") < 0 || guestfs_mkdir(g, "/boot") < 0 ||
	    guestfs_mount(g, BOOT_DEVICE, "/boot") < 0)
		return failed(g, "cannot mount the new filesystems", err);
	return 0;
}

struct writer {
	const struct rh_treetar *tree;
	int fd, r;
	struct rh_err err;
};

static void *write_tree(void *arg)
{
	struct writer *w = arg;

	w->r = rh_treetar_write(w->tree, w->fd, &w->err);
	close(w->fd);
	return NULL;
}

static int fill_tree(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	RH_FREE char *path = NULL;
	struct writer w = {.tree = job->tree};
	pthread_t thread;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return rh_err_errno(err, errno, "cannot make a pipe");
	w.fd = ends[1];
	if (pthread_create(&thread, NULL, write_tree, &w)) {
		close(ends[0]);
		close(ends[1]);
		return rh_err_set(err, EAGAIN, "cannot start a thread");
	}
	path = rh_xasprintf("/dev/fd/%d", ends[0]);
	r = guestfs_tar_in_opts(g, path, "/", GUESTFS_TAR_IN_OPTS_XATTRS, 1, -1);
	if (r < 0)
		r = failed(g, "cannot unpack the tree into the image", err);
	close(ends[0]);
	pthread_join(thread, NULL);
	/* EPIPE only says that the reader failed first. */
	if (w.r < 0 && (w.r != -EPIPE || r == 0)) {
		*err = w.err;
		r = w.r;
	}
	return r;
}

static int fill_esp(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	const struct rh_extras *esp = job->esp;

	if (guestfs_mkdir_p(g, "/boot/efi") < 0 || guestfs_mount(g, ESP_DEVICE, "/boot/efi") < 0)
		return failed(g, "cannot mount the EFI system partition", err);
	for (size_t i = 0; i < esp->n; i++) {
		const struct rh_extra *e = &esp->v[i];
		RH_FREE char *target = rh_xasprintf("/boot/efi/%s", e->path);
		char *slash = strrchr(target, '/');

		*slash = '\0';
		if (guestfs_mkdir_p(g, target) < 0)
			return failed(g, target, err);
		*slash = '/';
		if (e->source ? guestfs_upload(g, e->source, target) < 0
			      : guestfs_write(g, target, e->text, e->len) < 0)
			return failed(g, target, err);
	}
	return 0;
}

static int finish(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	(void)job;
	if (guestfs_umount_all(g) < 0 || guestfs_shutdown(g) < 0)
		return failed(g, "cannot finish the image", err);
	return 0;
}

typedef int step(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err);

/* libguestfs cannot be stopped inside most calls: look between them. */
static int run_steps(guestfs_h *g, const struct rh_disk_job *job, const char *name,
		     step *const *steps, struct rh_err *err)
{
	int r = 0;

	rh_progress_begin(job->progress, name);
	for (; r == 0 && *steps; steps++) {
		r = (*steps)(g, job, err);
		if (r == 0 && rh_interrupted())
			r = rh_err_set(err, EINTR, "interrupted");
	}
	rh_progress_end(job->progress, r == 0);
	return r;
}

int rh_disk_fill(const struct rh_disk_job *job, struct rh_err *err)
{
	static step *const make[] = {launch, make_volumes, make_filesystems, mount_all, NULL};
	static step *const fill[] = {fill_tree, fill_esp, finish, NULL};
	guestfs_h *g = guestfs_create();
	int r;

	if (!g)
		return rh_err_errno(err, errno, "libguestfs cannot be used");
	r = run_steps(g, job, "appliance", make, err);
	if (r == 0)
		r = run_steps(g, job, "tree", fill, err);
	guestfs_close(g);
	return r;
}

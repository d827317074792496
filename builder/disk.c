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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/ident.h"
#include "lib/core/proc.h"

#define BOOT_DEVICE "/dev/sda3"
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

static int configure(guestfs_h *g, int cpus)
{
	/* The appliance's own limits, in MB: tar and mkfs.xfs need little. */
	const int memory = 768;

	guestfs_set_error_handler(g, NULL, NULL);
	guestfs_set_pgroup(g, 1); /* Ctrl-C is ours to handle */
	guestfs_set_memsize(g, memory);
	guestfs_set_smp(g, cpus);
	return guestfs_set_backend(g, "direct");
}

static int start(guestfs_h *g, struct rh_err *err)
{
	int r;

	if (guestfs_launch(g) == 0)
		return 0;
	r = failed(g, "the libguestfs appliance does not start", err);
	return r == -EINTR
		   ? r
		   : rh_err_prefix(err, r,
				   "(run 'libguestfs-test-tool' to see why; a readable kernel in "
				   "/boot is needed)");
}

static int launch(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	if (configure(g, 2) < 0 ||
	    guestfs_add_drive_opts(g, job->image, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw",
				   GUESTFS_ADD_DRIVE_OPTS_CACHEMODE, "unsafe",
				   GUESTFS_ADD_DRIVE_OPTS_DISCARD, "besteffort", -1) < 0)
		return failed(g, job->image, err);
	return start(g, err);
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

/* A folder below a mount point shows only when that is not mounted, but is there all the same. */
static int make_mount_point(guestfs_h *g, const char *path, uint64_t epoch)
{
	if (guestfs_mkdir(g, path) < 0)
		return -1;
	return guestfs_utimens(g, path, (int64_t)epoch, 0, (int64_t)epoch, 0);
}

static int mount_all(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	uint64_t epoch = job->tree->epoch;

	if (guestfs_mount(g, "/dev/" VG "/root", "/") < 0 ||
	    make_mount_point(g, "/var", epoch) < 0 ||
	    guestfs_mount(g, "/dev/" VG "/var", "/var") < 0 ||
	    make_mount_point(g, "/boot", epoch) < 0 || guestfs_mount(g, BOOT_DEVICE, "/boot") < 0)
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

static int finish(guestfs_h *g, const struct rh_disk_job *job, struct rh_err *err)
{
	int64_t epoch = (int64_t)job->tree->epoch;

	/* The stream has no entry for the root itself. */
	if (guestfs_utimens(g, "/", epoch, 0, epoch, 0) < 0 || guestfs_umount_all(g) < 0 ||
	    guestfs_shutdown(g) < 0)
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
	static step *const make[] = {launch, make_filesystems, mount_all, NULL};
	static step *const fill[] = {fill_tree, finish, NULL};
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

/* --- reading --- */

static void say(const struct rh_disk_view *view, const char *value, const char *fmt, ...)
    RH_PRINTF(3, 4);
static void say(const struct rh_disk_view *view, const char *value, const char *fmt, ...)
{
	RH_STR struct rh_str name = {0};
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rh_str_add(&name, text);
	view->fact(view->arg, name.data, value);
}

static void say_number(const struct rh_disk_view *view, uint64_t n, const char *name,
		       const char *what)
{
	RH_FREE char *text = rh_xasprintf("%llu", (unsigned long long)n);

	say(view, text, "%s: %s", name, what);
}

/* libguestfs's identifiers of LVM have 32 characters and no end. */
static void say_id(const struct rh_disk_view *view, const char id[32], const char *name)
{
	RH_FREE char *text = rh_xasprintf("%.32s", id);

	say(view, text, "%s: identifier", name);
}

static int read_volumes(guestfs_h *g, const struct rh_disk_view *view, struct rh_err *err)
{
	struct guestfs_lvm_pv_list *pvs = guestfs_pvs_full(g);
	struct guestfs_lvm_vg_list *vgs = guestfs_vgs_full(g);
	struct guestfs_lvm_lv_list *lvs = guestfs_lvs_full(g);
	int r = pvs && vgs && lvs ? 0 : failed(g, "the volume groups cannot be read", err);

	for (uint32_t i = 0; r == 0 && i < pvs->len; i++) {
		say_id(view, pvs->val[i].pv_uuid, "physical volume");
		say_number(view, pvs->val[i].pv_size, "physical volume", "size");
		say_number(view, pvs->val[i].pe_start, "physical volume", "first extent");
	}
	for (uint32_t i = 0; r == 0 && i < vgs->len; i++) {
		RH_FREE char *name = rh_xasprintf("volume group %s", vgs->val[i].vg_name);

		say_id(view, vgs->val[i].vg_uuid, name);
		say_number(view, vgs->val[i].vg_extent_size, name, "extent size");
		say_number(view, (uint64_t)vgs->val[i].vg_free_count, name, "free extents");
	}
	for (uint32_t i = 0; r == 0 && i < lvs->len; i++) {
		RH_FREE char *name = rh_xasprintf("volume %s", lvs->val[i].lv_name);

		say_id(view, lvs->val[i].lv_uuid, name);
		say_number(view, lvs->val[i].lv_size, name, "size");
	}
	guestfs_free_lvm_pv_list(pvs);
	guestfs_free_lvm_vg_list(vgs);
	guestfs_free_lvm_lv_list(lvs);
	return r;
}

/* Lines of an ext4 superblock that do not tell when and how often it was in use. */
static int read_ext4(guestfs_h *g, const char *device, const char *name,
		     const struct rh_disk_view *view, struct rh_err *err)
{
	static const char *const lines[] = {
	    "Filesystem created",
	    "Filesystem features",
	    "Filesystem flags",
	    "Default mount options",
	    "Inode count",
	    "Block count",
	    "Reserved block count",
	    "Block size",
	    "Inode size",
	    "Errors behavior",
	    "Default directory hash",
	    "Directory Hash Seed",
	};
	char **list = guestfs_tune2fs_l(g, device);

	if (!list)
		return failed(g, device, err);
	for (size_t i = 0; list[i] && list[i + 1]; i += 2)
		for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
			if (!strcmp(list[i], lines[k]))
				say(view, list[i + 1], "%s: %s", name, list[i]);
	for (size_t i = 0; list[i]; i++)
		free(list[i]);
	free(list);
	return 0;
}

static int read_xfs(guestfs_h *g, const char *device, const char *name,
		    const struct rh_disk_view *view, struct rh_err *err)
{
	struct guestfs_xfsinfo *x = guestfs_xfs_info(g, device);
	RH_STR struct rh_str text = {0};

	if (!x)
		return failed(g, device, err);
	rh_str_addf(&text,
		    "inodes of %d bytes, %d groups of %d blocks of %d bytes, sectors of %d bytes, "
		    "attr=%d, folders: version %d, blocks of %d bytes, %d blocks of log (version "
		    "%d), imaxpct=%d, sunit=%d, swidth=%d, lazy-count=%d",
		    x->xfs_inodesize, x->xfs_agcount, x->xfs_agsize, x->xfs_blocksize,
		    x->xfs_sectsize, x->xfs_attr, x->xfs_dirversion, x->xfs_dirblocksize,
		    x->xfs_logblocks, x->xfs_logversion, x->xfs_imaxpct, x->xfs_sunit,
		    x->xfs_swidth, x->xfs_lazycount);
	guestfs_free_xfsinfo(x);
	say(view, text.data, "%s: geometry", name);
	return 0;
}

struct tree_reader {
	const struct rh_disk_view *view;
	const char *volume;
	int fd, r;
	struct rh_err err;
};

/* When it fails, closing its end makes libguestfs fail as well; its own error is the cause. */
static void *read_stream(void *arg)
{
	struct tree_reader *t = arg;

	t->r = t->view->tree(t->view->arg, t->volume, t->fd, &t->err);
	close(t->fd);
	return NULL;
}

static int read_tree(guestfs_h *g, const char *volume, const struct rh_disk_view *view,
		     struct rh_err *err)
{
	struct tree_reader t = {.view = view, .volume = volume};
	RH_FREE char *path = NULL;
	pthread_t thread;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return rh_err_errno(err, errno, "cannot make a pipe");
	t.fd = ends[0];
	if (pthread_create(&thread, NULL, read_stream, &t)) {
		close(ends[0]);
		close(ends[1]);
		return rh_err_set(err, EAGAIN, "cannot start a thread");
	}
	path = rh_xasprintf("/dev/fd/%d", ends[1]);
	r = guestfs_tar_out_opts(g, "/", path, GUESTFS_TAR_OUT_OPTS_NUMERICOWNER, 1,
				 GUESTFS_TAR_OUT_OPTS_XATTRS, 1, GUESTFS_TAR_OUT_OPTS_ACLS, 1, -1);
	if (r < 0)
		r = failed(g, "cannot read the files", err);
	close(ends[1]);
	pthread_join(thread, NULL);
	if (t.r < 0) {
		*err = t.err;
		r = t.r;
	}
	return r;
}

static int read_filesystem(guestfs_h *g, const char *device, const char *type,
			   const struct rh_disk_view *view, struct rh_err *err)
{
	RH_FREE char *label = guestfs_vfs_label(g, device), *uuid = guestfs_vfs_uuid(g, device);
	const char *name = label && *label ? label : device;
	int r = 0;

	say(view, type, "%s: filesystem", name);
	say(view, uuid ? uuid : "", "%s: UUID", name);
	if (!strcmp(type, "swap"))
		return 0;
	if (!strcmp(type, "ext4"))
		r = read_ext4(g, device, name, view, err);
	if (r == 0 && guestfs_mount_ro(g, device, "/") < 0)
		r = failed(g, device, err);
	if (r == 0 && !strcmp(type, "xfs"))
		r = read_xfs(g, device, name, view, err);
	if (r == 0)
		r = read_tree(g, name, view, err);
	if (r == 0 && guestfs_umount_all(g) < 0)
		r = failed(g, device, err);
	return rh_err_prefix(err, r, "%s", name);
}

static int read_filesystems(guestfs_h *g, const struct rh_disk_view *view, struct rh_err *err)
{
	char **list = guestfs_list_filesystems(g);
	int r = list ? 0 : failed(g, "no filesystem can be found", err);
	bool array = false, volume = false;

	for (size_t i = 0; r == 0 && list[i]; i += 2) {
		array |= !strncmp(list[i], "/dev/md", 7);
		volume |= !strncmp(list[i], "/dev/" VG "/", sizeof "/dev/" VG);
	}
	if (r == 0 && (!array || !volume))
		r = rh_err_set(err, ENODEV, "the arrays or the volume group cannot be started");
	/* Those on the disks themselves, not on an array, are the ESPs and are compared by bytes.
	 */
	for (size_t i = 0; r == 0 && list[i]; i += 2)
		if (strncmp(list[i], "/dev/sd", 7) != 0) {
			r = read_filesystem(g, list[i], list[i + 1], view, err);
			if (r == 0 && rh_interrupted())
				r = rh_err_set(err, EINTR, "interrupted");
		}
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
	return r;
}

int rh_disk_read(const char *const images[2], const struct rh_disk_view *view, struct rh_err *err)
{
	guestfs_h *g = guestfs_create();
	int r = 0;

	if (!g)
		return rh_err_errno(err, errno, "libguestfs cannot be used");
	if (configure(g, 1) < 0) /* two of them run at once */
		r = failed(g, "libguestfs", err);
	for (int i = 0; r == 0 && i < 2; i++)
		if (guestfs_add_drive_opts(g, images[i], GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw",
					   GUESTFS_ADD_DRIVE_OPTS_READONLY, 1, -1) < 0)
			r = failed(g, images[i], err);
	if (r == 0)
		r = start(g, err);
	if (r == 0)
		r = read_volumes(g, view, err);
	if (r == 0)
		r = read_filesystems(g, view, err);
	guestfs_close(g);
	return r;
}

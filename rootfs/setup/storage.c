// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The step storage: the logical volume of all mail, made on the machine at its final size.
 *
 * It comes after the growth of the pair (grow.h), which is done here if rehome-grow.service has
 * not: XFS is best made at the size that it will have. While the growth must wait, for the other
 * disk or for a rebuild, the volume is not made, unless the administrator says --one-disk; it then
 * gets what the image has, and the rest later.
 *
 * Invariant: a volume called "mail" always holds a filesystem. It is made as "mail.new", formatted,
 * and renamed last; what a cut leaves is a "mail.new", which is formatted again. Whether a volume
 * exists is asked of LVM, not of /dev: a node may be late, and formatting mail away because a node
 * was late must be impossible.
 */
#include "rootfs/setup/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/growfacts.h"
#include "rootfs/setup/grow.h"
#include "rootfs/setup/steps.h"

#define VG     "rehome"
#define DEVICE "/dev/" VG "/mail"
#define MOUNT  "/srv/mail"
#define UNIT   "/etc/systemd/system/srv-mail.mount"
#define OWNER  "vmail"

/* Is WORD one of the blank-separated words of TEXT? */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; *(p += strspn(p, " \t\n")); p += strcspn(p, " \t\n"))
		if (strcspn(p, " \t\n") == n && !strncmp(p, word, n))
			return true;
	return false;
}

/* The names of the group's volumes. 1 when LVM may not be asked. */
static int list_volumes(struct rh_setup *s, struct rh_str *out, struct rh_err *err)
{
	return rh_setup_run(s, out, err, "lvs", "--noheadings", "-o", "lv_name", VG, NULL);
}

static void check_room(struct rh_setup *s, struct rh_diags *d)
{
	RH_STR struct rh_str text = {0};
	struct rh_err err = {{0}};
	unsigned long long room;
	int r = rh_setup_run(s, &text, &err, "vgs", "--noheadings", "--units", "b", "--nosuffix",
			     "-o", "vg_free", VG, NULL);

	if (r > 0)
		return;
	if (r < 0) {
		rh_diag_add(d, "disks", 0, "", "boot from a pair of disks that rehome has built",
			    "the volume group " VG " cannot be read: %s", err.text);
		return;
	}
	room = strtoull(rh_str_text(&text), NULL, 10);
	if (room < RH_GROW_MAIL_MIN)
		rh_diag_add(
		    d, "disks", 0, "", "use larger disks, or a recipe with smaller root and var",
		    "the volume group " VG " has %llu MiB left for mail, and needs %llu MiB",
		    room >> 20, RH_GROW_MAIL_MIN >> 20);
}

/* Will the volume have its final size? Adds a fault when that cannot be known yet. 1: the disks are
 * about to grow, so that what is free now says nothing. */
static int check_growth(struct rh_setup *s, struct rh_diags *d)
{
	struct rh_err err = {{0}};
	struct rh_grow g = {0};
	int r = rh_grow_look(s, &g, &err);

	if (r < 0)
		rh_diag_add(d, "disks", 0, "", "see journalctl -u rehome-grow", "%s", err.text);
	else if (g.verdict == RH_GROW_WAIT && !s->one_disk)
		rh_diag_add(d, "disks", 0, "",
			    "or go on with what there is: rehome-setup apply --one-disk makes the "
			    "mail volume now, and small",
			    "the mail volume would not get its final size: %s", g.reason);
	r = g.steps.n > 0;
	rh_grow_free(&g);
	return r;
}

void rh_storage_check(struct rh_setup *s, struct rh_diags *d)
{
	RH_STR struct rh_str names = {0};
	struct rh_err err = {{0}};
	bool dry = s->dry_run;
	int r;

	/* LVM answers nobody but root. */
	if (!s->foreign && geteuid() != 0)
		return;
	/* Asking changes nothing: a dry run on the machine itself may. */
	s->dry_run = false;
	r = rh_exists(s->root, rh_rel(DEVICE)) ? 1 : list_volumes(s, &names, &err);
	if (r < 0)
		rh_diag_add(d, "disks", 0, "", "boot from a pair of disks that rehome has built",
			    "the volume group " VG " cannot be read: %s", err.text);
	else if (r == 0 && !has_word(rh_str_text(&names), "mail") &&
		 !has_word(rh_str_text(&names), "mail.new") && !check_growth(s, d))
		check_room(s, d);
	s->dry_run = dry;
}

/* The pair at its final size, or a reason not to make the volume yet. */
static int grow_first(struct rh_setup *s, struct rh_err *err)
{
	struct rh_grow g = {0};
	int r = rh_grow_run(s, &g, err);

	if (r >= 0 && g.verdict == RH_GROW_WAIT && !s->one_disk)
		r = rh_err_set(err, EAGAIN, "the mail volume would not get its final size: %s",
			       g.reason);
	rh_grow_free(&g);
	return r;
}

/* What a cut has left may be of a time before the disks grew. It holds nothing. */
static int enlarge_new(struct rh_setup *s, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int r = rh_setup_run(s, &text, err, "vgs", "--noheadings", "-o", "vg_free_count", VG, NULL);

	if (r < 0 || strtoull(rh_str_text(&text), NULL, 10) == 0)
		return r;
	rh_change_point(s);
	return rh_setup_run(s, NULL, err, "lvextend", "--extents", "+100%FREE", VG "/mail.new",
			    NULL);
}

static int make_volume(struct rh_setup *s, bool have_new, struct rh_err *err)
{
	const char *device = rh_setup_path(s, DEVICE ".new");
	int r = 0;

	rh_change_note(s, DEVICE);
	if (!have_new) {
		rh_change_point(s);
		r = rh_setup_run(s, NULL, err, "lvcreate", "--yes", "--wipesignatures", "y",
				 "--name", "mail.new", "--extents", "100%FREE", VG, NULL);
	} else {
		r = rh_setup_run(s, NULL, err, "lvchange", "--activate", "y", VG "/mail.new", NULL);
		if (r >= 0)
			r = enlarge_new(s, err);
	}
	if (r >= 0) {
		rh_change_point(s);
		r = rh_setup_run(s, NULL, err, "mkfs.xfs", "-f", "-q", "-L", "rehome-mail", device,
				 NULL);
	}
	if (r >= 0) {
		rh_change_point(s);
		r = rh_setup_run(s, NULL, err, "lvrename", VG, "mail.new", "mail", NULL);
	}
	return r < 0 ? rh_err_prefix(err, r, "cannot make the mail volume") : 1;
}

static int ensure_volume(struct rh_setup *s, struct rh_err *err)
{
	RH_STR struct rh_str names = {0};
	int r;

	if (rh_exists(s->root, rh_rel(DEVICE)))
		return 0;
	r = list_volumes(s, &names, err);
	if (r > 0)
		rh_change_note(s, DEVICE);
	if (r != 0)
		return r;
	if (!has_word(rh_str_text(&names), "mail")) {
		r = grow_first(s, err);
		if (r < 0)
			return r;
		return make_volume(s, has_word(rh_str_text(&names), "mail.new"), err);
	}
	rh_change_point(s);
	r = rh_setup_run(s, NULL, err, "lvchange", "--activate", "y", VG "/mail", NULL);
	return r < 0 ? rh_err_prefix(err, r, "cannot activate the mail volume") : 1;
}

/* Wanted, not required, by local-fs.target: without its mail volume the machine must still be
 * reachable by ssh; the services that need it say RequiresMountsFor=/srv/mail. */
static int ensure_unit(struct rh_setup *s, struct rh_err *err)
{
	static const char unit[] = "# Written by rehome-setup.\n"
				   "[Unit]\n"
				   "Description=All mail\n"
				   "Before=local-fs.target\n"
				   "\n"
				   "[Mount]\n"
				   "What=" DEVICE "\n"
				   "Where=" MOUNT "\n"
				   "Type=xfs\n"
				   "Options=noatime,nodev,nosuid,noexec\n"
				   "\n"
				   "[Install]\n"
				   "WantedBy=local-fs.target\n";
	const struct rh_target t = {.path = UNIT, .mode = 0644};
	int r = rh_change_file(s, &t, unit, strlen(unit), err), link;

	if (r < 0)
		return r;
	link = rh_change_link(s, "/etc/systemd/system/local-fs.target.wants/srv-mail.mount",
			      "../srv-mail.mount", err);
	return link < 0 ? link : r || link;
}

/* The root of the mounted filesystem; never the folder below it, where a service could then write
 * mail onto the system disk while the volume is away. */
static int ensure_owner(struct rh_setup *s, struct rh_err *err)
{
	struct rh_target t = {.path = MOUNT, .mode = 0750, .owner = OWNER, .group = OWNER};
	struct stat here, above;
	uid_t uid;
	gid_t gid;

	if (rh_owner_ids(s, OWNER, OWNER, &uid, &gid, NULL) < 0)
		return 0;
	if (!s->foreign && (fstatat(s->root, rh_rel(MOUNT), &here, 0) < 0 ||
			    fstatat(s->root, "srv", &above, 0) < 0 || here.st_dev == above.st_dev))
		return 0;
	return rh_change_dir(s, &t, err);
}

static int ensure_mount(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target t = {.path = MOUNT, .mode = 0755};
	int r = 0;

	if (!rh_exists(s->root, rh_rel(MOUNT)))
		r = rh_change_dir(s, &t, err);
	if (r >= 0)
		r = rh_setup_service(s, err, "systemctl", "start", "srv-mail.mount", NULL);
	return r;
}

int rh_step_storage(struct rh_setup *s, struct rh_err *err)
{
	int r = ensure_volume(s, err);

	if (r >= 0)
		r = ensure_unit(s, err);
	if (r > 0)
		r = rh_setup_service(s, err, "systemctl", "daemon-reload", NULL);
	if (r >= 0)
		r = ensure_mount(s, err);
	if (r >= 0)
		r = ensure_owner(s, err);
	return r < 0 ? rh_err_prefix(err, r, "storage") : r;
}

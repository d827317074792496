// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The growth carried out; the contract is in grow.h, the order of everything in growplan.c and
 * growtable.c.
 *
 * Look, plan, do, look again: what a round has done must show in the facts of the next one, or the
 * run ends with an error that says what did not change. Each act is safe to be cut before and
 * after, and where it is not ours, inside: that md copies the new region whatever happens is
 * growmark.h's, LVM writes its metadata as one block beside the old, XFS grows in a transaction. So
 * a volume is at worst larger than its filesystem, which the next run sees.
 */
#include "rootfs/setup/grow.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/proc.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/growfacts.h"
#include "rootfs/setup/growmark.h"
#include "rootfs/setup/growtable.h"

#define SECTOR 512u
/* A mirror that was cut while it was written to resyncs by its bitmap at the next start, in
 * seconds. md grows only when it has nothing to do. */
#define IDLE_WAIT_S 600
#define RESYNC_HELD "1000" /* KiB/s: the kernel's own lower limit, see md(4) */

struct work {
	struct rh_setup *s;
	struct rh_grow *out;
	struct rh_disks *disks;
	struct rh_grow_disks facts;
	struct rh_grow_volumes volumes;
	struct rh_growplan plan;
};

/* "3.4 GiB" into BUF; for people. */
static const char *size_text(char buf[32], uint64_t bytes)
{
	if (bytes >= 1ULL << 40)
		snprintf(buf, 32, "%.2f TiB", (double)bytes / (double)(1ULL << 40));
	else
		snprintf(buf, 32, "%.1f GiB", (double)bytes / (double)(1ULL << 30));
	return buf;
}

static char *describe(const struct work *w, const struct rh_grow_step *step)
{
	const char *disk = w->facts.v[step->disk].text;
	const char *volume = rh_grow_volume_names[step->volume];
	uint64_t unit =
	    step->act == RH_GROW_PV || step->act == RH_GROW_LV ? w->volumes.extent : SECTOR;
	char from[32], to[32];

	size_text(from, step->from * unit);
	size_text(to, step->to * unit);
	switch (step->act) {
	case RH_GROW_BACKUP:
		return rh_xasprintf("backup partition table at the end of %s", disk);
	case RH_GROW_PRIMARY:
		return rh_xasprintf("partition table of %s", disk);
	case RH_GROW_KERNEL:
		return rh_xasprintf("partition %u of %s: %s to %s", w->facts.v[step->disk].number,
				    disk, from, to);
	case RH_GROW_RESCAN:
		return rh_xasprintf("%s: its partition table was damaged and has been mended from "
				    "the backup",
				    disk);
	case RH_GROW_ARRAY:
		return rh_xasprintf("mirror pv: %s to %s", from, to);
	case RH_GROW_PV:
		return rh_xasprintf("volume group " RH_GROW_VG ": %s to %s", from, to);
	case RH_GROW_LV:
		return rh_xasprintf("volume %s: %s to %s", volume, from, to);
	default:
		return rh_xasprintf("filesystem on volume %s", volume);
	}
}

/* --- acts --- */

/* The array's sync_action, as it is now. */
static int read_action(struct rh_setup *s, const char *node, char *out, size_t n,
		       struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("sys/block/%s/md/sync_action", node);
	RH_CLOSE int fd = openat(s->root, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, out, n - 1);

	if (got < 0)
		return rh_err_errno(err, errno, "cannot read /%s", path);
	out[got] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

static int wait_idle(struct work *w, struct rh_err *err)
{
	const struct timespec tick = {.tv_nsec = 250 * 1000000L};
	char action[32] = "";
	int r;

	for (int i = 0; i < IDLE_WAIT_S * 4; i++) {
		r = read_action(w->s, w->disks->pv.node, action, sizeof action, err);
		if (r < 0 || !strcmp(action, "idle"))
			return r;
		if (i == 0)
			rh_setup_say(w->s,
				     "grow: waiting until the mirror has finished its %s after the "
				     "last power cut",
				     action);
		if (rh_interrupted())
			return rh_err_set(err, EINTR, "interrupted; run rehome-setup grow again");
		nanosleep(&tick, NULL);
	}
	return rh_err_set(err, EBUSY,
			  "the mirror is still at work (%s) after %d minutes: run rehome-setup "
			  "grow when it has finished (cat /proc/mdstat)",
			  action, IDLE_WAIT_S / 60);
}

/* The resync of the new region starts the moment that the array is larger, and every step after
 * that would have to wait for its writes: until they are done it is held at LIMIT KiB/s ("system":
 * the kernel's own limit again, as after every start). That it cannot be set is no fault, only
 * slower. */
static void pace_resync(const struct work *w, const char *limit)
{
	RH_FREE char *path = rh_xasprintf("sys/block/%s/md/sync_speed_max", w->disks->pv.node);
	RH_CLOSE int fd = openat(w->s->root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd >= 0 && write(fd, limit, strlen(limit)) < 0)
		rh_setup_log(w->s, "grow: /%s cannot be set: %s", path, strerror(errno));
}

static int act_array(struct work *w, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("/dev/%s", w->disks->pv.node);
	int r = wait_idle(w, err);

	if (r < 0)
		return r;
	pace_resync(w, RESYNC_HELD);
	r = rh_growmark_begin(w->s, &w->disks->pv, err);
	if (r < 0)
		return r;
	return rh_setup_run(w->s, NULL, err, "mdadm", "--grow", rh_setup_path(w->s, path),
			    "--size=max", NULL);
}

static int act_volume(struct work *w, const struct rh_grow_step *step, struct rh_err *err)
{
	static const char *const mounts[RH_GROW_VOLUMES] = {"/", "/var", "/srv/mail"};
	RH_FREE char *lv = rh_xasprintf(RH_GROW_VG "/%s", rh_grow_volume_names[step->volume]);
	RH_FREE char *extents = rh_xasprintf("%" PRIu64, step->to);
	RH_FREE char *pv = rh_xasprintf("/dev/%s", w->disks->pv.node);

	if (step->act == RH_GROW_PV)
		return rh_setup_run(w->s, NULL, err, "pvresize", rh_setup_path(w->s, pv), NULL);
	/* The volume's node stays as it is, so there is nothing of udev's to wait for; at the first
	 * boot udev has the whole machine to look at, and each volume waited 2.5 s for it. */
	if (step->act == RH_GROW_LV)
		return rh_setup_run(w->s, NULL, err, "lvextend", "--noudevsync", "--extents",
				    extents, lv, NULL);
	return rh_setup_run(w->s, NULL, err, "xfs_growfs", "-d",
			    rh_setup_path(w->s, mounts[step->volume]), NULL);
}

static int act(struct work *w, const struct rh_grow_step *step, struct rh_err *err)
{
	const struct rh_grow_disk *d = &w->facts.v[step->disk];
	const struct rh_gpt *g = &w->plan.table[step->disk];

	switch (step->act) {
	case RH_GROW_BACKUP:
		return rh_table_write_backup(w->s, d->name, g, err);
	case RH_GROW_PRIMARY:
		return rh_table_write_primary(w->s, d->name, g, err);
	case RH_GROW_KERNEL:
		return rh_table_tell_kernel(w->s, d->name, d->number,
					    g->entries[d->number - 1].first, step->to, err);
	case RH_GROW_RESCAN:
		return rh_table_rescan(w->s, d->name, err);
	case RH_GROW_ARRAY:
		return act_array(w, err);
	default:
		return act_volume(w, step, err);
	}
}

static int act_all(struct work *w, struct rh_err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < w->plan.n; i++) {
		RH_FREE char *text = describe(w, &w->plan.steps[i]);

		rh_setup_say(w->s, "grow: %s", text);
		rh_strv_add(&w->out->steps, text);
		rh_change_point(w->s);
		rh_change_note(w->s, text);
		r = rh_err_prefix(err, act(w, &w->plan.steps[i], err), "%s", text);
	}
	return r;
}

/* --- rounds --- */

static int look_disks(struct work *w, struct rh_err *err)
{
	int r;

	rh_disks_free(&w->disks);
	r = rh_disks_read(w->s->root, &w->disks, err);
	if (r >= 0)
		r = rh_growfacts_disks(w->s, w->disks, &w->facts, err);
	if (r < 0)
		return r;
	rh_growplan_disks(&w->facts, &w->plan);
	w->out->verdict = w->plan.verdict;
	memcpy(w->out->reason, w->plan.reason, sizeof w->out->reason);
	return 0;
}

/* ARRAY, if not NULL, is the step that will make the array larger before: the plan is then that for
 * the larger one. */
static int look_volumes(struct work *w, const struct rh_grow_step *array, struct rh_err *err)
{
	int r = rh_growfacts_volumes(w->s, w->disks->pv.node, &w->volumes, err);

	if (r < 0)
		return r;
	if (array && array->from)
		w->volumes.device = w->volumes.device / array->from * array->to;
	rh_growplan_volumes(&w->volumes, &w->plan);
	return 0;
}

/* Sizes in the end, for the last line and for programs. */
static void sum_up(struct work *w)
{
	const struct rh_grow_volumes *f = &w->volumes;
	uint64_t size[RH_GROW_VOLUMES], free = f->free, total = 0;

	for (int v = 0; v < RH_GROW_VOLUMES; v++)
		size[v] = f->v[v].extents;
	for (size_t i = 0; i < w->plan.n; i++) {
		const struct rh_grow_step *step = &w->plan.steps[i];

		if (step->act == RH_GROW_PV)
			free += step->to - step->from;
		if (step->act == RH_GROW_LV) {
			size[step->volume] = step->to;
			total += step->to - step->from;
		}
	}
	free = free > total ? free - total : 0;
	w->out->root = size[RH_GROW_ROOT] * f->extent;
	w->out->var = size[RH_GROW_VAR] * f->extent;
	w->out->mail = (size[RH_GROW_MAIL] ? size[RH_GROW_MAIL] : free) * f->extent;
}

static void keep_steps(struct work *w)
{
	for (size_t i = 0; i < w->plan.n; i++) {
		RH_FREE char *text = describe(w, &w->plan.steps[i]);

		rh_strv_add(&w->out->steps, text);
	}
}

int rh_grow_look(struct rh_setup *s, struct rh_grow *out, struct rh_err *err)
{
	RH_FREE struct work *w = rh_xalloc(sizeof *w);
	bool dry = s->dry_run;
	struct rh_grow_step array = {.from = 0};
	int r;

	*out = (struct rh_grow){.verdict = RH_GROW_READY};
	w->s = s;
	w->out = out;
	s->dry_run = false; /* asking changes nothing */
	r = look_disks(w, err);
	if (r >= 0) {
		keep_steps(w);
		for (size_t i = 0; i < w->plan.n; i++)
			if (w->plan.steps[i].act == RH_GROW_ARRAY)
				array = w->plan.steps[i];
	}
	if (r >= 0 && out->verdict != RH_GROW_WAIT && w->disks->pv.found) {
		r = look_volumes(w, &array, err);
		if (r >= 0) {
			keep_steps(w);
			sum_up(w);
		}
	}
	s->dry_run = dry;
	rh_disks_free(&w->disks);
	return rh_err_prefix(err, r, "grow");
}

/* Tables, partitions and array: at most two rounds of steps, the second after a stray disk's repair
 * or not at all. */
static int grow_disks(struct work *w, struct rh_err *err)
{
	int changed = 0;

	for (int round = 0;; round++) {
		int r = look_disks(w, err);

		if (r < 0 || w->plan.n == 0)
			return r < 0 ? r : changed;
		if (round == 2) {
			RH_FREE char *text = describe(w, &w->plan.steps[0]);

			return rh_err_set(err, EIO, "it was done and shows no effect: %s", text);
		}
		r = act_all(w, err);
		if (r < 0)
			return r;
		changed = 1;
	}
}

static int grow_volumes(struct work *w, struct rh_err *err)
{
	int r = look_volumes(w, NULL, err);

	if (r < 0)
		return r;
	r = act_all(w, err);
	sum_up(w);
	return r < 0 ? r : w->plan.n > 0;
}

int rh_grow_run(struct rh_setup *s, struct rh_grow *out, struct rh_err *err)
{
	RH_FREE struct work *w = rh_xalloc(sizeof *w);
	int r, more;

	*out = (struct rh_grow){.verdict = RH_GROW_READY};
	if (!rh_setup_can_run(s))
		return 0;
	w->s = s;
	w->out = out;
	r = grow_disks(w, err);
	if (r >= 0) {
		more = rh_growmark_end(s, &w->disks->pv, err);
		r = more < 0 ? more : r || more;
	}
	if (r >= 0 && out->verdict != RH_GROW_WAIT && w->disks->pv.found) {
		more = grow_volumes(w, err);
		r = more < 0 ? more : r || more;
	}
	if (w->disks && w->disks->pv.found)
		pace_resync(w, "system");
	rh_disks_free(&w->disks);
	return rh_err_prefix(err, r, "grow");
}

int rh_grow_wait(struct rh_setup *s, struct rh_err *err)
{
	const struct timespec tick = {.tv_sec = 5};

	while (!rh_interrupted()) {
		struct rh_disks *disks = NULL;
		int r = rh_disks_read(s->root, &disks, err);
		bool ready =
		    r >= 0 && disks->pv.found && disks->pv.degraded == 0 &&
		    (!strcmp(disks->pv.action, "idle") || !strcmp(disks->pv.action, "resync"));

		rh_disks_free(&disks);
		if (r < 0 || ready)
			return r;
		nanosleep(&tick, NULL);
	}
	return rh_err_set(err, EINTR, "interrupted");
}

void rh_grow_free(struct rh_grow *g)
{
	rh_strv_free(&g->steps);
}

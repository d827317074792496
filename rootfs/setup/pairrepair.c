// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Giving members back, and what is noted of the pair; the contract is in pair.h.
 *
 * Order. First the generation: /boot/rehome/gen-N with a number that the disk which is absent does
 * not have, so that GRUB, which reads /boot from whichever disk the firmware starts, finds the
 * fresher one (search --file). It must lie on the disk before the first change that the other will
 * miss can matter, and is counted up once in each time of being degraded. Then the members. All of
 * it may be cut anywhere and run again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/pair.h"
#include "rootfs/setup/state.h"

#define GEN_DIR	    "/boot/rehome"
#define BANNER	    "/etc/issue.d/rehome-disks.issue"
#define GEN_RESTART 90u

static const char *const copy_marker[RH_PAIR_ARRAYS] = {"pair-copy-boot", "pair-copy-pv"};

/* --- generation --- */

/* /boot is an array of its own; the folder below it, on root, is nobody's. */
static bool boot_is_mounted(struct rh_setup *s)
{
	struct stat boot, root;

	return s->foreign || (fstatat(s->root, "boot", &boot, 0) == 0 &&
			      fstat(s->root, &root) == 0 && boot.st_dev != root.st_dev);
}

static unsigned gen_number(const char *name)
{
	char *end;
	unsigned long n;

	if (strncmp(name, "gen-", 4) != 0 || name[4] < '1' || name[4] > '9')
		return 0;
	n = strtoul(name + 4, &end, 10);
	return *end || n > RH_PAIR_GEN_MAX ? 0 : (unsigned)n;
}

/* Leave exactly gen-N. */
static int write_gen(struct rh_setup *s, const struct rh_strv *names, unsigned n,
		     struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf(GEN_DIR "/gen-%u", n);
	const struct rh_target t = {.path = path, .mode = 0644};
	int r = rh_change_file(s, &t, "", 0, err);

	for (size_t i = 0; r >= 0 && i < names->n; i++) {
		RH_FREE char *old = rh_xasprintf(GEN_DIR "/%s", names->v[i]);

		if (gen_number(names->v[i]) && gen_number(names->v[i]) != n)
			r = rh_change_remove(s, old, err);
	}
	return r < 0 ? r : 0;
}

/* Is this the degraded time that was numbered last? The same disks work as then: a machine that
 * goes from one half to the other may never have run with both in between, or not for long enough
 * to notice. ALONE gets their serial numbers. */
static bool same_time(struct rh_setup *s, const struct rh_pair *p, struct rh_str *alone)
{
	RH_STR struct rh_str then = {0};
	struct rh_err err = {{0}};

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].on[0].there && p->v[i].on[0].what == RH_PAIR_WORKS)
			rh_str_addf(alone, "%s%s", alone->len ? " " : "", p->v[i].disk->serial);
	if (rh_marker_read(s, "pair-degraded", &then, &err) < 0 || !then.len)
		return false;
	then.data[strcspn(then.data, "\n")] = '\0';
	return !strcmp(then.data, rh_str_text(alone));
}

static int note_generation(struct rh_setup *s, const struct rh_pair *p, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	RH_STR struct rh_str alone = {0};
	bool degraded = p->array[0]->found && p->array[0]->degraded > 0;
	unsigned n = 0;
	int r = 0;

	if (!boot_is_mounted(s)) {
		rh_setup_log(s, "/boot is not mounted: no generation is noted");
		return 0;
	}
	if (rh_exists(s->root, rh_rel(GEN_DIR)))
		r = rh_list_dir(s->root, rh_rel(GEN_DIR), &names, err);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (gen_number(names.v[i]) > n)
			n = gen_number(names.v[i]);
	if (r < 0)
		return r;
	if (degraded && !same_time(s, p, &alone)) {
		r = write_gen(s, &names, rh_pair_next_gen(n), err);
		if (r >= 0)
			r = rh_marker_set(s, "pair-degraded", rh_str_text(&alone), err);
	} else if (p->whole) {
		/* Both disks are told at once: a good time to begin anew. */
		if (n >= GEN_RESTART)
			r = write_gen(s, &names, 1, err);
		if (r >= 0)
			r = rh_marker_clear(s, "pair-degraded", err);
	}
	return rh_err_prefix(err, r < 0 ? r : 0, "cannot note the generation in " GEN_DIR);
}

/* --- members --- */

static int run_mdadm(struct rh_setup *s, const struct rh_array *a, const char *verb,
		     const char *device, struct rh_err *err)
{
	RH_FREE char *node = rh_xasprintf("/dev/%s", a->node);
	RH_FREE char *dev = rh_xasprintf("/dev/%s", device);
	int r;

	rh_change_point(s);
	r = rh_setup_run(s, NULL, err, "mdadm", "--manage", node, verb, dev, NULL);
	if (r >= 0)
		rh_change_note(s, dev);
	return r < 0 ? rh_err_prefix(err, r, "array %s, /dev/%s", a->name, device) : 0;
}

/* Members whose disk is gone hold a place in the kernel's list that the returning one needs. */
static void drop_gone(struct rh_setup *s, const struct rh_array *a)
{
	RH_FREE char *node = rh_xasprintf("/dev/%s", a->node);
	struct rh_err err = {{0}};

	for (size_t i = 0; i < a->n_members; i++)
		if (a->members[i].state == RH_MEMBER_FAULTY && !a->members[i].disk) {
			rh_change_point(s);
			if (rh_setup_run(s, NULL, &err, "mdadm", "--manage", node, "--remove",
					 "detached", NULL) < 0)
				rh_setup_log(s, "array %s: %s", a->name, err.text);
			return;
		}
}

int rh_pair_add(struct rh_setup *s, const struct rh_pair *p, int k, const char *device,
		struct rh_err *err)
{
	drop_gone(s, p->array[k]);
	return run_mdadm(s, p->array[k], "--add", device, err);
}

/* mdadm adds no member that calls itself active, so its superblock goes first; the marker tells the
 * next run, after a cut, that the partition without one is to be added. */
static int copy_member(struct rh_setup *s, const struct rh_pair *p, const struct rh_pair_disk *d,
		       int k, struct rh_err *err)
{
	RH_FREE char *dev = rh_xasprintf("/dev/%s", d->on[k].device);
	int r = rh_marker_set(s, copy_marker[k], d->disk->serial, err);

	if (r >= 0) {
		rh_change_point(s);
		r = rh_setup_run(s, NULL, err, "mdadm", "--zero-superblock", dev, NULL);
	}
	if (r >= 0)
		r = rh_pair_add(s, p, k, d->on[k].device, err);
	return r < 0 ? r : rh_marker_clear(s, copy_marker[k], err);
}

/* The partition of a disk that a cut has left without its superblock. */
static const char *cut_copy(struct rh_setup *s, const struct rh_pair_disk *d, int k)
{
	RH_STR struct rh_str serial = {0};

	if (rh_marker_read(s, copy_marker[k], &serial, NULL) < 0 || !serial.len || d->on[k].there)
		return NULL;
	serial.data[strcspn(serial.data, "\n")] = '\0';
	if (!*serial.data || strcmp(serial.data, d->disk->serial) != 0)
		return NULL;
	for (size_t i = 0; i < d->disk->n_parts; i++)
		if (d->disk->parts[i].number == (k == 0 ? 3u : 4u))
			return d->disk->parts[i].name;
	return NULL;
}

static int repair_member(struct rh_setup *s, const struct rh_pair *p, const struct rh_pair_disk *d,
			 int k, struct rh_err *err)
{
	const struct rh_pair_member *m = &d->on[k];
	const char *cut = cut_copy(s, d, k);
	int r;

	if (cut) {
		rh_setup_say(s, "pair: array %s gets /dev/%s anew", p->array[k]->name, cut);
		r = rh_pair_add(s, p, k, cut, err);
		return r < 0 ? r : rh_marker_clear(s, copy_marker[k], err);
	}
	if (!m->there || d->what > RH_PAIR_COPY)
		return 0;
	if (m->what != RH_PAIR_READD && m->what != RH_PAIR_COPY)
		return 0;
	rh_setup_say(s, "pair: array %s takes /dev/%s back (%s): %s", p->array[k]->name, m->device,
		     rh_disk_text(p->disks, d->disk), m->why);
	if (m->what == RH_PAIR_COPY)
		return copy_member(s, p, d, k, err);
	drop_gone(s, p->array[k]);
	return run_mdadm(s, p->array[k], "--re-add", m->device, err);
}

/* --- notes --- */

static int write_known(struct rh_setup *s, const struct rh_strv *serials, struct rh_err *err)
{
	const struct rh_target t = {.path = RH_PATH_STATE "/pair-disks", .mode = 0644};
	RH_STR struct rh_str text = {0};

	for (size_t i = 0; i < serials->n; i++)
		rh_str_addf(&text, "%s\n", serials->v[i]);
	return rh_change_file(s, &t, rh_str_text(&text), text.len, err);
}

/* Only both disks at once, at work in both arrays: then every other serial is forgotten. */
static int note_known(struct rh_setup *s, const struct rh_pair *p, struct rh_err *err)
{
	RH_STRV struct rh_strv serials = {0};
	int r;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].on[0].there && p->v[i].on[1].there && p->v[i].what == RH_PAIR_WORKS &&
		    *p->v[i].disk->serial)
			rh_strv_add(&serials, p->v[i].disk->serial);
	if (!p->whole || serials.n < 2)
		return 0;
	r = write_known(s, &serials, err);
	return r < 0 ? r : 0;
}

int rh_pair_learn(struct rh_setup *s, const struct rh_pair *p, const char *serial,
		  struct rh_err *err)
{
	RH_STRV struct rh_strv serials = {0};
	int r;

	for (size_t i = 0; i < p->known.n; i++)
		if (strcmp(p->known.v[i], serial) != 0)
			rh_strv_add(&serials, p->known.v[i]);
	rh_strv_add(&serials, serial);
	r = write_known(s, &serials, err);
	return r < 0 ? r : 0;
}

static int note_banner(struct rh_setup *s, const struct rh_pair *p, struct rh_err *err)
{
	const struct rh_target t = {.path = BANNER, .mode = 0644};
	RH_STR struct rh_str text = {0};
	int r;

	rh_pair_banner(p, &text);
	r = text.len ? rh_change_file(s, &t, text.data, text.len, err)
		     : rh_change_remove(s, BANNER, err);
	/* Login prompts that already stand there show it. */
	if (r > 0 && rh_setup_service(s, NULL, "agetty", "--reload", NULL) < 0)
		rh_setup_log(s, "the login prompts could not be told of the new banner");
	return r < 0 ? r : 0;
}

/* Sent before it is noted: twice is better than never. */
static int note_alarm(struct rh_setup *s, const struct rh_pair *p, struct rh_err *err)
{
	const struct rh_target t = {.path = RH_PATH_STATE "/pair-alarm", .mode = 0644};
	RH_STR struct rh_str text = {0};
	int r;

	rh_pair_alarm_text(p, &text);
	if (!text.len)
		return rh_change_remove(s, t.path, err);
	r = rh_change_differs(s, &t, text.data, text.len, err);
	if (r <= 0)
		return r;
	if (!s->dry_run)
		rh_alarm(s, "THE DISKS NEED A DECISION", text.data);
	r = rh_change_file(s, &t, text.data, text.len, err);
	return r < 0 ? r : 0;
}

int rh_pair_note(struct rh_setup *s, const struct rh_pair *p, struct rh_err *err)
{
	const struct rh_target t = {.path = RH_PATH_INSTRUCTION, .mode = 0644};
	RH_STR struct rh_str text = {0};
	int r = note_known(s, p, err);
	size_t n = 0;

	if (r >= 0)
		r = note_generation(s, p, err);
	if (r >= 0)
		r = note_banner(s, p, err);
	if (r >= 0)
		r = note_alarm(s, p, err);
	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].member && p->v[i].what <= RH_PAIR_COPY;
	/* While one is missing, the paper with both stays. */
	if (r >= 0 && n >= 2) {
		rh_pair_instruction(p, &text);
		r = rh_change_file(s, &t, text.data, text.len, err);
	}
	return r < 0 ? r : 0;
}

int rh_pair_repair(struct rh_setup *s, struct rh_pair *p, struct rh_err *err)
{
	struct rh_err first = {{0}};
	int worst = 0, r = note_generation(s, p, err);

	/* With boot on one disk and pv on the other nothing is sure: leave all as it is. */
	for (size_t i = 0; r >= 0 && !p->mixed && i < p->n; i++)
		for (int k = 0; k < RH_PAIR_ARRAYS; k++) {
			struct rh_err why = {{0}};
			int e = repair_member(s, p, &p->v[i], k, &why);

			/* One that does not work keeps no other from coming back. */
			if (e < 0 && worst == 0) {
				worst = e;
				first = why;
			}
		}
	if (r >= 0 && s->changed.n)
		r = rh_pair_read(s, p, err);
	if (r >= 0)
		r = rh_pair_note(s, p, err);
	if (r >= 0 && worst < 0)
		return rh_err_set(err, -worst, "%s", first.text);
	return r < 0 ? r : 0;
}

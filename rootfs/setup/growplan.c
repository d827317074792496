// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Growth planned; the contract is in growplan.h.
 *
 * Rules, each because of an accident that it prevents:
 * - Both disks get partitions of the same length, that of the smaller disk: a mirror has no use for
 *   more, and a later replacement of the larger disk may be as small as the other.
 * - With one disk absent or being rebuilt nothing is touched: a partition or an array that has
 *   grown on one disk alone would refuse the other one when it comes back.
 * - The first disk is done to its end, flushed, before the second is begun: whatever a cut leaves
 *   on one, the other one boots (growtable.c says why).
 * - Nothing ever gets smaller, and only the last partition on the disk, ours, moves its end.
 */
#include "rootfs/setup/growplan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALIGN 2048u /* sectors: 1 MiB */
/* XFS leaves off a last allocation group of less than 64 blocks, so a filesystem may stay a little
 * smaller than its volume for ever. */
#define FS_SLACK (1u << 20)

const char *const rh_grow_volume_names[RH_GROW_VOLUMES] = {"root", "var", "mail"};

static void add(struct rh_growplan *p, struct rh_grow_step step)
{
	p->steps[p->n++] = step;
}

static void decide(struct rh_growplan *p, enum rh_grow_verdict v, const char *fmt, ...)
    RH_PRINTF(3, 4);
static void decide(struct rh_growplan *p, enum rh_grow_verdict v, const char *fmt, ...)
{
	va_list ap;

	p->verdict = v;
	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof p->reason, fmt, ap);
	va_end(ap);
}

static const struct rh_gpt_entry *entry_of(const struct rh_grow_disk *d)
{
	return &d->tables.table.entries[d->number - 1];
}

static uint64_t length(const struct rh_gpt_entry *e)
{
	return e->last - e->first + 1;
}

/* Can the disk be worked on at all? */
static bool check_disk(const struct rh_grow_disk *d, struct rh_growplan *p)
{
	const struct rh_tables *t = &d->tables;

	if (d->block != RH_GPT_SECTOR)
		decide(p, RH_GROW_NEVER, "%s has blocks of %u bytes, and our tables need 512",
		       d->text, d->block);
	else if (!t->primary_ok && !t->backup_ok)
		decide(p, RH_GROW_WAIT,
		       "%s: both partition tables are damaged (%s): do not restart the machine; "
		       "replace the disk, or write the table anew, then run rehome-setup grow",
		       d->text, t->fault);
	else if (!d->kernel_agrees)
		decide(p, RH_GROW_WAIT,
		       "%s: the kernel knows other partitions than the table on the disk: restart "
		       "the machine, then run rehome-setup grow",
		       d->text);
	else if (rh_gpt_last_partition(&t->table) != d->number)
		decide(p, RH_GROW_NEVER,
		       "%s: partition %u lies behind ours (%u), which therefore cannot grow",
		       d->text, rh_gpt_last_partition(&t->table), d->number);
	else if (d->read_only)
		decide(p, RH_GROW_WAIT, "%s can only be read: replace the disk", d->text);
	return p->verdict == RH_GROW_READY;
}

/* Sectors that our partition could have on D: to the end, less the last MiB for the backup. */
static uint64_t possible(const struct rh_grow_disk *d)
{
	uint64_t end = d->sectors / ALIGN * ALIGN, first = entry_of(d)->first;

	end = end > ALIGN ? end - ALIGN : 0;
	return end > first ? end - first : 0;
}

/* The table that D shall have with a partition of at least COUNT sectors. */
static bool wanted_table(const struct rh_grow_disk *d, uint64_t count, struct rh_gpt *out,
			 struct rh_growplan *p)
{
	const struct rh_gpt_entry *e = entry_of(d);
	struct rh_err err = {{0}};

	*out = d->tables.table;
	if (rh_gpt_resize(out, d->sectors, &err) < 0 ||
	    (count > length(e) && rh_gpt_extend(out, d->number, e->first + count - 1, &err) < 0)) {
		decide(p, RH_GROW_NEVER, "%s: %s", d->text, err.text);
		return false;
	}
	return true;
}

static void plan_disk(const struct rh_grow_disks *f, size_t i, struct rh_growplan *p)
{
	const struct rh_grow_disk *d = &f->v[i];
	const struct rh_tables *t = &d->tables;
	bool same = rh_gpt_equal(&p->table[i], &t->table);
	uint64_t want = length(&p->table[i].entries[d->number - 1]);
	struct rh_grow_step step = {.disk = i, .from = d->kernel_sectors, .to = want};

	step.act = RH_GROW_BACKUP;
	if (!same || !t->backup_ok)
		add(p, step);
	step.act = RH_GROW_PRIMARY;
	if (!same || !t->primary_ok)
		add(p, step);
	step.act = RH_GROW_KERNEL;
	if (d->kernel_sectors < want)
		add(p, step);
}

/* A cut in the middle of writing the primary table has left this disk without partitions. */
static void plan_strays(const struct rh_grow_disks *f, struct rh_growplan *p)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!f->v[i].stray)
			continue;
		p->table[i] = f->v[i].tables.table;
		add(p, (struct rh_grow_step){.act = RH_GROW_PRIMARY, .disk = i});
		add(p, (struct rh_grow_step){.act = RH_GROW_RESCAN, .disk = i});
	}
}

/* What md could use of each member when all partitions have their length. */
static uint64_t component(const struct rh_grow_disks *f, const struct rh_growplan *p)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < f->n; i++) {
		const struct rh_grow_disk *d = &f->v[i];
		uint64_t n;

		if (d->stray)
			continue;
		n = length(&p->table[i].entries[d->number - 1]);
		n = n > d->data_offset ? n - d->data_offset : 0;
		least = n < least ? n : least;
	}
	return least & ~1ULL; /* md counts in KiB */
}

/* Fills p->table; the length common to all members is the least that each could have. */
static bool plan_tables(const struct rh_grow_disks *f, struct rh_growplan *p)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].stray)
			continue;
		if (!check_disk(&f->v[i], p))
			return false;
		least = possible(&f->v[i]) < least ? possible(&f->v[i]) : least;
	}
	for (size_t i = 0; i < f->n; i++)
		if (!f->v[i].stray && !wanted_table(&f->v[i], least, &p->table[i], p))
			return false;
	return true;
}

static bool is_whole(const struct rh_grow_disks *f, uint64_t want, struct rh_growplan *p)
{
	if (f->rebuilding) {
		decide(p, RH_GROW_WAIT,
		       "the mirror is being rebuilt, and its disks have room to grow: run "
		       "rehome-setup grow when the rebuild has finished (cat /proc/mdstat)");
		return false;
	}
	if (f->active < f->slots) {
		decide(
		    p, RH_GROW_WAIT,
		    "only %s of the pair is in the mirror, and it has room to grow: put the other "
		    "disk in and restart the machine",
		    f->v[0].text);
		return false;
	}
	if (want > f->component && strcmp(f->action, "idle") != 0 &&
	    strcmp(f->action, "resync") != 0) {
		decide(
		    p, RH_GROW_WAIT,
		    "the mirror is at work (%s) and cannot grow meanwhile: run rehome-setup grow "
		    "when it has finished (cat /proc/mdstat)",
		    f->action);
		return false;
	}
	return true;
}

/* Would anything get larger, or would tables only be put in order? */
static bool has_room(const struct rh_grow_disks *f, uint64_t want, const struct rh_growplan *p)
{
	bool room = want > f->component;

	for (size_t i = 0; i < f->n; i++) {
		const struct rh_grow_disk *d = &f->v[i];

		if (!d->stray && d->kernel_sectors < length(&p->table[i].entries[d->number - 1]))
			room = true;
	}
	return room;
}

void rh_growplan_disks(const struct rh_grow_disks *f, struct rh_growplan *out)
{
	size_t repairs;
	uint64_t want;

	memset(out, 0, sizeof *out);
	if (!f->array || f->active == 0) {
		decide(out, RH_GROW_NEVER, "this machine has no array \"pv\" of ours");
		return;
	}
	if (f->slots != 2 || f->active > 2) {
		decide(out, RH_GROW_NEVER, "the array \"pv\" has %u places, a pair has 2",
		       f->slots);
		return;
	}
	plan_strays(f, out);
	repairs = out->n;
	if (!plan_tables(f, out))
		return;
	want = component(f, out);
	for (size_t i = 0; i < f->n; i++)
		if (!f->v[i].stray)
			plan_disk(f, i, out);
	if (want > f->component)
		add(out,
		    (struct rh_grow_step){.act = RH_GROW_ARRAY, .from = f->component, .to = want});
	if (has_room(f, want, out) && !is_whole(f, want, out))
		out->n = repairs;
}

/* --- volumes --- */

static void plan_volume(const struct rh_grow_volumes *f, enum rh_grow_volume v, uint64_t want,
			uint64_t *spare, struct rh_growplan *p)
{
	uint64_t have = f->v[v].extents, more = want > have ? want - have : 0;
	struct rh_grow_step step = {.volume = v, .from = have};

	if (!f->v[v].there)
		return;
	if (more > *spare)
		more = *spare;
	*spare -= more;
	step.to = have + more;
	step.act = RH_GROW_LV;
	if (more)
		add(p, step);
	step.act = RH_GROW_FS;
	if (f->v[v].fs_bytes + FS_SLACK <= step.to * f->extent)
		add(p, step);
}

static uint64_t share(const struct rh_grow_volumes *f, enum rh_grow_volume v, uint64_t total)
{
	uint64_t want = total * f->v[v].percent / 100, most = f->v[v].most / f->extent;

	return want < most ? want : most;
}

void rh_growplan_volumes(const struct rh_grow_volumes *f, struct rh_growplan *out)
{
	uint64_t pv, total = f->total, spare = f->free, reserve;

	memset(out, 0, sizeof *out);
	if (!f->group || !f->extent)
		return;
	pv = f->device > f->data_start ? (f->device - f->data_start) / f->extent : 0;
	if (pv > f->pv_extents) {
		add(out, (struct rh_grow_step){.act = RH_GROW_PV, .from = f->pv_extents, .to = pv});
		total += pv - f->pv_extents;
		spare += pv - f->pv_extents;
	}
	reserve = f->v[RH_GROW_MAIL].there ? 0 : (f->mail_reserve + f->extent - 1) / f->extent;
	spare = spare > reserve ? spare - reserve : 0;
	plan_volume(f, RH_GROW_ROOT, share(f, RH_GROW_ROOT, total), &spare, out);
	plan_volume(f, RH_GROW_VAR, share(f, RH_GROW_VAR, total), &spare, out);
	plan_volume(f, RH_GROW_MAIL, f->v[RH_GROW_MAIL].extents + spare, &spare, out);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Situations of the pair, and what must be planned in each. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rootfs/setup/growplan.h"

#define MIB   2048ULL /* sectors */
#define GIB   (1024 * MIB)
#define OLD   (6 * GIB)
#define START (641 * MIB)
#define DATA  (16 * MIB)

static const struct rh_uuid type_raid = {{0xa1, 0x9d, 0x88, 0x0f, 0x05, 0xfc, 0x4d, 0x3b, 0xa0,
					  0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91, 0x1e}};

static uint64_t part_of(uint64_t disk_sectors)
{
	return disk_sectors / MIB * MIB - MIB - START;
}

/* The tables of an image of 6 GiB on a disk of SECTORS. */
static struct rh_grow_disk disk(const char *text, uint64_t sectors, unsigned char id)
{
	const struct rh_uuid guid = {{id}};
	struct rh_grow_disk d = {
	    .text = text,
	    .name = text,
	    .sectors = sectors,
	    .block = 512,
	    .tables = {.primary_ok = true, .backup_ok = true},
	    .kernel_agrees = true,
	    .number = 4,
	    .kernel_sectors = part_of(OLD),
	    .data_offset = DATA,
	};
	struct rh_gpt *g = &d.tables.table;

	rh_gpt_init(g, &guid, OLD);
	for (unsigned i = 0; i < 4; i++) {
		struct rh_gpt_entry *e = &g->entries[i];

		e->type = type_raid;
		e->guid = (struct rh_uuid){{id, (unsigned char)(i + 1)}};
		e->first = i == 3 ? START : (1 + i) * 100 * MIB;
		e->last = i == 3 ? START + part_of(OLD) - 1 : e->first + 50 * MIB - 1;
	}
	return d;
}

static struct rh_grow_disks pair(uint64_t a, uint64_t b)
{
	struct rh_grow_disks f = {
	    .array = true,
	    .slots = 2,
	    .active = 2,
	    .action = "idle",
	    .component = part_of(OLD) - DATA,
	    .n = 2,
	};

	f.v[0] = disk("A", a, 0xa);
	f.v[1] = disk("B", b, 0xb);
	return f;
}

/* The disk has grown to its end: table, backup and kernel. */
static void grown(struct rh_grow_disk *d, uint64_t smaller)
{
	struct rh_gpt *g = &d->tables.table;

	assert_int_equal(rh_gpt_resize(g, d->sectors, NULL), 0);
	assert_int_equal(rh_gpt_extend(g, 4, START + part_of(smaller) - 1, NULL), 0);
	d->kernel_sectors = part_of(smaller);
}

/* The steps as a word: "bA pA kA bB pB kB M" and the like. */
static const char *word(const struct rh_growplan *p)
{
	static char out[128];
	static const char acts[] = "bpkrMPLF";
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->n; i++) {
		const struct rh_grow_step *s = &p->steps[i];

		n += (size_t)snprintf(out + n, sizeof out - n, "%s%c", i ? " " : "", acts[s->act]);
		if (s->act <= RH_GROW_RESCAN)
			n += (size_t)snprintf(out + n, sizeof out - n, "%c", (int)('A' + s->disk));
		if (s->act >= RH_GROW_LV)
			n += (size_t)snprintf(out + n, sizeof out - n, "%c",
					      rh_grow_volume_names[s->volume][0]);
	}
	return out;
}

static void is(const struct rh_growplan *p, enum rh_grow_verdict verdict, const char *steps,
	       const char *reason)
{
	if (p->verdict != verdict || strcmp(word(p), steps) != 0)
		fail_msg("verdict %d, steps \"%s\", reason \"%s\"; expected %d, \"%s\"", p->verdict,
			 word(p), p->reason, verdict, steps);
	if (reason && !strstr(p->reason, reason))
		fail_msg("the reason \"%s\" has no \"%s\"", p->reason, reason);
}

static void plan_is(const struct rh_grow_disks *f, enum rh_grow_verdict verdict, const char *steps,
		    const char *reason)
{
	struct rh_growplan p;

	rh_growplan_disks(f, &p);
	is(&p, verdict, steps, reason);
}

static void a_fresh_pair_grows(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB);
	struct rh_growplan p;

	(void)state;
	rh_growplan_disks(&f, &p);
	is(&p, RH_GROW_READY, "bA pA kA bB pB kB M", NULL);
	assert_int_equal(p.table[0].disk_sectors, 12 * GIB);
	assert_int_equal(p.table[1].entries[3].last, 12 * GIB - MIB - 1);
	assert_int_equal(p.steps[2].to, part_of(12 * GIB));
	assert_int_equal(p.steps[6].to, part_of(12 * GIB) - DATA);
	assert_int_equal(p.steps[6].from, f.component);
}

static void an_image_on_disks_of_its_size_has_nothing_to_do(void **state)
{
	struct rh_grow_disks f = pair(OLD, OLD);

	(void)state;
	plan_is(&f, RH_GROW_READY, "", NULL);
	/* Not even when a disk is away: it does not matter. */
	f.n = f.active = 1;
	plan_is(&f, RH_GROW_READY, "", NULL);
	f.rebuilding = true;
	plan_is(&f, RH_GROW_READY, "", NULL);
}

/* What a cut after each step leaves, and what is then left to do. */
static void it_goes_on_after_a_cut_at_every_step(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB);

	(void)state;
	/* Backup of A written: the primary points to the old one, so nothing has changed. */
	plan_is(&f, RH_GROW_READY, "bA pA kA bB pB kB M", NULL);
	/* Primary of A written; the kernel was not told. */
	grown(&f.v[0], 12 * GIB);
	f.v[0].kernel_sectors = part_of(OLD);
	plan_is(&f, RH_GROW_READY, "kA bB pB kB M", NULL);
	/* A restart tells the kernel. */
	f.v[0].kernel_sectors = part_of(12 * GIB);
	plan_is(&f, RH_GROW_READY, "bB pB kB M", NULL);
	grown(&f.v[1], 12 * GIB);
	plan_is(&f, RH_GROW_READY, "M", NULL);
	f.component = part_of(12 * GIB) - DATA;
	plan_is(&f, RH_GROW_READY, "", NULL);
}

static void both_grow_to_the_smaller_disk(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 9 * GIB);
	struct rh_growplan p;

	(void)state;
	rh_growplan_disks(&f, &p);
	is(&p, RH_GROW_READY, "bA pA kA bB pB kB M", NULL);
	assert_int_equal(p.table[0].disk_sectors, 12 * GIB);
	assert_int_equal(p.table[1].disk_sectors, 9 * GIB);
	assert_int_equal(p.table[0].entries[3].last, p.table[1].entries[3].last);
	assert_int_equal(p.steps[6].to, part_of(9 * GIB) - DATA);
	/* One disk of the image's size: only the other's backup moves. */
	f = pair(OLD, 12 * GIB);
	plan_is(&f, RH_GROW_READY, "bB pB", NULL);
	/* The larger has a larger partition, from a former life: it keeps it. */
	f = pair(12 * GIB, 9 * GIB);
	grown(&f.v[0], 12 * GIB);
	grown(&f.v[1], 9 * GIB);
	f.component = part_of(9 * GIB) - DATA;
	plan_is(&f, RH_GROW_READY, "", NULL);
	/* A disk that ends in the middle of a MiB. */
	f = pair(12 * GIB + 1234, 12 * GIB + 2047);
	rh_growplan_disks(&f, &p);
	assert_int_equal(p.table[0].entries[3].last % MIB, MIB - 1);
}

static void one_disk_alone_waits(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB);

	(void)state;
	f.n = f.active = 1;
	plan_is(&f, RH_GROW_WAIT, "", "only A of the pair is in the mirror");
	/* Cut after the partition of A had grown, then B was lost: md must not grow on A alone. */
	grown(&f.v[0], 12 * GIB);
	plan_is(&f, RH_GROW_WAIT, "", "only A");
	f.rebuilding = true;
	plan_is(&f, RH_GROW_WAIT, "", "being rebuilt");
}

static void a_mirror_at_work_waits_or_not(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB);

	(void)state;
	f.action = "check";
	plan_is(&f, RH_GROW_WAIT, "", "at work (check)");
	/* After a power cut: seconds; whoever carries the plan out waits. */
	f.action = "resync";
	plan_is(&f, RH_GROW_READY, "bA pA kA bB pB kB M", NULL);
	/* Grown, the new region is being resynced: the rest needs no waiting. */
	grown(&f.v[0], 12 * GIB);
	grown(&f.v[1], 12 * GIB);
	f.component = part_of(12 * GIB) - DATA;
	plan_is(&f, RH_GROW_READY, "", NULL);
	f.action = "check";
	plan_is(&f, RH_GROW_READY, "", NULL);
}

static void damaged_tables(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB);

	(void)state;
	/* The backup of B is gone: written anew in its new place, like the other one. */
	f.v[1].tables.backup_ok = false;
	plan_is(&f, RH_GROW_READY, "bA pA kA bB pB kB M", NULL);
	/* On disks that have grown, only it. */
	grown(&f.v[0], 12 * GIB);
	grown(&f.v[1], 12 * GIB);
	f.component = part_of(12 * GIB) - DATA;
	plan_is(&f, RH_GROW_READY, "bB", NULL);
	/* A damaged primary is mended from the backup. */
	f.v[1].tables.backup_ok = true;
	f.v[0].tables.primary_ok = false;
	plan_is(&f, RH_GROW_READY, "pA", NULL);
	/* Both: nothing is done, not even on the other disk. */
	f = pair(12 * GIB, 12 * GIB);
	f.v[1].tables.primary_ok = f.v[1].tables.backup_ok = false;
	strcpy(f.v[1].tables.fault, "made for a disk of 9 sectors");
	plan_is(&f, RH_GROW_WAIT, "", "B: both partition tables are damaged (made for a disk");
	f = pair(12 * GIB, 12 * GIB);
	f.v[0].kernel_agrees = false;
	plan_is(&f, RH_GROW_WAIT, "", "A: the kernel knows other partitions");
}

static void a_disk_whose_primary_was_cut_is_mended(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB);

	(void)state;
	/* A has grown; the cut came in the middle of B's primary, so that B is in no array. */
	grown(&f.v[0], 12 * GIB);
	grown(&f.v[1], 12 * GIB);
	f.v[1].tables.primary_ok = false;
	f.v[1].stray = true;
	f.active = 1;
	plan_is(&f, RH_GROW_WAIT, "pB rB", "only A");
	/* With nothing to grow it is mended as well. */
	f.component = part_of(12 * GIB) - DATA;
	plan_is(&f, RH_GROW_READY, "pB rB", NULL);
}

static void what_can_never_grow(void **state)
{
	struct rh_grow_disks f = pair(12 * GIB, 12 * GIB), none = {0};
	struct rh_gpt_entry *e = &f.v[1].tables.table.entries[6];

	(void)state;
	assert_int_equal(rh_gpt_resize(&f.v[1].tables.table, 12 * GIB, NULL), 0);
	e->type = type_raid;
	e->guid = (struct rh_uuid){{0x77}};
	e->first = 7 * GIB;
	e->last = 8 * GIB - 1;
	plan_is(&f, RH_GROW_NEVER, "", "B: partition 7 lies behind ours (4)");
	plan_is(&none, RH_GROW_NEVER, "", "no array");
	f = pair(12 * GIB, 12 * GIB);
	f.v[0].block = 4096;
	plan_is(&f, RH_GROW_NEVER, "", "A has blocks of 4096 bytes");
	f = pair(12 * GIB, 12 * GIB);
	f.slots = 3;
	plan_is(&f, RH_GROW_NEVER, "", "3 places");
	/* A disk smaller than its table, which the decoder has refused. */
	f = pair(12 * GIB, 12 * GIB);
	f.v[0].sectors = 5 * GIB;
	plan_is(&f, RH_GROW_NEVER, "", "A: partition 4 ends in sector");
	f = pair(12 * GIB, 12 * GIB);
	f.v[0].read_only = true;
	plan_is(&f, RH_GROW_WAIT, "", "can only be read");
}

/* --- volumes --- */

#define EXTENT (4ULL << 20)
#define BYTES  (1ULL << 30)
#define EXT(n) ((n)*BYTES / EXTENT)

/* The small recipe on disks of 12 GiB, before LVM has grown: an array of 11 GiB. */
static struct rh_grow_volumes volumes(void)
{
	struct rh_grow_volumes f = {
	    .group = true,
	    .device = 11 * BYTES,
	    .data_start = 1 << 20,
	    .pv_extents = EXT(5),
	    .extent = EXTENT,
	    .total = EXT(5),
	    .free = EXT(5) - EXT(3) - EXT(1),
	    .mail_reserve = 512ULL << 20,
	};

	f.v[RH_GROW_ROOT].there = f.v[RH_GROW_VAR].there = true;
	f.v[RH_GROW_ROOT].extents = EXT(3);
	f.v[RH_GROW_ROOT].fs_bytes = 3 * BYTES;
	f.v[RH_GROW_ROOT].percent = 40;
	f.v[RH_GROW_ROOT].most = 24 * BYTES;
	f.v[RH_GROW_VAR].extents = EXT(1);
	f.v[RH_GROW_VAR].fs_bytes = BYTES;
	f.v[RH_GROW_VAR].percent = 20;
	f.v[RH_GROW_VAR].most = 2 * BYTES;
	return f;
}

static void shares_and_bounds(void **state)
{
	struct rh_grow_volumes f = volumes();
	struct rh_growplan p;

	(void)state;
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "P Lr Fr Lv Fv", NULL);
	assert_int_equal(p.steps[0].to, EXT(11) - 1);
	assert_int_equal(p.steps[1].to, (EXT(11) - 1) * 40 / 100);
	assert_int_equal(p.steps[3].to, EXT(2)); /* 20 percent would be more than most */
	/* A share below what there is changes nothing. */
	f.v[RH_GROW_ROOT].percent = 5;
	f.v[RH_GROW_VAR].percent = 0;
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "P", NULL);
}

static void volumes_after_a_cut(void **state)
{
	struct rh_grow_volumes f = volumes();
	struct rh_growplan p;

	(void)state;
	f.pv_extents = f.total = EXT(11) - 1;
	f.free = f.total - EXT(4);
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "Lr Fr Lv Fv", NULL);
	/* The volume has grown, its filesystem has not. */
	f.v[RH_GROW_ROOT].extents = f.total * 40 / 100;
	f.free -= f.v[RH_GROW_ROOT].extents - EXT(3);
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "Fr Lv Fv", NULL);
	/* XFS may leave off less than 64 blocks of 4096 bytes for ever. */
	f.v[RH_GROW_ROOT].fs_bytes = f.v[RH_GROW_ROOT].extents * EXTENT - 63 * 4096;
	f.v[RH_GROW_VAR].extents = EXT(2);
	f.v[RH_GROW_VAR].fs_bytes = 2 * BYTES;
	f.free -= EXT(1);
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "", NULL);
}

static void mail_gets_the_rest(void **state)
{
	struct rh_grow_volumes f = volumes();
	struct rh_growplan p;

	(void)state;
	/* Later, on larger disks: root and var are full-grown, mail exists. */
	f.v[RH_GROW_MAIL].there = true;
	f.v[RH_GROW_MAIL].extents = f.free;
	f.v[RH_GROW_MAIL].fs_bytes = f.free * EXTENT;
	f.free = 0;
	f.v[RH_GROW_ROOT].percent = 5;
	f.v[RH_GROW_VAR].percent = 5;
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "P Lm Fm", NULL);
	assert_int_equal(p.steps[1].to, EXT(1) + EXT(11) - 1 - EXT(5));
	/* Mail has taken all: a larger share cannot be had any more, and nothing is tried. */
	f.pv_extents = f.total = EXT(11) - 1;
	f.v[RH_GROW_MAIL].extents = p.steps[1].to;
	f.v[RH_GROW_MAIL].fs_bytes = p.steps[1].to * EXTENT;
	f.v[RH_GROW_ROOT].percent = 50;
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "", NULL);
	/* A mail volume that is not mounted is left for the next start. */
	f.free = EXT(1);
	f.v[RH_GROW_MAIL].there = false;
	f.v[RH_GROW_ROOT].percent = 5;
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "", NULL);
}

static void room_for_mail_is_kept(void **state)
{
	struct rh_grow_volumes f = volumes(), none = {0};
	struct rh_growplan p;

	(void)state;
	f.v[RH_GROW_ROOT].percent = 90;
	f.v[RH_GROW_VAR].percent = 90;
	rh_growplan_volumes(&f, &p);
	is(&p, RH_GROW_READY, "P Lr Fr", NULL);
	assert_true(p.steps[1].to + EXT(1) + 128 <= EXT(11) - 1);
	rh_growplan_volumes(&none, &p);
	is(&p, RH_GROW_READY, "", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_fresh_pair_grows),
	    cmocka_unit_test(an_image_on_disks_of_its_size_has_nothing_to_do),
	    cmocka_unit_test(it_goes_on_after_a_cut_at_every_step),
	    cmocka_unit_test(both_grow_to_the_smaller_disk),
	    cmocka_unit_test(one_disk_alone_waits),
	    cmocka_unit_test(a_mirror_at_work_waits_or_not),
	    cmocka_unit_test(damaged_tables),
	    cmocka_unit_test(a_disk_whose_primary_was_cut_is_mended),
	    cmocka_unit_test(what_can_never_grow),
	    cmocka_unit_test(shares_and_bounds),
	    cmocka_unit_test(volumes_after_a_cut),
	    cmocka_unit_test(mail_gets_the_rest),
	    cmocka_unit_test(room_for_mail_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Which disk replace-disk takes, and the table that it makes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rootfs/setup/replace.h"

#define OLD_SECTORS 4000000u
#define PV_FIRST    1316864u

static const uint8_t random_bytes[16 * (1 + RH_REPLACE_PARTS)] = {
    1, [16] = 2, [32] = 3, [48] = 4, [64] = 5};

struct world {
	struct rh_disks disks;
	struct rh_disk disk[2];
	struct rh_pair pair;
	struct rh_pair_disk d[2];
	struct rh_replace_facts facts;
	struct rh_replace r;
	struct rh_diags diags;
};

static void part(struct rh_gpt *g, int i, uint64_t first, uint64_t last, const char *name)
{
	g->entries[i].type.b[0] = (uint8_t)(i == 3 ? 3 : i + 1);
	g->entries[i].guid.b[0] = (uint8_t)(0x80 + i);
	g->entries[i].first = first;
	g->entries[i].last = last;
	rh_gpt_set_name(&g->entries[i], name);
}

static int set_up(void **state)
{
	struct world *w = rh_xalloc(sizeof *w);
	const struct rh_uuid guid = {{9}};
	struct rh_member *m = &w->disks.pv.members[0];

	w->disks.arena = rh_arena_new();
	for (int i = 0; i < 2; i++)
		w->disk[i] = (struct rh_disk){.name = i ? "sdb" : "sda",
					      .serial = i ? "NEW" : "OLD",
					      .model = "",
					      .by_id = "",
					      .sectors = OLD_SECTORS,
					      .block = 512};
	*m = (struct rh_member){.state = RH_MEMBER_ACTIVE, .disk = &w->disk[0], .has_super = true};
	m->super.data_offset = 32768;
	w->disks.pv.n_members = 1;
	w->disks.pv.component = OLD_SECTORS - 2048 - PV_FIRST - 32768;
	w->pair = (struct rh_pair){.disks = &w->disks, .v = w->d, .n = 2};
	w->pair.array[0] = &w->disks.boot;
	w->pair.array[1] = &w->disks.pv;
	for (int i = 0; i < 2; i++)
		w->d[i] = (struct rh_pair_disk){.disk = &w->disk[i], .port = "", .why = ""};
	w->facts = (struct rh_replace_facts){.d = &w->d[1], .holds = "", .in_use = "", .stop = ""};
	w->r = (struct rh_replace){.pair = &w->pair, .old = &w->d[0], .v = &w->facts, .n = 1};
	rh_gpt_init(&w->r.old_table, &guid, OLD_SECTORS);
	part(&w->r.old_table, 0, 2048, 4095, "rehome-bios");
	part(&w->r.old_table, 1, 4096, 266239, "rehome-esp");
	part(&w->r.old_table, 2, 266240, PV_FIRST - 1, "rehome-boot");
	part(&w->r.old_table, 3, PV_FIRST, OLD_SECTORS - 2049, "rehome-pv");
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	rh_arena_free(&w->disks.arena);
	rh_diags_free(&w->diags);
	free(w);
	return 0;
}

static int plan(struct world *w, bool erase)
{
	return rh_replace_plan(&w->r, "NEW", erase, random_bytes, &w->diags);
}

static void test_table_is_like_the_old_one(void **state)
{
	struct world *w = *state;
	uint8_t first[RH_GPT_FIRST_BYTES] = {0}, last[RH_GPT_LAST_BYTES];
	struct rh_gpt back;

	assert_int_equal(plan(w, false), 0);
	assert_false(w->r.unfinished || w->r.done);
	for (int i = 0; i < RH_REPLACE_PARTS; i++) {
		assert_int_equal(w->r.table.entries[i].first, w->r.old_table.entries[i].first);
		assert_int_equal(w->r.table.entries[i].last, w->r.old_table.entries[i].last);
		assert_true(
		    rh_uuid_equal(&w->r.table.entries[i].type, &w->r.old_table.entries[i].type));
		assert_false(
		    rh_uuid_equal(&w->r.table.entries[i].guid, &w->r.old_table.entries[i].guid));
	}
	assert_true(rh_gpt_has_name(&w->r.table.entries[0], "rehome-bios"));
	assert_true(rh_gpt_has_name(&w->r.table.entries[3], RH_REPLACE_UNFINISHED));
	/* What is written can be read, and is known again. */
	rh_gpt_encode(&w->r.table, first, last);
	assert_int_equal(rh_gpt_decode_primary(first, OLD_SECTORS, "x", &back, &w->diags), 0);
	assert_true(rh_replace_is_unfinished(&back, &w->r.old_table));
}

static void test_smaller_and_too_small(void **state)
{
	struct world *w = *state;

	w->disks.pv.component -= 204800; /* the array does not use all of the old disk */
	w->disk[1].sectors = rh_replace_need(&w->r);
	assert_int_equal(plan(w, false), 0);
	assert_true(w->r.table.entries[3].last < w->r.old_table.entries[3].last);
	assert_true(w->r.table.entries[3].last + 1 >= PV_FIRST + 32768 + w->disks.pv.component);
	assert_true(w->r.table.entries[3].last <= w->disk[1].sectors - 34);
	w->disk[1].sectors--;
	assert_int_equal(plan(w, true), -EINVAL);
	assert_non_null(strstr(w->diags.v[0].text, "too small"));
}

static void test_larger(void **state)
{
	struct world *w = *state;

	w->disk[1].sectors *= 2;
	assert_int_equal(plan(w, false), 0);
	assert_int_equal(w->r.table.entries[3].last, w->r.old_table.entries[3].last);
	assert_int_equal(w->r.table.disk_sectors, w->disk[1].sectors);
}

static void test_refused(void **state)
{
	struct world *w = *state;

	w->facts.holds = "ext4 on sdb1";
	assert_int_equal(plan(w, false), -EINVAL);
	assert_int_equal(plan(w, true), 0);
	w->facts.in_use = "mounted: sdb1";
	assert_int_equal(plan(w, true), -EINVAL);
	w->facts.in_use = "";
	w->d[1].on[1] = (struct rh_pair_member){.there = true, .held = true, .what = RH_PAIR_WORKS};
	assert_int_equal(plan(w, true), -EINVAL);
}

static void test_unfinished_goes_on(void **state)
{
	struct world *w = *state;

	assert_int_equal(plan(w, false), 0);
	w->facts.table = w->r.table;
	w->facts.has_table = true;
	w->facts.holds = "vfat REHOME-ESP on sdb2";
	assert_int_equal(plan(w, false), 0);
	assert_true(w->r.unfinished);
	/* Any other table of the same shape is not ours: an old member of this pair. */
	rh_gpt_set_name(&w->facts.table.entries[3], "rehome-pv");
	memset(&w->facts.table.entries[3].name[9], 0, sizeof(uint16_t) * 8);
	assert_int_equal(plan(w, false), -EINVAL);
	w->facts.table = w->r.table;
	w->facts.table.entries[2].last++;
	assert_false(rh_replace_is_unfinished(&w->facts.table, &w->r.old_table));
}

static void test_done(void **state)
{
	struct world *w = *state;

	w->d[1].on[0] = (struct rh_pair_member){.there = true, .held = true, .what = RH_PAIR_WORKS};
	w->d[1].on[1] =
	    (struct rh_pair_member){.there = true, .held = true, .what = RH_PAIR_REBUILDING};
	assert_int_equal(plan(w, true), 0);
	assert_true(w->r.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_table_is_like_the_old_one, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_smaller_and_too_small, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_larger, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unfinished_goes_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_done, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

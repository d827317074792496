// SPDX-License-Identifier: GPL-2.0-or-later
/* What may go back into a running array, and what may not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "rootfs/setup/pairplan.h"

/* B (slot 1) runs; A was lost at event 100, and B has gone on to 120. */
static struct rh_pair_running running(void)
{
	struct rh_pair_running a = {.slots = 2,
				    .events = 120,
				    .ctime = 5,
				    .bitmap = true,
				    .events_cleared = 98,
				    .was_whole = true};

	a.works[1] = true;
	return a;
}

static struct rh_pair_outside outside(void)
{
	struct rh_pair_outside m = {.known = true};

	m.super = (struct rh_mdsuper){.slots = 2,
				      .events = 100,
				      .ctime = 5,
				      .utime = 9,
				      .role = 0,
				      .bitmap = true,
				      .resync_offset = RH_MDSUPER_END};
	strcpy(m.super.state, "AA");
	return m;
}

static void judged(const struct rh_pair_running *a, const struct rh_pair_outside *m,
		   enum rh_pair_what want)
{
	const char *why = NULL;

	assert_string_equal(rh_pair_word(rh_pair_judge(a, m, &why)), rh_pair_word(want));
	assert_non_null(why);
}

static void test_lost_disk_is_readded(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	judged(&a, &m, RH_PAIR_READD);
	m.super.events = 98; /* as old as the bitmap reaches */
	judged(&a, &m, RH_PAIR_READD);
	m.super.events = 120; /* nothing was written meanwhile */
	judged(&a, &m, RH_PAIR_READD);
}

static void test_without_bitmap_it_is_copied(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	a.bitmap = false;
	a.events_cleared = 0;
	judged(&a, &m, RH_PAIR_COPY);
}

static void test_half_rebuilt_is_copied(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	m.super.recovering = true;
	judged(&a, &m, RH_PAIR_COPY);
	m.super.recovering = false;
	m.super.role = RH_MDROLE_SPARE;
	strcpy(m.super.state, ".A");
	judged(&a, &m, RH_PAIR_COPY);
}

/* Whatever the counts say: lower, equal, higher. */
static void test_both_ran_alone(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	strcpy(m.super.state, "A.");
	for (uint64_t events = 99; events <= 121; events++) {
		m.super.events = events;
		judged(&a, &m, RH_PAIR_SPLIT);
	}
	m.known = false;
	judged(&a, &m, RH_PAIR_SPLIT);
	m.known = m.failed = true;
	judged(&a, &m, RH_PAIR_SPLIT);
}

static void test_newer_than_ours_is_never_merged(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	m.super.events = 121;
	judged(&a, &m, RH_PAIR_SPLIT);
}

/* The disk of another machine from the same image has the same UUIDs. */
static void test_stranger(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	m.known = false;
	judged(&a, &m, RH_PAIR_STRANGER);
	m.super.utime = m.super.ctime;
	judged(&a, &m, RH_PAIR_STRANGER); /* unused, but our own pair was whole: it is a third */
	a.was_whole = false;
	judged(&a, &m, RH_PAIR_READD); /* the other half of a pair that has only run with one */
	m.super.ctime = m.super.utime = 6;
	judged(&a, &m, RH_PAIR_STRANGER); /* of another build */
}

static void test_replaced_meanwhile(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	a.events_cleared = 101;
	judged(&a, &m, RH_PAIR_OLD);
}

static void test_failed(void **state)
{
	struct rh_pair_running a = running();
	struct rh_pair_outside m = outside();

	(void)state;
	m.failed = true;
	judged(&a, &m, RH_PAIR_FAILED);
}

static void test_disk_is_its_worst_member(void **state)
{
	(void)state;
	assert_int_equal(rh_pair_worse(RH_PAIR_READD, RH_PAIR_SPLIT), RH_PAIR_SPLIT);
	assert_int_equal(rh_pair_worse(RH_PAIR_STRANGER, RH_PAIR_WORKS), RH_PAIR_STRANGER);
	assert_int_equal(rh_pair_worse(RH_PAIR_READD, RH_PAIR_WORKS), RH_PAIR_READD);
	assert_int_equal(rh_pair_worse(RH_PAIR_OLD, RH_PAIR_READD), RH_PAIR_OLD);
}

static void test_generation(void **state)
{
	(void)state;
	assert_int_equal(rh_pair_next_gen(0), 1);
	assert_int_equal(rh_pair_next_gen(98), 99);
	assert_int_equal(rh_pair_next_gen(99), 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lost_disk_is_readded),
	    cmocka_unit_test(test_without_bitmap_it_is_copied),
	    cmocka_unit_test(test_half_rebuilt_is_copied),
	    cmocka_unit_test(test_both_ran_alone),
	    cmocka_unit_test(test_newer_than_ours_is_never_merged),
	    cmocka_unit_test(test_stranger),
	    cmocka_unit_test(test_replaced_meanwhile),
	    cmocka_unit_test(test_failed),
	    cmocka_unit_test(test_disk_is_its_worst_member),
	    cmocka_unit_test(test_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

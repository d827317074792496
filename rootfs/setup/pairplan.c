// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a member comes back; the contract is in pairplan.h.
 *
 * What md writes down. Each member's superblock holds an event count, raised with every change of
 * state, and the list of the members that were active then ("AA": both). Before an array that lost
 * a member writes one byte of data, it writes superblocks that say so ("A."), with a higher count.
 * So a member whose own superblock says "AA" has never taken a write that the other did not get as
 * well; and one that says ".A" has, or may have, data of its own.
 *
 * What mdadm does at boot (Incremental.c, count_active). The first member to appear is taken, and
 * the array is started as soon as there are as many members as the freshest of them counts active:
 *
 *  - A stale ("AA"), B fresh (".A"). A first: it counts two, so the array waits; when B comes, its
 *    higher count rules, A is thrown out as too old, and the array runs from B. B first: it counts
 *    one, the array runs at once, and A is not let into a running array. Either way B wins, from
 *    whichever port. Only when B does not appear at all does the timer start A alone; and then A
 *    says "A." and has a history of its own.
 *  - Both ran alone ("A." and ".A"). Whichever comes first counts one and runs; the other is left
 *    out (were both there, the one that calls the best missing would be refused). They are never
 *    merged, whatever the counts say, equal ones included. Which of them runs is chance, and boot
 *    may even run from one and pv from the other.
 *
 * So after the kernel has chosen, the member left outside is judged here. The danger is the bitmap:
 * mdadm --re-add copies what *this* array has written since the other left, and nothing of what the
 * other may have written itself. It is right for "AA" and silently ruins data for ".A". Neither
 * mdadm nor the kernel looks at that list when a member is re-added to a running array: the kernel
 * compares the event count with the bitmap's, and a higher one passes. Hence:
 *
 *  1. A member that counts a working one of ours as missing, or whose count is above ours, has a
 *     history of its own: SPLIT. Never merged, never overwritten unasked.
 *  2. Array and device UUIDs come from the image, and a second machine from the same image bears
 *     the same: they prove nothing. What does is the serial number of the disk, noted while it
 *     worked here. Without it: STRANGER. One exception: a machine that has only ever run with one
 *     of the two disks, to which the other one comes as it was written (utime = ctime: no array
 *     has ever run with it).
 *  3. A member that was being rebuilt holds nothing of its own: COPY.
 *  4. The bitmap tells what changed since its events_cleared. It stands still while a member is
 *     missing, and goes on when another disk has taken the place. A member from before then is OLD:
 *     the kernel would refuse it. It holds only what our array had once, but someone may have put
 *     it aside as a copy: ask.
 *  5. Else READD with a bitmap, COPY without.
 *
 * A write that had reached the lost member only, and not the one that went on, is covered too: its
 * bit was set in both bitmaps before it was sent (md-bitmap.c), so the chunk is copied.
 */
#include "rootfs/setup/pairplan.h"

#include <stddef.h>

static bool calls_ours_missing(const struct rh_pair_running *a, const struct rh_mdsuper *m)
{
	for (unsigned i = 0; i < a->slots && i < RH_MDSUPER_SLOTS; i++)
		if (a->works[i] && m->state[i] != 'A')
			return true;
	return false;
}

/* As the image was written: no array has ever been started with it. */
static bool never_used(const struct rh_pair_running *a, const struct rh_mdsuper *m)
{
	return !a->was_whole && m->ctime == a->ctime && m->utime == m->ctime &&
	       m->resync_offset == RH_MDSUPER_END && !m->recovering;
}

enum rh_pair_what rh_pair_judge(const struct rh_pair_running *a, const struct rh_pair_outside *m,
				const char **why)
{
	if (calls_ours_missing(a, &m->super)) {
		*why = "it has run alone, without the disk that runs now";
		return RH_PAIR_SPLIT;
	}
	if (m->super.events > a->events) {
		*why = "it was written later than the disk that runs now";
		return RH_PAIR_SPLIT;
	}
	if (!m->known && !never_used(a, &m->super)) {
		*why = "it belongs to a pair of the same image, but has not worked in this machine";
		return RH_PAIR_STRANGER;
	}
	if (m->failed) {
		*why = "the kernel has thrown it out after an error";
		return RH_PAIR_FAILED;
	}
	if (m->super.recovering || m->super.role < 0) {
		*why = "it was not yet, or no longer, a whole copy";
		return RH_PAIR_COPY;
	}
	if (!a->bitmap) {
		*why = "it missed the latest changes, and no bitmap tells which";
		return RH_PAIR_COPY;
	}
	if (m->super.events < a->events_cleared) {
		*why = "it is from before another disk took its place";
		return RH_PAIR_OLD;
	}
	*why = "it missed the latest changes, and the bitmap tells which";
	return RH_PAIR_READD;
}

enum rh_pair_what rh_pair_worse(enum rh_pair_what a, enum rh_pair_what b)
{
	return a > b ? a : b;
}

const char *rh_pair_word(enum rh_pair_what what)
{
	static const char *const words[] = {
	    [RH_PAIR_WORKS] = "works",	     [RH_PAIR_REBUILDING] = "rebuilding",
	    [RH_PAIR_READD] = "readd",	     [RH_PAIR_COPY] = "copy",
	    [RH_PAIR_FAILED] = "failed",     [RH_PAIR_OLD] = "old",
	    [RH_PAIR_STRANGER] = "stranger", [RH_PAIR_SPLIT] = "split",
	};

	return words[what];
}

unsigned rh_pair_next_gen(unsigned n)
{
	return n < RH_PAIR_GEN_MAX ? n + 1 : RH_PAIR_GEN_MAX;
}

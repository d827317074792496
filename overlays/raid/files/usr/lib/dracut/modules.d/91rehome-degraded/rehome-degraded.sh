#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One disk is missing: start its arrays without it, ten seconds after the other one appeared.
#
# Runs in dracut's initqueue whenever udev has nothing left to do, about twice a second. Left alone,
# dracut starts incomplete arrays after two thirds of rd.retry, counted in turns of that loop: more
# than two minutes, and longer the slower the machine is. mdadm's own timer (mdadm-last-resort) is
# not armed here, because dracut replaces the udev rule that would do it.
#
# Why not at once: a drive that spins up late must not lose its place, and the slower one may be
# the fresher of the two. The firmware has read the boot loader from a disk and looked for the
# other by then, so drives that are there answer within seconds of each other; ten are enough, and
# short for a person who waits. Only the first start without a disk waits at all: afterwards the
# superblock of the other one says that it is alone.
# rd.rehome.degraded=SECONDS on the kernel's command line sets another time.

rehome_incomplete() {
	for rehome_state in /sys/block/md*/md/array_state; do
		[ -r "$rehome_state" ] || continue
		read -r rehome_word <"$rehome_state"
		[ "$rehome_word" = inactive ] && return 0
	done
	return 1
}

if rehome_incomplete; then
	read -r rehome_now rehome_word </proc/uptime
	rehome_now=${rehome_now%%.*}
	if [ ! -e /run/rehome-degraded ]; then
		echo "$rehome_now" >/run/rehome-degraded
		warn "rehome: a disk is missing; starting without it in $(getarg rd.rehome.degraded= || echo 10) s unless it appears"
	fi
	read -r rehome_since </run/rehome-degraded
	if [ $((rehome_now - rehome_since)) -ge "$(getarg rd.rehome.degraded= || echo 10)" ]; then
		warn "rehome: starting with one disk"
		/sbin/mdraid_start
	fi
fi

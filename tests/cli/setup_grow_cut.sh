#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup grow cut before each of its changes and run again, with and without a restart between: the
# end must be the same as without the cut, and at each moment a disk has a whole table.
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
# shellcheck source=tests/cli/grow.inc
. "$TOP/tests/cli/grow.inc"

machine
grow || not_ok whole_run
facts >"$work/want"
for reboot in restart true; do
	k=1
	while :; do
		machine
		RH_STOP_AT_STEP=$k
		export RH_STOP_AT_STEP
		grow --boot
		status=$?
		unset RH_STOP_AT_STEP
		[ $status -eq 100 ] || break
		# The one that is not being written has a table without any fault.
		[ $k -le 3 ] || sound sda || not_ok "sound_after_$k"
		$reboot
		grow --boot || not_ok "resume_after_${k}_$reboot"
		facts >"$work/got"
		cmp "$work/want" "$work/got" || not_ok "same_end_after_${k}_$reboot"
		k=$((k + 1))
	done
	check "cuts_counted_$reboot" test $k -eq 16
done

[ "$failures" -ne 0 ] || ok same_end_after_each_cut
finish

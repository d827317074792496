#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup apply, cut before each of its outside-visible changes and then run again: the end must
# be the same as without the cut, and one more run must change nothing.
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"

# Each run keeps the mtimes of the tree out of it: only content, modes and owners count.
fresh
apply || not_ok whole_run
content >"$work/want"
step=${RH_EVERY:-1}
k=1
while :; do
	fresh
	RH_STOP_AT_STEP=$k
	export RH_STOP_AT_STEP
	apply
	status=$?
	unset RH_STOP_AT_STEP
	[ "$status" -eq 100 ] || break
	# After a cut the machine boots: it must find its way back without the volume as soon as the
	# answers are kept.
	if [ -e "$work/root/etc/rehome/answers.json" ]; then
		setup apply --boot
	else
		apply
	fi || not_ok "resume_after_$k"
	content >"$work/got"
	if ! diff "$work/want" "$work/got" >"$work/diff"; then
		not_ok "same_end_after_$k"
		sed 's/^/    /' "$work/diff"
	fi
	stamps >"$work/before"
	apply || not_ok "again_after_$k"
	stamps >"$work/after"
	cmp -s "$work/before" "$work/after" || not_ok "nothing_changes_after_$k"
	k=$((k + step))
done
check whole_run_ends test "$status" -eq 0
check cuts_counted test "$k" -gt 30
[ "$failures" -ne 0 ] || ok "same_end_after_each_of_$((k - 1))_cuts"

# The mail volume: whatever is there after a cut, what is called mail has a filesystem, and a volume
# that exists is never formatted.
fresh
apply
echo "all the mail" >"$work/root/dev/rehome/mail"
rm -r "$work/root/var/lib/rehome"
check apply_with_lost_state apply
check mail_is_kept test "$(cat "$work/root/dev/rehome/mail")" = "all the mail"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup apply, cut before each of its outside-visible changes and then run again: the end must
# be the same as without the cut, and nothing may be forgotten.
# shellcheck disable=SC2016,SC2119,SC2317 # the words in quotes are for sh -c; apply may have no arguments
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"

# Sweep every STEP-th cut; the other arguments go to each apply. Leaves the number of cuts in $k.
sweep() {
	step=$1
	shift
	k=1
	while :; do
		fresh
		RH_STOP_AT_STEP=$k
		export RH_STOP_AT_STEP
		apply "$@"
		status=$?
		unset RH_STOP_AT_STEP
		[ "$status" -eq 100 ] || break
		# After a cut the machine boots: it must find its way back without the volume as soon
		# as the answers are kept.
		if [ -e "$work/root/etc/rehome/answers.json" ]; then
			setup apply --boot "$@"
		else
			apply "$@"
		fi || not_ok "resume_after_$k"
		content >"$work/got"
		if ! diff "$work/want" "$work/got" >"$work/diff"; then
			not_ok "same_end_after_$k"
			sed 's/^/    /' "$work/diff"
		fi
		[ -z "${RH_AFTER:-}" ] || $RH_AFTER $k
		k=$((k + step))
	done
}

# What the running system must have been told, in one of the two runs.
told() {
	for call in 'systemd-sysusers ' 'nmcli --wait 30 connection up rehome' \
		'firewall-cmd --quiet --reload' 'systemctl restart alpha.service' \
		'systemctl restart beta.service' 'systemctl start srv-mail.mount' \
		'systemctl start --no-block rehome-import.service'; do
		grep -q "^$call" "$work/calls" || not_ok "told_after_$1: $call"
	done
	stamps >"$work/before"
	apply || not_ok "again_after_$1"
	stamps >"$work/after"
	cmp -s "$work/before" "$work/after" || not_ok "nothing_changes_after_$1"
}

fresh
apply || not_ok whole_run
content >"$work/want"
sweep 1 --no-services
check whole_run_ends test "$status" -eq 0
check cuts_counted test "$k" -gt 30
[ "$failures" -ne 0 ] || ok "same_end_after_each_of_$((k - 1))_cuts"
RH_AFTER=told sweep "${RH_EVERY:-6}"
[ "$failures" -ne 0 ] || ok services_told_after_each_cut

# The mail volume: whatever is there after a cut, what is called mail has a filesystem, and a volume
# that exists is never formatted.
fresh
apply
echo "all the mail" >"$work/root/dev/rehome/mail"
rm -r "$work/root/var/lib/rehome"
check apply_with_lost_state apply
check mail_is_kept test "$(cat "$work/root/dev/rehome/mail")" = "all the mail"
# A cut right after ssh-keygen: its files have names but no content yet.
fresh
apply || not_ok whole_run_for_keys
: >"$work/root/etc/ssh/ssh_host_ed25519_key"
apply || not_ok apply_with_empty_key
check empty_host_key_is_made_anew test -s "$work/root/etc/ssh/ssh_host_ed25519_key"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Stop at every operation that writes, run again: the same end as without the stop, and then nothing
# more to do. The same with a full disk (STRIDE=1: at every operation, else at every fourth).
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"

# Two mailboxes are enough: alice has one of each thing, bob makes the run span mailboxes.
fresh
vpasswd=$work/old/home/vpopmail/domains/example.com/vpasswd
sed -i '/^alice:/b; /^bob:/b; d' "$vpasswd"
sed -i '/^+hash/d' "$work/old/var/qmail/users/assign"
RH_COUNT_STEPS=$work/steps import
steps=$(cat "$work/steps")
mv "$work/mail" "$work/whole"
echo "# $steps steps"
check there_are_steps test "$steps" -gt 100

messages() { (cd "$1" && find . \( -path '*/cur/*' -o -path '*/new/*' \) -printf '%p %m %s %T@\n' | sort); }
messages "$work/whole" >"$work/want"
# Every message under a final name is whole: its date, which is set last, is there.
no_halves() { ! messages "$work/mail" | grep -vxFf "$work/want"; }
as_whole() {
	diff -r "$work/whole" "$work/mail" >"$work/diff" &&
		messages "$work/mail" | cmp -s - "$work/want" && return 0
	head -n 20 "$work/diff"
	return 1
}
sweep() { # sweep VARIABLE STATUS STRIDE
	bad=0
	k=1
	while [ "$k" -le "$steps" ]; do
		rm -rf "$work/mail"
		mkdir "$work/mail"
		env "$1=$k" "$IMPORT" --mail-root "$work/mail" --no-accounts \
			--owner "$(id -u):$(id -g)" "$work/old" >"$work/out" 2>&1
		[ $? = "$2" ] || { echo "    step $k: wrong status"; bad=1; }
		no_halves || { echo "    step $k: a half-made message"; bad=1; }
		import
		as_whole || { echo "    after a stop at step $k"; bad=1; }
		[ "$bad" = 0 ] || break
		k=$((k + $3))
	done
	[ "$bad" = 0 ]
}
check stop_at_every_step sweep RH_STOP_AT_STEP 100 1
# The same with batches of three files: many flushes, and mailboxes that span them.
rm -rf "$work/mail"
mkdir "$work/mail"
RH_BATCH_FILES=3 RH_COUNT_STEPS=$work/steps import
check small_batches as_whole
whole_steps=$steps
steps=$(cat "$work/steps")
export RH_BATCH_FILES=3
check stop_in_small_batches sweep RH_STOP_AT_STEP 100 "${STRIDE:-3}"
unset RH_BATCH_FILES
steps=$whole_steps
trace "$work/mail" >"$work/before"
import
trace "$work/mail" >"$work/after"
check then_nothing_to_do same "$work/before" "$work/after"
check full_disk_at_every_step sweep RH_FAIL_AT_STEP 1 "${STRIDE:-4}"
rm -rf "$work/mail"
mkdir "$work/mail"
RH_FAIL_AT_STEP=60 import
check full_disk_status exits 1
check full_disk_remedy says "make room on the target and run again"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup import: the states around an importer that ends well, badly, or not at all.
# shellcheck disable=SC2016,SC2119 # the words in quotes are for sh -c; apply may have no arguments
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
state() { "$SETUP" state --root "$work/root"; }

fresh
setup import
check unconfigured test $? = 1
check unconfigured_named says 'not configured yet'
apply
check import_works setup import
check import_says_importing says 'rehome-setup: state importing'
check import_says_exit says 'rehome-setup: import exit 0'
check import_says_ready says 'rehome-setup: state ready'
check import_state test "$(state)" = ready
check import_banner grep -q 'mail.example.org: ready' "$work/root/etc/issue.d/rehome.issue"
check import_arguments grep -qx \
	"rehome-import --volume OLDMAIL --report $work/root/var/lib/rehome/import/report.json" \
	"$work/calls"
rm -f "$work/calls"
check ready_boot setup apply --boot
check ready_imports_no_more test "$(calls rehome-import)" = 0

echo 3 >"$work/import-exit"
setup import --volume OTHER
check warnings_status test $? = 3
check warnings_state test "$(state)" = ready
check other_volume grep -q -- '--volume OTHER' "$work/calls"

echo 1 >"$work/import-exit"
setup import
check failure_status test $? = 1
check failure_says_exit says 'rehome-setup: import exit 1'
check failure_says_closed says 'rehome-setup: state closed'
check failure_says_why says 'importing from OLDMAIL'
check failure_state test "$(state)" = closed
rm "$work/import-exit"

# A shutdown in the middle, and the boot after it.
touch "$work/import-sleeps"
"$SETUP" import --root "$work/root" >"$work/out" 2>&1 &
pid=$!
i=0
while ! grep -q 'state importing' "$work/out" && [ $i -lt 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
sleep 0.3
kill -TERM $pid
wait $pid
check interrupted_status test $? = 1
check interrupted_named says 'it goes on at the next start'
check interrupted_state test "$(state)" = importing
rm "$work/import-sleeps" "$work/calls"
check boot_after_interruption setup apply --boot
check boot_starts_it_again test "$(calls '--no-block rehome-import.service')" = 1
check boot_state says 'rehome-setup: state importing'
check import_goes_on setup import
check import_goes_on_state test "$(state)" = ready

echo live >"$work/root/var/lib/rehome/state"
setup import
check live_refuses test $? = 1
check live_refuses_named says 'the machine is live'
echo nonsense >"$work/root/var/lib/rehome/state"
setup import
check nonsense_state says 'holds no state that is known'
finish

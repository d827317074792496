#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The small pair starts from BIOS, configures itself and is [UU], seen from outside.
. "$(dirname "$0")/lib.sh"
report=build/report-small

if $bin/rehome rehearse --firmware bios --old-data none --report $report build/pair-small >"$work/out" 2>"$work/err"; then
	status=0
else
	status=$?
fi
sed 's/^/# /' "$work/out"
last=$(tail -n 1 "$work/out")
if [ $status -eq 0 ] && [ "$last" = GO ]; then
	ok rehearse-small-bios
else
	not_ok rehearse-small-bios "status $status, last line '$last'"
	tail -n 30 "$work/err"
	tail -n 40 $report/serial.log 2>/dev/null
fi
grep -q '"verdict": *"GO"' $report/report.json && ok report-json || not_ok report-json
done_testing

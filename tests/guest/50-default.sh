#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job with the default recipe: genuine old server, UEFI, import, every proof, GO.
. "$(dirname "$0")/lib.sh"
report=build/report-z440

check build-z440 $bin/rehome build -q -o build/pair-z440 z440
check old-server tests/fixtures/oldserver/make --out build/oldserver

if $bin/rehome rehearse --firmware uefi --old-data build/oldserver/old.img --expect build/oldserver/expect.json \
	--report $report build/pair-z440 >"$work/out" 2>"$work/err"; then
	status=0
else
	status=$?
fi
sed 's/^/# /' "$work/out"
last=$(tail -n 1 "$work/out")
if [ $status -eq 0 ] && [ "$last" = GO ]; then
	ok rehearse-z440-uefi
else
	not_ok rehearse-z440-uefi "status $status, last line '$last'"
	tail -n 30 "$work/err"
	tail -n 60 $report/serial.log 2>/dev/null
fi
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The small pair starts with either disk alone, from BIOS and from UEFI, and loses less than 15 s by it.
# With the argument "all" from UEFI with Secure Boot too, and with every cell of the matrix.
. "$(dirname "$0")/lib.sh"
pair=build/pair-small report=build/report-matrix
if [ "${1:-}" = all ]; then
	cells="" report=build/report-matrix-all
else
	cells=bios:a,bios:b,uefi:a,uefi:b
fi

check build-small $bin/rehome build -q -o $pair small
before=$(stat -c '%i %Y %s' $pair/a.img $pair/b.img)
status=0
$bin/rehome rehearse --boot-matrix ${cells:+--cells "$cells"} --report $report $pair >"$work/table" 2>"$work/err" || status=$?
sed 's/^/# /' "$work/table"

# A line of the table for each cell that was wanted, also for those that were brought along.
cell() { # FIRMWARE DISKS
	if grep -q "^$1  *$2 .* ok\$" "$work/table"; then
		ok "start-$1-$2"
	else
		not_ok "start-$1-$2" "$(grep -A 5 "^$1  *$2 " "$work/table")"
		tail -n 30 "$report/cells/$1-$2.log" 2>/dev/null
	fi
}
for firmware in bios uefi ${cells:-secureboot}; do
	case $firmware in *:*) continue ;; esac
	for disks in both a b; do cell $firmware $disks; done
done
last=$(tail -n 1 "$work/table")
if [ $status -eq 0 ] && [ "$last" = GO ] && grep -q '"verdict": *"GO"' $report/report.json; then
	ok matrix-verdict
else
	not_ok matrix-verdict "status $status, last line '$last'"
	tail -n 20 "$work/err"
fi
if [ "$before" = "$(stat -c '%i %Y %s' $pair/a.img $pair/b.img)" ]; then ok pair-untouched; else not_ok pair-untouched; fi
done_testing

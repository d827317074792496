#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run test programs and count what they report.
#
# usage: tests/run.sh PROGRAM...
# A program prints "ok NAME", "not ok NAME" or "skip NAME: reason" lines, or cmocka's. One that ends
# with a status other than 0 and without a failed case, or that reports no case at all, counts as
# one failure. Last line: "N passed, N failed", and ", N skipped" when there were any.
set -u
passed=0 failed=0 skipped=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM

count() { grep -cE "$1" "$log"; }

for program in "$@"; do
	printf -- '--- %s\n' "$program"
	start=$(date +%s)
	CMOCKA_MESSAGE_OUTPUT=stdout "$program" >"$log" 2>&1
	status=$?
	ok=$(count '^(ok |\[       OK \])')
	bad=$(count '^(not ok |\[  FAILED  \] [a-zA-Z0-9_]+$)')
	skip=$(count '^(skip |\[  SKIPPED \] [a-zA-Z0-9_]+$)')
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((ok + skip)) -eq 0 ]; }; then
		bad=1
		echo "not ok $program: exit status $status, $ok cases"
	fi
	# Long test programs are worth reading as they are; of short ones only what went wrong.
	if [ "$bad" -gt 0 ] || [ -n "${VERBOSE:-}" ]; then
		cat "$log"
	else
		grep -E '^skip |^# ' "$log"
	fi
	printf '    %s: %d ok, %d failed, %d skipped, %d s\n' "${program##*/}" "$ok" "$bad" "$skip" \
		"$(($(date +%s) - start))"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

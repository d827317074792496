# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests that build and boot images: sourced, from the top of the project.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=build/bin
work=$(mktemp -d) || exit 1
bad=0
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

ok() { echo "ok $1"; }
not_ok() { # NAME [TEXT]
	echo "not ok $1"
	[ $# -lt 2 ] || echo "    $2"
	bad=$((bad + 1))
}
# check NAME COMMAND...: the command must succeed; what it printed is shown when it does not.
check() {
	check_name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		ok "$check_name"
	else
		not_ok "$check_name"
		tail -n 20 "$work/out" | sed 's/^/    /'
	fi
}
# rehearse NAME REPORT ARGUMENT...: a rehearsal must end in GO; its table is shown either way.
rehearse() {
	rehearse_name=$1 rehearse_report=$2
	shift 2
	status=0
	"$bin/rehome" rehearse --report "$rehearse_report" "$@" >"$work/out" 2>"$work/err" || status=$?
	sed 's/^/# /' "$work/out"
	last=$(tail -n 1 "$work/out")
	if [ $status -eq 0 ] && [ "$last" = GO ] && grep -q '"verdict": *"GO"' "$rehearse_report/report.json"; then
		ok "$rehearse_name"
	else
		not_ok "$rehearse_name" "status $status, last line '$last'"
		tail -n 30 "$work/err"
		tail -n 60 "$rehearse_report/serial.log" 2>/dev/null
	fi
}
done_testing() { [ "$bad" -eq 0 ]; exit; }

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
done_testing() { [ "$bad" -eq 0 ]; exit; }

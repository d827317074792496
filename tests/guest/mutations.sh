#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Does the comparison notice what it must? Without a virtual machine: the fixture's old server is
# imported into a genuine Dovecot in the sandbox; rh-probe must find everything equal; then one thing
# at a time is turned off (a message, a flag, a UID, …) and it must say which.
#
# RH_TREE: tar of a package tree with Dovecot 2.4 (default: the tree of tests/guest/mutations.json,
# made when it is missing). Last line: "N passed, N failed".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bin=${RH_BIN:-$top/build/bin}

for p in rehome rh-sandbox rh-probe rehome-import oldserver-drive; do
	[ -x "$bin/$p" ] || { echo "mutations: $bin/$p is not there: run make first" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
"$top/tests/fixtures/oldserver/make" --out "$work/fixture"
fixture=$(readlink -f "$work/fixture")
tree=${RH_TREE:-}
[ -n "$tree" ] || tree=$("$bin/rehome" tree "$here/mutations.json")

loader=$(ldd "$bin/rh-probe" | awk '/ld-linux/ { print $1 }')
libs=$(ldd "$bin/rh-probe" "$bin/rehome-import" |
	awk '$3 ~ /^\// { print $3 }' | while read -r l; do dirname "$(readlink -f "$l")"; done |
	sort -u | sed 's,^,/host,' | paste -sd:)
"$bin/rh-sandbox" --tree "$tree" --bind "$fixture:/fixture:ro" --bind "$bin:/bin-host:ro" \
	--bind "$here:/guest:ro" --bind /usr:/host/usr:ro -- \
	/guest/mutations.inside "/host$(readlink -f "$loader")" "$libs"

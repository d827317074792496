#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The long sweeps. One result a cell in build/proof/, so that a run that was cut goes on where it was;
# a cell is done again when the commit has changed. Writes docs/proof.md.
set -u
cd "$(dirname "$0")/.." || exit 1
commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- || echo -dirty)
dir=build/proof/$commit
mkdir -p "$dir"

# cell NAME WHAT COMMAND...
cells=""
cell() {
	name=$1 what=$2
	shift 2
	cells="$cells $name"
	[ -f "$dir/$name.result" ] && return
	echo "--- $name: $what"
	start=$(date +%s)
	if "$@" >"$dir/$name.log" 2>&1; then result=pass; else result=FAIL; fi
	tail -n 3 "$dir/$name.log"
	printf '%s\t%s\t%s\n' "$what" "$result" "$(($(date +%s) - start))" >"$dir/$name.result.tmp"
	mv "$dir/$name.result.tmp" "$dir/$name.result"
}

rehearse() { # FIRMWARE RECIPE
	build/bin/rehome build -q -o "build/pair-$2" "$2" || return 1
	if [ "$2" = z440 ]; then
		tests/fixtures/oldserver/make --out build/oldserver || return 1
		build/bin/rehome rehearse --firmware "$1" --old-data build/oldserver/old.img \
			--expect build/oldserver/expect.json --report "$dir/$2-$1" "build/pair-$2"
	else
		build/bin/rehome rehearse --firmware "$1" --old-data none --report "$dir/$2-$1" "build/pair-$2"
	fi
}
# Same recipe, same cache: what must be the same to the last bit (tables, boot areas, superblocks).
twice() {
	build/bin/rehome build -q -o build/pair-small small || return 1
	build/bin/rehome build -q --force -o build/pair-again small || return 1
	for d in a b; do
		for range in 0:34 2048:2048 1314816:64; do
			cmp -i $((${range%:*} * 512)) -n $((${range#*:} * 512)) "build/pair-small/$d.img" "build/pair-again/$d.img" || return 1
		done
	done
	rm -rf build/pair-again
}

cell small-bios "small recipe, BIOS, both disks" rehearse bios small
cell small-uefi "small recipe, UEFI, both disks" rehearse uefi small
cell z440-uefi "default recipe with the old server, UEFI" rehearse uefi z440
cell z440-bios "default recipe with the old server, BIOS" rehearse bios z440
cell twice "two builds: tables, boot area and superblocks bit-identical" twice
cell asan "unit and one-file tests under address and undefined-behaviour sanitizers" make asan

{
	echo "# Proof"
	echo
	echo "Written by \`make proof\` on $(date -u +%Y-%m-%d), commit $commit, $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $([ -w /dev/kvm ] && echo with || echo without) KVM."
	echo
	echo "| what | result | seconds |"
	echo "|---|---|---|"
	for c in $cells; do
		awk -F '\t' '{ printf "| %s | %s | %s |\n", $1, $2, $3 }' "$dir/$c.result"
	done
} >docs/proof.md.tmp && mv docs/proof.md.tmp docs/proof.md
cat docs/proof.md
! grep -q FAIL docs/proof.md

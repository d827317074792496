#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The long sweeps. One result a cell in build/proof/, so that a run that was cut goes on where it was;
# a cell is done again when the commit has changed. Writes docs/proof.md. With names of cells as
# arguments only these are run.
set -u
cd "$(dirname "$0")/.." || exit 1
commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- || echo -dirty)
dir=build/proof/$commit
mkdir -p "$dir"

# cell NAME WHAT COMMAND...
cells="" only="$*"
cell() {
	name=$1 what=$2
	shift 2
	[ -z "$only" ] || case " $only " in *" $name "*) ;; *) return ;; esac
	cells="$cells $name"
	[ -f "$dir/$name.result" ] && return
	echo "--- $name: $what"
	start=$(date +%s)
	if "$@" >"$dir/$name.log" 2>&1; then result=pass; else result=FAIL; fi
	# What could not run proves nothing. (The unit tests count their skips themselves.)
	if [ "$name" != asan ] && grep -q '^skip ' "$dir/$name.log"; then result=NO-GO; fi
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
cell small-bios "small recipe, BIOS, both disks" rehearse bios small
cell small-uefi "small recipe, UEFI, both disks" rehearse uefi small
cell z440-uefi "default recipe with the old server, UEFI" rehearse uefi z440
cell z440-bios "default recipe with the old server, BIOS" rehearse bios z440
cell same "two builds from one cache: bit-identical where we write, the same by content elsewhere" tests/guest/30-same.sh
cell matrix "boot matrix: BIOS, UEFI, Secure Boot; both disks and each alone" tests/guest/35-matrix.sh all
cell grow "growth at first boot; with a disk absent; with a smaller disk" tests/guest/40-grow.sh all
cell replace "a disk is replaced, and the new one boots alone" tests/guest/45-replace.sh all
cell comeback "a lost, a stale and an independent disk come back, BIOS and UEFI" tests/guest/48-comeback.sh all
cell stick "the stick installs a pair, BIOS and UEFI, unattended and by its screens" tests/guest/55-stick.sh all
cell cuts "power cuts at every step of growth and of replace-disk" tests/crash/cuts.sh --all
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
! grep -q -e FAIL -e NO-GO docs/proof.md

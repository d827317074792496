#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The long sweeps; writes docs/proof.md. One result a cell in build/proof/, so that a run that was cut goes
# on where it was. A result holds as long as what it was found with is the same: the whole project
# but its texts and those tests that the cell does not run. With names of cells as arguments
# only these are run; the table has all of them, and one that has not been run is NO-GO.
set -u
cd "$(dirname "$0")/.." || exit 1
commit=$(git rev-parse --short HEAD)
git diff --quiet HEAD -- || commit=$commit-dirty-$(git diff HEAD | sha256sum | cut -c 1-8)
dir=build/proof
mkdir -p $dir

# key PATH...: what a cell that runs these tests is found with
key() {
	{
		git ls-files -s -- . ':!docs' ':!*.md' ':!tests'
		git ls-files -s -- tests/guest/lib.sh tests/guest/vm.sh tests/fixtures "$@"
		git diff HEAD
	} | sha256sum | cut -c 1-12
}

# cell NAME WHAT TESTS COMMAND...: TESTS are paths, in one word
table="" only="$*"
cell() {
	name=$1 what=$2 tests=$3
	shift 3
	# shellcheck disable=SC2086 # several paths
	result=$dir/$name-$(key $tests)
	table="$table $result"
	printf '%s\n' "$what" >"$result.what"
	! grep -q "^pass" "$result.result" 2>/dev/null || return 0
	[ -z "$only" ] || case " $only " in *" $name "*) ;; *) return 0 ;; esac
	echo "--- $name: $what"
	start=$(date +%s)
	if "$@" >"$result.log" 2>&1; then verdict=pass; else verdict=FAIL; fi
	# What could not run proves nothing. (The unit tests count their skips themselves.)
	if [ "$name" != asan ] && grep -q '^skip ' "$result.log"; then verdict=NO-GO; fi
	tail -n 3 "$result.log"
	printf '%s\t%s\t%s, %s\n' "$verdict" "$(($(date +%s) - start))" "$commit" "$(date -u +%Y-%m-%d)" >"$result.tmp"
	mv "$result.tmp" "$result.result"
}

rehearse() { # FIRMWARE RECIPE
	build/bin/rehome build -q -o "build/pair-$2" "$2" || return 1
	if [ "$2" = z440 ]; then
		tests/fixtures/oldserver/make --out build/oldserver || return 1
		build/bin/rehome rehearse --firmware "$1" --old-data build/oldserver/old.img \
			--expect build/oldserver/expect.json --report "$dir/report-$2-$1" "build/pair-$2"
	else
		build/bin/rehome rehearse --firmware "$1" --old-data none --report "$dir/report-$2-$1" "build/pair-$2"
	fi
}
cell small-bios "small recipe, BIOS, both disks" "tests/proof.sh" rehearse bios small
cell small-uefi "small recipe, UEFI, both disks" "tests/proof.sh" rehearse uefi small
cell z440-uefi "default recipe with the old server, UEFI" "tests/proof.sh" rehearse uefi z440
cell z440-bios "default recipe with the old server, BIOS" "tests/proof.sh" rehearse bios z440
cell same "two builds from one cache: bit-identical where we write, the same by content elsewhere" "tests/guest/30-same.sh" tests/guest/30-same.sh
cell matrix "boot matrix: BIOS, UEFI, Secure Boot; both disks and each alone" "tests/guest/35-matrix.sh" tests/guest/35-matrix.sh all
cell grow "growth at first boot; with a disk absent; with a smaller disk" "tests/guest/40-grow.sh" tests/guest/40-grow.sh all
cell replace "a disk is replaced, and the new one boots alone" "tests/guest/45-replace.sh" tests/guest/45-replace.sh all
cell comeback "a lost, a stale and an independent disk come back, BIOS and UEFI" "tests/guest/48-comeback.sh" tests/guest/48-comeback.sh all
cell stick "the stick installs a pair, BIOS and UEFI, unattended and by its screens" "tests/guest/55-stick.sh" tests/guest/55-stick.sh all
cell cuts "power cuts at every step of growth and of replace-disk" "tests/crash" tests/crash/cuts.sh --all --out "$dir/cuts-$(key tests/crash)"
cell asan "unit and one-file tests under address and undefined-behaviour sanitizers" "tests" make asan

{
	echo "# Proof"
	echo
	echo "Written by \`make proof\` on $(date -u +%Y-%m-%d): $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), $([ -w /dev/kvm ] && echo with || echo without) KVM."
	echo "A result of an older commit stands while nothing that it depends on has changed."
	echo
	echo "| what | result | seconds | found with |"
	echo "|---|---|---|---|"
	for c in $table; do
		printf '| %s | %s |\n' "$(cat "$c.what")" "$(sed 's/\t/ | /g' "$c.result" 2>/dev/null || echo 'NO-GO: not run | | ')"
	done
} >docs/proof.md.tmp && mv docs/proof.md.tmp docs/proof.md
cat docs/proof.md
! grep -q -e FAIL -e NO-GO docs/proof.md

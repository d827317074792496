#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What can be checked of the rules in HACKING.md without judgement.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
fail() { echo "lint: $*"; bad=$((bad + 1)); }

# 1. Format, with the version that .clang-format names.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	for f in $(git ls-files '*.c' '*.h'); do
		clang-format --dry-run --Werror "$f" >/dev/null 2>&1 || fail "$f: run 'make format'"
	done
else
	fail "clang-format 14 is not installed: the format was not checked"
fi
# 2. Warnings are errors.
make --no-print-directory -s -j"$(nproc)" BUILD=build-lint CFLAGS='-O2 -Werror' all >build-lint.log 2>&1 ||
	{ tail -n 20 build-lint.log; fail "warnings (see above)"; }
rm -f build-lint.log
rm -rf build-lint
# 3. Sizes: files of at most 800 lines, functions of at most 60 (body between { and } in column 0).
for f in $(git ls-files '*.c' '*.h'); do
	n=$(wc -l <"$f")
	[ "$n" -le 800 ] || fail "$f has $n lines"
	awk -v f="$f" '/^\{/ { s = NR } /^\}/ { if (s && NR - s - 1 > 60) printf "lint: %s:%d: a function of %d lines\n", f, s, NR - s - 1; s = 0 }' "$f"
done >build-lint.log
if [ -s build-lint.log ]; then
	cat build-lint.log
	bad=$((bad + $(wc -l <build-lint.log)))
fi
rm -f build-lint.log
# 4. Each source names its licence.
for f in $(git ls-files '*.c' '*.h' '*.sh' '*.mk' Makefile); do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || fail "$f has no SPDX line"
done
# 5. Includes go one way; guestfs.h in one file; no shell strings.
git grep -nE '^#include "(builder|rootfs|tests)/' -- lib | sed 's/^/lint: lib looks up: /'
git grep -nE '^#include "rootfs/' -- builder | sed 's/^/lint: builder includes rootfs: /'
git grep -nE '^#include "builder/' -- rootfs | sed 's/^/lint: rootfs includes builder: /'
git grep -qE '^#include "(builder|rootfs|tests)/' -- lib && bad=$((bad + 1))
git grep -qE '^#include "rootfs/' -- builder && bad=$((bad + 1))
git grep -qE '^#include "builder/' -- rootfs && bad=$((bad + 1))
[ "$(git grep -lE '^#include <guestfs.h>' | tr '\n' ' ')" = "builder/disk.c " ] || fail "guestfs.h belongs to builder/disk.c alone"
git grep -nE '[^a-z_](system|popen)\(' -- '*.c' && fail "a shell string"
# 6. Shell scripts and manual pages, where the checkers are installed.
scripts=$(git ls-files | while read -r f; do [ -f "$f" ] && head -c 30 "$f" | grep -qa '^#!/bin/sh' && echo "$f"; done)
for f in $scripts; do sh -n "$f" || fail "$f: syntax"; done
if command -v shellcheck >/dev/null 2>&1; then
	# shellcheck disable=SC2086 # names without blanks
	# SC2154: variables that a sourced library sets.
	shellcheck -s sh -S warning -e SC2154 $scripts || fail "shellcheck (see above)"
else
	echo "lint: skip: shellcheck is not installed"
fi
if command -v mandoc >/dev/null 2>&1; then
	for f in $(git ls-files '*.1' '*.5'); do mandoc -T lint -W error "$f" || fail "$f: mandoc"; done
else
	echo "lint: skip: mandoc is not installed"
fi
[ "$bad" -eq 0 ] && echo "lint: no fault" || echo "lint: $bad faults"
[ "$bad" -eq 0 ]

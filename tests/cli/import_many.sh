#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Nothing gets lost between batches and threads: 3,000 messages in 30 mailboxes, in batches of every
# size that matters, and a source that changes in between.
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"

dom=$work/old/home/vpopmail/domains/many.example
mkdir -p "$work/old/var/qmail/users" "$dom" "$work/mail"
printf '+many.example-:many.example:89:89:/home/vpopmail/domains/many.example:-::\n.\n' \
	>"$work/old/var/qmail/users/assign"
u=0
while [ "$u" -lt 30 ]; do
	mkdir -p "$dom/u$u/Maildir/cur" "$dom/u$u/Maildir/new" "$dom/u$u/Maildir/tmp"
	echo "u$u:abJnggxhB/yWI:1:0:u:/home/vpopmail/domains/many.example/u$u:NOQUOTA"
	u=$((u + 1))
done >"$dom/vpasswd"
awk -v dom="$dom" 'BEGIN { for (i = 0; i < 3000; i++) {
	f = dom "/u" int(i / 100) "/Maildir/cur/" 1276544000 + i ".x:2,S"
	printf "message %d\n", i > f; close(f) } }'

# Every message of the source is at the target, with its bytes and date, and nothing else is.
complete() {
	listing "$dom" >"$work/a"
	listing "$work/mail/many.example" >"$work/b"
	same "$work/a" "$work/b" && test -z "$(find "$work/mail" -name 'rehome-import.[0-9]*')" &&
		test "$(grep -lx 'rehome-import 1 done' "$work"/mail/many.example/*/.rehome-import | wc -l)" = 30
}
listing() { (cd "$1" && find . -path '*/cur/*' -printf '%p %s %T@\n' | sort && find . -path '*/cur/*' -exec sha256sum {} + | sort); }

for size in 1 7 100 1000 100000; do
	rm -rf "$work/mail"
	mkdir "$work/mail"
	RH_BATCH_FILES=$size import
	check "batches_of_$size" complete
	check "batches_of_${size}_status" exits 0
done
import
check then_unchanged test "$(grep -c ' unchanged$' "$work/out")" = 30
for f in "$dom"/u1[0-9]/Maildir/cur/*5.x:2,S; do mv "$f" "$f"T; done
RH_BATCH_FILES=7 import
check flags_of_many complete
check flags_of_many_are_renames says '0 messages copied (0.0 MiB), 100 renamed'
finish

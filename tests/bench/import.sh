#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-import against `rsync -a`: the same data, the same disk, one run; prints both.
#
# usage: tests/bench/import.sh [OLDROOT]     default: a made tree of MESSAGES (20000) messages
# WORK (a folder on the disk to measure) and ROUNDS (3) may be set. Each round: rsync -a alone, rsync
# -a with a sync at the end, rehome-import (which always syncs), then both again with nothing to do.
# Root works in a file system of its own (FS=xfs or ext4, in a file), because a sync would write out
# what the rest of the machine is doing, and drops the caches before each (WARM=1: does not).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
import=${BUILD:-$top/build}/bin/rehome-import
messages=${MESSAGES:-20000}
rounds=${ROUNDS:-3}
work=$(mktemp -d "${WORK:-/var/tmp}/rehome-bench.XXXXXX")
cleanup() {
	mountpoint -q "$work" && umount "$work"
	rm -rf "$work" "$work.img"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
command -v rsync >/dev/null || { echo "skip import_bench: rsync is not installed"; exit 77; }
if [ "$(id -u)" = 0 ] && truncate -s 6G "$work.img" && "mkfs.${FS:-xfs}" -q "$work.img" &&
	mount -o loop "$work.img" "$work" 2>/dev/null; then
	echo "on a ${FS:-xfs} of its own"
else
	echo "on the file system of $work"
fi

make_tree() { # 20 accounts; sizes 1 to 24 KiB and a few of 400 KiB, seed 1
	mkdir -p "$1/var/qmail/users"
	for u in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
		for d in . .Sent; do
			for s in cur new tmp; do mkdir -p "$1/home/vpopmail/domains/example.com/u$u/Maildir/$d/$s"; done
		done
	done
	awk -v n="$messages" -v root="$1" 'BEGIN {
		srand(1)
		line = "The quick brown fox jumps over the lazy dog, and writes a line of mail.\n"
		while (length(block) < 409600) block = block line
		dom = root "/home/vpopmail/domains/example.com"
		print "+example.com-:example.com:89:89:/home/vpopmail/domains/example.com:-::\n." \
			> (root "/var/qmail/users/assign")
		for (u = 0; u < 20; u++) {
			m = dom "/u" u "/Maildir"
			printf "u%d:abJnggxhB/yWI:1:0:u%d:/home/vpopmail/domains/example.com/u%d:NOQUOTA\n", u, u, u > (dom "/vpasswd")
			print "1 276543210 " n + 1 > (m "/courierimapuiddb")
		}
		for (i = 1; i <= n; i++) {
			size = rand() < 0.01 ? 409600 : 1024 + int(rand() * 23552)
			m = dom "/u" (i % 20) "/Maildir"
			base = 1276544000 + i ".M" int(rand() * 999999) "P" 1000 + i % 9000 "V0I" i "_0.mail,S=" size
			sub_ = i % 4 == 0 ? "/.Sent" : ""
			f = m sub_ "/cur/" base ":2," (i % 3 ? "S" : "")
			printf "%s", substr(block, 1, size) > f
			close(f)
			if (sub_ == "") print i " " base > (m "/courierimapuiddb")
		}
	}'
}
timed() { # timed LABEL COMMAND...
	label=$1
	shift
	sync -f "$work"
	if [ "$(id -u)" = 0 ] && [ -z "${WARM:-}" ]; then echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || echo "the caches could not be dropped"; fi
	s=$(date +%s%N)
	"$@" >"$work/log" 2>&1 || [ $? = 3 ] || { cat "$work/log"; exit 1; }
	printf '%-34s %8.2f s\n' "$label" "$(echo "$(date +%s%N) $s" | awk '{ print ($1 - $2) / 1e9 }')"
}
rsync_sync() { rsync -a "$1" "$2" && sync -f "$2"; }
run_import() { mkdir -p "$2" && "$import" --mail-root "$2" --no-accounts "$1"; }

old=$work/old
if [ $# -gt 0 ]; then cp -a "$1" "$old"; else make_tree "$old"; fi
# as many messages there as here, or the figures mean nothing
count() { find "$1" -type f \( -path '*/cur/*' -o -path '*/new/*' \) | wc -l; }
for round in $(seq "$rounds"); do
	echo "round $round of $rounds"
	rm -rf "$work/r1" "$work/r2" "$work/mail"
	timed 'rsync -a' rsync -a "$old/home/vpopmail/domains/" "$work/r1/"
	timed 'rsync -a, then sync' rsync_sync "$old/home/vpopmail/domains/" "$work/r2/"
	timed 'rehome-import (syncs)' run_import "$old" "$work/mail"
	[ "$(count "$work/mail")" = "$(count "$old")" ] || { echo "messages are missing"; exit 1; }
	timed 'rsync -a, nothing to do' rsync -a "$old/home/vpopmail/domains/" "$work/r1/"
	timed 'rehome-import, nothing to do' run_import "$old" "$work/mail"
done

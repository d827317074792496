#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome write against two runs of `bmaptool copy`, one after the other, on two drives of 40 MB/s each.
#
# usage: tests/bench/write.sh
# SIZE (1024, MiB), HOLES (0, percent of the image), RATE (41943040, bytes/s of each drive) and WORK
# (a folder, memory when there is room) may be set. Needs root, loop devices, FUSE, bmaptool and
# qemu-storage-daemon.
#
# A drive is a file that QEMU serves through its own throttle, seen by FUSE, with a loop device on
# top: what QEMU does for a guest's drive, without the emulated processor, which would be the brake.
# The throttle counts zeroing as it counts data. bmaptool skips holes and leaves there what was on
# the disk; rehome zeroes them, because the halves of an array must agree. So with HOLES the
# two do not do the same work; the goal of 1.8 is for HOLES=0.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rehome=${BUILD:-$top/build}/bin/rehome
size=${SIZE:-1024} holes=${HOLES:-0} rate=${RATE:-41943040}
[ "$(id -u)" = 0 ] || { echo "skip write_bench: only root may make loop devices"; exit 77; }
for p in bmaptool qemu-storage-daemon losetup python3; do
	command -v $p >/dev/null || { echo "skip write_bench: $p is not installed"; exit 77; }
done
free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
[ "${free:-0}" -lt $((size * 5 * 1024)) ] || WORK=${WORK:-/dev/shm}
work=$(mktemp -d "${WORK:-/var/tmp}/rehome-bench.XXXXXX")
export XDG_STATE_HOME="$work/state"
server="" A="" B=""
cleanup() {
	for l in $A $B; do losetup -d "$l" || :; done
	[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- the pair: the data in sixteen pieces, holes between them ---
mkdir "$work/pair"
truncate -s "${size}M" "$work/pair/a.img"
step=$((size / 16)) data=$((size / 16 * (100 - holes) / 100))
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv "$(printf '%032x' $i)" -in /dev/zero 2>/dev/null |
		dd of="$work/pair/a.img" bs=1M seek=$((i * step)) count=$data conv=notrunc iflag=fullblock status=none
done
cp --sparse=always "$work/pair/a.img" "$work/pair/b.img"
printf 'disk b' | dd of="$work/pair/b.img" bs=1 seek=568 conv=notrunc status=none
(cd "$work/pair" && sha256sum a.img b.img >SHA256SUMS)
sum() { sed -n "$1s/ .*//p" "$work/pair/SHA256SUMS"; }
cat >"$work/pair/manifest.json" <<X
{ "recipe": "bench", "files": { "a.img": { "sha256": "$(sum 1)", "size": $((size * 1048576)) },
  "b.img": { "sha256": "$(sum 2)", "size": $((size * 1048576)) } } }
X
for x in a b; do bmaptool create -o "$work/$x.bmap" "$work/pair/$x.img" 2>/dev/null; done

# --- the drives ---
for x in a b; do
	truncate -s "${size}M" "$work/$x"
	: >"$work/$x.disk"
done
set --
for x in a b; do
	set -- "$@" --object "throttle-group,id=t$x,x-bps-total=$rate" --blockdev "file,filename=$work/$x,node-name=f$x" \
		--blockdev "throttle,file=f$x,throttle-group=t$x,node-name=n$x" \
		--export "fuse,id=e$x,node-name=n$x,mountpoint=$work/$x.disk,writable=on"
done
qemu-storage-daemon "$@" >"$work/log" 2>&1 </dev/null &
server=$!
tries=0
while [ "$(stat -c %s "$work/a.disk")$(stat -c %s "$work/b.disk")" != $((size * 1048576))$((size * 1048576)) ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] && kill -0 $server 2>/dev/null || { cat "$work/log"; echo "skip write_bench: QEMU exports no drives by FUSE here"; exit 77; }
	sleep 0.1
done
A=$(losetup -f --show "$work/a.disk")
B=$(losetup -f --show "$work/b.disk")

now() { date +%s.%N; }
minus() { awk "BEGIN { printf \"%.1f\", $1 - $2 }"; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }
fresh() { for x in a b; do fallocate -p -o 0 -l $((size * 1048576)) "$work/$x"; done; }

start=$(now)
bmaptool -q copy --bmap "$work/a.bmap" "$work/pair/a.img" "$A"
bmaptool -q copy --bmap "$work/b.bmap" "$work/pair/b.img" "$B"
bmap=$(minus "$(now)" "$start")
echo "$size MiB, $holes % holes, two drives of $((rate / 1048576)) MiB/s each"
echo "bmaptool copy, twice: $bmap s"

fresh
"$rehome" write -q --json --allow-loop --yes-erase "${A##*/}" --yes-erase "${B##*/}" "$work/pair" "$A" "$B" >"$work/json" 2>"$work/err" ||
	{ cat "$work/err"; exit 1; }
get() { python3 -c 'import json,sys
d = json.load(open(sys.argv[1]))
for k in sys.argv[2:]: d = d[k]
print(round(d, 1))' "$work/json" "$@"; }
check=$(get seconds check) write=$(get seconds write) verify=$(get seconds verify) peak=$(get peak_mib)
echo "rehome write: $write s; before it the checksums of both images: $check s; after it reading both back: $verify s"
times=$(ratio "$bmap" "$write")
echo "writing is $times times as fast (goal: 1.8), with the check $(ratio "$bmap" "$(awk "BEGIN { print $check + $write }")") times"
echo "peak memory: $peak MiB (goal: 64)"
cmp "$work/a" "$work/pair/a.img" && cmp "$work/b" "$work/pair/b.img"
[ "$holes" -gt 0 ] || awk "BEGIN { exit !($times >= 1.8 && $peak <= 64) }"

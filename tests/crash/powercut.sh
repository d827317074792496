#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The power cut plugin through a real nbdkit and QEMU's own NBD client: what was flushed is there,
# what was not may be gone, and nothing answers afterwards. The model itself: test_cutlog.c.
set -u
cd "$(dirname "$0")/../.." || exit 1
plugin=$(realpath "${BUILD:-build}/tests/nbdkit-powercut-plugin.so") || exit 2
work=$(mktemp -d) || exit 1
pid=""
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for program in nbdkit qemu-io; do
	command -v "$program" >/dev/null || { echo "skip powercut: $program is not installed"; exit 0; }
done
bad=0
# expect NAME COMMAND...
expect() {
	name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/    /' "$work/out"
		cat "$work/nbdkit.log"
		bad=$((bad + 1))
	fi
}

# serve WORD...: nbdkit over a.img and b.img as they are
serve() {
	rm -f "$work/sock" "$work/report"
	nbdkit -f -U "$work/sock" "$plugin" "disk=a:$work/a.img" "disk=b:$work/b.img" "report=$work/report" "$@" 2>"$work/nbdkit.log" &
	pid=$!
	n=0
	while [ ! -S "$work/sock" ] && [ $n -lt 100 ]; do
		sleep 0.05
		n=$((n + 1))
	done
}
stop() {
	kill "$pid"
	wait "$pid"
	pid=""
}
cut() {
	kill -USR1 "$pid"
	n=0
	while [ ! -f "$work/report" ] && [ $n -lt 100 ]; do
		sleep 0.05
		n=$((n + 1))
	done
}
fresh() {
	rm -f "$work"/?.img
	truncate -s 64M "$work/a.img" "$work/b.img"
}
# io DISK COMMAND...: cache=writeback, so that a write is no flush
io() {
	disk=$1
	shift
	set -- "$@" ""
	: >"$work/commands"
	for c in "$@"; do [ -z "$c" ] || echo "$c" >>"$work/commands"; done
	# kill -9 at the end: an orderly close of qemu-io would flush
	echo "sigraise 9" >>"$work/commands"
	qemu-io -f raw -t writeback "nbd+unix:///$disk?socket=$work/sock" <"$work/commands" >"$work/io.log" 2>&1
	! grep -q 'Input/output error\|Pattern verification failed\|power is off' "$work/io.log"
}
is() { qemu-io -r -f raw -c "read -P $2 $3 $4" "$work/$1.img" 2>&1 | grep -q 'read .*bytes at' &&
	! qemu-io -r -f raw -c "read -P $2 $3 $4" "$work/$1.img" 2>&1 | grep -q 'verification failed'; }
field() { sed -n "s/.*\"name\":\"$1\"[^}]*\"$2\":\\([0-9]*\\).*/\\1/p" "$work/report"; }

fresh
serve seed=1
expect writes-are-read io a 'write -P 17 0 1M' 'read -P 17 0 1M' flush 'write -P 34 0 1M' 'read -P 34 0 1M'
expect other-disk-too io b 'write -P 51 4M 64k' flush
cut
expect cut-is-reported grep -q '^{"cut":true,"seed":1,"error":""' "$work/report"
expect one-write-was-pending test "$(field a pending)" = 1
expect flushed-is-there is b 51 4M 64k
expect refuses-afterwards sh -c "! qemu-io -f raw -c 'read 0 512' 'nbd+unix:///a?socket=$work/sock'"
stop

# --- by seeds: the last megabyte of sixteen is kept or lost, the flushed ones never change ---
lost=0 kept=0
for seed in 1 2 3 4 5 6; do
	fresh
	serve "seed=$seed"
	set -- 'write -P 17 0 16M' flush
	for i in 0 1 2 3 4 5 6 7; do set -- "$@" "write -P 34 ${i}M 1M"; done
	io a "$@"
	cut
	stop
	expect "flushed-seed-$seed" is a 17 8M 8M
	for i in 0 1 2 3 4 5 6 7; do
		if is a 34 ${i}M 1M; then kept=$((kept + 1)); elif is a 17 ${i}M 1M; then lost=$((lost + 1)); fi
	done
done
echo "# of 48 unflushed writes $kept kept, $lost lost, $((48 - kept - lost)) torn"
expect some-lost-some-kept test "$lost" -gt 5 -a "$kept" -gt 5

# --- FUA, and zeros that are lost ---
for seed in 1 2 3 4; do
	fresh
	serve "seed=$seed"
	io a 'write -P 17 0 4M' flush 'write -P 34 0 64k' 'write -f -P 51 64k 64k' 'write -z 1M 1M' 'discard 2M 1M' 'write -zf 3M 64k'
	cut
	expect "fua-arrives-$seed" test "$(field a fua)" = 2
	stop
	expect "fua-is-kept-$seed" is a 51 64k 64k
	expect "zero-fua-is-kept-$seed" is a 0 3M 64k
done

# --- the same seed, the same writes, the same medium; cut by number of the write ---
for turn in 1 2; do
	fresh
	serve seed=9 cut-after=30
	set --
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do set -- "$@" "write -P $i ${i}00k 300k" "write -P 1$i $((i * 3))M 4k"; done
	io a "$@"
	n=0
	while [ ! -f "$work/report" ] && [ $n -lt 100 ]; do
		sleep 0.05
		n=$((n + 1))
	done
	stop
	sha256sum <"$work/a.img" >"$work/sum$turn"
	mv "$work/report" "$work/report$turn"
done
expect cut-by-number grep -q '"cut":true.*"name":"a","writes":30,' "$work/report1"
expect same-seed-same-medium cmp "$work/sum1" "$work/sum2"
expect same-seed-same-report cmp "$work/report1" "$work/report2"

# --- without a cut nothing is lost, and the medium after a cut can be served again ---
serve seed=5
expect served-again io a 'write -P 85 0 64k' 'read -P 85 0 64k'
stop
expect orderly-end-loses-nothing is a 85 0 64k
expect orderly-end-is-reported grep -q '"cut":false' "$work/report"

# --- armed: the writes are counted from SIGUSR2 on ---
serve seed=5 arm=yes cut-after=2
expect not-armed io a 'write -P 1 0 64k' 'write -P 2 0 64k' 'write -P 3 0 64k' flush
kill -USR2 "$pid"
sleep 0.3
io a 'write -P 4 1M 64k' 'write -P 5 2M 64k' 'write -P 6 3M 64k'
n=0
while [ ! -f "$work/report" ] && [ $n -lt 100 ]; do
	sleep 0.05
	n=$((n + 1))
done
stop
expect armed-cut grep -q '"cut":true.*"name":"a","writes":5,' "$work/report"
expect before-arming-is-kept is a 3 0 64k
expect after-the-cut-nothing-comes is a 0 3M 64k
[ "$bad" -eq 0 ]

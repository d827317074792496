#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome write onto disks that fail: the right disk is named with the byte, the other's state is
# told, no disk boots that is not whole, and a run with a sound disk goes on with the other one.
#
# A faulty disk is a file served by nbdkit with a filter, seen through nbdfuse, with a loop device
# on top, so the program gets its errors from the kernel as it would from a drive.
# shellcheck disable=SC2034 # write.inc cleans up by them: fuses, mounts
. "$(dirname "$0")/write.inc"

for p in nbdkit nbdfuse fusermount3; do
	command -v $p >/dev/null || skip_all "$p is not installed"
done
[ -c /dev/fuse ] || skip_all "no /dev/fuse here"
pair "$work/pair" || skip_all "no room for a pair"
junk "$work/a" 128
loop A "$work/a"

# faulty ARGUMENT...: $F is a loop device over what nbdkit serves with these arguments
faulty() {
	served=$work/served
	mkdir -p "$served"
	: >"$served/.nothing" 2>/dev/null
	rm -f "$served/.nothing" "$work/nbdkit.pid"
	nbdkit -f -P "$work/nbdkit.pid" -U "$work/nbd.sock" "$@" 2>"$work/nbdkit.log" </dev/null &
	server=$!
	tries=0
	while [ ! -s "$work/nbdkit.pid" ] && [ $tries -lt 100 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
	nbdfuse "$served" --unix "$work/nbd.sock" >"$work/nbdfuse.log" 2>&1 </dev/null &
	fuse=$!
	tries=0
	while [ ! -e "$served/nbd" ] && [ $tries -lt 100 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
	fuses=$served
	loop F "$served/nbd"
}
sound() { # take it away again
	losetup -d "$F" 2>/dev/null
	fusermount3 -u -z "$served" 2>/dev/null
	kill "$fuse" "$server" 2>/dev/null
	wait "$fuse" "$server" 2>/dev/null
	rm -f "$work/nbd.sock"
	fuses=""
}
dies() { # a run onto A and $F fails, and says which
	status 1 put "$work/pair" "$A" "$F" --checkpoint 4 "$@" && says "serial $(serial "$F")"
}
tells_a() { says "serial $(serial "$A")" && says 'no error'; }
dead_f() { cmp -n 1048576 "$work/f" /dev/zero; }
dead_a() { cmp -n 1048576 "$A" /dev/zero; }

# --- EIO from the first write on ---
junk "$work/f" 128
: >"$work/inject"
faulty --filter=error file "$work/f" error-pwrite=EIO error-pwrite-rate=100% error-pwrite-file="$work/inject" \
	error-zero=EIO error-zero-rate=100% error-zero-file="$work/inject" || skip_all "nbdkit and nbdfuse make no disk here"
check eio_on_first_write dies
check eio_tells_of_the_other tells_a
rm -f "$work/inject"
check sound_again status 0 put "$work/pair" "$A" "$F"
check sound_a_holds holds "$A" "$work/pair/a.img"
check sound_f_holds holds "$F" "$work/pair/b.img"
sound

# --- one sector that cannot be written, at a known place ---
bad=$((70 * 1048576))
tr '\0' 'j' </dev/zero | dd of="$A" bs=1M count=128 iflag=fullblock status=none
rm -rf "$work/state"
junk "$work/f" 128
faulty --filter=protect file "$work/f" protect=$bad-$((bad + 511))
check bad_sector_is_an_error dies
placed() { # the place named is that of the transfer with the bad sector in it
	at=$(sed -n "s/.*serial $(serial "$F").*at byte \([0-9]*\).*/\1/p" "$work/out" | head -n 1)
	[ "${at:-0}" -gt $((bad - 2097152)) ] && [ "$at" -le $bad ]
}
check bad_sector_is_placed placed
check bad_sector_tells_of_the_other tells_a
check bad_sector_leaves_f_dead dead_f
check bad_sector_leaves_a_dead dead_a
sound
# The disk is replaced: the sound one goes on, the new one begins.
junk "$work/f" 128
loop F "$work/f"
rm -f "$work/state/rehome/$(serial "$F").json" # another serial
check replaced_disk_is_written status 0 put "$work/pair" "$A" "$F" --checkpoint 4
goes_on_a() { grep -q "serial $(serial "$A").*going on at byte" "$work/out"; }
check sound_disk_goes_on goes_on_a
check replaced_holds holds "$F" "$work/pair/b.img"
check gone_on_holds holds "$A" "$work/pair/a.img"
unloop "$F"

# --- a disk that is shorter than it says ---
mkdir "$work/small"
if mount -t tmpfs -o size=48m none "$work/small" 2>/dev/null; then
	mounts=$work/small
	truncate -s 128M "$work/small/f"
	loop F "$work/small/f"
	check short_disk_is_an_error dies
	unloop "$F"
	umount "$work/small"
	mounts=""
else
	echo "skip short_disk_is_an_error: no tmpfs can be mounted here"
fi

# --- a sector that cannot be read back ---
junk "$work/f" 128
faulty --filter=error file "$work/f" error-pread=EIO error-pread-rate=100% error-pread-file="$work/inject"
check written_before_it_fails status 0 put "$work/pair" "$A" "$F" --no-verify
: >"$work/inject"
check unreadable_is_found status 1 rehome verify -q --pair "$work/pair" "$A" "$F"
check unreadable_is_named says "serial $(serial "$F")"
rm -f "$work/inject"
check readable_again status 0 rehome verify -q --pair "$work/pair" "$A" "$F"
sound

# --- gone in mid-write ---
junk "$work/f" 128
rm -rf "$work/state"
# Slow, and without the two seconds that nbdkit lets pass at once, so that there is a middle.
faulty --filter=rate file "$work/f" rate=160M burstiness=0.1
"$REHOME" write -q --json --progress-fd 3 --checkpoint 4 --restart --allow-loop --yes-erase "$(serial "$A")" \
	--yes-erase "$(serial "$F")" "$work/pair" "$A" "$F" 3>"$work/progress" >"$work/out" 2>&1 </dev/null &
run=$!
while kill -0 $run 2>/dev/null && ! grep -qE '"step":"write","done":0\.[2-8]' "$work/progress" 2>/dev/null; do sleep 0.05; done
kill -KILL "$server"
gone=0
wait $run || gone=$?
[ $gone -eq 1 ] && ok gone_is_an_error || not_ok gone_is_an_error
check gone_is_named says "serial $(serial "$F")"
check gone_tells_of_the_other says "serial $(serial "$A")"
check gone_leaves_f_dead dead_f
check gone_leaves_a_dead dead_a
sound
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome write: what it refuses, by name, before it writes a byte. Those that need md, LVM or ZFS
# are in tests/unit/test_write_probe.c, on made-up machines.
# shellcheck disable=SC2034 # write.inc cleans up by them: fuses, mounts
. "$(dirname "$0")/write.inc"

pair "$work/pair" || skip_all "no room for a pair"
junk "$work/a" 128
junk "$work/b" 128
cp "$work/a" "$work/before"
loop A "$work/a"
loop B "$work/b"
whole() { cmp "$work/a" "$work/before" && cmp "$work/b" "$work/before"; }
write() { rehome write -q --allow-loop --yes-erase "$(serial "$A")" --yes-erase "$(serial "$B")" "$@"; }

# --- names ---
check refuses_absent refused absent 'ls /dev/disk/by-id' write "$work/pair" /dev/disk/by-id/none-such "$B"
check refuses_file refused not-a-disk 'is no disk but a file' write "$work/pair" "$work/a" "$B"
check refuses_folder refused not-a-disk 'is no disk but a folder' write "$work/pair" "$work" "$B"
check refuses_loop refused not-a-disk 'add --allow-loop' rehome write --yes-erase "$(serial "$A")" "$work/pair" "$A" "$B"
check refuses_same refused same-disk 'one and the same disk' write "$work/pair" "$A" "$A"
ln -s "$A" "$work/alias"
check refuses_same_by_link refused same-disk 'one and the same disk' write "$work/pair" "$A" "$work/alias"
disk=$(lsblk -dnpo NAME,TYPE 2>/dev/null | sed -n 's/ *disk$//p' | head -n 1)
if [ -b "${disk:-}" ]; then
	byname() { refused not-by-id "$1" write "$work/pair" "$1" "$B"; }
	check refuses_kernel_name byname "$disk"
else
	echo "skip refuses_kernel_name: this machine has no disk"
fi
root=$(findmnt -no SOURCE / 2>/dev/null | sed 's/\[.*//')
if [ -b "${root:-}" ] && [ ! -e "/sys/class/block/${root##*/}/partition" ]; then
	check refuses_system_disk refused system-disk "" write "$work/pair" "$root" "$B"
elif [ -b "${root:-}" ]; then
	check refuses_system_partition refused partition "whole disk" write "$work/pair" "$root" "$B"
else
	echo "skip refuses_system_disk: / is on no disk"
fi

# --- what they are ---
truncate -s 64M "$work/small"
loop S "$work/small"
check refuses_small refused too-small 'take a larger disk' write "$work/pair" "$S" "$B"
check tells_both_disks says 'the pair needs'
loop R "$work/small" -r
check refuses_read_only refused read-only 'read-only' write "$work/pair" "$A" "$R"
truncate -s 128M "$work/4k"
if loop K "$work/4k" --sector-size 4096 2>/dev/null; then
	check refuses_4k_sectors refused sector-size '4096' write "$work/pair" "$K" "$B"
else
	echo "skip refuses_4k_sectors: losetup cannot make them here"
fi

# --- what they are used for ---
if mkfs.ext4 -q -F "$work/small" >/dev/null 2>&1 && unloop "$S" && truncate -s 128M "$work/small" &&
	loop M "$work/small" && mkdir "$work/mnt" && mount "$M" "$work/mnt" 2>/dev/null; then
	mounts=$work/mnt
	check refuses_mounted refused mounted "$work/mnt" write "$work/pair" "$M" "$B"
	check shows_content status 3 rehome write --allow-loop "$work/pair" "$M" "$B"
	check shows_content_text says ext4
	umount "$work/mnt"
	mounts=""
	truncate -s 128M "$work/inner"
	loop O "$A"
	check refuses_loop_on_it refused loop "$O" write "$work/pair" "$A" "$B"
	unloop "$O"
else
	echo "skip refuses_mounted: nothing can be mounted here"
fi
truncate -s 128M "$work/swap"
chmod 600 "$work/swap"
loop W "$work/swap"
if mkswap -q "$W" >/dev/null 2>&1 && swapon "$W" 2>/dev/null; then
	check refuses_swap refused swap 'swapoff' write "$work/pair" "$A" "$W"
	swapoff "$W"
else
	echo "skip refuses_swap: no swap can be made here"
fi
hold() { # hold it open exclusively while the write is tried
	python3 -c 'import os, sys, subprocess
os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
sys.exit(subprocess.call(sys.argv[2:]))' "$@" >"$work/out" 2>&1 </dev/null
}
if command -v python3 >/dev/null; then
	check refuses_held refused in-use '' hold "$A" "$REHOME" write -q --allow-loop --yes-erase "$(serial "$A")" \
		--yes-erase "$(serial "$B")" "$work/pair" "$A" "$B"
else
	echo "skip refuses_held: no python3"
fi

# --- all at once ---
truncate -s 16M "$work/tiny"
loop S2 "$work/tiny"
bigger() { status 3 write "$work/pair" "$work/alias2" "$S2" && says 'refused (absent)' && says 'refused (too-small)'; }
check refuses_all_at_once bigger
json() {
	"$REHOME" write -q --json --allow-loop "$work/pair" "$A" "$S2" >"$work/out" 2>/dev/null </dev/null
	[ $? -eq 3 ] && says '"why":"too-small"' && says '"ok":false' && says '"written":false'
}
check refuses_in_json json

# --- the word of the user ---
check refuses_unconfirmed status 3 rehome write --allow-loop "$work/pair" "$A" "$B"
check says_how_to_confirm says '--yes-erase'
one() { status 3 rehome write --allow-loop --yes-erase "$(serial "$A")" "$work/pair" "$A" "$B"; }
check refuses_half_confirmed one
check names_the_other says "$(serial "$B")"
check refuses_strange_serial status 3 write --yes-erase WD-STRANGE "$work/pair" "$A" "$B"
check names_strange_serial says 'WD-STRANGE'
# shellcheck source=tests/cli/wait.inc
. "$TOP/tests/cli/wait.inc"
# tty TYPED COMMAND...: at a terminal, on which TYPED is typed when the command asks
if command -v script >/dev/null; then
	tty() {
		typed=$1
		shift
		rm -f "$work/out" "$work/ended"
		: >"$work/out"
		{
			until_says 'Type its serial number' && printf '%b' "$typed"
			# The end of the input would be one more key.
			n=0
			while [ ! -e "$work/ended" ] && [ $n -lt 300 ]; do sleep 0.1 && n=$((n + 1)); done
		} | {
			tty_status=0
			script -qefc "exec $*" /dev/null >>"$work/out" 2>&1 || tty_status=$?
			: >"$work/ended"
			exit $tty_status
		}
	}
	check refuses_mistyped status 3 tty 'loop99\n' "$REHOME" write -q --allow-loop "$work/pair" "$A" "$B"
	check says_mistyped says 'is not the serial number of disk a'
	check refuses_empty_line status 3 tty '\n' "$REHOME" write -q --allow-loop "$work/pair" "$A" "$B"
	check refuses_ctrl_c status 3 tty '\003' "$REHOME" write -q --allow-loop "$work/pair" "$A" "$B"
else
	echo "skip refuses_mistyped: no script(1) to make a terminal"
fi
check usage_without_disks status 2 rehome write "$work/pair"
check usage_of_checkpoint status 2 rehome write --checkpoint x "$work/pair" "$A" "$B"

# --- a damaged pair ---
cp -R --sparse=always "$work/pair" "$work/bad"
poke "$work/bad/a.img" 70000000 'X'
check refuses_damaged_pair status 3 write "$work/bad" "$A" "$B"
check names_damaged_image says 'a.img is damaged'
check verify_names_damaged_image status 1 rehome verify -q "$work/bad"
check verify_says_which says 'a.img is damaged'
check verify_accepts_pair status 0 rehome verify -q "$work/pair"

check nothing_was_written whole
if command -v script >/dev/null; then
	check takes_typed_serials tty "$(serial "$A")\\n$(serial "$B")\\n" "$REHOME" write -q --allow-loop "$work/pair" "$A" "$B"
	check typed_a_holds holds "$A" "$work/pair/a.img"
	check typed_b_holds holds "$B" "$work/pair/b.img"
fi
finish

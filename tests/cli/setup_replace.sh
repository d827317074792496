#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup replace-disk: what it refuses, what it makes, and how it goes on after a cut.
# shellcheck disable=SC2016 # the words in quotes are for sh -c
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
# shellcheck source=tests/cli/pair.inc
. "$TOP/tests/cli/pair.inc"
# shellcheck source=tests/cli/replace.inc
. "$TOP/tests/cli/replace.inc"
command -v sfdisk >/dev/null || { echo "skip replace: sfdisk is not installed"; exit 0; }

replace() { setup replace-disk "$@"; }
# What must be true of a disk that is done.
complete() {
	setup pair || return 1
	says 'serial WD-NEW, /dev/sdb, port ata2' && says 'nothing: both disks work' || return 1
	diff -r "$fat/sda2" "$fat/sdb2" || return 1
	sfdisk --verify --quiet "$work/root/dev/sdb" || return 1
	[ "$(sfdisk --dump "$work/root/dev/sda" | sed -n 's/.*: \(start=.*type=[^,]*\),.*\(name=.*\)/\1 \2/p')" = \
		"$(sfdisk --dump "$work/root/dev/sdb" | sed -n 's/.*: \(start=.*type=[^,]*\),.*\(name=.*\)/\1 \2/p')" ] || return 1
	# No GUID twice.
	both=$(for d in sda sdb; do sfdisk --dump "$work/root/dev/$d"; done | grep -o -e 'label-id.*' -e 'uuid=[^,]*')
	[ "$(echo "$both" | wc -l)" -eq 10 ] && [ -z "$(echo "$both" | sort | uniq -d)" ] || return 1
	for d in sda sdb; do
		dd if="$work/root/dev/$d" bs=512 skip=2048 count=8 status=none | grep -qa 'core of modules-1' || return 1
	done
	[ "$(tr '\n' ' ' <"$work/root/var/lib/rehome/pair-disks")" = 'WD-A WD-NEW ' ] || return 1
	grep -q 'serial WD-NEW, port ata2' "$work/root/var/lib/rehome/disk-instruction.txt"
}

# --- a blank disk ---
lost
check dry_run replace --dry-run --serial WD-NEW
check dry_run_changes_nothing test "$(calls '^\(mdadm\|mkfs\|blockdev\)')" = 0
check replace_works replace --serial WD-NEW
check replace_shows_the_old says 'this disk works, and has all the mail:'
check replace_shows_the_new says 'holds nothing'
check replace_prints_the_paper says 'WHEN A DISK OF THIS MACHINE FAILS'
check replace_adds test "$(calls '^mdadm --manage /dev/md12[67] --add /dev/sdb[34]$')" = 2
check replace_is_complete complete
rm -f "$work/calls"
check replace_again replace --serial WD-NEW
check replace_again_changes_nothing test "$(calls '^\(mdadm\|mkfs\|blockdev\)')" = 0
replace
check whole_has_nothing_to_replace test $? = 1
check whole_says_so says 'both disks work: there is nothing to replace'

# --- asked at the terminal ---
lost
printf 'WD-NEW\n' | "$SETUP" replace-disk --root "$work/root" >"$work/out" 2>&1
check typed_serial test $? = 0
check typed_is_complete complete
lost
echo 'ext4' >"$work/sdb.sig"
printf 'WD-NEW\nWD-NOW\n' | "$SETUP" replace-disk --erase --root "$work/root" >"$work/out" 2>&1
check erase_asks_twice test $? = 1
check erase_named says 'that is not the same: nothing was changed'
check erase_changed_nothing test "$(calls '^\(mdadm\|mkfs\|blockdev\)')" = 0
printf 'WD-NEW\nWD-NEW\n' | "$SETUP" replace-disk --erase --root "$work/root" >"$work/out" 2>&1
check erase_typed test $? = 0
check erase_is_complete complete

# --- refused ---
refused() { # NAME TEXT ARGUMENT...
	refused_name=$1 refused_text=$2
	shift 2
	replace "$@"
	check "refuse_$refused_name" test $? = 1
	check "refuse_${refused_name}_named" says "$refused_text"
	check "refuse_${refused_name}_changes_nothing" test "$(calls '^\(mdadm\|mkfs\|blockdev\)')" = 0
}
lost
refused nothing_typed "the new disk's serial number is missing"
refused unknown_serial 'no disk has this serial number' --serial XYZ
refused near_serial 'is it this one?' --serial WD-NEV
refused healthy 'this is the disk that works and has all the mail' --serial WD-A --erase
echo 'xfs lager' >"$work/sdb.sig"
refused not_empty 'it is not empty: xfs lager on sdb' --serial WD-NEW
rm "$work/sdb.sig"
echo 1 >"$work/root/sys/block/sdb/ro"
echo 1 >"$work/root/sys/block/sdb/removable"
echo 4096 >"$work/root/sys/block/sdb/queue/logical_block_size"
refused read_only 'it can only be read' --serial WD-NEW --erase
check all_faults_at_once sh -c 'grep -q "removable volume" "$1" && grep -q "4096 bytes" "$1"' - "$work/out"
lost 40960
refused too_small 'it is too small: 20 MB' --serial WD-NEW --erase
lost
echo 8:16 >"$work/root/sys/block/sdb/dev"
mkdir -p "$work/root/proc/self"
echo '36 28 8:16 / /mnt rw - ext4 /dev/sdb rw' >"$work/root/proc/self/mountinfo"
refused mounted 'it is in use: mounted: sdb' --serial WD-NEW --erase
rm "$work/root/proc/self/mountinfo"
printf 'Filename Type\n/dev/sdb partition\n' >"$work/root/proc/swaps"
refused swap 'it is in use: swap space: sdb' --serial WD-NEW --erase
rm "$work/root/proc/swaps"
mkdir -p "$work/root/sys/block/sdb/holders/dm-3"
refused held 'used by dm-3' --serial WD-NEW --erase
rm -r "$work/root/sys/block/sdb/holders/dm-3"
disk sdc WD-NEW ata3
refused twice 'two disks have this serial number' --serial WD-NEW
# A third disk, while both work.
world
bootable
table sda
table sdb
setup pair --repair
disk sdc WD-NEW ata3
rm -f "$work/calls"
check working_is_done replace --serial WD-B --erase
check working_says_so says 'this disk works in the pair already'
check working_is_left_alone test "$(calls '^\(mdadm\|mkfs\|blockdev\)')" = 0
unbind md126 sdb3
bind md126 sdb3 none faulty
member sda3 boot 0 300 A.
refused works_in_one_array 'it works in the pair' --serial WD-B --erase

# --- a member that has run alone: only with --erase, and nothing of it survives ---
lost
partitions sdb
table sdb
member sdb3 boot 1 400 .A
member sdb4 pv 1 400 .A
for n in 3 4; do
	dd if="$work/root/dev/sdb$n" of="$work/root/dev/sdb" bs=512 conv=notrunc status=none \
		seek="$(cat "$work/root/sys/block/sdb/sdb$n/start")"
done
refused split 'a member of array pv on sdb4' --serial WD-NEW
check split_erased replace --serial WD-NEW --erase
check split_is_complete complete
# Stale signatures in the middle of nowhere, where the new partitions will lie.
lost
printf 'STALE' | dd of="$work/root/dev/sdb" bs=512 seek=$((16384 + 8)) conv=notrunc status=none
printf 'STALE' | dd of="$work/root/dev/sdb" bs=512 seek=$((12288 + 4096 - 16)) conv=notrunc status=none
check stale_replaced replace --serial WD-NEW
check stale_is_cleared sh -c '! grep -qa STALE "$1"' - "$work/root/dev/sdb"

# --- larger, and smaller but large enough ---
lost 163840
check larger replace --serial WD-NEW
check larger_is_complete complete
lost 79872
check a_little_smaller replace --serial WD-NEW
check a_little_smaller_works setup pair

# --- failing programs: said, and the next run goes on without --erase ---
for tool in wipefs blockdev mkfs.vfat mount grub-core mdadm; do
	lost
	touch "$work/fail-$tool"
	replace --serial WD-NEW
	status=$?
	rm -f "$work/fail-$tool"
	# An ESP that cannot be mounted is formatted and mounted again.
	[ "$tool" = mount ] || check "failing_$tool" test $status = 1
	check "failing_${tool}_named" says "$tool"
	check "failing_${tool}_goes_on" replace --serial WD-NEW
	check "failing_${tool}_is_complete" complete
done
# The one that has failed and is still held by the kernel.
lost
partitions sdb
bind md127 sdb4 none faulty
bind md126 sdb3 none faulty
echo 'linux_raid_member' >"$work/sdb4.sig"
check held_failed replace --serial WD-NEW --erase
rm "$work/sdb4.sig"
check held_failed_is_let_go test "$(calls '--remove /dev/sdb')" = 2
check held_failed_is_complete complete
check no_wait sh -c '"$1" replace-disk --help | grep -q no-wait' - "$SETUP"
finish

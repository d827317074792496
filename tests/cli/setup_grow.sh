#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup grow on faked disks: whole, with a tool that fails, a disk absent, smaller, damaged.
# shellcheck disable=SC2317 # functions are called through check
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
# shellcheck source=tests/cli/grow.inc
. "$TOP/tests/cli/grow.inc"

# --- the whole of it ---
machine
check grows grow
facts >"$work/want"
# 200000 sectors: 97 MiB and a bit; the last MiB is for the backup, so 96 MiB less 8 MiB before.
check table_of_a size_is sda 180224
check table_of_b size_is sdb 180224
check tables_are_sound sh -c "[ $(grep -c 'No errors' "$work/want") -eq 2 ]"
check boot_code_stays sh -c "head -c 16 '$work/root/dev/sdb' | grep -q '^boot code of sdb'"
check kernel_is_told test "$(cat "$work/root/sys/block/sdb/sdb4/size")" = 180224
check array_has_all test "$(cat "$work/root/sys/block/md127/md/component_size")" = 73728
check resync_is_held test "$(cat "$work/speed-while-growing")" = 1000
check resync_goes_on test "$(cat "$work/root/sys/block/md127/md/sync_speed_max")" = system
# 64 KiB a bit: 15360 KiB are the bits 0 to 239, and the last of 73728 KiB is 1151.
check new_region_is_marked test "$(cat "$work/root/sys/block/md127/md/bitmap_set_bits")" = 240-1151
check kernel_is_woken test "$(cat "$work/root/sys/block/md127/md/sync_action")" = resync
check note_is_gone test ! -e "$work/root/var/lib/rehome/growing"
check root_up_to_its_most lv_is root 512
check root_filesystem lv_is root.fs 512
check var_by_percent lv_is var 460
check var_filesystem lv_is var.fs 460
check says_it says 'grown in'
check mail_size_is_told says 'mail 14.0 GiB'
: >"$work/calls"
check again grow --boot
check again_does_nothing test "$(changes)" -eq 0
facts >"$work/got"
check again_changes_nothing cmp "$work/want" "$work/got"
check nothing_to_say says 'nothing to grow'

# --- only looking ---
machine
facts >"$work/before"
check dry_run grow --dry-run
check dry_run_tells says 'mirror pv: 0.0 GiB to 0.1 GiB'
check dry_run_tells_volumes says 'volume root: 1.2 GiB to 2.0 GiB'
facts >"$work/after"
check dry_run_changes_nothing cmp "$work/before" "$work/after"
check json sh -c "'$SETUP' grow --root '$work/root' --json 2>/dev/null | grep -q '\"verdict\": *\"ready\"'"

# --- a tool that fails: said, and the next run goes on ---
for tool in mdadm pvresize lvextend xfs_growfs pvs blkpg; do
	machine
	: >"$work/fail-$tool"
	if grow; then not_ok "fails_with_$tool"; fi
	says "$tool was told to fail" || not_ok "says_that_$tool"
	grow || not_ok "goes_on_after_$tool"
	facts >"$work/got"
	check "same_end_after_failing_$tool" cmp "$work/want" "$work/got"
done

# --- one disk absent ---
absent() { # the pair, B pulled out
	machine
	lose sdb 200
	super_to_disk sda
	mkdir -p "$work/away"
	cp "$work/root/dev/sdb" "$work/root/dev/sdb4" "$work/root/dev/sdb3" "$work/away"
	cp -R "$work/root/sys/block/sdb/." "$work/away/sys"
	out sdb
}
back() {
	cp "$work/away/sdb" "$work/away/sdb3" "$work/away/sdb4" "$work/root/dev/"
	disk sdb WD-B ata2 200000
	partitions sdb
	bind md127 sdb4 1 in_sync
	echo 0 >"$work/root/sys/block/md127/md/degraded"
	rm -rf "$work/away"
}
absent
: >"$work/calls"
if grow; then not_ok absent_is_told; else ok absent_is_told; fi
check absent_names_the_disk says 'serial WD-A'
check absent_says_what_to_do says 'put the other disk in'
check absent_does_nothing test "$(changes)" -eq 0
check absent_at_boot_is_no_failure grow --boot
check absent_is_waited_for grep -q 'systemctl start --no-block rehome-grow-wait.service' "$work/calls"
"$SETUP" grow --wait --root "$work/root" >"$work/out" 2>&1 </dev/null &
waiting=$!
check waiting_is_told until_says 'waiting: '
back
wait $waiting
check waits_until_it_is_back test $? -eq 0
facts >"$work/got"
check grows_when_it_is_back cmp "$work/want" "$work/got"

# --- being rebuilt, being checked ---
machine
echo spare >"$work/root/sys/block/md127/md/dev-sdb4/state"
if grow; then not_ok rebuilt_is_told; else ok rebuilt_is_told; fi
check rebuilt_says says 'being rebuilt'
machine
echo check >"$work/root/sys/block/md127/md/sync_action"
if grow; then not_ok check_is_told; else ok check_is_told; fi
check check_says says 'at work (check)'
machine
echo resync >"$work/root/sys/block/md127/md/sync_action"
grow &
growing=$!
check resync_is_told until_says 'waiting until the mirror has finished its resync'
echo idle >"$work/root/sys/block/md127/md/sync_action"
wait $growing
check resync_is_awaited test $? -eq 0

# --- disks of different size ---
machine 200000 120000
check smaller_disk grow
check both_get_the_smaller_a size_is sda 100352
check both_get_the_smaller_b size_is sdb 100352
check larger_table_sound sound sda
check smaller_table_sound sound sdb
machine 81920 200000
check one_of_the_old_size grow
check nothing_gets_larger size_is sdb 63488
check backup_moves sound sdb

# --- another partition behind ours ---
machine
sfdisk -q --relocate gpt-bak-std "$work/root/dev/sdb" 2>/dev/null
echo 'start=90112, size=2048, name=foreign' | sfdisk -q --append "$work/root/dev/sdb" 2>/dev/null
mkdir "$work/root/sys/block/sdb/sdb5"
echo 5 >"$work/root/sys/block/sdb/sdb5/partition"
echo 90112 >"$work/root/sys/block/sdb/sdb5/start"
echo 2048 >"$work/root/sys/block/sdb/sdb5/size"
check foreign_partition grow
check foreign_partition_is_named says 'partition 5 lies behind ours (4)'
check foreign_nothing_is_written size_is sda 63488

# --- tables damaged ---
zero() { dd if=/dev/zero of="$work/root/dev/$1" bs=512 seek="$2" count="$3" conv=notrunc status=none; }
machine
zero sdb $((81920 - 33)) 33
check backup_lost grow
facts >"$work/got"
check backup_lost_same_end cmp "$work/want" "$work/got"
zero sda 1 1
check primary_lost grow
facts >"$work/got"
check primary_is_mended cmp "$work/want" "$work/got"
machine
zero sdb 1 1
zero sdb $((81920 - 1)) 1
facts >"$work/before"
if grow; then not_ok both_lost; else ok both_lost; fi
check both_lost_says says 'both partition tables are damaged'
facts >"$work/after"
check both_lost_changes_nothing cmp "$work/before" "$work/after"

# --- the cut came between two sectors of B's primary table: the kernel sees no partitions there ---
machine
grow
rm -f "$work/torn" && cp "$work/root/dev/sdb" "$work/torn"
machine
RH_STOP_AT_STEP=5 "$SETUP" grow --root "$work/root" >/dev/null 2>&1
# The new entries (sector 2), the old header (sector 1), the new backup.
dd if="$work/torn" of="$work/root/dev/sdb" bs=512 skip=2 seek=2 count=1 conv=notrunc status=none
restart
unbind md127 sdb4
unbind md126 sdb3
rm -rf "$work/root/sys/block/sdb"/sdb[0-9]
if grow; then not_ok torn_waits; else ok torn_waits; fi
check torn_is_said says 'has been mended from the backup'
check torn_is_mended sound sdb
check torn_kernel_is_told grep -q 'blkpg rescan sdb' "$work/calls"
bind md127 sdb4 1 in_sync
echo 0 >"$work/root/sys/block/md127/md/degraded"
check torn_goes_on grow
facts >"$work/got"
check torn_same_end cmp "$work/want" "$work/got"
finish

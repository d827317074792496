#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup pair: what it shows, and what --repair gives back, leaves alone, notes and says.
# shellcheck disable=SC2016 # the words in quotes are for sh -c
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
# shellcheck source=tests/cli/pair.inc
. "$TOP/tests/cli/pair.inc"

pair() { setup pair "$@"; }
banner() { grep -q "$1" "$work/root/etc/issue.d/rehome-disks.issue" 2>/dev/null; }
gens() { ls "$work/root/boot/rehome" 2>/dev/null | tr '\n' ' '; }
learn() { pair --repair; }

# --- whole ---
world
check whole_is_fine pair
check whole_shows_serial says 'serial WD-A, /dev/sda, port ata1'
check whole_shows_arrays says 'md127, clean, 2 of 2 members'
check whole_needs_nothing says 'nothing: both disks work'
check showing_changes_nothing test ! -e "$work/root/var/lib/rehome/pair-disks"
check whole_repair pair --repair
check whole_calls_nothing test "$(calls mdadm)" = 0
check whole_learns_serials test "$(tr '\n' ' ' <"$work/root/var/lib/rehome/pair-disks")" = 'WD-A WD-B '
check whole_writes_the_paper grep -q 'serial WD-B, port ata2' "$work/root/var/lib/rehome/disk-instruction.txt"
check whole_has_no_banner test ! -e "$work/root/etc/issue.d/rehome-disks.issue"
check whole_has_no_generation test -z "$(gens)"
stamps >"$work/before"
pair --repair
stamps >"$work/after"
check whole_again_changes_nothing cmp "$work/before" "$work/after"

# --- one is missing ---
lose sda 120
out sda
pair
check missing_status test $? = 3
check missing_serial says 'missing     serial WD-A'
check missing_repair pair --repair
check missing_banner banner 'ONE DISK IS MISSING: serial WD-A'
check missing_generation test "$(gens)" = 'gen-1 '
check missing_is_no_second_alarm test ! -e "$work/alarms"
pair --repair
check missing_counts_once test "$(gens)" = 'gen-1 '
# The one that works now is not the one that worked alone then: that is another time, even if nobody
# has seen the pair whole in between.
check alone_is_noted grep -qx WD-B "$work/root/var/lib/rehome/pair-degraded"
echo WD-A >"$work/root/var/lib/rehome/pair-degraded"
check other_half_repair pair --repair
check other_half_counts test "$(gens)" = 'gen-2 '
check missing_keeps_the_paper grep -q 'serial WD-A' "$work/root/var/lib/rehome/disk-instruction.txt"

# --- it comes back ---
disk sda WD-A ata1
partitions sda
member sda3 boot 0 100 AA
member sda4 pv 0 100 AA
check back_repair pair --repair
check back_by_bitmap test "$(calls '^mdadm --manage /dev/md12[67] --re-add /dev/sda[34]$')" = 2
check back_says_so says 'takes /dev/sda4 back'
check back_is_whole pair
check back_no_banner test ! -e "$work/root/etc/issue.d/rehome-disks.issue"
check back_keeps_generation test "$(gens)" = 'gen-2 '
lose sdb 300
pair --repair
check next_time_next_generation test "$(gens)" = 'gen-3 '

# --- a stale one, in the first port, does not win and is taken back behind the other ---
world
learn
lose sda 500
check stale_repair pair --repair
check stale_by_bitmap test "$(calls '--re-add /dev/sda')" = 2
check stale_nothing_from_it test "$(calls 'sdb')" = 0

# --- both ran alone: never merged, whatever the counts ---
for events in 400 500 600; do
	world
	learn
	lose sda 500
	member sda3 boot 0 $events A.
	member sda4 pv 0 $events A.
	check "split_${events}_repair" pair --repair
	check "split_${events}_is_left_alone" test "$(calls mdadm)" = 0
	check "split_${events}_alarm" grep -q 'Both disks have run without the other' "$work/alarms"
	check "split_${events}_asks" grep -q 'replace-disk --erase --serial WD-A' "$work/alarms"
	check "split_${events}_banner" banner 'HAS A HISTORY OF ITS OWN'
	pair
	check "split_${events}_status" test $? = 3
	check "split_${events}_says_how_to_choose" says 'What runs now counts'
done
rm "$work/alarms"
pair --repair
check split_alarms_once test ! -e "$work/alarms"
# Only one of its members has a history of its own: the other is not taken back either.
world
learn
lose sda 500
member sda4 pv 0 400 A.
pair --repair
check half_split_is_left_alone test "$(calls mdadm)" = 0

# --- a disk of another machine that was made from the same image ---
world
learn
lose sda 500
echo WD-X >"$work/root/sys/block/sda/device/serial"
pair --repair
check stranger_is_left_alone test "$(calls mdadm)" = 0
check stranger_alarm grep -q 'has not worked in this machine' "$work/alarms"
world
disk sdc WD-X ata3
partitions sdc
member sdc4 pv 0 50 AA
learn
check third_disk_is_left_alone test "$(calls mdadm)" = 0
check third_disk_is_no_alarm test ! -e "$work/alarms"
check third_disk_is_shown sh -c '"$1" pair --root "$2" | grep -q STRANGER' - "$SETUP" "$work/root"

# --- first start with one disk of a new pair, the other comes later ---
world
lose sda 20
member sda3 boot 0 2 AA utime=1000
member sda4 pv 0 2 AA utime=1000
member sdb3 boot 1 20 .A cleared=2
member sdb4 pv 1 20 .A cleared=2
check unused_twin_repair pair --repair
check unused_twin_is_taken test "$(calls '--re-add /dev/sda')" = 2

# --- replaced meanwhile; half rebuilt; failed ---
world
learn
lose sda 500
member sdb4 pv 1 500 .A cleared=101
pair --repair
check old_is_left_alone test "$(calls mdadm)" = 0
check old_alarm grep -q 'from before another disk took its place' "$work/alarms"
world
learn
lose sda 500
member sda4 pv 0 100 AA features=3
touch "$work/rebuild-lasts"
check half_rebuilt pair --repair
check half_rebuilt_is_copied test "$(calls '^mdadm --manage /dev/md127 --add /dev/sda4')" = 1
check half_rebuilt_other_by_bitmap test "$(calls '--re-add /dev/sda3')" = 1
check rebuilding_is_shown sh -c '"$1" pair --root "$2" | grep -q "recover is under way"' - "$SETUP" "$work/root"
rm "$work/rebuild-lasts"
world
learn
lose sda 500
bind md127 sda4 none faulty
pair --repair
check failed_is_left_alone test "$(calls mdadm)" = 0
check failed_banner banner 'HAS FAILED'
check failed_is_not_missing banner 'ONE DISK DOES NOT WORK IN THE PAIR'
# Its disk is gone and the kernel still holds it: dropped when another name comes for it.
world
learn
lose sda 500
bind md127 sdz4 none faulty
check gone_repair pair --repair
check gone_is_dropped test "$(calls '--remove detached')" = 1

# --- boot from one, pv from the other ---
world
learn
unbind md126 sda3
member sdb3 boot 1 500 .A
unbind md127 sdb4
member sda4 pv 0 500 A.
pair --repair
check mixed_is_left_alone test "$(calls mdadm)" = 0
check mixed_alarm grep -q 'runs from one disk' "$work/alarms"

# --- mdadm fails: the other array is served all the same, and the next run goes on ---
world
learn
lose sda 500
touch "$work/fail-mdadm"
pair --repair
check failing_mdadm test $? = 1
check failing_mdadm_named says 'mdadm was told to fail'
check failing_mdadm_goes_on test "$(calls '^mdadm')" = 2
check failing_mdadm_again pair --repair
check failing_mdadm_whole pair

# --- cut before every change ---
k=1
while :; do
	again cut || {
		world
		learn
		lose sda 500
		member sda4 pv 0 100 AA features=3
		keep cut
	}
	RH_STOP_AT_STEP=$k "$SETUP" pair --root "$work/root" --repair >"$work/out" 2>&1
	[ $? -eq 100 ] || break
	pair --repair || not_ok "resume_after_$k"
	sleep 0.6
	pair --repair || not_ok "again_after_$k"
	pair || not_ok "whole_after_$k"
	[ "$(tr '\n' ' ' <"$work/root/var/lib/rehome/pair-disks")" = 'WD-A WD-B ' ] || not_ok "serials_after_$k"
	k=$((k + 1))
done
check cuts_counted test "$k" -gt 6
[ "$failures" -ne 0 ] || ok "same_end_after_each_of_$((k - 1))_cuts"
world
if command -v python3 >/dev/null; then
	check json_is_json sh -c '"$1" pair --root "$2" --json | python3 -m json.tool >/dev/null' - \
		"$SETUP" "$work/root"
else
	echo "skip json_is_json: python3 is not installed"
fi
finish

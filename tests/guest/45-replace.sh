#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A disk is lost and a new one takes its place: the pair starts from disk A beside a blank one, one
# command makes it whole, and then the new disk alone starts the machine, by the other firmware.
. "$(dirname "$0")/lib.sh"
. tests/guest/vm.sh

# until SECONDS COMMAND...
until_true() {
	until=$(($(date +%s) + $1))
	shift
	while ! "$@" >"$work/until" 2>&1; do
		[ "$(date +%s)" -lt "$until" ] || { cat "$work/until"; return 1; }
		sleep 5
	done
}
whole() { vm_ssh one 'rehome-setup pair --json' | grep -q '"whole": *true'; }
gone() { ! vm_ssh one "$@"; }

check build-small $bin/rehome build -q -o build/pair-small small
vm_new one build/pair-small || exit 1
size=$(stat -c %s build/pair-small/a.img)
truncate -s "$size" "$work/vm-one/new.img"
new=$work/vm-one/new.img@WD-RHNEW01

# --- with disk A and a blank one ---
check starts-with-one vm_start one firmware=uefi "disks=a,$new"
check reached-with-one vm_wait_ssh one 1500
check says-who-is-missing gone rehome-setup pair
check generation until_true 120 vm_ssh one 'test -e /boot/rehome/gen-1'
check banner vm_ssh one 'grep -q "ONE DISK IS MISSING" /etc/issue.d/rehome-disks.issue'
check alarm until_true 60 vm_ssh one 'journalctl --no-pager -t rehome-alarm | grep -q "ONE DISK IS MISSING"'
check alarm-without-sendmail vm_ssh one 'journalctl --no-pager -t rehome-alarm | grep -q "no mail was sent"'
check disk-timeout vm_ssh one 'test "$(cat /sys/block/sda/device/timeout)" = 180'
check refuses-the-healthy gone rehome-setup replace-disk --serial WD-RH000001 --erase --no-wait
check replace vm_ssh one 'rehome-setup replace-disk --serial WD-RHNEW01 --no-wait'
check rebuilt until_true 1800 whole
check both-members vm_ssh one 'test "$(grep -c "\[UU\]" /proc/mdstat)" = 2'
check partition-table vm_ssh one 'sgdisk --verify /dev/sdb | grep -q "No problems found" && sgdisk --print /dev/sdb | grep -q rehome-pv'
check boot-loaders vm_ssh one 'rehome-setup esp --dry-run'
check paper vm_ssh one 'grep -q WD-RHNEW01 /var/lib/rehome/disk-instruction.txt'
check banner-gone until_true 120 vm_ssh one 'test ! -e /etc/issue.d/rehome-disks.issue'
check nothing-to-replace gone rehome-setup replace-disk
check no-failed-unit vm_ssh one 'test -z "$(systemctl --failed --plain --no-legend)"'
check noted until_true 120 vm_ssh one 'test ! -e /var/lib/rehome/pair-degraded && grep -q WD-RHNEW01 /var/lib/rehome/pair-disks && grep -q WD-RH000001 /var/lib/rehome/pair-disks'
[ "$bad" -eq 0 ] || vm_ssh one 'rehome-setup pair; cat /proc/mdstat; journalctl -b --no-pager -o short-precise -u mdmonitor -u rehome-pair -t rehome-alarm'
check stops vm_stop one 300

# --- the new disk alone ---
check starts-with-the-new vm_start one firmware=bios "disks=-,$new"
check reached-with-the-new vm_wait_ssh one 1500
check new-is-degraded vm_ssh one 'test "$(grep -c "\[_U\]\|\[U_\]" /proc/mdstat)" = 2'
check next-generation until_true 120 vm_ssh one 'test -e /boot/rehome/gen-2'
[ "$bad" -eq 0 ] || vm_ssh one 'rehome-setup pair; cat /proc/mdstat; ls -l /boot/rehome /var/lib/rehome; head -n 20 /var/lib/rehome/pair-*; journalctl -b --no-pager -u rehome-pair'
check names-the-missing vm_ssh one 'rehome-setup pair | grep -q "missing .*WD-RH000001"'
vm_stop one 300
done_testing

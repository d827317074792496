#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The pair as it was built, at its first start: whole and in sync, and md itself finds no difference
# between the halves. Then what starts the machine: a change of GRUB goes to both disks, and a
# difference that nobody made on purpose is an alarm.
. "$(dirname "$0")/lib.sh"
. tests/guest/vm.sh
pair=build/pair-small

on() { vm_ssh w "$@" </dev/null; }
till() { vm_until w "$@"; }

check build-small $bin/rehome build -q -o $pair small
vm_new w $pair || exit 1
check starts vm_start w firmware=bios
check boots vm_wait_ssh w 400 || exit 1

# --- in sync from the first second ---
check whole on '[ "$(grep -c "\[UU\]" /proc/mdstat)" = 2 ] || { cat /proc/mdstat; exit 1; }'
on dmesg >"$work/dmesg"
[ "$(grep -c 'active with 2 out of 2 mirrors' "$work/dmesg")" -eq 2 ] && ok assembled-whole || not_ok assembled-whole "$(grep md "$work/dmesg")"
if grep -E 'resync|recovery of RAID|not clean' "$work/dmesg" >"$work/out"; then not_ok no-resync "$(cat "$work/out")"; else ok no-resync; fi
check names on 'hostname | grep -q . && [ -b /dev/md/boot ] && [ -b /dev/md/pv ] && [ "$(ls /dev/md | wc -l)" = 2 ] || { ls -l /dev/md; exit 1; }'
# The image's own size is its disks': mirror and tables stay as they are.
check nothing-grown on '! journalctl -b -u rehome-grow --no-pager | grep "mirror pv\|partition"'
check check-begins on 'for m in /sys/block/md*/md; do echo check >$m/sync_action; done'
check check-ends till 600 '[ "$(cat /sys/block/md*/md/sync_action | sort -u)" = idle ]'
check no-mismatch on 'grep -H . /sys/block/md*/md/mismatch_cnt; [ "$(cat /sys/block/md*/md/mismatch_cnt | sort -u)" = 0 ]'

# --- what starts the machine ---
# esp SERIAL: digests of the files, from a copy: the partition itself must be free for rehome-esp
esp='esp() { mkdir -p /run/esp && dd if="$(readlink -f /dev/disk/by-id/ata-*_$1-part2)" of=/run/esp.img bs=1M iflag=direct 2>/dev/null && mount -o ro,loop /run/esp.img /run/esp && (cd /run/esp && find . -type f -exec sha256sum {} + | sort); umount /run/esp; }'
same="$esp; esp WD-RH000001 >/run/a; esp WD-RH000002 >/run/b; [ -s /run/a ] && cmp /run/a /run/b"
check twins on "$same"
check no-alarm on '! journalctl -b -q -t rehome-alarm --no-pager | grep .'

# A new GRUB as a package brings it: both disks get it without being told, and nobody is alarmed.
signed=/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
check new-grub on "printf x >>$signed && sync"
check both-get-it till 120 "$same && grep -q \"\$(sha256sum <$signed | cut -d' ' -f1)\" /run/a"
check change-is-no-alarm on '! journalctl -b -q -t rehome-alarm --no-pager | grep .'

# A file of disk B changes by itself.
check drift on 'mkdir -p /run/esp && mount "$(readlink -f /dev/disk/by-id/ata-*_WD-RH000002-part2)" /run/esp && f=$(find /run/esp -iname grubx64.efi | head -n 1) && printf y >>"$f" && umount /run/esp'
check drift-is-seen on '! rehome-setup esp --dry-run'
on 'systemctl start rehome-esp' >"$work/out" 2>&1
check drift-is-an-alarm till 60 'journalctl -b -t rehome-alarm --no-pager | grep WD-RH000002'
check drift-is-mended till 60 "$same"
check agrees-again on 'rehome-setup esp --dry-run'
check stops vm_stop w
done_testing

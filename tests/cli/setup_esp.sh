#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup esp: both disks hold what the packages say; updates are explained, drift is an alarm.
# shellcheck disable=SC2016 # the words in quotes are for sh -c
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
# shellcheck source=tests/cli/pair.inc
. "$TOP/tests/cli/pair.inc"

fat=$work/root/dev/.fat
esp() {
	rm -f "$work/alarms"
	setup esp "$@"
}
lib=$work/root/usr/lib
new_packages() {
	echo shim-2 >"$lib/shim/shimx64.efi.signed"
	echo grub-2 >"$lib/grub/x86_64-efi-signed/grubx64.efi.signed"
	echo 'modules-2, longer' >"$lib/grub/i386-pc/moddep.lst"
}
# same_area DISK: boot code and core image of this disk are those of the packages
same_area() {
	for t in sda sdb; do
		dd if="$work/root/dev/$t" bs=512 skip=2048 count=8 status=none | grep -qa "core of $1" || return 1
		dd if="$work/root/dev/$t" bs=440 count=1 status=none | grep -qa 'boot code 1' || return 1
	done
}

# --- empty ESPs: the first run fills them ---
world
bootable
check first_run esp
check first_run_fills cmp "$lib/shim/shimx64.efi.signed" "$fat/sda2/EFI/BOOT/BOOTX64.EFI"
check first_run_fills_both diff -r "$fat/sda2" "$fat/sdb2"
check first_run_files test "$(cd "$fat/sda2" && find . -type f | sort | tr '\n' ' ')" = \
	'./EFI/BOOT/BOOTX64.EFI ./EFI/BOOT/grub.cfg ./EFI/BOOT/grubx64.efi ./EFI/BOOT/mmx64.efi ./EFI/debian/grub.cfg ./EFI/debian/grubx64.efi ./EFI/debian/mmx64.efi ./EFI/debian/shimx64.efi '
check first_run_boot_areas same_area modules-1
check unmounted test "$(calls '^umount')" = 2
stamps >"$work/before"
check again esp
stamps >"$work/after"
check again_changes_nothing cmp "$work/before" "$work/after"
check again_says_so says 'each disk can start the machine'
check look esp --dry-run

# --- a package was updated ---
new_packages
esp --dry-run
check look_sees_an_update test $? = 1
check look_changes_nothing grep -qx shim-1 "$fat/sda2/EFI/BOOT/BOOTX64.EFI"
check update esp
check update_reaches_both sh -c 'grep -qx shim-2 "$1/sda2/EFI/debian/shimx64.efi" && diff -r "$1/sda2" "$1/sdb2"' - "$fat"
check update_boot_areas same_area modules-2
check update_is_no_alarm test ! -e "$work/alarms"
check update_is_said says 'EFI/BOOT/BOOTX64.EFI brought up to date'
check update_again esp
check update_again_is_quiet test "$(grep -c 'up to date' "$work/out")" = 0

# --- somebody changed a file, or a disk forgets ---
echo rubbish >"$fat/sdb2/EFI/debian/grub.cfg"
check drift esp
check drift_is_mended cmp "$fat/sda2/EFI/debian/grub.cfg" "$fat/sdb2/EFI/debian/grub.cfg"
check drift_is_an_alarm grep -q 'serial WD-B, /dev/sdb: EFI/debian/grub.cfg had been changed or damaged' "$work/alarms"
rm "$fat/sda2/EFI/BOOT/BOOTX64.EFI"
printf X | dd of="$work/root/dev/sda" bs=1 seek=$((2048 * 512 + 600)) conv=notrunc status=none
esp --dry-run
check look_names_both sh -c 'grep -q "BOOTX64.EFI is not what" "$1" && grep -q "boot area is not what" "$1"' - "$work/out"
check lost_file esp
check lost_file_is_mended test -s "$fat/sda2/EFI/BOOT/BOOTX64.EFI"
check boot_area_is_mended same_area modules-2
check boot_area_is_an_alarm grep -q '/dev/sda: boot area had been' "$work/alarms"
printf X | dd of="$work/root/dev/sdb" bs=1 seek=3 conv=notrunc status=none
esp
check boot_code_is_mended same_area modules-2
check mbr_keeps_the_rest test "$(dd if="$work/root/dev/sdb" bs=1 skip=440 count=72 status=none | tr -d '\0' | wc -c)" = 0

# --- what is not ours is kept and noted ---
mkdir -p "$fat/sda2/EFI/fwupd"
echo firmware >"$fat/sda2/EFI/fwupd/x.cap"
check others esp
check others_are_kept test -e "$fat/sda2/EFI/fwupd/x.cap"
check others_are_noted says 'EFI/fwupd/x.cap is not the same on the other ESP'
check others_are_no_alarm test ! -e "$work/alarms"
touch "$fat/sda2/EFI/BOOT/grub.cfg.tmp-abcdefgh"
rm "$fat/sda2/EFI/BOOT/grub.cfg"
esp
check leftovers_are_swept test ! -e "$fat/sda2/EFI/BOOT/grub.cfg.tmp-abcdefgh"

# --- an ESP that cannot be mounted: the other disk is served, and it is an alarm ---
rm -r "$fat/sda2"
new_packages
echo shim-3 >"$lib/shim/shimx64.efi.signed"
esp
check broken_fat test $? = 1
check broken_fat_named says 'cannot mount the ESP /dev/sda2'
check broken_fat_alarm grep -q 'NOT MENDED' "$work/alarms"
check broken_fat_other_is_served grep -qx shim-3 "$fat/sdb2/EFI/BOOT/BOOTX64.EFI"
mkdir "$fat/sda2"
check broken_fat_mended esp
check broken_fat_equal diff -r "$fat/sda2" "$fat/sdb2"

# --- one disk alone; no packages ---
lose sda 120
out sda
check one_disk esp
rm "$lib/shim/mmx64.efi.signed"
esp
check no_package test $? = 1
check no_package_named says 'mmx64.efi.signed'

# --- cut before every change: the next run mends it, and one disk is always whole ---
k=1
while :; do
	again cut || {
		world
		bootable
		esp
		new_packages
		keep cut
	}
	RH_STOP_AT_STEP=$k "$SETUP" esp --root "$work/root" >"$work/out" 2>&1
	[ $? -eq 100 ] || break
	# What the cut leaves mounted: a reboot unmounts it.
	for m in "$work/root"/run/rehome/esp-*; do
		[ ! -L "$m" ] || { rm "$m"; mkdir "$m"; }
	done
	new=0 old=0
	for d in sda sdb; do
		case $(cat "$fat/$d"2/EFI/debian/shimx64.efi "$fat/$d"2/EFI/BOOT/grubx64.efi | tr '\n' ' ') in
		'shim-2 grub-2 ') new=1 ;;
		'shim-1 grub-1 ') old=1 ;;
		esac
	done
	[ $((new + old)) -gt 0 ] || not_ok "one_whole_after_$k"
	esp || not_ok "resume_after_$k"
	diff -r "$fat/sda2" "$fat/sdb2" || not_ok "equal_after_$k"
	same_area modules-2 || not_ok "areas_after_$k"
	[ ! -e "$work/alarms" ] || not_ok "no_alarm_after_$k"
	k=$((k + 1))
done
check cuts_counted test "$k" -gt 12
[ "$failures" -ne 0 ] || ok "same_end_after_each_of_$((k - 1))_cuts"
finish

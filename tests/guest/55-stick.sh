#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The stick: made from the small pair, read back by tools that are not ours, started in a machine
# with two blank disks, where it installs without questions; then the machine runs from the disks.
#
# usage: 55-stick.sh [all]
# Without "all": UEFI with Secure Boot. With it also BIOS, where the stick is left in the machine and the
# questions are answered on the serial line's menu; and the same image twice.
. "$(dirname "$0")/lib.sh"
. tests/guest/vm.sh
pair=build/pair-small stick=build/pair-small-stick.img
all=${1:-}
check build-small $bin/rehome build -q -o $pair small
size=$(stat -c %s $pair/a.img) || exit 1

check stick-made $bin/rehome stick -q $pair
[ -s $stick ] || exit 1
echo "# the stick: $(($(stat -c %s $stick) >> 20)) MiB; the pair's data: $(du -m $pair/a.img | cut -f1) MiB"
check stick-checksum sh -c "cd build && sha256sum --quiet -c pair-small-stick.img.sha256"
check stick-gpt sh -c "sgdisk -v $stick | grep -q 'No problems found'"
# Any zstd gives disk a back.
first=$(sgdisk -i 3 $stick | sed -n 's/^First sector: \([0-9]*\).*/\1/p')
sectors=$(sgdisk -i 3 $stick | sed -n 's/^Partition size: \([0-9]*\).*/\1/p')
dd if=$stick of="$work/archive" bs=1M skip=$((first / 2048)) count=$((sectors / 2048)) status=none
got=$(zstd -dcq <"$work/archive" | sha256sum | cut -d' ' -f1)
[ "$got" = "$(sed -n 's/  a.img$//p' $pair/SHA256SUMS)" ] && ok zstd-gives-disk-a || not_ok zstd-gives-disk-a "$got"

rm -f "$work/archive"

# --- in the machine ---
# blank NAME: two disks of 12 GiB, and the stick as an overlay: nothing writes to the image
blank() {
	qemu-img create -q -f qcow2 "$work/$1-1.qcow2" 12G
	qemu-img create -q -f qcow2 "$work/$1-2.qcow2" 12G
	qemu-img create -q -f qcow2 -F raw -b "$(pwd)/$stick" "$work/$1-stick.qcow2"
	disks="$work/$1-1.qcow2@WD-STICK01,$work/$1-2.qcow2@WD-STICK02"
}
# answers_with_disks NAME: the machine's answers volume, which names both
answers_with_disks() {
	d=$work/vm-$1
	sed 's/"version": 1,/"version": 1, "disks": ["WD-STICK01", "WD-STICK02"],/' "$d/rehome-answers.json" >"$d/with.json"
	cp "$d/answers.img" "$d/with.img"
	mcopy -o -i "$d/with.img" "$d/with.json" ::rehome-answers.json
}
# same_bytes NAME: both disks have what the pair has
same_bytes() {
	for n in 1 2; do
		qemu-img convert -O raw "$work/$1-$n.qcow2" "$work/raw"
		image=$pair/$(printf ab | cut -c$n).img
		if [ "$(stat -c %s "$work/raw")" -gt "$size" ] && cmp -n "$size" "$work/raw" "$image"; then
			ok "$1-disk-$n-bytes"
		else
			not_ok "$1-disk-$n-bytes"
		fi
		rm -f "$work/raw"
	done
}
# runs NAME: the installed machine is up, and both arrays are whole without a resync
runs() {
	if vm_wait_login "$1" 400; then ok "$1-login"; else
		not_ok "$1-login"
		return 1
	fi
	vm_wait_ssh "$1" 300 || { not_ok "$1-ssh" && return 1; }
	vm_ssh "$1" cat /proc/mdstat >"$work/mdstat"
	[ "$(grep -c '\[UU\]' "$work/mdstat")" -eq 2 ] && ok "$1-both-halves" || not_ok "$1-both-halves" "$(cat "$work/mdstat")"
	vm_ssh "$1" dmesg >"$work/dmesg"
	# What first-boot growth adds is resynced, and nothing else: before that, there is no recovery.
	if grep -qE 'md/raid1:md[0-9]+: (active with 2 out of 2|not clean)' "$work/dmesg" && ! grep -qE 'not clean -- starting background|recovery of RAID' "$work/dmesg"; then
		ok "$1-in-sync"
	else
		not_ok "$1-in-sync" "$(grep -iE 'md/|md:|raid' "$work/dmesg")"
	fi
}
# install NAME FIRMWARE-WORDS...: without questions; ends when the machine restarts
install() {
	name=$1
	shift
	blank "$name"
	vm_new "$name" - || return 1
	answers_with_disks "$name"
	start=$(date +%s)
	vm_start "$name" "$@" "disks=$disks" "usb-first=$work/$name-stick.qcow2" "answers=$work/vm-$name/with.img" qemu=-no-reboot
	if vm_wait_line "$name" 'Installed: both disks are written and compared' 600; then
		ok "$name-installed"
		echo "# $name: started, checked, written and compared in $(($(date +%s) - start)) s"
	else
		not_ok "$name-installed"
		return 1
	fi
	n=0
	while vm_running "$name" && [ $n -lt 60 ]; do sleep 1; n=$((n + 1)); done
	vm_running "$name" && not_ok "$name-restarts" || ok "$name-restarts"
	vm_kill "$name"
	same_bytes "$name"
}

if install stick-uefi firmware=uefi secure=yes; then
	vm_start stick-uefi firmware=uefi secure=yes "disks=$disks"
	runs stick-uefi
	vm_stop stick-uefi
fi
vm_free stick-uefi
rm -f "$work"/stick-uefi*

if [ "$all" = all ]; then
	# --- BIOS; the stick stays in the machine and must not install again ---
	if install stick-bios firmware=bios; then
		vm_start stick-bios firmware=bios "disks=$disks" "usb-first=$work/stick-bios-stick.qcow2" "answers=$work/vm-stick-bios/with.img"
		vm_wait_line stick-bios 'Start the server that is installed' 120 && ok left-stick-finds-the-pair || not_ok left-stick-finds-the-pair
		runs stick-bios
		vm_stop stick-bios
	fi
	vm_free stick-bios
	rm -f "$work"/stick-bios*

	# --- the menu, on the serial line ---
	blank stick-menu
	vm_new stick-menu -
	vm_start stick-menu firmware=bios "disks=$disks" "usb-first=$work/stick-menu-stick.qcow2" answers=no serial=pipe qemu=-no-reboot
	vm_wait_line stick-menu 'Number of the first disk' 300 && ok plain-questions || not_ok plain-questions
	vm_type stick-menu 'm\r'
	vm_wait_line stick-menu 'Mark the two disks' 60 && ok menu-opens || not_ok menu-opens
	sleep 2
	vm_type stick-menu ' \033[B \t\r' # mark, down, mark, next, press
	vm_wait_line stick-menu 'All that is on these two disks' 60 && ok menu-warns || not_ok menu-warns
	sleep 2
	vm_type stick-menu 'WD-STICK02\tWD-STICK01\t\r' # exchanged
	vm_wait_line stick-menu 'The serial number of' 60 && ok menu-wrong-serial || not_ok menu-wrong-serial
	sleep 2
	vm_type stick-menu '\r'
	sleep 2
	vm_type stick-menu '\t\r' # the marks are gone or not: the list is as it was
	sleep 2
	vm_type stick-menu 'WD-STICK01\tWD-STICK02\t\r'
	if vm_wait_line stick-menu 'Installed: both disks are written and compared' 600; then
		ok menu-installed
		sleep 2
		vm_type stick-menu '\r' # Restart
		n=0
		while vm_running stick-menu && [ $n -lt 60 ]; do sleep 1; n=$((n + 1)); done
		vm_running stick-menu && not_ok menu-restarts || ok menu-restarts
	else
		not_ok menu-installed
	fi
	vm_kill stick-menu
	same_bytes stick-menu
	vm_free stick-menu

	# --- the same image twice ---
	check stick-again $bin/rehome stick -q -o "$work/again.img" $pair
	cmp "$work/again.img" $stick && ok same-pair-same-stick || not_ok same-pair-same-stick
fi
done_testing

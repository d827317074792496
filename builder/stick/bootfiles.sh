#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the appliance's root tree for `rehome stick`: the system of the stick.
# /in: dracut.conf, answers.schema.json, units/, programs.tar (usr/sbin/rehome-stick); /out: the results.
set -eu
umask 022

set -- /lib/modules/*
[ $# -eq 1 ] && [ -d "$1" ] || { echo "expected one kernel in the tree, found: $*" >&2; exit 1; }
kver=${1##*/}

tar -C / -xf /in/programs.tar
# The libraries come from this tree, the program from the build root: of the same release, but one
# that is missing would show only on the target.
if ldd /usr/sbin/rehome-stick | grep 'not found' >&2; then exit 1; fi

mkdir -p /tmp/confdir /tmp/stick/etc /tmp/stick/usr/lib/systemd/system
mkdir -p /tmp/stick/usr/share/rehome
cp /in/units/* /tmp/stick/usr/lib/systemd/system/
cp /in/answers.schema.json /tmp/stick/usr/share/rehome/
ln -s rehome-stick.target /tmp/stick/usr/lib/systemd/system/default.target
printf 'NAME=Rehome\nID=rehome\nPRETTY_NAME="Rehome stick"\n' >/tmp/stick/etc/initrd-release

dracut --quiet --conf /in/dracut.conf --confdir /tmp/confdir --no-hostonly --force --reproducible --kver "$kver" \
	--include /tmp/stick / \
	--install "/usr/sbin/rehome-stick /usr/bin/udevadm /usr/bin/mount /usr/bin/umount /usr/bin/stty" /out/initrd.img
# dracut goes on after some failures.
lsinitrd /out/initrd.img >/tmp/list
for need in usr/sbin/rehome-stick libnewt.so libzstd.so units rehome-stick.target kernel/drivers/ata/ahci.ko \
	kernel/drivers/usb/storage/uas.ko kernel/drivers/usb/storage/usb-storage.ko kernel/fs/fat/vfat.ko terminfo/l/linux terminfo/v/vt220; do
	[ $need = units ] || grep -q "$need" /tmp/list || { echo "the stick's initramfs has no $need" >&2; exit 1; }
done
for never in mdadm md-raid dm-lvm /lvm raid1.ko dm-mod.ko; do
	if grep "$never" /tmp/list >&2; then echo "the stick's initramfs must not have $never" >&2; exit 1; fi
done

# As for the appliance, and a filesystem more: the stick's own is FAT.
grub-mkimage -O i386-pc -o /out/core.img -p "(,gpt2)/grub" \
	biosdisk part_gpt part_msdos fat ext2 diskfilter mdraid1x search search_fs_uuid \
	normal configfile linux test echo ls cat minicmd serial terminal halt reboot
cp /usr/lib/grub/i386-pc/boot.img /out/boot.img
cp /usr/lib/shim/shimx64.efi.signed /out/shimx64.efi
cp /usr/lib/shim/mmx64.efi.signed /out/mmx64.efi
cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed /out/grubx64.efi
cp "/boot/vmlinuz-$kver" /out/vmlinuz
chmod 0644 /out/*
printf '%s' "$kver" >/out/kver

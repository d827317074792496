#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the appliance's root tree: the initramfs, once, and the boot loaders' files.
# /in: overlay.tar (the overlays' settings that matter here), early.cfg; /out: the results.
set -eu
umask 022

tar -C / -xf /in/overlay.tar
set -- /lib/modules/*
[ $# -eq 1 ] && [ -d "$1" ] || { echo "expected one kernel in the tree, found: $*" >&2; exit 1; }
kver=${1##*/}

dracut --quiet --no-hostonly --force --reproducible --kver "$kver" /out/initrd.img
# dracut goes on after some failures; an initramfs without these cannot find the root.
lsinitrd /out/initrd.img >/tmp/list
for need in sbin/mdadm sbin/lvm kernel/drivers/ata/ahci.ko kernel/fs/xfs/xfs.ko kernel/drivers/md/raid1.ko rehome-degraded.sh; do
	grep -q "$need" /tmp/list || { echo "the initramfs has no $need" >&2; exit 1; }
done

/usr/lib/rehome/grub-core /out/core.img /in/early.cfg
cp /usr/lib/grub/i386-pc/boot.img /out/boot.img
cp /usr/lib/shim/shimx64.efi.signed /out/shimx64.efi
cp /usr/lib/shim/mmx64.efi.signed /out/mmx64.efi
cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed /out/grubx64.efi
chmod 0644 /out/*
printf '%s' "$kver" >/out/kver

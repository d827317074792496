#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A small pair, built and read back by tools that are not ours: sgdisk, mdadm, sha256sum, libguestfs.
. "$(dirname "$0")/lib.sh"
pair=build/pair-small

check build-small $bin/rehome build -q -o $pair small
[ -f $pair/manifest.json ] || exit 1

# --- again, with nothing changed: at once, and nothing is touched ---
before=$(stat -c '%i %Y' $pair/a.img)
start=$(date +%s%N)
$bin/rehome build -q -o $pair small >"$work/again" 2>&1
ms=$((($(date +%s%N) - start) / 1000000))
echo "# unchanged build: $ms ms"
if grep -q 'nothing has changed' "$work/again" && [ "$before" = "$(stat -c '%i %Y' $pair/a.img)" ]; then
	ok unchanged-is-left-alone
else
	not_ok unchanged-is-left-alone "$(cat "$work/again")"
fi

# --- checksums and tables ---
check checksums sh -c "cd $pair && sha256sum --quiet -c SHA256SUMS"
for d in a b; do
	check "gpt-$d" sh -c "sgdisk -v $pair/$d.img | grep -q 'No problems found'"
	sgdisk -p $pair/$d.img >"$work/$d.table"
	sgdisk -p $pair/$d.img | sed -n 's/^Disk identifier (GUID): //p' >"$work/$d.guid"
	for n in 1 2 3 4; do sgdisk -i $n $pair/$d.img | sed -n 's/^Partition unique GUID: //p'; done >>"$work/$d.guid"
done
if [ "$(wc -l <"$work/a.guid")" -eq 5 ] && [ "$(sort "$work/a.guid" "$work/b.guid" | uniq -d | wc -l)" -eq 0 ]; then
	ok guids-differ
else
	not_ok guids-differ
fi

# --- md superblocks, by mdadm; it reads files as well as devices ---
part() { # DISK NUMBER FILE: the partition as a sparse file of its own
	first=$(sgdisk -i "$2" $pair/"$1".img | sed -n 's/^First sector: \([0-9]*\).*/\1/p')
	size=$(sgdisk -i "$2" $pair/"$1".img | sed -n 's/^Partition size: \([0-9]*\).*/\1/p')
	dd if=$pair/"$1".img of="$3" bs=512 skip="$first" count="$size" conv=sparse status=none
	truncate -s $((size * 512)) "$3"
}
for d in a b; do
	for p in boot:3:1.0 pv:4:1.2; do
		name=${p%%:*} rest=${p#*:}
		part $d "${rest%%:*}" "$work/$name-$d"
		mdadm --examine "$work/$name-$d" >"$work/$name-$d.txt" 2>&1
		if grep -q "Version : ${rest#*:}" "$work/$name-$d.txt" && grep -q 'State : clean' "$work/$name-$d.txt" &&
			grep -q 'Checksum : .* correct' "$work/$name-$d.txt" && grep -q 'Array State : AA' "$work/$name-$d.txt"; then
			ok "md-$name-$d"
		else
			not_ok "md-$name-$d" "$(cat "$work/$name-$d.txt")"
		fi
	done
done
same() { [ "$(grep "$2" "$work/$1-a.txt")" = "$(grep "$2" "$work/$1-b.txt")" ]; }
for name in boot pv; do
	if same $name 'Array UUID' && same $name 'Events' && ! same $name 'Device UUID' && ! same $name 'Device Role'; then
		ok "md-$name-identities"
	else
		not_ok "md-$name-identities"
	fi
done
# In sync is true only if the data areas are byte for byte the same.
check pv-data-equal cmp -i $((16 * 1048576)) "$work/pv-a" "$work/pv-b"
check boot-data-equal cmp -n $((480 * 1048576)) "$work/boot-a" "$work/boot-b"
rm -f "$work"/pv-? "$work"/boot-?

# --- what is inside, read through both members by libguestfs ---
cat >"$work/fish" <<EOT
add-ro $pair/a.img
add-ro $pair/b.img
run
list-md-devices
mount-ro /dev/rehome/root /
mount-ro /dev/rehome/var /var
cat /etc/fstab
cat /etc/machine-id
tar-out / $work/tree.tar
EOT
# mdadm looks for a bitmap in block devices only, so it runs in there too.
for part in sda3 sda4 sdb3 sdb4; do
	echo "debug sh \"echo BITMAP $part; mdadm --examine /dev/$part | grep Events; mdadm --examine-bitmap /dev/$part\"" >>"$work/fish"
done
check read-back guestfish -f "$work/fish"
for part in sda3 sda4 sdb3 sdb4; do
	sed -n "/^BITMAP $part/,/^BITMAP /p" "$work/out" >"$work/bitmap.txt"
	if grep -q 'Magic : 6d746962' "$work/bitmap.txt" && grep -q 'bits (chunks), 0 dirty' "$work/bitmap.txt" &&
		[ "$(sed -n 's/^ *Events : //p' "$work/bitmap.txt" | sort -u | wc -l)" -eq 1 ]; then
		ok "bitmap-$part"
	else
		not_ok "bitmap-$part" "$(cat "$work/bitmap.txt")"
	fi
done
grep -q '/dev/md' "$work/out" && ok arrays-assemble || not_ok arrays-assemble "$(cat "$work/out")"
grep -q '^uninitialized' "$work/out" && ok no-machine-id || not_ok no-machine-id
mkdir "$work/tree"
tar -C "$work/tree" -xf "$work/tree.tar" ./etc ./root ./var ./usr/share/rehome
keys=$(grep -rlE -- '-----BEGIN [A-Z ]*PRIVATE KEY-----' "$work/tree" 2>/dev/null)
[ -z "$keys" ] && ok no-private-key || not_ok no-private-key "$keys"
[ -z "$(ls "$work"/tree/etc/ssh/ssh_host_* 2>/dev/null)" ] && ok no-host-key || not_ok no-host-key
# The initramfs was made once, after all packages: none of theirs is in the cached tree.
key=$(find "${RH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rehome}/tree" -name '*.tar' -exec sh -c 'tar -tf "$1" | grep -q "^./boot/initrd" && echo "$1"' _ {} \;)
[ -z "$key" ] && ok no-initramfs-at-package-time || not_ok no-initramfs-at-package-time "$key"
n=$(tar -tf "$work/tree.tar" | grep -c '^./usr/lib/modules/[^/]*/modules.dep$')
[ "$n" -eq 1 ] && ok one-kernel || not_ok one-kernel "$n kernels"
rm -rf "$work/tree" "$work/tree.tar"

# --- an interrupted build leaves the old pair and nothing else ---
sums=$(cat $pair/SHA256SUMS)
timeout --preserve-status -s INT 25 $bin/rehome build -q --force -o $pair small >"$work/int" 2>&1
status=$?
left=$(find build -maxdepth 1 -name 'pair-small.tmp-*')
if [ $status -ne 0 ] && [ -z "$left" ] && [ "$sums" = "$(cat $pair/SHA256SUMS)" ] && [ "$before" = "$(stat -c '%i %Y' $pair/a.img)" ]; then
	ok interrupted-leaves-the-old-pair
else
	not_ok interrupted-leaves-the-old-pair "status $status; left: $left; $(cat "$work/int")"
fi
done_testing

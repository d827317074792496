#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Same inputs, same result: a second build of the small pair, with every kind of change made to it, is
# compared with the first. What is found must be those changes, each by its name, and nothing else:
# so whatever was not changed is the same.
. "$(dirname "$0")/lib.sh"
pair=build/pair-small
again=$work/again

check first $bin/rehome build -q -o $pair small
check second $bin/rehome build -q --force -o "$again" small
[ -f "$again/manifest.json" ] || exit 1

# --- a pair with itself: without a look inside ---
start=$(date +%s)
check same-bytes sh -c "$bin/rehome verify -q $pair --against $pair | grep -q '^the same, bit by bit'"
echo "# a pair with itself: $(($(date +%s) - start)) s"

# --- what needs no kernel is equal to the last byte ---
mib() { # IMAGE FIRST COUNT: bytes of an image
	dd if="$1" bs=1M skip="$2" count="$3" status=none
}
first() { sgdisk -i "$1" $pair/a.img | sed -n 's/^First sector: \([0-9]*\).*/\1/p'; }
pv=$(($(first 4) / 2048 + 16))
for d in a b; do
	mib $pair/$d.img 0 $(($(first 3) / 2048)) | cmp - "$again/$d.img" >"$work/out" 2>&1
	if grep -q 'EOF on -' "$work/out"; then ok "front-$d"; else not_ok "front-$d" "$(cat "$work/out")"; fi
	mib $pair/$d.img $pv 1 >"$work/lvm"
	mib "$again/$d.img" $pv 1 | cmp - "$work/lvm" >"$work/out" 2>&1 && ok "lvm-$d" || not_ok "lvm-$d" "$(cat "$work/out")"
done
check lvm-is-valid sh -c "pvck --dump headers $work/lvm 2>&1 | grep -q 'vgname rehome'"

# --- changes: inside, on disk a, through LVM on its data area; then single bytes ---
socket=$work/nbd.sock
nbdkit -f -U "$socket" --filter=offset file "$again/a.img" offset=$((pv * 1048576)) \
	range=$(($(stat -c %s "$again/a.img") - (pv + 1) * 1048576)) 2>"$work/nbd.log" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
tries=0
while [ ! -S "$socket" ] && [ $tries -lt 50 ]; do
	sleep 0.2
	tries=$((tries + 1))
done
cat >"$work/fish" <<'EOT'
run
mount /dev/rehome/root /
mount /dev/rehome/var /var
chmod 0600 /etc/hosts
chown 7 0 /etc/fstab
utimens /etc/hostname 5 0 5 7
setxattr user.rehome changed 7 /etc/passwd
write /etc/group "not what it was\n"
rm /etc/services
ln-sf /nowhere /etc/localtime
ln /etc/hostname /etc/hostname-too
touch /etc/more
utimens /etc 1 0 1 0
mkdir /var/spare
utimens / 1 0 1 0
EOT
check changes guestfish --format=raw -a "nbd://?socket=$socket" -f "$work/fish"
kill $server
wait $server 2>/dev/null
byte() { # IMAGE OFFSET: another value of one byte
	old=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %03o $(((old + 1) % 256)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
esp=$(($(first 2) * 512 + $(mib "$again/a.img" $(($(first 2) / 2048)) 64 | grep -abo 'configfile' | head -n 1 | cut -d: -f1)))
byte "$again/a.img" "$esp" # the ESP's GRUB settings
check halves-differ sh -c "$bin/rehome verify -q $pair --against $again | grep -q 'again/b.img: no copy of disk a: array pv'"
# Disk b gets the changes too, and keeps what is its own: all that is not data of the arrays.
mv "$again/b.img" "$work/b.img"
cp --sparse=always "$again/a.img" "$again/b.img"
own() { # FIRST COUNT, in MiB
	dd if="$work/b.img" of="$again/b.img" bs=1M skip="$1" seek="$1" count="$2" conv=notrunc status=none
}
own 0 $(($(first 3) / 2048))
own $(($(first 4) / 2048 - 1)) 17
own $(($(stat -c %s "$work/b.img") / 1048576 - 1)) 1
# What the kernel that assembles the arrays does not mind:
size=$(stat -c %s "$again/b.img")
byte "$again/b.img" $((size - 33 * 512 + 2 * 128 + 16)) # unique GUID of partition 3, in the backup
byte "$again/b.img" $((($(first 4) + 16) * 512 + 56))   # how long the pv array's bitmap waits

start=$(date +%s)
status=0
$bin/rehome verify -q --json $pair --against "$again" >"$work/json" 2>"$work/err" || status=$?
echo "# compared by content: $(($(date +%s) - start)) s"
[ $status -eq 1 ] && ok differ-is-status-1 || not_ok differ-is-status-1 "status $status: $(cat "$work/err")"
# "where: what", a line each
sed -n -e 's/^ *"where":"\(.*\)",$/\1/p' -e 's/^ *"what":"\(.*\)"$/\t\1/p' "$work/json" |
	awk '/^\t/ { print w ": " substr($0, 2); next } { w = $0 }' >"$work/found"
found() { # NAME PATTERN: one of the lines, which is taken away
	if grep -qE "$2" "$work/found"; then
		ok "found-$1"
		grep -vE "$2" "$work/found" >"$work/rest"
		mv "$work/rest" "$work/found"
	else
		not_ok "found-$1"
	fi
}
found esp '^disk a: ESP: EFI/(BOOT|debian)/grub.cfg: 1 bytes differ'
found guid '^disk b: backup GPT entry 3: unique GUID at offset 16: '
found bitmap '^disk b: md pv bitmap: delay at offset 56: 5 against 6$'
found mode '^root: /etc/hosts: mode 0644 against 0600$'
found owner '^root: /etc/fstab: owner 0 against 7$'
found mtime-and-link '^root: /etc/hostname: mtime [0-9]+.0+ against 5.000000007; hard link to none against etc/hostname$'
found extra-name '^root: /etc/hostname-too: a file that is only in the other pair$'
found xattr '^root: /etc/passwd: extended attributes: none against user.rehome=0x6368616e676564$'
found contents '^root: /etc/group: mtime .*; (size|contents)'
found missing '^root: /etc/services: a file that is only in the first pair$'
found target '^root: /etc/localtime: mtime .*; target .* against /nowhere'
found extra '^root: /etc/more: a file that is only in the other pair$'
found folder '^root: /etc: mtime .* against 1.0+$'
found root '^root: /.: mtime .* against 1.0+$'
found var-folder '^var: /spare: a folder that is only in the other pair$'
found var-root '^var: /.: mtime '
if [ -s "$work/found" ]; then
	not_ok nothing-else-differs "$(head -n 20 "$work/found")"
else
	ok nothing-else-differs
fi
done_testing

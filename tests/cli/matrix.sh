#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The boot matrix against a made-up QEMU that says what consoles say, true and false: what passes, what
# does not, and that nothing is left behind. No machine is started; tests/guest/35-matrix.sh does that.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
rehome=${BUILD:-$TOP/build}/bin/rehome
work=$(mktemp -d -p /var/tmp) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
bad=0
ok() { echo "ok $1"; }
not_ok() {
	echo "not ok $1"
	sed 's/^/    /' "$work/out" "$work/err" | tail -n 30
	bad=$((bad + 1))
}

mkdir "$work/bin" "$work/tmp" "$work/pair"
truncate -s 2M "$work/pair/a.img" "$work/pair/b.img"
echo '{ "recipe": "small", "overlays": ["base"], "machine": { "nic": "e1000e" } }' >"$work/pair/manifest.json"
cat >"$work/bin/qemu-img" <<'EOT'
#!/bin/sh
for last in "$@"; do :; done
: >"$last"
EOT
# The console follows from the command line, and $FAKE makes one thing in it untrue.
cat >"$work/bin/qemu-system-x86_64" <<'EOT'
#!/bin/bash
[ "$1" != --version ] || { echo "QEMU emulator version 10.0.2"; exit; }
fake=${FAKE:-} disks=0 firmware=uefi
for word in "$@"; do
	case $word in
	file,id=serial0,path=*) serial=${word#*path=} ;;
	q35,graphics=off) firmware=bios ;;
	q35,smm=on) firmware=secure ;;
	ide-hd,*) disks=$((disks + 1)) ;;
	if=none,id=disk*,file=*) [ -f "${word##*file=}" ] || exit 3 ;;
	if=pflash,unit=1*) echo used >>"${word##*file=}" ;;
	esac
done
echo start >>"$STARTS"
[ "$fake" != die ] || { echo "could not open" >&2; exit 1; }
exec >>"$serial"
mirrors=$disks assembled=20.5
[ $firmware != bios ] || echo "SeaBIOS (version 1.16.3)"
[ $firmware = bios ] || echo "[    0.000000] efi: EFI v2.7 by EDK II"
[ "$fake" != unsecured ] || firmware=uefi
[ $firmware != uefi ] || echo "[    0.000000] secureboot: Secure boot disabled"
[ $firmware != secure ] || printf '%s\n' "[    0.000000] Kernel is locked down from EFI Secure Boot; see man" \
	"[    0.000000] secureboot: Secure boot enabled"
[ "$fake" != panic ] || echo "[    9.000000] Kernel panic - not syncing: VFS"
[ "$fake" != halved ] || mirrors=1
[ "$fake" != slow ] || [ $disks -eq 2 ] || assembled=40.5
for d in a b; do
	[ $disks -eq 1 ] && [ $d = b ] || echo "[   10.500000] sd 6:0:0:0: [sd$d] Attached SCSI disk"
done
[ "$fake" != copying ] || echo "[   19.000000] md: resync of RAID array md127"
[ "$fake" = one ] || echo "[   20.000000] md/raid1:md126: active with $mirrors out of 2 mirrors"
echo "[   $assembled] md/raid1:md127: active with $mirrors out of 2 mirrors"
[ "$fake" = silent ] || printf 'Debian GNU/Linux 13 rehome ttyS0\n\nrehome login: '
exec sleep 60
EOT
chmod +x "$work/bin/"*
export TMPDIR="$work/tmp" STARTS="$work/starts" PATH="$work/bin:$PATH"

# matrix FAKE ARGUMENT...: into out, err, $status
matrix() {
	fake=$1
	shift
	: >"$STARTS"
	status=0
	FAKE=$fake "$rehome" rehearse --boot-matrix --memory 256 --report "$work/report" "$@" "$work/pair" >"$work/out" 2>"$work/err" || status=$?
	last=$(tail -n 1 "$work/out")
	starts=$(wc -l <"$STARTS")
}
# fails NAME FAKE STARTS TEXT: the cell bios:a fails, after so many starts of both cells, and says why
fails() {
	matrix "$2" --timeout-boot 2 --cells bios:a
	if [ $status -eq 1 ] && [ "$last" = NO-GO ] && [ "$starts" -eq "$3" ] && grep -q "^    .*$4" "$work/out" &&
		grep -q '"verdict": *"NO-GO"' "$work/report/report.json"; then
		ok "$1"
	else
		not_ok "$1 (status $status, $starts starts)"
	fi
}

before=$(stat -c '%i %Y %Z' "$work/pair/a.img" "$work/pair/b.img")
matrix '' --cells bios:a,bios:b
if [ $status -eq 0 ] && [ "$last" = GO ] && [ "$starts" -eq 3 ] && [ "$(grep -c '^bios .* ok$' "$work/out")" -eq 3 ] &&
	grep -q '^bios  *b .* 1 of 2, 1 of 2 ' "$work/out" && [ -s "$work/report/cells/bios-both.log" ]; then
	ok bios
else
	not_ok "bios (status $status, $starts starts)"
fi
matrix '' --json --cells bios:b
if [ $status -eq 0 ] && grep -q '"verdict": *"GO"' "$work/out" && grep -q '"extra":' "$work/out" && ! grep -q '^GO' "$work/out"; then
	ok json
else
	not_ok json
fi
if [ -r /usr/share/OVMF/OVMF_CODE_4M.ms.fd ]; then
	matrix ''
	if [ $status -eq 0 ] && [ "$starts" -eq 9 ] && [ "$(grep -c ' ok$' "$work/out")" -eq 9 ] && [ "$(grep -c '^secureboot .* enabled ' "$work/out")" -eq 3 ]; then
		ok all-nine
	else
		not_ok "all-nine (status $status, $starts starts)"
	fi
	matrix unsecured --cells secureboot:both
	[ $status -eq 1 ] && grep -q 'Secure Boot is disabled' "$work/out" && ok not-secure || not_ok not-secure
else
	echo "skip all-nine: the firmware is not installed (package ovmf)"
	echo "skip not-secure: the firmware is not installed (package ovmf)"
fi

fails half-a-pair halved 2 'active with 1 of 2 mirrors, not 2 of 2'
fails one-array one 2 'started 1 arrays, not 2'
fails copying copying 2 'copies an array'
fails panic panic 2 'the kernel panicked'
fails no-login silent 2 'no login prompt within 2 s'
fails qemu-ends die 2 'QEMU ended (status 1)'
# Time alone: once more, then it counts.
fails waits-too-long slow 3 'waited 20.0 s longer'

if [ "$before" = "$(stat -c '%i %Y %Z' "$work/pair/a.img" "$work/pair/b.img")" ]; then ok pair-untouched; else not_ok pair-untouched; fi
if [ -z "$(ls -A "$work/tmp")" ]; then ok nothing-left; else not_ok "nothing-left: $(ls -A "$work/tmp")"; fi

# --- refused, all at once, before anything is started ---
matrix '' --cells bios:c,uefi
[ $status -eq 1 ] && [ "$starts" -eq 0 ] && grep -q '"bios:c" is no cell' "$work/err" && ok no-cell || not_ok no-cell
matrix '' --keep --expect x --firmware bios
[ $status -eq 2 ] && [ "$(grep -c 'does not go with --boot-matrix' "$work/err")" -eq 3 ] && ok alien-options || not_ok alien-options
status=0
"$rehome" rehearse --cells bios:a "$work/pair" >"$work/out" 2>"$work/err" || status=$?
[ $status -eq 2 ] && grep -q 'goes with --boot-matrix' "$work/err" && ok cells-alone || not_ok cells-alone

# --- interrupted: nothing is left, and there is no verdict but NO-GO ---
FAKE=silent "$rehome" rehearse --boot-matrix --memory 256 --report "$work/none" --cells bios:both "$work/pair" >"$work/out" 2>"$work/err" &
pid=$!
n=0
until grep -qs . "$work"/tmp/rehome-matrix.*/cells/bios-both.log || [ $n -ge 100 ]; do
	sleep 0.1
	n=$((n + 1))
done
kill -TERM $pid
status=0
wait $pid || status=$?
if [ $status -eq 1 ] && grep -q interrupted "$work/err" && [ "$(tail -n 1 "$work/out")" = NO-GO ] && [ -z "$(ls -A "$work/tmp")" ] && [ ! -e "$work/none" ]; then
	ok interrupted
else
	not_ok "interrupted (status $status, left: $(ls -A "$work/tmp"))"
fi
[ "$bad" -eq 0 ]

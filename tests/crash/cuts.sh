#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The power is cut while the appliance changes its disks, and must come up again and finish.
#
# usage: tests/crash/cuts.sh [--pair FOLDER] [--out FOLDER] --all | --sample K | CELL...
#	grow:N[:SEED]	at step N of the growth at first boot
#	replace:N[:SEED]	at step N of rehome-setup replace-disk, disk B being lost and a blank disk in its place
#	during:SEED	at a write that the seed chooses, counted from the first line of the growth on: between
#			a write and its flush, where most is lost
#	random:SEED	at a write of the first boot that the seed chooses
#	--all		every step of growth and of replace-disk, as many as there are, and eight of each
#			cuts; one file a cell in --out (build/proof/COMMIT/cuts), so that a run that was cut goes on
#	--sample K	K cuts of the growth, and one of replace-disk, that rotate with the commit and the day
#
# A cell: the pair's images on disks of twice the size, behind the plugin powercut (tests/crash/cutlog.c);
# first boot with a drop-in that stops rehome-setup before its change N (RH_STOP_AT_STEP); as soon
# as the console says so, the power goes on both disks at one instant, with the cell's seed; then a boot
# without the drop-in. It must end as if nothing had been: see final.inside. How many steps there are is
# found by running: a growth that ends without a stop was cut after its last step.
# shellcheck source=tests/guest/lib.sh disable=SC1091
# shellcheck disable=SC2034 # POWER_ARGS and POWER_DISKS are read in power.sh
. "$(dirname "$0")/../guest/lib.sh"
# shellcheck source=tests/guest/vm.sh
. tests/guest/vm.sh
# shellcheck source=tests/crash/power.sh
. tests/crash/power.sh
pair=build/pair-small out="" mode=cells cells="" sample=1
size=12GiB

while [ $# -gt 0 ]; do
	case $1 in
	--pair) pair=$2 && shift ;;
	--out) out=$2 && shift ;;
	--all) mode=all ;;
	--sample) mode=sample sample=$2 && shift ;;
	grow:* | replace:* | during:* | random:*) cells="$cells $1" ;;
	*) echo "cuts.sh: what is '$1'? see the top of the file" >&2 && exit 2 ;;
	esac
	shift
done
[ $mode != all ] || $bin/rehome build -q -o "$pair" small || { echo "not ok build-small" && exit 1; }
[ -f "$pair/manifest.json" ] || { echo "not ok cuts: there is no pair in $pair" && exit 1; }

# Both tables valid, the last partition at the end: on the files, by sgdisk.
tables() { # DISK...
	for x in "$@"; do
		sgdisk -v "$work/vm-cut/$x.raw" >"$work/sgdisk" 2>&1
		grep -q 'No problems found' "$work/sgdisk" || { echo "bad: table of disk $x: $(cat "$work/sgdisk")"; }
		last=$(sgdisk -i 4 "$work/vm-cut/$x.raw" | sed -n 's/^Last sector: \([0-9]*\).*/\1/p')
		sectors=$(($(stat -c %s "$work/vm-cut/$x.raw") / 512))
		[ "${last:-0}" -gt $((sectors - 4096)) ] || echo "bad: partition 4 of disk $x ends at ${last:-0} of $sectors"
	done
}

firmware() { if [ $(($1 % 2)) -eq 0 ]; then echo bios; else echo uefi; fi; }

# The boot after the cut, and what is found.
recover() { # SEED FIRMWARE
	power_on cut "$1" "firmware=$2" || return 1
	vm_wait_ssh cut 1000 || return 1
	VM_SSH_TIMEOUT=600 vm_ssh cut sh -s <tests/crash/final.inside >"$work/found" 2>&1
	tail -n 1 "$work/found" | grep -qx end || echo "bad: the checks did not end" >>"$work/found"
	if grep -q '^bad' "$work/found"; then
		vm_ssh cut "journalctl -b -o short-monotonic --no-pager -u 'rehome-*' -u 'systemd-fsck*'" 2>&1 | tail -n 60
	fi
	power_off cut || echo "bad: no orderly end" >>"$work/found"
	tables a b >>"$work/found"
	cat "$work/found"
	! grep -q '^bad' "$work/found"
}

report() { echo "# cut: $(cat "$work/vm-cut/report.json")"; }

fresh_machine() {
	vm_free cut
	power_end
	vm_new cut "$pair" $size && power_disks cut "$pair" $size
}

# Status 0: as it must be; 3: as it must be, and the growth had ended before the cut.
cell_grow() { # N SEED
	fresh_machine || return 1
	power_on cut "$2" "firmware=$(firmware "$1")" "dropin=rehome-grow.service:[Service]\nEnvironment=RH_STOP_AT_STEP=$1\nExecStartPost=/bin/sh -c 'echo STOPPED with 0 >/dev/console; sleep 600'\nExecStopPost=/bin/sh -c 'echo STOPPED with \$EXIT_STATUS >/dev/console; sleep 600'" || return 1
	vm_wait_line cut 'STOPPED with [0-9]+' 1000 || return 1
	stopped=$(grep -aoE 'STOPPED with [0-9]+' "$(vm_console cut)" | head -n 1)
	power_cut cut || return 1
	report
	echo "# $stopped, last said: $(grep -aoE 'grow: .*' "$(vm_console cut)" | tail -n 1 | tr -d '\r')"
	case $stopped in
	*' 100' | *' 0') ;;
	*) echo "bad: growth ended with $stopped" && return 1 ;;
	esac
	recover "$2" "$(firmware "$1")" || return 1
	[ "$stopped" != 'STOPPED with 0' ] || return 3
}

# The cut comes by number of the write; a boot that writes less is cut when it is up.
wait_cut() {
	vm_until=$(($(date +%s) + 1000))
	while [ ! -s "$work/vm-cut/report.json" ] && [ "$(date +%s)" -lt $vm_until ]; do
		sleep 0.2
		! grep -aq 'rehome-setup.*next: ' "$(vm_console cut)" || break
	done
	power_cut cut || return 1
	report
	echo "# the console ended: $(tr -d '\r\033' <"$(vm_console cut)" | tail -n 1 | cut -c 1-200)"
}

cell_random() { # SEED
	fresh_machine || return 1
	POWER_ARGS="cut-after=$(((1 + $1 * 7919 % 97) * 40))"
	power_on cut "$1" "firmware=$(firmware "$1")"
	random_status=$?
	POWER_ARGS=""
	[ $random_status -eq 0 ] && wait_cut && recover "$1" "$(firmware "$1")"
}

cell_during() { # SEED
	fresh_machine || return 1
	POWER_ARGS="arm=yes cut-after=$((1 + $1 * 7919 % 211))"
	power_on cut "$1" "firmware=$(firmware "$1")"
	during_status=$?
	POWER_ARGS=""
	[ $during_status -eq 0 ] && vm_wait_line cut 'rehome-setup.*grow: ' 1000 || return 1
	kill -USR2 "$power_pid"
	wait_cut && recover "$1" "$(firmware "$1")"
}

# A pair that has run with both disks, at the image's own size; made once a run.
base() {
	[ ! -f "$work/base-a.raw" ] || return 0
	vm_free cut
	power_end
	vm_new cut "$pair" && power_disks cut "$pair" "$(stat -c %s "$pair/a.img")" && power_on cut 1 firmware=bios && vm_wait_ssh cut 1000 &&
		vm_ssh cut 'timeout 250 systemctl is-system-running --wait; rehome-setup pair' && power_off cut &&
		mv "$work/vm-cut/a.raw" "$work/base-a.raw"
}

new_serial=WD-RH000009
replace_disk="rehome-setup replace-disk --serial $new_serial --no-wait"

# Disk A, and a blank one in port 2.
power_on_new() { # SEED FIRMWARE
	uri="nbd+unix:///%s?socket=$work/vm-cut/sock"
	POWER_DISKS=$(printf "nbd:$uri@WD-RH000001,nbd:$uri@$new_serial" a n)
	power_on cut "$1" "firmware=$2"
	new_status=$?
	POWER_DISKS=""
	[ $new_status -eq 0 ] && vm_wait_ssh cut 1000
}

# Run again after the cut, it must finish; then the rebuild, and what both disks hold.
recover_replace() { # SEED FIRMWARE
	power_on_new "$1" "$2" || return 1
	vm_ssh cut "$replace_disk" || return 1
	vm_ssh cut 'n=0; while [ "$(grep -c "\[UU\]" /proc/mdstat)" -ne 2 ] && [ $n -lt 280 ]; do sleep 1; n=$((n + 1)); done
		cat /proc/mdstat; [ "$(grep -c "\[UU\]" /proc/mdstat)" -eq 2 ]' || return 1
	vm_ssh cut 'rehome-setup pair && [ "$(cat /var/lib/rehome/state)" = closed ] && ! dpkg --verify | grep "^..5" | grep -v " c /"' || return 1
	power_off cut || return 1
	tables a n >"$work/found"
	for x in a n; do
		dd if="$work/vm-cut/$x.raw" bs=440 count=1 status=none >"$work/boot-$x"
		dd if="$work/vm-cut/$x.raw" bs=512 skip=2048 count=2048 status=none >>"$work/boot-$x"
		mcopy -s -n -i "$work/vm-cut/$x.raw@@2M" :: "$work/esp-$x.tmp" 2>/dev/null || echo "bad: the ESP of disk $x cannot be read" >>"$work/found"
		(cd "$work/esp-$x.tmp" && find . -type f -exec sha256sum {} + | sort) >"$work/esp-$x"
		rm -rf "$work/esp-$x.tmp"
	done
	cmp "$work/boot-a" "$work/boot-n" || echo "bad: the boot areas differ" >>"$work/found"
	[ -s "$work/esp-a" ] && cmp "$work/esp-a" "$work/esp-n" || echo "bad: the ESPs differ" >>"$work/found"
	cat "$work/found"
	! grep -q '^bad' "$work/found"
}

cell_replace() { # N SEED
	base || return 1
	vm_free cut
	power_end
	vm_new cut "$pair" && cp --sparse=always --reflink=auto "$work/base-a.raw" "$work/vm-cut/a.raw" &&
		truncate -s "$(stat -c %s "$pair/a.img")" "$work/vm-cut/n.raw" || return 1
	power_on_new "$2" "$(firmware "$1")" || return 1
	vm_ssh cut "RH_STOP_AT_STEP=$1 $replace_disk"
	stopped=$?
	power_cut cut || return 1
	report
	echo "# replace-disk ended with $stopped"
	[ $stopped -eq 100 ] || [ $stopped -eq 0 ] || return 1
	recover_replace "$2" "$(firmware "$1")" || return 1
	[ $stopped -ne 0 ] || return 3
}

# cell NAME COMMAND...: once, its output kept; the status is the command's
cell() {
	cell_name=$1
	shift
	if [ -n "$out" ] && [ -f "$out/$cell_name.result" ]; then
		read -r cell_result <"$out/$cell_name.result"
	else
		start=$(date +%s)
		"$@" >"$work/cell.log" 2>&1
		cell_result=$?
		grep -a '^# ' "$work/cell.log"
		echo "# $cell_name: $(($(date +%s) - start)) s"
		if [ $cell_result -ne 0 ] && [ $cell_result -ne 3 ]; then
			sed 's/^/    /' "$work/cell.log"
			tail -c 4000 "$(vm_console cut)" | tr -d '\r\033' | tail -n 30 | sed 's/^/    | /'
		fi
		if [ -n "$out" ]; then
			cp "$work/cell.log" "$out/$cell_name.log"
			echo "$cell_result" >"$out/$cell_name.result.tmp" && mv "$out/$cell_name.result.tmp" "$out/$cell_name.result"
		fi
	fi
	if [ "$cell_result" -eq 0 ] || [ "$cell_result" -eq 3 ]; then ok "$cell_name"; else not_ok "$cell_name"; fi
	return "$cell_result"
}

run_cell() { # grow:N[:SEED], replace:N[:SEED] during:SEED or random:SEED
	rest=${1#*:}
	case $1 in
	grow:*:*) cell "grow-${rest%%:*}-seed-${rest#*:}" cell_grow "${rest%%:*}" "${rest#*:}" ;;
	grow:*) cell "grow-$rest" cell_grow "$rest" "$rest" ;;
	replace:*:*) cell "replace-${rest%%:*}-seed-${rest#*:}" cell_replace "${rest%%:*}" "${rest#*:}" ;;
	replace:*) cell "replace-$rest" cell_replace "$rest" "$rest" ;;
	during:*) cell "during-$rest" cell_during "$rest" ;;
	random:*) cell "random-$rest" cell_random "$rest" ;;
	esac
}

all() {
	out=${out:-build/proof/$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- || echo -dirty)/cuts}
	mkdir -p "$out"
	for what in grow replace; do
		n=1
		while [ $n -lt 200 ]; do
			run_cell "$what:$n"
			# after the last step: that was the last cell; one that failed says nothing about the end
			[ $? -ne 3 ] || break
			n=$((n + 1))
		done
		echo "# $what has $((n - 1)) steps"
	done
	for s in 1 2 3 4 5 6 7 8; do run_cell "during:$s"; run_cell "random:$s"; done
}

# 8 only spreads the sample: where the growth has fewer steps it is a cut after the last.
rotate() {
	turn=$(($(date +%s) / 86400 + 0x$(git rev-parse --short=6 HEAD 2>/dev/null || echo 1)))
	i=0
	while [ $i -lt "$sample" ]; do
		step=$((1 + (turn + 3 * i) % 8))
		echo "# sample: tests/crash/cuts.sh grow:$step:$((turn % 1000 + i))"
		run_cell "grow:$step:$((turn % 1000 + i))"
		i=$((i + 1))
	done
	step=$((1 + turn % 8))
	echo "# sample: tests/crash/cuts.sh replace:$step:$((turn % 1000))"
	run_cell "replace:$step:$((turn % 1000))"
}

case $mode in
all) all ;;
sample) rotate ;;
cells) for c in $cells; do run_cell "$c"; done ;;
esac
done_testing

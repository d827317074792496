#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A disk that was away comes back. Four stories, from BIOS and from UEFI:
#   readd   its cable was loose: only what it missed is copied
#   cold    the same over restarts: the machine ran alone and is started again with both
#   stale   it comes back into the first port after a kernel update on the other: it does not win
#   split   both have run alone: they are not merged, and a person is asked
# usage: 48-comeback.sh [all | STORY:FIRMWARE]...   without: one story, another one each day
# A "kernel update" is, for the boot loader, what update-grub writes after one: here with a word of
# ours on the kernel's command line, so that /proc/cmdline tells which menu was read.
. "$(dirname "$0")/lib.sh"
. tests/guest/vm.sh
pair=build/pair-small A=WD-RH000001 B=WD-RH000002

# on COMMAND...: in the machine. till SECONDS COMMAND: until it succeeds there.
on() { vm_ssh m "$@" </dev/null; }
till() {
	vm_until m "$@" >"$work/till" 2>&1 && return
	tail -n 3 "$work/till"
	echo "did not come true: $2"
	on 'cat /proc/mdstat; rehome-setup pair; journalctl -b -u rehome-pair --no-pager -n 20'
	return 1
}
whole='[ "$(grep -c "\[UU\]" /proc/mdstat)" = 2 ]'
alone='[ "$(grep -c -e "\[U_\]" -e "\[_U\]" /proc/mdstat)" = 2 ]'
learnt='[ "$(wc -l </var/lib/rehome/pair-disks)" = 2 ]'
# Both disks' /boot were the same before; the one that goes on gets a number that the other lacks.
numbered='[ -n "$(ls /boot/rehome/gen-* 2>/dev/null)" ] && [ -e /var/lib/rehome/pair-degraded ]'

# start NAME DISKS: a start up to ssh; without it the story cannot go on.
start() {
	if vm_start m firmware="$firmware" disks="$2" >"$work/out" 2>&1 && vm_wait_ssh m 600 >>"$work/out" 2>&1; then
		return 0
	fi
	not_ok "$1" "does not start with $2 from $firmware"
	tail -n 30 "$work/out"
	return 1
}
begin() { # NAME: the pair whole, and both serials known to the machine
	vm_new m $pair || return 1
	start "$1" a,b && check "$1-whole" till 120 "$whole" && check "$1-learnt" till 180 "$learnt"
}

# How much was written to the disk since it came, in MiB.
written() { # SERIAL
	on "d=\$(readlink -f /dev/disk/by-id/ata-*_$1) && awk '{ print int(\$7 / 2048) }' /sys/block/\${d##*/}/stat"
}
by_bitmap() { # NAME: back in the arrays, with less written than a copy of the whole
	check "$1-whole-again" till 300 "$whole" || return 1
	mib=$(written $B)
	echo "# $1: $mib MiB were written to the disk that came back, of 6144"
	if [ "${mib:-0}" -ge 24 ] && [ "$mib" -lt 3072 ]; then ok "$1-only-what-it-missed"; else not_ok "$1-only-what-it-missed" "${mib:-nothing is known about the} MiB"; fi
	check "$1-said" on 'journalctl -b --no-pager | grep "takes /dev/.* back"'
}
dirty='dd if=/dev/urandom of=/var/tmp/dirty bs=1M count=24 conv=fsync 2>/dev/null && sha256sum /var/tmp/dirty'
same() { # NAME SUM: what was written while alone is there, from both halves
	[ "$(on 'echo 3 >/proc/sys/vm/drop_caches; sha256sum /var/tmp/dirty')" = "$2" ] && ok "$1-content" || not_ok "$1-content"
}

story_readd() {
	begin "$1" || return
	check "$1-gone" vm_unplug m $B || return
	check "$1-degraded" till 120 "$alone" || return
	sum=$(on "$dirty")
	check "$1-back" vm_replug m
	by_bitmap "$1" && same "$1" "$sum"
}

story_cold() {
	begin "$1" || return
	check "$1-off" vm_stop m
	start "$1-alone" a,- || return
	check "$1-degraded" till 60 "$alone" || return
	sum=$(on "$dirty")
	check "$1-off-again" vm_stop m
	start "$1-both" a,b || return
	by_bitmap "$1" || return
	same "$1" "$sum"
	# md itself compares the halves, byte for byte.
	check "$1-check" on 'for m in /sys/block/md*/md; do echo check >$m/sync_action; done'
	check "$1-checked" till 900 '! grep -q check /proc/mdstat && [ "$(cat /sys/block/md*/md/sync_action | sort -u)" = idle ]'
	check "$1-no-mismatch" on '[ "$(cat /sys/block/md*/md/mismatch_cnt | sort -u)" = 0 ]'
}

# A kernel update on the half that goes on, and a file that only that half has.
update='sed -i "s/^GRUB_CMDLINE_LINUX=\"/&rehome.fresh=1 /" /etc/default/grub && update-grub && grep -q rehome.fresh=1 /boot/grub/grub.cfg && echo fresh >/root/fresh && sync'

story_stale() {
	begin "$1" || return
	check "$1-gone" vm_unplug m $A || return
	check "$1-degraded" till 120 "$alone" || return
	check "$1-number" till 120 "$numbered"
	check "$1-update" on "$update" || return
	check "$1-off" vm_stop m
	start "$1-both" a,b || return
	check "$1-newer-kernel-line" on 'grep rehome.fresh=1 /proc/cmdline'
	check "$1-newer-content" on 'grep fresh /root/fresh'
	check "$1-whole-again" till 300 "$whole"
	check "$1-content-stays" on 'grep fresh /root/fresh && grep rehome.fresh=1 /boot/grub/grub.cfg'
}

story_split() {
	begin "$1" || return
	check "$1-gone" vm_unplug m $A || return
	check "$1-degraded" till 120 "$alone" || return
	check "$1-number" till 120 "$numbered"
	check "$1-write-b" on 'echo b >/root/of-b && sync'
	check "$1-off" vm_stop m
	start "$1-other" a,- || return
	check "$1-other-degraded" till 60 "$alone"
	check "$1-other-older" on '[ ! -e /root/of-b ]'
	check "$1-other-number" till 120 "$numbered"
	check "$1-write-a" on 'echo a >/root/of-a && sync'
	check "$1-other-off" vm_stop m
	start "$1-both" a,b || return
	check "$1-split" till 120 'rehome-setup pair --json | tr -d " " | grep "\"state\":\"split\""'
	check "$1-asks" till 60 'journalctl -b -t rehome-alarm --no-pager | grep "NEED A DECISION"'
	# Not now, not when asked again, not after a while.
	on 'rehome-setup pair --repair' >/dev/null 2>&1
	sleep 20
	check "$1-not-merged" on "$alone"
	check "$1-one-history" on '[ "$(ls /root/of-a /root/of-b 2>/dev/null | wc -l)" = 1 ]'
}

run() { # STORY:FIRMWARE
	firmware=${1#*:}
	case $1 in
	readd:bios | readd:uefi | cold:bios | cold:uefi | stale:bios | stale:uefi | split:bios | split:uefi) ;;
	*) echo "usage: $0 [all | STORY:FIRMWARE]..." >&2 && exit 2 ;;
	esac
	begun=$(date +%s)
	"story_${1%:*}" "${1%:*}-$firmware"
	[ ! -d "$work/vm-m" ] || vm_free m
	# shellcheck disable=SC2034 # of vm.sh
	vm_names=""
	echo "# $1: $(($(date +%s) - begun)) s"
}

stories="readd:bios stale:uefi split:bios readd:uefi stale:bios split:uefi"
if [ $# -eq 0 ]; then
	# shellcheck disable=SC2086 # a list
	set -- $stories
	shift $(($(date +%s) / 86400 % 6))
	echo "# the story of the day: $1 (all of them: $0 all)"
	set -- "$1"
elif [ "$*" = all ]; then
	# shellcheck disable=SC2086
	set -- $stories cold:bios cold:uefi
fi
check build-small $bin/rehome build -q -o $pair small
for story in "$@"; do run "$story"; done
done_testing

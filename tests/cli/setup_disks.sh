#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The shell parts of the raid overlay: time-outs of drives, alarms, mdmonitor's events.
# shellcheck disable=SC2016 # the words in quotes are for sh -c
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
lib=$TOP/overlays/raid/files/usr/lib/rehome
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failures=0
check() {
	name=$1
	shift
	if "$@"; then echo "ok $name"; else echo "not ok $name"; failures=$((failures + 1)); fi
}
tool() { # NAME: a stand-in, its text on stdin
	cat >"$work/bin/$1"
	chmod 755 "$work/bin/$1"
}
mkdir "$work/bin"
PATH=$work/bin:$PATH
export work

# --- disk-timeouts: sda has error recovery control, sdb has not, sdc says yes and forgets ---
for d in sda sdb sdc sr0; do
	mkdir -p "$work/root/sys/block/$d/device"
	echo 30 >"$work/root/sys/block/$d/device/timeout"
	echo 0 >"$work/root/sys/block/$d/device/type"
done
echo 5 >"$work/root/sys/block/sr0/device/type"
mkdir -p "$work/root/sys/block/md127/md"
tool smartctl <<'T'
#!/bin/sh
for last in "$@"; do :; done
echo "$*" >>"$work/smartctl"
case "$last $*" in
"/dev/sda "*scterc,70,70*) echo 70 >"$work/erc" ;;
"/dev/sda "*) v=$(cat "$work/erc" 2>/dev/null || echo Disabled)
	printf 'SCT Error Recovery Control:\n           Read:     %s (7.0 seconds)\n          Write:     %s (7.0 seconds)\n' "$v" "$v" ;;
"/dev/sdb "*) echo 'SCT Error Recovery Control command not supported'; exit 4 ;;
"/dev/sdc "*scterc,70,70*) ;;
"/dev/sdc "*) printf 'SCT Error Recovery Control:\n           Read: Disabled\n          Write: Disabled\n' ;;
esac
T
RH_ROOT=$work/root "$lib/disk-timeouts" >"$work/out"
check timeouts_work test $? -eq 0
check red_is_told grep -qx 'sda: the drive gives up on a bad sector after 7 s' "$work/out"
check red_keeps_the_kernels_timeout test "$(cat "$work/root/sys/block/sda/device/timeout")" = 30
check desktop_is_said grep -qx 'sdb: the drive cannot be told, so the kernel waits 180 s' "$work/out"
check desktop_waits test "$(cat "$work/root/sys/block/sdb/device/timeout")" = 180
check a_drive_that_lies_waits test "$(cat "$work/root/sys/block/sdc/device/timeout")" = 180
check cd_and_md_are_left_alone sh -c '! grep -q -e sr0 -e md127 "$1" "$2"' - "$work/smartctl" "$work/out"
check noted_for_the_health_check test "$(cat "$work/root/run/rehome/disk-timeouts/sda")" = \
	'the drive gives up on a bad sector after 7 s'
rm "$work/smartctl"
RH_ROOT=$work/root "$lib/disk-timeouts" sdb >/dev/null
check one_disk_alone test "$(grep -c sda "$work/smartctl")" = 0
mkdir -p "$work/root/sys/block/nvme0n1/device"
check no_timeout_is_no_failure env RH_ROOT="$work/root" "$lib/disk-timeouts" nvme0n1

# --- alarm: journal, console, mail ---
tool logger <<'T'
#!/bin/sh
cat >>"$work/journal"
T
tool wall <<'T'
#!/bin/sh
cat >>"$work/wall"
T
tool sendmail <<'T'
#!/bin/sh
cat >>"$work/mail"
T
: >"$work/console"
alarm() { echo "line one of the text" | RH_CONSOLE=$work/console RH_SENDMAIL=$1 "$lib/alarm" "ONE DISK IS MISSING"; }
check alarm_works alarm "$work/bin/sendmail"
for where in journal console wall mail; do
	check "alarm_${where}_subject" grep -q 'ONE DISK IS MISSING' "$work/$where"
	check "alarm_${where}_text" grep -q 'line one of the text' "$work/$where"
done
check alarm_mail_to_root grep -qx 'To: root' "$work/mail"
rm "$work/journal"
check alarm_without_sendmail alarm "$work/no-such-program"
check alarm_without_sendmail_says_so grep -q 'no mail was sent' "$work/journal"

# --- raid-event ---
tool alarm <<'T'
#!/bin/sh
echo "$1" >>"$work/alarms"
cat >>"$work/alarms"
T
event() {
	rm -f "$work/alarms" "$work/run/look-at-pair"
	RH_RUN=$work/run RH_ALARM=$work/bin/alarm "$lib/raid-event" "$@" >/dev/null
}
event Fail /dev/md/pv /dev/sdb4
check fail_is_an_alarm grep -q 'A DISK HAS FAILED: /dev/sdb4 was thrown out of /dev/md/pv' "$work/alarms"
check fail_says_what_to_do grep -q 'rehome-setup replace-disk' "$work/alarms"
check fail_lets_pair_look test -e "$work/run/look-at-pair"
event DegradedArray /dev/md/boot
check degraded_is_an_alarm grep -q 'ONE DISK IS MISSING: /dev/md/boot' "$work/alarms"
event SpareActive /dev/md/pv /dev/sdb4
check spare_active_is_no_alarm test ! -e "$work/alarms"
check spare_active_lets_pair_look test -e "$work/run/look-at-pair"
event Rebuild20 /dev/md/pv
check progress_is_nothing test ! -e "$work/alarms" -a ! -e "$work/run/look-at-pair"

# --- smart-event ---
tool alarm <<'T'
#!/bin/sh
echo "$1" >>"$work/smart"
cat >>"$work/smart"
T
RH_ALARM=$work/bin/alarm SMARTD_FAILTYPE=CurrentPendingSector SMARTD_DEVICESTRING=/dev/sda \
	SMARTD_FULLMESSAGE='8 pending sectors' "$lib/smart-event"
check smart_subject grep -qx 'smartd: CurrentPendingSector on /dev/sda' "$work/smart"
check smart_text grep -q '8 pending sectors' "$work/smart"
[ "$failures" -eq 0 ]

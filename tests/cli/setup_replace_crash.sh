#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup replace-disk, cut before each of its outside-visible changes and run again: without
# --erase, on a disk that was blank and on one that was not.
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"
# shellcheck source=tests/cli/pair.inc
. "$TOP/tests/cli/pair.inc"
# shellcheck source=tests/cli/replace.inc
. "$TOP/tests/cli/replace.inc"
command -v sfdisk >/dev/null || { echo "skip replace_crash: sfdisk is not installed"; exit 0; }

# What a restart of the machine does: nothing stays mounted, the kernel reads the tables, udev and the
# pair's unit look at what there is.
restart() {
	for m in "$work/root"/run/rehome/esp-*; do
		[ ! -L "$m" ] || { rm "$m"; mkdir "$m"; }
	done
	setup pair --repair
}
# sweep NAME ARGUMENT...
sweep() {
	sweep_name=$1
	shift
	k=1
	while :; do
		lost
		[ "$sweep_name" = blank ] || { table sdb; partitions sdb; member sdb4 pv 1 400 .A; }
		RH_STOP_AT_STEP=$k "$SETUP" replace-disk --root "$work/root" --serial WD-NEW "$@" >"$work/out" 2>&1 </dev/null
		[ $? -eq 100 ] || break
		restart || not_ok "${sweep_name}_restart_after_$k"
		# As long as the disk was not cleared, --erase is still needed; never afterwards.
		setup replace-disk --serial WD-NEW || setup replace-disk --serial WD-NEW "$@" ||
			not_ok "${sweep_name}_resume_after_$k"
		setup pair || not_ok "${sweep_name}_whole_after_$k"
		diff -r "$fat/sda2" "$fat/sdb2" || not_ok "${sweep_name}_esp_after_$k"
		sfdisk --dump "$work/root/dev/sdb" | grep -q 'name="rehome-pv"' || not_ok "${sweep_name}_table_after_$k"
		grep -q WD-NEW "$work/root/var/lib/rehome/disk-instruction.txt" || not_ok "${sweep_name}_paper_after_$k"
		grep -qx WD-NEW "$work/root/var/lib/rehome/pair-disks" || not_ok "${sweep_name}_serial_after_$k"
		k=$((k + 1))
	done
	check "${sweep_name}_cuts_counted" test "$k" -gt 18
	[ "$failures" -ne 0 ] || ok "${sweep_name}_same_end_after_each_of_$((k - 1))_cuts"
}
sweep blank
sweep used --erase
finish

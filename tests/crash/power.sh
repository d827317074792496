# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests that cut a machine's power: sourced after tests/guest/lib.sh and vm.sh.
#
# The disks of machine NAME are $work/vm-NAME/{a,b,...}.raw, served by nbdkit's powercut plugin. An
# orderly end loses nothing; power_cut loses a choice, by the seed, of what was not flushed.
#
# power_disks NAME PAIR SIZE	copies of the pair's images, holes kept, as disks of SIZE
# power_on NAME SEED [WORD]...	serve them, and vm_start NAME with the words
# power_cut NAME		disks first, then QEMU; the report goes to $work/vm-NAME/report.json. 1
#				when there is none: the plugin has not done what it should
# power_off NAME		power button, then the end of nbdkit
# power_field DISK FIELD	a number of the last report

power_pid=""
power_plugin=$(pwd)/${BUILD:-build}/tests/nbdkit-powercut-plugin.so
make -s "${BUILD:-build}/tests/nbdkit-powercut-plugin.so" || exit 2

power_disks() {
	for x in a b; do
		cp --sparse=always --reflink=auto "$2/$x.img" "$work/vm-$1/$x.raw" &&
			truncate -s "${3%iB}" "$work/vm-$1/$x.raw" || return 1
	done
}

power_on() {
	power_dir=$work/vm-$1 power_name=$1 power_seed=$2
	shift 2
	rm -f "$power_dir/sock" "$power_dir/report.json"
	power_words=""
	for f in "$power_dir"/*.raw; do
		x=${f##*/}
		power_words="$power_words disk=${x%.raw}:$f"
	done
	# shellcheck disable=SC2086 # the names are ours
	setpriv --pdeathsig TERM nbdkit -f -U "$power_dir/sock" "$power_plugin" $power_words \
		"seed=$power_seed" "report=$power_dir/report.json" ${POWER_ARGS:-} 2>"$power_dir/nbdkit.log" &
	power_pid=$!
	n=0
	while [ ! -S "$power_dir/sock" ] && [ $n -lt 100 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	[ -S "$power_dir/sock" ] || { cat "$power_dir/nbdkit.log" >&2 && return 1; }
	power_uri="nbd+unix:///%s?socket=$power_dir/sock"
	power_a=$(printf "nbd:$power_uri@WD-RH000001" a) power_b=$(printf "nbd:$power_uri@WD-RH000002" b)
	vm_start "$power_name" "disks=${POWER_DISKS:-$power_a,$power_b}" "$@"
}

power_wait_report() {
	n=0
	while [ ! -s "$power_dir/report.json" ] && [ $n -lt 300 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	[ -s "$power_dir/report.json" ]
}

power_end() {
	[ -n "$power_pid" ] || return 0
	kill "$power_pid" 2>/dev/null
	wait "$power_pid" 2>/dev/null
	power_pid=""
}

power_cut() {
	kill -USR1 "$power_pid" && power_wait_report
	power_status=$?
	vm_cut "$1"
	power_end
	grep -q '"cut":true,"seed":[0-9]*,"error":""' "$power_dir/report.json" || power_status=1
	return $power_status
}

power_off() {
	vm_stop "$1"
	power_status=$?
	power_end
	return $power_status
}

power_field() { sed -n "s/.*\"name\":\"$1\"[^}]*\"$2\":\\([0-9]*\\).*/\\1/p" "$power_dir/report.json"; }

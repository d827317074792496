# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Virtual machines for shell tests: boot the disks of a pair in QEMU and talk to the appliance by
# ssh. Sourced after tests/guest/lib.sh (it needs $work, and takes over the trap on EXIT).
#
#	. "$(dirname "$0")/lib.sh"
#	. tests/guest/vm.sh
#	vm_new one build/pair-small 12GiB          overlays of the pair, as disks of 12 GiB
#	vm_start one firmware=bios disks=a,b       QEMU in the background
#	vm_wait_ssh one || not_ok boots            the site's answers are applied, root may log in
#	vm_ssh one cat /proc/mdstat
#	vm_stop one                                 power off in order
#	vm_start one disks=b                        again, disk A gone
#
# The pair itself is only ever a backing file: nothing here writes to it. The machine is that of
# builder/vm.c: q35, each disk on an AHCI controller of its own (OVMF honours bootindex only so),
# the serials WD-RH000001 and WD-RH000002, the card and the disks' model of the pair's manifest.
# Nothing of the guest reaches outside: user networking with restrict=on, and one port of
# 127.0.0.1 that leads to the guest's port 22. For the guest all that comes from 10.0.2.2.
#
# Every function takes the machine's NAME first and returns 0, or 1 with a reason on stderr.
#
# vm_new NAME PAIR [SIZE]
#	Make machine NAME: $work/vm-NAME/{a,b}.qcow2 over PAIR/{a,b}.img, enlarged to SIZE (digits with
#	MiB or GiB), an ssh key, and the volume REHOME with answers for it. PAIR "-": no disks of
#	a pair (for blank disks, or a stick); then the machine is an e1000e with WDC WD10EFRX disks.
# vm_start NAME [WORD]...
#	firmware=uefi|bios	uefi, with variables fresh each time
#	vars=keep		go on with the variables of the start before
#	secure=yes		Secure Boot with Microsoft's keys enrolled (uefi only)
#	disks=SPEC,SPEC...	what is in the ports, in the order of the ports; a,b when not given. SPEC: "a" or
#				"b"; "-" for an empty port; a path (raw if it ends in .img or .raw, else
#				qcow2); nbd:URI. SPEC@SERIAL gives the serial; without, a and b keep
#				theirs in any port, another gets that of its port. A disk that shall
#				be new to the appliance needs a serial of its own.
#	answers=yes|no|FILE	the volume REHOME on USB: ours (yes), none, or another image
#	usb=FILE		one more USB disk (.img and .raw: raw), bootable after the others;
#				usb-first=FILE: bootable before them
#	credential=NAME=VALUE	a systemd credential for the guest, by SMBIOS type 11
#	dropin=UNIT:TEXT	a drop-in for UNIT ("\n" in TEXT is a line end) by the credential
#				systemd.unit-dropin.UNIT; nothing of it is in the image. So:
#				'dropin=rehome-grow.service:[Service]\nEnvironment=RH_STOP_AT_STEP=3'
#	memory=MIB cpus=N	2048 and 2
#	serial=pipe		the serial line can be typed on: vm_type
#	cache=MODE		QEMU's cache mode of the files a and b, "unsafe" when not given
#				(vm_kill loses nothing then, vm_cut may); of an nbd disk it is always "writeback"
#	qemu=WORD		one more word for QEMU's command line, may be given again
# vm_wait_line NAME PATTERN [SECONDS]	wait for a line on the console (grep -E), 1 at a sign of a dead
#	system, when QEMU has ended or after SECONDS; the last lines of the console go to stderr then
# vm_wait_login NAME [SECONDS]		the login prompt
# vm_wait_ssh NAME [SECONDS]		ssh as root works (answers applied, sshd and firewall up)
# vm_ssh NAME COMMAND...		run in the guest; ends after VM_SSH_TIMEOUT (300) seconds with 124
# vm_until NAME SECONDS COMMAND		run it in the guest every 2 seconds until it succeeds; 1 after SECONDS or
#	when QEMU has ended
# vm_scp NAME FILE... rehome:PATH	copy in or out
# vm_type NAME TEXT			type TEXT (as for printf %b) on the serial line of serial=pipe
# vm_qmp NAME JSON			one QMP command; the answers are in $work/vm-NAME/qmp.log
# vm_unplug NAME SERIAL, vm_replug NAME	take the disk from the running kernel as if its cable was pulled,
#	and look for it again: by sysfs, over ssh. QEMU itself cannot plug into AHCI ("Bus does not
#	support hotplugging"), so a disk that comes later must be in its port from the start.
# vm_stop NAME [SECONDS]		power button, orderly end
# vm_kill NAME				end QEMU; it closes its files, so nothing is lost: no power cut
# vm_cut NAME				SIGKILL, for disks behind the power cut plugin
# vm_running NAME			0 while QEMU runs
# vm_console NAME			print the path of the console's log (of the last start; those
#					before are console.1, console.2 ... in the same folder)
# vm_free NAME				end it, and delete its folder
# vm_end_all				ends every machine; called on EXIT (also after INT and TERM)
#
# Trap: QEMU is ended with the shell that called vm_start (PDEATHSIG), so never start one in a
# subshell, a pipe or $(...). `check NAME vm_start ...` of lib.sh is fine.

vm_names=""
trap 'vm_end_all; rm -rf "$work"' EXIT

vm_say() { echo "vm: $*" >&2; }
vm_dir() { echo "$work/vm-$1"; }
vm_console() { echo "$work/vm-$1/console"; }

# vm_of_manifest PAIR KEY DEFAULT
vm_of_manifest() {
	v=$(sed -n "s/^ *\"$2\": *\"\\(.*\\)\",*\$/\\1/p" "$1/manifest.json" 2>/dev/null | head -n 1)
	echo "${v:-$3}"
}

vm_make_answers() { # FOLDER
	ssh-keygen -q -t ed25519 -N '' -C rehome-test -f "$1/id" || return 1
	cat >"$1/rehome-answers.json" <<-EOT
		{ "version": 1, "hostname": "mail.example.org", "domain": "example.org",
		  "language": "en", "timezone": "Asia/Tokyo", "network": { "method": "dhcp" },
		  "admin": { "email": "admin@example.org", "password": "rh7-only-for-the-test",
		    "ssh_keys": ["$(cat "$1/id.pub")"], "addresses": ["10.0.2.2/32"] } }
	EOT
	mformat -i "$1/answers.img" -C -T 32768 -h 16 -s 32 -v REHOME :: &&
		mcopy -i "$1/answers.img" "$1/rehome-answers.json" ::rehome-answers.json
}

vm_new() {
	d=$work/vm-$1 vm_pair=$2 vm_size=${3:-}
	mkdir "$d" || return 1
	vm_names="$vm_names $1"
	if [ "$vm_pair" != - ]; then
		base=$(cd "$vm_pair" && pwd) || return 1
		for x in a b; do
			# qemu-img knows G and M, which are our GiB and MiB
			qemu-img create -q -f qcow2 -F raw -b "$base/$x.img" "$d/$x.qcow2" ${vm_size:+"${vm_size%iB}"} || return 1
		done
	fi
	vm_of_manifest "$vm_pair" nic e1000e >"$d/nic"
	vm_of_manifest "$vm_pair" disk_model "WDC WD10EFRX" >"$d/model"
	vm_make_answers "$d"
}

# QEMU takes a comma doubled for a comma.
vm_commas() { printf '%s\n' "$1" | sed 's/,/,,/g'; }

# The words for QEMU grow in the file $d/argv, one a line: no name can break them.
vm_arg() { printf '%s\n' "$@" >>"$d/argv"; }

vm_format() { # FILE
	case $1 in
	*.img | *.raw) echo raw ;;
	*) echo qcow2 ;;
	esac
}

vm_firmware() { # FIRMWARE VARS SECURE
	if [ "$1" = bios ]; then
		vm_arg -machine q35,graphics=off
		return 0
	fi
	code=OVMF_CODE_4M.fd vars=OVMF_VARS_4M.fd smm=
	[ "$3" = yes ] && code=OVMF_CODE_4M.secboot.fd vars=OVMF_VARS_4M.ms.fd smm=,smm=on
	[ "$2" = keep ] && [ -f "$d/vars.fd" ] || cp "/usr/share/OVMF/$vars" "$d/vars.fd" || return 1
	vm_arg -machine "q35$smm"
	[ -z "$smm" ] || vm_arg -global driver=cfi.pflash01,property=secure,value=on
	vm_arg -drive "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/$code"
	vm_arg -drive "if=pflash,unit=1,format=raw,file=$(vm_commas "$d/vars.fd")"
}

vm_add_disk() { # PORT SPEC CACHE
	serial=${2##*@} spec=${2%@*}
	[ "$serial" != "$2" ] || serial=WD-RH00000$1
	[ "$2" != b ] || serial=WD-RH000002
	[ "$2" != a ] || serial=WD-RH000001
	vm_arg -device "ich9-ahci,id=ahci$1"
	case $spec in
	-) return ;;
	a | b) file="format=qcow2,cache=$3,file=$(vm_commas "$d/$spec.qcow2")" ;;
	nbd:*) file="format=raw,cache=writeback,file=$(vm_commas "${spec#nbd:}")" ;;
	*) file="format=$(vm_format "$spec"),cache=$3,file=$(vm_commas "$spec")" ;;
	esac
	vm_arg -drive "if=none,id=disk$1,discard=unmap,$file"
	vm_arg -device "ide-hd,bus=ahci$1.0,drive=disk$1,serial=$serial,bootindex=$1,model=$(vm_commas "$(cat "$d/model")")"
}

vm_add_usb() { # ID FILE [BOOTINDEX]
	vm_arg -drive "if=none,id=$1,format=$(vm_format "$2"),cache=unsafe,file=$(vm_commas "$2")"
	vm_arg -device "usb-storage,bus=usb.0,drive=$1,removable=on,serial=RH-$1${3:+,bootindex=$3}"
}

# Credentials are base64, so that line ends and commas of any kind survive.
vm_add_credential() { # NAME VALUE (with \n)
	vm_arg -smbios "type=11,value=io.systemd.credential.binary:$(vm_commas "$1")=$(printf '%b' "$2" | base64 -w 0)"
}

vm_words() { # WORD...: all of vm_start's arguments into $d/argv
	firmware=uefi vars=fresh secure=no disks=a,b answers=yes memory=2048 cpus=2 cache=unsafe usbs=0 vm_serial=file
	accel=tcg,thread=multi cpu=max
	[ -w /dev/kvm ] && accel=kvm cpu=host
	: >"$d/argv"
	vm_arg -device qemu-xhci,id=usb
	for word in "$@"; do
		value=${word#*=}
		case $word in
		firmware=uefi | firmware=bios) firmware=$value ;;
		vars=keep) vars=keep ;;
		secure=yes) secure=yes ;;
		disks=*) disks=$value ;;
		answers=*) answers=$value ;;
		memory=*) memory=$value ;;
		cpus=*) cpus=$value ;;
		cache=*) cache=$value ;;
		serial=pipe) vm_serial=pipe ;;
		qemu=*) vm_arg "$value" ;;
		usb=*) usbs=$((usbs + 1)) && vm_add_usb "usb$usbs" "$value" "2$usbs" ;;
		usb-first=*) usbs=$((usbs + 1)) && vm_add_usb "usb$usbs" "$value" 0 ;;
		credential=*=*) vm_add_credential "${value%%=*}" "${value#*=}" ;;
		dropin=*:*) vm_add_credential "systemd.unit-dropin.${value%%:*}" "${value#*:}\\n" ;;
		*) vm_say "vm_start: what is '$word'?" && return 1 ;;
		esac
	done
	vm_firmware "$firmware" "$vars" "$secure" || return 1
	vm_arg -accel "$accel" -cpu "$cpu" -smp "$cpus" -m "$memory"
	vm_arg -nodefaults -no-user-config -display none -rtc base=utc
	vm_arg -smbios "type=1,manufacturer=HP,product=HP Z440 Workstation"
	port_no=0
	old_ifs=$IFS IFS=,
	for spec in $disks; do
		port_no=$((port_no + 1))
		vm_add_disk "$port_no" "$spec" "$cache"
	done
	IFS=$old_ifs
	case $answers in
	no) ;;
	yes) vm_add_usb answers "$d/answers.img" ;;
	*) vm_add_usb answers "$answers" ;;
	esac
	if [ "$vm_serial" = pipe ]; then
		vm_arg -chardev "pipe,id=serial0,path=$(vm_commas "$d/serial"),logfile=$(vm_commas "$d/console"),logappend=on"
	else
		vm_arg -chardev "file,id=serial0,path=$(vm_commas "$d/console")"
	fi
	vm_arg -serial chardev:serial0
	vm_arg -chardev "pipe,id=qmp0,path=$(vm_commas "$d/qmp")" -mon chardev=qmp0,mode=control
	vm_arg -device "$(cat "$d/nic"),netdev=net0,mac=52:54:00:72:68:01,romfile="
}

vm_config() { # PORT
	cat <<-EOT
		Host rehome
		HostName 127.0.0.1
		Port $1
		User root
		IdentityFile "$d/id"
		IdentitiesOnly yes
		IdentityAgent none
		UserKnownHostsFile /dev/null
		GlobalKnownHostsFile /dev/null
		StrictHostKeyChecking no
		BatchMode yes
		ConnectTimeout 20
		ServerAliveInterval 20
		LogLevel ERROR
	EOT
}

# The console of the start before is kept, and the pipes of QMP are made anew.
vm_fresh_files() {
	n=1
	while [ -e "$d/console.$n" ]; do n=$((n + 1)); done
	[ ! -e "$d/console" ] || mv "$d/console" "$d/console.$n"
	rm -f "$d/qmp.in" "$d/qmp.out" "$d/serial.in" "$d/serial.out"
	: >"$d/qmp.log"
	: >"$d/console"
	mkfifo "$d/qmp.in" "$d/qmp.out" "$d/serial.in" "$d/serial.out"
}

vm_start() {
	name=$1 d=$work/vm-$1
	shift
	if vm_running "$name"; then
		vm_say "$name runs already"
		return 1
	fi
	vm_words "$@" && vm_fresh_files || return 1
	old_ifs=$IFS
	# The port may be taken by another test between choice and use: then another is tried.
	for try in 1 2 3 4 5; do
		port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		vm_config "$port" >"$d/ssh_config"
		IFS='
'
		set -f
		# shellcheck disable=SC2046 # one word a line
		setpriv --pdeathsig TERM qemu-system-x86_64 $(cat "$d/argv") \
			-netdev "user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:$port-10.0.2.15:22" \
			>"$d/qemu.log" 2>&1 </dev/null &
		pid=$!
		set +f
		IFS=$old_ifs
		echo "$pid" >"$d/pid"
		cat "$d/qmp.out" >"$d/qmp.log" &
		echo $! >"$d/reader"
		if [ "$vm_serial" = pipe ]; then # nobody reading would stop the guest
			cat "$d/serial.out" >/dev/null &
			echo $! >>"$d/reader"
		fi
		# QEMU greets on QMP when its devices are made
		n=0
		while [ ! -s "$d/qmp.log" ] && vm_running "$name" && [ $n -lt 100 ]; do
			sleep 0.2
			n=$((n + 1))
		done
		if [ -s "$d/qmp.log" ] && vm_running "$name"; then
			date +%s >"$d/started"
			vm_qmp "$name" '{"execute":"qmp_capabilities"}'
			return
		fi
		vm_kill "$name"
		grep -q 'host forwarding' "$d/qemu.log" || break
	done
	vm_say "QEMU does not start (try $try): $(cat "$d/qemu.log")"
	return 1
}

vm_pid() { cat "$work/vm-$1/pid" 2>/dev/null; }
vm_running() {
	p=$(vm_pid "$1") && kill -0 "$p" 2>/dev/null &&
		! grep -q '^State:[[:space:]]*Z' "/proc/$p/status" 2>/dev/null
}

# Opened for reading too: QEMU may end at any time, and a pipe without reader would block us.
vm_qmp() {
	vm_running "$1" && printf '%s\n' "$2" 1<>"$work/vm-$1/qmp.in"
}

vm_type() {
	vm_running "$1" && printf '%b' "$2" 1<>"$work/vm-$1/serial.in"
}

vm_dead_signs='Kernel panic - not syncing|kernel BUG at|Oops: |rdsosreport.txt|[Ee]ntering emergency mode|You are in emergency mode|Press Enter for maintenance|grub rescue> |Minimal BASH-like line editing|UEFI Interactive Shell|No bootable option or device|No bootable device'

vm_show_end() { # NAME REASON
	vm_say "$1: $2; the console ends:"
	tail -c 3000 "$(vm_console "$1")" | tr -d '\r\033' | tail -n 20 | sed 's/^/    /' >&2
}

vm_wait_line() { # NAME PATTERN [SECONDS]
	vm_until=$(($(date +%s) + ${3:-600}))
	while :; do
		grep -aqE -- "$2" "$work/vm-$1/console" && return 0
		if grep -aqE "$vm_dead_signs" "$work/vm-$1/console"; then
			vm_show_end "$1" "the system is dead"
			return 1
		elif ! vm_running "$1"; then
			# once more: it may have been the last line
			grep -aqE -- "$2" "$work/vm-$1/console" && return 0
			vm_show_end "$1" "QEMU has ended: $(tail -n 3 "$work/vm-$1/qemu.log")"
			return 1
		elif [ "$(date +%s)" -ge "$vm_until" ]; then
			vm_show_end "$1" "'$2' did not come in ${3:-600} s"
			return 1
		fi
		sleep 0.5
	done
}

vm_wait_login() { vm_wait_line "$1" ' login: ' "${2:-600}"; }

vm_wait_ssh() { # NAME [SECONDS]
	vm_until=$(($(date +%s) + ${2:-600}))
	vm_wait_line "$1" 'Linux version |Welcome to |systemd\[1\]' "${2:-600}" || return 1
	while [ "$(date +%s)" -lt "$vm_until" ]; do
		if ! vm_running "$1"; then
			vm_show_end "$1" "QEMU has ended"
			return 1
		fi
		if grep -aqE "$vm_dead_signs" "$work/vm-$1/console"; then
			vm_show_end "$1" "the system is dead"
			return 1
		fi
		timeout 40 ssh -F "$work/vm-$1/ssh_config" rehome true </dev/null 2>/dev/null && return 0
		sleep 2
	done
	vm_show_end "$1" "no ssh in ${2:-600} s"
	return 1
}

vm_until() { # NAME SECONDS COMMAND
	vm_end=$(($(date +%s) + $2))
	until vm_ssh "$1" "$3" </dev/null; do
		[ "$(date +%s)" -lt "$vm_end" ] && vm_running "$1" || return 1
		sleep 2
	done
}

vm_ssh() { # NAME COMMAND...
	vm_name=$1
	shift
	timeout "${VM_SSH_TIMEOUT:-300}" ssh -F "$work/vm-$vm_name/ssh_config" rehome "$@"
}

vm_scp() { # NAME FILE... rehome:PATH
	vm_name=$1
	shift
	timeout "${VM_SSH_TIMEOUT:-300}" scp -q -F "$work/vm-$vm_name/ssh_config" "$@"
}

vm_unplug() { # NAME SERIAL
	vm_ssh "$1" "for d in /sys/block/sd*; do
		udevadm info -q property \$d | grep -q '^ID_SERIAL_SHORT=$2\$' && echo 1 >\$d/device/delete && exit 0
	done; echo 'no disk $2' >&2; exit 1"
}
vm_replug() { # NAME
	vm_ssh "$1" 'for h in /sys/class/scsi_host/host*; do echo "- - -" >$h/scan; done; udevadm settle'
}

vm_wait_end() { # NAME SECONDS
	vm_until=$(($(date +%s) + $2))
	while vm_running "$1"; do
		[ "$(date +%s)" -lt "$vm_until" ] || return 1
		sleep 0.2
	done
	p=$(vm_pid "$1") && wait "$p" 2>/dev/null
	# they wait for ever when QEMU has never opened the pipes
	# shellcheck disable=SC2086 # numbers, one or two
	p=$(cat "$work/vm-$1/reader" 2>/dev/null) && kill $p 2>/dev/null
	rm -f "$work/vm-$1/pid" "$work/vm-$1/reader"
	return 0
}

vm_stop() { # NAME [SECONDS]
	vm_running "$1" || return 0
	vm_qmp "$1" '{"execute":"system_powerdown"}'
	vm_wait_end "$1" "${2:-180}" && return 0
	vm_show_end "$1" "does not power off"
	vm_kill "$1"
	return 1
}

vm_kill() {
	p=$(vm_pid "$1") || return 0
	kill -TERM "$p" 2>/dev/null
	vm_wait_end "$1" 20 || vm_cut "$1"
}

vm_cut() {
	p=$(vm_pid "$1") || return 0
	kill -KILL "$p" 2>/dev/null
	vm_wait_end "$1" 20
}

vm_free() {
	vm_kill "$1"
	rm -rf "$work/vm-$1"
}

vm_end_all() {
	for vm_name in $vm_names; do
		vm_kill "$vm_name"
	done
}

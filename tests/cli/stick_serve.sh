#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-stick on a workstation: a tiny pair, its archive, the service, a console in plain text. The
# disks are two loop devices, so that part needs root; the service looks at no other disk.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$PWD/build/bin
work=$(mktemp -d) || exit 1
bad=0 serve_pid='' loops=''
clean() {
	[ -z "$serve_pid" ] || kill "$serve_pid" 2>/dev/null
	for l in $loops; do losetup -d "$l"; done
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM
ok() { echo "ok $1"; }
not_ok() { # NAME [TEXT]
	echo "not ok $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/    /'
	bad=$((bad + 1))
}
is() { # NAME FILE PATTERN
	if grep -q -- "$3" "$2"; then ok "$1"; else not_ok "$1" "$(cat "$2" "$work/log" 2>&1)"; fi
}

# --- a pair of 24 MiB: random data at both ends of a hole, tables that differ ---
mkdir "$work/pair"
head -c 3000000 /dev/urandom >"$work/random"
truncate -s 24M "$work/pair/a.img"
dd if="$work/random" of="$work/pair/a.img" bs=1M seek=1 conv=notrunc status=none
dd if="$work/random" of="$work/pair/a.img" bs=1M seek=19 conv=notrunc status=none
cp --sparse=always "$work/pair/a.img" "$work/pair/b.img"
for x in a b; do sfdisk -q "$work/pair/$x.img" <<-'EOT' >/dev/null; done
	label: gpt
	start=2048, size=40960, name=test
EOT
(cd "$work/pair" && sha256sum a.img b.img >SHA256SUMS)
sum() { sed -n "s/  $1.img\$//p" "$work/pair/SHA256SUMS"; }
cat >"$work/pair/manifest.json" <<EOT
{ "version": 1, "recipe": "tiny", "key": "0123", "files": {
  "a.img": { "size": 25165824, "sha256": "$(sum a)" }, "b.img": { "size": 25165824, "sha256": "$(sum b)" } } }
EOT

if "$bin/rehome" stick -q --archive -o "$work/archive" "$work/pair" >"$work/out" 2>&1; then
	ok archive
else
	not_ok archive "$(cat "$work/out")"
	exit 1
fi
(cd "$work" && sha256sum --quiet -c archive.sha256) && ok archive-checksum || not_ok archive-checksum
"$bin/rehome" stick -q --json --archive -o "$work/again" "$work/pair" >"$work/json"
cmp "$work/archive" "$work/again" && ok same-pair-same-archive || not_ok same-pair-same-archive
is json "$work/json" '"size": *[0-9]*.*"sha256": *"[0-9a-f]\{64\}"'
if command -v zstd >/dev/null; then
	zstd -dcq <"$work/archive" | cmp - "$work/pair/a.img" && ok zstd-gives-disk-a || not_ok zstd-gives-disk-a
else
	echo "skip zstd-gives-disk-a: zstd is not installed"
fi
cp "$work/pair/b.img" "$work/keep"
printf x | dd of="$work/pair/b.img" bs=1 seek=1500000 conv=notrunc status=none
"$bin/rehome" stick -q --archive -o "$work/never" "$work/pair" >"$work/out" 2>&1
[ $? -eq 1 ] && [ ! -e "$work/never" ] && ok damaged-pair || not_ok damaged-pair
is damaged-pair-named "$work/out" 'b.img is damaged'
mv "$work/keep" "$work/pair/b.img"

# --- the service ---
# serve ARCHIVE PHASE [OPTION]...: begin, and wait for that phase
serve() {
	archive=$1 phase=$2
	shift 2
	rm -rf "$work/d"
	"$bin/rehome-stick" serve --dir "$work/d" --pair "$archive" --answers "$work/answers.json" \
		--schema recipes/answers.schema.json --wait 0 --no-reboot --allow-loop "$@" 2>"$work/log" &
	serve_pid=$!
	wait_phase "$phase"
}
wait_phase() {
	n=0
	while ! grep -qs "\"phase\":\"$1\"" "$work/d/state" && kill -0 "$serve_pid" 2>/dev/null && [ $n -lt 300 ]; do
		sleep 0.1
		n=$((n + 1))
	done
}
serve_end() {
	kill "$serve_pid" 2>/dev/null
	wait "$serve_pid" 2>/dev/null
	serve_pid=''
}
# console LINE...: type these lines, each when the one before has been answered; what it printed is in
# $work/plain
console() {
	: >"$work/plain"
	{
		typed=0
		for line in "$@"; do
			answered "$typed"
			typed=$(stat -c %s "$work/plain")
			echo "$line"
		done
		answered "$typed"
	} | timeout 30 "$bin/rehome-stick" console --dir "$work/d" --name test >"$work/plain" 2>&1
}
answered() { # BYTES: the console has printed more than that
	tries=0
	while [ "$(stat -c %s "$work/plain")" -le "$1" ] && [ $tries -lt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
}
answers() { # SERIAL SERIAL
	cat >"$work/answers.json" <<-EOT
		{ "version": 1, "hostname": "mail.example.org", "domain": "example.org", "language": "en",
		  "timezone": "Asia/Tokyo", "network": { "method": "dhcp" },
		  "admin": { "email": "admin@example.org", "password": "rh7-only-for-the-test",
		    "ssh_keys": ["ssh-ed25519 AAAA x"], "addresses": ["192.0.2.10/32"] },
		  "disks": ["$1", "$2"] }
	EOT
}

head -c 2000000 "$work/archive" >"$work/short"
serve "$work/short" failed --disk /dev/none
is cut-archive "$work/d/state" 'the archive was cut off'
serve_end
cp "$work/archive" "$work/damaged"
printf 'XYZ' | dd of="$work/damaged" bs=1 seek=700000 conv=notrunc status=none
serve "$work/damaged" failed --disk /dev/none
is damaged-archive "$work/d/state" 'frame [0-9]* is damaged.*write the stick anew'
serve_end
serve "$work/none" failed --disk /dev/none
is no-archive "$work/d/state" 'the partition with the pair does not appear'
serve_end
printf '{ "disks": ["A", "B"] }' >"$work/answers.json"
serve "$work/archive" choose --disk /dev/none
is wrong-answers "$work/d/state" 'The answers volume is wrong.*hostname'
serve_end
answers NO-SUCH-1 NO-SUCH-2
serve "$work/archive" choose --disk /dev/none
is absent-disks "$work/d/state" 'Installing without questions stopped.*NO-SUCH-1.*NO-SUCH-2'
console r
wait "$serve_pid" && ok console-restarts || not_ok console-restarts
serve_pid=''
is console-shows "$work/plain" 'no disk in this machine has the serial number NO-SUCH-2'
rm "$work/answers.json"

# --- two loop devices as disks ---
if [ "$(id -u)" -ne 0 ] || ! losetup -f >/dev/null 2>&1; then
	echo "skip stick-writes: only root can make loop devices"
	[ $bad -eq 0 ]
	exit
fi
truncate -s 40M "$work/one" "$work/two"
truncate -s 20M "$work/small"
head -c 40000000 /dev/urandom | dd of="$work/one" conv=notrunc status=none
for f in one two small; do
	l=$(losetup -f --show "$work/$f") || { echo "skip stick-writes: no loop device is left"; exit $bad; }
	loops="$loops $l"
	eval "$f=$l"
done
disks="--disk $one --disk $two --disk $small"
same() { # NAME
	sync
	if cmp -n 25165824 "$work/one" "$work/pair/a.img" && cmp -n 25165824 "$work/two" "$work/pair/b.img"; then
		ok "$1"
	else
		not_ok "$1" "$(cat "$work/log")"
	fi
}
cp "$work/one" "$work/one.before"
# The menu, on a terminal of its own. Each key comes when the window that it is for is there.
# menu: a wish in lines "TEXT<tab>KEYS": wait until TEXT was drawn once more, then press KEYS
menu() {
	: >"$work/screen"
	: >"$work/menu.err"
	tab=$(printf '\t')
	{
		while IFS=$tab read -r text keys; do
			n=0
			while [ "$(grep -aoF "$text" "$work/screen" | wc -l)" -lt 1 ] && [ $n -lt 100 ]; do
				sleep 0.1
				n=$((n + 1))
			done
			[ $n -lt 100 ] || echo "never drawn: $text" >>"$work/menu.err"
			sleep 0.5
			: >"$work/screen"
			printf '%b' "$keys"
		done
		sleep 2
		kill "$(cat "$work/menu.pid")"
	} | TERM=vt220 timeout 60 script -qfc "echo \$\$ >'$work/menu.pid'; stty rows 24 cols 80; exec '$bin/rehome-stick' console --dir '$work/d' --name menu --menu" /dev/null |
		tee -a "$work/screen" >"$work/screen.all"
}
# shellcheck disable=SC2086 # options
serve "$work/archive" choose $disks
console 1 2 "${one#/dev/}" "${one#/dev/}" c
is wrong-serial "$work/plain" 'That is not its serial number'
grep -q "${small#/dev/} " "$work/plain" && not_ok small-disk-not-shown || ok small-disk-not-shown
cmp -s "$work/one" "$work/one.before" && ok nothing-was-written || not_ok nothing-was-written
console 1 2 "${one#/dev/}" "${two#/dev/}" yes
wait_phase "done"
is installed "$work/d/state" 'Installed: both disks are written and compared'
same bytes
console ''
wait "$serve_pid" && ok restarts-when-asked || not_ok restarts-when-asked
serve_pid=''

# The same through the menu; a wrong serial first.
dd if=/dev/zero of="$work/one" bs=1M count=40 conv=notrunc status=none
if command -v script >/dev/null; then
	# shellcheck disable=SC2086
	serve "$work/archive" choose $disks
	menu <<-EOT
		Mark the two disks	 \\033[B \\t\\r
		All that is on these	wrong\\t${two#/dev/}\\t\\r
		The serial number of	\\r
		Mark the two disks	 \\033[B \\t\\r
		All that is on these	${one#/dev/}\\t${two#/dev/}\\t\\r
		Remove the stick	\\r
	EOT
	[ -s "$work/menu.err" ] && not_ok menu-windows "$(cat "$work/menu.err")" || ok menu-windows
	wait "$serve_pid" && ok menu-restarts || not_ok menu-restarts
	serve_pid=''
	is menu-asked "$work/log" 'asked by menu'
	same menu-installs
else
	echo "skip menu-installs: script is not installed"
	dd if="$work/pair/a.img" of="$work/one" conv=notrunc status=none
fi

# Without questions: what is installed is not written again, but with --again it is.
answers "${one#/dev/}" "${two#/dev/}"
# shellcheck disable=SC2086
serve "$work/archive" choose $disks
is installed-already "$work/d/state" 'this pair is installed on it already'
serve_end
printf 'x' | dd of="$work/two" bs=1 seek=20000000 conv=notrunc status=none
# shellcheck disable=SC2086
serve "$work/archive" "done" --again $disks
same again-without-questions
serve_end
dd if=/dev/zero of="$work/one" bs=1M count=1 conv=notrunc status=none
dd if=/dev/zero of="$work/two" bs=1M count=1 conv=notrunc status=none
answers "${one#/dev/}" "${small#/dev/}"
# shellcheck disable=SC2086
serve "$work/archive" choose $disks
is too-small "$work/d/state" 'the pair needs 25165824'
serve_end
[ $bad -eq 0 ]

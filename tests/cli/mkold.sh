#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A small old server's tree, made by hand, with one of each thing that import must know.
#
# usage: tests/cli/mkold.sh DIR
# example.com: alice (uiddb, POP list v3, keywords with pending files, folders in UTF-8, mUTF-7 and
# CP932, subscriptions, a message in new/), bob (hashed directory, DES, POP list v1), carol (POP
# list v2, torn uiddb), dave (no Courier files at all), postmaster. hash.example (domains/0/…):
# erin (POP list v0). alias.example is an alias domain of example.com.
# shellcheck disable=SC2016 # dollars of hashes and keywords
set -eu
root=$1
home=$root/home/vpopmail/domains
[ ! -e "$root/home" ] || { echo "$root is not empty" >&2; exit 1; }
mkdir -p "$root/var/qmail/users" "$home/example.com/0" "$home/0/hash.example"
cat >"$root/var/qmail/users/assign" <<'E'
+example.com-:example.com:89:89:/home/vpopmail/domains/example.com:-::
+alias.example-:example.com:89:89:/home/vpopmail/domains/example.com:-::
+hash.example-:hash.example:89:89:/home/vpopmail/domains/0/hash.example:-::
.
E
d=/home/vpopmail/domains
md5='$1$abcdefgh$G//4keteveJp0qb8z2DxG/'
cat >"$home/example.com/vpasswd" <<E
alice:$md5:1:0:Alice Smith:$d/example.com/alice:20971520S
bob:abJnggxhB/yWI:1:0:bob:$d/example.com/0/bob:NOQUOTA
carol:$md5:1:0:Carol:$d/example.com/carol:42949672960S
dave:$md5:1:0:Dave:$d/example.com/dave:NOQUOTA
postmaster:$md5:1:4096:Postmaster:$d/example.com/postmaster:NOQUOTA
E
echo "erin:$md5:1:0:Erin:$d/0/hash.example/erin:NOQUOTA" >"$home/0/hash.example/vpasswd"
for x in "$home/example.com" "$home/0/hash.example"; do
	echo "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox" >"$x/.qmail-default"
done
: >"$home/.dir-control"

# message MAILDIR SUB NAME TIME: a message whose name and content belong together
message() {
	mkdir -p "$1/cur" "$1/new" "$1/tmp"
	printf 'From: x@example.org\nSubject: %s\n\nbody of %s\n' "$3" "$3" >"$1/$2/$3"
	touch -d "@$4" "$1/$2/$3"
}
folder() { # folder MAILDIR NAME
	mkdir -p "$1/$2/cur" "$1/$2/new" "$1/$2/tmp"
	: >"$1/$2/maildirfolder"
}

# --- alice ---
m=$home/example.com/alice/Maildir
message "$m" cur '1276544455.M1P1V0I1_0.mail,S=90:2,S' 1276544455
message "$m" cur '1276544456.M2P1V0I1_0.mail:2,FRS' 1276544456
message "$m" cur '1276544457.M3P1 with space.mail:2,' 1276544457
message "$m" cur '1276544458.M4P1.mail:2,ST' 1276544458
message "$m" new '1276544459.M5P1.mail' 1276544459
printf '%s\n' '1 276543210 31' '30 1276544458.M4P1.mail' '21 1276544455.M1P1V0I1_0.mail,S=90' \
	'22 1276544456.M2P1V0I1_0.mail' '25 1276544457.M3P1 with space.mail' \
	'26 1276544400.gone.mail' >"$m/courierimapuiddb"
printf '%s\n' '/3 9 1276540000' '1276544455.M1P1V0I1_0.mail,S=90:2,S 100 1:1276540000:0' \
	'1276544456.M2P1V0I1_0.mail:2,FRS 100 0:0:0' \
	'1276544457.M3P1 with space.mail:2, 100 7:0:1' >"$m/courierpop3dsizelist"
mkdir "$m/courierimapkeywords"
printf '%s\n' '$Forwarded' 'Work' 'unused' '' '1276544455.M1P1V0I1_0.mail,S=90:0 1' \
	'1276544456.M2P1V0I1_0.mail:1' '1276544457.M3P1 with space.mail:1' \
	>"$m/courierimapkeywords/:list"
printf 'Later\n' >"$m/courierimapkeywords/.100.1276544456.M2P1V0I1_0.mail"
printf '$Forwarded\n' >"$m/courierimapkeywords/.99.1276544456.M2P1V0I1_0.mail"
: >"$m/courierimapkeywords/1276544457.M3P1 with space.mail"
folder "$m" '.Sent'
message "$m/.Sent" cur '1276544460.M6.mail:2,S' 1276544460
printf '%s\n' '1 276543300 2' '1 1276544460.M6.mail' >"$m/.Sent/courierimapuiddb"
folder "$m" '.日本語'
message "$m/.日本語" cur '1276544461.M7.mail:2,' 1276544461
folder "$m" '.Sent.&ZeVnLIqe-'
message "$m/.Sent.&ZeVnLIqe-" cur '1276544462.M8.mail:2,D' 1276544462
folder "$m" ".$(printf '\203\201\201\133\203\213')"
folder "$m" '.a&b c'
printf '%s\n' INBOX INBOX.Sent INBOX.日本語 'INBOX.a&b c' >"$m/courierimapsubscribed"
echo '20971520S' >"$m/maildirsize"

# --- bob: hashed, POP only, list v1 ---
m=$home/example.com/0/bob/Maildir
message "$m" cur '1276544470.1.mail:2,S' 1276544470
message "$m" cur '1276544471.2.mail:2,' 1276544471
message "$m" new '1276544472.3.mail' 1276544472
printf '%s\n' '/1 8' '1276544470.1.mail:2,S 100 5' "1276544471.2.mail:2, 100 0" \
	>"$m/courierpop3dsizelist"
touch -d @1276550000 "$m/cur"

# --- carol: list v2, torn uiddb ---
m=$home/example.com/carol/Maildir
message "$m" cur '1276544480.1.mail:2,S' 1276544480
message "$m" cur '1276544481.2.mail:2,' 1276544481
message "$m" cur '1276544482.3.mail:2,' 1276544482
printf '%s\n' '1 276543400 9' '3 1276544480.1.mail' >"$m/courierimapuiddb"
printf '5 1276544481.2.ma' >>"$m/courierimapuiddb"
printf '%s\n' '/2 4 1276541111' '1276544480.1.mail:2,S 100 1:1276541111' \
	'1276544481.2.mail:2, 100 2:0' >"$m/courierpop3dsizelist"

# --- dave: nothing of Courier's; postmaster: empty ---
m=$home/example.com/dave/Maildir
message "$m" new "1276544490.1'x.mail" 1276544490
touch -d @1276550001 "$m/cur"
m=$home/example.com/postmaster/Maildir
mkdir -p "$m/cur" "$m/new" "$m/tmp"
touch -d @1276550002 "$m/cur"

# --- erin: hashed domain, list v0 ---
m=$home/0/hash.example/erin/Maildir
message "$m" cur '1276544500.1.mail:2,S' 1276544500
printf '1276544500.1.mail:2,S 100\n' >"$m/courierpop3dsizelist"
touch -d @1276550003 "$m/cur"

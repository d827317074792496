#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What import refuses or cannot carry: each is said, with file and line, and costs nothing else.
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"
dom() { echo "$work/old/home/vpopmail/domains/example.com"; }

# --- command line and sources ---
run() { "$IMPORT" "$@" >"$work/out" 2>&1; status=$?; }
run
check fail-usage-no-source exits 2
run --volume A /b
check fail-usage-two-sources exits 2
run --owner me /b
check fail-usage-owner exits 2
run --default-quota 20GiB /b
check fail-usage-quota exits 2
run --nonsense /b
check fail-usage-option exits 2
run --no-accounts --mail-root "$work" "$work/none"
check fail-no-old-tree exits 1
check fail-no-old-tree-said says "cannot open the old server's tree"
mkdir "$work/empty"
run --no-accounts --mail-root "$work" "$work/empty"
check fail-no-assign exits 1
check fail-no-assign-said says 'is not the tree of a qmail server'
fresh
run --no-accounts --mail-root "$work/none" "$work/old"
check fail-no-mail-root exits 1
check fail-no-mail-root-said says 'cannot open the mail root'
run --socket "$work/none.sock" --mail-root "$work/mail" "$work/old"
check fail-no-database exits 1
check fail-no-database-said says 'cannot open the database postfixadmin'
check fail-no-database-before-mail test -z "$(ls -A "$work/mail")"
run --no-accounts --volume no-such-label-7f
check fail-no-volume exits 1

# The mail root of the appliance, without its volume
if unshare -rm true 2>/dev/null; then
	unshare -rm sh -c 'mount -t tmpfs none /srv && mkdir /srv/mail && "$@"; s=$?; ls -A /srv/mail; exit $s' sh \
		"$IMPORT" --no-accounts "$work/old" >"$work/out" 2>&1
	status=$?
	check fail-no-mail-volume exits 1
	check fail-no-mail-volume-said says 'the mail volume is not mounted at /srv/mail'
	check fail-no-mail-volume-nothing silent example.com
	unshare -rm sh -c 'mount -t tmpfs none /srv && mkdir /srv/mail && mount -t tmpfs none /srv/mail && "$@"' sh \
		"$IMPORT" --no-accounts --owner 0:0 "$work/old" >"$work/out" 2>&1
	status=$?
	check mail_volume_is_taken exits 3
else
	echo "skip fail-no-mail-volume: no user namespaces"
fi

# --- accounts ---
fresh
cat >>"$work/old/var/qmail/users/assign" <<'E'
=joe:joe:1000:1000:/home/joe:::
E
sed -i '/^\.$/d' "$work/old/var/qmail/users/assign"
echo '+gone.example-:gone.example:89:89:/home/vpopmail/domains/gone.example:-::' >>"$work/old/var/qmail/users/assign"
echo '+orphan.example-:gone.example:89:89:/home/vpopmail/domains/gone.example:-::' >>"$work/old/var/qmail/users/assign"
h='$1$abcdefgh$G//4keteveJp0qb8z2DxG/'
cat >>"$(dom)/vpasswd" <<E
broken line
../evil:$h:1:0:x:/home/vpopmail/domains/example.com/evil:NOQUOTA
.dot:$h:1:0:x:/home/vpopmail/domains/example.com/dot:NOQUOTA
alice:$h:1:0:again:/home/vpopmail/domains/example.com/alice:NOQUOTA
cut:\$6\$abcdefgh\$tooshort:1:0:x:/home/vpopmail/domains/example.com/cut:NOQUOTA
plain:opensesame:1:0:x:/home/vpopmail/domains/example.com/cut:NOQUOTA
locked:*:1:0:x:/home/vpopmail/domains/example.com/cut:NOQUOTA
clear:$h:1:2:x:/home/vpopmail/domains/example.com/cut:1GB,500C:se:cret
outside:$h:1:0:x:/etc:NOQUOTA
E
mkdir "$work/old/etc"
mkdir -p "$(dom)/cut/Maildir/cur" "$(dom)/cut/Maildir/new"
import
check bad_accounts_status exits 3
v=/home/vpopmail/domains/example.com/vpasswd
check fail-assign-other says '/var/qmail/users/assign:4: line not carried: it is a user of qmail'
check fail-assign-cut says "does not end with a line '.'"
check fail-domain-gone says 'domain gone.example not carried'
check fail-alias-of-gone says 'alias domain orphan.example not carried'
check fail-vpasswd-fields says "$v:6: account not carried: it has fewer than seven fields"
check fail-vpasswd-slash says "$v:7: account not carried: the name begins with a dot"
check fail-vpasswd-dot says "$v:8: account not carried: the name begins with a dot"
check fail-vpasswd-duplicate says "$v:9: account alice stands here a second time"
check fail-hash-cut says "$v:10: password of cut@example.com not carried: the hash is cut off"
check fail-hash-unknown says "$v:11: password of plain@example.com not carried"
check unknown_hash_is_never_shown silent opensesame
check unknown_hash_is_never_stored sh -c "! grep -q opensesame '$work/accounts.json'"
check fail-hash-none says "$v:12: locked@example.com has no password"
check clear_password_left says 'clear-text password of clear@example.com left behind'
check clear_password_never_stored sh -c "! grep -q 'se:cret' '$work/accounts.json' '$work/report.json'"
check fail-flag says 'flag of clear@example.com not carried: POP3 was denied'
check fail-quota says 'quota of clear@example.com not carried: 1GB,500C'
check fail-quota-count says 'to 500 messages not carried'
check fail-outside says 'mail of outside@example.com not carried: /etc does not lie'
check rest_goes_on test -f "$(box alice)/dovecot-uidlist"

# --- what is not carried yet, line by line ---
fresh
d=$(dom)
printf '&boss@example.org\n|/bin/program x\n' >"$d/.qmail-info"
printf '# nothing\n' >"$d/.qmail-void"
printf "| /home/vpopmail/bin/vdelivermail '' delete\n" >"$d/.qmail-default"
mkdir -p "$d/LIST/subscribers" "$d/NOTE" "$d/nobody/Maildir/cur" "$d/alice/vacation"
: >"$d/NOTE/message"
printf '&x@y.example\n' >"$d/alice/.qmail"
: >"$d/bob.unknown"
mkdir "$(src alice)/.spamassassin" "$(src alice)/odd"
printf 'x\n' >"$(src alice)/sqwebmail-config"
printf 'owner aceilrstwx\nuser=bob lr\n' >"$(src alice)/courierimapacl"
mkdir "$(src alice)/courierimaphieracl"
printf 'owner aceilrstwx\n' >"$(src alice)/courierimaphieracl/Sent"
printf 'anyone lr\n' >"$(src alice)/courierimaphieracl/&ZeVnLIqe-"
printf 'owner aceilrstwx\n' >"$(src alice)/courierimaphieracl/Parent"
printf '#shared.a.b\n' >>"$(src alice)/courierimapsubscribed"
: >"$(src alice)/tmp/half"
: >"$(src alice)/cur/.nfs001"
mkdir "$(src alice)/cur/dir"
: >"$(src alice)/.Sent/strange"
ln -s /etc "$(src alice)/.link"
mkdir -p "$work/old/home/vpopmail/domains/stray.example"
import
p=/home/vpopmail/domains/example.com
check lost-qmail-1 says "$p/.qmail-info:1: delivery rule not carried: &boss@example.org"
check lost-qmail-2 says "$p/.qmail-info:2: delivery rule not carried: |/bin/program x"
check lost-qmail-discard says "$p/.qmail-void:1: delivery rule not carried: mail to it was thrown away"
check lost-catch-all says "$p/.qmail-default:1: delivery rule not carried"
check lost-user-qmail says "$p/alice/.qmail:1: delivery rule not carried"
check lost-list says "$p/LIST: not carried: an ezmlm mailing list"
check lost-autoresponder says "$p/NOTE: not carried: an autoresponder"
check lost-stray-mailbox says "$p/nobody: not carried: a mailbox without account"
check lost-vacation says "$p/alice/vacation: the vacation message not carried"
check lost-unknown-file says "$p/bob.unknown: not carried: unknown file"
m=$p/alice/Maildir
check lost-dotted-dir says "$m/.spamassassin: not carried: a directory that is no folder"
check lost-dir says "$m/odd: not carried: unknown directory"
check lost-webmail says "$m/sqwebmail-config: a setting of sqwebmail not carried"
check lost-acl says "$m/courierimapacl:2: access right not carried: user=bob lr"
check lost-hierarchy-acl says "$m/courierimaphieracl/&ZeVnLIqe-:1: access right not carried: anyone lr"
check lost-empty-parent says "$m/courierimaphieracl/Parent: not carried: a folder without mail"
check known_folder_is_not_lost silent 'courierimaphieracl/Sent'
check lost-shared-subscription says "$m/courierimapsubscribed:5: subscription not carried: #shared.a.b"
check lost-tmp says "$m: 1 files in tmp/ not carried"
check lost-dotted-message says "$m/cur/.nfs001: "
check lost-directory-message says "$m/cur/dir: it is not a regular file"
check lost-in-folder says "$m/.Sent/strange: not carried: unknown file"
check lost-link says "$m/.link: not carried: a folder that is a symbolic link"
check lost-stray-domain says '/home/vpopmail/domains/stray.example: not carried: it belongs to no domain'
check dotted_dir_is_no_folder test ! -e "$(box alice)/.spamassassin"

# --- mail ---
fresh
s=$(src alice)
mkdir -p "$work/old/home/vpopmail/domains/bulletins" "$work/old/secret"
printf 'bulletin\n' >"$work/old/home/vpopmail/domains/bulletins/b1"
printf 'shadow\n' >"$work/old/secret/s1"
ln -s /home/vpopmail/domains/bulletins/b1 "$s/new/1276545000.bull"
ln -s /secret/s1 "$s/new/1276545001.leak"
ln -s /nowhere "$s/new/1276545002.dangling"
printf 'twice\n' >"$s/new/1276544458.M4P1.mail"
printf 'odd\n' >"$s/cur/1276545003.a:b.mail:2,S"
printf 'letters\n' >"$s/cur/1276545004.l:2,Sabx"
mkfifo "$s/cur/1276545005.fifo"
import
check mail_faults_status exits 3
a=$(box alice)
check link_inside_is_copied grep -q bulletin "$a/new/1276545000.bull"
check fail-link-outside says '1276545001.leak: message not carried: it is a link that leads out of the mail tree'
check link_outside_is_not_copied test ! -e "$a/new/1276545001.leak"
check fail-link-dangling says '1276545002.dangling: message not carried: the link leads nowhere'
check second_of_a_name grep -q twice "$a/new/1276544458.M4P1.mail.2"
check fail-second-of-a-name says 'another message of the folder has the same name'
check colon_in_name grep -q odd "$a/cur/1276545003.a_b.mail:2,S"
check fail-letters says '3 flag characters of 1 messages not carried'
check fail-fifo says '1276545005.fifo: it is not a regular file'
check others_carried test -f "$a/cur/1276544456.M2P1V0I1_0.mail:2,FRSc"

# An unreadable message: only somebody who is not root can meet one.
fresh
chmod 000 "$(src alice)/cur/1276544456.M2P1V0I1_0.mail:2,FRS"
if [ "$(id -u)" = 0 ]; then
	cp "$IMPORT" "$work/import"
	chmod 755 "$work" "$work/import"
	chown 65534:65534 "$work/mail"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$work/import" --mail-root "$work/mail" \
		--no-accounts "$work/old" >"$work/out" 2>&1
	status=$?
else
	import
fi
check fail-unreadable exits 3
check fail-unreadable-said says 'FRS: message not carried: Permission denied'
check unreadable_costs_no_other test -f "$(box alice)/cur/1276544458.M4P1.mail:2,ST"
chmod 644 "$(src alice)/cur/1276544456.M2P1V0I1_0.mail:2,FRS"
[ "$(id -u)" = 0 ] && chown -R 0:0 "$work/mail"
import
check readable_again_comes test -f "$(box alice)/cur/1276544456.M2P1V0I1_0.mail:2,FRSc"

# --- damaged state files ---
fresh
printf 'rubbish\n' >"$(src alice)/courierimapuiddb"
printf '/7 x\n' >"$(src alice)/courierpop3dsizelist"
printf 'a b\n\nnoindex\nx:9\n' >"$(src alice)/courierimapkeywords/:list"
printf '%s\n' '1 5 6' '3 x' '3 y' 'z' '0 q' >"$(src alice)/.Sent/courierimapuiddb"
import
check fail-uiddb-header says 'courierimapuiddb:1: UIDVALIDITY not carried'
check fail-poplist-header says 'courierpop3dsizelist:1: POP3 UIDLs not carried'
check fail-keyword-name says ':list:1: keyword not carried: it is not an IMAP atom'
check fail-keyword-line says ':list:3: keywords not carried'
check fail-keyword-index says ':list:4: keywords not carried: it names a keyword that is not'
check fail-uid-twice says '.Sent/courierimapuiddb:3: UID 3 not carried'
check fail-uid-none says ".Sent/courierimapuiddb:4: UID not carried: it does not begin with a UID"

# --- a mailbox in use ---
touched() { # touched NAME WORDS
	check "refuse-$1" says "$2"
	check "refuse-$1-status" exits 3
}
again() { fresh; import; }
again
printf 'delivered\n' >"$(box alice)/new/1300000000.x"
import
touched delivered 'its messages or their flags were changed here since the last run'
check refuse_others_go_on says 'bob@example.com'
again
mv "$(box alice)/cur/1276544458.M4P1.mail:2,ST" "$(box alice)/cur/1276544458.M4P1.mail:2,RST"
trace "$(box alice)" >"$work/before"
import
trace "$(box alice)" >"$work/after"
touched flag 'its messages or their flags were changed here since the last run'
check refused_stays_as_it_is same "$work/before" "$work/after"
again
rm "$(src alice)/cur/1276544458.M4P1.mail:2,ST"
import
touched source_lost_it 'it has messages that the old server does not have (any more)'
again
echo '3 V1 N99' >"$(box alice)/dovecot-uidlist"
import
check uidlist_of_dovecot_and_no_change silent refused
printf 'more\n' >"$(src alice)/new/1300000001.y"
import
touched uidlist 'Dovecot has changed the file since the last run'
fresh
mkdir -p "$(box alice)/cur"
printf 'mine\n' >"$(box alice)/cur/1.mine:2,"
import
touched before 'it was in use before the import'
check refuse_remedy says "move $work/mail/example.com/alice away first"
finish

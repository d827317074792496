#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What import carries, looked at file by file; that it reads only; that it can be repeated.
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"

fresh
trace "$work/old" >"$work/old.before"
import
check exit_status exits 3
trace "$work/old" >"$work/old.after"
check source_untouched_even_in_atime same "$work/old.before" "$work/old.after"

a=$(box alice)
uidlist() { has_line "$1/dovecot-uidlist" "$2"; }
check validity_uidnext uidlist "$a" '3 V276543210 N32'
check uid_and_uidl_v3 uidlist "$a" '21 PUID1-1276540000 O1 :1276544455.M1P1V0I1_0.mail,S=90'
check uidl_zero_is_name uidlist "$a" '22 P O2 :1276544456.M2P1V0I1_0.mail'
check uidl_without_validity uidlist "$a" '25 PUID7 O3 :1276544457.M3P1 with space.mail'
check uidl_not_listed uidlist "$a" '30 PUID9-1276540000 O4 :1276544458.M4P1.mail'
check uid_of_new_message uidlist "$a" '31 PUID10-1276540000 O5 :1276544459.M5P1.mail'
check new_stays_new test -f "$a/new/1276544459.M5P1.mail"
check folder_validity uidlist "$a/.Sent" '3 V276543300 N2'
check keywords_of_list test -f "$a/cur/1276544455.M1P1V0I1_0.mail,S=90:2,Sab"
check keywords_pending_highest test -f "$a/cur/1276544456.M2P1V0I1_0.mail:2,FRSc"
check keywords_pending_empty test -f "$a/cur/1276544457.M3P1 with space.mail:2,"
printf '0 $Forwarded\n1 Work\n2 Later\n' >"$work/want"
check keywords_names same "$work/want" "$a/dovecot-keywords"
printf 'INBOX\nSent\n&ZeVnLIqe-\na&-b c\n' >"$work/want"
check subscriptions same "$work/want" "$a/subscriptions"
check folder_utf8 test -f "$a/.&ZeVnLIqe-/cur/1276544461.M7.mail:2,"
check folder_mutf7_kept test -f "$a/.Sent.&ZeVnLIqe-/cur/1276544462.M8.mail:2,D"
check folder_cp932 test -d "$a/.&MOEw,DDr-"
check folder_cp932_reported says '(was CP932)'
check folder_ampersand test -d "$a/.a&-b c"
check internaldate test "$(stat -c %Y "$a/cur/1276544458.M4P1.mail:2,ST")" = 1276544458
check body cmp "$(src alice)/cur/1276544458.M4P1.mail:2,ST" "$a/cur/1276544458.M4P1.mail:2,ST"
check wrong_size_reported says '1 messages have a wrong size in their name'
b=$(box bob)
check hashed_user_v1 uidlist "$b" '1 PUID5 O1 :1276544470.1.mail'
check v1_not_listed uidlist "$b" '3 PUID8 O3 :1276544472.3.mail'
c=$(box carol)
check v2 uidlist "$c" '3 PUID1-1276541111 O1 :1276544480.1.mail'
check torn_uiddb_new_uid uidlist "$c" '9 PUID2 O2 :1276544481.2.mail'
check torn_uiddb_reported says '/carol/Maildir/courierimapuiddb:3: UID not carried: the line is cut off'
check no_courier_files uidlist "$(box dave)" "1 P1276544490.1+27x.mail O1 :1276544490.1'x.mail"
e=$work/mail/hash.example/erin/Maildir
check hashed_domain_v0 uidlist "$e" '1 P O1 :1276544500.1.mail'
check empty_mailbox uidlist "$(box postmaster)" '3 V1276550002 N1'

row() { grep -qF -- "$1" "$work/accounts.json"; }
check hash_md5 row '"password":"$1$abcdefgh$G//4keteveJp0qb8z2DxG/"'
check hash_des row '"password":"abJnggxhB/yWI"'
check maildir_column row '"maildir":"example.com/alice/"'
check alias_domain row '"alias_domain":"alias.example"'
check default_quota row '"quota":21474836480'
check larger_quota row '"quota":42949672960'
check no_quota row '"quota":0'
check admin_rows grep -q '"domain_admins"' "$work/accounts.json"
check rows_are_private test "$(stat -c %a "$work/accounts.json")" = 600
check report_totals grep -qF '"messages":16' "$work/report.json"

trace "$work/mail" >"$work/mail.before"
import
trace "$work/mail" >"$work/mail.after"
check second_run_writes_nothing same "$work/mail.before" "$work/mail.after"
check second_run_says_so says 'unchanged'

# What changes on the old server meanwhile
mv "$(src alice)/cur/1276544458.M4P1.mail:2,ST" "$(src alice)/cur/1276544458.M4P1.mail:2,S"
ino=$(stat -c %i "$a/cur/1276544458.M4P1.mail:2,ST")
printf 'later\n' >"$(src 0/bob)/new/1276544999.9.mail"
import
check flag_change_is_a_rename test "$(stat -c %i "$a/cur/1276544458.M4P1.mail:2,S")" = "$ino"
check flag_change_copies_nothing says '1 messages copied'
check new_message_comes test -f "$b/new/1276544999.9.mail"
check new_message_uid uidlist "$b" '4 PUID9 O4 :1276544999.9.mail'
import
check then_nothing says '0 messages copied'

# A dry run writes nothing at all
fresh
rm -rf "$work/accounts.json"
"$IMPORT" --dry-run --mail-root "$work/mail" "$work/old" >"$work/out" 2>&1
status=$?
check dry_run exits 3
check dry_run_plans says 'Plan (nothing was written)'
check dry_run_writes_nothing test -z "$(ls -A "$work/mail")"

# Everything in order: exit 0
fresh
rm -rf "$work/old/home/vpopmail/domains/example.com/alice/Maildir/".[!.]*[!t]
rm -rf "$(src alice)"/.* "$(src carol)/courierimapuiddb" 2>/dev/null
mv "$(src alice)/cur/1276544455.M1P1V0I1_0.mail,S=90:2,S" "$(src alice)/cur/1276544455.M1.mail:2,S"
rm -rf "$(src alice)"/courier*
import
check all_carried exits 0
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# "carried" rests on a last look at the target: a rename that got lost on the way, a text that is not
# what was written, a mailbox that Dovecot has used meanwhile.
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"

# A machine that loses things: the rename to $RH_LOSE is reported as done and is not.
cat >"$work/lose.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
int renameat(int a, const char *from, int b, const char *to)
{
	int (*real)(int, const char *, int, const char *) = dlsym(RTLD_NEXT, "renameat");
	const char *lose = getenv("RH_LOSE");
	return lose && strcmp(to, lose) == 0 ? 0 : real(a, from, b, to);
}
C
${CC:-cc} -shared -fPIC -o "$work/lose.so" "$work/lose.c" -ldl || exit 1
losing() { # losing NAME: one run
	LD_PRELOAD="$work/lose.so" RH_LOSE=$1 import
}
result() { grep -q "^$1@example.com .* $2\$" "$work/out" || { sed 's/^/    /' "$work/out"; return 1; }; }
mark() { head -n 1 "$work/mail/example.com/$1/.rehome-import"; }

fresh
losing 'cur/1276544481.2.mail:2,'
check fail-lost-message exits 1
check fail-lost-message-said says 'carol@example.com: mailbox not carried whole, run again: at the target folder .: it has 2 messages'
check lost_message_result result carol failed
check lost_message_mark test "$(mark carol)" = 'rehome-import 1 copying'
check others_are_carried result alice carried
check others_are_marked test "$(mark alice)" = 'rehome-import 1 done'
check others_have_accounts grep -q '"username":"alice@example.com"' "$work/accounts.json"
import
check then_it_comes test -f "$(box carol)/cur/1276544481.2.mail:2,"
check then_result result carol carried
check then_mark test "$(mark carol)" = 'rehome-import 1 done'
for f in dovecot-uidlist dovecot-keywords subscriptions; do
	fresh
	losing "$f"
	check "fail-lost-$f" result alice failed
	check "fail-lost-$f-status" exits 1
done
fresh
import
mv "$(src carol)/cur/1276544481.2.mail:2," "$(src carol)/cur/1276544481.2.mail:2,S"
losing 'cur/1276544481.2.mail:2,S'
check fail-lost-rename result carol failed
check fail-lost-rename-status exits 1

# What could not be read is not called carried, nor unchanged.
fresh
rm "$(src carol)/cur/1276544481.2.mail:2,"
ln -s gone "$(src carol)/cur/1276544481.2.mail:2,"
import
check incomplete_message result carol incomplete
check incomplete_message_status exits 3
import
check incomplete_again result carol incomplete
if [ "$(id -u)" != 0 ]; then
	fresh
	chmod 0 "$(src alice)/.Sent/cur"
	chmod 0 "$(src carol)"
	import
	check incomplete_folder result alice incomplete
	check incomplete_mailbox result carol incomplete
fi

# Dovecot has numbered a folder anew (any opening rewrites the list): what comes later is refused
# before anything of it is written, in whichever folder it comes, and again by the next run.
fresh
import
echo '3 V276543300 N2 Gabc' >"$(box alice)/.Sent/dovecot-uidlist"
printf 'later\n' >"$(src alice)/new/1276545000.9.mail"
trace "$work/mail" >"$work/before"
for run in 1 2; do
	import
	trace "$work/mail" >"$work/after"
	check "fail-used-$run" result alice refused
	check "used_is_left_as_it_is_$run" same "$work/before" "$work/after"
done
# Subscriptions made here, where the old server had none
fresh
import
echo 'INBOX' >"$(box carol)/subscriptions"
echo 'INBOX.Sent' >"$(src carol)/courierimapsubscribed"
import
check fail-subscribed-here result carol refused
check subscribed_here_stays test "$(cat "$(box carol)/subscriptions")" = INBOX
# A mark that is cut off is none: half of it must not be believed.
fresh
import
u=$work/mail/example.com/carol
sed -i '$d' "$u/.rehome-import"
rm -rf "$u"/Maildir/*
import
check torn_mark test -f "$u/Maildir/cur/1276544481.2.mail:2,"
finish

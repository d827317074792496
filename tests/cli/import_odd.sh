#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Odd names and numbers that genuine servers hold: none may break Dovecot's lists, none may be passed
# over in silence.
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"
cr=$(printf '\r')
lf='
'
# Dovecot believes a list only when UIDs ascend below 2^32 - 1 and each has a name.
list_is_sound() {
	awk 'NR > 1 { if ($1 + 0 <= last || $1 + 0 >= 4294967295 || !/ :[^:\r]+$/) { print "    " $0; bad = 1 } last = $1 + 0 }
		END { exit bad }' "$1/dovecot-uidlist"
}

fresh
s=$(src alice)
a=$(box alice)
printf 'no base\n' >"$s/cur/:2,S"
printf 'cr\n' >"$s/cur/1276546000.cr$cr:2,S"
printf 'lf\n' >"$s/cur/1276546001.lf${lf}x:2,S"
printf 'w\n' >"$s/cur/1276546002.w,W=9,S=2,W=8:2,S"
printf 'flags\n' >"$s/cur/1276546003.f:2,S"
printf 'other\n' >"$s/cur/1276546003.f:2,RS"
printf 'linked\n' >"$s/new/1276546004.h"
ln "$s/new/1276546004.h" "$s/cur/1276546004.h:2,S"
import
check odd_status exits 3
check no_base grep -q 'no base' "$a/cur/_:2,S"
check cr_in_base grep -q cr "$a/cur/1276546000.cr_:2,S"
check lf_in_base grep -q lf "$a/cur/1276546001.lf_x:2,S"
check every_w_goes grep -q w "$a/cur/1276546002.w,S=2:2,S"
check one_base_two_flags grep -q other "$a/cur/1276546003.f:2,RS"
check one_base_two_flags_second grep -q flags "$a/cur/1276546003.f.2:2,S"
check hard_link_once test -f "$a/cur/1276546004.h:2,S" -a ! -e "$a/new/1276546004.h"
check hard_link_said says 'new/1276546004.h: the same file as cur/1276546004.h:2,S: carried once'
check odd_list list_is_sound "$a"
import
check odd_again_unchanged says '0 messages copied'

# Numbers at the end of their range, with a header and without one
for header in '1 276543210 4294967295' rubbish; do
	fresh
	printf '%s\n' "$header" '4294967294 1276544458.M4P1.mail' '0 1276544457.M3P1 with space.mail' \
		>"$(src alice)/courierimapuiddb"
	import
	check "last_uid_${header%% *}" list_is_sound "$(box alice)"
	check "last_uid_said_${header%% *}" says 'leaves no room for new messages'
	check "zero_uid_said_${header%% *}" says 'courierimapuiddb:3: UID not carried: it does not begin with a UID'
done
fresh
printf '%s\n' '1 276543210 5' '9 1276544458.M4P1.mail' >"$(src alice)/courierimapuiddb"
import
check uid_above_next has_line "$(box alice)/dovecot-uidlist" '3 V276543210 N14'
check uid_above_next_said says 'UIDNEXT 5 is not above UID 9: raised'

# Names that vpopmail lets through and Dovecot does not
fresh
d=/home/vpopmail/domains/example.com
h='$1$abcdefgh$G//4keteveJp0qb8z2DxG/'
printf '%s\n' "o'brien:$h:1:0:x:$d/ob:NOQUOTA" "a+b:$h:1:0:x:$d/ab:NOQUOTA" \
	>>"$work/old$d/vpasswd"
mkdir -p "$work/old$d/ob/Maildir/cur" "$work/old$d/ab/Maildir/cur"
import
check fail-name-login says "login of o'brien@example.com not carried"
check fail-name-plus says 'mail to a+b@example.com not carried'

# A message that grows while it is read: its size is the one thing that the copy is measured by.
cat >"$work/grow.sh" <<'E2'
mount --bind /proc/version "$1" && shift && exec "$@"
E2
fresh
m="$(src alice)/cur/1276544458.M4P1.mail:2,ST"
if unshare -rm sh "$work/grow.sh" "$m" true 2>/dev/null; then
	unshare -rm sh "$work/grow.sh" "$m" "$IMPORT" --mail-root "$work/mail" --no-accounts \
		--owner 0:0 "$work/old" >"$work/out" 2>&1
	check fail-grows says '1276544458.M4P1.mail:2,ST: message not carried: it changed while it was read'
	check grown_is_not_halved test ! -e "$(box alice)/cur/1276544458.M4P1.mail:2,ST"
else
	echo "skip fail-grows: no user namespaces"
fi

# A message that gets a flag while its folder is listed: seen under neither name, unless listed again.
cat >"$work/move.c" <<'C'
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* The message RH_MOVE moves at its second sight (the plan has counted it); RH_MOVE_ALWAYS: later too. */
static struct dirent *step(DIR *d, const char *symbol)
{
	struct dirent *(*real)(DIR *) = dlsym(RTLD_NEXT, symbol), *e = real(d);
	const char *name = getenv("RH_MOVE"), *always = getenv("RH_MOVE_ALWAYS");
	static int seen;
	char to[300];
	if (!e || !name || strncmp(e->d_name, name, strlen(name)) != 0 || ++seen < 2)
		return e;
	if (seen > 2 && !always)
		return e;
	snprintf(to, sizeof to, "%s:2,%s", name, seen % 2 ? "S" : "F");
	renameat(dirfd(d), e->d_name, dirfd(d), to);
	return real(d);
}
struct dirent *readdir(DIR *d)
{
	return step(d, "readdir");
}
struct dirent64 *readdir64(DIR *d)
{
	return (struct dirent64 *)step(d, "readdir64");
}
C
${CC:-cc} -shared -fPIC -o "$work/move.so" "$work/move.c" -ldl || exit 1
fresh
LD_PRELOAD="$work/move.so" RH_MOVE=1276544480.1.mail import
check moved_while_listed test -f "$(box carol)/cur/1276544480.1.mail:2,F"
fresh
RH_MOVE_ALWAYS=1 LD_PRELOAD="$work/move.so" RH_MOVE=1276544480.1.mail import
check fail-always-moving says '/carol/Maildir: mail is being moved in cur: some of it may be missing'

# --- settings beside the mail tree: named, and nothing secret shown ---
fresh
q=$work/old/var/qmail
mkdir -p "$q/control" "$q/alias" "$work/old/home/vpopmail/etc" "$work/old/home/vpopmail/users/zoe"
printf 'example.com\nalias.example\nbackup.example\n' >"$q/control/rcpthosts"
printf 'Example.com:example.com\nother.example:alias-other\n' >"$q/control/virtualdomains"
echo 20000000 >"$q/control/databytes"
echo 'relay.example:user:hunter2' >"$q/control/smtproutes"
echo 'KEY-hunter3' >"$q/control/servercert.pem"
: >"$q/control/morercpthosts.cdb"
echo '&boss@example.com' >"$q/alias/.qmail-root"
echo 'localhost|0|vpop|hunter4|vpopmail' >"$work/old/home/vpopmail/etc/vpopmail.mysql"
import
check settings_exit exits 3
check settings_databytes says '/var/qmail/control/databytes:1: largest message in bytes not carried: 20000000'
check settings_backup_mx says '/var/qmail/control/rcpthosts:3: accepted domain not carried: backup.example'
check settings_virtual says '/var/qmail/control/virtualdomains:2: virtual domain not carried: other.example'
check settings_routes says '/var/qmail/control/smtproutes: a setting of qmail not carried'
check settings_alias says '/var/qmail/alias/.qmail-root:1: delivery rule not carried: &boss@example.com'
check settings_vpopmail says '/home/vpopmail/etc/vpopmail.mysql: a setting of vpopmail not carried'
check settings_no_domain says '/home/vpopmail/users/zoe: a user of no domain not carried'
check settings_carried_domains silent 'domain not carried: example.com'
check settings_alias_domain silent 'not carried: alias.example'
check settings_case silent 'not carried: Example.com'
check settings_no_secret silent hunter
check settings_cdb silent morercpthosts.cdb
finish

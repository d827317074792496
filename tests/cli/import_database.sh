#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The rows in a real MariaDB with PostfixAdmin's tables: what is written, what a second run changes,
# whose password wins. Needs mariadbd (found in PATH or in RH_MARIADB, an unpacked package).
# shellcheck source=tests/cli/import.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/import.inc"

prefix=${RH_MARIADB:-}
PATH=$prefix/usr/sbin:$prefix/usr/bin:$PATH
server=$(command -v mariadbd) || {
	echo "skip import_database: mariadbd is not installed"
	exit 0
}
share=${server%/sbin/*}/share/mysql
sock=$work/s.sock
mkdir "$work/db"
common="--no-defaults --datadir=$work/db --lc-messages-dir=$share"
[ "$(id -u)" = 0 ] && common="$common --user=root"
# shellcheck disable=SC2086 # a list of options
{
	printf 'CREATE DATABASE mysql;\nUSE mysql;\n'
	cat "$share/mysql_system_tables.sql" "$share/mysql_system_tables_data.sql"
} | "$server" $common --bootstrap >"$work/boot" 2>&1 || { cat "$work/boot"; exit 1; }
# shellcheck disable=SC2086
"$server" $common --skip-grant-tables --skip-networking --socket="$sock" >"$work/server" 2>&1 &
server_pid=$!
trap 'kill "$server_pid"; wait "$server_pid"; chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
sql() { mariadb --no-defaults -S "$sock" -N -B "$@"; }
tries=0
until sql -e 'SELECT 1' >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { cat "$work/server"; exit 1; }
	sleep 0.2
done
dbimport() {
	"$IMPORT" --mail-root "$work/mail" --owner "$(id -u):$(id -g)" --socket "$sock" "$work/old" \
		>"$work/out" 2>&1
	status=$?
}
is() { # is EXPECTED QUERY
	got=$(sql postfixadmin -e "$2")
	[ "$got" = "$1" ] || { printf '    %s\n    is: %s\n' "$2" "$got"; return 1; }
}
dump() { for t in domain alias_domain mailbox alias admin domain_admins quota2 log; do sql postfixadmin -e "SELECT * FROM $t"; done; }

fresh
dbimport
check fail-no-schema exits 1
check fail-no-schema-before-mail test -z "$(ls -A "$work/mail")"
sql <"$TOP/tests/cases/import/postfixadmin.sql"
sql postfixadmin -e "UPDATE config SET value = '1800' WHERE name = 'version'"
dbimport
check fail-schema-version exits 1
check fail-schema-version-said says 'run PostfixAdmin'
sql postfixadmin -e "UPDATE config SET value = '1848' WHERE name = 'version'"
dbimport
check first_run exits 3
v=/home/vpopmail/domains/example.com/vpasswd
md5=$(sed -n 's/^alice:\([^:]*\):.*/\1/p' "$work/old$v")
check mailbox_row is "alice@example.com	$md5	Alice Smith	example.com/alice/	21474836480	alice	example.com	1" \
	"SELECT username, password, name, maildir, quota, local_part, domain, active FROM mailbox WHERE local_part = 'alice'"
check mailboxes is 6 'SELECT COUNT(*) FROM mailbox'
check expiry_is_far is 6 "SELECT COUNT(*) FROM mailbox WHERE password_expiry > '2090-01-01'"
check alias_rows is 6 'SELECT COUNT(*) FROM alias WHERE address = goto'
check domain_rows is "alias.example virtual 0,example.com virtual 0,hash.example virtual 0" \
	"SELECT GROUP_CONCAT(CONCAT(domain, ' ', transport, ' ', quota) ORDER BY domain) FROM domain"
check alias_domain_row is 'alias.example	example.com' 'SELECT alias_domain, target_domain FROM alias_domain'
check admin_row is 'postmaster@example.com	0' 'SELECT username, superadmin FROM admin'
check domain_admin_row is 'postmaster@example.com	example.com' 'SELECT username, domain FROM domain_admins'
want=$(find "$(src alice)" \( -path '*/cur/*' -o -path '*/new/*' \) -type f -printf '%s\n' | awk '{ n++; s += $1 } END { printf "%d\t%d", n, s }')
check usage_row is "$want" "SELECT messages, bytes FROM quota2 WHERE username = 'alice@example.com'"
check log_rows is 2 "SELECT COUNT(*) FROM log WHERE action = 'import'"
check record_is_private test "$(stat -c %a "$work/mail/.rehome-import.accounts")" = 600
check record_has_no_hash sh -c "! grep -qF '$md5' '$work/mail/.rehome-import.accounts'"

dump >"$work/before"
trace "$work/mail" >"$work/mail.before"
dbimport
dump >"$work/after"
trace "$work/mail" >"$work/mail.after"
check second_run_changes_no_row same "$work/before" "$work/after"
check second_run_changes_no_file same "$work/mail.before" "$work/mail.after"

# bob's password changes on the old server, carol's here, dave's on both
sed -i 's/^bob:[^:]*/bob:ab0000000000A/; s/^dave:[^:]*/dave:ab0000000000B/' "$work/old$v"
sql postfixadmin -e "UPDATE mailbox SET password = 'new here' WHERE local_part IN ('carol', 'dave')"
dbimport
check old_change_is_carried is ab0000000000A "SELECT password FROM mailbox WHERE local_part = 'bob'"
check change_here_stays is 'new here' "SELECT password FROM mailbox WHERE local_part = 'carol'"
check change_on_both_stays is 'new here' "SELECT password FROM mailbox WHERE local_part = 'dave'"
check change_here_is_said says 'password of dave@example.com was changed here: it stays'

# Copying may take longer than the server waits for an idle client.
cat >"$work/slow.c" <<'C'
#include <unistd.h>
int syncfs(int fd)
{
	static int done;
	(void)fd;
	return done++ ? 0 : (sleep(3), 0);
}
C
${CC:-cc} -shared -fPIC -o "$work/slow.so" "$work/slow.c" || exit 1
sql -e 'SET GLOBAL wait_timeout = 1'
rm -rf "$work/mail"
mkdir "$work/mail"
export LD_PRELOAD="$work/slow.so"
dbimport
unset LD_PRELOAD
check slow_copying_keeps_the_database exits 3
sql -e 'SET GLOBAL wait_timeout = 28800'

# A statement that fails takes its domain back whole
sql postfixadmin -e "DELETE FROM mailbox; DELETE FROM alias; DELETE FROM log; ALTER TABLE alias ADD CONSTRAINT no_dave CHECK (address <> 'dave@example.com')"
dbimport
check fail-row exits 1
check fail-row-said says 'domain example.com: dave@example.com: the database says'
check domain_is_taken_back is 0 "SELECT COUNT(*) FROM mailbox WHERE domain = 'example.com'"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The hooks that may begin again with an empty database: only a database that says it is empty may be
# thrown away, never one that gives no answer. The hooks run here with their paths led to stand-ins.
# shellcheck source=tests/cli/setup.inc disable=SC1091,SC2154,SC2034,SC2016
. "$(dirname "$0")/setup.inc"

lib=${work:?}/lib
mkdir -p "$lib" "$work/web" "$work/state" "$work/tools"
for tool in install chown setpriv mariadb-admin rehome-setup openssl; do
	printf '#!/bin/sh\nexit 0\n' >"$work/tools/$tool"
done
for tool in sql-user reload; do printf '#!/bin/sh\n' >"$lib/$tool"; done
# The database: $work/say/NAME is what it says to a question of that kind; no file, no answer.
cat >"$lib/sql" <<EOF
#!/bin/sh
text=\$(cat)
printf '%s\n' "\$text" >>"$work/asked"
case \$text in
*information_schema*) cat "$work/say/tables" ;;
*'COUNT(*) FROM '*) cat "$work/say/rows" ;;
*SELECT*version*) cat "$work/say/version" ;;
esac
EOF
sed "s|/usr/lib/rehome|$lib|g" "$TOP/overlays/mariadb/files/usr/lib/rehome/sql-count" >"$lib/sql-count"
echo 'function upgrade_1848() {' >"$work/web/upgrade.php"
for o in postfixadmin roundcube; do
	sed "s|/usr/lib/rehome|$lib|g; s|/usr/share/postfixadmin/public|$work/web|g
		s|/usr/share/roundcube/SQL/mysql.initial.sql|/dev/null|; s|/var/|$work/var/|g" \
		"$TOP/overlays/$o/apply" >"$work/$o"
done
chmod 755 "$work/tools"/* "$lib"/* "$work/postfixadmin" "$work/roundcube"
# hook NAME TABLES ROWS: one run; "-" is no answer
hook() {
	rm -rf "$work/say" "$work/asked"
	mkdir "$work/say"
	[ "$2" = - ] || echo "$2" >"$work/say/tables"
	[ "$3" = - ] || echo "$3" >"$work/say/rows"
	PATH="$work/tools:$PATH" RH_STATE="$work/state" RH_ADMIN_EMAIL=a@example.org RH_DOMAIN=example.org \
		"$work/$1" >"$work/out" 2>&1
	status=$?
}
dropped() { grep -q 'DROP DATABASE' "$work/asked"; }
kept() { ! dropped; }
for o in postfixadmin roundcube; do
	hook "$o" 0 -
	check "${o}_no_table_begins_again" dropped
	hook "$o" 1 0
	check "${o}_empty_table_begins_again" dropped
	hook "$o" 1 7
	check "${o}_with_accounts_is_kept" kept
	hook "$o" - -
	check "fail-$o-no-answer" kept
	check "fail-$o-no-answer-status" test "$status" != 0
	hook "$o" 1 -
	check "fail-$o-no-count" kept
	check "fail-$o-no-count-status" test "$status" != 0
done
[ "$failures" -eq 0 ]

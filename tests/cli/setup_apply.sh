#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup apply: the whole of it into a tree, twice, with stand-ins for the machine's programs.
# shellcheck disable=SC2016,SC2119 # the words in quotes are for sh -c; apply may have no arguments
# shellcheck source=tests/cli/setup.inc
. "$(dirname "$0")/setup.inc"

# --- a new machine ---
fresh
check dry_run_works apply --dry-run
check dry_run_lists says '/etc/rehome/answers.json'
check dry_run_changes_nothing test ! -e "$work/root/etc/rehome" -a ! -e "$work/root/var"
check apply_works apply
check says_steps says 'rehome-setup: step 1/11 answers'
check says_state says 'rehome-setup: state closed'
check says_url says 'rehome-setup: url https://mail.example.org/'
check says_certificate grep -Eq '^rehome-setup: certificate SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$' \
	"$work/out"
check says_host_key grep -Eq '^rehome-setup: ssh-host-key ssh-ed25519 SHA256:[A-Za-z0-9+/]{43}$' \
	"$work/out"
check logs_the_hook says "alpha's hook ran for mail.example.org"
check answers_are_kept cmp -s "$work/answers.json" "$work/root/etc/rehome/answers.json"
check answers_are_secret test "$(stat -c %a "$work/root/etc/rehome/answers.json")" = 600
check secrets_are_secret test "$(stat -c %a "$work/root/etc/rehome/secrets" \
	"$work/root/etc/rehome/secrets/alpha-db" "$work/root/etc/rehome/tls/key.pem" | tr '\n' ' ')" = \
	'700 600 600 '
check mail_volume test "$(cat "$work/root/dev/rehome/mail")" = xfs
check time_zone test "$(readlink "$work/root/etc/localtime")" = ../usr/share/zoneinfo/Asia/Tokyo
check keyfile grep -qx 'address1=192.0.2.25/24,192.0.2.1' \
	"$work/root/etc/NetworkManager/system-connections/rehome.nmconnection"
check closed_for_everybody test "$(grep -c '<port\|<service' \
	"$work/root/etc/firewalld/zones/public.xml")" = 0
check open_for_administrators grep -q 'source address="192.0.2.10/32"' \
	"$work/root/etc/firewalld/zones/rehome-admin.xml"
check gate_open test -s "$work/root/var/lib/rehome/applied/alpha"
check starts_services test "$(calls '^systemctl restart')" = 2
check starts_the_import test "$(calls '^systemctl start --no-block rehome-import.service')" = 1
check nothing_pending test -z "$(ls "$work/root/var/lib/rehome/pending")"

secret=$(cat "$work/root/etc/rehome/secrets/alpha-db")
cat >"$work/want" <<X
# alpha of small, ports 22 25; a literal @{overlay}
name = mail.example.org
dns = 192.0.2.1, 192.0.2.2
resolvers = 192.0.2.1 192.0.2.2
password = $secret
limit = 1073741824
X
check template_rendered cmp "$work/want" "$work/root/etc/alpha/alpha.conf"
check secret_of_a_need grep -qx "secret = $secret" "$work/root/etc/beta.conf"

# --- again ---
stamps >"$work/before"
rm -f "$work/calls"
check again_works apply
stamps >"$work/after"
check again_changes_nothing cmp "$work/before" "$work/after"
check again_restarts_nothing test "$(calls restart)" = 0
rm -f "$work/calls"
check boot_works setup apply --boot
stamps >"$work/after"
check boot_changes_nothing cmp "$work/before" "$work/after"
check boot_says_state says 'rehome-setup: state closed'
check boot_runs_nothing_but_the_import test "$(cat "$work/calls")" = \
	'systemctl start --no-block rehome-import.service'
rm -f "$work/calls"
check renew_works apply --boot --no-import
check renew_runs_nothing test ! -e "$work/calls"
if command -v python3 >/dev/null; then
	check json_is_json sh -c '"$1" apply --root "$2" --json 2>/dev/null | python3 -m json.tool >/dev/null' \
		- "$SETUP" "$work/root"
else
	echo "skip json_is_json: python3 is not installed"
fi

# --- somebody changed things by hand: they come back ---
echo broken >"$work/root/etc/beta.conf"
rm "$work/root/etc/alpha/alpha.conf"
ln -s /nowhere "$work/root/etc/alpha/alpha.conf"
chmod 644 "$work/root/etc/rehome/secrets/alpha-db"
rm -f "$work/calls"
check repair_works apply
check repairs_content grep -qx "secret = $secret" "$work/root/etc/beta.conf"
check replaces_a_link test -f "$work/root/etc/alpha/alpha.conf" -a ! -L "$work/root/etc/alpha/alpha.conf"
check repair_restarts test "$(calls 'systemctl restart')" = 2

# --- new answers: only what they concern is done again ---
sed -i 's/"192.0.2.10", /"192.0.2.11", /' "$work/answers.json"
rm -f "$work/calls"
check new_answers_work apply
check new_address grep -q '192.0.2.11/32' "$work/root/etc/firewalld/zones/rehome-admin.xml"
check firewall_reloads test "$(calls '^firewall-cmd')" = 1
check network_is_left_alone test "$(calls '^nmcli')" = 0
check service_without_hook_is_left_alone test "$(calls 'restart beta')" = 0
cert=$(cksum <"$work/root/etc/rehome/tls/cert.pem")
key=$(cksum <"$work/root/etc/rehome/tls/key.pem")
sed -i 's/"mail.example.org"/"mx.example.org"/' "$work/answers.json"
check new_name_works apply
check new_name_new_certificate test "$cert" != "$(cksum <"$work/root/etc/rehome/tls/cert.pem")"
check new_name_same_key test "$key" = "$(cksum <"$work/root/etc/rehome/tls/key.pem")"

# --- without services, and dhcp ---
fresh
sed -i '/"address":/,/"dns"/d; s/"method": "static",/"method": "dhcp"/' "$work/answers.json"
apply
check dhcp_has_no_dns_for_templates says 'templates/alpha.conf:3: @{answers.network.dns}: there is no'
sed -i '/network/d' "$work/root/usr/share/rehome/overlays/alpha/templates/alpha.conf"
check no_services apply --no-services
check no_services_touched test "$(calls '^systemctl\|^nmcli\|^firewall-cmd')" = 0
check dhcp grep -qx method=auto "$work/root/etc/NetworkManager/system-connections/rehome.nmconnection"

# --- live: everybody reaches the services, nobody but administrators ssh ---
echo live >"$work/root/var/lib/rehome/state"
check live_apply apply
check live_state test "$(cat "$work/root/var/lib/rehome/state")" = live
check live_opens_ports grep -q 'port="443"' "$work/root/etc/firewalld/zones/public.xml"
check live_no_ssh test "$(grep -c 'ssh\|"22"' "$work/root/etc/firewalld/zones/public.xml")" = 0
check live_imports_nothing test "$(calls rehome-import)" = 0

# --- the volume ---
fresh
check boot_without_answers setup apply --boot
check boot_says_unconfigured says 'rehome-setup: state unconfigured'
check boot_says_what_to_do says 'put rehome-answers.json on a FAT volume labelled REHOME'
check without_answers_fails sh -c '! "$1" apply --root "$2" >/dev/null' - "$SETUP" "$work/root"
mkdir -p "$work/root/dev/disk/by-label/REHOME"
sed 's/"mail.example.org"/"mail"/' "$work/answers.json" \
	>"$work/root/dev/disk/by-label/REHOME/rehome-answers.json"
setup apply --boot
check broken_volume_status test $? = 1
check broken_volume_is_named says 'REHOME:/rehome-answers.json:3: hostname:'
check broken_volume_failed says 'rehome-setup: failed: 1 fault in the answers or the image'
check broken_volume_changes_nothing test ! -e "$work/root/etc/rehome"
cp "$work/answers.json" "$work/root/dev/disk/by-label/REHOME/rehome-answers.json"
check volume_works setup apply --boot
check volume_take_out says 'take the volume REHOME out'
rm -r "$work/root/dev/disk"
check boot_without_volume setup apply --boot
check boot_kept_state says 'rehome-setup: state closed'

# --- things that fail on the way ---
fresh
sed -i 's|^test -s.*|echo "the database does not answer" >\&2; exit 7|' \
	"$work/root/usr/share/rehome/overlays/alpha/apply"
apply
check failing_hook_status test $? = 1
check failing_hook_named says 'rehome-setup: failed: overlay alpha:'
check failing_hook_last_lines says 'the database does not answer'
check failing_hook_stays_unconfigured test "$("$SETUP" state --root "$work/root")" = unconfigured
check failing_hook_keeps_gate_shut test ! -e "$work/root/var/lib/rehome/applied/alpha"
cp "$TOP/tests/cases/setup/base/root/usr/share/rehome/overlays/alpha/apply" \
	"$work/root/usr/share/rehome/overlays/alpha/apply"
check mended_hook_works setup apply --boot
check mended_hook_state test "$("$SETUP" state --root "$work/root")" = closed
for tool in lvcreate mkfs.xfs lvrename systemd-sysusers ssh-keygen firewall-cmd systemctl; do
	fresh
	touch "$work/fail-$tool"
	apply
	check "failing_$tool" test $? = 1
	check "failing_${tool}_named" says "$tool was told to fail"
	check "failing_${tool}_next_run_works" setup apply --answers "$work/answers.json"
	rm -f "$work/fail-$tool"
done
fresh
touch "$work/no-link"
check no_cable_is_no_failure apply
check no_cable_is_said says 'rehome-setup: warning: the network is not up yet'
check no_cable_is_not_tried_for_ever test ! -e "$work/root/var/lib/rehome/pending/network"
rm "$work/no-link"
fresh
echo no >"$work/condition"
apply
check unmet_condition test $? = 1
check unmet_condition_named says 'service alpha.service did not start'
rm "$work/condition"
fresh
mkdir "$work/elsewhere"
ln -s "$work/elsewhere" "$work/root/etc/alpha"
apply
check link_on_the_way test $? = 1
check link_on_the_way_named says 'alpha is not a folder of its own'
check link_on_the_way_untouched test -z "$(ls "$work/elsewhere")"

# --- one at a time ---
fresh
mkdir -p "$work/root/run/rehome"
if command -v flock >/dev/null; then
	flock "$work/root/run/rehome/setup.lock" "$SETUP" apply --root "$work/root" \
		--answers "$work/answers.json" >"$work/out" 2>&1
	check busy test $? = 1
	check busy_named says 'another rehome-setup is at work'
else
	echo "skip busy: no flock here"
fi

# --- get, state, use ---
fresh
apply
check get_answer test "$(setup get answers.network.dns; cat "$work/out")" = '192.0.2.1, 192.0.2.2'
check get_recipe test "$(setup get recipe.limits.message; cat "$work/out")" = 20971520
check get_password test "$(setup get answers.admin.password; cat "$work/out")" = 'correct horse 9'
check get_json test "$(setup get --json answers.import; cat "$work/out")" = '{"label":"OLDMAIL"}'
setup get answers.nothing
check get_unknown test $? = 1
setup get secret.alpha-db
check get_secret test $? = 1
setup get
check get_nothing test $? = 2
check state_json test "$(setup state --json; cat "$work/out")" = '{"state": "closed"}'
"$SETUP" aply >"$work/out" 2>&1
check unknown_verb test $? = 2
check unknown_verb_meant says 'did you mean apply?'
"$SETUP" state --boot >"$work/out" 2>&1
check wrong_option says 'state takes no --boot'
check help sh -c '"$1" --help | grep -q "rehome-setup apply --dry-run"' - "$SETUP"
finish

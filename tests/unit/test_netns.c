// SPDX-License-Identifier: GPL-2.0-or-later
/* The addresses of the rehearsal's world: from answers to the commands for ip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "builder/guestssh.h"
#include "builder/netns.h"
#include "builder/tlscert.h"

static void test_script(void **state)
{
	RH_STR struct rh_str out = {0};
	struct rh_netns conf = {.source = rh_xstrdup("192.0.2.10")};

	(void)state;
	rh_strv_add(&conf.addrs, "192.0.2.10/24");
	rh_strv_add(&conf.addrs, "198.51.100.7/32");
	rh_strv_add(&conf.routes, "192.0.2.0/24");
	rh_netns_script(&conf, &out);
	assert_string_equal(out.data, "link set dev lo up\n"
				      "link add name rh0 type bridge stp_state 0 forward_delay 0\n"
				      "link set dev rh0 addrgenmode none\n"
				      "link set dev rh0 up\n"
				      "tuntap add dev rhtap0 mode tap\n"
				      "link set dev rhtap0 master rh0\n"
				      "link set dev rhtap0 addrgenmode none\n"
				      "link set dev rhtap0 up\n"
				      "addr add 192.0.2.10/24 dev rh0\n"
				      "addr add 198.51.100.7/32 dev rh0\n"
				      "route replace 192.0.2.0/24 dev rh0 src 192.0.2.10\n");
	assert_null(strstr(out.data, "default")); /* no way out */
	rh_netns_free(&conf);
}

static void test_fingerprints(void **state)
{
	static const char list[] = "256 SHA256:abc 192.0.2.25 (ED25519)\n";
	char a[96] = "", b[96] = "";

	(void)state;
	assert_true(rh_guestssh_match(list, "SHA256:abc"));
	assert_false(rh_guestssh_match(list, "SHA256:ab"));
	assert_false(rh_guestssh_match(list, "SHA256:abcd"));
	assert_false(rh_guestssh_match(list, "192.0.2.25"));
	assert_false(rh_guestssh_match(list, ""));
	assert_false(rh_guestssh_match("", "SHA256:abc"));
	for (int i = 0; i < 32; i++) {
		strcat(a, i ? ":AB" : "AB");
		strcat(b, "ab");
	}
	assert_true(rh_tlscert_same(a, b));
	b[3] = 'c';
	assert_false(rh_tlscert_same(a, b));
	assert_false(rh_tlscert_same("", ""));
	assert_false(rh_tlscert_same("AB", "AB"));
}

static void test_ssh_config(void **state)
{
	RH_STR struct rh_str out = {0};

	(void)state;
	rh_guestssh_config("/s", "192.0.2.25", "192.0.2.10", &out);
	assert_non_null(strstr(out.data, "StrictHostKeyChecking yes\n"));
	assert_non_null(strstr(out.data, "BindAddress 192.0.2.10\n"));
	assert_non_null(strstr(out.data, "UserKnownHostsFile \"/s/known_hosts\"\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_script),
	    cmocka_unit_test(test_fingerprints),
	    cmocka_unit_test(test_ssh_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

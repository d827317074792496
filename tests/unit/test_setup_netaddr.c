// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses, networks, names, and public ssh keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rootfs/setup/netaddr.h"
#include "rootfs/setup/ssh.h"

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIBwxk9bGFHw3pSUkfBpgVdV3qeS2fBKbeSJZ2yQy2b0c"

static void test_parse(void **state)
{
	static const char *const bad[] = {
	    "",
	    "192.0.2",
	    "192.0.2.256",
	    "192.0.2.1/33",
	    "192.0.2.1/",
	    "192.0.2.1/x",
	    "192.0.2.1/024",
	    "192.0.2.01",
	    "2001:db8::/129",
	    "2001:db8:::1",
	    "router",
	    "/24",
	    "192.0.2.1/-1",
	    "192.0.2.1/24/8",
	    " 192.0.2.1",
	    "192.0.2.1/4294967320",
	};
	static const struct {
		const char *in, *out;
	} good[] = {
	    {"192.0.2.1", "192.0.2.1/32"},	{"192.0.2.25/24", "192.0.2.25/24"},
	    {"0.0.0.0/0", "0.0.0.0/0"},		{"2001:DB8:0::1", "2001:db8::1/128"},
	    {"2001:db8::/32", "2001:db8::/32"},
	};
	struct rh_netaddr a;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(rh_netaddr_parse(bad[i], &a), -EINVAL);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char text[RH_NETADDR_TEXT];

		assert_int_equal(rh_netaddr_parse(good[i].in, &a), 0);
		rh_netaddr_text(&a, true, text);
		assert_string_equal(text, good[i].out);
	}
}

static bool inside(const char *net, const char *addr)
{
	struct rh_netaddr n, a;

	assert_int_equal(rh_netaddr_parse(net, &n), 0);
	assert_int_equal(rh_netaddr_parse(addr, &a), 0);
	return rh_netaddr_contains(&n, &a);
}

static void test_contains(void **state)
{
	(void)state;
	assert_true(inside("192.0.2.25/24", "192.0.2.1"));
	assert_false(inside("192.0.2.25/24", "192.0.3.1"));
	assert_true(inside("192.0.2.25/25", "192.0.2.127"));
	assert_false(inside("192.0.2.25/25", "192.0.2.128"));
	assert_true(inside("0.0.0.0/0", "203.0.113.9"));
	assert_false(inside("0.0.0.0/0", "::1"));
	assert_true(inside("2001:db8:1::/47", "2001:db8:1:ffff::"));
	assert_false(inside("2001:db8:2::/47", "2001:db8:1::"));
	assert_true(inside("192.0.2.25", "192.0.2.25"));
	assert_false(inside("192.0.2.25", "192.0.2.24"));
}

static void test_ends(void **state)
{
	struct rh_netaddr a, r;
	char text[RH_NETADDR_TEXT];

	(void)state;
	assert_int_equal(rh_netaddr_parse("10.20.30.40/13", &a), 0);
	r = rh_netaddr_first(&a);
	rh_netaddr_text(&r, false, text);
	assert_string_equal(text, "10.16.0.0");
	r = rh_netaddr_last(&a);
	rh_netaddr_text(&r, false, text);
	assert_string_equal(text, "10.23.255.255");
}

static void test_hosts(void **state)
{
	static const char *const no[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
					 "::",	    "::1",	 "ff02::1"};
	struct rh_netaddr a;

	(void)state;
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		assert_int_equal(rh_netaddr_parse(no[i], &a), 0);
		assert_false(rh_netaddr_is_host(&a));
	}
	assert_int_equal(rh_netaddr_parse("10.0.0.1", &a), 0);
	assert_true(rh_netaddr_is_host(&a));
	assert_int_equal(rh_netaddr_parse("2001:db8::1", &a), 0);
	assert_true(rh_netaddr_is_host(&a));
}

static void test_names(void **state)
{
	static const char *const good[] = {"mail.example.org", "a.b", "xn--wgv71a.jp",
					   "1.2.example", "m-x.example.co.jp"};
	static const char *const bad[] = {
	    "",	     "mail",	"mail.",   ".org",    "a..b",  "-a.org",	 "a-.org",
	    "A.org", "a_b.org", "a b.org", "1.2.3.4", "a.b/c", "m\xc3\xa9l.org", "a.org\n"};
	char longer[300];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_null(rh_name_fault(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_non_null(rh_name_fault(bad[i]));
	memset(longer, 'a', 64);
	strcpy(longer + 64, ".org");
	assert_non_null(rh_name_fault(longer));
	assert_null(rh_name_fault(longer + 1));
}

static void test_ssh_keys(void **state)
{
	static const char *const bad[] = {
	    "ssh-ed25519",
	    "ssh-ed25519 ",
	    "ssh-ed25519 AAAA",
	    "ssh-rsa " KEY,
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwxk9bGFHw3pSUkfBpgVdV3qeS2fBKb",
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
	    "ssh-ed25519 " KEY "AAAA",
	    "ssh-ed25519 ====" KEY,
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA!BwxK9bGFHw3",
	};
	RH_STR struct rh_str out = {0};

	(void)state;
	assert_null(rh_ssh_key_fault("ssh-ed25519 " KEY));
	assert_null(rh_ssh_key_fault("ssh-ed25519 " KEY " root@mail\n"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_non_null(rh_ssh_key_fault(bad[i]));
	/* As printed by ssh-keygen -l. */
	rh_ssh_fingerprint("ssh-ed25519 " KEY " root@mail", &out);
	assert_string_equal(rh_str_text(&out),
			    "ssh-ed25519 SHA256:HZFvJe+tG9T/U90egqaAM7DgMFpTcijBq9/Zb04CIOc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse), cmocka_unit_test(test_contains),
	    cmocka_unit_test(test_ends),  cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_names), cmocka_unit_test(test_ssh_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

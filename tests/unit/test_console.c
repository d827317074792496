// SPDX-License-Identifier: GPL-2.0-or-later
/* The serial scanner: what it learns, whatever the cut of the input, and what it calls dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "builder/console.h"

static const char boot[] = "\x1b[2J\x1b[01;01HBdsDxe: starting Boot0001 \"UEFI WDC\"\r\n"
			   "[    0.000000] Linux version 6.12.1\r\n"
			   "\x1b]3008;start=1;machineid=x\x1b\\[  OK  ] Started something.\r\n"
			   "[    9.1] rehome-setup[312]: step 3/12 make the mail volume\r\n"
			   "mail login: rehome-setup: certificate SHA-256 AA:BB:CC\r\n"
			   "rehome-setup: ssh-host-key ssh-ed25519 SHA256:abc+/d\r\n"
			   "rehome-setup: state closed\r\n"
			   "rehome-setup: state importing\r\n"
			   "rehome-setup: import exit 3\r\n"
			   "rehome-setup: state ready\r\n";

static void check_boot(const struct rh_console *c)
{
	assert_true(c->kernel);
	assert_true(c->login);
	assert_true(c->closed);
	assert_true(c->importing);
	assert_int_equal(c->step, 3);
	assert_int_equal(c->steps, 12);
	assert_string_equal(c->step_name, "make the mail volume");
	assert_string_equal(c->cert, "AA:BB:CC");
	assert_string_equal(c->hostkey, "SHA256:abc+/d");
	assert_string_equal(c->state, "ready");
	assert_int_equal(c->import_exit, 3);
	assert_null(c->failed);
	assert_null(c->dead);
}

static void test_any_cut(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < sizeof boot; piece++) {
		struct rh_console c;

		rh_console_init(&c);
		for (size_t at = 0; at < sizeof boot - 1; at += piece) {
			size_t left = sizeof boot - 1 - at;

			rh_console_feed(&c, boot + at, left < piece ? left : piece);
		}
		check_boot(&c);
		rh_console_free(&c);
	}
}

static const char *dead_after(struct rh_console *c, const char *text)
{
	rh_console_init(c);
	for (; *text; text++)
		rh_console_feed(c, text, 1);
	return c->dead;
}

static void test_dead(void **state)
{
	static const char *const cases[] = {
	    "[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n",
	    "Generating \"/run/initramfs/rdsosreport.txt\"\r\n",
	    "error: no such partition.\r\nEntering rescue mode...\r\ngrub rescue> ",
	    "   Minimal BASH-like line editing is supported. For the first word\r\n",
	    "UEFI Interactive Shell v2.2\r\n",
	    "BdsDxe: No bootable option or device was found.\r\n",
	    "No bootable device.\r\n",
	    "You are in emergency mode. After logging in, type\r\n",
	    "[   40.1] Oops: 0000 [#1] PREEMPT SMP\r\n",
	};
	struct rh_console c;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (!dead_after(&c, cases[i]))
			fail_msg("not seen: %s", cases[i]);
		rh_console_free(&c);
	}
	assert_null(dead_after(&c, "grub> set\r\nBoot failed: not a bootable disk\r\n"));
	rh_console_free(&c);
}

static void test_login_prompt(void **state)
{
	struct rh_console c;

	(void)state;
	dead_after(&c, "Last login: Mon\r\nthe last login: is not at the end\r\n");
	rh_console_free(&c);
	dead_after(&c, "Last login: ");
	assert_false(c.login);
	rh_console_free(&c);
	dead_after(&c, "\r\nDebian GNU/Linux 13 mail ttyS0\r\n\r\nmail login: ");
	assert_true(c.login);
	rh_console_free(&c);
}

static void test_failure_text(void **state)
{
	struct rh_console c;

	(void)state;
	dead_after(&c, "rehome-setup: failed: overlay web: apply: exit 1\r\n"
		       "rehome-setup: failed: and again\r\n"
		       "rehome-setup: import exit 99999\r\nrehome-setup: step 3\r\n"
		       "rehome-setup: step x/y z\r\nrehome-setups: state ready\r\n");
	assert_string_equal(c.failed, "overlay web: apply: exit 1");
	assert_int_equal(c.import_exit, -1);
	assert_int_equal(c.steps, 0);
	assert_null(c.state);
	rh_console_free(&c);
}

static void test_tail_and_flood(void **state)
{
	RH_STR struct rh_str tail = {0};
	struct rh_console c;

	(void)state;
	rh_console_init(&c);
	for (int i = 0; i < 100; i++) {
		RH_FREE char *line = rh_xasprintf("line %d\n", i);

		rh_console_feed(&c, line, strlen(line));
	}
	rh_console_feed(&c, "open end", 8);
	rh_console_tail(&c, &tail);
	assert_non_null(strstr(tail.data, "line 80\nline 81\n"));
	assert_null(strstr(tail.data, "line 79\n"));
	assert_non_null(strstr(tail.data, "line 99\nopen end\n"));
	for (int i = 0; i < 5000; i++)
		rh_console_feed(&c, "\x1b[10;1Hx\0\xff", 10);
	assert_true(c.line.len < 2048);
	rh_console_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_cut),	   cmocka_unit_test(test_dead),
	    cmocka_unit_test(test_login_prompt),   cmocka_unit_test(test_failure_text),
	    cmocka_unit_test(test_tail_and_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The rehearsal's answers and who gets which address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "builder/answers.h"
#include "lib/core/file.h"
#include "lib/json.h"

#define HEAD                                                                                    \
	"{\"version\":1,\"hostname\":\"mx.example.jp\",\"domain\":\"example.jp\",\"language\":" \
	"\"ja\",\"timezone\":\"Asia/Tokyo\","
#define ADMIN(addresses)                                                                         \
	"\"admin\":{\"email\":\"root@example.jp\",\"password\":\"0123456789a\",\"ssh_keys\":[]," \
	"\"addresses\":[" addresses "]}}"
#define NET(address, gateway)                                                                   \
	"\"network\":{\"method\":\"static\",\"address\":\"" address "\",\"gateway\":\"" gateway \
	"\",\"dns\":[\"10.1.0.53\"]},"

static int load(const char *text, struct rh_answers_wish wish, struct rh_answers *a,
		struct rh_diags *d)
{
	char path[] = "/tmp/rh-test-answers.XXXXXX";
	int fd = mkstemp(path), r;
	struct rh_err err;

	*a = (struct rh_answers){0};
	*d = (struct rh_diags){0};
	assert_true(fd >= 0);
	assert_int_equal(rh_write_all(fd, text, strlen(text), &err), 0);
	close(fd);
	wish.file = path;
	wish.label = "OLDMAIL";
	r = rh_answers_load(&wish, a, d, &err);
	unlink(path);
	return r;
}

static void done(struct rh_answers *a, struct rh_diags *d)
{
	rh_answers_free(a);
	rh_diags_free(d);
}

static void test_made_up(void **state)
{
	struct rh_answers_wish wish = {.domain = "example.org", .old_data = true, .label = "OLD"};
	struct rh_answers a = {0};
	struct rh_diags d = {0};
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_answers_load(&wish, &a, &d, &err), 0);
	assert_string_equal(a.hostname, "mail.example.org");
	assert_string_equal(a.addr, "192.0.2.25");
	assert_string_equal(a.admin, "192.0.2.10");
	assert_string_equal(a.gateway, "192.0.2.1");
	assert_string_equal(a.outside, "198.51.100.7");
	assert_string_equal(a.label, "OLD");
	assert_int_equal(strlen(a.password), 24);
	assert_string_equal(a.net.addrs.v[0], "192.0.2.10/24");
	assert_string_equal(a.net.addrs.v[1], "192.0.2.1/24");
	assert_int_equal(a.net.addrs.n, 3);
	assert_string_equal(a.net.routes.v[0], "192.0.2.0/24");
	rh_answers_add_key(&a, "ssh-ed25519 AAAA x");
	assert_string_equal(json_object_get_string(rh_json_at(a.doc, "admin.ssh_keys[0]")),
			    "ssh-ed25519 AAAA x");
	done(&a, &d);
}

static void test_users_network(void **state)
{
	struct rh_answers a;
	struct rh_diags d;

	(void)state;
	assert_int_equal(load(HEAD NET("10.1.2.3/16", "10.1.0.1")
				  ADMIN("\"2001:db8::1\",\"10.0.0.0/8\","
					"\"198.51.100.0/24\""),
			      (struct rh_answers_wish){0}, &a, &d),
			 0);
	assert_string_equal(a.addr, "10.1.2.3");
	assert_string_equal(a.admin, "10.1.0.10");
	assert_string_equal(a.outside, "203.0.113.7");
	assert_string_equal(a.dns.v[0], "10.1.0.53");
	assert_string_equal(a.net.addrs.v[2], "10.1.0.53/32");
	assert_string_equal(a.net.routes.v[0], "10.1.0.0/16");
	assert_null(a.label);
	done(&a, &d);
}

static void test_admin_elsewhere(void **state)
{
	struct rh_answers a;
	struct rh_diags d;

	(void)state;
	assert_int_equal(load(HEAD NET("10.1.2.3/24", "10.1.2.1") ADMIN("\"10.9.9.9\""),
			      (struct rh_answers_wish){0}, &a, &d),
			 0);
	assert_string_equal(a.admin, "10.9.9.9");
	assert_string_equal(a.net.addrs.v[0], "10.9.9.9/32");
	done(&a, &d);
	/* everybody is admitted: nobody is outside */
	assert_int_equal(load(HEAD NET("10.1.2.3/24", "10.1.2.1") ADMIN("\"0.0.0.0/0\""),
			      (struct rh_answers_wish){0}, &a, &d),
			 0);
	assert_string_equal(a.admin, "10.1.2.10");
	assert_string_equal(a.outside, "");
	done(&a, &d);
}

static void test_faults(void **state)
{
	static const char *const bad[] = {
	    HEAD NET("2001:db8::2/64", "2001:db8::1") ADMIN("\"10.1.2.9\""),
	    HEAD NET("10.1.2.3/24", "10.7.7.1") ADMIN("\"10.1.2.9\""),
	    HEAD NET("10.1.2.3/33", "10.1.2.1") ADMIN("\"10.1.2.9\""),
	    HEAD NET("10.1.2.3/24", "10.1.2.1") ADMIN("\"2001:db8::1\""),
	    "{",
	};
	struct rh_answers a;
	struct rh_diags d;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_true(load(bad[i], (struct rh_answers_wish){0}, &a, &d) < 0);
		assert_true(d.n > 0);
		done(&a, &d);
	}
}

static void test_import_and_dhcp(void **state)
{
#define DHCP                                                                          \
	HEAD "\"network\":{\"method\":\"dhcp\"},\"import\":{\"label\":\"X\"}," ADMIN( \
	    "\"192.0.2.10\"")
	struct rh_answers a;
	struct rh_diags d;

	(void)state;
	assert_true(load(DHCP, (struct rh_answers_wish){0}, &a, &d) <
		    0); /* nothing to import from */
	assert_string_equal(d.v[0].where, "import");
	done(&a, &d);
	assert_int_equal(load(DHCP, (struct rh_answers_wish){.no_import = true}, &a, &d), 0);
	assert_true(a.was_dhcp);
	assert_null(a.label);
	assert_null(rh_json_get(a.doc, "import"));
	assert_string_equal(a.addr, "192.0.2.25");
	done(&a, &d);
	assert_int_equal(load(DHCP, (struct rh_answers_wish){.old_data = true}, &a, &d), 0);
	assert_string_equal(a.label, "X");
	done(&a, &d);
}

/* Unchecked answers would fail half an hour later, in the appliance. */
static void test_schema_is_needed(void **state)
{
	struct rh_answers_wish wish = {.schema = "/no/such/answers.schema.json"};
	struct rh_answers a;
	struct rh_diags d;

	(void)state;
	assert_true(
	    load(HEAD NET("10.1.0.5/24", "10.1.0.1") ADMIN("\"10.1.0.9/32\""), wish, &a, &d) < 0);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.v[0].text, "answers.schema.json"));
	done(&a, &d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_made_up),	    cmocka_unit_test(test_users_network),
	    cmocka_unit_test(test_admin_elsewhere), cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_import_and_dhcp), cmocka_unit_test(test_schema_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

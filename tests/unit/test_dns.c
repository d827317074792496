// SPDX-License-Identifier: GPL-2.0-or-later
/* The name server's packets: good questions, hostile ones, and every cut of a good one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "builder/dns.h"

static void make_zone(struct rh_dns_zone *z)
{
	rh_dns_add_host(z, "Mail.Example.org", "192.0.2.25");
	rh_dns_add(z, "example.org", RH_DNS_MX, "mail.example.org");
}

/* A question for NAME; returns its length. */
static size_t question(uint8_t *q, const char *name, unsigned type)
{
	size_t n = 12;

	memset(q, 0, 12);
	q[0] = 0x12;
	q[1] = 0x34;
	q[2] = 1; /* recursion desired */
	q[5] = 1;
	while (*name) {
		size_t len = strcspn(name, ".");

		q[n++] = (uint8_t)len;
		memcpy(q + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	q[n++] = 0;
	q[n++] = (uint8_t)(type >> 8);
	q[n++] = (uint8_t)type;
	q[n++] = 0;
	q[n++] = 1;
	return n;
}

struct dns_case {
	const char *name;
	unsigned type, rcode, answers;
};

static void test_answers(void **state)
{
	static const struct dns_case cases[] = {
	    {"mail.example.org", RH_DNS_A, 0, 1},
	    {"MAIL.example.ORG", RH_DNS_A, 0, 1},
	    {"mail.example.org", 28, 0, 0}, /* AAAA */
	    {"example.org", RH_DNS_MX, 0, 1},
	    {"example.org", RH_DNS_A, 0, 0},
	    {"org", RH_DNS_A, 0, 0}, /* exists, because something lies below it */
	    {"ple.org", RH_DNS_A, 3, 0},
	    {"www.example.org", RH_DNS_A, 3, 0},
	    {"25.2.0.192.in-addr.arpa", RH_DNS_PTR, 0, 1},
	    {"26.2.0.192.in-addr.arpa", RH_DNS_PTR, 3, 0},
	    {"mail.example.org", 255, 0, 1},
	    {"", RH_DNS_NS, 0, 0},
	};
	struct rh_dns_zone z = {0};

	(void)state;
	make_zone(&z);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t q[RH_DNS_MAX], out[RH_DNS_MAX];
		size_t n = question(q, cases[i].name, cases[i].type);
		size_t m = rh_dns_answer(&z, q, n, out);

		assert_true(m >= n);
		assert_memory_equal(out, q, 2);
		assert_int_equal(out[2] & 0x81, 0x81);
		if ((out[3] & 15) != cases[i].rcode || out[7] != cases[i].answers)
			fail_msg("%s: code %d, %d answers", cases[i].name, out[3] & 15, out[7]);
	}
	rh_dns_zone_free(&z);
}

static void test_address(void **state)
{
	static const uint8_t wanted[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 25};
	uint8_t q[RH_DNS_MAX], out[RH_DNS_MAX];
	struct rh_dns_zone z = {0};
	size_t n, m;

	(void)state;
	make_zone(&z);
	n = question(q, "mail.example.org", RH_DNS_A);
	m = rh_dns_answer(&z, q, n, out);
	assert_int_equal(m, n + sizeof wanted);
	assert_memory_equal(out + n, wanted, sizeof wanted);
	rh_dns_zone_free(&z);
}

static void test_hostile(void **state)
{
	uint8_t q[RH_DNS_MAX], out[RH_DNS_MAX];
	struct rh_dns_zone z = {0};
	uint32_t seed = 20260724;
	size_t n;

	(void)state;
	make_zone(&z);
	n = question(q, "mail.example.org", RH_DNS_A);
	for (size_t cut = 0; cut < n; cut++) { /* exact allocations, for the sanitizer */
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, q, cut);
		assert_true(rh_dns_answer(&z, copy, cut, out) <= 12);
		free(copy);
	}
	for (int round = 0; round < 20000; round++) {
		uint8_t *copy = malloc(n);

		memcpy(copy, q, n);
		for (int k = 0; k < 3; k++) {
			seed = seed * 1664525u + 1013904223u;
			copy[seed % n] = (uint8_t)(seed >> 16);
		}
		assert_true(rh_dns_answer(&z, copy, n, out) <= RH_DNS_MAX);
		free(copy);
	}
	q[12] = 0xc0; /* a pointer to itself */
	q[13] = 12;
	assert_int_equal(rh_dns_answer(&z, q, n, out), 12);
	assert_int_equal(out[3] & 15, 1);
	question(q, "mail.example.org", RH_DNS_A);
	q[2] |= 0x80; /* an answer is not answered */
	assert_int_equal(rh_dns_answer(&z, q, n, out), 0);
	rh_dns_zone_free(&z);
}

/* More records than fit: the answer is cut between two and says so. */
static void test_truncation(void **state)
{
	uint8_t q[RH_DNS_MAX], out[RH_DNS_MAX];
	struct rh_dns_zone z = {0};
	size_t n, m;

	(void)state;
	for (int i = 0; i < 60; i++)
		rh_dns_add(&z, "many.test", RH_DNS_A, "192.0.2.1");
	n = question(q, "many.test", RH_DNS_A);
	m = rh_dns_answer(&z, q, n, out);
	assert_true(m <= RH_DNS_MAX);
	assert_int_equal(out[2] & 2, 2);
	assert_int_equal(m, n + 16u * out[7]);
	rh_dns_zone_free(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_address),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

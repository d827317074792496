/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name server of the rehearsal's small world: a few fixed records, UDP only.
 *
 * Names that are not in the zone do not exist (NXDOMAIN); a known name without records of the
 * wanted type gives an empty answer. It asks nobody else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

enum { RH_DNS_A = 1, RH_DNS_NS = 2, RH_DNS_SOA = 6, RH_DNS_PTR = 12, RH_DNS_MX = 15 };

struct rh_dns_record {
	char *name; /* lower case, no dot at the end */
	uint16_t type;
	char *value; /* an IPv4 address, or a name (PTR, MX with preference 10) */
};

struct rh_dns_zone {
	struct rh_dns_record *v;
	size_t n, cap;
};

void rh_dns_add(struct rh_dns_zone *z, const char *name, uint16_t type, const char *value);
/* A and PTR of NAME and the IPv4 address ADDR. */
void rh_dns_add_host(struct rh_dns_zone *z, const char *name, const char *addr);
void rh_dns_zone_free(struct rh_dns_zone *z);

#define RH_DNS_MAX 512

/* Answer the query of N bytes into OUT; returns its length, 0 when nothing is to be sent. */
size_t rh_dns_answer(const struct rh_dns_zone *z, const uint8_t *query, size_t n,
		     uint8_t out[RH_DNS_MAX]);

/* Serve the zone in a child process on port 53 of each of the IPv4 addresses ADDRS, until it is
 * stopped with rh_proc_stop() or this process ends. */
RH_CHECKED int rh_dns_start(const struct rh_dns_zone *z, const struct rh_strv *addrs, pid_t *pid,
			    struct rh_err *err);

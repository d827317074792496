/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, networks and names: pure arithmetic on text, for checks and for configuration files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/core/err.h"

#define RH_NETADDR_TEXT 64

struct rh_netaddr {
	int family; /* AF_INET or AF_INET6 */
	unsigned char a[16];
	unsigned prefix;
	bool has_prefix; /* it was written; else prefix is the whole length */
};

/* "192.0.2.25", "192.0.2.25/24", "2001:db8::/32". -EINVAL. */
RH_CHECKED int rh_netaddr_parse(const char *text, struct rh_netaddr *out);
/* Is A inside of NET (same family, same first NET->prefix bits)? */
bool rh_netaddr_contains(const struct rh_netaddr *net, const struct rh_netaddr *a);
/* The address with the bits after the prefix cleared, or set (IPv4's broadcast address). */
struct rh_netaddr rh_netaddr_first(const struct rh_netaddr *a);
struct rh_netaddr rh_netaddr_last(const struct rh_netaddr *a);
bool rh_netaddr_equal(const struct rh_netaddr *a, const struct rh_netaddr *b); /* not the prefix */
/* Not unspecified, loopback, multicast or reserved. */
bool rh_netaddr_is_host(const struct rh_netaddr *a);
void rh_netaddr_text(const struct rh_netaddr *a, bool with_prefix, char out[RH_NETADDR_TEXT]);

/* NULL when NAME is a full host or domain name (two labels at least, lower case), else what is
 * wrong with it. */
const char *rh_name_fault(const char *name);

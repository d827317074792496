// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses and names; the contract is in netaddr.h. */
#include "rootfs/setup/netaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static unsigned width(const struct rh_netaddr *a)
{
	return a->family == AF_INET ? 32 : 128;
}

static int parse_prefix(const char *text, unsigned *prefix)
{
	unsigned v = 0;

	if (!*text || strlen(text) > 3 || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(*text - '0');
	}
	*prefix = v;
	return 0;
}

int rh_netaddr_parse(const char *text, struct rh_netaddr *out)
{
	char addr[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);

	*out = (struct rh_netaddr){.has_prefix = slash != NULL};
	if (n == 0 || n >= sizeof addr)
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	out->family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(out->family, addr, out->a) != 1)
		return -EINVAL;
	out->prefix = width(out);
	if (slash && (parse_prefix(slash + 1, &out->prefix) < 0 || out->prefix > width(out)))
		return -EINVAL;
	return 0;
}

static struct rh_netaddr fill(const struct rh_netaddr *a, bool ones)
{
	struct rh_netaddr r = *a;

	for (unsigned bit = a->prefix; bit < width(a); bit++) {
		unsigned char mask = (unsigned char)(0x80 >> bit % 8);

		r.a[bit / 8] = ones ? r.a[bit / 8] | mask : r.a[bit / 8] & (unsigned char)~mask;
	}
	return r;
}

struct rh_netaddr rh_netaddr_first(const struct rh_netaddr *a)
{
	return fill(a, false);
}

struct rh_netaddr rh_netaddr_last(const struct rh_netaddr *a)
{
	return fill(a, true);
}

bool rh_netaddr_equal(const struct rh_netaddr *a, const struct rh_netaddr *b)
{
	return a->family == b->family && !memcmp(a->a, b->a, sizeof a->a);
}

bool rh_netaddr_contains(const struct rh_netaddr *net, const struct rh_netaddr *a)
{
	struct rh_netaddr x = *a, y = rh_netaddr_first(net);

	if (net->family != a->family)
		return false;
	x.prefix = net->prefix;
	x = rh_netaddr_first(&x);
	return rh_netaddr_equal(&x, &y);
}

bool rh_netaddr_is_host(const struct rh_netaddr *a)
{
	static const unsigned char zero[16], one[16] = {[15] = 1};

	if (a->family == AF_INET)
		return a->a[0] != 0 && a->a[0] != 127 && a->a[0] < 224;
	return memcmp(a->a, zero, 16) && memcmp(a->a, one, 16) && a->a[0] != 0xff;
}

void rh_netaddr_text(const struct rh_netaddr *a, bool with_prefix, char out[RH_NETADDR_TEXT])
{
	char addr[INET6_ADDRSTRLEN] = "";

	inet_ntop(a->family, a->a, addr, sizeof addr);
	if (with_prefix)
		snprintf(out, RH_NETADDR_TEXT, "%s/%u", addr, a->prefix);
	else
		snprintf(out, RH_NETADDR_TEXT, "%s", addr);
}

static const char *label_fault(const char *label, size_t n)
{
	if (n == 0)
		return "two dots stand together, or one at an end";
	if (n > 63)
		return "a part between two dots is longer than 63 characters";
	if (label[0] == '-' || label[n - 1] == '-')
		return "a part between two dots begins or ends with a hyphen";
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", label[i]) || !label[i])
			return "only lower-case letters a-z, digits, hyphens and dots are allowed";
	return NULL;
}

const char *rh_name_fault(const char *name)
{
	const char *label = name, *dot = NULL;

	if (strlen(name) > 253)
		return "it is longer than 253 characters";
	for (;; label = dot + 1) {
		const char *end = strchr(label, '.');
		const char *why = label_fault(label, end ? (size_t)(end - label) : strlen(label));

		if (why)
			return why;
		if (!end)
			break;
		dot = end;
	}
	if (!dot)
		return "it has no domain: write the full name with dots";
	if (strspn(label, "0123456789") == strlen(label))
		return "its last part is a number: an address is no name";
	return NULL;
}

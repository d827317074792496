// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers for a rehearsal. See answers.h.
 *
 * Invariant: the appliance, the gateway, the administrator and the outsider have four different
 * addresses unless the user's answers say otherwise; the administrator's is admitted by
 * admin.addresses, the outsider's is not.
 */
#include "builder/answers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/json.h"
#include "lib/schema.h"

#define PASSWORD_LENGTH 24

struct net4 {
	uint32_t base; /* host order */
	unsigned bits;
};

static uint32_t mask(unsigned bits)
{
	return bits ? ~0u << (32 - bits) : 0;
}

static bool contains(struct net4 n, uint32_t addr)
{
	return ((addr ^ n.base) & mask(n.bits)) == 0;
}

static bool parse_addr(const char *text, uint32_t *addr)
{
	struct in_addr in;

	if (!text || inet_pton(AF_INET, text, &in) != 1)
		return false;
	*addr = ntohl(in.s_addr);
	return true;
}

/* "A.B.C.D" or "A.B.C.D/N"; NET keeps the host part. */
static bool parse_net(const char *text, struct net4 *net)
{
	RH_FREE char *copy = rh_xstrdup(text ? text : "");
	char *slash = strchr(copy, '/'), *end;
	unsigned long bits = 32;

	if (slash) {
		*slash = '\0';
		bits = strtoul(slash + 1, &end, 10);
		if (!slash[1] || *end || bits > 32)
			return false;
	}
	net->bits = (unsigned)bits;
	return parse_addr(copy, &net->base);
}

static char *addr_text(uint32_t addr)
{
	return rh_xasprintf("%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
			    addr & 255);
}

static void put_str(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *one_string(const char *value)
{
	struct json_object *list = json_object_new_array();

	json_object_array_add(list, json_object_new_string(value));
	return list;
}

static struct json_object *fixed_network(void)
{
	struct json_object *net = json_object_new_object();

	put_str(net, "method", "static");
	put_str(net, "address", "192.0.2.25/24");
	put_str(net, "gateway", "192.0.2.1");
	json_object_object_add(net, "dns", one_string("192.0.2.1"));
	return net;
}

static int make_up(const struct rh_answers_wish *wish, struct json_object **out, struct rh_err *err)
{
	struct json_object *doc, *admin = json_object_new_object();
	RH_FREE char *host = rh_xasprintf("mail.%s", wish->domain);
	RH_FREE char *email = rh_xasprintf("admin@%s", wish->domain);
	char password[PASSWORD_LENGTH + 1];
	int r = rh_random_text(password, PASSWORD_LENGTH, err);

	if (r < 0) {
		json_object_put(admin);
		return r;
	}
	/* PostfixAdmin wants letters and digits in a password: never leave that to chance. */
	memcpy(password, "rh7", 3);
	doc = json_object_new_object();
	json_object_object_add(doc, "version", json_object_new_int(1));
	put_str(doc, "hostname", host);
	put_str(doc, "domain", wish->domain);
	put_str(doc, "language", "ja");
	put_str(doc, "timezone", "Asia/Tokyo");
	json_object_object_add(doc, "network", fixed_network());
	put_str(admin, "email", email);
	put_str(admin, "password", password);
	json_object_object_add(admin, "ssh_keys", json_object_new_array());
	json_object_object_add(admin, "addresses", one_string("192.0.2.10/32"));
	json_object_object_add(doc, "admin", admin);
	*out = doc;
	return 0;
}

/* The user's file, checked against the published schema. */
static int load_file(const struct rh_answers_wish *wish, struct json_object **out,
		     struct rh_diags *d, struct rh_err *err)
{
	struct rh_json *j = NULL;
	struct rh_schema *schema = NULL;
	int r = rh_json_load(AT_FDCWD, wish->file, wish->file, &j, d);

	if (r < 0)
		return r;
	if (wish->schema) {
		r = rh_schema_load(AT_FDCWD, wish->schema, &schema, err);
		if (r < 0)
			rh_diag_add(d, wish->file, 0, "", "--data names the folder with recipes/",
				    "cannot be checked: %s", err->text);
		if (r == 0 && rh_schema_check(schema, j, d) > 0)
			r = -EINVAL;
		rh_schema_free(&schema);
	}
	if (r == 0)
		*out = json_object_get(rh_json_root(j));
	rh_json_free(&j);
	return r;
}

static int adapt_import(const struct rh_answers_wish *wish, struct rh_answers *a,
			struct rh_diags *d)
{
	struct json_object *import = rh_json_get(a->doc, "import");

	if (wish->no_import && import) {
		json_object_object_del(a->doc, "import");
		return 0;
	}
	if (wish->old_data && !import) {
		import = json_object_new_object();
		put_str(import, "label", wish->label);
		json_object_object_add(a->doc, "import", import);
	}
	if (import && !wish->old_data) {
		rh_diag_add(d, wish->file, 0, "import",
			    "give the volume with --old-data IMAGE, or --old-data none to leave "
			    "the import out",
			    "the answers ask for an import, and there is no volume to import from");
		return -EINVAL;
	}
	if (import)
		a->label = rh_xstrdup(rh_json_str(import, "label", wish->label));
	return 0;
}

/* A host of NET that none of the used addresses is, starting at its tenth. 0 if there is none. */
static uint32_t free_host(struct net4 net, const uint32_t *used, size_t n_used)
{
	uint32_t first = net.base & mask(net.bits);
	uint32_t last = first | ~mask(net.bits);

	for (uint32_t i = 0; net.bits <= 30 && i < 254; i++) {
		uint32_t host = first + 1 + (i + 9) % 254;
		bool taken = host >= last;

		for (size_t k = 0; k < n_used; k++)
			taken |= used[k] == host;
		if (!taken)
			return host;
	}
	return 0;
}

static uint32_t choose_admin(struct json_object *list, struct net4 lan, const uint32_t *used,
			     size_t n_used)
{
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct net4 net;
		uint32_t host;

		if (!parse_net(json_object_get_string(json_object_array_get_idx(list, i)), &net))
			continue;
		if (net.bits >= 31) {
			if (net.base != used[0])
				return net.base;
			continue;
		}
		host = free_host(net.bits < lan.bits && contains(net, lan.base) ? lan : net, used,
				 n_used);
		if (host)
			return host;
	}
	return 0;
}

static uint32_t choose_outside(struct json_object *list, struct net4 lan)
{
	static const char *const candidates[] = {"198.51.100.7", "203.0.113.7", "192.0.2.7",
						 "100.64.0.7", "172.31.255.7"};
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t c = 0; c < sizeof candidates / sizeof *candidates; c++) {
		uint32_t addr = 0;
		bool bad = !parse_addr(candidates[c], &addr) || contains(lan, addr);

		for (size_t i = 0; i < n && !bad; i++) {
			struct net4 net;

			bad = parse_net(json_object_get_string(json_object_array_get_idx(list, i)),
					&net) &&
			      contains(net, addr);
		}
		if (!bad)
			return addr;
	}
	return 0;
}

static void add_unique(struct rh_strv *list, char *text)
{
	bool have = false;
	size_t n = strcspn(text, "/");

	for (size_t i = 0; i < list->n; i++)
		have |= strncmp(list->v[i], text, n) == 0 && strcspn(list->v[i], "/") == n;
	if (!have)
		rh_strv_add(list, text);
	free(text);
}

static void derive_world(struct rh_answers *a, struct net4 lan, uint32_t gateway, uint32_t admin,
			 uint32_t outside)
{
	RH_FREE char *base = addr_text(lan.base & mask(lan.bits));

	a->addr = addr_text(lan.base);
	a->gateway = addr_text(gateway);
	a->admin = addr_text(admin);
	a->outside = outside ? addr_text(outside) : rh_xstrdup("");
	a->net.source = rh_xstrdup(a->admin);
	add_unique(&a->net.addrs,
		   rh_xasprintf("%s/%u", a->admin, contains(lan, admin) ? lan.bits : 32));
	add_unique(&a->net.addrs, rh_xasprintf("%s/%u", a->gateway, lan.bits));
	for (size_t i = 0; i < a->dns.n; i++)
		add_unique(&a->net.addrs, rh_xasprintf("%s/32", a->dns.v[i]));
	if (outside)
		add_unique(&a->net.addrs, rh_xasprintf("%s/32", a->outside));
	rh_strv_addf(&a->net.routes, "%s/%u", base, lan.bits);
}

static int derive(struct rh_answers *a, const char *file, struct rh_diags *d)
{
	struct json_object *net = rh_json_get(a->doc, "network");
	struct json_object *dns = rh_json_get(net, "dns");
	struct json_object *admit = rh_json_at(a->doc, "admin.addresses");
	uint32_t gateway = 0, admin, addr, used[2];
	struct net4 lan = {0, 0};

	if (!parse_net(rh_json_str(net, "address", NULL), &lan) || lan.bits > 30 ||
	    !parse_addr(rh_json_str(net, "gateway", NULL), &gateway) || !contains(lan, gateway) ||
	    gateway == lan.base) {
		rh_diag_add(d, file, 0, "network",
			    "write address like 192.0.2.25/24 and a gateway "
			    "in that network",
			    "a rehearsal needs an IPv4 address and its gateway");
		return -EINVAL;
	}
	for (size_t i = 0; dns && i < json_object_array_length(dns); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(dns, i));

		if (parse_addr(text, &addr) && addr != lan.base)
			rh_strv_add(&a->dns, text);
	}
	used[0] = lan.base;
	used[1] = gateway;
	admin = choose_admin(admit, lan, used, 2);
	if (!admin) {
		rh_diag_add(d, file, 0, "admin.addresses", "add one, such as 192.0.2.10/32",
			    "no IPv4 address from which a rehearsal could come");
		return -EINVAL;
	}
	derive_world(a, lan, gateway, admin, choose_outside(admit, lan));
	return 0;
}

int rh_answers_load(const struct rh_answers_wish *wish, struct rh_answers *out, struct rh_diags *d,
		    struct rh_err *err)
{
	const char *file = wish->file ? wish->file : "rehome-answers.json";
	struct json_object *net;
	int r = wish->file ? load_file(wish, &out->doc, d, err) : make_up(wish, &out->doc, err);

	if (r < 0)
		return r;
	net = rh_json_get(out->doc, "network");
	if (strcmp(rh_json_str(net, "method", ""), "static") != 0) {
		out->was_dhcp = true;
		json_object_object_add(out->doc, "network", fixed_network());
	}
	out->hostname = rh_xstrdup(rh_json_str(out->doc, "hostname", ""));
	out->domain = rh_xstrdup(rh_json_str(out->doc, "domain", ""));
	net = rh_json_get(out->doc, "admin");
	out->email = rh_xstrdup(rh_json_str(net, "email", ""));
	out->password = rh_xstrdup(rh_json_str(net, "password", ""));
	r = adapt_import(wish, out, d);
	return derive(out, file, d) < 0 ? -EINVAL : r;
}

void rh_answers_add_key(struct rh_answers *a, const char *key)
{
	struct json_object *keys = rh_json_at(a->doc, "admin.ssh_keys");

	if (json_object_is_type(keys, json_type_array))
		json_object_array_add(keys, json_object_new_string(key));
}

int rh_answers_write(const struct rh_answers *a, const char *path, struct rh_err *err)
{
	const char *text = json_object_to_json_string_ext(
	    a->doc, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	return rh_file_write(AT_FDCWD, path, 0600, text, strlen(text), err);
}

void rh_answers_free(struct rh_answers *a)
{
	char **strings[] = {&a->hostname, &a->domain,  &a->email, &a->password, &a->label,
			    &a->addr,	  &a->gateway, &a->admin, &a->outside};

	json_object_put(a->doc);
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		free(*strings[i]);
	rh_strv_free(&a->dns);
	rh_netns_free(&a->net);
	*a = (struct rh_answers){0};
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole check before anything is touched: schema first, then what a schema cannot say.
 *
 * Each check_*() looks at one part of the answers and skips what the schema has already refused, so
 * that one mistake gives one fault.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/schema.h"
#include "rootfs/setup/answers.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/netaddr.h"
#include "rootfs/setup/scope.h"
#include "rootfs/setup/ssh.h"
#include "rootfs/setup/storage.h"

#define ZONEINFO "usr/share/zoneinfo"

struct check {
	struct rh_setup *s;
	struct rh_diags *d;
};

static void fault(struct check *c, const char *where, const char *hint, const char *text)
{
	rh_diag_add(c->d, c->s->answers_name, rh_json_line(c->s->answers, where), where, hint, "%s",
		    text);
}

/* Is there nothing more to say of the value at WHERE: absent, or refused by the schema? */
static bool refused(const struct check *c, const char *where)
{
	size_t n = strlen(where);

	if (!rh_json_at(rh_json_root(c->s->answers), where))
		return true;
	for (size_t i = 0; i < c->d->n; i++)
		if (!strncmp(c->d->v[i].where, where, n))
			return true;
	return false;
}

static void check_name(struct check *c, const char *key, const char *example)
{
	const char *name = rh_answer(c->s, key), *why;
	RH_FREE char *hint = rh_xasprintf("such as %s", example);

	if (refused(c, key))
		return;
	why = rh_name_fault(name);
	if (why)
		fault(c, key, hint, why);
}

static void check_timezone(struct check *c)
{
	const char *zone = rh_answer(c->s, "timezone");
	RH_FREE char *path = rh_xasprintf(ZONEINFO "/%s", zone);
	RH_FREE char *text = NULL;
	struct stat st;

	if (refused(c, "timezone") || !rh_exists(c->s->root, ZONEINFO))
		return;
	if (fstatat(c->s->root, path, &st, 0) == 0 && S_ISREG(st.st_mode))
		return;
	text = rh_xasprintf("there is no time zone %s", zone);
	fault(c, "timezone", "write a region and a city with a slash, such as Asia/Tokyo", text);
}

/* "192.0.2.25/24" as an address that a machine can have. */
static bool check_address(struct check *c, struct rh_netaddr *a)
{
	static const char where[] = "network.address";
	static const char hint[] = "write address and prefix length, such as 192.0.2.25/24";
	const char *text = rh_answer(c->s, where);
	struct rh_netaddr first, last;

	if (refused(c, where))
		return false;
	if (rh_netaddr_parse(text, a) < 0) {
		fault(c, where, hint, "this is not an address with a prefix length");
		return false;
	}
	if (!rh_netaddr_is_host(a)) {
		fault(c, where, hint, "no machine can have this address");
		return false;
	}
	first = rh_netaddr_first(a);
	last = rh_netaddr_last(a);
	if (a->prefix < 8 || a->prefix > (a->family == AF_INET ? 30u : 126u)) {
		fault(c, where, "an office network is usually /24",
		      "with this prefix length there is no room for a machine and its gateway");
		return false;
	}
	if (rh_netaddr_equal(a, &first) || (a->family == AF_INET && rh_netaddr_equal(a, &last))) {
		fault(c, where, "take an address between the first and the last of the network",
		      "this is the address of the network itself or its broadcast address");
		return false;
	}
	return true;
}

static void check_gateway(struct check *c, const struct rh_netaddr *a)
{
	static const char where[] = "network.gateway";
	RH_FREE char *hint = NULL;
	char net[RH_NETADDR_TEXT];
	struct rh_netaddr gw, first;

	if (refused(c, where))
		return;
	if (rh_netaddr_parse(rh_answer(c->s, where), &gw) < 0) {
		fault(c, where, "such as 192.0.2.1", "this is not an address");
		return;
	}
	if (!a)
		return;
	first = rh_netaddr_first(a);
	rh_netaddr_text(&first, true, net);
	hint = rh_xasprintf("the gateway lies in the machine's own network %s", net);
	if (!rh_netaddr_contains(a, &gw))
		fault(c, where, hint, "the gateway is outside of the machine's network");
	else if (rh_netaddr_equal(a, &gw))
		fault(c, where, hint, "the gateway has the address of this machine");
	else if (rh_netaddr_equal(&first, &gw))
		fault(c, where, hint, "this is the address of the network itself");
}

static size_t list_len(const struct check *c, const char *where)
{
	struct json_object *o = rh_json_at(rh_json_root(c->s->answers), where);

	return o && json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}

static void check_dns(struct check *c, const struct rh_netaddr *a)
{
	for (size_t i = 0; i < list_len(c, "network.dns"); i++) {
		RH_FREE char *where = rh_xasprintf("network.dns[%zu]", i);
		struct rh_netaddr dns;

		if (refused(c, where))
			continue;
		if (rh_netaddr_parse(rh_answer(c->s, where), &dns) < 0)
			fault(c, where, "such as 192.0.2.1", "this is not an address");
		else if (a && dns.family != a->family)
			fault(c, where, "write a name server that the machine's address can reach",
			      "IPv4 and IPv6 are mixed");
	}
}

static void check_network(struct check *c)
{
	struct rh_netaddr a;
	bool good;

	if (strcmp(rh_answer(c->s, "network.method"), "static"))
		return;
	good = check_address(c, &a);
	check_gateway(c, good ? &a : NULL);
	check_dns(c, good ? &a : NULL);
}

static void check_keys(struct check *c)
{
	for (size_t i = 0; i < list_len(c, "admin.ssh_keys"); i++) {
		RH_FREE char *where = rh_xasprintf("admin.ssh_keys[%zu]", i);
		const char *why;

		if (refused(c, where))
			continue;
		why = rh_ssh_key_fault(rh_answer(c->s, where));
		if (why)
			fault(c, where, "show the key with: cat ~/.ssh/id_ed25519.pub", why);
	}
}

static void check_source(struct check *c, const char *where, const struct rh_netaddr *a)
{
	struct rh_netaddr first = rh_netaddr_first(a), whole = *a;
	RH_FREE char *hint = NULL;
	char net[RH_NETADDR_TEXT], one[RH_NETADDR_TEXT];

	if (a->prefix == 0) {
		fault(c, where, "name only the machines of the administrators",
		      "this admits everybody before the machine is live");
		return;
	}
	if (rh_netaddr_equal(&first, a))
		return;
	whole.prefix = a->family == AF_INET ? 32 : 128;
	rh_netaddr_text(&first, true, net);
	rh_netaddr_text(&whole, true, one);
	hint = rh_xasprintf("write %s for the network, or %s for the one machine", net, one);
	fault(c, where, hint, "an address inside of a network with the network's prefix length");
}

static void check_sources(struct check *c)
{
	size_t n = list_len(c, "admin.addresses");
	RH_FREE struct rh_netaddr *seen = rh_xalloc((n + 1) * sizeof *seen);

	for (size_t i = 0; i < n; i++) {
		RH_FREE char *where = rh_xasprintf("admin.addresses[%zu]", i);

		if (refused(c, where))
			continue;
		if (rh_netaddr_parse(rh_answer(c->s, where), &seen[i]) < 0) {
			fault(c, where, "such as 192.0.2.10, 192.0.2.0/24 or 2001:db8::/32",
			      "this is not an address or network");
			continue;
		}
		check_source(c, where, &seen[i]);
		for (size_t k = 0; k < i; k++)
			if (seen[k].prefix == seen[i].prefix &&
			    rh_netaddr_equal(&seen[k], &seen[i])) {
				fault(c, where, "leave one of them out", "it stands there twice");
				break;
			}
	}
}

static void check_import(struct check *c)
{
	if (refused(c, "import") || strcmp(rh_answer(c->s, "import.label"), RH_VOLUME_LABEL))
		return;
	fault(c, "import.label", "give the volume with the old data another label",
	      "that is the label of the volume with the answers");
}

/* What the schema says, without what was typed as a password: faults stand on the console. */
static void take_faults(struct check *c, const struct rh_diags *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct rh_diag *one = &from->v[i];
		bool secret = !strcmp(one->where, "admin.password") && strchr(one->text, '"');

		rh_diag_add(c->d, one->file, one->line, one->where, one->hint, "%s",
			    secret ? "it does not have the right form" : one->text);
	}
}

static void check_schema(struct check *c)
{
	struct rh_schema *schema = NULL;
	struct rh_diags found = {0};
	struct rh_err err = {{0}};

	if (rh_schema_load(c->s->root, rh_rel(RH_PATH_SCHEMA), &schema, &err) < 0) {
		rh_diag_add(c->d, RH_PATH_SCHEMA, 0, "",
			    "the image is damaged: restore this file from the build", "%s",
			    err.text);
		return;
	}
	rh_schema_check(schema, c->s->answers, &found);
	take_faults(c, &found);
	rh_diags_free(&found);
	rh_schema_free(&schema);
}

static bool declared_user(const struct rh_setup *s, const char *name)
{
	for (size_t i = 0; i < s->n_overlays; i++)
		for (size_t k = 0; k < s->overlays[i].n_users; k++)
			if (!strcmp(s->overlays[i].users[k].name, name))
				return true;
	return false;
}

/* The owner and group of each template exist, or the users step will make them. */
static void check_owners(struct check *c, const struct rh_setup_overlay *o)
{
	for (size_t i = 0; i < o->n_templates; i++) {
		const struct rh_setup_template *t = &o->templates[i];
		const char *owner = declared_user(c->s, t->owner) ? NULL : t->owner;
		const char *group = declared_user(c->s, t->group) ? NULL : t->group;
		RH_FREE char *where = rh_xasprintf("templates[%zu]", i);
		struct rh_err err = {{0}};
		uid_t uid;
		gid_t gid;

		if (rh_owner_ids(c->s, owner, group, &uid, &gid, &err) < 0)
			rh_diag_add(c->d, rh_json_name(o->json), rh_json_line(o->json, where),
				    where,
				    "list it under \"users\", or install the package that makes it",
				    "%s", err.text);
	}
}

/* Two templates with one target: the later would win, and each run would change it twice. */
static void check_targets(struct check *c, const struct rh_setup_overlay *o)
{
	for (size_t i = 0; i < o->n_templates; i++)
		for (const struct rh_setup_overlay *p = c->s->overlays; p <= o; p++)
			for (size_t k = 0; k < p->n_templates && (p != o || k < i); k++)
				if (!strcmp(p->templates[k].to, o->templates[i].to))
					rh_diag_add(c->d, rh_json_name(o->json), 0, "templates",
						    "only one overlay may write a file",
						    "%s is also written by %s", p->templates[k].to,
						    p->name);
}

static void check_overlays(struct check *c)
{
	bool users = rh_exists(c->s->root, "etc/passwd");

	for (size_t i = 0; i < c->s->n_overlays; i++) {
		const struct rh_setup_overlay *o = &c->s->overlays[i];

		if (!o->json)
			continue;
		if (rh_scope_render(c->s, o, true, NULL, c->d) < 0)
			continue;
		check_targets(c, o);
		if (users)
			check_owners(c, o);
	}
}

void rh_setup_check(struct rh_setup *s, struct rh_diags *d)
{
	struct check c = {s, d};
	size_t before = d->n;

	if (s->answers) {
		check_schema(&c);
		check_name(&c, "hostname", "mail.example.org");
		check_name(&c, "domain", "example.org");
		check_timezone(&c);
		check_network(&c);
		check_keys(&c);
		check_sources(&c);
		check_import(&c);
	}
	/* Templates that lack an answer would only repeat what has been said. */
	if (s->answers && s->recipe && d->n == before)
		check_overlays(&c);
	rh_storage_check(s, d);
	rh_diags_sort(d);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The step firewall: two zones of firewalld made from every overlay's ports and the state.
 *
 * Zone rehome-admin holds the administrators' addresses: all ports of all overlays, and ssh. Zone
 * public is everybody else: nothing until the machine is live, then the overlays' ports; never ssh.
 * pending/firewall stands while firewalld may still run with the old files.
 */
#include <string.h>

#include "rootfs/setup/change.h"
#include "rootfs/setup/netaddr.h"
#include "rootfs/setup/steps.h"

#define ZONES	 "/etc/firewalld/zones/"
#define SSH_PORT 22

/* A zone must not name a port twice: two overlays may both speak of one. */
static bool seen_before(const struct rh_setup *s, size_t i, size_t k)
{
	const struct rh_setup_port *p = &s->overlays[i].ports[k];

	for (size_t a = 0; a <= i; a++)
		for (size_t b = 0; b < (a == i ? k : s->overlays[a].n_ports); b++)
			if (s->overlays[a].ports[b].port == p->port &&
			    !strcmp(s->overlays[a].ports[b].protocol, p->protocol))
				return true;
	return false;
}

static void add_ports(const struct rh_setup *s, struct rh_str *out)
{
	for (size_t i = 0; i < s->n_overlays; i++)
		for (size_t k = 0; k < s->overlays[i].n_ports; k++) {
			const struct rh_setup_port *p = &s->overlays[i].ports[k];

			if (p->port != SSH_PORT && !seen_before(s, i, k))
				rh_str_addf(out, "  <port port=\"%u\" protocol=\"%s\"/>\n", p->port,
					    p->protocol);
		}
}

static void zone_head(const char *name, const char *what, struct rh_str *out)
{
	rh_str_addf(out,
		    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		    "<!-- Written by rehome-setup; changes here are lost. -->\n"
		    "<zone>\n"
		    "  <short>%s</short>\n"
		    "  <description>%s</description>\n",
		    name, what);
}

void rh_firewall_admin_zone(const struct rh_setup *s, struct rh_str *out)
{
	struct json_object *list = rh_json_at(rh_json_root(s->answers), "admin.addresses");

	zone_head("Rehome administrators", "The addresses that the site's answers admit.", out);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *one = json_object_get_string(json_object_array_get_idx(list, i));
		char text[RH_NETADDR_TEXT];
		struct rh_netaddr a;

		if (rh_netaddr_parse(one, &a) < 0)
			continue; /* the check has refused it */
		rh_netaddr_text(&a, true, text);
		rh_str_addf(out, "  <source address=\"%s\"/>\n", text);
	}
	rh_str_add(out, "  <service name=\"ssh\"/>\n");
	add_ports(s, out);
	rh_str_add(out, "</zone>\n");
}

void rh_firewall_public_zone(const struct rh_setup *s, enum rh_state state, struct rh_str *out)
{
	bool live = state == RH_STATE_LIVE;

	zone_head("Public", live ? "Everybody: the mail service." : "Everybody: closed until live.",
		  out);
	if (!strcmp(rh_answer(s, "network.method"), "dhcp"))
		rh_str_add(out, "  <service name=\"dhcpv6-client\"/>\n");
	if (live)
		add_ports(s, out);
	rh_str_add(out, "</zone>\n");
}

static int reload(struct rh_setup *s, struct rh_err *err)
{
	int r = rh_setup_service(s, err, "systemctl", "start", "firewalld.service", NULL);

	if (r == 0)
		r = rh_setup_service(s, err, "firewall-cmd", "--quiet", "--reload", NULL);
	return r;
}

int rh_step_firewall(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target admin_t = {.path = ZONES "rehome-admin.xml", .mode = 0644};
	const struct rh_target public_t = {.path = ZONES "public.xml", .mode = 0644};
	RH_STR struct rh_str admin = {0}, everybody = {0};
	enum rh_state state;
	int r = rh_state_read(s, &state, err), other;

	if (r < 0)
		return r;
	rh_firewall_admin_zone(s, &admin);
	rh_firewall_public_zone(s, state, &everybody);
	r = rh_change_differs(s, &admin_t, admin.data, admin.len, err);
	other = rh_change_differs(s, &public_t, everybody.data, everybody.len, err);
	if (r < 0 || other < 0)
		return r < 0 ? r : other;
	if (!r && !other && !rh_marker_there(s, "pending/firewall"))
		return 0;
	r = rh_marker_set(s, "pending/firewall", "", err);
	if (r >= 0)
		r = rh_change_file(s, &public_t, everybody.data, everybody.len, err);
	if (r >= 0)
		r = rh_change_file(s, &admin_t, admin.data, admin.len, err);
	if (r >= 0) {
		rh_change_point(s);
		r = reload(s, err);
	}
	if (r >= 0)
		r = rh_marker_clear(s, "pending/firewall", err);
	return r < 0 ? rh_err_prefix(err, r, "firewall") : 1;
}

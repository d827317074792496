// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The step network: one NetworkManager profile, then told to NetworkManager.
 *
 * The profile names no interface: NetworkManager gives it to the first Ethernet device with a link,
 * so the disks work in another machine of the same kind too. The marker pending/network stands
 * while NetworkManager may not know the file yet: a cut between file and activation is made good.
 */
#include <string.h>
#include <sys/socket.h>

#include "rootfs/setup/change.h"
#include "rootfs/setup/netaddr.h"
#include "rootfs/setup/steps.h"

#define PROFILE "/etc/NetworkManager/system-connections/rehome.nmconnection"

static void dns_line(const struct rh_setup *s, struct rh_str *out)
{
	struct json_object *dns = rh_json_at(rh_json_root(s->answers), "network.dns");
	size_t n = dns ? json_object_array_length(dns) : 0;

	if (n)
		rh_str_add(out, "dns=");
	for (size_t i = 0; i < n; i++)
		rh_str_addf(out, "%s;", json_object_get_string(json_object_array_get_idx(dns, i)));
	if (n)
		rh_str_add(out, "\n");
}

static void static_section(const struct rh_setup *s, struct rh_str *out)
{
	rh_str_addf(out, "method=manual\naddress1=%s,%s\n", rh_answer(s, "network.address"),
		    rh_answer(s, "network.gateway"));
	dns_line(s, out);
}

void rh_network_keyfile(const struct rh_setup *s, struct rh_str *out)
{
	bool fixed = !strcmp(rh_answer(s, "network.method"), "static");
	struct rh_netaddr a = {.family = AF_INET};
	bool six;

	if (fixed && rh_netaddr_parse(rh_answer(s, "network.address"), &a) < 0)
		return; /* the check has refused it */
	six = a.family == AF_INET6;
	rh_str_add(out, "# Written by rehome-setup from the site's answers.\n"
			"[connection]\n"
			"id=rehome\n"
			"uuid=5e61a5f2-6d0e-4b6c-9a57-1f6f0c1d7e01\n"
			"type=ethernet\n"
			"autoconnect=true\n"
			"autoconnect-priority=100\n"
			"zone=public\n"
			"\n[ethernet]\n"
			"\n[ipv4]\n");
	if (!fixed)
		rh_str_add(out, "method=auto\n");
	else if (six)
		rh_str_add(out, "method=disabled\n");
	else
		static_section(s, out);
	rh_str_add(out, "\n[ipv6]\n");
	if (!fixed)
		rh_str_add(out, "method=auto\n");
	else if (six)
		static_section(s, out);
	else
		rh_str_add(out, "method=disabled\n");
}

/* A cable that is not plugged in yet is no reason to stop: the profile connects by itself then. */
static int activate(struct rh_setup *s, struct rh_err *err)
{
	struct rh_err up = {{0}};
	int r = rh_setup_service(s, err, "systemctl", "start", "NetworkManager.service", NULL);

	if (r == 0)
		r = rh_setup_service(s, err, "nmcli", "connection", "load", PROFILE, NULL);
	if (r != 0)
		return r;
	r = rh_setup_service(s, &up, "nmcli", "--wait", "30", "connection", "up", "rehome", NULL);
	if (r < 0)
		rh_setup_say(s, "warning: the network is not up yet (is the cable plugged in?); it "
				"comes up by itself");
	if (r < 0)
		rh_setup_log(s, "%s", up.text);
	return 0;
}

int rh_step_network(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target t = {.path = PROFILE, .mode = 0600};
	RH_STR struct rh_str text = {0};
	int r, pending = rh_marker_there(s, "pending/network");

	rh_network_keyfile(s, &text);
	r = rh_change_differs(s, &t, text.data, text.len, err);
	if (r < 0 || (r == 0 && !pending))
		return r;
	r = rh_marker_set(s, "pending/network", "", err);
	if (r >= 0)
		r = rh_change_file(s, &t, text.data, text.len, err);
	if (r >= 0) {
		rh_change_point(s);
		r = activate(s, err);
	}
	if (r >= 0)
		r = rh_marker_clear(s, "pending/network", err);
	return r < 0 ? rh_err_prefix(err, r, "network") : 1;
}

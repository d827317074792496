/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of the rehearsal's own: a namespace with a bridge, a TAP and chosen addresses, and no
 * way out.
 *
 * The calling process enters the namespace for good; its children inherit it. Sockets that are to
 * listen on the host must be made before.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

#define RH_NETNS_BRIDGE "rh0"
#define RH_NETNS_TAP	"rhtap0"

struct rh_netns {
	struct rh_strv addrs;  /* "ADDRESS/LENGTH", all on the bridge */
	struct rh_strv routes; /* networks that the bridge reaches without a gateway */
	char *source;	       /* the address that our programs come from by default */
};

/* The commands for "ip -batch", pure. */
void rh_netns_script(const struct rh_netns *conf, struct rh_str *out);

/* Can this process make such a namespace and use TUN? 0, or -errno and why not. Tried in a child.
 */
RH_CHECKED int rh_netns_possible(struct rh_err *err);

/* Enter a new namespace, as root directly, else through a user namespace; then set it up. */
RH_CHECKED int rh_netns_enter(const struct rh_netns *conf, struct rh_err *err);

void rh_netns_free(struct rh_netns *conf);

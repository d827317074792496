/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One loopback port of the host each for the ports of the appliance.
 *
 * The listening sockets are made before the process enters the rehearsal's namespace (a socket
 * belongs to the namespace it was made in), the connections to the appliance afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

struct rh_forward;

/* Listen on 127.0.0.1, a free port for each of PORTS; N at most 16. */
RH_CHECKED int rh_forward_open(const uint16_t *ports, size_t n, struct rh_forward **out,
			       struct rh_err *err);
/* The host's port that leads to PORT, 0 if none. */
uint16_t rh_forward_port(const struct rh_forward *f, uint16_t port);
/* Carry connections to ADDR for at most TIMEOUT_MS. */
RH_CHECKED int rh_forward_step(struct rh_forward *f, const char *addr, int timeout_ms,
			       struct rh_err *err);
void rh_forward_free(struct rh_forward **f);

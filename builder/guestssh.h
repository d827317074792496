/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssh into the rehearsed appliance, with a key made for this run and the host key that the
 * appliance itself showed on its console.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Make a key pair DIR/id and DIR/id.pub; PUBLIC gets the public line without newline. */
RH_CHECKED int rh_guestssh_keygen(const char *dir, struct rh_str *public, struct rh_err *err);

/* Fetch the host key of ADDR, refuse it unless its fingerprint is FINGERPRINT ("SHA256:…"), and
 * write DIR/known_hosts and DIR/ssh_config (host "rehome", connections from SOURCE). -EAGAIN when
 * the server gave no key (it may not be up yet). */
RH_CHECKED int rh_guestssh_pin(const char *dir, const char *addr, const char *source,
			       const char *fingerprint, struct rh_err *err);

/* The text of ssh_config, pure. */
void rh_guestssh_config(const char *dir, const char *addr, const char *source, struct rh_str *out);

/* Run COMMAND (for the remote shell) with the config of DIR; stdout into OUT. */
RH_CHECKED int rh_guestssh_run(const char *dir, const char *command, int timeout_s,
			       struct rh_str *out, struct rh_err *err);

/* Is FINGERPRINT the second word of some line of what "ssh-keygen -l" printed? */
bool rh_guestssh_match(const char *listing, const char *fingerprint);

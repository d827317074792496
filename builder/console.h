/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the appliance says on its serial console, read as it comes.
 *
 * rh_console_feed() takes the bytes in pieces of any size and keeps what was learnt; the result is
 * the same however the bytes are cut. Control sequences are dropped. A first fatal sign (panic,
 * emergency shell, rescue prompt, no boot device) stays in `dead`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/core/mem.h"

#define RH_CONSOLE_TAIL 20

struct rh_console {
	/* Learnt; strings are owned, NULL until seen. */
	bool kernel, login;
	unsigned step, steps; /* of rehome-setup, 0 before the first */
	char *step_name;
	char *state;	 /* the last "state WORD" */
	bool closed;	 /* some state after unconfigured was reached */
	bool importing;	 /* state importing was seen */
	char *cert;	 /* "AA:BB:…", SHA-256 of the certificate */
	char *hostkey;	 /* "SHA256:…", of the ed25519 host key */
	int import_exit; /* -1 until seen */
	char *failed;	 /* what rehome-setup says that failed */
	char *dead;	 /* why this boot can go no further */
	char *last;	 /* the last line with text in it */

	/* Private. */
	struct rh_str line;
	char *tail[RH_CONSOLE_TAIL];
	size_t n_lines;
	int escape;
};

void rh_console_init(struct rh_console *c);
void rh_console_feed(struct rh_console *c, const char *data, size_t n);
/* The last lines, oldest first, each with a newline, added to OUT. */
void rh_console_tail(const struct rh_console *c, struct rh_str *out);
void rh_console_free(struct rh_console *c);

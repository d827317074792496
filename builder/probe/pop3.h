/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A POP3 client (RFC 1939).
 */
#pragma once

#include "builder/probe/stream.h"

struct rh_pop3 {
	struct rh_stream *s;
	char *status; /* last "+OK …" or "-ERR …" */
};

RH_CHECKED int rh_pop3_start(struct rh_pop3 *p, struct rh_stream *s, struct rh_err *err);
/* One command with a one-line answer. -EACCES for -ERR. */
RH_CHECKED int rh_pop3_cmd(struct rh_pop3 *p, struct rh_err *err, const char *fmt, ...)
    RH_PRINTF(3, 4);
/* The lines after a +OK, dots removed, each line with one LF, appended to OUT. At most MAX bytes.
 */
RH_CHECKED int rh_pop3_body(struct rh_pop3 *p, struct rh_str *out, size_t max, struct rh_err *err);
RH_CHECKED int rh_pop3_login(struct rh_pop3 *p, const char *user, const char *password,
			     struct rh_err *err);
void rh_pop3_quit(struct rh_pop3 *p); /* best effort */

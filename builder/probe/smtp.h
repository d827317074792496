/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An SMTP client (RFC 5321), as far as a check needs one.
 */
#pragma once

#include "builder/probe/conn.h"

struct rh_smtp {
	struct rh_conn *conn;
	struct rh_stream *s;
	int code;	    /* of the last reply */
	struct rh_str text; /* its lines, "; " between */
};

/* Greeting and EHLO done; with STARTTLS EHLO again. */
RH_CHECKED int rh_smtp_open(struct rh_smtp *m, const struct rh_target *t, unsigned port,
			    enum rh_conn_mode mode, struct rh_err *err);
void rh_smtp_close(struct rh_smtp *m);
#define RH_SMTP __attribute__((cleanup(rh_smtp_close)))
/* One command; the reply's code, or a negative errno. Whatever the code is, it is not an error. */
RH_CHECKED int rh_smtp_cmd(struct rh_smtp *m, struct rh_err *err, const char *fmt, ...)
    RH_PRINTF(3, 4);
/* AUTH PLAIN; the reply's code. */
RH_CHECKED int rh_smtp_auth(struct rh_smtp *m, const char *user, const char *password,
			    struct rh_err *err);
/* DATA, TEXT (LF line ends, dots stuffed here), the end; the last reply's code. */
RH_CHECKED int rh_smtp_data(struct rh_smtp *m, const char *text, struct rh_err *err);

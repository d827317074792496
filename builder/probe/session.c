/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and closing IMAP and POP3 sessions.
 */
#include "builder/probe/session.h"

int rh_imap_open(struct rh_imap_session *s, const struct rh_target *t, unsigned port,
		 enum rh_conn_mode mode, struct rh_err *err)
{
	*s = (struct rh_imap_session){0};
	int r = rh_conn_open(&s->conn, t, port, mode, err);
	if (r < 0)
		return r;
	s->im.s = rh_conn_stream(s->conn);
	return mode == RH_CONN_STARTTLS_IMAP ? 0 : rh_imap_start(&s->im, s->im.s, err);
}

void rh_imap_close(struct rh_imap_session *s)
{
	if (s->conn)
		rh_imap_logout(&s->im);
	rh_conn_close(&s->conn);
}

int rh_pop3_open(struct rh_pop3_session *s, const struct rh_target *t, unsigned port,
		 enum rh_conn_mode mode, struct rh_err *err)
{
	*s = (struct rh_pop3_session){0};
	int r = rh_conn_open(&s->conn, t, port, mode, err);
	if (r < 0)
		return r;
	s->pop.s = rh_conn_stream(s->conn);
	return mode == RH_CONN_STARTTLS_POP3 ? 0 : rh_pop3_start(&s->pop, s->pop.s, err);
}

void rh_pop3_close(struct rh_pop3_session *s)
{
	if (s->conn)
		rh_pop3_quit(&s->pop);
	rh_conn_close(&s->conn);
}

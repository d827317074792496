/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection with its protocol on top, greeted, and closed together.
 */
#pragma once

#include "builder/probe/conn.h"
#include "builder/probe/imap.h"
#include "builder/probe/pop3.h"

struct rh_imap_session {
	struct rh_conn *conn;
	struct rh_imap im;
};
RH_CHECKED int rh_imap_open(struct rh_imap_session *s, const struct rh_target *t, unsigned port,
			    enum rh_conn_mode mode, struct rh_err *err);
void rh_imap_close(struct rh_imap_session *s);
#define RH_IMAP_SESSION __attribute__((cleanup(rh_imap_close)))

struct rh_pop3_session {
	struct rh_conn *conn;
	struct rh_pop3 pop;
};
RH_CHECKED int rh_pop3_open(struct rh_pop3_session *s, const struct rh_target *t, unsigned port,
			    enum rh_conn_mode mode, struct rh_err *err);
void rh_pop3_close(struct rh_pop3_session *s);
#define RH_POP3_SESSION __attribute__((cleanup(rh_pop3_close)))

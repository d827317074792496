/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection made by libcurl, so that certificate and host name are verified by it.
 *
 * With RH_CONN_PLAIN and RH_CONN_TLS nothing has been read when the connection is handed over: the
 * server's greeting comes first. With the STARTTLS modes libcurl has done greeting, STARTTLS and
 * the second EHLO/CAPABILITY/CAPA: the caller continues with a command.
 */
#pragma once

#include "builder/probe/stream.h"
#include "lib/core/err.h"

struct rh_target {
	const char *host;   /* the name that the certificate must have */
	const char *addr;   /* where it is; NULL: HOST itself, which must then be an address */
	const char *cafile; /* NULL: the system's */
	const char *from;   /* local address to come from; NULL: any */
	int timeout_s;	    /* for each single wait */
};

enum rh_conn_mode {
	RH_CONN_PLAIN,
	RH_CONN_TLS,
	RH_CONN_STARTTLS_SMTP,
	RH_CONN_STARTTLS_IMAP,
	RH_CONN_STARTTLS_POP3,
	RH_CONN_TLS_OLD, /* offers TLS 1.1 and below only: must be refused */
};

struct rh_conn;

/* -ECONNREFUSED: nobody listens or the packet filter says no; -ETIMEDOUT; -EKEYREJECTED:
 * certificate or host name do not verify; -EPROTO: TLS or STARTTLS did not come about. */
RH_CHECKED int rh_conn_open(struct rh_conn **ret, const struct rh_target *t, unsigned port,
			    enum rh_conn_mode mode, struct rh_err *err);
struct rh_stream *rh_conn_stream(struct rh_conn *c);
void rh_conn_close(struct rh_conn **c);
#define RH_CONN __attribute__((cleanup(rh_conn_close)))

/* Set host name, address, CA file, source and time limits on any easy handle, also for HTTP. LIST
 * gets the CURLOPT_RESOLVE list, to be freed after the handle. */
struct curl_slist;
typedef void rh_curl; /* libcurl's CURL is void or a struct, by version */
RH_CHECKED int rh_conn_setup(rh_curl *easy, const struct rh_target *t, unsigned port,
			     struct curl_slist **list, struct rh_err *err);

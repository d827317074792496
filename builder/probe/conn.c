/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and TLS through CURLOPT_CONNECT_ONLY.
 *
 * TLS on connect uses the scheme https with ALPN off: a mail server that checks ALPN would refuse
 * "http/1.1", and the schemes imaps and pop3s would swallow the greeting. STARTTLS uses the mail
 * schemes, where libcurl stops after the protocol's own connect phase.
 *
 * Trap: with TLS the kernel's socket may have nothing to read while libcurl holds decrypted bytes;
 * so read first and poll only after CURLE_AGAIN.
 */
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/conn.h"

struct rh_conn {
	CURL *easy;
	struct curl_slist *resolve;
	char *url;
	int timeout_ms;
	char text[CURL_ERROR_SIZE];
	struct rh_stream stream;
};

static int curl_errno(CURLcode c)
{
	switch (c) {
	case CURLE_COULDNT_CONNECT:
		return ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return EKEYREJECTED;
	case CURLE_COULDNT_RESOLVE_HOST:
		return EHOSTUNREACH;
	default:
		return EPROTO;
	}
}

static int wait_socket(struct rh_conn *c, short events, struct rh_err *err)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) || fd == CURL_SOCKET_BAD)
		return rh_err_set(err, ENOTCONN, "the connection is gone");
	struct pollfd p = {.fd = fd, .events = events};
	int r;
	do
		r = poll(&p, 1, c->timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return rh_err_errno(err, errno, "poll");
	if (r == 0)
		return rh_err_set(err, ETIMEDOUT, "no answer within %d s", c->timeout_ms / 1000);
	return 0;
}

static ssize_t conn_recv(void *arg, void *buf, size_t n, struct rh_err *err)
{
	struct rh_conn *c = arg;

	for (;;) {
		size_t got = 0;
		CURLcode r = curl_easy_recv(c->easy, buf, n, &got);
		if (r == CURLE_OK)
			return (ssize_t)got;
		if (r != CURLE_AGAIN)
			return rh_err_set(err, EPIPE, "receive: %s", curl_easy_strerror(r));
		int w = wait_socket(c, POLLIN, err);
		if (w < 0)
			return w;
	}
}

static int conn_send(void *arg, const void *data, size_t n, struct rh_err *err)
{
	struct rh_conn *c = arg;
	const char *p = data;

	while (n > 0) {
		size_t sent = 0;
		CURLcode r = curl_easy_send(c->easy, p, n, &sent);
		if (r == CURLE_AGAIN) {
			int w = wait_socket(c, POLLOUT, err);
			if (w < 0)
				return w;
			continue;
		}
		if (r != CURLE_OK)
			return rh_err_set(err, EPIPE, "send: %s", curl_easy_strerror(r));
		p += sent;
		n -= sent;
	}
	return 0;
}

int rh_conn_setup(rh_curl *easy, const struct rh_target *t, unsigned port, struct curl_slist **list,
		  struct rh_err *err)
{
	if (t->addr) {
		RH_FREE char *entry = rh_xasprintf("%s:%u:%s", t->host, port, t->addr);
		*list = curl_slist_append(*list, entry);
		if (!*list)
			return rh_err_errno(err, ENOMEM, "curl_slist_append");
		curl_easy_setopt(easy, CURLOPT_RESOLVE, *list);
	}
	if (t->cafile)
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->cafile);
	if (t->from) {
		RH_FREE char *from = rh_xasprintf("host!%s", t->from);
		curl_easy_setopt(easy, CURLOPT_INTERFACE, from);
	}
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)t->timeout_s);
	return 0;
}

static const char *scheme(enum rh_conn_mode mode)
{
	switch (mode) {
	case RH_CONN_PLAIN:
		return "http";
	case RH_CONN_STARTTLS_SMTP:
		return "smtp";
	case RH_CONN_STARTTLS_IMAP:
		return "imap";
	case RH_CONN_STARTTLS_POP3:
		return "pop3";
	default:
		return "https";
	}
}

static void set_tls(CURL *easy, enum rh_conn_mode mode)
{
	curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	if (mode == RH_CONN_TLS_OLD) {
		/* The library's own policy must not refuse before the server has a chance to. */
		curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");
		curl_easy_setopt(easy, CURLOPT_SSLVERSION,
				 (long)CURL_SSLVERSION_TLSv1_0 | CURL_SSLVERSION_MAX_TLSv1_1);
	} else {
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	}
	if (mode >= RH_CONN_STARTTLS_SMTP && mode <= RH_CONN_STARTTLS_POP3)
		curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
}

int rh_conn_open(struct rh_conn **ret, const struct rh_target *t, unsigned port,
		 enum rh_conn_mode mode, struct rh_err *err)
{
	RH_CONN struct rh_conn *c = rh_xalloc(sizeof *c);

	c->easy = curl_easy_init();
	if (!c->easy)
		return rh_err_errno(err, ENOMEM, "curl_easy_init");
	c->timeout_ms = t->timeout_s * 1000;
	c->url = rh_xasprintf("%s://%s:%u", scheme(mode), t->host, port);
	int r = rh_conn_setup(c->easy, t, port, &c->resolve, err);
	if (r < 0)
		return r;
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->text);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_TIMEOUT, (long)t->timeout_s);
	curl_easy_setopt(c->easy, CURLOPT_URL, c->url);
	set_tls(c->easy, mode);
	CURLcode code = curl_easy_perform(c->easy);
	if (code != CURLE_OK)
		return rh_err_set(err, curl_errno(code), "%s port %u: %s", t->host, port,
				  c->text[0] ? c->text : curl_easy_strerror(code));
	c->stream.recv = conn_recv;
	c->stream.send = conn_send;
	c->stream.arg = c;
	*ret = c;
	c = NULL;
	return 0;
}

struct rh_stream *rh_conn_stream(struct rh_conn *c)
{
	return &c->stream;
}

void rh_conn_close(struct rh_conn **c)
{
	if (!*c)
		return;
	curl_easy_cleanup((*c)->easy);
	curl_slist_free_all((*c)->resolve);
	free((*c)->url);
	free(*c);
	*c = NULL;
}

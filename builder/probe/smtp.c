/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMTP replies and the few commands.
 *
 * A refusal is a result here, not an error: most checks want one.
 */
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/smtp.h"

static int reply(struct rh_smtp *m, struct rh_err *err)
{
	m->text.len = 0;
	for (;;) {
		RH_STR struct rh_str line = {0};
		int r = rh_stream_line(m->s, &line, err);
		if (r < 0)
			return r;
		const char *t = rh_str_text(&line);
		if (line.len < 3 || !isdigit((unsigned char)t[0]) ||
		    !isdigit((unsigned char)t[1]) || !isdigit((unsigned char)t[2]) ||
		    (line.len > 3 && t[3] != ' ' && t[3] != '-'))
			return rh_err_set(err, EBADMSG, "not an SMTP reply: %.200s", t);
		if (m->text.len > RH_LINE_MAX)
			return rh_err_set(err, EMSGSIZE, "an SMTP reply without an end");
		rh_str_addf(&m->text, "%s%s", m->text.len ? "; " : "", t);
		if (line.len == 3 || t[3] == ' ')
			return m->code = atoi(t);
	}
}

int rh_smtp_cmd(struct rh_smtp *m, struct rh_err *err, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return rh_err_errno(err, ENOMEM, "an SMTP command");
	int r = rh_stream_sendf(m->s, err, "%s", text);
	if (r == 0)
		r = reply(m, err);
	return r < 0 ? rh_err_prefix(err, r, "SMTP %.4s", text) : r;
}

int rh_smtp_open(struct rh_smtp *m, const struct rh_target *t, unsigned port,
		 enum rh_conn_mode mode, struct rh_err *err)
{
	*m = (struct rh_smtp){0};
	int r = rh_conn_open(&m->conn, t, port, mode, err);
	if (r < 0)
		return r;
	m->s = rh_conn_stream(m->conn);
	if (mode != RH_CONN_STARTTLS_SMTP) {
		r = reply(m, err);
		if (r >= 0 && r != 220)
			return rh_err_set(err, EBADMSG, "SMTP greeting %s", m->text.data);
	}
	if (r >= 0)
		r = rh_smtp_cmd(m, err, "EHLO probe.invalid");
	if (r >= 0 && r != 250)
		return rh_err_set(err, EBADMSG, "EHLO: %s", m->text.data);
	return r < 0 ? r : 0;
}

void rh_smtp_close(struct rh_smtp *m)
{
	struct rh_err ignored;

	if (m->conn && m->s && rh_smtp_cmd(m, &ignored, "QUIT") < 0)
		m->s = NULL;
	rh_conn_close(&m->conn);
	rh_str_free(&m->text);
}

int rh_smtp_auth(struct rh_smtp *m, const char *user, const char *password, struct rh_err *err)
{
	RH_STR struct rh_str raw = {0};

	rh_str_addf(&raw, "%c%s%c%s", 0, user, 0, password);
	RH_FREE unsigned char *b64 = rh_xalloc(raw.len * 4 / 3 + 8);
	EVP_EncodeBlock(b64, (const unsigned char *)raw.data, (int)raw.len);
	return rh_smtp_cmd(m, err, "AUTH PLAIN %s", (const char *)b64);
}

int rh_smtp_data(struct rh_smtp *m, const char *text, struct rh_err *err)
{
	RH_STR struct rh_str out = {0};
	int r = rh_smtp_cmd(m, err, "DATA");

	if (r != 354)
		return r;
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		if (*p == '.')
			rh_str_addc(&out, '.');
		rh_str_addn(&out, p, n);
		rh_str_add(&out, "\r\n");
		p += n + (p[n] == '\n');
	}
	rh_str_add(&out, ".\r\n");
	r = rh_stream_send(m->s, out.data, out.len, err);
	return r < 0 ? r : reply(m, err);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small buffered reader over a callback.
 *
 * Trap: a line may straddle any number of receives, and a CR may be the last byte of one of them;
 * so the CR is dropped only when the whole line is there.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "builder/probe/stream.h"

static int fill(struct rh_stream *s, struct rh_err *err)
{
	if (s->pos < s->len)
		return 0;
	ssize_t r = s->recv(s->arg, s->buf, sizeof s->buf, err);
	if (r < 0)
		return (int)r;
	if (r == 0)
		return rh_err_set(err, EPIPE, "the server closed the connection");
	s->pos = 0;
	s->len = (size_t)r;
	return 0;
}

int rh_stream_line(struct rh_stream *s, struct rh_str *out, struct rh_err *err)
{
	size_t start = out->len;

	for (;;) {
		int r = fill(s, err);
		if (r < 0)
			return r;
		unsigned char *from = s->buf + s->pos;
		unsigned char *lf = memchr(from, '\n', s->len - s->pos);
		size_t n = lf ? (size_t)(lf - from) : s->len - s->pos;
		if (out->len - start + n > RH_LINE_MAX)
			return rh_err_set(err, EMSGSIZE, "a line of more than %d bytes",
					  RH_LINE_MAX);
		rh_str_addn(out, from, n);
		s->pos += n + (lf != NULL);
		if (!lf)
			continue;
		if (out->len > start && out->data[out->len - 1] == '\r')
			out->data[--out->len] = '\0';
		return 0;
	}
}

int rh_stream_bytes(struct rh_stream *s, struct rh_str *out, size_t n, struct rh_err *err)
{
	while (n > 0) {
		int r = fill(s, err);
		if (r < 0)
			return r;
		size_t m = s->len - s->pos < n ? s->len - s->pos : n;
		rh_str_addn(out, s->buf + s->pos, m);
		s->pos += m;
		n -= m;
	}
	return 0;
}

int rh_stream_send(struct rh_stream *s, const void *data, size_t n, struct rh_err *err)
{
	return s->send(s->arg, data, n, err);
}

int rh_stream_sendf(struct rh_stream *s, struct rh_err *err, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return rh_err_errno(err, ENOMEM, "a command line");
	RH_STR struct rh_str line = {0};
	rh_str_addn(&line, text, (size_t)n);
	rh_str_addn(&line, "\r\n", 2);
	return rh_stream_send(s, line.data, line.len, err);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POP3: one-line answers and dot-stuffed bodies.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/pop3.h"

static int answer(struct rh_pop3 *p, struct rh_err *err)
{
	RH_STR struct rh_str line = {0};
	int r = rh_stream_line(p->s, &line, err);

	if (r < 0)
		return r;
	free(p->status);
	p->status = rh_xstrdup(rh_str_text(&line));
	if (!strncmp(p->status, "+OK", 3))
		return 0;
	if (!strncmp(p->status, "-ERR", 4))
		return rh_err_set(err, EACCES, "refused: %.300s", p->status);
	return rh_err_set(err, EBADMSG, "the server answered \"%.300s\"", p->status);
}

int rh_pop3_start(struct rh_pop3 *p, struct rh_stream *s, struct rh_err *err)
{
	*p = (struct rh_pop3){.s = s};
	int r = answer(p, err);
	return r < 0 ? rh_err_prefix(err, r, "POP3 greeting") : 0;
}

int rh_pop3_cmd(struct rh_pop3 *p, struct rh_err *err, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return rh_err_errno(err, ENOMEM, "a POP3 command");
	int r = rh_stream_sendf(p->s, err, "%s", text);
	if (r == 0)
		r = answer(p, err);
	return r < 0 ? rh_err_prefix(err, r, "POP3 %.*s", (int)strcspn(text, " "), text) : 0;
}

int rh_pop3_body(struct rh_pop3 *p, struct rh_str *out, size_t max, struct rh_err *err)
{
	size_t begin = out->len;

	for (;;) {
		size_t start = out->len;
		int r = rh_stream_line(p->s, out, err);
		if (r < 0)
			return r;
		if (out->len > start && out->data[start] == '.') {
			if (out->len == start + 1) {
				out->data[--out->len] = '\0';
				return 0;
			}
			memmove(out->data + start, out->data + start + 1, out->len - start);
			out->len--;
		}
		rh_str_addc(out, '\n');
		if (out->len - begin > max)
			return rh_err_set(err, EMSGSIZE, "a POP3 answer above %zu bytes", max);
	}
}

int rh_pop3_login(struct rh_pop3 *p, const char *user, const char *password, struct rh_err *err)
{
	int r = rh_pop3_cmd(p, err, "USER %s", user);
	return r < 0 ? r : rh_pop3_cmd(p, err, "PASS %s", password);
}

void rh_pop3_quit(struct rh_pop3 *p)
{
	struct rh_err ignored;

	if (p->s && rh_pop3_cmd(p, &ignored, "QUIT") < 0)
		p->s = NULL;
	free(p->status);
	*p = (struct rh_pop3){0};
}

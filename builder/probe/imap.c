/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IMAP command loop.
 *
 * Whatever a callback says, a command is read to its tagged end, so that the connection stays in
 * step and the caller can go on with the next folder.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/imap.h"

static void keep_status(struct rh_imap *im, const char *text)
{
	free(im->status);
	im->status = rh_xstrdup(text);
}

static bool word(const char *text, const char *w)
{
	size_t n = strlen(w);
	return !strncasecmp(text, w, n) && (text[n] == ' ' || text[n] == '\0');
}

int rh_imap_start(struct rh_imap *im, struct rh_stream *s, struct rh_err *err)
{
	RH_STR struct rh_str raw = {0};

	*im = (struct rh_imap){.s = s};
	int r = rh_imap_read(s, &raw, err);
	if (r < 0)
		return rh_err_prefix(err, r, "IMAP greeting");
	keep_status(im, rh_str_text(&raw));
	if (!word(rh_str_text(&raw), "*") || !word(raw.data + 2, "OK"))
		return rh_err_set(err, EBADMSG, "IMAP greeting \"%.200s\"", rh_str_text(&raw));
	return 0;
}

static int untagged(struct rh_imap *im, const struct rh_str *raw, rh_imap_fn fn, void *arg,
		    struct rh_err *err)
{
	const char *text = raw->data + 2;

	if (word(text, "BYE")) {
		keep_status(im, text);
		return 0;
	}
	if (word(text, "OK") || word(text, "NO") || word(text, "BAD") || word(text, "PREAUTH"))
		return 0;
	if (!fn)
		return 0;
	RH_ARENA struct rh_arena *arena = rh_arena_new();
	struct rh_imap_node *data = NULL;
	int r = rh_imap_parse(arena, raw, 2, &data, err);
	return r < 0 ? r : fn(arg, data, err);
}

static int tagged(struct rh_imap *im, const char *text, struct rh_err *err)
{
	keep_status(im, text);
	if (word(text, "OK"))
		return 0;
	if (word(text, "NO"))
		return rh_err_set(err, EACCES, "refused: %.300s", text);
	return rh_err_set(err, EBADMSG, "the server answered \"%.300s\"", text);
}

static int read_until(struct rh_imap *im, const char *tag, rh_imap_fn fn, void *arg,
		      struct rh_err *err)
{
	int first = 0;

	for (;;) {
		RH_STR struct rh_str raw = {0};
		int r = rh_imap_read(im->s, &raw, err);
		if (r == -EPIPE && im->status && word(im->status, "BYE"))
			return rh_err_set(err, EPIPE, "the server said %.300s", im->status);
		if (r < 0)
			return r;
		const char *text = rh_str_text(&raw);
		size_t n = strlen(tag);
		if (!strncmp(text, tag, n) && text[n] == ' ') {
			r = first < 0 ? 0 : tagged(im, text + n + 1, err);
			return first < 0 ? first : r;
		}
		if (!strcmp(text, "+") || !strncmp(text, "+ ", 2))
			return rh_err_set(err, EBADMSG, "an unexpected continuation request");
		if (strncmp(text, "* ", 2) != 0)
			return rh_err_set(err, EBADMSG, "an unexpected line \"%.200s\"", text);
		/* Only the first error's text is kept. */
		r = untagged(im, &raw, fn, arg, first < 0 ? NULL : err);
		if (r < 0 && first == 0)
			first = r;
	}
}

int rh_imap_cmd(struct rh_imap *im, rh_imap_fn fn, void *arg, struct rh_err *err, const char *fmt,
		...)
{
	RH_FREE char *text = NULL;
	RH_FREE char *tag = rh_xasprintf("a%u", ++im->tag);
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return rh_err_errno(err, ENOMEM, "an IMAP command");
	int r = rh_stream_sendf(im->s, err, "%s %s", tag, text);
	if (r == 0)
		r = read_until(im, tag, fn, arg, err);
	/* Never the arguments: they may be a password. */
	return r < 0 ? rh_err_prefix(err, r, "IMAP %.*s", (int)strcspn(text, " "), text) : 0;
}

void rh_imap_quote(struct rh_str *out, const char *text)
{
	rh_str_addc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			rh_str_addc(out, '\\');
		rh_str_addc(out, *text);
	}
	rh_str_addc(out, '"');
}

int rh_imap_login(struct rh_imap *im, const char *user, const char *password, struct rh_err *err)
{
	RH_STR struct rh_str args = {0};

	rh_imap_quote(&args, user);
	rh_str_addc(&args, ' ');
	rh_imap_quote(&args, password);
	return rh_imap_cmd(im, NULL, NULL, err, "LOGIN %s", args.data);
}

int rh_imap_append(struct rh_imap *im, const char *mailbox, const char *data, size_t n,
		   struct rh_err *err)
{
	RH_STR struct rh_str name = {0};
	RH_STR struct rh_str answer = {0};
	RH_FREE char *tag = rh_xasprintf("a%u", ++im->tag);

	rh_imap_quote(&name, mailbox);
	int r = rh_stream_sendf(im->s, err, "%s APPEND %s {%zu}", tag, name.data, n);
	if (r == 0)
		r = rh_imap_read(im->s, &answer, err);
	if (r == 0 && strncmp(rh_str_text(&answer), "+", 1) != 0)
		r = rh_err_set(err, EACCES, "refused: %.200s", rh_str_text(&answer));
	if (r == 0)
		r = rh_stream_send(im->s, data, n, err);
	if (r == 0)
		r = rh_stream_send(im->s, "\r\n", 2, err);
	if (r == 0)
		r = read_until(im, tag, NULL, NULL, err);
	return r < 0 ? rh_err_prefix(err, r, "IMAP APPEND") : 0;
}

void rh_imap_logout(struct rh_imap *im)
{
	struct rh_err ignored;

	if (im->s && rh_imap_cmd(im, NULL, NULL, &ignored, "LOGOUT") < 0)
		im->tag = 0; /* it is closed anyway */
	free(im->status);
	*im = (struct rh_imap){0};
}

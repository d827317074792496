/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe roundcube: a user reads mail in the browser.
 *
 * Login page, its token, login with the old password, the list of a mailbox, one message opened and
 * its subject found on the page, logout. Roundcube keeps all state in a cookie and in the request
 * token of the page. Opening a message by _action=show marks it \Seen: run after compare.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/cmd.h"
#include "builder/probe/expect.h"
#include "builder/probe/http.h"
#include "builder/probe/session.h"
#include "builder/probe/subject.h"

struct visit {
	struct rh_http *http;
	const char *user, *password, *mailbox;
	unsigned want; /* UID that was asked for; 0: choose one */
	int64_t uid;
	char *subject;
	bool japanese; /* the chosen subject is not ASCII */
	char *token;   /* of the session, after login */
};

/* --- which message, and what it is called --- */

static int on_subject(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct visit *v = arg;
	RH_STR struct rh_str text = {0};

	(void)err;
	if (!d || !rh_imap_is(d->next, "FETCH"))
		return 0;
	const struct rh_imap_node *h = rh_imap_pair(d->next->next, "BODY[HEADER.FIELDS (SUBJECT)]");
	int64_t uid = rh_imap_number(rh_imap_pair(d->next->next, "UID"));
	if (!h || uid <= 0 || strncasecmp(h->text, "Subject:", 8) != 0)
		return 0;
	if (rh_subject_decode(h->text + 8, &text) < 0 || text.len < 3)
		return 0;
	bool japanese = false;
	for (size_t i = 0; i < text.len; i++)
		japanese |= (unsigned char)text.data[i] > 0x7e;
	if (v->subject && v->japanese && !japanese)
		return 0;
	free(v->subject);
	v->subject = rh_xstrdup(text.data);
	v->japanese = japanese;
	v->uid = uid;
	return 0;
}

/* The wanted message, or the last one with a Japanese subject, or the last one. */
static int pick_message(const struct rh_target *t, unsigned port, struct visit *v,
			struct rh_err *err)
{
	RH_IMAP_SESSION struct rh_imap_session s = {0};
	RH_STR struct rh_str name = {0};
	int r = rh_imap_open(&s, t, port, RH_CONN_TLS, err);

	rh_imap_quote(&name, v->mailbox);
	if (r == 0)
		r = rh_imap_login(&s.im, v->user, v->password, err);
	if (r == 0)
		r = rh_imap_cmd(&s.im, NULL, NULL, err, "EXAMINE %s", name.data);
	RH_FREE char *set = v->want ? rh_xasprintf("%u", v->want) : rh_xstrdup("1:*");
	if (r == 0)
		r = rh_imap_cmd(&s.im, on_subject, v, err,
				"UID FETCH %s (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])", set);
	if (r == 0 && !v->subject)
		r = rh_err_set(err, ENOENT, "%s has no message with a subject that can be read",
			       v->mailbox);
	return r;
}

/* --- the pages --- */

static bool login(struct visit *v)
{
	struct rh_err err = {0};
	RH_STR struct rh_str form = {0};
	int r = rh_http_get(v->http, "", NULL, NULL, &err);
	RH_FREE char *token = r == 200 ? rh_html_field(rh_http_body(v->http), "_token") : NULL;

	rh_cmd_check("roundcube-page", token != NULL, "login page: %s",
		     r < 0	? err.text
		     : r != 200 ? rh_http_headers(v->http)
		     : token	? "there"
				: "it has no token");
	if (!token)
		return false;
	rh_http_field(v->http, &form, "_token", token);
	rh_http_field(v->http, &form, "_task", "login");
	rh_http_field(v->http, &form, "_action", "login");
	rh_http_field(v->http, &form, "_timezone", "Asia/Tokyo");
	rh_http_field(v->http, &form, "_url", "");
	rh_http_field(v->http, &form, "_user", v->user);
	rh_http_field(v->http, &form, "_pass", v->password);
	r = rh_http_get(v->http, "?_task=login", form.data, NULL, &err);
	const char *body = rh_http_body(v->http), *at = strstr(body, "\"request_token\":\"");
	bool in = r == 200 && strstr(rh_http_url(v->http), "_task=mail") && at;
	if (in)
		v->token = rh_xasprintf("%.*s", (int)strcspn(at + 17, "\""), at + 17);
	rh_cmd_check("roundcube-login", in, "login as %s: %s%d", v->user, r < 0 ? err.text : "",
		     r < 0 ? 0 : r);
	return in;
}

static bool list(struct visit *v)
{
	struct rh_err err = {0};
	RH_STR struct rh_str query = {0};
	RH_FREE char *header = rh_xasprintf("X-Roundcube-Request: %s", v->token);

	rh_http_field(v->http, &query, "_mbox", v->mailbox);
	RH_FREE char *path =
	    rh_xasprintf("?_task=mail&_action=list&_remote=1&_refresh=1&%s", query.data);
	int r = rh_http_get(v->http, path, NULL, header, &err);
	unsigned rows = 0;
	for (const char *p = r == 200 ? rh_http_body(v->http) : "";
	     (p = strstr(p, "add_message_row(")); p++)
		rows++;
	rh_cmd_check("roundcube-list", rows > 0, "%s lists %u messages%s%s", v->mailbox, rows,
		     r < 0 ? ": " : "", r < 0 ? err.text : "");
	return rows > 0;
}

static void fold(const char *s, struct rh_str *out)
{
	for (; *s; s++)
		if (!strchr(" \t\r\n", *s))
			rh_str_addc(out, *s);
}

/* White space is left out on both sides: pages fold it. */
static bool page_has(const char *html, const char *text)
{
	RH_STR struct rh_str plain = {0};
	RH_STR struct rh_str page = {0};
	RH_STR struct rh_str want = {0};

	rh_html_text(html, &plain);
	fold(rh_str_text(&plain), &page);
	fold(text, &want);
	return want.len > 0 && strstr(rh_str_text(&page), want.data);
}

static void open_message(struct visit *v, const char *expect_text)
{
	struct rh_err err = {0};
	RH_STR struct rh_str query = {0};

	rh_http_field(v->http, &query, "_mbox", v->mailbox);
	RH_FREE char *path =
	    rh_xasprintf("?_task=mail&_action=show&_uid=%lld&%s", (long long)v->uid, query.data);
	int r = rh_http_get(v->http, path, NULL, NULL, &err);
	const char *body = r == 200 ? rh_http_body(v->http) : "";
	rh_cmd_check("roundcube-open", page_has(body, v->subject), "UID %lld: \"%s\" %s",
		     (long long)v->uid, v->subject,
		     r < 0			  ? err.text
		     : page_has(body, v->subject) ? "is shown"
						  : "is not shown");
	if (expect_text)
		rh_cmd_check("roundcube-text", page_has(body, expect_text), "UID %lld: \"%s\"",
			     (long long)v->uid, expect_text);
}

static void logout(struct visit *v)
{
	struct rh_err err = {0};
	RH_STR struct rh_str query = {0};

	rh_http_field(v->http, &query, "_token", v->token);
	RH_FREE char *path = rh_xasprintf("?_task=logout&%s", query.data);
	int r = rh_http_get(v->http, path, NULL, NULL, &err);
	/* A page of the session must now be the login page. */
	if (r >= 0)
		r = rh_http_get(v->http, "?_task=mail", NULL, NULL, &err);
	RH_FREE char *field = r < 0 ? NULL : rh_html_field(rh_http_body(v->http), "_pass");
	bool out = field || (r >= 0 && strstr(rh_http_body(v->http), "_pass"));
	rh_cmd_check("roundcube-logout", out, "%s", r < 0 ? err.text : out ? "done" : "still in");
}

static int run(int argc, char **argv)
{
	const char *base = NULL, *file = NULL, *subject = NULL, *text = NULL, *expect = NULL;
	struct visit v = {.mailbox = "INBOX"};
	unsigned uid = 0, imap_port = 993;
	struct rh_target t = {0};
	struct rh_err err = {0};
	RH_EXPECT struct rh_expect x = {0};
	RH_FREE char *password = NULL;
	const struct rh_opt opts[] = {{.name = "base", .str = &base, .required = true},
				      {.name = "user", .str = &v.user, .required = true},
				      {.name = "password-file", .str = &file},
				      {.name = "expect", .str = &expect},
				      {.name = "mailbox", .str = &v.mailbox},
				      {.name = "uid", .num = &uid},
				      {.name = "expect-subject", .str = &subject},
				      {.name = "expect-text", .str = &text},
				      {.name = "imap-port", .num = &imap_port},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if ((!file && !expect) || !t.host || (subject && !uid)) {
		fprintf(stderr, "rh-probe roundcube: --host, --password-file or --expect, and with "
				"--expect-subject --uid\n");
		return RH_EXIT_USAGE;
	}
	int r = file ? rh_cmd_password(file, &password, &err) : rh_accounts_load(expect, &x, &err);
	const struct rh_account *a = rh_expect_find(&x, v.user);
	v.password = password ? password : a ? a->password : NULL;
	v.uid = v.want = uid;
	v.subject = subject ? rh_xstrdup(subject) : NULL;
	if (r == 0 && !v.password)
		r = rh_err_set(&err, ENOENT, "no password is known for %s", v.user);
	if (r == 0 && !subject)
		r = pick_message(&t, imap_port, &v, &err);
	if (r == 0)
		r = rh_http_open(&v.http, &t, base, &err);
	if (r == 0 && login(&v)) {
		if (list(&v))
			open_message(&v, text);
		logout(&v);
	}
	rh_http_close(&v.http);
	free(v.subject);
	free(v.token);
	return r < 0 ? rh_cmd_broken(&err) : rh_cmd_status();
}

const struct rh_verb rh_verb_roundcube = {
    "roundcube",
    "--base URL --user U --password-file F|--expect FILE [--mailbox M] [--uid N] "
    "[--expect-subject S] [--expect-text T]",
    "a user reads a message in Roundcube; run it after compare", run};

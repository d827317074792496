/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe tls, cleartext, closed: what a port does before anybody has logged in.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/cmd.h"
#include "builder/probe/session.h"
#include "builder/probe/smtp.h"

/* --- tls --- */

static int starttls_mode(const char *proto)
{
	if (!proto)
		return RH_CONN_TLS;
	if (!strcmp(proto, "smtp"))
		return RH_CONN_STARTTLS_SMTP;
	if (!strcmp(proto, "imap"))
		return RH_CONN_STARTTLS_IMAP;
	if (!strcmp(proto, "pop3"))
		return RH_CONN_STARTTLS_POP3;
	return -1;
}

static int run_tls(int argc, char **argv)
{
	const char *starttls = NULL;
	unsigned port = 0;
	struct rh_target t = {0};
	struct rh_err err = {0};
	const struct rh_opt opts[] = {{.name = "port", .num = &port, .required = true},
				      {.name = "starttls", .str = &starttls},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	int mode = starttls_mode(starttls);
	if (mode < 0 || !t.host) {
		fprintf(stderr, "rh-probe tls: --host and --starttls smtp, imap or pop3\n");
		return RH_EXIT_USAGE;
	}
	RH_FREE char *name = rh_xasprintf("tls %u", port);
	RH_FREE char *old = rh_xasprintf("tls-old %u", port);
	RH_CONN struct rh_conn *c = NULL;
	int r = rh_conn_open(&c, &t, port, (enum rh_conn_mode)mode, &err);
	rh_cmd_check(name, r == 0, "%s",
		     r == 0 ? "certificate and name verify, TLS 1.2 or newer" : err.text);
	if (r < 0 || mode != RH_CONN_TLS)
		return rh_cmd_status();
	rh_conn_close(&c);
	/* That the port answers at all has just been seen, so a failure here is a refusal. */
	r = rh_conn_open(&c, &t, port, RH_CONN_TLS_OLD, &err);
	rh_cmd_check(old, r == -EPROTO, "%s", r == 0 ? "TLS 1.1 or older is accepted" : err.text);
	return rh_cmd_status();
}

const struct rh_verb rh_verb_tls = {"tls", "--port PORT [--starttls smtp|imap|pop3]",
				    "certificate verifies, TLS 1.2 or newer", run_tls};

/* --- cleartext --- */

/* What a client would send if it did not care; the account need not exist, because the server must
 * refuse before it looks. */
#define SOMEBODY  "postmaster@example.org"
#define SOMETHING "cGFzc3dvcmQ="

struct caps {
	bool plain, login_disabled;
};

static int on_capability(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct caps *c = arg;

	(void)err;
	if (!rh_imap_is(d, "CAPABILITY"))
		return 0;
	for (const struct rh_imap_node *n = d; n; n = n->next) {
		c->plain |= !strncasecmp(n->text, "AUTH=", 5);
		c->login_disabled |= rh_imap_is(n, "LOGINDISABLED");
	}
	return 0;
}

static int clear_imap(const struct rh_target *t, unsigned port, struct rh_err *err)
{
	RH_IMAP_SESSION struct rh_imap_session s = {0};
	struct rh_err e = {0};
	struct caps caps = {0};
	int r = rh_imap_open(&s, t, port, RH_CONN_PLAIN, err);

	if (r == 0)
		r = rh_imap_cmd(&s.im, on_capability, &caps, err, "CAPABILITY");
	if (r < 0)
		return r;
	rh_cmd_check("cleartext-imap-offer", !caps.plain && caps.login_disabled,
		     "AUTH= %soffered, LOGINDISABLED %ssaid", caps.plain ? "" : "not ",
		     caps.login_disabled ? "" : "not ");
	r = rh_imap_login(&s.im, SOMEBODY, SOMETHING, &e);
	/* A wrong password is refused too: the reason must be the missing TLS. */
	bool ok = r == -EPIPE || (r < 0 && s.im.status && strstr(s.im.status, "PRIVACYREQUIRED"));
	rh_cmd_check("cleartext-imap-login", ok, "LOGIN: %s", r == 0 ? "accepted" : e.text);
	return 0;
}

/* Does a "-ERR" say that it was the lack of TLS? */
static bool for_tls(const char *text)
{
	return text && (strcasestr(text, "tls") || strcasestr(text, "ssl") ||
			strcasestr(text, "secure") || strcasestr(text, "plaintext") ||
			strcasestr(text, "cleartext") || strcasestr(text, "unknown command"));
}

static int clear_pop3(const struct rh_target *t, unsigned port, struct rh_err *err)
{
	RH_POP3_SESSION struct rh_pop3_session s = {0};
	RH_STR struct rh_str caps = {0};
	struct rh_err e = {0};
	int r = rh_pop3_open(&s, t, port, RH_CONN_PLAIN, err);

	if (r == 0)
		r = rh_pop3_cmd(&s.pop, err, "CAPA");
	if (r == 0)
		r = rh_pop3_body(&s.pop, &caps, 65536, err);
	if (r < 0)
		return r;
	RH_FREE char *lines = rh_xasprintf("\n%s", rh_str_text(&caps));
	bool offered = strcasestr(lines, "\nUSER") != NULL;
	for (const char *p = lines; (p = strcasestr(p, "\nSASL")); p++)
		offered |= p[5] == ' ' && p[6] != '\n';
	rh_cmd_check("cleartext-pop3-offer", !offered, "USER and SASL %soffered",
		     offered ? "" : "not ");
	r = rh_pop3_cmd(&s.pop, &e, "USER %s", SOMEBODY);
	if (r == 0)
		r = rh_pop3_cmd(&s.pop, &e, "PASS %s", SOMETHING);
	rh_cmd_check("cleartext-pop3-login", r == -EPIPE || (r == -EACCES && for_tls(s.pop.status)),
		     "USER/PASS: %s", r == 0 ? "accepted" : e.text);
	return 0;
}

static int clear_smtp(const struct rh_target *t, unsigned port, struct rh_err *err)
{
	RH_SMTP struct rh_smtp m = {0};
	int r = rh_smtp_open(&m, t, port, RH_CONN_PLAIN, err);

	if (r < 0)
		return r;
	/* "250-AUTH PLAIN" and the older "250-AUTH=PLAIN" */
	const char *text = rh_str_text(&m.text);
	bool offered = strcasestr(text, "-AUTH") || strcasestr(text, "250 AUTH");
	rh_cmd_check("cleartext-smtp-offer", !offered, "AUTH %soffered before STARTTLS",
		     offered ? "" : "not ");
	r = rh_smtp_auth(&m, SOMEBODY, SOMETHING, err);
	if (r < 0 && r != -EPIPE)
		return r;
	/* 535 would mean that the password was looked at. */
	rh_cmd_check("cleartext-smtp-auth", r >= 500 && r != 535, "AUTH: %s", rh_str_text(&m.text));
	return 0;
}

static int run_cleartext(int argc, char **argv)
{
	const char *proto = NULL;
	unsigned port = 0;
	struct rh_target t = {0};
	struct rh_err err = {0};
	int r;
	const struct rh_opt opts[] = {{.name = "port", .num = &port, .required = true},
				      {.name = "proto", .str = &proto, .required = true},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if (t.host && !strcmp(proto, "imap")) {
		r = clear_imap(&t, port, &err);
	} else if (t.host && !strcmp(proto, "pop3")) {
		r = clear_pop3(&t, port, &err);
	} else if (t.host && !strcmp(proto, "smtp")) {
		r = clear_smtp(&t, port, &err);
	} else {
		fprintf(stderr, "rh-probe cleartext: --host and --proto imap, pop3 or smtp\n");
		return RH_EXIT_USAGE;
	}
	if (r == -ECONNREFUSED || r == -ETIMEDOUT) {
		RH_FREE char *name = rh_xasprintf("cleartext-%s", proto);
		rh_cmd_check(name, true, "the port is closed: %s", err.text);
		return rh_cmd_status();
	}
	return r < 0 ? rh_cmd_broken(&err) : rh_cmd_status();
}

const struct rh_verb rh_verb_cleartext = {"cleartext", "--port PORT --proto imap|pop3|smtp",
					  "no login without TLS", run_cleartext};

/* --- closed --- */

static int run_closed(int argc, char **argv)
{
	unsigned port = 0;
	struct rh_target t = {0};
	struct rh_err err = {0};
	const struct rh_opt opts[] = {{.name = "port", .num = &port, .required = true}, {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if (!t.host) {
		fprintf(stderr, "rh-probe closed: --host or --addr is missing\n");
		return RH_EXIT_USAGE;
	}
	RH_FREE char *name = rh_xasprintf("closed %u", port);
	RH_CONN struct rh_conn *c = NULL;
	int r = rh_conn_open(&c, &t, port, RH_CONN_PLAIN, &err);
	rh_cmd_check(name, r == -ECONNREFUSED || r == -ETIMEDOUT, "%s",
		     r == 0 ? "a connection was accepted" : err.text);
	return rh_cmd_status();
}

const struct rh_verb rh_verb_closed = {"closed", "--port PORT [--from ADDRESS]",
				       "no connection from there", run_closed};

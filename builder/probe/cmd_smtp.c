/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe submit, relay, auth-required.
 *
 * Submit changes B's mailbox: it runs after compare. Its message has the subject "rehome-probe
 * TOKEN" and stays where it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "builder/probe/cmd.h"
#include "builder/probe/expect.h"
#include "builder/probe/session.h"
#include "builder/probe/smtp.h"
#include "lib/core/file.h"

static void digest(const char *text, size_t n, char hex[65])
{
	struct rh_canon c;

	rh_canon_begin(&c);
	rh_canon_add(&c, text, n);
	rh_canon_end(&c, hex);
}

/* --- submit --- */

/* Dots, long lines, 8 bit and trailing spaces: what a wrong path damages. */
static const char BODY[] =
    ".\n..two dots\nFrom the start of a line\n"
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe6\x9c\xac\xe6\x96\x87\n"
    "trailing spaces   \n\nend\n";

struct found {
	char digest[65];
	bool any;
};

static int on_found(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct found *f = arg;

	(void)err;
	if (!d || !rh_imap_is(d->next, "FETCH"))
		return 0;
	const struct rh_imap_node *b = rh_imap_pair(d->next->next, "BODY[TEXT]");
	if (b && b->type == RH_IMAP_STRING) {
		f->any = true;
		digest(b->text, b->len, f->digest);
	}
	return 0;
}

struct submit {
	const char *user, *password, *from, *to, *to_password;
	unsigned port, imap_port;
	char token[17];
};

static int search_uid(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	(void)err;
	if (rh_imap_is(d, "SEARCH") && d->next)
		*(int64_t *)arg = rh_imap_number(d->next);
	return 0;
}

static int look(const struct rh_target *t, const struct submit *s, struct found *f,
		struct rh_err *err)
{
	RH_IMAP_SESSION struct rh_imap_session im = {0};
	int64_t uid = 0;
	int r = rh_imap_open(&im, t, s->imap_port, RH_CONN_TLS, err);

	if (r == 0)
		r = rh_imap_login(&im.im, s->to, s->to_password, err);
	if (r == 0)
		r = rh_imap_cmd(&im.im, NULL, NULL, err, "EXAMINE INBOX");
	if (r == 0)
		r = rh_imap_cmd(&im.im, search_uid, &uid, err, "UID SEARCH HEADER SUBJECT \"%s\"",
				s->token);
	if (r == 0 && uid > 0)
		r = rh_imap_cmd(&im.im, on_found, f, err, "UID FETCH %lld (BODY.PEEK[TEXT])",
				(long long)uid);
	return r;
}

static int send_it(const struct rh_target *t, const struct submit *s, struct rh_err *err)
{
	RH_SMTP struct rh_smtp m = {0};
	enum rh_conn_mode mode = s->port == 465 ? RH_CONN_TLS : RH_CONN_STARTTLS_SMTP;
	int r = rh_smtp_open(&m, t, s->port, mode, err);

	if (r < 0)
		return r;
	r = rh_smtp_auth(&m, s->user, s->password, err);
	rh_cmd_check("submit-auth", r == 235, "AUTH as %s: %s", s->user,
		     r < 0 ? err->text : rh_str_text(&m.text));
	if (r != 235)
		return -EACCES;
	RH_FREE char *text = rh_xasprintf(
	    "From: <%s>\nTo: <%s>\nSubject: rehome-probe %s\nMessage-ID: <%s@probe.invalid>\n"
	    "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
	    "Content-Transfer-Encoding: 8bit\n\n%s",
	    s->from, s->to, s->token, s->token, BODY);
	r = rh_smtp_cmd(&m, err, "MAIL FROM:<%s> BODY=8BITMIME", s->from);
	if (r == 250)
		r = rh_smtp_cmd(&m, err, "RCPT TO:<%s>", s->to);
	if (r == 250)
		r = rh_smtp_data(&m, text, err);
	rh_cmd_check("submit-accepted", r == 250, "%s", r < 0 ? err->text : rh_str_text(&m.text));
	return r == 250 ? 0 : -EACCES;
}

static void submit(const struct rh_target *t, struct submit *s)
{
	struct rh_err err = {0};
	struct found f = {0};
	char want[65];
	time_t start = time(NULL);
	int r = rh_random_text(s->token, 16, &err);

	if (r == 0)
		r = send_it(t, s, &err);
	if (r == -EACCES) /* told already */
		return;
	while (r == 0 && !f.any && time(NULL) - start < t->timeout_s) {
		r = look(t, s, &f, &err);
		if (r == 0 && !f.any)
			nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	}
	digest(BODY, strlen(BODY), want);
	rh_cmd_check("submit-delivered", f.any, "in the mailbox of %s after %ld s%s%s", s->to,
		     (long)(time(NULL) - start), f.any ? "" : ": not found ",
		     r < 0 ? err.text : "");
	if (f.any)
		rh_cmd_check("submit-intact", !strcmp(want, f.digest), "body %.16s, sent %.16s",
			     f.digest, want);
}

static int run_submit(int argc, char **argv)
{
	const char *file = NULL, *to_file = NULL, *expect = NULL;
	struct submit s = {.imap_port = 993};
	struct rh_target t = {0};
	struct rh_err err = {0};
	RH_EXPECT struct rh_expect x = {0};
	RH_FREE char *password = NULL;
	RH_FREE char *to_password = NULL;
	const struct rh_opt opts[] = {{.name = "port", .num = &s.port, .required = true},
				      {.name = "user", .str = &s.user, .required = true},
				      {.name = "password-file", .str = &file},
				      {.name = "from-addr", .str = &s.from, .required = true},
				      {.name = "to", .str = &s.to, .required = true},
				      {.name = "to-password-file", .str = &to_file},
				      {.name = "expect", .str = &expect},
				      {.name = "imap-port", .num = &s.imap_port},
				      {0}};
	int r = 0;

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if ((!file || !to_file) && !expect) {
		fprintf(stderr, "rh-probe submit: both password files, or --expect, are needed\n");
		return RH_EXIT_USAGE;
	}
	if (expect)
		r = rh_accounts_load(expect, &x, &err);
	if (r == 0 && file)
		r = rh_cmd_password(file, &password, &err);
	if (r == 0 && to_file)
		r = rh_cmd_password(to_file, &to_password, &err);
	if (r < 0)
		return rh_cmd_broken(&err);
	const struct rh_account *a = rh_expect_find(&x, s.user), *b = rh_expect_find(&x, s.to);
	s.password = password ? password : a ? a->password : NULL;
	s.to_password = to_password ? to_password : b ? b->password : NULL;
	if (!s.password || !s.to_password) {
		rh_err_set(&err, ENOENT, "no password is known for %s", s.password ? s.to : s.user);
		return rh_cmd_broken(&err);
	}
	submit(&t, &s);
	return rh_cmd_status();
}

const struct rh_verb rh_verb_submit = {
    "submit",
    "--port 465|587 --user U [--password-file F] --from-addr A --to B [--to-password-file F] "
    "[--expect FILE] [--imap-port PORT]",
    "authenticated submission arrives; run it after compare", run_submit};

/* --- relay --- */

/* Refused by 5xx at RCPT, or at MAIL before it. */
static void relay_one(const struct rh_target *t, unsigned port, const char *from, const char *to)
{
	RH_SMTP struct rh_smtp m = {0};
	struct rh_err err = {0};
	RH_FREE char *name = rh_xasprintf("relay %s", to);
	int r = rh_smtp_open(&m, t, port, RH_CONN_PLAIN, &err);

	if (r == 0)
		r = rh_smtp_cmd(&m, &err, "MAIL FROM:<%s>", from);
	if (r == 250)
		r = rh_smtp_cmd(&m, &err, "RCPT TO:<%s>", to);
	rh_cmd_check(name, r >= 500 && r < 600, "from <%s>: %s", from,
		     r < 0 ? err.text : rh_str_text(&m.text));
}

static int run_relay(int argc, char **argv)
{
	unsigned port = 25;
	const char *domain = NULL;
	struct rh_target t = {0};
	const struct rh_opt opts[] = {{.name = "port", .num = &port},
				      {.name = "domain", .str = &domain, .required = true},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if (!t.host) {
		fprintf(stderr, "rh-probe relay: --host or --addr is missing\n");
		return RH_EXIT_USAGE;
	}
	RH_FREE char *own = rh_xasprintf("postmaster@%s", domain);
	RH_FREE char *percent = rh_xasprintf("victim%%outside.example@%s", domain);
	RH_FREE char *bang = rh_xasprintf("outside.example!victim@%s", domain);
	RH_FREE char *route = rh_xasprintf("@%s:victim@outside.example", domain);
	RH_FREE char *quoted = rh_xasprintf("\"victim@outside.example\"@%s", domain);
	RH_FREE char *literal = rh_xasprintf("victim@[192.0.2.99]");
	const char *const to[] = {"victim@outside.example", percent, bang, route, quoted, literal};
	for (size_t i = 0; i < sizeof to / sizeof *to; i++)
		relay_one(&t, port, "stranger@elsewhere.example", to[i]);
	relay_one(&t, port, own, "victim@outside.example");
	relay_one(&t, port, "", "victim@outside.example");
	return rh_cmd_status();
}

const struct rh_verb rh_verb_relay = {"relay", "--domain OURS [--port 25]",
				      "no relaying without authentication", run_relay};

/* --- auth-required --- */

static int run_auth_required(int argc, char **argv)
{
	unsigned port = 0;
	struct rh_target t = {0};
	struct rh_err err = {0};
	const char *from = "postmaster@example.org", *to = "postmaster@example.org";
	const struct rh_opt opts[] = {{.name = "port", .num = &port, .required = true},
				      {.name = "from-addr", .str = &from},
				      {.name = "to", .str = &to},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	RH_SMTP struct rh_smtp m = {0};
	RH_FREE char *name = rh_xasprintf("auth-required %u", port);
	int r = rh_smtp_open(&m, &t, port, port == 465 ? RH_CONN_TLS : RH_CONN_STARTTLS_SMTP, &err);
	if (r < 0)
		return rh_cmd_broken(&err);
	r = rh_smtp_cmd(&m, &err, "MAIL FROM:<%s>", from);
	/* Postfix refuses at RCPT by default (smtpd_delay_reject). */
	if (r == 250)
		r = rh_smtp_cmd(&m, &err, "RCPT TO:<%s>", to);
	rh_cmd_check(name, r >= 500 && r < 600, "MAIL and RCPT without AUTH: %s",
		     r < 0 ? err.text : rh_str_text(&m.text));
	return rh_cmd_status();
}

const struct rh_verb rh_verb_auth_required = {
    "auth-required", "--port 587|465 [--from-addr A] [--to B]",
    "submission refuses who is not logged in", run_auth_required};

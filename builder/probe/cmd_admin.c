/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe postfixadmin, http-redirect.
 *
 * PostfixAdmin's list has pages (10 rows by default) and shows "USED / QUOTA" in a div of class
 * quota_text for accounts that have a quota.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/cmd.h"
#include "builder/probe/expect.h"
#include "builder/probe/http.h"

/* An account with less is not expected to show more than 0.00. */
#define QUOTA_SEEN_FROM (64 * 1024)
#define PAGES_MAX	1000

static bool admin_login(struct rh_http *h, const char *user, const char *password)
{
	struct rh_err err = {0};
	RH_STR struct rh_str form = {0};
	int r = rh_http_get(h, "login.php", NULL, NULL, &err);
	RH_FREE char *token = r == 200 ? rh_html_field(rh_http_body(h), "token") : NULL;

	rh_cmd_check("postfixadmin-page", token != NULL, "login page: %s",
		     r < 0   ? err.text
		     : token ? "there"
			     : "not there or without a token");
	if (!token)
		return false;
	rh_http_field(h, &form, "token", token);
	rh_http_field(h, &form, "fUsername", user);
	rh_http_field(h, &form, "fPassword", password);
	rh_http_field(h, &form, "lang", "en");
	rh_http_field(h, &form, "submit", "Login");
	r = rh_http_get(h, "login.php", form.data, NULL, &err);
	bool in = r == 200 && strstr(rh_http_url(h), "main.php");
	rh_cmd_check("postfixadmin-login", in, "as %s: %s%s", user, r < 0 ? err.text : "at ",
		     r < 0 ? "" : rh_http_url(h));
	return in;
}

/* The used figure in the row of USER on this page: >= 0; -1 when the row shows none; -2 when there
 * is no row. */
static double used_of(const char *html, const char *user)
{
	size_t n = strlen(user);

	for (const char *p = html; (p = strstr(p, user)); p += n) {
		const char *q = p + n + strspn(p + n, " \t\r\n");
		/* Its own cell: nothing else between the name and </td>, and white space before. */
		if (strncmp(q, "</td>", 5) != 0 || !strchr(" \t\n>", p[-1]))
			continue;
		const char *end = strstr(q, "</tr>");
		const char *t = strstr(q, "quota_text");
		if (!t || (end && t > end) || !(t = strchr(t, '>')))
			return -1;
		return strtod(t + 1, NULL);
	}
	return -2;
}

struct page_state {
	size_t listed, with_mail, shown, positive;
	struct rh_str missing, zero;
};

static int64_t bytes_of(const struct rh_account *a)
{
	int64_t n = 0;

	for (size_t i = 0; i < a->n_folders; i++)
		for (size_t j = 0; j < a->folders[i].n; j++)
			n += (int64_t)a->folders[i].v[j].size;
	return n;
}

static bool in_domain(const char *user, const char *domain)
{
	const char *at = strrchr(user, '@');
	return at && !strcasecmp(at + 1, domain);
}

static void judge(struct page_state *st, const struct rh_account *a, double used)
{
	if (used < -1.5) {
		rh_str_addf(&st->missing, " %s", a->user);
		return;
	}
	st->listed++;
	if (bytes_of(a) < QUOTA_SEEN_FROM)
		return;
	st->with_mail++;
	st->shown += used >= 0;
	if (used > 0)
		st->positive++;
	else if (used >= 0)
		rh_str_addf(&st->zero, " %s", a->user);
}

/* All pages of the domain's list, one after the other. */
static int read_list(struct rh_http *h, const char *domain, struct rh_str *html, struct rh_err *err)
{
	size_t before = 0;

	for (unsigned page = 0; page < PAGES_MAX; page++) {
		RH_FREE char *path =
		    rh_xasprintf("list-virtual.php?domain=%s&limit=%u", domain, page * 10);
		int r = rh_http_get(h, path, NULL, NULL, err);
		if (r < 0)
			return r;
		if (r != 200)
			return rh_err_set(err, EPROTO, "%s: status %d", path, r);
		/* The page after the last one repeats what is known or has no row. */
		size_t rows = 0;
		for (const char *p = rh_http_body(h); (p = strstr(p, "edit.php?table=mailbox"));
		     p++)
			rows++;
		if (rows == 0 || (before && strstr(html->data, rh_http_body(h))))
			break;
		before = rows;
		rh_str_add(html, rh_http_body(h));
		if (rows < 10)
			break;
	}
	return 0;
}

static void check_list(struct rh_http *h, const char *domain, const struct rh_expect *x)
{
	struct page_state st = {0};
	struct rh_err err = {0};
	RH_STR struct rh_str html = {0};
	size_t want = 0;
	int r = read_list(h, domain, &html, &err);

	for (size_t i = 0; r == 0 && i < x->n; i++)
		if (in_domain(x->v[i].user, domain)) {
			want++;
			judge(&st, &x->v[i], used_of(rh_str_text(&html), x->v[i].user));
		}
	rh_cmd_check("postfixadmin-list", r == 0 && want > 0 && st.listed == want,
		     "%s: %zu of %zu accounts listed%s%s%s%s", domain, st.listed, want,
		     st.missing.len ? "; missing:" : "", rh_str_text(&st.missing),
		     r < 0 ? ": " : "", r < 0 ? err.text : "");
	rh_cmd_check("postfixadmin-quota",
		     r == 0 && st.with_mail > 0 && st.positive > 0 && st.positive == st.shown,
		     "%s: used quota above 0 for %zu of the %zu accounts with mail that show one "
		     "(%zu have mail)%s%s",
		     domain, st.positive, st.shown, st.with_mail, st.zero.len ? "; zero:" : "",
		     rh_str_text(&st.zero));
	rh_str_free(&st.missing);
	rh_str_free(&st.zero);
}

static int run_postfixadmin(int argc, char **argv)
{
	const char *base = NULL, *user = NULL, *file = NULL, *domain = NULL, *expect = NULL;
	struct rh_target t = {0};
	struct rh_err err = {0};
	RH_EXPECT struct rh_expect x = {0};
	RH_FREE char *password = NULL;
	RH_HTTP struct rh_http *h = NULL;
	const struct rh_opt opts[] = {{.name = "base", .str = &base, .required = true},
				      {.name = "user", .str = &user, .required = true},
				      {.name = "password-file", .str = &file, .required = true},
				      {.name = "domain", .str = &domain},
				      {.name = "expect", .str = &expect},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if (!domain != !expect) {
		fprintf(stderr, "rh-probe postfixadmin: --domain and --expect go together\n");
		return RH_EXIT_USAGE;
	}
	int r = rh_cmd_password(file, &password, &err);
	if (r == 0 && expect)
		r = rh_expect_load(expect, &x, &err);
	if (r == 0)
		r = rh_http_open(&h, &t, base, &err);
	if (r < 0)
		return rh_cmd_broken(&err);
	if (admin_login(h, user, password) && expect)
		check_list(h, domain, &x);
	return rh_cmd_status();
}

const struct rh_verb rh_verb_postfixadmin = {
    "postfixadmin", "--base URL --user ADMIN --password-file F [--domain D --expect FILE]",
    "the administrator sees accounts and used quota", run_postfixadmin};

/* --- http-redirect --- */

static void check_plain(const struct rh_target *t, const char *path)
{
	struct rh_err err = {0};
	RH_HTTP struct rh_http *h = NULL;
	RH_FREE char *base = rh_xasprintf("http://%s", t->host);
	RH_FREE char *name = rh_xasprintf("http-redirect %s", path);
	RH_FREE char *want = rh_xasprintf("\nlocation: https://%s", t->host);
	int r = rh_http_open(&h, t, base, &err);

	if (r == 0) {
		rh_http_follow(h, false);
		r = rh_http_get(h, path, NULL, NULL, &err);
	}
	if (r == -ECONNREFUSED || r == -ETIMEDOUT) {
		rh_cmd_check(name, true, "the port is closed");
		return;
	}
	bool ok = r >= 301 && r <= 308 && strcasestr(rh_http_headers(h), want);
	rh_cmd_check(name, ok, "status %d%s%s", r, r < 0 ? ": " : "", r < 0 ? err.text : "");
}

static int run_http_redirect(int argc, char **argv)
{
	static const char *const paths[] = {"/", "/roundcube/", "/postfixadmin/login.php"};
	struct rh_target t = {0};
	struct rh_err err = {0};
	RH_HTTP struct rh_http *h = NULL;
	const struct rh_opt opts[] = {{0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	if (!t.host) {
		fprintf(stderr, "rh-probe http-redirect: --host is missing\n");
		return RH_EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		check_plain(&t, paths[i]);
	RH_FREE char *base = rh_xasprintf("https://%s/", t.host);
	int r = rh_http_open(&h, &t, base, &err);
	if (r == 0) {
		rh_http_follow(h, false);
		r = rh_http_get(h, "", NULL, NULL, &err);
	}
	const char *hsts =
	    r < 0 ? NULL : strcasestr(rh_http_headers(h), "strict-transport-security:");
	rh_cmd_check("hsts", hsts != NULL, "%.*s", hsts ? (int)strcspn(hsts, "\r\n") : 60,
		     hsts    ? hsts
		     : r < 0 ? err.text
			     : "no Strict-Transport-Security");
	return rh_cmd_status();
}

const struct rh_verb rh_verb_http_redirect = {
    "http-redirect", "", "plain HTTP only leads to HTTPS, HSTS is on", run_http_redirect};

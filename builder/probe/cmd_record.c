/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe record: what the old server serves, and which files are behind it.
 *
 * Order matters: the UIDLs in the old list are read before the server is asked, because Courier
 * gives the unlisted messages theirs at that moment; whatever was in the list before is what
 * clients know and must stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/probe/cmd.h"
#include "builder/probe/oldfiles.h"
#include "builder/probe/session.h"
#include "builder/probe/view.h"

struct record {
	struct rh_target imap, pop3;
	unsigned imap_port, pop3_port;
	int rootfd;
	unsigned flags;
	struct rh_expect x;
};

static int record_imap(struct record *rc, struct rh_account *a, struct rh_err *err)
{
	RH_IMAP_SESSION struct rh_imap_session s = {0};
	RH_STRV struct rh_strv numbered = {0};
	int r = rh_oldfiles_numbered(rc->rootfd, a, &numbered, err);

	if (r == 0)
		r = rh_imap_open(&s, &rc->imap, rc->imap_port, RH_CONN_PLAIN, err);
	if (r == 0)
		r = rh_imap_login(&s.im, a->user, a->password, err);
	if (r == 0)
		r = rh_view_imap(&s.im, rc->x.arena, rc->flags, a, err);
	if (r == 0)
		rh_oldfiles_fresh(a, &numbered);
	if (r == 0)
		r = rh_oldfiles_fill(rc->rootfd, rc->x.arena, a, err);
	return r;
}

static int record_pop3(struct record *rc, struct rh_account *a, struct rh_uidls *before,
		       struct rh_uidls *after, struct rh_err *err)
{
	int r = rh_oldfiles_uidls(rc->rootfd, rc->x.arena, a, before, err);
	if (r == 0) {
		RH_POP3_SESSION struct rh_pop3_session s = {0};
		r = rh_pop3_open(&s, &rc->pop3, rc->pop3_port, RH_CONN_PLAIN, err);
		if (r == 0)
			r = rh_pop3_login(&s.pop, a->user, a->password, err);
		if (r == 0)
			r = rh_view_pop3(&s.pop, rc->x.arena, a, err);
	}
	if (r == 0)
		r = rh_oldfiles_uidls(rc->rootfd, rc->x.arena, a, after, err);
	return r < 0 ? r : rh_oldfiles_pop3(a, before, after, err);
}

static int record_account(struct record *rc, struct rh_account *a, struct rh_err *err)
{
	struct rh_uidls before = {0}, after = {0};
	int r = record_imap(rc, a, err);

	if (r == 0)
		r = record_pop3(rc, a, &before, &after, err);
	rh_uidls_free(&before);
	rh_uidls_free(&after);
	return r < 0 ? rh_err_prefix(err, r, "%s", a->user) : 0;
}

static int record_all(struct record *rc, const char *old, const char *accounts, const char *output,
		      struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int r = rh_accounts_load(accounts, &rc->x, err);

	if (r < 0)
		return r;
	RH_CLOSE int rootfd = open(old, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return rh_err_errno(err, errno, "%s", old);
	rc->rootfd = rootfd;
	for (size_t i = 0; r == 0 && i < rc->x.n; i++)
		r = record_account(rc, &rc->x.v[i], err);
	if (r == 0 && rc->x.n == 0)
		r = rh_err_set(err, EINVAL, "%s names no account", accounts);
	if (r == 0)
		r = rh_expect_save(output, &rc->x, err);
	if (r < 0)
		return r;
	struct rh_totals t = {0};
	for (size_t i = 0; i < rc->x.n; i++)
		rh_totals_add(&t, &rc->x.v[i]);
	rh_totals_text(&t, &text);
	rh_cmd_check("record", true, "%s", text.data);
	return 0;
}

static int run(int argc, char **argv)
{
	const char *imap = NULL, *pop3 = NULL, *accounts = NULL, *old = NULL, *output = NULL;
	struct record rc = {.rootfd = -1};
	bool settle = false;
	struct rh_target t = {0};
	struct rh_err err = {0};
	const struct rh_opt opts[] = {{.name = "imap", .str = &imap, .required = true},
				      {.name = "pop3", .str = &pop3, .required = true},
				      {.name = "accounts", .str = &accounts, .required = true},
				      {.name = "old", .str = &old, .required = true},
				      {.name = "output", .str = &output, .required = true},
				      {.name = "settle", .flag = &settle},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	rc.imap = rc.pop3 = t;
	rc.flags = settle ? RH_VIEW_SETTLE : 0;
	int r = rh_cmd_endpoint(imap, &rc.imap, &rc.imap_port, &err);
	if (r == 0)
		r = rh_cmd_endpoint(pop3, &rc.pop3, &rc.pop3_port, &err);
	if (r == 0)
		r = record_all(&rc, old, accounts, output, &err);
	rh_expect_free(&rc.x);
	return r < 0 ? rh_cmd_broken(&err) : rh_cmd_status();
}

const struct rh_verb rh_verb_record = {
    "record", "--imap ADDR:PORT --pop3 ADDR:PORT --accounts FILE --old ROOT -o FILE [--settle]",
    "write down what the old server serves", run};

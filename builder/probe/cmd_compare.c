/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe compare: does the new server serve what the old one did?
 *
 * Accounts are worked on by several threads; each has its connections, its arena and its results.
 * Lines are printed afterwards in the order of the file.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/cmd.h"
#include "builder/probe/compare.h"
#include "builder/probe/session.h"
#include "builder/probe/view.h"

struct job {
	const struct rh_account *old;
	const char *password;
	struct rh_arena *arena;
	struct rh_account new;
	struct rh_results res;
	char *imap_fault, *pop3_fault; /* why the rest could not run */
};

struct compare {
	struct rh_target imap, pop3;
	unsigned imap_port, pop3_port;
	struct job *jobs;
	size_t n;
	atomic_size_t next;
};

static void login_fault(struct rh_result *k, const struct rh_err *err)
{
	k->ran = true;
	rh_result_fault(k, "%s", err->text);
}

static void do_imap(struct compare *cm, struct job *j)
{
	RH_IMAP_SESSION struct rh_imap_session s = {0};
	struct rh_result *login = &j->res.kind[RH_KIND_LOGIN_IMAP];
	struct rh_err err = {0};
	int r = rh_imap_open(&s, &cm->imap, cm->imap_port, RH_CONN_TLS, &err);

	if (r == 0)
		r = rh_imap_login(&s.im, j->old->user, j->password, &err);
	if (r < 0) {
		login_fault(login, &err);
		j->imap_fault = rh_xasprintf("no IMAP login");
		return;
	}
	login->ran = true;
	login->compared = 1;
	r = rh_view_imap(&s.im, j->arena, RH_VIEW_BODIES, &j->new, &err);
	if (r < 0)
		j->imap_fault = rh_xstrdup(err.text);
	else
		rh_compare_imap(j->old, &j->new, &j->res);
}

static void do_pop3(struct compare *cm, struct job *j)
{
	RH_POP3_SESSION struct rh_pop3_session s = {0};
	struct rh_result *login = &j->res.kind[RH_KIND_LOGIN_POP3];
	struct rh_err err = {0};
	int r = rh_pop3_open(&s, &cm->pop3, cm->pop3_port, RH_CONN_TLS, &err);

	if (r == 0)
		r = rh_pop3_login(&s.pop, j->old->user, j->password, &err);
	if (r < 0) {
		login_fault(login, &err);
		j->pop3_fault = rh_xasprintf("no POP3 login");
		return;
	}
	login->ran = true;
	login->compared = 1;
	r = rh_view_pop3(&s.pop, j->arena, &j->new, &err);
	if (r < 0)
		j->pop3_fault = rh_xstrdup(err.text);
	else
		rh_compare_pop3(j->old, &j->new, &j->res);
}

static void *worker(void *arg)
{
	struct compare *cm = arg;
	size_t i;

	while ((i = atomic_fetch_add(&cm->next, 1)) < cm->n) {
		struct job *j = &cm->jobs[i];
		j->arena = rh_arena_new();
		j->new.user = j->old->user;
		do_imap(cm, j);
		do_pop3(cm, j);
	}
	return NULL;
}

static void print_job(const struct job *j)
{
	for (int i = 0; i < RH_KIND_N; i++) {
		const struct rh_result *k = &j->res.kind[i];
		RH_FREE char *name = rh_xasprintf("%s %s", rh_kind_names[i], j->old->user);
		RH_STR struct rh_str text = {0};
		const char *fault = i >= RH_KIND_POP3_UIDL ? j->pop3_fault : j->imap_fault;
		if (!k->ran) {
			rh_cmd_check(name, false, "could not run: %s", fault ? fault : "?");
			continue;
		}
		if (k->faults)
			rh_str_addf(&text, "%zu differ: %s%s", k->faults, k->text.data,
				    k->faults > RH_COMPARE_TELL ? "; …" : "");
		else
			rh_str_addf(&text, "%zu equal", k->compared);
		if (k->allowed)
			rh_str_addf(&text, "; %zu known differences: %s", k->allowed,
				    k->allow.data);
		rh_cmd_check(name, rh_result_ok(k), "%s", text.data);
	}
}

/* What both sides hold, so that nothing compared with nothing is not a success. Folders and
 * subscriptions that the new server may add, and sizes that may differ, do not count here. */
static void print_totals(const struct compare *cm, const struct rh_expect *x)
{
	struct rh_totals t = {0};
	size_t compared[RH_KIND_N] = {0};
	RH_STR struct rh_str old = {0};
	RH_STR struct rh_str new = {0};

	for (size_t i = 0; i < cm->n; i++) {
		rh_totals_add(&t, &cm->jobs[i].new);
		for (int k = 0; k < RH_KIND_N; k++)
			compared[k] += cm->jobs[i].res.kind[k].compared;
	}
	rh_totals_text(&x->totals, &old);
	rh_totals_text(&t, &new);
	bool ok = t.messages == x->totals.messages && t.flags == x->totals.flags &&
		  t.keywords == x->totals.keywords && t.pop3 == x->totals.pop3 &&
		  t.folders >= x->totals.folders && t.subscriptions >= x->totals.subscriptions &&
		  compared[RH_KIND_BODIES] == (size_t)x->totals.messages &&
		  compared[RH_KIND_POP3_ORDER] == (size_t)x->totals.pop3 &&
		  compared[RH_KIND_LOGIN_IMAP] == x->n && compared[RH_KIND_LOGIN_POP3] == x->n &&
		  x->totals.messages > 0;
	rh_cmd_check("totals", ok, "expected %s; got %s; bodies compared %zu", old.data, new.data,
		     compared[RH_KIND_BODIES]);
}

static int run_jobs(struct compare *cm, unsigned threads, struct rh_err *err)
{
	pthread_t *ids = rh_xalloc(threads * sizeof *ids);
	unsigned started = 0;
	int r = 0;

	for (; started < threads && r == 0; started += r == 0)
		r = pthread_create(&ids[started], NULL, worker, cm);
	for (unsigned i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	free(ids);
	return started ? 0 : rh_err_errno(err, r, "pthread_create");
}

static int compare_all(struct compare *cm, const struct rh_expect *x, const char *accounts,
		       unsigned threads, struct rh_err *err)
{
	RH_EXPECT struct rh_expect pw = {0};
	int r = accounts ? rh_accounts_load(accounts, &pw, err) : 0;

	if (r < 0)
		return r;
	cm->n = x->n;
	cm->jobs = rh_xalloc((x->n + 1) * sizeof *cm->jobs);
	for (size_t i = 0; i < x->n; i++) {
		const struct rh_account *a = accounts ? rh_expect_find(&pw, x->v[i].user) : NULL;
		cm->jobs[i].old = &x->v[i];
		cm->jobs[i].password = a ? a->password : x->v[i].password;
	}
	r = run_jobs(cm, threads, err);
	for (size_t i = 0; r == 0 && i < x->n; i++)
		print_job(&cm->jobs[i]);
	if (r == 0)
		print_totals(cm, x);
	for (size_t i = 0; i < x->n; i++) {
		struct job *j = &cm->jobs[i];
		rh_results_free(&j->res);
		rh_strv_free(&j->new.subs);
		rh_arena_free(&j->arena);
		free(j->imap_fault);
		free(j->pop3_fault);
	}
	free(cm->jobs);
	return r;
}

static int run(int argc, char **argv)
{
	const char *expect = NULL, *imaps = NULL, *pop3s = NULL, *accounts = NULL;
	unsigned jobs = 2;
	struct rh_target t = {0};
	struct rh_err err = {0};
	struct compare cm = {0};
	RH_EXPECT struct rh_expect x = {0};
	const struct rh_opt opts[] = {{.name = "expect", .str = &expect, .required = true},
				      {.name = "imaps", .str = &imaps, .required = true},
				      {.name = "pop3s", .str = &pop3s, .required = true},
				      {.name = "accounts", .str = &accounts},
				      {.name = "jobs", .num = &jobs},
				      {0}};

	if (rh_cmd_options(argc, argv, opts, &t) < 0)
		return RH_EXIT_USAGE;
	cm.imap = cm.pop3 = t;
	int r = rh_cmd_endpoint(imaps, &cm.imap, &cm.imap_port, &err);
	if (r == 0)
		r = rh_cmd_endpoint(pop3s, &cm.pop3, &cm.pop3_port, &err);
	if (r == 0)
		r = rh_expect_load(expect, &x, &err);
	if (r == 0)
		r = compare_all(&cm, &x, accounts, jobs > 64 ? 64 : jobs, &err);
	return r < 0 ? rh_cmd_broken(&err) : rh_cmd_status();
}

const struct rh_verb rh_verb_compare = {
    "compare", "--expect FILE --imaps ADDR:PORT --pop3s ADDR:PORT [--accounts FILE] [--jobs N]",
    "check the new server against it", run};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From outside: who is this machine, what did the import say, do the proofs hold. See rehearse_p.h.
 *
 * Invariant: no proof talks to a machine that is not the one on the console: its certificate and
 * its ssh host key are compared with what the console shows, and a difference ends the rehearsal.
 */
#include "builder/rehearse_p.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "builder/guestssh.h"
#include "builder/importcheck.h"
#include "builder/tlscert.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

#define ANSWER_S     90 /* for a service to answer after state closed */
#define SAID_S	     20
#define PROOF_S	     300
#define ALL_PROOFS_S 3600
#define REPORT_PATH  "/var/lib/rehome/import/report.json"

/* Has QEMU ended, or the system inside it? */
static bool gone(struct rh_rehearsal *r)
{
	rh_rehearse_read_console(r);
	if (r->qemu > 0 && rh_proc_poll(r->qemu, &r->qemu_status))
		r->qemu = 0;
	return r->qemu <= 0 || r->console.dead;
}

/* Wait a second for something to come up; false when that is of no use any more. */
static bool wait_more(struct rh_rehearsal *r, double end)
{
	const struct timespec pause = {.tv_sec = 1};

	if (rh_rehearse_now() >= end || rh_interrupted() || gone(r))
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* The lines that identify the machine may come a moment after "state closed". */
static bool said(struct rh_rehearsal *r, char *const *line)
{
	double end = rh_rehearse_now() + SAID_S;

	do
		rh_rehearse_read_console(r);
	while (!*line && wait_more(r, end));
	return *line != NULL;
}

/* The port whose certificate stands for the machine: of those that the overlays open. */
static uint16_t tls_port(const struct rh_rehearsal *r)
{
	static const uint16_t order[] = {443, 993, 995, 465};

	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < r->n_ports; k++)
			if (r->ports[k] == order[i])
				return order[i];
	return 0;
}

/* 0 fine or not needed, 1 a failed check was added. */
static int pin_certificate(struct rh_rehearsal *r, struct rh_err *err)
{
	uint16_t port = tls_port(r);
	double end = rh_rehearse_now() + ANSWER_S;
	RH_STR struct rh_str pem = {0};
	char print[RH_TLSCERT_PRINT] = "";
	RH_FREE char *path = rh_rehearse_path(r, "cert.pem");
	struct rh_err why;
	int k;

	if (!port)
		return 0;
	if (!said(r, &r->console.cert)) {
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "identity", "certificate", false,
			       "could not run: the console shows none");
		return rh_interrupted() ? rh_err_set(err, EINTR, "interrupted") : 1;
	}
	do {
		rh_str_free(&pem);
		k = rh_tlscert_fetch(r->answers.addr, port, &pem, print, &why);
	} while (k == -EAGAIN && wait_more(r, end));
	if (rh_interrupted())
		return rh_err_set(err, EINTR, "interrupted");
	if (k < 0) {
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "identity", "certificate", false,
			       "could not run: %s", why.text);
		return 1;
	}
	if (!rh_tlscert_same(print, r->console.cert)) {
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "identity", "certificate", false,
			       "port %u shows %s, the console %s", port, print, r->console.cert);
		return 1;
	}
	k = rh_file_write(AT_FDCWD, path, 0600, pem.data, pem.len, err);
	if (k < 0)
		return k;
	r->cafile = rh_xstrdup(path);
	rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "identity", "certificate", true,
		       "port %u shows the one on the console", port);
	return 0;
}

static int pin_ssh(struct rh_rehearsal *r, struct rh_err *err)
{
	double end = rh_rehearse_now() + ANSWER_S;
	const struct rh_answers *a = &r->answers;
	RH_STR struct rh_str out = {0};
	struct rh_err why;
	int k;

	if (!said(r, &r->console.hostkey)) {
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "identity", "ssh host key", false,
			       "could not run: the console shows none");
		return 1;
	}
	do
		k = rh_guestssh_pin(r->scratch, a->addr, a->admin, r->console.hostkey, &why);
	while (k == -EAGAIN && wait_more(r, end));
	if (k == 0)
		k = rh_guestssh_run(r->scratch, "true", 60, &out, &why);
	if (k == -EINTR || rh_interrupted())
		return rh_err_set(err, EINTR, "interrupted");
	rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "identity", "ssh host key", k == 0, "%s",
		       k == 0 ? "the one on the console; log-in with the answers' key" : why.text);
	r->ssh = k == 0;
	return k == 0 ? 0 : 1;
}

static int check_import(struct rh_rehearsal *r, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	struct rh_err why;
	struct rh_importcheck in = {
	    .exit_status = r->console.import_exit,
	    .expected_messages = r->expected,
	    .seconds = r->import_s,
	    .why = why.text,
	};
	int k;

	if (!r->answers.label)
		return 0;
	k = rh_guestssh_run(r->scratch, "cat " REPORT_PATH, 120, &text, &why);
	if (k == -EINTR)
		return rh_err_set(err, EINTR, "interrupted");
	in.report = k == 0 ? rh_str_text(&text) : NULL;
	rh_importcheck(&in, &r->verdict, &r->import);
	return 0;
}

static void make_env(const struct rh_rehearsal *r, struct rh_strv *env)
{
	const struct rh_answers *a = &r->answers;
	bool import = a->label != NULL;

	rh_strv_addf(env, "RH_HOST=%s", a->hostname);
	rh_strv_addf(env, "RH_ADDR=%s", a->addr);
	rh_strv_addf(env, "RH_DOMAIN=%s", a->domain);
	rh_strv_addf(env, "RH_CAFILE=%s", r->cafile ? r->cafile : "");
	rh_strv_addf(env, "RH_EXPECT=%s", import && r->o.expect ? r->o.expect : "");
	rh_strv_addf(env, "RH_OLD=%s", r->o.old_tree ? r->o.old_tree : "");
	rh_strv_addf(env, "RH_PROBE=%s", r->o.probe);
	rh_strv_addf(env, "RH_ADMIN_EMAIL=%s", a->email);
	rh_strv_addf(env, "RH_ADMIN_PASSWORD_FILE=%s/admin-password", r->scratch);
	rh_strv_addf(env, "RH_SSH_CONFIG=%s/ssh_config", r->scratch);
	rh_strv_addf(env, "RH_OUTSIDE=%s", a->outside);
	rh_strv_addf(env, "RH_WORK=%s/work", r->scratch);
}

static int run_proofs(struct rh_rehearsal *r, struct rh_err *err)
{
	RH_FREE char *logs = rh_rehearse_path(r, "proofs");
	RH_STRV struct rh_strv env = {0};
	struct rh_proofs_run run = {
	    .env = &env,
	    .log_dir = logs,
	    .timeout_s = r->o.proof_s > 0 ? r->o.proof_s : PROOF_S,
	    .total_s = r->o.all_proofs_s > 0 ? r->o.all_proofs_s : ALL_PROOFS_S,
	    .progress = r->progress,
	};
	int k;

	make_env(r, &env);
	rh_progress_begin(r->progress, "proofs");
	k = rh_proofs_run(&r->proofs, &run, &r->verdict, err);
	rh_progress_end(r->progress, k == 0);
	return k;
}

/* Whatever the machine did, it must not have reached the files it was started from. */
static void check_untouched(struct rh_rehearsal *r)
{
	const char *changed = rh_pair_changed(&r->pair);
	struct stat st;

	if (!changed && r->o.old_data &&
	    (stat(r->o.old_data, &st) < 0 || st.st_size != r->old_st.st_size ||
	     st.st_mtim.tv_sec != r->old_st.st_mtim.tv_sec ||
	     st.st_mtim.tv_nsec != r->old_st.st_mtim.tv_nsec))
		changed = r->o.old_data;
	if (changed)
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "images", "untouched", false,
			       "%s has changed", changed);
	else
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "images", "untouched", true,
			       "same size and time as before");
}

/* Proofs may pass and the machine still have gone wrong under them. */
static void check_alive(struct rh_rehearsal *r)
{
	if (!gone(r))
		return;
	if (r->console.dead)
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "machine", "still running", false, "%s",
			       r->console.dead);
	else
		rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "machine", "still running", false,
			       "QEMU ended (status %d); see qemu.log", r->qemu_status);
	rh_console_tail(&r->console, &r->tail);
}

static int prove(struct rh_rehearsal *r, struct rh_err *err)
{
	int k;

	rh_progress_begin(r->progress, "identity");
	k = pin_certificate(r, err);
	if (k == 0)
		k = pin_ssh(r, err);
	rh_progress_end(r->progress, k == 0);
	if (k != 0)
		return k;
	k = check_import(r, err);
	return k == 0 ? run_proofs(r, err) : k;
}

int rh_rehearse_prove(struct rh_rehearsal *r, struct rh_err *err)
{
	int k = prove(r, err);

	check_alive(r);
	check_untouched(r);
	return k;
}

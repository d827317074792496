// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From closed through importing to ready: rehome-import does the work, this keeps the state.
 *
 * Invariant: an import that is cut (power, SIGTERM at shutdown) leaves the state importing, and the
 * next boot starts it again; an import that fails by itself leads back to closed with its reason.
 */
#include <errno.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "rootfs/setup/apply.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/steps.h"

#define REPORT_DIR RH_PATH_STATE "/import"
#define EXIT_WARN  3 /* rehome-import: done, with something to look at in the report */

bool rh_import_wanted(struct rh_setup *s, enum rh_state state)
{
	return *rh_answer(s, "import.label") &&
	       (state == RH_STATE_CLOSED || state == RH_STATE_IMPORTING);
}

int rh_import_start(struct rh_setup *s, struct rh_err *err)
{
	int r = rh_setup_service(s, err, "systemctl", "start", "--no-block",
				 "rehome-import.service", NULL);

	return r < 0 ? rh_err_prefix(err, r, "cannot start the import") : 0;
}

static int to_state(struct rh_setup *s, enum rh_state state, struct rh_err *err)
{
	int r = rh_state_set(s, state, err);

	if (r >= 0)
		r = rh_issue_write(s, state, err);
	if (r < 0)
		return r;
	rh_setup_say(s, "state %s", rh_state_name(state));
	return 0;
}

static void import_line(void *arg, const char *line)
{
	rh_setup_log(arg, "%s", line);
}

/* The importer's exit status, or a negative errno when there is none. */
static int run_importer(struct rh_setup *s, const char *label, struct rh_err *err)
{
	RH_FREE char *tool = s->foreign ? rh_xasprintf("%s/rehome-import", s->tools) : NULL;
	RH_FREE char *env_root = rh_xasprintf("RH_ROOT=%s", s->root_path);
	const char *report = rh_setup_path(s, REPORT_DIR "/report.json");
	const char *argv[] = {
	    tool ? tool : "rehome-import", "--volume", label, "--report", report, NULL};
	const char *env[] = {s->foreign ? env_root : NULL, NULL};
	struct rh_proc p = {.argv = argv, .env = env, .line = import_line, .arg = s};
	int status = 0, r;

	r = rh_proc_run(&p, &status, err);
	if (r == 0 || (r == -ECHILD && status < 256))
		return status;
	return r;
}

/* What ends an import that did not succeed. R: exit status or negative errno. */
static int import_failed(struct rh_setup *s, int r, struct rh_err *err)
{
	struct rh_err other = {{0}};

	if (r == -EINTR || rh_interrupted())
		return rh_err_set(err, EINTR,
				  "the import was interrupted; it goes on at the next "
				  "start, or with: systemctl start rehome-import");
	if (to_state(s, RH_STATE_CLOSED, &other) < 0)
		rh_setup_say(s, "failed: %s", other.text);
	return r;
}

int rh_import(struct rh_setup *s, const char *label, struct rh_err *err)
{
	const struct rh_target dir = {.path = REPORT_DIR, .mode = 0700};
	enum rh_state state;
	int r = rh_state_read(s, &state, err);

	if (r < 0)
		return r;
	if (!label || !*label)
		label = rh_answer(s, "import.label");
	if (!*label)
		return rh_err_set(err, EINVAL,
				  "the answers name no volume with old data: add import.label, or "
				  "use --volume LABEL");
	if (s->foreign && !s->tools)
		return rh_err_set(err, EINVAL, "an import runs on the machine itself");
	if (!rh_state_may(state, RH_STATE_IMPORTING) && state != RH_STATE_IMPORTING)
		return rh_err_set(err, EPERM, "the machine is %s: nothing can be imported now",
				  rh_state_name(state));
	r = rh_change_dir(s, &dir, err);
	if (r >= 0)
		r = to_state(s, RH_STATE_IMPORTING, err);
	if (r < 0)
		return r;
	rh_change_point(s);
	r = run_importer(s, label, err);
	if (r >= 0)
		rh_setup_say(s, "import exit %d", r);
	if (r != 0 && r != EXIT_WARN)
		return import_failed(s, r, err);
	return to_state(s, RH_STATE_READY, err) < 0 ? -EIO : r;
}

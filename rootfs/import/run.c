/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stages in their order; everything that can be refused is refused before the first write. */
#include "rootfs/import/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "rootfs/import/accounts.h"
#include "rootfs/import/source.h"
#include "rootfs/import/step.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Is there room? Only mailboxes that do not exist yet count. */
static int check_room(struct rh_run *run, struct rh_err *err)
{
	struct statvfs st;
	const struct rh_plan *p = &run->plan;
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->domain[i].n; k++) {
			char *path RH_FREE =
			    rh_xasprintf("%s/%s", p->domain[i].name, p->domain[i].v[k].user->name);
			if (rh_exists(run->target, path))
				return 0; /* a later run: what it adds is not known yet */
		}
	if (fstatvfs(run->target, &st) < 0)
		return rh_err_errno(err, errno, "cannot measure %s", run->opt->mail_root);
	uint64_t room = (uint64_t)st.f_bavail * st.f_frsize;
	if (p->bytes <= room)
		return 0;
	return rh_err_set(err, ENOSPC,
			  "%s has room for %ju MiB, the mail needs at least %ju MiB; nothing was "
			  "written",
			  run->opt->mail_root, room >> 20, p->bytes >> 20);
}

/* The appliance's own mail root is a volume: never write mail onto the system disk below it. */
static int check_volume(const struct rh_run *run, struct rh_err *err)
{
	struct stat here, above;
	if (strcmp(run->opt->mail_root, RH_MAIL_ROOT) != 0)
		return 0;
	if (fstat(run->target, &here) < 0 || fstatat(run->target, "..", &above, 0) < 0)
		return rh_err_errno(err, errno, "cannot look at " RH_MAIL_ROOT);
	if (here.st_dev != above.st_dev)
		return 0;
	return rh_err_set(err, ENODEV,
			  "the mail volume is not mounted at " RH_MAIL_ROOT
			  ": systemctl start srv-mail.mount");
}

static int open_target(struct rh_run *run, struct rh_err *err)
{
	run->target = open(run->opt->mail_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run->target < 0)
		return rh_err_errno(err, errno,
				    "cannot open the mail root %s (is the volume mounted?)",
				    run->opt->mail_root);
	int r = check_volume(run, err);
	if (r < 0)
		return r;
	run->batch = rh_batch_new(run->target, run->opt->chown, run->opt->uid, run->opt->gid);
	return check_room(run, err);
}

static int import_mail(struct rh_run *run, struct rh_err *err)
{
	const struct rh_plan *p = &run->plan;
	int r = 0;
	for (size_t i = 0; r == 0 && i < p->n; i++)
		for (size_t k = 0; r == 0 && k < p->domain[i].n; k++)
			r = rh_mailbox_import(run, &p->domain[i], &p->domain[i].v[k], err);
	if (!run->batch)
		return r;
	if (r == 0)
		return rh_batch_finish(run->batch, err);
	if (r == -EINTR) { /* keep what is done; the next run goes on from there */
		struct rh_err ignored;
		int r2 = rh_batch_finish(run->batch, &ignored);
		(void)r2;
	}
	return r;
}

static struct rh_sink *make_sink(const struct rh_options *o)
{
	if (o->accounts_out)
		return rh_sink_json(o->accounts_out);
	return o->no_accounts || o->dry_run ? NULL : rh_sink_db(o->database, o->socket);
}

static int stage(struct rh_run *run, const char *name, int (*fn)(struct rh_run *, struct rh_err *),
		 struct rh_err *err)
{
	rh_progress_begin(run->progress, name);
	int r = fn(run, err);
	rh_progress_end(run->progress, r == 0);
	return r;
}

static int write_accounts(struct rh_run *run, struct rh_sink *sink, struct rh_err *err)
{
	if (!sink)
		return 0;
	rh_progress_begin(run->progress, "accounts");
	int r = rh_accounts_write(run, sink, err);
	rh_progress_end(run->progress, r == 0);
	return r;
}

static void announce(struct rh_run *run)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0) { /* a batch may span a thousand folders */
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	rh_progress_plan(run->progress, "plan", "Reading the old accounts", 5);
	rh_progress_plan(run->progress, "mail", "Copying mail", 90);
	rh_progress_plan(run->progress, "accounts", "Writing accounts", 5);
}

static int mount_volume(struct rh_run *run, const char **root, struct rh_err *err)
{
	bool unclean;
	int r = rh_volume_mount(run->opt->volume, root, &unclean, err);
	if (r == 0 && unclean)
		rh_report_add(
		    &run->report, RH_LOST, run->opt->volume, 0,
		    "the journal of this file system is not carried: it was not unmounted "
		    "in order, so its newest files may be missing or old. Shut the old "
		    "server down in order, or run e2fsck on a copy of the disk, and import "
		    "again");
	return r;
}

int rh_run_import(struct rh_run *run, struct rh_err *err)
{
	const struct rh_options *o = run->opt;
	struct rh_sink *sink = make_sink(o);
	const char *root = o->oldroot;
	double began = now();
	int r = 0;

	run->source = run->target = -1;
	run->one_thread = rh_step_init();
	announce(run);
	if (o->volume)
		r = mount_volume(run, &root, err);
	run->report.source = o->volume ? o->volume : root;
	run->report.dry_run = o->dry_run;
	if (r == 0)
		r = rh_source_open(root, &run->source, err);
	if (r == 0)
		r = stage(run, "plan", rh_plan_make, err);
	if (r == 0 && !o->dry_run)
		r = open_target(run, err);
	if (r == 0 && sink)
		r = sink->check(sink, err);
	if (r == 0)
		r = stage(run, "mail", import_mail, err);
	if (r == 0)
		r = write_accounts(run, sink, err);
	if (r == 0 && run->report.failed)
		r = rh_err_set(err, EIO, "%ju mailboxes are not at the target as they must be",
			       run->report.failed);
	if (sink)
		sink->free(sink);
	run->report.seconds = now() - began;
	rh_step_finish();
	return r;
}

void rh_run_free(struct rh_run *run)
{
	rh_batch_free(&run->batch);
	rh_plan_free(&run->plan);
	rh_report_free(&run->report);
	rh_progress_free(&run->progress);
	if (run->source >= 0)
		close(run->source);
	if (run->target >= 0)
		close(run->target);
	if (run->opt->volume)
		rh_volume_unmount();
}

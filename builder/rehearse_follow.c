// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Follow the machine by its serial console: boot, set-up, import. See rehearse_p.h.
 *
 * Invariant: every wait is bounded and ends at once when the console shows that nothing more will
 * come, when QEMU ends, or when the user interrupts.
 */
#include "builder/rehearse_p.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/proc.h"

#define TICK_MS	    200
#define BOOT_S	    600
#define SETUP_S	    900
#define IMPORT_S    900
#define SPACE_FLOOR (8u << 20)

double rh_rehearse_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void rh_rehearse_read_console(struct rh_rehearsal *r)
{
	char data[4096];
	ssize_t n;

	while ((n = read(r->serial, data, sizeof data)) > 0)
		rh_console_feed(&r->console, data, (size_t)n);
}

struct stage {
	const char *name, *what;
	bool (*reached)(const struct rh_console *c);
	int limit_s;
};

static bool booted(const struct rh_console *c)
{
	return c->login || c->closed;
}

static bool closed(const struct rh_console *c)
{
	return c->closed;
}

/* rehome-import ends with 0, or with 3 when there is something to read; else no state follows. */
static bool imported(const struct rh_console *c)
{
	if (c->import_exit < 0)
		return false;
	return (c->import_exit != 0 && c->import_exit != 3) ||
	       (c->state && strcmp(c->state, "ready") == 0);
}

static void show(struct rh_rehearsal *r)
{
	const struct rh_console *c = &r->console;

	if (c->steps && !c->closed) {
		RH_FREE char *note = rh_xasprintf("%u/%u %s", c->step, c->steps, c->step_name);

		rh_progress_at(r->progress, c->step - 1, c->steps, note);
	} else {
		rh_progress_at(r->progress, 0, 0, c->last);
	}
}

/* Why nothing more will come, to be freed; NULL while something may. */
static char *hopeless(struct rh_rehearsal *r, const struct stage *s, double since)
{
	const struct rh_console *c = &r->console;
	struct statvfs vfs;
	int status = 0;

	if (c->dead)
		return rh_xstrdup(c->dead);
	if (c->failed)
		return rh_xasprintf("rehome-setup says: %s", c->failed);
	if (rh_proc_poll(r->qemu, &status)) {
		r->qemu = 0;
		return rh_xasprintf("QEMU ended (status %d); see qemu.log", status);
	}
	if (statvfs(r->scratch, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize < SPACE_FLOOR)
		return rh_xasprintf("the disk of %s is full, so QEMU has stopped the machine: free "
				    "some, or set TMPDIR to another disk",
				    r->scratch);
	if (rh_rehearse_now() - since > s->limit_s)
		return rh_xasprintf("no %s within %d s", s->what, s->limit_s);
	return NULL;
}

/* 0 reached, 1 it will not be. */
static int wait_for(struct rh_rehearsal *r, const struct stage *s, struct rh_err *err)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	double since = rh_rehearse_now();
	RH_FREE char *why = NULL;

	rh_progress_begin(r->progress, s->name);
	for (;;) {
		rh_rehearse_read_console(r);
		if (s->reached(&r->console)) {
			rh_progress_end(r->progress, true);
			return 0;
		}
		why = hopeless(r, s, since);
		if (why || rh_interrupted())
			break;
		show(r);
		nanosleep(&tick, NULL);
	}
	rh_progress_end(r->progress, false);
	if (!why)
		return rh_err_set(err, EINTR, "interrupted");
	rh_rehearse_read_console(r); /* what it said while it died */
	rh_console_tail(&r->console, &r->tail);
	rh_verdict_add(&r->verdict, RH_VERDICT_OWN, s->name, s->what, false, "%s", why);
	return 1;
}

static int limit(int wanted, int normal)
{
	return wanted > 0 ? wanted : normal;
}

int rh_rehearse_follow(struct rh_rehearsal *r, struct rh_err *err)
{
	const struct stage boot = {"boot", "login prompt", booted, limit(r->o.boot_s, BOOT_S)};
	const struct stage setup = {"setup", "state closed", closed, limit(r->o.setup_s, SETUP_S)};
	const struct stage import = {"import", "end of the import", imported,
				     limit(r->o.import_s, IMPORT_S)};
	int k = wait_for(r, &boot, err);

	if (k != 0)
		return k;
	r->login_s = rh_rehearse_now() - r->begun;
	rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "boot", "login prompt", true, "after %.0f s",
		       r->login_s);
	k = wait_for(r, &setup, err);
	if (k != 0)
		return k;
	r->closed_s = rh_rehearse_now() - r->begun;
	rh_verdict_add(&r->verdict, RH_VERDICT_OWN, "setup", "state closed", true, "after %.0f s",
		       r->closed_s);
	if (!r->answers.label)
		return 0;
	r->import_begun = rh_rehearse_now();
	k = wait_for(r, &import, err);
	if (k == 0)
		r->import_s = rh_rehearse_now() - r->import_begun;
	return k;
}

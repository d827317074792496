// SPDX-License-Identifier: GPL-2.0-or-later
/* Showing the rebuild until it is done; the contract is in replace.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/proc.h"
#include "lib/core/progress.h"
#include "rootfs/setup/replace.h"

#define START_S 30 /* in which the kernel begins a rebuild */

static void attr(struct rh_setup *s, const struct rh_array *a, const char *name, char *out,
		 size_t n)
{
	RH_FREE char *path = rh_xasprintf("sys/block/%s/md/%s", a->node, name);
	RH_CLOSE int fd = openat(s->root, path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, out, n - 1);

	out[got > 0 ? got : 0] = '\0';
}

/* "12345 / 67890"; "none" and "delayed" while another array on the same disks comes first. */
static void show(struct rh_setup *s, struct rh_progress *progress, const struct rh_array *a)
{
	char done[64], speed[32];
	RH_FREE char *note = NULL;
	uint64_t pos, total = 0;
	char *end;

	attr(s, a, "sync_completed", done, sizeof done);
	attr(s, a, "sync_speed", speed, sizeof speed);
	pos = strtoull(done, &end, 10);
	if (end > done && strstr(end, "/"))
		total = strtoull(strstr(end, "/") + 1, NULL, 10);
	if (strtoull(speed, NULL, 10))
		note = rh_xasprintf("array %s, %" PRIu64 " MB/s", a->name,
				    (uint64_t)(strtoull(speed, NULL, 10) * 1024 / 1000000));
	rh_progress_at(progress, pos, total, note);
}

static bool array_done(const struct rh_pair *p, int k)
{
	const struct rh_array *a = p->array[k];

	for (unsigned i = 0; i < a->slots; i++) {
		const struct rh_member *m = rh_array_slot(a, i);

		if (!m || m->state != RH_MEMBER_ACTIVE)
			return false;
	}
	return a->degraded == 0;
}

static bool rebuilding(const struct rh_pair *p, int k)
{
	const struct rh_array *a = p->array[k];

	for (size_t i = 0; i < a->n_members; i++)
		if (a->members[i].state == RH_MEMBER_RECOVERING ||
		    a->members[i].state == RH_MEMBER_SPARE)
			return true;
	return false;
}

static int wait_for(struct rh_setup *s, struct rh_pair *p, int k, struct rh_progress *progress,
		    struct rh_err *err)
{
	const struct timespec pause = {.tv_sec = s->foreign ? 0 : 2,
				       .tv_nsec = s->foreign ? 100000000 : 0};
	time_t begun = time(NULL);
	int r = 0;

	while (r >= 0 && !array_done(p, k)) {
		if (!rebuilding(p, k) && time(NULL) - begun > START_S)
			return rh_err_set(err, EIO,
					  "the rebuild of array %s has stopped: look with "
					  "rehome-setup pair and journalctl --dmesg",
					  p->array[k]->name);
		if (rh_interrupted())
			return rh_err_set(err, EINTR, "interrupted");
		show(s, progress, p->array[k]);
		nanosleep(&pause, NULL);
		r = rh_pair_read(s, p, err);
	}
	return r;
}

int rh_replace_wait(struct rh_setup *s, struct rh_pair *p, bool quiet, struct rh_err *err)
{
	struct rh_progress *progress = rh_progress_new(-1, quiet);
	int r = 0;

	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		rh_progress_plan(progress, p->array[k]->name,
				 k == 0 ? "copying boot" : "copying everything else",
				 (double)p->array[k]->component / 200000 + 1);
	for (int k = 0; r >= 0 && k < RH_PAIR_ARRAYS; k++) {
		rh_progress_begin(progress, p->array[k]->name);
		r = wait_for(s, p, k, progress, err);
		rh_progress_end(progress, r >= 0);
	}
	rh_progress_free(&progress);
	return r < 0 ? r : rh_pair_note(s, p, err);
}

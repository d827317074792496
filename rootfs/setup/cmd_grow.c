// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehome-setup grow: the pair fills its disks. rehome-grow.service runs it at every boot with
 * --boot: then a machine with nothing to grow says nothing, and one that must wait is no failure:
 * the waiting is left to rehome-grow-wait.service, which lets the set-up go on afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "rootfs/setup/cmd.h"
#include "rootfs/setup/grow.h"

static const char *const verdicts[] = {"ready", "wait", "never"};

static void print_json(const struct rh_grow *g, bool dry_run, const struct rh_err *err)
{
	struct json_object *o = json_object_new_object(), *steps = json_object_new_array();

	json_object_object_add(o, "ok", json_object_new_boolean(!*err->text));
	if (*err->text)
		json_object_object_add(o, "error", json_object_new_string(err->text));
	json_object_object_add(o, "verdict", json_object_new_string(verdicts[g->verdict]));
	if (*g->reason)
		json_object_object_add(o, "reason", json_object_new_string(g->reason));
	for (size_t i = 0; i < g->steps.n; i++)
		json_object_array_add(steps, json_object_new_string(g->steps.v[i]));
	json_object_object_add(o, dry_run ? "would_do" : "done", steps);
	json_object_object_add(o, "root", json_object_new_int64((int64_t)g->root));
	json_object_object_add(o, "var", json_object_new_int64((int64_t)g->var));
	json_object_object_add(o, "mail", json_object_new_int64((int64_t)g->mail));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void say_result(struct rh_setup *s, const struct rh_grow *g, bool changed, double seconds)
{
	const double gib = 1024.0 * 1024 * 1024;

	if (g->verdict == RH_GROW_WAIT)
		rh_setup_say(s, "warning: %s", g->reason);
	else if (g->verdict == RH_GROW_NEVER && !s->boot)
		rh_setup_say(s, "the disks are left as they are: %s", g->reason);
	else if (g->verdict == RH_GROW_NEVER)
		rh_setup_log(s, "the disks are left as they are: %s", g->reason);
	if (s->dry_run) {
		rh_setup_say(s, "grow would do %zu things%s", g->steps.n, g->steps.n ? ":" : "");
		for (size_t i = 0; i < g->steps.n; i++)
			rh_setup_say(s, "  %s", g->steps.v[i]);
	} else if (changed) {
		rh_setup_say(s, "grown in %.1f s: / %.1f GiB, /var %.1f GiB, mail %.1f GiB",
			     seconds, (double)g->root / gib, (double)g->var / gib,
			     (double)g->mail / gib);
	} else if (!s->boot) {
		rh_setup_say(s, "there is nothing to grow");
	} else {
		rh_setup_log(s, "there is nothing to grow");
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One run under the lock. */
static int run_once(struct rh_setup *s, struct rh_grow *g, struct rh_err *err)
{
	int r;

	if (s->dry_run)
		return rh_grow_look(s, g, err);
	r = rh_setup_lock(s, err);
	if (r >= 0)
		r = rh_grow_run(s, g, err);
	rh_setup_unlock(s);
	return r;
}

/* Again and again until nothing has to be waited for. */
static int run_waiting(struct rh_setup *s, struct rh_grow *g, struct rh_err *err)
{
	const struct timespec pause = {.tv_sec = 10};

	for (;;) {
		int r = run_once(s, g, err);

		if (r != -EBUSY && (r < 0 || g->verdict != RH_GROW_WAIT))
			return r;
		if (r >= 0)
			rh_setup_log(s, "waiting: %s", g->reason);
		rh_grow_free(g);
		*err->text = '\0';
		nanosleep(&pause, NULL);
		r = rh_grow_wait(s, err);
		if (r < 0)
			return r;
	}
}

int rh_cmd_grow(const struct rh_setup_options *o)
{
	struct rh_setup s;
	struct rh_err err = {{0}};
	struct rh_grow g = {0};
	double start = now();
	int r = rh_setup_open(&s, o->root, &err);

	s.dry_run = o->dry_run;
	s.boot = o->boot;
	rh_cmd_voices(&s, o->json);
	if (r >= 0)
		r = rh_cmd_may(&s, &err);
	if (r >= 0)
		r = o->wait ? run_waiting(&s, &g, &err) : run_once(&s, &g, &err);
	if (r < 0)
		rh_cmd_failed(&s, err.text);
	else
		say_result(&s, &g, r > 0, now() - start);
	if (r >= 0 && g.verdict == RH_GROW_WAIT && s.boot &&
	    rh_setup_service(&s, &err, "systemctl", "start", "--no-block",
			     "rehome-grow-wait.service", NULL) < 0)
		rh_setup_log(&s, "nothing waits for the other disk: %s", err.text);
	if (o->json)
		print_json(&g, s.dry_run, &err);
	r = r < 0 || (g.verdict == RH_GROW_WAIT && !s.boot) ? 1 : 0;
	rh_grow_free(&g);
	rh_setup_close(&s);
	return r;
}

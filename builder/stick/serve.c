// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The service of the stick; the contract is in serve.h.
 *
 *   start → check → choose ⇄ write → verify → done → restart
 *
 * One process does everything, in one thread; what people see is its state file. It has no way to
 * write a disk but install(), which takes two disks that rh_choose() has let through, looks at them
 * once more, and leaves all else to the engine of `rehome write`.
 *
 * Without questions (the answers name two serials) it is the same way, but whatever is not exactly
 * as expected ends in "choose" with the faults told, and stays there: a person decides.
 */
#include "builder/stick/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/stick/look.h"
#include "builder/stick/source.h"
#include "builder/stick/state.h"
#include "builder/write/engine.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

#define POLL_MS	   200
#define PUBLISH_MS 300 /* between two progress states */

struct server {
	const struct rh_serve *o;
	struct rh_stick_state s;
	struct rh_source *source;
	bool unattended;
	int64_t phase_ms, told_ms; /* when the phase began; when progress was told last */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

/* Nobody can be told when the state cannot be written; the journal may be read later. */
static void tell(struct server *v)
{
	struct rh_err err;

	if (rh_stick_state_write(v->o->dir, &v->s, &err) < 0)
		fprintf(stderr, "rehome-stick: %s\n", err.text);
}

/* A new state; the faults stay as they are. */
static void enter(struct server *v, enum rh_stick_phase phase, const char *text)
{
	free(v->s.text);
	v->s.text = rh_xstrdup(text);
	v->s.phase = phase;
	v->s.number++;
	v->s.pos = v->s.total = v->s.rate = 0;
	v->s.left = v->s.reboot_in = 0;
	v->phase_ms = now_ms();
	v->told_ms = 0;
	fprintf(stderr, "rehome-stick: %s: %s\n", rh_stick_phase_name(phase), text);
	for (size_t i = 0; i < v->s.faults.n; i++)
		fprintf(stderr, "rehome-stick:   %s\n", v->s.faults.v[i]);
	tell(v);
}

static void progress(struct server *v, uint64_t pos, uint64_t total)
{
	int64_t now = now_ms(), spent = now - v->phase_ms;

	if (now - v->told_ms < PUBLISH_MS && pos < total)
		return;
	v->told_ms = now;
	v->s.pos = pos;
	v->s.total = total;
	v->s.rate = spent > 0 ? pos * 1000 / (uint64_t)spent : 0;
	v->s.left = v->s.rate ? (unsigned)((total - pos) / v->s.rate) : 0;
	tell(v);
}

/* --- before the choice --- */

static bool wait_for(const char *path, unsigned seconds)
{
	int64_t end = now_ms() + (int64_t)seconds * 1000;

	while (!rh_interrupted() && access(path, F_OK) < 0) {
		if (now_ms() >= end)
			return false;
		pause_ms(POLL_MS);
	}
	return !rh_interrupted();
}

static void on_check(void *arg, uint64_t pos, uint64_t total)
{
	progress(arg, pos, total);
}

static int prepare(struct server *v, struct rh_err *err)
{
	int r;

	rh_source_free(&v->source);
	rh_strv_free(&v->s.faults);
	enter(v, RH_STICK_START, "Looking for the stick's own partition");
	if (!wait_for(v->o->pair, v->o->wait_pair_s))
		return rh_err_set(err, ENODEV,
				  "the partition with the pair does not appear (%s): plug the "
				  "stick into another socket, or write it anew",
				  v->o->pair);
	r = rh_source_archive(v->o->pair, &v->source, err);
	if (r < 0)
		return r;
	free(v->s.recipe);
	v->s.recipe = rh_xstrdup(v->source->recipe);
	v->s.need = v->source->size;
	enter(v, RH_STICK_CHECK, "Checking the pair on the stick");
	return rh_source_check(v->source, on_check, v, err);
}

/* udev has named what was there; on a workstation without udevadm, so be it. */
static void settle(void)
{
	struct rh_err ignored;

	if (rh_proc_find("udevadm") &&
	    rh_proc_call(&ignored, "udevadm", "settle", "--timeout=30", NULL) < 0)
		fprintf(stderr, "rehome-stick: %s\n", ignored.text);
}

static struct rh_look look_of(const struct server *v)
{
	return (struct rh_look){v->source, v->o->pair, v->o->allow_loop, &v->o->only};
}

static void look(struct server *v)
{
	struct rh_look l = look_of(v);
	struct rh_err err;

	settle();
	rh_offers_free(&v->s.disks);
	if (rh_look_disks(&l, &v->s.disks, &err) < 0)
		rh_strv_add(&v->s.faults, err.text);
}

/* What tells whether disks have come or gone. */
static void block_devices(struct rh_str *out)
{
	RH_STRV struct rh_strv names = {0};
	struct rh_err ignored;

	if (rh_list_dir(AT_FDCWD, "/sys/block", &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.n; i++)
		rh_str_addf(out, "%s ", names.v[i]);
}

/* --- writing --- */

static void on_write(void *arg, enum rh_write_phase phase, uint64_t pos, uint64_t total)
{
	struct server *v = arg;

	if (phase == RH_WRITE_VERIFY && v->s.phase != RH_STICK_VERIFY)
		enter(v, RH_STICK_VERIFY, "Reading both disks back and comparing them");
	progress(v, pos, total);
}

static void on_say(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "rehome-stick: %s\n", line);
}

/* Both disks once more, opened for the engine; they may have changed since they were shown. */
static int open_disks(struct server *v, const size_t pick[2], struct rh_disk disk[2])
{
	struct rh_look l = look_of(v);
	struct rh_probe_options options = rh_look_options(&l);
	size_t before = v->s.faults.n;

	for (int i = 0; i < 2; i++) {
		const struct rh_offer *o = &v->s.disks.v[pick[i]];

		rh_probe_disk(&options, o->path, &disk[i]);
		if (i == 1)
			rh_probe_twins(&disk[0], &disk[1]);
		for (size_t k = 0; k < disk[i].n_refused; k++)
			rh_strv_addf(&v->s.faults, "%s: %s", o->serial, disk[i].refused[k].text);
		if (!disk[i].n_refused && strcmp(disk[i].serial, o->serial) != 0)
			rh_strv_addf(&v->s.faults, "%s has another disk now: its serial is %s",
				     o->path, disk[i].serial);
	}
	return v->s.faults.n > before ? -EINVAL : 0;
}

static int write_disks(struct server *v, struct rh_disk disk[2], struct rh_err *err)
{
	struct rh_write w = {
	    .source = v->source,
	    .target = {{.disk = &disk[0], .member = 0}, {.disk = &disk[1], .member = 1}},
	    .n = 2,
	    .progress = on_write,
	    .say = on_say,
	    .arg = v};
	int r;

	enter(v, RH_STICK_WRITE, "Writing both disks");
	r = rh_write_run(&w, err);
	if (r < 0)
		return r;
	enter(v, RH_STICK_VERIFY, "Reading both disks back and comparing them");
	return rh_write_verify(&w, err);
}

static void install(struct server *v, const size_t pick[2])
{
	struct rh_disk disk[2] = {{.fd = -1}, {.fd = -1}};
	struct rh_err err = {""};
	int r = open_disks(v, pick, disk);

	if (r < 0) {
		enter(v, RH_STICK_CHOOSE, "Nothing was written");
	} else {
		r = write_disks(v, disk, &err);
		if (r < 0)
			rh_strv_add(&v->s.faults, err.text);
		enter(v, r < 0 ? RH_STICK_FAILED : RH_STICK_DONE,
		      r < 0 ? "The disks are not to be used: installing has failed"
			    : "Installed: both disks are written and compared. Remove the stick");
	}
	for (int i = 0; i < 2; i++)
		rh_disk_free(&disk[i]);
}

/* --- the choice --- */

static void choose(struct server *v, const char *const serial[2])
{
	size_t pick[2];

	rh_strv_free(&v->s.faults);
	look(v);
	/* A person who typed the serial of an installed disk means it. */
	if (rh_choose(&v->s.disks, serial, v->s.again || !v->unattended, pick, &v->s.faults) == 0)
		install(v, pick);
	else
		enter(v, RH_STICK_CHOOSE,
		      v->unattended ? "Installing without questions stopped: "
				      "nothing was written"
				    : "Nothing was written");
}

static bool have_both(const struct server *v, char *const serial[2])
{
	bool have[2] = {false, false};

	for (size_t i = 0; i < v->s.disks.n; i++)
		for (int k = 0; k < 2; k++)
			have[k] |= !strcmp(v->s.disks.v[i].serial, serial[k]);
	return have[0] && have[1];
}

static int read_answers(struct server *v, char *serial[2])
{
	RH_FREE char *dir = rh_xasprintf("%s/answers", v->o->dir);
	struct stat st;

	if (!v->o->answers || !wait_for(v->o->answers, v->o->wait_answers_s) ||
	    stat(v->o->answers, &st) < 0)
		return 0;
	return S_ISBLK(st.st_mode)
		   ? rh_look_volume(v->o->answers, dir, v->o->schema, serial, &v->s.faults)
		   : rh_look_answers(v->o->answers, v->o->schema, serial, &v->s.faults);
}

/* The first look: without questions when the answers say so. */
static void begin(struct server *v)
{
	char *serial[2] = {NULL, NULL};
	int64_t end;
	int r = read_answers(v, serial);

	look(v);
	v->unattended = r == 1;
	if (r <= 0) {
		enter(v, RH_STICK_CHOOSE,
		      r < 0 ? "The answers volume is wrong: nothing was written"
			    : "Choose the two disks");
		return;
	}
	end = now_ms() + (int64_t)v->o->wait_disks_s * 1000;
	while (!have_both(v, serial) && now_ms() < end && !rh_interrupted()) {
		pause_ms(1000);
		look(v);
	}
	choose(v, (const char *const[]){serial[0], serial[1]});
	free(serial[0]);
	free(serial[1]);
}

/* --- the loop --- */

/* True when the machine is to be restarted. */
static bool obey(struct server *v, const struct rh_stick_request *q)
{
	if (q->number != v->s.number) /* it answers what is no more */
		return false;
	fprintf(stderr, "rehome-stick: asked by %s\n", q->from);
	switch (q->wish) {
	case RH_WISH_REBOOT:
		return true;
	case RH_WISH_WRITE:
		v->unattended = false;
		if (v->s.phase == RH_STICK_CHOOSE && q->serial[0] && q->serial[1])
			choose(v, (const char *const[]){q->serial[0], q->serial[1]});
		return false;
	case RH_WISH_LOOK:
		v->unattended = false;
		rh_strv_free(&v->s.faults);
		if (v->source && v->source->checked) {
			look(v);
			enter(v, RH_STICK_CHOOSE, "Choose the two disks");
		} else {
			v->s.phase = RH_STICK_START;
		}
		return false;
	}
	return false;
}

/* Wait for one request, or for disks to come or go. True: restart. */
static bool idle(struct server *v)
{
	RH_STR struct rh_str before = {0};
	int64_t since = now_ms();

	block_devices(&before);
	while (!rh_interrupted()) {
		RH_STR struct rh_str now = {0};
		struct rh_stick_request q = {0};
		struct rh_err err;
		int r = rh_stick_request_take(v->o->dir, &q, &err);
		bool restart;

		if (r < 0)
			fprintf(stderr, "rehome-stick: %s\n", err.text);
		if (r > 0) {
			restart = obey(v, &q);
			rh_stick_request_free(&q);
			return restart;
		}
		block_devices(&now);
		if (v->s.phase == RH_STICK_CHOOSE &&
		    strcmp(rh_str_text(&before), rh_str_text(&now)) != 0) {
			look(v);
			enter(v, RH_STICK_CHOOSE, v->s.text);
			return false;
		}
		if (v->s.phase == RH_STICK_DONE && v->unattended) {
			unsigned spent = (unsigned)((now_ms() - since) / 1000);

			if (spent >= v->o->reboot_s)
				return true;
			v->s.reboot_in = v->o->reboot_s - spent;
			tell(v);
		}
		pause_ms(POLL_MS);
	}
	return true;
}

static int restart(const struct server *v, struct rh_err *err)
{
	sync();
	if (v->o->no_reboot || rh_interrupted())
		return 0;
	reboot(RB_AUTOBOOT);
	return rh_err_errno(err, errno, "cannot restart the machine");
}

int rh_stick_serve(const struct rh_serve *o, struct rh_err *err)
{
	struct server v = {.o = o, .s = {.again = o->again}};
	struct rh_err why;
	int r = rh_mkdirs(AT_FDCWD, o->dir, 0700, err);

	if (r < 0)
		return r;
	do {
		if (v.s.phase == RH_STICK_START) {
			if (prepare(&v, &why) == 0) {
				begin(&v);
			} else {
				rh_strv_add(&v.s.faults, why.text);
				enter(&v, RH_STICK_FAILED, "The stick cannot be used");
			}
		}
	} while (!idle(&v));
	r = restart(&v, err);
	rh_source_free(&v.source);
	rh_stick_state_free(&v.s);
	return r;
}

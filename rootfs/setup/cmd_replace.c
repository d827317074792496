// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome-setup replace-disk: show, ask, do, show the rebuild, print the paper for next time. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/core/file.h"
#include "rootfs/setup/cmd.h"
#include "rootfs/setup/replace.h"

static void show_disks(struct rh_setup *s, const struct rh_replace *r)
{
	rh_setup_say(s, "this disk works, and has all the mail:");
	rh_setup_say(s, "  %s%s%s", rh_disk_text(r->pair->disks, r->old->disk),
		     *r->old->port ? ", port " : "", r->old->port);
	rh_setup_say(s, r->n ? "the other disks:" : "there is no other disk: put one in");
	for (size_t i = 0; i < r->n; i++) {
		const struct rh_replace_facts *f = &r->v[i];

		rh_setup_say(s, "  %s%s%s, %" PRIu64 " MB",
			     rh_disk_text(r->pair->disks, f->d->disk), *f->d->port ? ", port " : "",
			     f->d->port, f->d->disk->sectors * 512 / 1000000);
		rh_setup_say(s, "    %s%s%s", *f->holds ? f->holds : "holds nothing",
			     *f->in_use ? "; " : "", f->in_use);
	}
}

/* A line from the person at the terminal; "" at the end of the input. */
static void ask(const char *question, char *out, size_t n)
{
	fprintf(stderr, "%s ", question);
	fflush(stderr);
	if (!fgets(out, (int)n, stdin))
		*out = '\0';
	out[strcspn(out, "\r\n")] = '\0';
}

static int plan(struct rh_setup *s, struct rh_replace *r, const char *serial, bool erase,
		struct rh_diags *d, struct rh_err *err)
{
	uint8_t random[16 * (1 + RH_REPLACE_PARTS)];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return rh_err_errno(err, errno, "cannot get random numbers");
	if (rh_replace_plan(r, serial, erase, random, d) == 0)
		return 0;
	rh_setup_log(s, "nothing was changed");
	return rh_err_set(err, EINVAL, "%zu fault%s, nothing was changed", d->n,
			  d->n == 1 ? "" : "s");
}

static int choose(struct rh_setup *s, struct rh_replace *r, const struct rh_setup_options *o,
		  struct rh_diags *d, struct rh_err *err)
{
	char typed[128] = "", again[128];
	const char *serial = o->serial;
	int e;

	show_disks(s, r);
	if (!serial) {
		ask("Type the serial number of the new disk, as its label says:", typed,
		    sizeof typed);
		serial = typed;
	}
	e = plan(s, r, serial, o->erase, d, err);
	if (e < 0 || o->serial || !o->erase || r->done || r->unfinished || !*r->target->holds)
		return e;
	fprintf(stderr, "EVERYTHING on %s will be lost: %s.\n",
		rh_disk_text(r->pair->disks, r->target->d->disk), r->target->holds);
	ask("Type the serial number once more:", again, sizeof again);
	return strcmp(again, serial) == 0
		   ? 0
		   : rh_err_set(err, ECANCELED, "that is not the same: nothing was changed");
}

static int refuse_whole(const struct rh_pair *p, const struct rh_setup_options *o,
			struct rh_err *err)
{
	if (!p->whole || o->serial)
		return 0;
	return rh_err_set(err, EEXIST,
			  "both disks work: there is nothing to replace. To replace one that still "
			  "works, shut down, take it out, put the new one in, start, and run this "
			  "again");
}

static int act(struct rh_setup *s, struct rh_pair *p, const struct rh_setup_options *o,
	       struct rh_diags *d, struct rh_err *err)
{
	RH_CLOSE int lock = -1;
	struct rh_replace r = {0};
	int e = rh_disks_lock(s, &lock, err);

	if (e >= 0)
		e = rh_pair_read(s, p, err);
	if (e >= 0)
		e = refuse_whole(p, o, err);
	if (e >= 0)
		e = rh_replace_facts(s, p, &r, err);
	if (e >= 0)
		e = choose(s, &r, o, d, err);
	if (e >= 0 && o->dry_run)
		rh_setup_say(s, "replace: this disk may be taken");
	else if (e >= 0)
		e = rh_replace_act(s, &r, err);
	rh_replace_free(&r);
	return e;
}

static void print_paper(struct rh_setup *s)
{
	RH_STR struct rh_str text = {0};

	if (rh_file_read(s->root, rh_rel(RH_PATH_INSTRUCTION), 1 << 16, &text, NULL) == 0)
		printf("\n%s\nThis text is " RH_PATH_INSTRUCTION "\n", rh_str_text(&text));
}

static int work(struct rh_setup *s, struct rh_pair *p, const struct rh_setup_options *o,
		struct rh_diags *d, struct rh_err *err)
{
	int e = rh_cmd_may(s, err);

	if (e >= 0)
		e = act(s, p, o, d, err);
	if (e < 0 || o->dry_run || o->no_wait)
		return e;
	/* Without the lock: the rebuild is the kernel's, and others may have work to do. */
	e = rh_replace_wait(s, p, o->json, err);
	if (e == -EINTR) {
		rh_setup_say(s, "the copy goes on by itself: look with rehome-setup pair");
		e = 0;
	}
	return e;
}

int rh_cmd_replace(const struct rh_setup_options *o)
{
	RH_STR struct rh_str out = {0};
	struct rh_pair p = {0};
	struct rh_err err = {{0}};
	struct rh_diags d = {0};
	struct rh_setup s;
	int r = rh_setup_open(&s, o->root, &err);

	rh_cmd_voices(&s, o->json);
	if (r >= 0)
		r = work(&s, &p, o, &d, &err);
	rh_diags_print(&d, stderr);
	if (r < 0)
		rh_cmd_failed(&s, err.text);
	else if (!o->dry_run)
		rh_setup_say(&s, p.whole ? "replace: both disks work"
					 : "replace: the copy is under way: rehome-setup pair");
	if (o->json && p.disks) {
		rh_pair_json(&p, &out);
		puts(rh_str_text(&out));
	}
	if (r >= 0 && !o->json && !o->dry_run)
		print_paper(&s);
	rh_diags_free(&d);
	rh_pair_free(&p);
	rh_setup_close(&s);
	return r < 0 ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plain text on a console; the contract is in console.h.
 *
 * A serial line begins like this whatever hangs on it: text, a line at a time, also fit for a log
 * that nobody reads before next week. Who wants the menu there types m.
 */
#include "builder/stick/console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "builder/stick/dialog.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

#define POLL_MS	   250
#define LINE_MAX_S 4096
#define SHOW_S	   15 /* between two lines of progress */
#define SHOW_PART  10 /* or every so many hundredths */

struct plain {
	const struct rh_console *c;
	struct rh_dialog dialog;
	struct rh_str typed; /* of a line that has no end yet */
	uint64_t shown;	     /* the number of the state on the screen; UINT64_MAX: none */
	unsigned part;	     /* hundredths shown */
	time_t part_at;
};

static void say(const struct rh_str *text)
{
	fputs(rh_str_text(text), stdout);
	fflush(stdout);
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void show_progress(struct plain *p, const struct rh_stick_state *s)
{
	RH_STR struct rh_str text = {0};
	unsigned part = s->total ? (unsigned)((double)s->pos * 100 / (double)s->total) : 0;

	if (!s->total || (part < p->part + SHOW_PART && seconds() - p->part_at < SHOW_S &&
			  (part < 100 || p->part >= 100)))
		return;
	p->part = part;
	p->part_at = seconds();
	rh_str_add(&text, "  ");
	rh_dialog_progress(s, &text);
	rh_str_addc(&text, '\n');
	say(&text);
}

static void show(struct plain *p, const struct rh_stick_state *s)
{
	RH_STR struct rh_str text = {0};

	if (p->shown == s->number) {
		show_progress(p, s);
		return;
	}
	p->shown = s->number;
	p->part = 0;
	p->part_at = seconds();
	rh_dialog_show(&p->dialog, s, &text);
	say(&text);
}

static int take_line(struct plain *p, const struct rh_stick_state *s, const char *line)
{
	RH_STR struct rh_str text = {0};
	struct rh_stick_request q = {0};
	struct rh_err err;
	enum rh_dialog_result got = rh_dialog_line(&p->dialog, s, line, &text, &q);

	if (got == RH_DIALOG_REQUEST) {
		q.from = rh_xstrdup(p->c->name);
		if (rh_stick_request_put(p->c->dir, &q, &err) < 0)
			rh_str_addf(&text, "%s\n", err.text);
		rh_stick_request_free(&q);
	}
	say(&text);
	return got == RH_DIALOG_MENU ? RH_CONSOLE_TO_MENU : 0;
}

/* What was typed; -EPIPE at the end of input, RH_CONSOLE_TO_MENU. */
static int take_input(struct plain *p, const struct rh_stick_state *s)
{
	struct pollfd fd = {STDIN_FILENO, POLLIN, 0};
	char buf[256];
	ssize_t n;
	int r = 0;

	if (poll(&fd, 1, POLL_MS) <= 0)
		return 0;
	n = read(STDIN_FILENO, buf, sizeof buf);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return -EPIPE;
	for (ssize_t i = 0; i < n && r == 0; i++) {
		if (buf[i] != '\n' && buf[i] != '\r') {
			if (buf[i] && p->typed.len < LINE_MAX_S)
				rh_str_addc(&p->typed, buf[i]);
			continue;
		}
		r = take_line(p, s, rh_str_text(&p->typed));
		rh_str_free(&p->typed);
	}
	return r;
}

static int run_plain(const struct rh_console *c, struct rh_err *err)
{
	struct plain p = {.c = c, .shown = UINT64_MAX};
	int r = 0;

	while (r == 0 && !rh_interrupted()) {
		struct rh_stick_state s = {0};
		struct rh_err ignored;

		if (rh_stick_state_read(c->dir, &s, &ignored) < 0) {
			poll(NULL, 0, POLL_MS); /* the service is not there yet */
			continue;
		}
		show(&p, &s);
		r = take_input(&p, &s);
		rh_stick_state_free(&s);
	}
	rh_str_free(&p.typed);
	return r < 0 ? rh_err_set(err, -r, "%s: there is nobody on this console", c->name) : r;
}

int rh_console_run(const struct rh_console *c, struct rh_err *err)
{
	int r = c->menu ? RH_CONSOLE_TO_MENU : RH_CONSOLE_TO_PLAIN;

	while (r > 0 && !rh_interrupted()) {
		bool menu = r == RH_CONSOLE_TO_MENU;

		r = menu ? rh_console_menu(c, err) : run_plain(c, err);
		if (menu && r < 0) { /* a terminal that newt does not know */
			fprintf(stderr, "%s\n", err->text);
			r = RH_CONSOLE_TO_PLAIN;
		}
	}
	return r < 0 ? r : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The full-screen menu of a console, by libnewt; the contract is in console.h.
 *
 * Every window has a timer, and looks at the state each time it goes off: when the service has
 * moved on (or the other console was first), the window closes and the one of the new state opens.
 */
#include <errno.h>
#include <newt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/stick/console.h"
#include "builder/stick/dialog.h"
#include "lib/core/proc.h"

#define TIMER_MS 300
#define WIDTH	 74
#define TEXT_MAX 10 /* lines of a text box */
#define LIST_MAX 8  /* lines of a list */

/* What a window ended with. */
enum end { STATE_CHANGED, PRESSED_1, PRESSED_2, PRESSED_3, ENDED };

struct menu {
	const struct rh_console *c;
	struct rh_stick_state s;
};

/* True when the state is another one than that of NUMBER. As long as it is the same, only its
 * progress is taken over: windows point into the rest. */
static bool refresh(struct menu *m, uint64_t number)
{
	struct rh_stick_state s = {0};
	struct rh_err ignored;

	if (rh_stick_state_read(m->c->dir, &s, &ignored) < 0)
		return false;
	if (s.number == m->s.number && s.number == number) {
		m->s.pos = s.pos;
		m->s.total = s.total;
		m->s.rate = s.rate;
		m->s.left = s.left;
		rh_stick_state_free(&s);
		return false;
	}
	rh_stick_state_free(&m->s);
	m->s = s;
	return s.number != number;
}

/* A text box as high as its text. */
static newtComponent text_box(const char *text, int *height)
{
	newtComponent box = newtTextboxReflowed(1, 1, (char *)text, WIDTH, 0, 0, 0);

	*height = newtTextboxGetNumLines(box);
	if (*height > TEXT_MAX) {
		newtComponentDestroy(box);
		*height = TEXT_MAX;
		box = newtTextbox(1, 1, WIDTH, TEXT_MAX, NEWT_FLAG_WRAP | NEWT_FLAG_SCROLL);
		newtTextboxSetText(box, text);
	}
	return box;
}

static void heading(const struct rh_stick_state *s, struct rh_str *out)
{
	rh_str_addf(out, "%s\n", s->text);
	for (size_t i = 0; i < s->faults.n; i++)
		rh_str_addf(out, "* %s\n", s->faults.v[i]);
}

static void send_request(struct menu *m, enum rh_stick_wish wish, const char *const serial[2])
{
	struct rh_stick_request q = {
	    .wish = wish, .number = m->s.number, .from = rh_xstrdup(m->c->name)};
	struct rh_err err;

	for (int i = 0; serial && i < 2; i++)
		q.serial[i] = rh_xstrdup(serial[i]);
	if (rh_stick_request_put(m->c->dir, &q, &err) < 0)
		newtWinMessage("Rehome", "OK", "%s", err.text);
	rh_stick_request_free(&q);
}

/* After a request: until the service has taken it up. */
static void wait_change(struct menu *m)
{
	uint64_t number = m->s.number;

	for (int i = 0; i < 100 && !rh_interrupted() && !refresh(m, number); i++)
		usleep(100 * 1000);
}

/* Run FORM until one of the N buttons is pressed or the state is another. */
static enum end run_form(struct menu *m, newtComponent form, const newtComponent *buttons, int n)
{
	uint64_t number = m->s.number;

	newtFormSetTimer(form, TIMER_MS);
	while (!rh_interrupted()) {
		struct newtExitStruct es;

		newtFormRun(form, &es);
		if (es.reason == NEWT_EXIT_ERROR)
			return ENDED;
		if (es.reason == NEWT_EXIT_COMPONENT)
			for (int i = 0; i < n; i++)
				if (es.u.co == buttons[i])
					return (enum end)(PRESSED_1 + i);
		if (es.reason == NEWT_EXIT_TIMER && refresh(m, number))
			return STATE_CHANGED;
	}
	return ENDED;
}

/* --- windows --- */

static enum end show_progress(struct menu *m)
{
	RH_STR struct rh_str text = {0};
	newtComponent form = newtForm(NULL, NULL, 0), box, scale, label;
	uint64_t number = m->s.number;
	int height;

	rh_str_addf(&text, "%s.\n\nDo not switch the machine off.", m->s.text);
	box = text_box(text.data, &height);
	newtCenteredWindow(WIDTH + 2, (unsigned)height + 5, "Rehome");
	scale = newtScale(1, height + 2, WIDTH, 1000);
	label = newtLabel(1, height + 3, "");
	newtFormAddComponents(form, box, scale, label, NULL);
	newtFormSetTimer(form, TIMER_MS);
	while (!rh_interrupted()) {
		RH_STR struct rh_str line = {0};
		struct newtExitStruct es;

		if (m->s.total)
			newtScaleSet(scale, (unsigned long long)((double)m->s.pos * 1000 /
								 (double)m->s.total));
		rh_dialog_progress(&m->s, &line);
		for (size_t i = line.len; i < WIDTH; i++)
			rh_str_addc(&line, ' ');
		newtLabelSetText(label, line.data);
		newtRefresh();
		newtFormRun(form, &es);
		if (es.reason == NEWT_EXIT_ERROR || refresh(m, number))
			break;
	}
	newtFormDestroy(form);
	newtPopWindow();
	return rh_interrupted() ? ENDED : STATE_CHANGED;
}

static void other_disks(const struct rh_stick_state *s, struct rh_str *out)
{
	for (size_t i = 0; i < s->disks.n; i++) {
		const struct rh_offer *d = &s->disks.v[i];

		if (!rh_offer_shown(d) || rh_offer_ok(d))
			continue;
		rh_str_add(out, "\nCannot be used: ");
		rh_dialog_disk(d, out);
		for (size_t k = 0; k < d->refused.n; k++)
			rh_str_addf(out, "; %s", d->refused.v[k]);
	}
}

static newtComponent disk_list(const struct rh_stick_state *s, int top, int *height)
{
	size_t n = rh_offers_ok(&s->disks);
	newtComponent list;

	*height = n > LIST_MAX ? LIST_MAX : n < 1 ? 1 : (int)n;
	list = newtCheckboxTree(1, top, *height, n > LIST_MAX ? NEWT_FLAG_SCROLL : 0);
	newtCheckboxTreeSetWidth(list, WIDTH);
	for (size_t i = 0; i < s->disks.n; i++) {
		const struct rh_offer *d = &s->disks.v[i];
		RH_STR struct rh_str line = {0};

		if (!rh_offer_ok(d))
			continue;
		rh_dialog_disk(d, &line);
		rh_str_addf(&line, "  holds %s",
			    d->installed   ? "this very pair"
			    : d->content.n ? d->content.v[0]
					   : "nothing known");
		if (d->content.n > 1 && !d->installed)
			rh_str_addf(&line, " and %zu more", d->content.n - 1);
		if (line.len > WIDTH - 6)
			line.data[WIDTH - 6] = '\0';
		newtCheckboxTreeAddItem(list, line.data, d, 0, NEWT_ARG_APPEND, NEWT_ARG_LAST);
	}
	return list;
}

/* Type both serials. True when they are right and it is to be done. */
static bool confirm(struct menu *m, const struct rh_offer *const d[2])
{
	RH_STR struct rh_str text = {0};
	newtComponent form = newtForm(NULL, NULL, 0), box, entry[2], button[2];
	const char *typed[2] = {NULL, NULL};
	int height;
	bool yes;

	rh_str_add(&text, "All that is on these two disks will be erased:\n");
	for (int i = 0; i < 2; i++) {
		rh_dialog_disk(d[i], &text);
		rh_str_addc(&text, '\n');
	}
	rh_str_add(&text, "Type the serial number of the one and of the other.");
	box = text_box(text.data, &height);
	newtCenteredWindow(WIDTH + 2, (unsigned)height + 9, "Erase both disks");
	newtFormAddComponent(form, box);
	for (int i = 0; i < 2; i++) {
		entry[i] = newtEntry(16, height + 2 + i, "", 50, &typed[i], NEWT_FLAG_SCROLL);
		newtFormAddComponents(form, newtLabel(1, height + 2 + i, d[i]->kname), entry[i],
				      NULL);
	}
	button[0] = newtButton(8, height + 5, "Erase both and install");
	button[1] = newtButton(48, height + 5, "Back");
	newtFormAddComponents(form, button[0], button[1], NULL);
	yes = run_form(m, form, button, 2) == PRESSED_1;
	for (int i = 0; yes && i < 2; i++)
		if (!typed[i] || strcmp(typed[i], d[i]->serial) != 0) {
			newtWinMessage("Rehome", "Back",
				       "The serial number of %s is another one. Nothing was "
				       "written.",
				       d[i]->kname);
			yes = false;
		}
	newtFormDestroy(form);
	newtPopWindow();
	return yes;
}

static void chosen(struct menu *m, newtComponent list)
{
	const struct rh_offer *d[2];
	const char *serial[2];
	const void **picked;
	int n = 0;

	picked = newtCheckboxTreeGetSelection(list, &n);
	if (n != 2) {
		newtWinMessage("Rehome", "Back",
			       "Mark two disks with the space bar: a pair is written to two.");
		free(picked);
		return;
	}
	for (int i = 0; i < 2; i++)
		d[i] = picked[i];
	free(picked);
	if (confirm(m, d)) { /* the state is still the same */
		serial[0] = d[0]->serial;
		serial[1] = d[1]->serial;
		send_request(m, RH_WISH_WRITE, serial);
		wait_change(m);
	}
}

static int show_choice(struct menu *m)
{
	RH_STR struct rh_str text = {0};
	newtComponent form = newtForm(NULL, NULL, 0), box, list, button[3];
	int height, rows;
	enum end end;

	heading(&m->s, &text);
	rh_str_add(&text, "Mark the two disks with the space bar.");
	other_disks(&m->s, &text);
	box = text_box(text.data, &height);
	list = disk_list(&m->s, height + 2, &rows);
	newtCenteredWindow(WIDTH + 2, (unsigned)(height + rows + 7), "Rehome");
	button[0] = newtButton(4, height + rows + 3, "Continue");
	button[1] = newtButton(24, height + rows + 3, "Look again");
	button[2] = newtButton(46, height + rows + 3, "Plain text");
	newtFormAddComponents(form, list, button[0], button[1], button[2], box, NULL);
	end = run_form(m, form, button, 3);
	if (end == PRESSED_1)
		chosen(m, list);
	newtFormDestroy(form);
	newtPopWindow();
	if (end == PRESSED_2) {
		send_request(m, RH_WISH_LOOK, NULL);
		wait_change(m);
	}
	return end == PRESSED_3 ? RH_CONSOLE_TO_PLAIN : end == ENDED ? RH_CONSOLE_ENDED : -1;
}

static int show_end(struct menu *m)
{
	RH_STR struct rh_str text = {0};
	newtComponent form = newtForm(NULL, NULL, 0), box, button[2];
	bool failed = m->s.phase == RH_STICK_FAILED;
	int height, n = failed ? 2 : 1;
	enum end end;

	heading(&m->s, &text);
	box = text_box(text.data, &height);
	newtCenteredWindow(WIDTH + 2, (unsigned)height + 6, "Rehome");
	button[0] = newtButton(8, height + 2, "Restart");
	button[1] = failed ? newtButton(30, height + 2, "Look again") : NULL;
	newtFormAddComponent(form, button[0]);
	if (failed)
		newtFormAddComponent(form, button[1]);
	newtFormAddComponent(form, box);
	end = run_form(m, form, button, n);
	newtFormDestroy(form);
	newtPopWindow();
	if (end == PRESSED_1 || end == PRESSED_2) {
		send_request(m, end == PRESSED_1 ? RH_WISH_REBOOT : RH_WISH_LOOK, NULL);
		wait_change(m);
	}
	return end == ENDED ? RH_CONSOLE_ENDED : -1;
}

static int show(struct menu *m)
{
	switch (m->s.phase) {
	case RH_STICK_CHOOSE:
		return show_choice(m);
	case RH_STICK_DONE:
	case RH_STICK_FAILED:
		return show_end(m);
	default:
		return show_progress(m) == ENDED ? RH_CONSOLE_ENDED : -1;
	}
}

int rh_console_menu(const struct rh_console *c, struct rh_err *err)
{
	struct menu m = {.c = c};
	const char *term = getenv("TERM");
	int end = -1;

	if (!isatty(STDIN_FILENO) || !term || !*term || !strcmp(term, "dumb"))
		return rh_err_set(err, ENOTTY, "%s: no terminal for the menu (TERM is %s)", c->name,
				  term ? term : "not set");
	while (!rh_interrupted() && !refresh(&m, UINT64_MAX))
		usleep(TIMER_MS * 1000);
	newtInit();
	newtCls();
	newtDrawRootText(0, 0, "Rehome: install a pair of disks");
	newtPushHelpLine("  Tab: next   Space: mark   Enter: press   - all serial numbers stand on "
			 "the disks' labels");
	while (end < 0 && !rh_interrupted())
		end = show(&m);
	newtFinished();
	rh_stick_state_free(&m.s);
	return end < 0 ? RH_CONSOLE_ENDED : end;
}

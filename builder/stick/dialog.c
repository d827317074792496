// SPDX-License-Identifier: GPL-2.0-or-later
/* Questions in plain text; the contract is in dialog.h. */
#include "builder/stick/dialog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void rh_dialog_disk(const struct rh_offer *d, struct rh_str *out)
{
	char size[16];

	rh_offer_size(d->size, size);
	rh_str_addf(out, "%s  %s  serial %s  %s", d->kname, *d->model ? d->model : "(no model)",
		    *d->serial ? d->serial : "(none)", size);
}

void rh_dialog_progress(const struct rh_stick_state *s, struct rh_str *out)
{
	char size[16];

	if (!s->total) {
		rh_str_add(out, "...");
		return;
	}
	rh_offer_size(s->total, size);
	rh_str_addf(out, "%3u %% of %s", (unsigned)((double)s->pos * 100 / (double)s->total), size);
	if (s->rate)
		rh_str_addf(out, ", %llu MB/s", (unsigned long long)(s->rate / 1000000));
	if (s->left >= 60)
		rh_str_addf(out, ", %u min %u s left", s->left / 60, s->left % 60);
	else if (s->left)
		rh_str_addf(out, ", %u s left", s->left);
}

static void show_disks(const struct rh_stick_state *s, struct rh_str *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->disks.n; i++) {
		const struct rh_offer *d = &s->disks.v[i];

		if (!rh_offer_shown(d))
			continue;
		if (rh_offer_ok(d))
			rh_str_addf(out, "  %zu: ", ++n);
		else
			rh_str_add(out, "  -: ");
		rh_dialog_disk(d, out);
		rh_str_addc(out, '\n');
		if (d->installed)
			rh_str_add(out, "       this pair is installed on it already\n");
		for (size_t k = 0; k < d->content.n; k++)
			rh_str_addf(out, "       holds %s\n", d->content.v[k]);
		if (!d->content.n && rh_offer_ok(d))
			rh_str_add(out, "       holds nothing that is known\n");
		for (size_t k = 0; k < d->refused.n; k++)
			rh_str_addf(out, "       cannot be used: %s\n", d->refused.v[k]);
	}
	if (!n)
		rh_str_add(out, "  No disk can be used.\n");
}

/* The N-th (from 1) that may be written; -ENOENT. */
static int nth(const struct rh_stick_state *s, const char *text, size_t *index)
{
	char *end;
	unsigned long want = strtoul(text, &end, 10), n = 0;

	if (end == text || *end)
		return -ENOENT;
	for (size_t i = 0; i < s->disks.n; i++)
		if (rh_offer_ok(&s->disks.v[i]) && rh_offer_shown(&s->disks.v[i]) && ++n == want) {
			*index = i;
			return 0;
		}
	return -ENOENT;
}

static void ask(const struct rh_dialog *g, const struct rh_stick_state *s, struct rh_str *out)
{
	switch (g->step) {
	case RH_ASK_FIRST:
		rh_str_add(out, "Number of the first disk (l: look again, r: restart, m: menu)> ");
		break;
	case RH_ASK_SECOND:
		rh_str_add(out, "Number of the second disk (c: cancel)> ");
		break;
	case RH_ASK_SERIAL_1:
	case RH_ASK_SERIAL_2: {
		const struct rh_offer *d = &s->disks.v[g->pick[g->step - RH_ASK_SERIAL_1]];

		rh_str_addf(out,
			    "All that is on %s (%s) will be erased.\n"
			    "Type its serial number, or c to cancel> ",
			    d->kname, *d->model ? d->model : "no model");
		break;
	}
	case RH_ASK_SURE:
		rh_str_add(out, "Type yes to erase both and install, or c to cancel> ");
		break;
	}
}

void rh_dialog_show(struct rh_dialog *g, const struct rh_stick_state *s, struct rh_str *out)
{
	*g = (struct rh_dialog){.number = s->number};
	rh_str_addf(out, "\nRehome%s%s: %s\n", *s->recipe ? " " : "", s->recipe, s->text);
	for (size_t i = 0; i < s->faults.n; i++)
		rh_str_addf(out, "  * %s\n", s->faults.v[i]);
	if (s->phase == RH_STICK_CHOOSE) {
		show_disks(s, out);
		ask(g, s, out);
	} else if (s->phase == RH_STICK_DONE && s->reboot_in) {
		rh_str_add(out, "Enter restarts at once> ");
	} else if (s->phase == RH_STICK_DONE) {
		rh_str_add(out, "Remove the stick and press Enter to restart> ");
	} else if (s->phase == RH_STICK_FAILED) {
		rh_str_add(out, "Enter: look again (r: restart)> ");
	}
}

static enum rh_dialog_result request(struct rh_dialog *g, enum rh_stick_wish wish,
				     struct rh_stick_request *q)
{
	*q = (struct rh_stick_request){.wish = wish, .number = g->number};
	return RH_DIALOG_REQUEST;
}

/* The disk's serial must be typed as it is; blanks around it are the terminal's. */
static bool same_serial(const char *typed, const char *serial)
{
	size_t n;

	while (*typed == ' ')
		typed++;
	n = strlen(typed);
	while (n && (typed[n - 1] == ' ' || typed[n - 1] == '\r'))
		n--;
	return n && n == strlen(serial) && !memcmp(typed, serial, n);
}

static void take_number(struct rh_dialog *g, const struct rh_stick_state *s, const char *line,
			struct rh_str *out)
{
	int k = g->step == RH_ASK_SECOND;

	if (nth(s, line, &g->pick[k]) < 0) {
		rh_str_add(out, "There is no such number.\n");
	} else if (k && g->pick[0] == g->pick[1]) {
		rh_str_add(out, "That is the first disk once more: two are needed.\n");
	} else {
		g->step++;
	}
}

/* In "choose". */
static enum rh_dialog_result answer(struct rh_dialog *g, const struct rh_stick_state *s,
				    const char *line, struct rh_str *out,
				    struct rh_stick_request *q)
{
	int k = g->step == RH_ASK_SERIAL_2;

	if (!strcmp(line, "c")) {
		g->step = RH_ASK_FIRST;
	} else if (g->step == RH_ASK_FIRST && !strcmp(line, "l")) {
		return request(g, RH_WISH_LOOK, q);
	} else if (g->step == RH_ASK_FIRST && !strcmp(line, "r")) {
		return request(g, RH_WISH_REBOOT, q);
	} else if (g->step == RH_ASK_FIRST && !strcmp(line, "m")) {
		return RH_DIALOG_MENU;
	} else if (g->step <= RH_ASK_SECOND) {
		take_number(g, s, line, out);
	} else if (g->step == RH_ASK_SURE) {
		if (!strcmp(line, "yes")) {
			request(g, RH_WISH_WRITE, q);
			for (int i = 0; i < 2; i++)
				q->serial[i] = rh_xstrdup(s->disks.v[g->pick[i]].serial);
			return RH_DIALOG_REQUEST;
		}
	} else if (same_serial(line, s->disks.v[g->pick[k]].serial)) {
		g->step++;
	} else {
		rh_str_add(out, "That is not its serial number: nothing was written.\n");
		g->step = RH_ASK_FIRST;
	}
	ask(g, s, out);
	return RH_DIALOG_GOES_ON;
}

enum rh_dialog_result rh_dialog_line(struct rh_dialog *g, const struct rh_stick_state *s,
				     const char *line, struct rh_str *out,
				     struct rh_stick_request *q)
{
	RH_FREE char *text = rh_xstrdup(line);
	size_t n = strlen(text);

	while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
		text[--n] = '\0';
	if (g->number != s->number)
		return RH_DIALOG_GOES_ON; /* typed before what is now on the screen */
	switch (s->phase) {
	case RH_STICK_CHOOSE:
		return answer(g, s, text, out, q);
	case RH_STICK_DONE:
		return request(g, RH_WISH_REBOOT, q);
	case RH_STICK_FAILED:
		return request(g, !strcmp(text, "r") ? RH_WISH_REBOOT : RH_WISH_LOOK, q);
	default:
		return RH_DIALOG_GOES_ON;
	}
}

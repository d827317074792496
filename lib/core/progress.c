// SPDX-License-Identifier: GPL-2.0-or-later
/* Steps with weights, drawn three ways; the contract is in progress.h. */
#include "lib/core/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/file.h"

struct step {
	char *name, *text;
	double weight, took; /* seconds, expected and real */
	bool done;
};

struct rh_progress {
	struct step *steps;
	size_t n, cap;
	struct step *now;
	double start, begun, drawn;
	uint64_t pos, total;
	int json_fd;
	bool quiet, tty, line_open;
};

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct rh_progress *rh_progress_new(int json_fd, bool quiet)
{
	struct rh_progress *p = rh_xalloc(sizeof *p);

	p->json_fd = json_fd;
	p->quiet = quiet;
	p->tty = isatty(STDERR_FILENO);
	p->start = seconds();
	return p;
}

void rh_progress_free(struct rh_progress **p)
{
	if (!*p)
		return;
	if ((*p)->line_open)
		fputs("\r\033[K", stderr);
	for (size_t i = 0; i < (*p)->n; i++) {
		free((*p)->steps[i].name);
		free((*p)->steps[i].text);
	}
	free((*p)->steps);
	free(*p);
	*p = NULL;
}

static struct step *find(struct rh_progress *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->steps[i].name, name))
			return &p->steps[i];
	return NULL;
}

void rh_progress_plan(struct rh_progress *p, const char *name, const char *text, double weight)
{
	struct step *s;

	RH_GROW(p->steps, p->n, p->cap);
	s = &p->steps[p->n++];
	*s = (struct step){.name = rh_xstrdup(name), .text = rh_xstrdup(text), .weight = weight};
}

static double fraction(const struct rh_progress *p)
{
	double f = p->total ? (double)p->pos / (double)p->total : 0;

	if (!p->total && p->now && p->now->weight > 0) {
		f = (seconds() - p->begun) / p->now->weight;
		f = f > 0.95 ? 0.95 : f;
	}
	return f > 1 ? 1 : f;
}

/* Overall fraction, and the seconds left: the weights of what is left, scaled by how the finished
 * steps compared with theirs. */
static double overall(const struct rh_progress *p, double *left)
{
	double all = 0, done = 0, took = 0, finished = 0, f, scale;

	for (size_t i = 0; i < p->n; i++) {
		all += p->steps[i].weight;
		if (p->steps[i].done) {
			done += p->steps[i].weight;
			finished += p->steps[i].weight;
			took += p->steps[i].took;
		}
	}
	if (p->now && !p->now->done) {
		f = fraction(p);
		done += p->now->weight * f;
		if (f > 0.1) {
			finished += p->now->weight * f;
			took += seconds() - p->begun;
		}
	}
	scale = finished > 0 ? took / finished : 1;
	*left = (all - done) * scale;
	return all > 0 ? done / all : 0;
}

static void json_line(struct rh_progress *p, const char *text)
{
	RH_STR struct rh_str s = {0};
	double left, all = overall(p, &left);

	if (p->json_fd < 0)
		return;
	rh_str_addf(
	    &s,
	    "{\"step\":\"%s\",\"done\":%.3f,\"overall\":%.3f,\"seconds\":%.1f,\"left\":%.0f,\"text\":\"",
	    p->now ? p->now->name : "", p->now && p->now->done ? 1.0 : fraction(p), all,
	    seconds() - p->start, left);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			rh_str_addc(&s, '\\');
		if ((unsigned char)*text >= 0x20)
			rh_str_addc(&s, *text);
	}
	rh_str_add(&s, "\"}\n");
	if (rh_write_all(p->json_fd, s.data, s.len, NULL) < 0)
		p->json_fd = -1; /* the reader has gone: go on without it */
}

static void tty_line(struct rh_progress *p, const char *note)
{
	struct winsize ws = {.ws_col = 80};
	RH_STR struct rh_str s = {0};
	double left, all = overall(p, &left);
	int width;

	ioctl(STDERR_FILENO, TIOCGWINSZ, &ws);
	width = ws.ws_col > 20 ? ws.ws_col - 1 : 79;
	rh_str_addf(&s, "%3.0f%%  %s", all * 100, p->now->text);
	if (p->total)
		rh_str_addf(&s, " %.0f%%", fraction(p) * 100);
	if (note && *note)
		rh_str_addf(&s, "  %s", note);
	rh_str_addf(&s, "  %d:%02d left", (int)left / 60, (int)left % 60);
	fprintf(stderr, "\r%.*s\033[K", width, s.data);
	fflush(stderr);
	p->line_open = true;
}

static void draw(struct rh_progress *p, const char *note, bool force)
{
	double t = seconds();

	if (!p->now || (!force && t - p->drawn < (p->tty ? 0.1 : 1.0)))
		return;
	p->drawn = t;
	if (p->tty && !p->quiet)
		tty_line(p, note);
	json_line(p, note ? note : p->now->text);
}

static void clear_line(struct rh_progress *p)
{
	if (p->line_open)
		fputs("\r\033[K", stderr);
	p->line_open = false;
}

void rh_progress_begin(struct rh_progress *p, const char *name)
{
	struct step *s = find(p, name);

	if (!s) {
		rh_progress_plan(p, name, name, 1);
		s = &p->steps[p->n - 1];
	}
	p->now = s;
	p->begun = seconds();
	p->pos = p->total = 0;
	if (!p->tty && !p->quiet)
		fprintf(stderr, "%s …\n", s->text);
	draw(p, NULL, true);
}

void rh_progress_at(struct rh_progress *p, uint64_t pos, uint64_t total, const char *note)
{
	p->pos = pos;
	p->total = total;
	draw(p, note, false);
}

void rh_progress_end(struct rh_progress *p, bool ok)
{
	if (!p->now)
		return;
	p->now->took = seconds() - p->begun;
	p->now->done = ok;
	clear_line(p);
	if (!p->quiet)
		fprintf(stderr, "%s: %s, %.1f s\n", p->now->text, ok ? "done" : "FAILED",
			p->now->took);
	json_line(p, ok ? "done" : "failed");
	p->now = NULL;
}

void rh_progress_say(struct rh_progress *p, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	clear_line(p);
	if (text && !p->quiet)
		fprintf(stderr, "%s\n", text);
	if (text)
		json_line(p, text);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of faults and the search for the word that was meant; the contract is in diag.h. */
#include "lib/core/diag.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void rh_diag_add(struct rh_diags *d, const char *file, unsigned line, const char *where,
		 const char *hint, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	struct rh_diag *one;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!d->arena)
		d->arena = rh_arena_new();
	RH_GROW(d->v, d->n, d->cap);
	one = &d->v[d->n++];
	one->file = rh_arena_strdup(d->arena, file ? file : "");
	one->line = line;
	one->where = rh_arena_strdup(d->arena, where ? where : "");
	one->text = rh_arena_strdup(d->arena, text ? text : fmt);
	one->hint = rh_arena_strdup(d->arena, hint ? hint : "");
}

static int diag_cmp(const void *pa, const void *pb)
{
	const struct rh_diag *a = pa, *b = pb;
	int c = strcmp(a->file, b->file);

	if (c)
		return c;
	return a->line < b->line ? -1 : a->line > b->line;
}

void rh_diags_sort(struct rh_diags *d)
{
	/* Insertion keeps equal ones in order; a list of faults is short. */
	for (size_t i = 1; i < d->n; i++) {
		struct rh_diag one = d->v[i];
		size_t j = i;

		for (; j > 0 && diag_cmp(&d->v[j - 1], &one) > 0; j--)
			d->v[j] = d->v[j - 1];
		d->v[j] = one;
	}
}

void rh_diags_print(const struct rh_diags *d, FILE *out)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct rh_diag *one = &d->v[i];

		fputs(one->file, out);
		if (one->line)
			fprintf(out, ":%u", one->line);
		fputs(": ", out);
		if (*one->where)
			fprintf(out, "%s: ", one->where);
		fprintf(out, "%s\n", one->text);
		if (*one->hint)
			fprintf(out, "    %s\n", one->hint);
	}
}

void rh_diags_free(struct rh_diags *d)
{
	free(d->v);
	rh_arena_free(&d->arena);
	*d = (struct rh_diags){0};
}

/* Optimal string alignment distance (insert, delete, replace, swap neighbours), cut off at MAX. */
static size_t edit_distance(const char *a, const char *b, size_t max)
{
	size_t la = strlen(a), lb = strlen(b), rows[3][66];

	if (la > 64 || lb > 64 || (la > lb ? la - lb : lb - la) > max)
		return max + 1;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[la % 3][lb];
}

const char *rh_did_you_mean(const char *word, const char *const *names, size_t n)
{
	size_t best = strlen(word) / 3;
	const char *found = NULL;

	if (best < 1)
		best = 1;
	for (size_t i = 0; i < n; i++) {
		size_t d = edit_distance(word, names[i], best);

		if (d <= best && (!found || d < best)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

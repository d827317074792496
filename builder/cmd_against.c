// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome verify PAIR --against OTHER: are two pairs the same? */
#include <inttypes.h>
#include <stdio.h>

#include "builder/cmd.h"
#include "builder/compare.h"

/* A person reads the first lines; a program asks for --json. */
#define SHOWN 20

static void print_json(const struct rh_comparison *c)
{
	struct json_object *o = rh_comparison_json(c);

	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void print_text(const struct rh_comparison *c)
{
	size_t n = c->n < SHOWN ? c->n : SHOWN;

	if (c->other_keys)
		puts("note: the two were made from different inputs");
	for (size_t i = 0; i < n; i++)
		printf("%s: %s\n", c->v[i].where, c->v[i].what);
	if (c->unread)
		printf("the files were not looked at: %s\n", c->unread);
	if (c->count > n)
		printf("and %" PRIu64 " more\n", c->count - n);
	if (c->count)
		printf("different: %" PRIu64 " difference%s; the first: %s\n", c->count,
		       c->count == 1 ? "" : "s", c->v[0].where);
	else if (c->identical)
		puts("the same, bit by bit");
	else
		printf("the same: tables, boot areas, EFI system partitions and md metadata bit by "
		       "bit, volumes and %" PRIu64 " files by content\n",
		       c->files);
}

int rh_cmd_against(const char *pair, const char *other, bool json, bool quiet)
{
	struct rh_progress *progress = rh_progress_new(-1, quiet);
	struct rh_comparison c;
	struct rh_err err;
	int r = rh_compare_pairs(pair, other, progress, &c, &err), status;

	rh_progress_free(&progress);
	if (r < 0) {
		fprintf(stderr, "rehome verify: %s\n", err.text);
		return 1;
	}
	if (json)
		print_json(&c);
	else
		print_text(&c);
	status = c.count ? 1 : 0;
	rh_comparison_free(&c);
	return status;
}

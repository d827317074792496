/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rehome check: every fault of the recipes and their overlays, or one line on what they would give.
 *
 * Faults go to stderr and the summary to stdout; with --json both are one document on stdout. An
 * overlay that two recipes share is reported once.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "builder/cmd.h"
#include "builder/datadir.h"
#include "builder/sizes.h"
#include "lib/json.h"

static const char usage[] =
    "usage: rehome check [--json] [--data DIR] RECIPE...\n"
    "\n"
    "Find every fault of each recipe and of the overlays that it names, before anything is made.\n"
    "RECIPE is a file, or the name of one in DIR/recipes.\n"
    "\n"
    "  --json      one JSON document on standard output instead of text\n"
    "  --data DIR  the folder that holds recipes/ and overlays/\n"
    "  --help      this text\n"
    "\n"
    "exit status: 0 no fault, 1 faults, 2 wrong usage\n"
    "\n"
    "examples:\n"
    "  rehome check z440\n"
    "  rehome check --data . recipes/*.json\n"
    "  rehome check --json z440 | jq '.faults[].text'\n";

struct outcome {
	struct rh_diags faults;
	struct json_object *recipes; /* summaries, for --json */
	struct rh_str text;	     /* the same for people */
};

static struct json_object *summary_json(const struct rh_plan *p)
{
	const struct rh_disk_sizes *s = &p->recipe.disk;
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *disk = json_object_new_object();

	rh_json_add_str(o, "recipe", p->recipe.path);
	rh_json_add_str(o, "name", p->recipe.name);
	for (size_t i = 0; i < p->n_overlays; i++)
		json_object_array_add(list, json_object_new_string(p->overlays[i].name));
	json_object_object_add(o, "overlays", list);
	rh_json_add_int(o, "packages", p->packages.n);
	rh_json_add_int(disk, "size", s->disk);
	rh_json_add_int(disk, "esp", s->esp);
	rh_json_add_int(disk, "boot", s->boot);
	rh_json_add_int(disk, "root", s->root);
	rh_json_add_int(disk, "var", s->var);
	rh_json_add_int(disk, "swap", s->swap);
	rh_json_add_int(disk, "mail", rh_mail_bytes(s));
	json_object_object_add(o, "disk", disk);
	return o;
}

static void summary_text(const struct rh_plan *p, struct rh_str *out)
{
	const struct rh_disk_sizes *s = &p->recipe.disk;
	struct rh_arena *a = p->arena;

	rh_str_addf(
	    out,
	    "%s: no fault: %zu overlay%s, %zu package%s; disk %s: esp %s, boot %s, root %s, "
	    "var %s, swap %s, %s left for mail\n",
	    p->recipe.name, p->n_overlays, p->n_overlays == 1 ? "" : "s", p->packages.n,
	    p->packages.n == 1 ? "" : "s", rh_size_text(a, s->disk), rh_size_text(a, s->esp),
	    rh_size_text(a, s->boot), rh_size_text(a, s->root), rh_size_text(a, s->var),
	    rh_size_text(a, s->swap), rh_size_text(a, rh_mail_bytes(s)));
}

static void check_one(const char *data_dir, const char *arg, struct outcome *out)
{
	struct rh_err err = {0};
	struct rh_plan *plan = NULL;
	RH_FREE char *path = NULL;
	size_t before = out->faults.n;

	if (rh_recipe_path(data_dir, arg, &path, &err) < 0) {
		rh_diag_add(&out->faults, arg, 0, "", "", "%s", err.text);
		return;
	}
	if (rh_plan_load(path, data_dir, &plan, &out->faults, &err) < 0) {
		if (out->faults.n == before) /* no fault of the recipe: the data folder is broken */
			rh_diag_add(&out->faults, data_dir, 0, "",
				    "--data names the folder that holds recipes/ and overlays/",
				    "%s", err.text);
		return;
	}
	json_object_array_add(out->recipes, summary_json(plan));
	summary_text(plan, &out->text);
	rh_plan_free(&plan);
}

static bool same(const struct rh_diag *a, const struct rh_diag *b)
{
	return a->line == b->line && strcmp(a->file, b->file) == 0 &&
	       strcmp(a->where, b->where) == 0 && strcmp(a->text, b->text) == 0;
}

/* Sorted, and each once. */
static void tidy(struct rh_diags *d)
{
	size_t n = 0;

	rh_diags_sort(d);
	for (size_t i = 0; i < d->n; i++) {
		bool seen = false;

		for (size_t k = n; !seen && k > 0 && d->v[k - 1].line == d->v[i].line; k--)
			seen = same(&d->v[k - 1], &d->v[i]);
		if (!seen)
			d->v[n++] = d->v[i];
	}
	d->n = n;
}

static void print_json(const struct outcome *out)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < out->faults.n; i++) {
		const struct rh_diag *d = &out->faults.v[i];
		struct json_object *f = json_object_new_object();

		rh_json_add_str(f, "file", d->file);
		rh_json_add_int(f, "line", d->line);
		rh_json_add_str(f, "path", d->where);
		rh_json_add_str(f, "text", d->text);
		rh_json_add_str(f, "hint", d->hint);
		json_object_array_add(list, f);
	}
	json_object_object_add(o, "ok", json_object_new_boolean(out->faults.n == 0));
	json_object_object_add(o, "recipes", json_object_get(out->recipes));
	json_object_object_add(o, "faults", list);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int check_all(const char *data_dir, bool json, int n, char **args)
{
	struct outcome out = {.recipes = json_object_new_array()};
	int status;

	for (int i = 0; i < n; i++)
		check_one(data_dir, args[i], &out);
	tidy(&out.faults);
	status = out.faults.n > 0;
	if (json) {
		print_json(&out);
	} else {
		fputs(rh_str_text(&out.text), stdout);
		rh_diags_print(&out.faults, stderr);
		if (out.faults.n > 0)
			fprintf(stderr, "%zu fault%s\n", out.faults.n,
				out.faults.n == 1 ? "" : "s");
	}
	rh_diags_free(&out.faults);
	rh_str_free(&out.text);
	json_object_put(out.recipes);
	return status;
}

int rh_cmd_check(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
					      {"data", required_argument, NULL, 'd'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	RH_FREE char *found = NULL;
	const char *data = NULL;
	struct rh_err err;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j') {
			json = true;
		} else if (c == 'd') {
			data = optarg;
		} else if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		} else {
			return 2;
		}
	}
	if (optind == argc) {
		fputs("rehome check: name at least one recipe; see rehome check --help\n", stderr);
		return 2;
	}
	if (!data && rh_data_dir(&found, &err) < 0) {
		fprintf(stderr, "rehome check: %s\n", err.text);
		return 1;
	}
	return check_all(data ?: found, json, argc - optind, argv + optind);
}

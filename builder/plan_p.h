/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to recipe.c, overlay.c, clash.c and plan.c: a plan while it is being read.
 *
 * Order of calls: rh_recipe_read(), rh_overlay_read() for each name, then the checks across
 * overlays. Each adds its faults to D; the values that a faulty document leaves out stay zero, and
 * every check passes over them, because the schema has already complained.
 */
#pragma once

#include "builder/plan.h"
#include "lib/schema.h"

struct rh_loaded {
	struct rh_overlay o;
	struct rh_json *doc; /* NULL when overlay.json could not be read */
	const char *shown;   /* the folder's name in diagnostics */
	size_t at;	     /* index in the recipe's list */
	bool done;	     /* while sorting */
};

struct rh_loading {
	struct rh_arena *arena;
	const char *data_dir;
	struct rh_schema *recipe_schema, *overlay_schema;
	struct rh_diags *d;
	struct rh_json *recipe_doc;
	struct rh_recipe recipe;
	struct rh_strv known; /* the folders in overlays/ */
	struct rh_loaded *v;  /* in recipe order */
	size_t n, cap;
};

/* -EINVAL when nothing of it could be read. */
RH_CHECKED int rh_recipe_read(struct rh_loading *l, const char *path);

/* Reads the folder of NAME, which stands in the recipe at INDEX, and appends it to L->v. */
void rh_overlay_read(struct rh_loading *l, const char *name, size_t index);

/* What two overlays may not both bring: paths; ports, users, secrets, units, debconf answers. */
void rh_clash_paths(struct rh_loading *l);
void rh_clash_names(struct rh_loading *l);

/* A fault at WHERE in DOC. */
void rh_fault(struct rh_diags *d, const struct rh_json *doc, const char *where, const char *hint,
	      const char *fmt, ...) RH_PRINTF(5, 6);

/* "did you mean" or "there are: …" among NAMES; lives in ARENA. */
const char *rh_hint_names(struct rh_arena *arena, const char *word, const struct rh_strv *names);

/* The strings of the array KEY in O. */
struct rh_list rh_list_of(struct rh_arena *arena, struct json_object *o, const char *key);
/* The length of the array KEY in O (0 when it is none), and an element. */
size_t rh_array_len(struct json_object *o, const char *key);
struct json_object *rh_array_at(struct json_object *o, const char *key, size_t i);

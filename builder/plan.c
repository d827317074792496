/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: recipe, then overlays, then what holds across them, then the order.
 *
 * Nothing here writes. Each check adds its faults and the next one runs, so that one call shows
 * everything; the plan exists only when there was none.
 *
 * Trap: the order must not depend on anything but the recipe and "needs": of the overlays that may
 * come next, the first in the recipe does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "builder/plan_p.h"
#include "lib/core/file.h"

struct store { /* what rh_plan_free() has to release; the plan is its first member */
	struct rh_plan plan;
	struct rh_json **docs;
	size_t n_docs;
};

void rh_fault(struct rh_diags *d, const struct rh_json *doc, const char *where, const char *hint,
	      const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	rh_diag_add(d, rh_json_name(doc), rh_json_line(doc, where), where, hint, "%s",
		    text ?: "out of memory");
}

const char *rh_hint_names(struct rh_arena *arena, const char *word, const struct rh_strv *names)
{
	const char *near = rh_did_you_mean(word, (const char *const *)names->v, names->n);
	RH_STR struct rh_str all = {0};

	if (near)
		return rh_arena_printf(arena, "did you mean \"%s\"?", near);
	for (size_t i = 0; i < names->n; i++)
		rh_str_addf(&all, "%s%s", i > 0 ? ", " : "", names->v[i]);
	return rh_arena_printf(arena, "there are: %s", names->n > 0 ? all.data : "none");
}

size_t rh_array_len(struct json_object *o, const char *key)
{
	struct json_object *a = rh_json_get(o, key);

	return json_object_is_type(a, json_type_array) ? json_object_array_length(a) : 0;
}

struct json_object *rh_array_at(struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(rh_json_get(o, key), i);
}

struct rh_list rh_list_of(struct rh_arena *arena, struct json_object *o, const char *key)
{
	size_t n = rh_array_len(o, key);
	struct rh_list out = {.v = rh_arena_alloc(arena, (n + 1) * sizeof *out.v)};

	for (size_t i = 0; i < n; i++) {
		struct json_object *s = rh_array_at(o, key, i);

		if (json_object_is_type(s, json_type_string))
			out.v[out.n++] = json_object_get_string(s);
	}
	return out;
}

/* The folders in overlays/: what "did you mean" chooses from. */
static int list_known(struct rh_loading *l, struct rh_err *err)
{
	const char *dir = rh_arena_printf(l->arena, "%s/overlays", l->data_dir);
	RH_STRV struct rh_strv names = {0};
	int r = rh_list_dir(AT_FDCWD, dir, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (names.v[i][0] != '.')
			rh_strv_add(&l->known, names.v[i]);
	return r;
}

/* Is it a name that the schema's pattern accepts? Only such a name is opened. */
static bool safe_name(const char *s)
{
	return *s && *s != '-' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static void read_overlays(struct rh_loading *l)
{
	struct rh_list names = rh_list_of(l->arena, l->recipe.json, "overlays");

	for (size_t i = 0; i < rh_array_len(l->recipe.json, "overlays"); i++) {
		struct json_object *o = rh_array_at(l->recipe.json, "overlays", i);
		const char *name = json_object_get_string(o);
		size_t k = 0;

		if (!json_object_is_type(o, json_type_string) || !safe_name(name))
			continue;
		while (k < names.n && strcmp(names.v[k], name) != 0)
			k++;
		/* the same string at an earlier place? */
		if (k < names.n && names.v[k] != name)
			rh_fault(l->d, l->recipe_doc, rh_arena_printf(l->arena, "overlays[%zu]", i),
				 "remove one of the two", "overlay \"%s\" is listed twice", name);
		else
			rh_overlay_read(l, name, i);
	}
}

static bool known(const struct rh_loading *l, const char *name)
{
	for (size_t i = 0; i < l->known.n; i++)
		if (strcmp(l->known.v[i], name) == 0)
			return true;
	return false;
}

/* Is NAME in the recipe, or a misspelt word that means it (which has its own fault)? */
static bool in_recipe(const struct rh_loading *l, const char *name)
{
	const char *const *names = (const char *const *)l->known.v;

	for (size_t i = 0; i < rh_array_len(l->recipe.json, "overlays"); i++) {
		struct json_object *o = rh_array_at(l->recipe.json, "overlays", i);
		const char *word = json_object_get_string(o), *near;

		if (!json_object_is_type(o, json_type_string))
			continue;
		near = known(l, word) ? word : rh_did_you_mean(word, names, l->known.n);
		if (strcmp(word, name) == 0 || (near && strcmp(near, name) == 0))
			return true;
	}
	return false;
}

static void check_needs(struct rh_loading *l, const struct rh_loaded *v)
{
	for (size_t i = 0; i < v->o.needs.n; i++) {
		const char *need = v->o.needs.v[i];
		const char *where = rh_arena_printf(l->arena, "needs[%zu]", i);

		if (in_recipe(l, need) || !safe_name(need))
			continue;
		if (known(l, need))
			rh_fault(l->d, v->doc, where,
				 rh_arena_printf(l->arena, "add \"%s\" to \"overlays\" of %s", need,
						 rh_json_name(l->recipe_doc)),
				 "needs overlay \"%s\", which is not in the recipe", need);
		else
			rh_fault(l->d, v->doc, where, rh_hint_names(l->arena, need, &l->known),
				 "there is no overlay \"%s\"", need);
	}
}

static struct rh_loaded *find(struct rh_loading *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].o.name, name) == 0)
			return &l->v[i];
	return NULL;
}

/* The first need of V that has no place in the order yet; *I is its index. */
static struct rh_loaded *open_need(struct rh_loading *l, const struct rh_loaded *v, size_t *i)
{
	for (*i = 0; *i < v->o.needs.n; ++*i) {
		struct rh_loaded *n = find(l, v->o.needs.v[*i]);

		if (n && !n->done)
			return n;
	}
	return NULL;
}

/* None of the overlays that are left can come next: follow their needs until one is met again. */
static void report_cycle(struct rh_loading *l, struct rh_loaded *v)
{
	RH_STR struct rh_str text = {0};
	struct rh_loaded *start;
	size_t i;

	for (size_t k = 0; k < l->n; k++) /* after so many steps we are inside a circle */
		v = open_need(l, v, &i);
	start = v;
	do {
		rh_str_addf(&text, "\"%s\" needs ", v->o.name);
		v = open_need(l, v, &i);
	} while (v != start);
	rh_str_addf(&text, "\"%s\"", start->o.name);
	open_need(l, start, &i);
	rh_fault(l->d, start->doc, rh_arena_printf(l->arena, "needs[%zu]", i),
		 "remove one of these needs", "circle: %s", rh_str_text(&text));
}

/* Each overlay after what it needs, else in recipe order; NULL after a circle was reported. */
static struct rh_overlay *sort_overlays(struct rh_loading *l)
{
	struct rh_overlay *out = rh_arena_alloc(l->arena, (l->n + 1) * sizeof *out);
	size_t n = 0, i;

	while (n < l->n) {
		struct rh_loaded *next = NULL, *left = NULL;

		for (size_t k = 0; !next && k < l->n; k++) {
			if (l->v[k].done)
				continue;
			left = left ?: &l->v[k];
			if (!open_need(l, &l->v[k], &i))
				next = &l->v[k];
		}
		if (!next) {
			report_cycle(l, left);
			return NULL;
		}
		next->done = true;
		out[n++] = next->o;
	}
	return out;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The lists that OFFSET names in every overlay, one after the other. */
static struct rh_list join(const struct rh_plan *p, size_t offset)
{
	struct rh_list out = {0};
	size_t n = 0;

#define LIST(i) ((const struct rh_list *)((const char *)&p->overlays[i] + offset))
	for (size_t i = 0; i < p->n_overlays; i++)
		n += LIST(i)->n;
	out.v = rh_arena_alloc(p->arena, (n + 1) * sizeof *out.v);
	for (size_t i = 0; i < p->n_overlays; i++)
		for (size_t k = 0; k < LIST(i)->n; k++)
			out.v[out.n++] = LIST(i)->v[k];
#undef LIST
	return out;
}

static void sort_unique(struct rh_list *list)
{
	size_t n = 0;

	if (list->n > 0)
		qsort(list->v, list->n, sizeof *list->v, by_text);
	for (size_t i = 0; i < list->n; i++)
		if (n == 0 || strcmp(list->v[n - 1], list->v[i]) != 0)
			list->v[n++] = list->v[i];
	list->n = n;
}

/* The loading's memory and documents become the plan's. */
static struct rh_plan *make_plan(struct rh_loading *l, struct rh_overlay *overlays)
{
	struct store *s = rh_arena_alloc(l->arena, sizeof *s);
	struct rh_plan *p = &s->plan;

	s->docs = rh_arena_alloc(l->arena, (l->n + 1) * sizeof *s->docs);
	for (size_t i = 0; i < l->n; i++) {
		s->docs[s->n_docs++] = l->v[i].doc;
		l->v[i].doc = NULL;
	}
	s->docs[s->n_docs++] = l->recipe_doc;
	l->recipe_doc = NULL;
	p->arena = l->arena;
	l->arena = NULL;
	p->recipe = l->recipe;
	p->overlays = overlays;
	p->n_overlays = l->n;
	p->packages = join(p, offsetof(struct rh_overlay, packages));
	sort_unique(&p->packages);
	p->debconf = join(p, offsetof(struct rh_overlay, debconf));
	p->kernel_options = join(p, offsetof(struct rh_overlay, kernel_options));
	return p;
}

static void loading_free(struct rh_loading *l)
{
	for (size_t i = 0; i < l->n; i++)
		rh_json_free(&l->v[i].doc);
	free(l->v);
	rh_json_free(&l->recipe_doc);
	rh_schema_free(&l->recipe_schema);
	rh_schema_free(&l->overlay_schema);
	rh_strv_free(&l->known);
	rh_arena_free(&l->arena);
}

static int load_schemas(struct rh_loading *l, struct rh_err *err)
{
	const char *recipe =
	    rh_arena_printf(l->arena, "%s/recipes/recipe.schema.json", l->data_dir);
	const char *overlay =
	    rh_arena_printf(l->arena, "%s/recipes/overlay.schema.json", l->data_dir);
	int r = rh_schema_load(AT_FDCWD, recipe, &l->recipe_schema, err);

	return r < 0 ? r : rh_schema_load(AT_FDCWD, overlay, &l->overlay_schema, err);
}

static int load(struct rh_loading *l, const char *recipe_path, struct rh_plan **out,
		struct rh_err *err)
{
	struct rh_overlay *overlays;
	size_t before = l->d->n;
	int r = load_schemas(l, err);

	if (r == 0)
		r = list_known(l, err);
	if (r < 0)
		return r;
	if (rh_recipe_read(l, recipe_path) < 0)
		return rh_err_set(err, EINVAL, "%s cannot be used", recipe_path);
	read_overlays(l);
	for (size_t i = 0; i < l->n; i++)
		check_needs(l, &l->v[i]);
	rh_clash_paths(l);
	rh_clash_names(l);
	overlays = sort_overlays(l);
	if (l->d->n > before)
		return rh_err_set(err, EINVAL, "%s: %zu faults", recipe_path, l->d->n - before);
	*out = make_plan(l, overlays);
	return 0;
}

int rh_plan_load(const char *recipe_path, const char *data_dir, struct rh_plan **out,
		 struct rh_diags *d, struct rh_err *err)
{
	struct rh_loading l = {.arena = rh_arena_new(), .d = d};
	int r;

	l.data_dir = rh_arena_strdup(l.arena, data_dir);
	r = load(&l, recipe_path, out, err);
	loading_free(&l);
	return r;
}

void rh_plan_free(struct rh_plan **plan)
{
	struct store *s = (struct store *)*plan;
	struct rh_arena *arena;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_docs; i++)
		rh_json_free(&s->docs[i]);
	arena = s->plan.arena;
	rh_arena_free(&arena);
	*plan = NULL;
}

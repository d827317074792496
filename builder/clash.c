/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two overlays may not both bring.
 *
 * Paths: a file, link or template target belongs to one overlay; folders may be shared. Names (a
 * port, a user, a secret, a unit, a debconf question): each is a claim, sorted by key; of equal
 * keys the first in recipe order stands and each later one is a fault, unless the claim allows the
 * same data twice.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/plan_p.h"

/* --- paths --- */

struct entry {
	const char *path; /* without the leading "/" */
	const struct rh_loaded *from;
	const char *where; /* JSON path of a template's target; NULL for what lies in files/ */
	bool dir;
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

static int by_path(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	if (r == 0)
		r = (x->from->at > y->from->at) - (x->from->at < y->from->at);
	return r ? r : (x->where != NULL) - (y->where != NULL);
}

static void path_fault(struct rh_loading *l, const struct entry *e, const char *hint,
		       const char *text)
{
	if (e->where)
		rh_fault(l->d, e->from->doc, e->where, hint, "%s", text);
	else
		rh_diag_add(l->d, rh_arena_printf(l->arena, "%s/files/%s", e->from->shown, e->path),
			    0, "", hint, "%s", text);
}

static void same_path(struct rh_loading *l, const struct entry *first, const struct entry *e)
{
	const char *what = first->dir	  ? "a folder in the files of"
			   : first->where ? "made by a template of"
					  : "in the files of";

	path_fault(l, e, "keep one of the two",
		   rh_arena_printf(l->arena, "/%s is also %s overlay \"%s\"", e->path, what,
				   first->from->o.name));
}

/* Something that is not a folder on the way to E. */
static const struct entry *file_above(const struct entries *all, const struct entry *e,
				      struct rh_arena *arena)
{
	for (const char *p = strchr(e->path, '/'); p; p = strchr(p + 1, '/')) {
		const char *above = rh_arena_strndup(arena, e->path, (size_t)(p - e->path));
		size_t lo = 0, hi = all->n;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (strcmp(all->v[mid].path, above) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < all->n && strcmp(all->v[lo].path, above) == 0; lo++)
			if (!all->v[lo].dir)
				return &all->v[lo];
	}
	return NULL;
}

static void add_entry(struct entries *all, struct entry e)
{
	(void)RH_GROW(all->v, all->n, all->cap);
	all->v[all->n++] = e;
}

static void collect(struct rh_loading *l, const struct rh_loaded *v, struct entries *all)
{
	for (size_t i = 0; i < v->o.n_files; i++)
		add_entry(all, (struct entry){.path = v->o.files[i].path,
					      .from = v,
					      .dir = S_ISDIR(v->o.files[i].mode)});
	for (size_t i = 0; i < rh_array_len(v->o.json, "templates"); i++) {
		const char *to = rh_json_str(rh_array_at(v->o.json, "templates", i), "to", "");

		if (to[0] == '/')
			add_entry(all, (struct entry){.path = to + 1,
						      .from = v,
						      .where = rh_arena_printf(
							  l->arena, "templates[%zu].to", i)});
	}
}

void rh_clash_paths(struct rh_loading *l)
{
	struct entries all = {0};
	const struct entry *first = NULL;
	RH_ARENA struct rh_arena *scratch = rh_arena_new();

	for (size_t i = 0; i < l->n; i++)
		collect(l, &l->v[i], &all);
	if (all.n > 0)
		qsort(all.v, all.n, sizeof *all.v, by_path);
	for (size_t i = 0; i < all.n; i++) {
		const struct entry *e = &all.v[i], *above;

		if (first && strcmp(first->path, e->path) == 0) {
			if (!first->dir || !e->dir)
				same_path(l, first, e);
			continue;
		}
		first = e;
		above = file_above(&all, e, scratch);
		if (above)
			path_fault(
			    l, e, "a file cannot be a folder too",
			    rh_arena_printf(l->arena,
					    "/%s lies below /%s, which overlay \"%s\" brings "
					    "as a file or link",
					    e->path, above->path, above->from->o.name));
	}
	free(all.v);
}

/* --- names --- */

struct claim {
	const char *key;     /* "port 25/tcp": what is claimed, as messages say it */
	const char *data;    /* NULL: may not be claimed twice; else the same data may */
	const char *differs; /* what other data are called */
	const char *hint;
	const struct rh_loaded *from;
	const char *where;
	size_t seq;
};

struct claims {
	struct claim *v;
	size_t n, cap;
};

static int by_key(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x->seq > y->seq) - (x->seq < y->seq);
}

static void claim(struct claims *c, struct claim one)
{
	(void)RH_GROW(c->v, c->n, c->cap);
	one.seq = c->n;
	c->v[c->n++] = one;
}

static void claim_ports(struct rh_arena *a, const struct rh_loaded *v, struct claims *c)
{
	for (size_t i = 0; i < v->o.n_ports; i++) {
		const struct rh_port *p = &v->o.ports[i];

		if (p->port == 0 || !*p->protocol)
			continue;
		claim(c,
		      (struct claim){.key = rh_arena_printf(a, "port %u/%s", p->port, p->protocol),
				     .hint = "one port has one service: keep it in one overlay",
				     .from = v,
				     .where = rh_arena_printf(a, "ports[%zu]", i)});
	}
}

static void claim_users(struct rh_arena *a, const struct rh_loaded *v, struct claims *c)
{
	for (size_t i = 0; i < v->o.n_users; i++) {
		const struct rh_user *u = &v->o.users[i];

		if (!*u->name || u->uid == 0)
			continue;
		claim(c, (struct claim){.key = rh_arena_printf(a, "user \"%s\"", u->name),
					.data = rh_arena_printf(a, "%u:%u:%s:%s", u->uid, u->gid,
								u->home, u->shell),
					.differs = "other data",
					.hint = "write the same data in both, or use another name",
					.from = v,
					.where = rh_arena_printf(a, "users[%zu].name", i)});
		claim(c, (struct claim){.key = rh_arena_printf(a, "uid %u", u->uid),
					.data = u->name,
					.differs = "another user",
					.hint = "give one of the two users another number",
					.from = v,
					.where = rh_arena_printf(a, "users[%zu].uid", i)});
	}
}

static void claim_secrets(struct rh_arena *a, const struct rh_loaded *v, struct claims *c)
{
	for (size_t i = 0; i < rh_array_len(v->o.json, "secrets"); i++) {
		struct json_object *s = rh_array_at(v->o.json, "secrets", i);
		const char *name = rh_json_str(s, "name", NULL);

		if (name)
			claim(c, (struct claim){
				     .key = rh_arena_printf(a, "secret \"%s\"", name),
				     .hint = "templates can use a secret of an overlay that they "
					     "need: keep it in one",
				     .from = v,
				     .where = rh_arena_printf(a, "secrets[%zu].name", i)});
	}
}

static void claim_units(struct rh_arena *a, const struct rh_loaded *v, const char *key,
			const struct rh_list *units, struct claims *c)
{
	bool boot = strcmp(key, "boot_services") == 0;

	for (size_t i = 0; i < units->n; i++) {
		size_t k = 0;

		while (strcmp(units->v[k], units->v[i]) != 0)
			k++;
		if (k < i) /* twice in one list: the schema says so */
			continue;
		claim(c, (struct claim){
			     .key = rh_arena_printf(a, "unit \"%s\"", units->v[i]),
			     .data = boot ? "boot" : NULL,
			     .hint = "one overlay decides when a unit starts: keep it in one list",
			     .from = v,
			     .where = rh_arena_printf(a, "%s[%zu]", key, i)});
	}
}

static void claim_debconf(struct rh_arena *a, const struct rh_loaded *v, struct claims *c)
{
	for (size_t i = 0; i < v->o.debconf.n; i++) {
		const char *line = v->o.debconf.v[i];
		size_t n = strcspn(line, " ");

		n += line[n] ? 1 + strcspn(line + n + 1, " ") : 0;
		claim(c, (struct claim){
			     .key = rh_arena_printf(a, "debconf question \"%.*s\"", (int)n, line),
			     .data = line + n,
			     .differs = "another answer",
			     .hint = "a question has one answer: keep one of the two",
			     .from = v,
			     .where = rh_arena_printf(a, "debconf[%zu]", i)});
	}
}

static void report(struct rh_loading *l, const struct claim *first, const struct claim *c)
{
	if (first->data && c->data && strcmp(first->data, c->data) == 0)
		return;
	if (first->from == c->from)
		rh_fault(l->d, c->from->doc, c->where, c->hint, "%s stands here twice (%s)", c->key,
			 first->where);
	else if (first->differs && c->differs)
		rh_fault(l->d, c->from->doc, c->where, c->hint, "%s has %s in overlay \"%s\"",
			 c->key, c->differs, first->from->o.name);
	else
		rh_fault(l->d, c->from->doc, c->where, c->hint, "%s is also in overlay \"%s\"",
			 c->key, first->from->o.name);
}

void rh_clash_names(struct rh_loading *l)
{
	struct claims c = {0};
	const struct claim *first = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct rh_loaded *v = &l->v[i];

		claim_ports(l->arena, v, &c);
		claim_users(l->arena, v, &c);
		claim_secrets(l->arena, v, &c);
		claim_units(l->arena, v, "services", &v->o.services, &c);
		claim_units(l->arena, v, "boot_services", &v->o.boot_services, &c);
		claim_debconf(l->arena, v, &c);
	}
	if (c.n > 0)
		qsort(c.v, c.n, sizeof *c.v, by_key);
	for (size_t i = 0; i < c.n; i++) {
		if (first && strcmp(first->key, c.v[i].key) == 0)
			report(l, first, &c.v[i]);
		else
			first = &c.v[i];
	}
	free(c.v);
}

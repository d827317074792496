/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect.json: what the old server served.
 *
 * {"version": 1, "normalisation": "…", "totals": {…}, "accounts": [{"user", "password", "hash",
 *  "dir", "folders": [{"name", "noselect", "fresh", "uidvalidity", "uidnext", "messages",
 *  "unseen", "items": [{"uid", "flags", "keywords", "date", "size", "sha256", "file", "wire",
 * "crlf", "open_end"}]}], "subscriptions": ["…"], "pop3": [{"uidl", "size", "wire", "known"}]}]}
 *
 * It holds passwords: it is written with mode 0600. The totals are those of the content; a reader
 * refuses a file whose content does not add up to them, so that a cut file cannot pass a
 * comparison.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/expect.h"
#include "lib/core/file.h"
#include "lib/json.h"

#define EXPECT_MAX (512ul * 1024 * 1024)

static size_t count_words(const char *s)
{
	size_t n = 0;

	for (; *s; s += strcspn(s, " "), s += strspn(s, " "))
		n++;
	return n;
}

void rh_totals_add(struct rh_totals *t, const struct rh_account *a)
{
	t->accounts++;
	t->folders += (int64_t)a->n_folders;
	t->subscriptions += (int64_t)a->subs.n;
	t->pop3 += (int64_t)a->n_pop;
	for (size_t i = 0; i < a->n_folders; i++) {
		const struct rh_folder *f = &a->folders[i];
		t->messages += (int64_t)f->n;
		for (size_t j = 0; j < f->n; j++) {
			t->bytes += (int64_t)f->v[j].size;
			t->flags += (int64_t)count_words(f->v[j].flags);
			t->keywords += (int64_t)count_words(f->v[j].keywords);
		}
	}
}

bool rh_totals_equal(const struct rh_totals *a, const struct rh_totals *b)
{
	return !memcmp(a, b, sizeof *a);
}

void rh_totals_text(const struct rh_totals *t, struct rh_str *out)
{
	rh_str_addf(out,
		    "%lld accounts, %lld folders, %lld messages, %lld bytes, %lld flags, "
		    "%lld keywords, %lld subscriptions, %lld in POP3",
		    (long long)t->accounts, (long long)t->folders, (long long)t->messages,
		    (long long)t->bytes, (long long)t->flags, (long long)t->keywords,
		    (long long)t->subscriptions, (long long)t->pop3);
}

struct rh_account *rh_expect_find(const struct rh_expect *x, const char *user)
{
	for (size_t i = 0; i < x->n; i++)
		if (!strcmp(x->v[i].user, user))
			return &x->v[i];
	return NULL;
}

struct rh_folder *rh_account_folder(const struct rh_account *a, const char *name)
{
	for (size_t i = 0; i < a->n_folders; i++)
		if (!strcmp(a->folders[i].name, name))
			return &a->folders[i];
	return NULL;
}

/* --- out --- */

static void add_bool(struct json_object *o, const char *key, bool v)
{
	json_object_object_add(o, key, json_object_new_boolean(v));
}

static struct json_object *out_message(const struct rh_message *m)
{
	struct json_object *o = json_object_new_object();

	rh_json_add_int(o, "uid", m->uid);
	rh_json_add_str(o, "flags", m->flags);
	rh_json_add_str(o, "keywords", m->keywords);
	rh_json_add_int(o, "date", m->date);
	rh_json_add_int(o, "size", (int64_t)m->size);
	rh_json_add_str(o, "sha256", m->sha256);
	rh_json_add_str(o, "file", m->file);
	rh_json_add_int(o, "wire", (int64_t)m->wire);
	rh_json_add_int(o, "crlf", (int64_t)m->crlf);
	add_bool(o, "open_end", m->open_end);
	return o;
}

static struct json_object *out_folder(const struct rh_folder *f)
{
	struct json_object *o = json_object_new_object(), *items = json_object_new_array();

	rh_json_add_str(o, "name", f->name);
	add_bool(o, "noselect", f->noselect);
	add_bool(o, "fresh", f->fresh);
	rh_json_add_int(o, "uidvalidity", f->uidvalidity);
	rh_json_add_int(o, "uidnext", f->uidnext);
	rh_json_add_int(o, "messages", f->messages);
	rh_json_add_int(o, "unseen", f->unseen);
	for (size_t i = 0; i < f->n; i++)
		json_object_array_add(items, out_message(&f->v[i]));
	json_object_object_add(o, "items", items);
	return o;
}

static struct json_object *out_account(const struct rh_account *a)
{
	struct json_object *o = json_object_new_object(), *l = json_object_new_array();

	rh_json_add_str(o, "user", a->user);
	rh_json_add_str(o, "password", a->password);
	rh_json_add_str(o, "hash", a->hash);
	rh_json_add_str(o, "dir", a->dir);
	for (size_t i = 0; i < a->n_folders; i++)
		json_object_array_add(l, out_folder(&a->folders[i]));
	json_object_object_add(o, "folders", l);
	l = json_object_new_array();
	for (size_t i = 0; i < a->subs.n; i++)
		json_object_array_add(l, json_object_new_string(a->subs.v[i]));
	json_object_object_add(o, "subscriptions", l);
	l = json_object_new_array();
	for (size_t i = 0; i < a->n_pop; i++) {
		struct json_object *p = json_object_new_object();
		rh_json_add_str(p, "uidl", a->pop[i].uidl);
		rh_json_add_int(p, "size", (int64_t)a->pop[i].size);
		rh_json_add_int(p, "wire", (int64_t)a->pop[i].wire);
		add_bool(p, "known", a->pop[i].known);
		json_object_array_add(l, p);
	}
	json_object_object_add(o, "pop3", l);
	return o;
}

static struct json_object *out_totals(const struct rh_totals *t)
{
	struct json_object *o = json_object_new_object();

	rh_json_add_int(o, "accounts", t->accounts);
	rh_json_add_int(o, "folders", t->folders);
	rh_json_add_int(o, "messages", t->messages);
	rh_json_add_int(o, "bytes", t->bytes);
	rh_json_add_int(o, "flags", t->flags);
	rh_json_add_int(o, "keywords", t->keywords);
	rh_json_add_int(o, "subscriptions", t->subscriptions);
	rh_json_add_int(o, "pop3", t->pop3);
	return o;
}

void rh_expect_print(const struct rh_expect *x, struct rh_str *out)
{
	struct json_object *root = json_object_new_object(), *l = json_object_new_array();
	struct rh_totals totals = {0};

	for (size_t i = 0; i < x->n; i++) {
		rh_totals_add(&totals, &x->v[i]);
		json_object_array_add(l, out_account(&x->v[i]));
	}
	rh_json_add_int(root, "version", 1);
	rh_json_add_str(root, "normalisation",
			"one CR before each LF dropped; NUL as 0x80; then SHA-256");
	json_object_object_add(root, "totals", out_totals(&totals));
	json_object_object_add(root, "accounts", l);
	rh_str_add(out, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_SPACED |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	rh_str_addc(out, '\n');
	json_object_put(root);
}

int rh_expect_save(const char *path, const struct rh_expect *x, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};

	rh_expect_print(x, &text);
	return rh_file_write(AT_FDCWD, path, 0600, text.data, text.len, err);
}

/* --- in --- */

struct in {
	struct rh_arena *arena;
	const char *name;
	bool bad; /* a key is missing or of the wrong type */
	const char *key;
};

static struct json_object *get(struct in *in, struct json_object *o, const char *key,
			       enum json_type type)
{
	struct json_object *v = NULL;

	if (json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type))
		return v;
	if (!in->bad)
		in->key = key;
	in->bad = true;
	return NULL;
}

static const char *get_str(struct in *in, struct json_object *o, const char *key)
{
	struct json_object *v = get(in, o, key, json_type_string);
	return v ? rh_arena_strdup(in->arena, json_object_get_string(v)) : "";
}

static int64_t get_int(struct in *in, struct json_object *o, const char *key)
{
	struct json_object *v = get(in, o, key, json_type_int);
	return v ? json_object_get_int64(v) : 0;
}

static bool get_bool(struct in *in, struct json_object *o, const char *key)
{
	struct json_object *v = get(in, o, key, json_type_boolean);
	return v && json_object_get_boolean(v);
}

static void in_folder(struct in *in, struct json_object *o, struct rh_folder *f)
{
	f->name = get_str(in, o, "name");
	f->noselect = get_bool(in, o, "noselect");
	f->fresh = get_bool(in, o, "fresh");
	f->uidvalidity = (uint32_t)get_int(in, o, "uidvalidity");
	f->uidnext = (uint32_t)get_int(in, o, "uidnext");
	f->messages = get_int(in, o, "messages");
	f->unseen = get_int(in, o, "unseen");
	struct json_object *items = get(in, o, "items", json_type_array);
	f->n = items ? json_object_array_length(items) : 0;
	f->v = rh_arena_alloc(in->arena, (f->n + 1) * sizeof *f->v);
	for (size_t i = 0; i < f->n; i++) {
		struct json_object *m = json_object_array_get_idx(items, i);
		f->v[i].uid = (uint32_t)get_int(in, m, "uid");
		f->v[i].flags = get_str(in, m, "flags");
		f->v[i].keywords = get_str(in, m, "keywords");
		f->v[i].date = get_int(in, m, "date");
		f->v[i].size = (uint64_t)get_int(in, m, "size");
		f->v[i].sha256 = get_str(in, m, "sha256");
		f->v[i].file = get_str(in, m, "file");
		f->v[i].wire = (uint64_t)get_int(in, m, "wire");
		f->v[i].crlf = (uint64_t)get_int(in, m, "crlf");
		f->v[i].open_end = get_bool(in, m, "open_end");
	}
}

static void in_lists(struct in *in, struct json_object *o, struct rh_account *a)
{
	struct json_object *l = get(in, o, "subscriptions", json_type_array);

	for (size_t i = 0; l && i < json_object_array_length(l); i++)
		rh_strv_add(&a->subs, json_object_get_string(json_object_array_get_idx(l, i)));
	l = get(in, o, "pop3", json_type_array);
	a->n_pop = l ? json_object_array_length(l) : 0;
	a->pop = rh_arena_alloc(in->arena, (a->n_pop + 1) * sizeof *a->pop);
	for (size_t i = 0; i < a->n_pop; i++) {
		struct json_object *p = json_object_array_get_idx(l, i);
		a->pop[i].uidl = get_str(in, p, "uidl");
		a->pop[i].size = (uint64_t)get_int(in, p, "size");
		a->pop[i].wire = (uint64_t)get_int(in, p, "wire");
		a->pop[i].known = get_bool(in, p, "known");
	}
}

static void in_account(struct in *in, struct json_object *o, struct rh_account *a, bool full)
{
	a->user = get_str(in, o, "user");
	a->password = get_str(in, o, "password");
	a->hash = get_str(in, o, "hash");
	a->dir = get_str(in, o, "dir");
	if (!full)
		return;
	struct json_object *l = get(in, o, "folders", json_type_array);
	a->n_folders = l ? json_object_array_length(l) : 0;
	a->folders = rh_arena_alloc(in->arena, (a->n_folders + 1) * sizeof *a->folders);
	for (size_t i = 0; i < a->n_folders; i++)
		in_folder(in, json_object_array_get_idx(l, i), &a->folders[i]);
	in_lists(in, o, a);
}

static void in_totals(struct in *in, struct json_object *root, struct rh_totals *t)
{
	struct json_object *o = get(in, root, "totals", json_type_object);

	if (!o)
		return;
	t->accounts = get_int(in, o, "accounts");
	t->folders = get_int(in, o, "folders");
	t->messages = get_int(in, o, "messages");
	t->bytes = get_int(in, o, "bytes");
	t->flags = get_int(in, o, "flags");
	t->keywords = get_int(in, o, "keywords");
	t->subscriptions = get_int(in, o, "subscriptions");
	t->pop3 = get_int(in, o, "pop3");
}

static int in_root(struct json_object *root, const char *name, bool full, struct rh_expect *x,
		   struct rh_err *err)
{
	struct in in = {.name = name, .arena = rh_arena_new()};
	struct json_object *l = root;

	*x = (struct rh_expect){.arena = in.arena};
	if (!json_object_is_type(root, json_type_array))
		l = get(&in, root, "accounts", json_type_array);
	x->n = l ? json_object_array_length(l) : 0;
	x->v = rh_arena_alloc(in.arena, (x->n + 1) * sizeof *x->v);
	for (size_t i = 0; i < x->n; i++)
		in_account(&in, json_object_array_get_idx(l, i), &x->v[i], full);
	if (full && get_int(&in, root, "version") != 1 && !in.bad)
		return rh_err_set(err, EINVAL, "%s: \"version\" is not 1", name);
	if (full)
		in_totals(&in, root, &x->totals);
	if (in.bad)
		return rh_err_set(err, EINVAL, "%s: \"%s\" is missing or of another type", name,
				  in.key);
	struct rh_totals sum = {0};
	for (size_t i = 0; i < x->n; i++)
		rh_totals_add(&sum, &x->v[i]);
	if (full && !rh_totals_equal(&sum, &x->totals))
		return rh_err_set(err, EINVAL, "%s: the content does not add up to its totals",
				  name);
	return 0;
}

static int parse(const char *text, size_t len, const char *name, bool full, struct rh_expect *x,
		 struct rh_err *err)
{
	struct json_tokener *tok = json_tokener_new();

	*x = (struct rh_expect){0};
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	struct json_object *root = json_tokener_parse_ex(tok, text, (int)len);
	enum json_tokener_error e = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (!root)
		return rh_err_set(err, EINVAL, "%s: %s", name, json_tokener_error_desc(e));
	int r = in_root(root, name, full, x, err);
	json_object_put(root);
	if (r < 0)
		rh_expect_free(x);
	return r;
}

int rh_expect_parse(const char *text, size_t len, const char *name, struct rh_expect *x,
		    struct rh_err *err)
{
	return parse(text, len, name, true, x, err);
}

static int load(const char *path, bool full, struct rh_expect *x, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};

	*x = (struct rh_expect){0};
	int r = rh_file_read(AT_FDCWD, path, EXPECT_MAX, &text, err);
	if (r < 0)
		return r;
	/* json-c 0.16 in strict mode takes a final newline for garbage. */
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return parse(rh_str_text(&text), text.len, path, full, x, err);
}

int rh_expect_load(const char *path, struct rh_expect *x, struct rh_err *err)
{
	return load(path, true, x, err);
}

int rh_accounts_load(const char *path, struct rh_expect *x, struct rh_err *err)
{
	return load(path, false, x, err);
}

void rh_expect_free(struct rh_expect *x)
{
	for (size_t i = 0; i < x->n; i++)
		rh_strv_free(&x->v[i].subs);
	rh_arena_free(&x->arena);
	*x = (struct rh_expect){0};
}

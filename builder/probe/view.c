/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a whole account.
 *
 * Trap: on Courier neither STATUS nor EXAMINE moves new/ to cur/, so messages that no client has
 * seen have no lasting number yet, and STATUS does not count them in UIDNEXT. RH_VIEW_SETTLE does
 * on a copy of the old tree what the next client would have done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/mutf7.h"
#include "builder/probe/view.h"

static int cmp_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *rh_view_sort_words(struct rh_arena *arena, const char *text)
{
	RH_STRV struct rh_strv l = {0};
	RH_STR struct rh_str out = {0};

	for (const char *p = text; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		if (n)
			rh_strv_addf(&l, "%.*s", (int)n, p);
		p += n;
	}
	if (l.n)
		qsort(l.v, l.n, sizeof *l.v, cmp_words);
	for (size_t i = 0; i < l.n; i++)
		if (i == 0 || strcmp(l.v[i], l.v[i - 1]) != 0)
			rh_str_addf(&out, "%s%s", out.len ? " " : "", l.v[i]);
	return rh_arena_strdup(arena, rh_str_text(&out));
}

struct reader {
	struct rh_arena *arena;
	struct rh_account *a;
	struct rh_folder *f;
	unsigned flags;
	struct rh_strv wire; /* names as the server says them, in the order of a->folders */
};

static bool has_flag(const struct rh_imap_node *list, const char *flag)
{
	for (const struct rh_imap_node *n = list->child; n; n = n->next)
		if (rh_imap_is(n, flag))
			return true;
	return false;
}

/* LIST or LSUB: (flags) "." name. Returns the name node or NULL. */
static const struct rh_imap_node *list_name(const struct rh_imap_node *d, const char *verb)
{
	if (!rh_imap_is(d, verb) || !d->next || d->next->type != RH_IMAP_LIST || !d->next->next)
		return NULL;
	return d->next->next->next;
}

static int add_folder(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct reader *rd = arg;
	struct rh_account *a = rd->a;
	RH_STR struct rh_str name = {0};
	const struct rh_imap_node *n = list_name(d, "LIST");

	if (!n)
		return 0;
	int r = rh_mutf7_decode(n->text, &name, err);
	if (r < 0)
		return rh_err_prefix(err, r, "folder name");
	RH_GROW(a->folders, a->n_folders, a->cap_folders);
	struct rh_folder *f = &a->folders[a->n_folders++];
	*f = (struct rh_folder){.name = rh_arena_strdup(rd->arena, rh_str_text(&name))};
	f->noselect = has_flag(d->next, "\\Noselect") || has_flag(d->next, "\\NonExistent");
	rh_strv_add(&rd->wire, n->text);
	return 0;
}

static int add_sub(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct reader *rd = arg;
	RH_STR struct rh_str name = {0};
	const struct rh_imap_node *n = list_name(d, "LSUB");

	/* \Noselect in LSUB: only a parent of a subscribed folder. */
	if (!n || has_flag(d->next, "\\Noselect"))
		return 0;
	int r = rh_mutf7_decode(n->text, &name, err);
	if (r < 0)
		return rh_err_prefix(err, r, "subscribed name");
	rh_strv_add(&rd->a->subs, rh_str_text(&name));
	return 0;
}

static int on_status(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct reader *rd = arg;

	if (!rh_imap_is(d, "STATUS") || !d->next || !d->next->next)
		return 0;
	const struct rh_imap_node *l = d->next->next;
	int64_t v = rh_imap_number(rh_imap_pair(l, "UIDVALIDITY"));
	int64_t next = rh_imap_number(rh_imap_pair(l, "UIDNEXT"));
	rd->f->messages = rh_imap_number(rh_imap_pair(l, "MESSAGES"));
	rd->f->unseen = rh_imap_number(rh_imap_pair(l, "UNSEEN"));
	if (v < 0 || next < 0 || rd->f->messages < 0 || rd->f->unseen < 0)
		return rh_err_set(err, EBADMSG, "a STATUS answer that lacks a number");
	rd->f->uidvalidity = (uint32_t)v;
	rd->f->uidnext = (uint32_t)next;
	return 0;
}

static void set_flags(struct reader *rd, struct rh_message *m, const struct rh_imap_node *flags)
{
	RH_STR struct rh_str sys = {0};
	RH_STR struct rh_str kw = {0};

	for (const struct rh_imap_node *n = flags->child; n; n = n->next) {
		if (!strcasecmp(n->text, "\\Recent"))
			continue;
		struct rh_str *s = n->text[0] == '\\' ? &sys : &kw;
		rh_str_addf(s, "%s%s", s->len ? " " : "", n->text);
	}
	m->flags = rh_view_sort_words(rd->arena, rh_str_text(&sys));
	m->keywords = rh_view_sort_words(rd->arena, rh_str_text(&kw));
}

static int cmp_message(const void *a, const void *b)
{
	const struct rh_message *x = a, *y = b;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int on_fetch(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct reader *rd = arg;
	struct rh_folder *f = rd->f;

	if (!d || !rh_imap_is(d->next, "FETCH"))
		return 0;
	const struct rh_imap_node *l = d->next->next;
	int64_t uid = rh_imap_number(rh_imap_pair(l, "UID"));
	const struct rh_imap_node *flags = rh_imap_pair(l, "FLAGS");
	const struct rh_imap_node *date = rh_imap_pair(l, "INTERNALDATE");
	int64_t size = rh_imap_number(rh_imap_pair(l, "RFC822.SIZE"));

	if (!date) /* a flag update that nobody asked for */
		return 0;
	if (uid <= 0 || uid > UINT32_MAX || !flags || flags->type != RH_IMAP_LIST || size < 0)
		return rh_err_set(err, EBADMSG, "a FETCH answer that lacks an item");
	RH_GROW(f->v, f->n, f->cap);
	struct rh_message *m = &f->v[f->n++];
	*m = (struct rh_message){.uid = (uint32_t)uid, .size = (uint64_t)size};
	m->sha256 = m->file = "";
	set_flags(rd, m, flags);
	return rh_imap_date(date->text, &m->date, err);
}

static int on_body(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	struct reader *rd = arg;
	char hex[65];

	if (!d || !rh_imap_is(d->next, "FETCH"))
		return 0;
	const struct rh_imap_node *body = rh_imap_pair(d->next->next, "BODY[]");
	int64_t uid = rh_imap_number(rh_imap_pair(d->next->next, "UID"));
	if (!body)
		return 0;
	struct rh_message key = {.uid = uid > 0 ? (uint32_t)uid : 0}, *m = NULL;
	if (rd->f->n > 0)
		m = bsearch(&key, rd->f->v, rd->f->n, sizeof key, cmp_message);
	if (!m)
		return rh_err_set(err, EBADMSG, "a body of UID %lld, which was not listed",
				  (long long)uid);
	struct rh_canon c;
	rh_canon_begin(&c);
	rh_canon_add(&c, body->text, body->type == RH_IMAP_STRING ? body->len : 0);
	rh_canon_end(&c, hex);
	m->sha256 = rh_arena_strdup(rd->arena, hex);
	m->wire = c.bytes;
	return 0;
}

static int read_folder(struct rh_imap *im, struct reader *rd, const char *wire, struct rh_err *err)
{
	RH_STR struct rh_str name = {0};

	rh_imap_quote(&name, wire);
	int r = 0;
	if (rd->flags & RH_VIEW_SETTLE)
		r = rh_imap_cmd(im, NULL, NULL, err, "SELECT %s", name.data);
	if (r == 0)
		r = rh_imap_cmd(im, NULL, NULL, err, "EXAMINE %s", name.data);
	if (r == 0)
		r = rh_imap_cmd(im, on_fetch, rd, err,
				"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)");
	if (r == 0 && rd->f->n > 1)
		qsort(rd->f->v, rd->f->n, sizeof *rd->f->v, cmp_message);
	if (r == 0 && rd->flags & RH_VIEW_BODIES && rd->f->n > 0)
		r = rh_imap_cmd(im, on_body, rd, err, "UID FETCH 1:* (UID BODY.PEEK[])");
	/* CLOSE after EXAMINE expunges nothing. */
	if (r == 0)
		r = rh_imap_cmd(im, NULL, NULL, err, "CLOSE");
	if (r == 0)
		r = rh_imap_cmd(im, on_status, rd, err,
				"STATUS %s (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)", name.data);
	return r < 0 ? rh_err_prefix(err, r, "folder %s", rd->f->name) : 0;
}

static int cmp_folder(const void *a, const void *b)
{
	const struct rh_folder *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* Give the grown arrays to the arena, so that an account needs no destructor for them. */
static void settle(struct reader *rd)
{
	struct rh_account *a = rd->a;

	for (size_t i = 0; i < a->n_folders; i++) {
		struct rh_folder *f = &a->folders[i];
		struct rh_message *v = rh_arena_alloc(rd->arena, (f->n + 1) * sizeof *v);
		if (f->n)
			memcpy(v, f->v, f->n * sizeof *v);
		free(f->v);
		f->v = v;
		f->cap = 0;
	}
	struct rh_folder *l = rh_arena_alloc(rd->arena, (a->n_folders + 1) * sizeof *l);
	if (a->n_folders) {
		memcpy(l, a->folders, a->n_folders * sizeof *l);
		qsort(l, a->n_folders, sizeof *l, cmp_folder);
	}
	free(a->folders);
	a->folders = l;
	a->cap_folders = 0;
}

int rh_view_imap(struct rh_imap *im, struct rh_arena *arena, unsigned flags, struct rh_account *a,
		 struct rh_err *err)
{
	struct reader rd = {.arena = arena, .a = a, .flags = flags};

	a->folders = NULL;
	a->n_folders = a->cap_folders = 0;
	int r = rh_imap_cmd(im, add_folder, &rd, err, "LIST \"\" \"*\"");
	if (r == 0)
		r = rh_imap_cmd(im, add_sub, &rd, err, "LSUB \"\" \"*\"");
	if (a->subs.n)
		qsort(a->subs.v, a->subs.n, sizeof *a->subs.v, cmp_words);
	for (size_t i = 0; r == 0 && i < a->n_folders; i++) {
		rd.f = &a->folders[i];
		if (!rd.f->noselect)
			r = read_folder(im, &rd, rd.wire.v[i], err);
	}
	settle(&rd);
	rh_strv_free(&rd.wire);
	return r;
}

/* "N TEXT" lines; FN gets each. */
static int pop_lines(struct rh_str *body, struct rh_account *a, struct rh_arena *arena, bool uidl,
		     struct rh_err *err)
{
	size_t i = 0;

	for (char *p = body->data; p && *p; i++) {
		char *end = strchr(p, '\n'), *rest;
		*end = '\0';
		unsigned long n = strtoul(p, &rest, 10);
		if (n != i + 1 || *rest != ' ' || (!uidl && i >= a->n_pop))
			return rh_err_set(err, EBADMSG, "POP3 list line \"%.100s\"", p);
		if (uidl) {
			RH_GROW(a->pop, a->n_pop, a->cap_pop);
			a->pop[a->n_pop++] =
			    (struct rh_pop_message){.uidl = rh_arena_strdup(arena, rest + 1)};
		} else {
			a->pop[i].size = strtoull(rest + 1, NULL, 10);
		}
		p = end + 1;
	}
	if (i != a->n_pop)
		return rh_err_set(err, EBADMSG, "POP3 LIST has %zu lines, UIDL %zu", i, a->n_pop);
	return 0;
}

int rh_view_pop3(struct rh_pop3 *p, struct rh_arena *arena, struct rh_account *a,
		 struct rh_err *err)
{
	RH_STR struct rh_str uidl = {0};
	RH_STR struct rh_str list = {0};
	const size_t max = 64ul * 1024 * 1024;

	a->pop = NULL;
	a->n_pop = a->cap_pop = 0;
	int r = rh_pop3_cmd(p, err, "UIDL");
	if (r == 0)
		r = rh_pop3_body(p, &uidl, max, err);
	if (r == 0)
		r = pop_lines(&uidl, a, arena, true, err);
	if (r == 0)
		r = rh_pop3_cmd(p, err, "LIST");
	if (r == 0)
		r = rh_pop3_body(p, &list, max, err);
	if (r == 0)
		r = pop_lines(&list, a, arena, false, err);
	struct rh_pop_message *v = rh_arena_alloc(arena, (a->n_pop + 1) * sizeof *v);
	if (a->n_pop)
		memcpy(v, a->pop, a->n_pop * sizeof *v);
	free(a->pop);
	a->pop = v;
	a->cap_pop = 0;
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The comparison, kind by kind, so that one fault is told as what it is and does not hide another.
 *
 * Messages are paired by folder and UID. Invariant: a message that has no partner is a fault of
 * "uids" and is looked at by no other kind, so a lost message is one line and not six.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/compare.h"

const char *const rh_kind_names[RH_KIND_N] = {
    [RH_KIND_LOGIN_IMAP] = "login-imap",
    [RH_KIND_LOGIN_POP3] = "login-pop3",
    [RH_KIND_FOLDERS] = "folders",
    [RH_KIND_SUBSCRIPTIONS] = "subscriptions",
    [RH_KIND_UIDVALIDITY] = "uidvalidity",
    [RH_KIND_UIDS] = "uids",
    [RH_KIND_FLAGS] = "flags",
    [RH_KIND_KEYWORDS] = "keywords",
    [RH_KIND_DATES] = "dates",
    [RH_KIND_SIZES] = "sizes",
    [RH_KIND_BODIES] = "bodies",
    [RH_KIND_POP3_UIDL] = "pop3-uidl",
    [RH_KIND_POP3_ORDER] = "pop3-order",
    [RH_KIND_POP3_SIZES] = "pop3-sizes",
};

void rh_result_fault(struct rh_result *r, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	if (++r->faults > RH_COMPARE_TELL)
		return;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	rh_str_addf(&r->text, "%s%s", r->text.len ? "; " : "", n < 0 ? "?" : text);
}

static void allow(struct rh_result *r, const char *fmt, ...) RH_PRINTF(2, 3);
static void allow(struct rh_result *r, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	r->allowed++;
	rh_str_addf(&r->allow, "%s%s", r->allow.len ? ", " : "", n < 0 ? "?" : text);
}

bool rh_result_ok(const struct rh_result *r)
{
	return r->ran && r->faults == 0;
}

void rh_results_free(struct rh_results *res)
{
	for (size_t i = 0; i < RH_KIND_N; i++) {
		rh_str_free(&res->kind[i].text);
		rh_str_free(&res->kind[i].allow);
	}
}

/* The folders that the new server makes by itself. */
static bool is_special(const char *name)
{
	static const char *const special[] = {"Drafts", "Junk", "Sent", "Trash"};

	if (!strncmp(name, "INBOX.", 6))
		name += 6;
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (!strcmp(name, special[i]))
			return true;
	return false;
}

static void compare_folders(const struct rh_account *old, const struct rh_account *new,
			    struct rh_result *r)
{
	for (size_t i = 0; i < old->n_folders; i++) {
		const struct rh_folder *o = &old->folders[i];
		const struct rh_folder *n = rh_account_folder(new, o->name);
		r->compared++;
		if (!n)
			rh_result_fault(r, "%s is missing", o->name);
		else if (o->noselect != n->noselect)
			rh_result_fault(r, "%s can%s be selected now", o->name,
					n->noselect ? "not" : "");
	}
	for (size_t i = 0; i < new->n_folders; i++) {
		const struct rh_folder *n = &new->folders[i];
		if (rh_account_folder(old, n->name))
			continue;
		if (!is_special(n->name) || n->n > 0)
			rh_result_fault(r, "%s (%zu messages) is new", n->name, n->n);
	}
}

static bool in_list(const struct rh_strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

static void compare_subs(const struct rh_account *old, const struct rh_account *new,
			 struct rh_result *r)
{
	for (size_t i = 0; i < old->subs.n; i++) {
		r->compared++;
		if (!in_list(&new->subs, old->subs.v[i]))
			rh_result_fault(r, "%s is not subscribed any more", old->subs.v[i]);
	}
	for (size_t i = 0; i < new->subs.n; i++) {
		const char *s = new->subs.v[i];
		const struct rh_folder *f = rh_account_folder(new, s);
		if (in_list(&old->subs, s) || (is_special(s) && (!f || f->n == 0)))
			continue;
		rh_result_fault(r, "%s is subscribed now", s);
	}
}

/* The size that may be served for a message: see compare.h. Returns 0 equal, 1 allowed, -1 not. */
static int size_verdict(uint64_t old, uint64_t new, uint64_t wire)
{
	if (old == new)
		return 0;
	return wire > 0 && wire != old && new == wire ? 1 : -1;
}

static void compare_message(const char *folder, const struct rh_message *o,
			    const struct rh_message *n, struct rh_results *res)
{
	struct rh_result *k = res->kind;

	if (strcmp(o->flags, n->flags) != 0)
		rh_result_fault(&k[RH_KIND_FLAGS], "%s UID %u: expected (%s), got (%s)", folder,
				o->uid, o->flags, n->flags);
	if (strcmp(o->keywords, n->keywords) != 0)
		rh_result_fault(&k[RH_KIND_KEYWORDS], "%s UID %u: expected (%s), got (%s)", folder,
				o->uid, o->keywords, n->keywords);
	if (o->date != n->date)
		rh_result_fault(&k[RH_KIND_DATES], "%s UID %u: expected %" PRId64 ", got %" PRId64,
				folder, o->uid, o->date, n->date);
	int v = size_verdict(o->size, n->size, o->open_end || o->crlf ? o->wire : 0);
	if (v < 0)
		rh_result_fault(&k[RH_KIND_SIZES],
				"%s UID %u: expected %" PRIu64 ", got %" PRIu64 " (%s)", folder,
				o->uid, o->size, n->size, o->file);
	else if (v > 0)
		allow(&k[RH_KIND_SIZES], "%s UID %u %" PRIu64 "->%" PRIu64 " (%s%s)", folder,
		      o->uid, o->size, n->size, o->open_end ? "no final newline" : "",
		      o->crlf ? " CR LF inside" : "");
	if (!*o->sha256 || strcmp(o->sha256, n->sha256) != 0)
		rh_result_fault(&k[RH_KIND_BODIES], "%s UID %u: expected %.16s, got %.16s (%s)",
				folder, o->uid, *o->sha256 ? o->sha256 : "nothing",
				*n->sha256 ? n->sha256 : "nothing", o->file);
	for (int i = RH_KIND_FLAGS; i <= RH_KIND_BODIES; i++)
		k[i].compared++;
}

static void compare_status(const struct rh_folder *o, const struct rh_folder *n,
			   struct rh_results *res)
{
	struct rh_result *k = res->kind;

	k[RH_KIND_UIDVALIDITY].compared++;
	if (o->fresh ? n->uidvalidity == 0 : o->uidvalidity != n->uidvalidity)
		rh_result_fault(&k[RH_KIND_UIDVALIDITY], "%s: expected %u, got %u", o->name,
				o->uidvalidity, n->uidvalidity);
	if (o->uidnext != n->uidnext)
		rh_result_fault(&k[RH_KIND_UIDS], "%s: UIDNEXT expected %u, got %u", o->name,
				o->uidnext, n->uidnext);
	if (o->messages != n->messages || n->messages != (int64_t)n->n)
		rh_result_fault(&k[RH_KIND_UIDS],
				"%s: MESSAGES expected %" PRId64 ", got %" PRId64 ", listed %zu",
				o->name, o->messages, n->messages, n->n);
	if (o->unseen != n->unseen)
		rh_result_fault(&k[RH_KIND_FLAGS], "%s: UNSEEN expected %" PRId64 ", got %" PRId64,
				o->name, o->unseen, n->unseen);
}

static void compare_folder(const struct rh_folder *o, const struct rh_folder *n,
			   struct rh_results *res)
{
	struct rh_result *uids = &res->kind[RH_KIND_UIDS];
	size_t i = 0, j = 0;

	compare_status(o, n, res);
	while (i < o->n || j < n->n) {
		uids->compared += i < o->n;
		if (j == n->n || (i < o->n && o->v[i].uid < n->v[j].uid)) {
			rh_result_fault(uids, "%s UID %u is missing (%s)", o->name, o->v[i].uid,
					o->v[i].file);
			i++;
		} else if (i == o->n || n->v[j].uid < o->v[i].uid) {
			rh_result_fault(uids, "%s UID %u is new", o->name, n->v[j].uid);
			j++;
		} else {
			compare_message(o->name, &o->v[i++], &n->v[j++], res);
		}
	}
}

void rh_compare_imap(const struct rh_account *old, const struct rh_account *new,
		     struct rh_results *res)
{
	for (int i = RH_KIND_FOLDERS; i <= RH_KIND_BODIES; i++)
		res->kind[i].ran = true;
	compare_folders(old, new, &res->kind[RH_KIND_FOLDERS]);
	compare_subs(old, new, &res->kind[RH_KIND_SUBSCRIPTIONS]);
	for (size_t i = 0; i < old->n_folders; i++) {
		const struct rh_folder *n = rh_account_folder(new, old->folders[i].name);
		if (n && !old->folders[i].noselect && !n->noselect)
			compare_folder(&old->folders[i], n, res);
	}
}

static ssize_t find_uidl(const struct rh_account *a, const char *uidl, size_t hint)
{
	if (hint < a->n_pop && !strcmp(a->pop[hint].uidl, uidl))
		return (ssize_t)hint;
	for (size_t i = 0; i < a->n_pop; i++)
		if (!strcmp(a->pop[i].uidl, uidl))
			return (ssize_t)i;
	return -1;
}

static int cmp_ptr(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void uidl_unique(const struct rh_account *new, struct rh_result *r)
{
	const char **v = rh_xalloc((new->n_pop + 1) * sizeof *v);

	for (size_t i = 0; i < new->n_pop; i++) {
		v[i] = new->pop[i].uidl;
		if (!*v[i])
			rh_result_fault(r, "message %zu has an empty UIDL", i + 1);
	}
	qsort(v, new->n_pop, sizeof *v, cmp_ptr);
	for (size_t i = 1; i < new->n_pop; i++)
		if (!strcmp(v[i], v[i - 1]))
			rh_result_fault(r, "UIDL %s is there twice", v[i]);
	free(v);
}

static void compare_pop_one(const struct rh_account *old, const struct rh_account *new, size_t i,
			    struct rh_results *res)
{
	struct rh_result *k = res->kind;
	const struct rh_pop_message *o = &old->pop[i];
	ssize_t at = find_uidl(new, o->uidl, i);

	k[RH_KIND_POP3_UIDL].compared++;
	if (at < 0 && o->known)
		rh_result_fault(&k[RH_KIND_POP3_UIDL], "message %zu: expected %s, got %s", i + 1,
				o->uidl, i < new->n_pop ? new->pop[i].uidl : "nothing");
	k[RH_KIND_POP3_ORDER].compared++;
	if (at >= 0 && (size_t)at != i)
		rh_result_fault(&k[RH_KIND_POP3_ORDER], "%s: expected at %zu, got at %zd", o->uidl,
				i + 1, at + 1);
	/* A UIDL that no client has seen is not looked for: such a message is found by its place.
	 */
	if (at < 0 && !o->known && i < new->n_pop)
		at = (ssize_t)i;
	if (at < 0)
		return;
	k[RH_KIND_POP3_SIZES].compared++;
	int v = size_verdict(o->size, new->pop[at].size, o->wire);
	if (v < 0)
		rh_result_fault(&k[RH_KIND_POP3_SIZES],
				"message %zu (%s): expected %" PRIu64 ", got %" PRIu64, i + 1,
				o->uidl, o->size, new->pop[at].size);
	else if (v > 0)
		allow(&k[RH_KIND_POP3_SIZES], "%s %" PRIu64 "->%" PRIu64, o->uidl, o->size,
		      new->pop[at].size);
}

void rh_compare_pop3(const struct rh_account *old, const struct rh_account *new,
		     struct rh_results *res)
{
	struct rh_result *order = &res->kind[RH_KIND_POP3_ORDER];

	for (int i = RH_KIND_POP3_UIDL; i <= RH_KIND_POP3_SIZES; i++)
		res->kind[i].ran = true;
	if (old->n_pop != new->n_pop)
		rh_result_fault(order, "expected %zu messages, got %zu", old->n_pop, new->n_pop);
	for (size_t i = 0; i < old->n_pop; i++)
		compare_pop_one(old, new, i, res);
	uidl_unique(new, &res->kind[RH_KIND_POP3_UIDL]);
}

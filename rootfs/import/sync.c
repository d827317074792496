/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One folder at the target: what is there, what is missing, what has another name.
 *
 * Messages are known by their base: same base and same place is the same message (a message in a
 * Maildir never changes), same base and other flags is a rename, and a base that the source does
 * not have belongs to somebody else, so the mailbox is refused: nothing is ever deleted here.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "rootfs/import/mailbox.h"
#include "rootfs/import/source.h"

#define CHANGED "Dovecot has changed the file since the last run"

/* A message at the target. */
struct have {
	const char *name;
	size_t base;
	bool in_new, wanted;
};

struct haves {
	struct have *v;
	size_t n, cap;
};

static int list_have(struct rh_arena *arena, int dir, struct haves *h, struct rh_err *err)
{
	static const char *const subs[] = {"cur", "new"};
	for (int i = 0; i < 2; i++) {
		struct rh_dirlist l = {0};
		int fd RH_CLOSE = -1;
		int r = rh_source_subdir(dir, subs[i], &fd);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return rh_err_errno(err, -r, "cannot open %s at the target", subs[i]);
		r = rh_source_list(arena, fd, &l, err);
		for (size_t k = 0; r == 0 && k < l.n; k++) {
			const char *name = l.v[k].name;
			RH_GROW(h->v, h->n, h->cap);
			h->v[h->n++] = (struct have){name, strcspn(name, ":"), i == 1, false};
		}
		rh_dirlist_free(&l);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct rh_sum sum_have(const struct haves *h)
{
	struct rh_sum s = {0};
	for (size_t i = 0; i < h->n; i++)
		rh_sum_name(&s, h->v[i].in_new ? "new/" : "cur/", h->v[i].name);
	return s;
}

static struct rh_sum sum_wanted(const struct rh_folder *f)
{
	struct rh_sum s = {0};
	for (size_t i = 0; i < f->n; i++)
		if (!f->v[i].failed)
			rh_sum_name(&s, f->v[i].in_new ? "new/" : "cur/", f->v[i].dst);
	return s;
}

static bool is_wanted(const struct rh_mailbox *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].dst, name) == 0)
			return true;
	return false;
}

/* Folder NAME of the target against the state of the last run. */
static int check_one(struct rh_mailbox *m, const char *name, struct rh_err *err)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	const struct rh_fstate *was = rh_mstate_find(&m->old, name);
	struct haves h = {0};
	int fd RH_CLOSE = -1;
	int r = rh_source_subdir(m->maildir->fd, name, &fd);
	if (r < 0)
		return rh_err_errno(err, -r, "cannot open %s at the target", name);
	r = list_have(arena, fd, &h, err);
	if (r == 0 && !m->old.exists && (h.n || rh_exists(fd, "dovecot-uidlist")))
		rh_mailbox_refuse(m, name, "it was in use before the import");
	else if (r == 0 && !was && h.n && (m->old.done || !is_wanted(m, name)))
		rh_mailbox_refuse(m, name, "the folder has mail that this program did not write");
	else if (r == 0 && was && m->old.done && !rh_sum_equal(sum_have(&h), was->names))
		rh_mailbox_refuse(m, name,
				  "its messages or their flags were changed here since "
				  "the last run");
	free(h.v);
	return r;
}

int rh_sync_check(struct rh_mailbox *m, struct rh_err *err)
{
	struct rh_dirlist l = {0};
	int r = rh_source_list(m->arena, m->maildir->fd, &l, err);
	if (r == 0)
		r = check_one(m, ".", err);
	for (size_t i = 0; r == 0 && !m->refused && i < l.n; i++)
		if (l.v[i].type == DT_DIR && l.v[i].name[0] == '.')
			r = check_one(m, l.v[i].name, err);
	for (size_t i = 0; r == 0 && !m->refused && i < m->old.n; i++)
		if (!rh_exists(m->maildir->fd, m->old.v[i].name))
			rh_mailbox_refuse(m, m->old.v[i].name, "the folder was removed here");
	rh_dirlist_free(&l);
	return r;
}

static int verify_text(int dir, const char *name, struct rh_sum want, struct rh_err *err)
{
	struct rh_str text RH_STR = {0};
	int r = 0;
	if (!want.a && !want.b)
		return 0; /* nothing was to be written */
	r = rh_source_read(dir, name, &text, err);
	if (r == 0 && !rh_sum_equal(rh_sum_text(rh_str_text(&text), text.len), want))
		r = rh_err_set(err, EIO, "%s is not what was written", name);
	return r;
}

static int verify_folder(int maildir, const struct rh_fstate *f, uint64_t *messages,
			 struct rh_err *err)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct haves h = {0};
	int fd RH_CLOSE = -1;
	int r = rh_source_subdir(maildir, f->name, &fd);
	if (r < 0)
		return rh_err_errno(err, -r, "cannot open %s at the target", f->name);
	r = list_have(arena, fd, &h, err);
	*messages += h.n;
	if (r == 0 && !rh_sum_equal(sum_have(&h), f->names))
		r = rh_err_set(err, EIO, "it has %zu messages, but not those that it must have",
			       h.n);
	free(h.v);
	if (r == 0)
		r = verify_text(fd, "dovecot-uidlist", f->uidlist, err);
	if (r == 0)
		r = verify_text(fd, "dovecot-keywords", f->keywords, err);
	return rh_err_prefix(err, r, "folder %s", f->name);
}

int rh_sync_verify(int maildir, const struct rh_mstate *s, uint64_t *messages, struct rh_err *err)
{
	int r = 0;
	*messages = 0;
	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = verify_folder(maildir, &s->v[i], messages, err);
	return r < 0 ? r : verify_text(maildir, "subscriptions", s->subscriptions, err);
}

/* Before the first change of a mailbox that was finished once: Dovecot's own numbers would be lost
 * if only some of its files were written again, so one that is not ours any more refuses it all. */
bool rh_sync_touched(struct rh_mailbox *m)
{
	for (size_t i = 0; i < m->old.n && !m->refused; i++) {
		const struct rh_fstate *f = &m->old.v[i];
		int fd RH_CLOSE = -1;
		if (rh_source_subdir(m->maildir->fd, f->name, &fd) < 0 ||
		    verify_text(fd, "dovecot-uidlist", f->uidlist, NULL) < 0 ||
		    verify_text(fd, "dovecot-keywords", f->keywords, NULL) < 0)
			rh_mailbox_refuse(m, f->name, CHANGED);
	}
	if (verify_text(m->maildir->fd, "subscriptions", m->old.subscriptions, NULL) < 0)
		rh_mailbox_refuse(m, "subscriptions", CHANGED);
	return m->refused;
}

int rh_sync_text(struct rh_mailbox *m, struct rh_tdir *d, const char *name,
		 const struct rh_str *text, struct rh_sum old, struct rh_sum *sum,
		 struct rh_err *err)
{
	struct rh_str now RH_STR = {0};
	bool had = old.a || old.b;

	*sum = text->len ? rh_sum_text(text->data, text->len) : (struct rh_sum){0};
	if (m->old.done && rh_sum_equal(*sum, old) && (!text->len || rh_exists(d->fd, name)))
		return 0;
	bool there = rh_source_read(d->fd, name, &now, NULL) == 0;
	if (m->old.done && there && now.len &&
	    !(had && rh_sum_equal(rh_sum_text(now.data, now.len), old))) {
		rh_mailbox_refuse(m, name, CHANGED);
		return 0;
	}
	if (!text->len && !had && (m->old.done || !there))
		return 0;
	int r = rh_mailbox_begin(m, err);
	if (r < 0)
		return m->refused ? 0 : r;
	return rh_batch_text(m->run->batch, d, name, rh_str_text(text), text->len, err);
}

static int by_base(const void *a, const void *b)
{
	const struct have *x = a, *y = b;
	int c = strncmp(x->name, y->name, x->base < y->base ? x->base : y->base);
	return c ? c : (x->base > y->base) - (x->base < y->base);
}

static struct have *find_have(struct haves *h, const struct rh_msg *m)
{
	struct have key = {.name = m->dst, .base = m->dst_base};
	return h->n ? bsearch(&key, h->v, h->n, sizeof *h->v, by_base) : NULL;
}

static int copy_all(struct rh_mailbox *m, struct rh_copier *c, struct rh_msg **list, size_t n,
		    struct rh_err *err)
{
	int r = rh_copy_messages(c, list, n, err);
	m->copied += c->copied;
	m->bytes += c->bytes;
	m->wrong_sizes += c->wrong_sizes;
	for (size_t i = 0; i < n; i++)
		m->failed += list[i]->failed;
	return r;
}

static int rename_one(struct rh_mailbox *m, struct rh_tdir *d, const struct have *h,
		      const struct rh_msg *msg, struct rh_err *err)
{
	char *from RH_FREE = rh_xasprintf("%s/%s", h->in_new ? "new" : "cur", h->name);
	char *to RH_FREE = rh_xasprintf("%s/%s", rh_msg_dir(msg), msg->dst);
	int r = rh_mailbox_begin(m, err);
	if (r == 0)
		r = rh_batch_rename(m->run->batch, d, from, to, err);
	m->renamed++;
	return r;
}

/* Sort the folder's messages into those to copy (LIST) and those to rename. */
static int match(struct rh_mailbox *m, struct rh_tdir *d, struct rh_folder *f, struct haves *h,
		 struct rh_msg **list, size_t *n, struct rh_err *err)
{
	int r = 0;
	if (h->n)
		qsort(h->v, h->n, sizeof *h->v, by_base);
	for (size_t i = 0; i < f->n; i++) {
		struct have *at = find_have(h, &f->v[i]);
		if (at)
			at->wanted = true;
		else
			list[(*n)++] = &f->v[i];
	}
	for (size_t i = 0; i < h->n; i++)
		if (!h->v[i].wanted) {
			rh_mailbox_refuse(m, f->dir,
					  "it has messages that the old server does not "
					  "have (any more)");
			return 0;
		}
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		struct have *at = find_have(h, &f->v[i]);
		if (at && (at->in_new != f->v[i].in_new || strcmp(at->name, f->v[i].dst) != 0))
			r = rename_one(m, d, at, &f->v[i], err);
	}
	return r;
}

static int sync_messages(struct rh_mailbox *m, struct rh_tdir *d, int src, struct rh_folder *f,
			 const struct rh_fstate *was, struct rh_err *err)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct rh_msg **list RH_FREE = NULL;
	struct haves h = {0};
	size_t n = 0;
	int cur RH_CLOSE = -1, new_ RH_CLOSE = -1, r = 0;

	if (was && m->old.done && rh_sum_equal(was->names, sum_wanted(f)))
		return 0;
	list = rh_xalloc((f->n + 1) * sizeof *list);
	if (!d->created)
		r = list_have(arena, d->fd, &h, err);
	if (r == 0)
		r = match(m, d, f, &h, list, &n, err);
	free(h.v);
	if (r < 0 || m->refused)
		return r;
	if (rh_source_subdir(src, "cur", &cur) < 0)
		cur = -1;
	if (rh_source_subdir(src, "new", &new_) < 0)
		new_ = -1;
	struct rh_copier c = {.run = m->run,
			      .domain = m->domain,
			      .folder = f,
			      .to = d,
			      .cur = cur,
			      .new_ = new_,
			      .begin = rh_mailbox_begin,
			      .arg = m};
	return copy_all(m, &c, list, n, err);
}

static int sync_metadata(struct rh_mailbox *m, struct rh_tdir *d, struct rh_folder *f,
			 const struct rh_fstate *was, struct rh_err *err)
{
	static const struct rh_fstate none;
	struct rh_str uidlist RH_STR = {0}, keywords RH_STR = {0};
	struct rh_fstate now = {.name = rh_arena_strdup(m->arena, f->dir),
				.validity = f->validity,
				.names = sum_wanted(f)};
	if (!was)
		was = &none;
	rh_folder_uidlist(f, &uidlist);
	rh_letters_text(&f->letters, &keywords);
	int r =
	    rh_sync_text(m, d, "dovecot-keywords", &keywords, was->keywords, &now.keywords, err);
	if (r == 0 && !m->refused)
		r = rh_sync_text(m, d, "dovecot-uidlist", &uidlist, was->uidlist, &now.uidlist,
				 err);
	rh_mstate_add(&m->now, now);
	return r;
}

/* The folder's directory with cur, new, tmp. */
static int open_target(struct rh_mailbox *m, const struct rh_subfolder *s, struct rh_tdir **d,
		       struct rh_err *err)
{
	static const char *const subs[] = {"tmp", "new", "cur"};
	int r = 0;
	if (strcmp(s->dst, ".") == 0) {
		*d = m->maildir;
		(*d)->refs++;
	} else {
		r = rh_batch_dir(m->run->batch, m->maildir->fd, s->dst, d, err);
	}
	if (r < 0)
		return r;
	(*d)->maildir = true;
	for (int i = 0; r == 0 && i < 3; i++)
		r = rh_batch_mkdir(m->run->batch, (*d)->fd, subs[i], err);
	if (r == 0 && !(*d)->created)
		r = rh_batch_sweep(m->run->batch, *d, err);
	return r;
}

int rh_sync_folder(struct rh_mailbox *m, const struct rh_subfolder *s, int src, struct rh_folder *f,
		   struct rh_err *err)
{
	const struct rh_fstate *was = rh_mstate_find(&m->old, s->dst);
	struct rh_tdir *d = NULL;
	int r = open_target(m, s, &d, err);
	if (r == 0)
		r = sync_messages(m, d, src, f, was, err);
	if (r == 0 && !m->refused)
		r = sync_metadata(m, d, f, was, err);
	rh_tdir_release(&d);
	if (m->refused)
		return 0;
	return r < 0 ? rh_err_prefix(err, r, "%s/Maildir/%s", m->target, s->dst) : 0;
}

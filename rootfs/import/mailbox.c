/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One mailbox, from the old server's Maildir to the target's.
 *
 * Order: find the folders and their new names; see whether the target is still as we left it;
 * folder by folder read, convert, queue; subscriptions; the state. The state says "copying" from
 * before the first change until all of it is durable, so an interrupted mailbox is told from a
 * touched one.
 *
 * Faults of the source (a folder that cannot be read) cost that folder and are reported; they never
 * stop the run.
 */
#include "rootfs/import/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "rootfs/import/source.h"
#include "rootfs/mail/foldername.h"

#define HIERARCHY "courierimaphieracl"

void rh_mailbox_refuse(struct rh_mailbox *m, const char *dir, const char *why)
{
	char *file RH_FREE =
	    rh_xasprintf("%s/%s/Maildir/%s", m->run->opt->mail_root, m->target, dir);
	if (m->refused)
		return;
	m->refused = true;
	rh_report_add(
	    &m->run->report, RH_LOST, file, 0,
	    "mailbox refused and left as it is: %s. To import it again from nothing, move "
	    "%s/%s away first",
	    why, m->run->opt->mail_root, m->target);
}

static int write_state(struct rh_mailbox *m, const struct rh_mstate *s, struct rh_err *err)
{
	struct rh_str text RH_STR = {0};
	rh_mstate_text(s, &text);
	return rh_batch_text(m->run->batch, m->user, RH_STATE_NAME, text.data, text.len, err);
}

int rh_mailbox_begin(void *mailbox, struct rh_err *err)
{
	struct rh_mailbox *m = mailbox;
	struct rh_mstate s = m->old;
	if (m->writing)
		return 0;
	if (m->old.exists && m->old.done && rh_sync_touched(m))
		return rh_err_set(err, ECANCELED, "the mailbox is refused");
	m->writing = true;
	s.done = false;
	if (m->old.exists && !m->old.done)
		return 0; /* it already says so */
	return write_state(m, &s, err);
}

static bool is_folder(const struct rh_mailbox *m, const struct rh_dirent *e)
{
	int fd RH_CLOSE = -1;
	if (e->name[0] != '.' || e->type != DT_DIR || rh_source_subdir(m->src, e->name, &fd) < 0)
		return false;
	return rh_exists(fd, "cur") || rh_exists(fd, "maildirfolder");
}

static bool taken(const struct rh_mailbox *m, const char *dst)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].dst, dst) == 0)
			return true;
	return false;
}

static void add_folder(struct rh_mailbox *m, const char *name)
{
	struct rh_subfolder s = {.src = name,
				 .path = rh_arena_printf(m->arena, "%s/%s", m->path, name)};
	enum rh_name_how how;
	const char *charset;
	char *to = rh_folder_name(m->arena, name + 1, &how, &charset);
	size_t len = strlen(to);

	s.dst = rh_arena_printf(m->arena, ".%s", to);
	for (unsigned k = 2; taken(m, s.dst); k++) {
		how = RH_NAME_FORCED;
		s.dst = rh_arena_printf(m->arena, ".%.*s_%u", (int)(len > 240 ? 240 : len), to, k);
	}
	if (how != RH_NAME_KEPT)
		rh_report_add(&m->run->report, RH_REMARK, s.path, 0, "the folder is now %s (%s%s)",
			      s.dst + 1, how == RH_NAME_FORCED ? "changed; taken for " : "was ",
			      charset);
	RH_GROW(m->v, m->n, m->cap);
	m->v[m->n++] = s;
}

/* Names that can stay are given out first, so that a converted one never takes a kept one's. */
static int list_folders(struct rh_mailbox *m, struct rh_err *err)
{
	struct rh_dirlist l = {0};
	int r = rh_source_list(m->arena, m->src, &l, err);

	RH_GROW(m->v, m->n, m->cap);
	m->v[m->n++] = (struct rh_subfolder){".", ".", m->path};
	rh_dirlist_sort(&l);
	for (int converted = 0; r == 0 && converted < 2; converted++)
		for (size_t i = 0; i < l.n; i++) {
			enum rh_name_how how = RH_NAME_KEPT;
			const char *charset, *name = l.v[i].name;
			if (strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 ||
			    strcmp(name, "tmp") == 0 || strcmp(name, HIERARCHY) == 0)
				continue;
			if (!is_folder(m, &l.v[i])) {
				if (!converted)
					rh_leftover_maildir(m->run, m->src, m->path, name,
							    l.v[i].type);
				continue;
			}
			rh_folder_name(m->arena, name + 1, &how, &charset);
			if ((how != RH_NAME_KEPT) == converted)
				add_folder(m, name);
		}
	rh_dirlist_free(&l);
	return r;
}

/* Does the folder NAME, or one below it, exist at the target? */
static bool has_folder(struct rh_mailbox *m, const char *name)
{
	enum rh_name_how how;
	const char *charset, *to = rh_folder_name(m->arena, name, &how, &charset);
	size_t n = strlen(to);
	for (size_t i = 1; i < m->n; i++)
		if (strncmp(m->v[i].dst + 1, to, n) == 0 && strchr(".", m->v[i].dst[1 + n]))
			return true;
	return false;
}

/* courierimaphieracl/NAME: access rights of a folder, also of one that only holds other folders.
 * Dovecot shows such a parent by itself, as long as something is below it. */
static void hierarchy(struct rh_mailbox *m)
{
	struct rh_dirlist l = {0};
	int dir RH_CLOSE = -1;
	int r = rh_source_subdir(m->src, HIERARCHY, &dir);
	if (r == -ENOENT)
		return;
	if (r < 0 || rh_source_list(m->arena, dir, &l, NULL) < 0)
		rh_report_add(&m->run->report, RH_LOST, m->path, 0, HIERARCHY " cannot be read");
	rh_dirlist_sort(&l);
	for (size_t i = 0; i < l.n; i++) {
		const char *name = l.v[i].name;
		char *file = rh_arena_printf(m->arena, "%s/" HIERARCHY "/%s", m->path, name);
		if (!has_folder(m, name))
			rh_report_add(&m->run->report, RH_LOST, file, 0,
				      "not carried: a folder without mail and without folders");
		rh_leftover_acl(m->run, dir, file, name);
	}
	rh_dirlist_free(&l);
}

/* Everything in a folder that is no message and no state file. */
static void folder_leftovers(struct rh_mailbox *m, const struct rh_subfolder *s, int dir)
{
	struct rh_dirlist l = {0};
	struct rh_err why = {0};
	if (strcmp(s->src, ".") == 0)
		return; /* list_folders() has looked */
	if (rh_source_list(m->arena, dir, &l, &why) < 0) {
		rh_report_add(&m->run->report, RH_LOST, s->path, 0, "%s", why.text);
	} else {
		rh_dirlist_sort(&l);
		for (size_t i = 0; i < l.n; i++)
			if (strcmp(l.v[i].name, "cur") != 0 && strcmp(l.v[i].name, "new") != 0 &&
			    strcmp(l.v[i].name, "tmp") != 0)
				rh_leftover_maildir(m->run, dir, s->path, l.v[i].name, l.v[i].type);
	}
	rh_dirlist_free(&l);
}

static int import_folder(struct rh_mailbox *m, const struct rh_subfolder *s, struct rh_err *err)
{
	const struct rh_fstate *was = rh_mstate_find(&m->old, s->dst);
	struct rh_folder f = {.arena = rh_arena_new(),
			      .path = s->path,
			      .dir = s->dst,
			      .inbox = strcmp(s->src, ".") == 0};
	struct rh_err why = {0};
	int dir RH_CLOSE = -1;
	int r = rh_source_subdir(m->src, s->src, &dir);

	if (r == 0)
		r = rh_folder_scan(m->run, dir, was ? was->validity : 0, &f, &why);
	if (r < 0) {
		rh_report_add(&m->run->report, RH_LOST, s->path, 0, "folder not carried: %s",
			      why.text[0] ? why.text : strerror(-r));
		m->unread = true;
		if (was)
			rh_mstate_add(&m->now, *was);
		rh_folder_free(&f);
		return 0;
	}
	folder_leftovers(m, s, dir);
	m->messages += f.n;
	m->stated += f.stated_bytes;
	if (!m->run->opt->dry_run)
		r = rh_sync_folder(m, s, dir, &f, err);
	m->run->seen += f.n;
	rh_folder_free(&f);
	return r;
}

/* "INBOX.Sent" → the folder's name at the target, or NULL when it can have none. */
static const char *subscribed(struct rh_mailbox *m, struct rh_span line)
{
	enum rh_name_how how;
	const char *charset;
	if (rh_span_is(line, "INBOX"))
		return "INBOX";
	if (line.n < 7 || memcmp(line.s, "INBOX.", 6) != 0 || memchr(line.s, 0, line.n) ||
	    memchr(line.s, '/', line.n))
		return NULL;
	char *name = rh_arena_strndup(m->arena, line.s + 6, line.n - 6);
	for (size_t i = 1; i < m->n; i++)
		if (strcmp(m->v[i].src + 1, name) == 0)
			return m->v[i].dst + 1;
	return rh_folder_name(m->arena, name, &how, &charset);
}

static int subscriptions(struct rh_mailbox *m, struct rh_err *err)
{
	static const char name[] = "courierimapsubscribed";
	struct rh_str text RH_STR = {0}, out RH_STR = {0};
	struct rh_err why = {0};
	char *file = rh_arena_printf(m->arena, "%s/%s", m->path, name);
	struct rh_text t;
	struct rh_span line;
	int r = rh_source_read(m->src, name, &text, &why);

	if (r < 0 && r != -ENOENT)
		rh_report_add(&m->run->report, RH_LOST, file, 0, "%s", why.text);
	rh_text_init(&t, rh_str_text(&text), text.len);
	while (rh_text_line(&t, &line)) {
		const char *to = line.n ? subscribed(m, line) : "";
		if (!to)
			rh_report_add(&m->run->report, RH_LOST, file, t.line,
				      "subscription not carried: %.*s", (int)line.n, line.s);
		else if (*to)
			rh_str_addf(&out, "%s\n", to);
	}
	if (m->run->opt->dry_run || m->refused)
		return 0;
	return rh_sync_text(m, m->maildir, "subscriptions", &out, m->old.subscriptions,
			    &m->now.subscriptions, err);
}

static int open_target(struct rh_mailbox *m, struct rh_err *err)
{
	struct rh_batch *b = m->run->batch;
	struct rh_str text RH_STR = {0};
	struct rh_tdir *domain = NULL;
	int r = rh_batch_dir(b, m->run->target, m->domain->name, &domain, err);
	if (r == 0)
		r = rh_batch_dir(b, domain->fd, m->account->user->name, &m->user, err);
	rh_tdir_release(&domain);
	if (r == 0 && !m->user->created)
		r = rh_batch_sweep(b, m->user, err);
	if (r == 0)
		r = rh_batch_dir(b, m->user->fd, "Maildir", &m->maildir, err);
	if (r < 0)
		return r;
	m->fresh = m->maildir->created;
	r = rh_source_read(m->user->fd, RH_STATE_NAME, &text, NULL);
	if (r == 0)
		rh_mstate_parse(m->arena, rh_str_text(&text), text.len, &m->old);
	return m->fresh ? 0 : rh_sync_check(m, err);
}

/* Runs when everything of the mailbox has its name: looks whether that is so, and only then says
 * "carried" in the report and queues the mark "done". */
struct finish {
	struct rh_run *run;
	size_t line; /* of the account in the report */
	struct rh_tdir *user, *maildir;
	struct rh_str text;
	uint64_t messages; /* that must be there; not known when UNREAD */
	bool unread, incomplete;
};

static void finish_free(struct finish *f)
{
	rh_tdir_release(&f->user);
	rh_tdir_release(&f->maildir);
	rh_str_free(&f->text);
	free(f);
}

static int verify(const struct finish *f, struct rh_err *err)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct rh_mstate s = {0};
	uint64_t found;
	rh_mstate_parse(arena, f->text.data, f->text.len, &s);
	int r = rh_sync_verify(f->maildir->fd, &s, &found, err);
	if (r == 0 && !f->unread && found != f->messages)
		r = rh_err_set(err, EIO, "it has %ju messages, not %ju", found, f->messages);
	rh_mstate_free(&s);
	return r;
}

static int finish(struct rh_batch *b, void *arg, struct rh_err *err)
{
	struct finish *f = arg;
	struct rh_err why = {0};
	int r = 0;
	if (b && verify(f, &why) < 0) {
		struct rh_report *rep = &f->run->report;
		rep->failed++;
		rh_report_add(rep, RH_LOST, rep->account[f->line].address, 0,
			      "mailbox not carried whole, run again: at the target %s", why.text);
	} else if (b) {
		f->run->report.account[f->line].result = f->incomplete ? "incomplete" : "carried";
		r = rh_batch_text(b, f->user, RH_STATE_NAME, f->text.data, f->text.len, err);
	}
	finish_free(f);
	return r;
}

static void queue_done(struct rh_mailbox *m)
{
	struct rh_str before RH_STR = {0};
	struct finish *f = rh_xalloc(sizeof *f);
	*f = (struct finish){.run = m->run,
			     .line = m->run->report.naccount,
			     .messages = m->messages - m->failed,
			     .unread = m->unread,
			     .incomplete = m->unread || m->failed};
	m->now.done = true;
	rh_mstate_text(&m->now, &f->text);
	if (m->old.exists)
		rh_mstate_text(&m->old, &before);
	if (strcmp(rh_str_text(&before), f->text.data) == 0) {
		finish_free(f);
		return;
	}
	f->user = m->user;
	f->user->refs++;
	f->maildir = m->maildir;
	f->maildir->refs++;
	m->finishing = true;
	rh_batch_after(m->run->batch, finish, f);
}

static int import_all(struct rh_mailbox *m, struct rh_err *err)
{
	int r = m->run->opt->dry_run ? 0 : open_target(m, err);
	for (size_t i = 0; r == 0 && !m->refused && i < m->n; i++) {
		if (rh_interrupted())
			return rh_err_set(err, EINTR, "interrupted; run again to go on");
		r = import_folder(m, &m->v[i], err);
	}
	if (r == 0)
		r = subscriptions(m, err);
	if (r == 0 && !m->refused && !m->run->opt->dry_run)
		queue_done(m);
	return r;
}

static void account_line(struct rh_mailbox *m, int r)
{
	struct rh_report *rep = &m->run->report;
	struct rh_account_line *a = rh_report_account(rep, m->account->address);
	a->folders = m->n;
	a->messages = m->messages;
	a->copied = m->copied;
	a->renamed = m->renamed;
	a->stated = m->copied == m->messages ? m->bytes : m->stated;
	a->bytes = rep->dry_run ? m->stated : m->bytes;
	/* "failed" until what was queued has its names, see finish() */
	a->result = r < 0 || m->finishing    ? "failed"
		    : m->refused	     ? "refused"
		    : rep->dry_run	     ? "planned"
		    : m->unread || m->failed ? "incomplete"
		    : m->old.exists	     ? "unchanged"
					     : "carried";
	rep->folders += m->n;
	rep->messages += m->messages;
	rep->copied += m->copied;
	rep->renamed += m->renamed;
	rep->bytes += a->bytes;
	rep->wrong_sizes += m->wrong_sizes;
	if (m->wrong_sizes)
		rh_report_add(
		    rep, RH_REMARK, m->path, 0,
		    "%ju messages have a wrong size in their name (,S=); Dovecot is set to "
		    "measure them itself",
		    m->wrong_sizes);
}

int rh_mailbox_import(struct rh_run *run, const struct rh_domain *d, const struct rh_account *a,
		      struct rh_err *err)
{
	struct rh_mailbox m = {.run = run, .domain = d, .account = a, .src = -1};
	struct rh_err why = {0};
	int r;

	m.arena = rh_arena_new();
	m.path = rh_arena_printf(m.arena, "%s/Maildir", a->real ? a->real : "");
	m.target = rh_arena_printf(m.arena, "%s/%s", d->name, a->user->name);
	r = a->real ? rh_source_dir(run->source, m.path, &m.src, &why) : -ENOENT;
	if (r == 0)
		r = list_folders(&m, &why);
	if (r == 0)
		hierarchy(&m);
	if (r == -ENOENT && a->real)
		rh_report_add(&run->report, RH_REMARK, m.path, 0,
			      "there is no Maildir: the mailbox begins empty");
	else if (r < 0 && a->real)
		rh_report_add(&run->report, RH_LOST, m.path, 0, "mail not carried: %s", why.text);
	m.unread = r < 0 && !(r == -ENOENT && (a->real || !a->user->dir[0]));
	r = r < 0 ? 0 : import_all(&m, err);
	account_line(&m, r);
	if (m.src >= 0)
		close(m.src);
	rh_tdir_release(&m.maildir);
	rh_tdir_release(&m.user);
	free(m.v);
	rh_mstate_free(&m.old);
	rh_mstate_free(&m.now);
	rh_arena_free(&m.arena);
	return r;
}

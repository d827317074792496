/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accounts → rows. One transaction a domain.
 *
 * A later run must not undo what happened here meanwhile, so rows that exist stay as they are, with
 * one exception: a password that is still the one we wrote follows a change on the old server. What
 * we wrote is remembered as a SHA-256 in MAILROOT/.rehome-import.accounts ("ADDRESS DIGEST" lines,
 * root only).
 */
#include "rootfs/import/accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/digest.h"
#include "rootfs/mail/foldername.h"

#define RECORD ".rehome-import.accounts"

struct written {
	const char *address, *digest;
};

struct writer {
	struct rh_run *run;
	struct rh_sink *sink;
	struct rh_arena *arena;
	struct written *v;
	size_t n, cap;
	struct rh_str record; /* the new text of RECORD */
	uint64_t rows;	      /* of the domain in work */
};

static int by_address(const void *a, const void *b)
{
	return strcmp(((const struct written *)a)->address, ((const struct written *)b)->address);
}

static void load_record(struct writer *w)
{
	struct rh_str text RH_STR = {0};
	struct rh_text t;
	struct rh_span line, address;
	if (w->run->target < 0 || rh_file_read(w->run->target, RECORD, 256u << 20, &text, NULL) < 0)
		return;
	rh_text_init(&t, rh_str_text(&text), text.len);
	while (rh_text_line(&t, &line)) {
		if (t.torn || !rh_span_cut(&line, ' ', &address) || line.n != RH_SHA256_HEX - 1)
			continue;
		RH_GROW(w->v, w->n, w->cap);
		w->v[w->n++] =
		    (struct written){rh_span_dup(w->arena, address), rh_span_dup(w->arena, line)};
	}
	if (w->n)
		qsort(w->v, w->n, sizeof *w->v, by_address);
}

static const char *recorded(const struct writer *w, const char *address)
{
	struct written key = {.address = address};
	const struct written *at =
	    w->n ? bsearch(&key, w->v, w->n, sizeof *w->v, by_address) : NULL;
	return at ? at->digest : NULL;
}

static int save_record(struct writer *w, struct rh_err *err)
{
	struct rh_str now RH_STR = {0};
	if (!w->sink->remembers || w->run->target < 0)
		return 0;
	if (rh_file_read(w->run->target, RECORD, 256u << 20, &now, NULL) == 0 &&
	    now.len == w->record.len && memcmp(now.data, rh_str_text(&w->record), now.len) == 0)
		return 0;
	return rh_file_write(w->run->target, RECORD, 0600, rh_str_text(&w->record), w->record.len,
			     err);
}

static bool beyond_bmp(const char *utf8)
{
	while (*utf8)
		if ((unsigned char)*utf8++ >= 0xf0)
			return true;
	return false;
}

/* The person's name in UTF-8 that MariaDB's utf8mb3 can hold. */
static const char *person(struct writer *w, const struct rh_domain *d, const struct rh_account *a)
{
	const char *charset,
	    *text = rh_text_guess(w->arena, a->user->gecos, strlen(a->user->gecos), &charset);
	if (!text || beyond_bmp(text)) {
		rh_report_add(&w->run->report, RH_LOST, d->file, a->user->line,
			      "name of the person %s not carried: its charset is unknown",
			      a->address);
		return a->user->name;
	}
	if (strcmp(text, a->user->gecos) != 0)
		rh_report_add(&w->run->report, RH_REMARK, d->file, a->user->line,
			      "name of the person %s taken for %s", a->address, charset);
	return text;
}

static uint64_t target_quota(const struct rh_run *run, const struct rh_quota *q)
{
	if (q->none || q->bytes == 0)
		return 0;
	return q->bytes > run->opt->default_quota ? q->bytes : run->opt->default_quota;
}

/* Adds what R says to the count of rows; returns a negative R. */
static int count(struct writer *w, int r)
{
	w->rows += r == RH_PUT_ROW;
	return r < 0 ? r : 0;
}

static int put_mailbox(struct writer *w, const struct rh_domain *d, const struct rh_account *a,
		       const char *password, struct rh_err *err)
{
	const struct rh_vpuser *u = a->user;
	char hex[RH_SHA256_HEX];
	struct rh_mailbox_row row = {
	    .username = a->address,
	    .password = password,
	    .name = person(w, d, a),
	    .maildir = rh_arena_printf(w->arena, "%s/%s/", d->name, u->name),
	    .local_part = u->name,
	    .domain = d->name,
	    .quota = target_quota(w->run, &u->quota),
	    .active = u->kind != RH_HASH_CUT && u->kind != RH_HASH_UNKNOWN,
	    .written = recorded(w, a->address),
	};
	struct rh_digest *digest = rh_digest_new();
	rh_digest_data(digest, password, strlen(password));
	rh_digest_final(&digest, hex);
	int r = w->sink->mailbox(w->sink, &row, err);
	if (r == RH_PUT_KEPT) {
		rh_report_add(&w->run->report, RH_REMARK, d->file, u->line,
			      "password of %s was changed here: it stays", a->address);
		if (row.written)
			rh_str_addf(&w->record, "%s %s\n", a->address, row.written);
	} else if (r >= 0) {
		rh_str_addf(&w->record, "%s %s\n", a->address, hex);
	}
	return count(w, r);
}

/* Dovecot counts a mailbox when something in it changes; until then the administrator would see
 * none of the imported mail. A mailbox that this run did not change has Dovecot's figures. */
static int put_usage(struct writer *w, const struct rh_account *a, struct rh_err *err)
{
	const struct rh_report *rep = &w->run->report;
	for (size_t i = 0; i < rep->naccount; i++) {
		const struct rh_account_line *l = &rep->account[i];
		if (strcmp(l->address, a->address) == 0 &&
		    (strcmp(l->result, "carried") == 0 || strcmp(l->result, "incomplete") == 0))
			return count(
			    w, w->sink->usage(w->sink, a->address, l->stated, l->messages, err));
	}
	return 0;
}

static int put_account(struct writer *w, const struct rh_domain *d, const struct rh_account *a,
		       struct rh_err *err)
{
	bool usable = rh_hash_usable(a->user->kind);
	const char *password = usable ? a->user->hash : rh_hash_locked;
	int r = put_mailbox(w, d, a, password, err);
	if (r == 0)
		r = count(w, w->sink->alias(w->sink, a->address, d->name, err));
	if (r == 0)
		r = put_usage(w, a, err);
	if (r == 0 && a->admin && usable)
		r = count(w, w->sink->admin(w->sink, a->address, password, d->name, err));
	else if (r == 0 && a->admin)
		rh_report_add(&w->run->report, RH_LOST, d->file, a->user->line,
			      "administrator %s not carried: it has no usable password",
			      a->address);
	return r < 0 ? rh_err_prefix(err, r, "%s", a->address) : 0;
}

static int put_aliases(struct writer *w, const struct rh_domain *d, struct rh_err *err)
{
	const struct rh_plan *p = &w->run->plan;
	int r = 0;
	for (size_t i = 0; r == 0 && i < p->naliases; i++) {
		const struct rh_alias_domain *al = &p->alias[i];
		if (strcmp(al->target, d->name) != 0)
			continue;
		char *text = rh_arena_printf(w->arena, "alias of %s", d->name);
		r = count(w, w->sink->domain(w->sink, al->name, text, err));
		if (r == 0)
			r = count(w, w->sink->alias_domain(w->sink, al->name, d->name, err));
	}
	return r;
}

static int put_domain(struct writer *w, const struct rh_domain *d, struct rh_err *err)
{
	int r = w->sink->begin(w->sink, err);
	w->rows = 0;
	if (r == 0)
		r = count(w, w->sink->domain(w->sink, d->name, d->name, err));
	if (r == 0)
		r = put_aliases(w, d, err);
	for (size_t i = 0; r == 0 && i < d->n; i++)
		r = put_account(w, d, &d->v[i], err);
	if (r == 0 && w->rows) {
		char *data = rh_arena_printf(w->arena, "%zu accounts, %ju rows", d->n, w->rows);
		r = count(w, w->sink->log(w->sink, d->name, data, err));
	}
	if (r == 0)
		r = w->sink->commit(w->sink, err);
	if (r == 0)
		w->run->report.rows += w->rows;
	else
		w->sink->rollback(w->sink);
	return r < 0 ? rh_err_prefix(err, r, "domain %s", d->name) : 0;
}

int rh_accounts_write(struct rh_run *run, struct rh_sink *sink, struct rh_err *err)
{
	struct writer w = {.run = run, .sink = sink, .arena = rh_arena_new()};
	int r = 0;

	load_record(&w);
	for (size_t i = 0; r == 0 && i < run->plan.n; i++)
		r = put_domain(&w, &run->plan.domain[i], err);
	if (r == 0)
		r = save_record(&w, err);
	free(w.v);
	rh_str_free(&w.record);
	rh_arena_free(&w.arena);
	return r;
}

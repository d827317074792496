/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a server serves to its users: accounts, folders, messages, the POP3 list; and its JSON form.
 *
 * The same structures hold what the old server served (read from expect.json) and what the new one
 * serves (read from it by view.h). Everything belongs to the arena that was given.
 *
 * Bodies are compared in one canonical form: of each CR LF the CR is dropped (one CR, not more),
 * and a NUL byte counts as 0x80, which is what IMAP servers send for it. Nothing is added at the
 * end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

struct rh_message {
	uint32_t uid;
	const char *flags;    /* system flags, sorted, one space between; never \Recent */
	const char *keywords; /* the same for keywords */
	int64_t date;	      /* INTERNALDATE, seconds since 1970 */
	uint64_t size;	      /* RFC822.SIZE */
	const char *sha256;   /* of the canonical body, hex; "" when not read */
	/* Of the old file; only in what was recorded. */
	const char *file; /* base name */
	uint64_t wire;	  /* bytes with each bare LF as CR LF */
	uint64_t crlf;	  /* CR LF pairs inside, which Courier sends as CR CR LF */
	bool open_end;	  /* no final newline: Courier counts 2 bytes more */
};

struct rh_folder {
	const char *name; /* UTF-8, levels separated by "." */
	bool noselect;	  /* only a parent */
	bool fresh;	  /* the old server had not numbered it yet: its UIDVALIDITY is free */
	uint32_t uidvalidity, uidnext;
	int64_t messages, unseen; /* as STATUS says */
	struct rh_message *v;	  /* ascending UIDs */
	size_t n, cap;
};

struct rh_pop_message {
	const char *uidl;
	uint64_t size;
	/* Only in what was recorded: */
	uint64_t wire; /* the size that may be served instead; 0: none */
	bool known;    /* a client has been given this UIDL before */
};

struct rh_account {
	const char *user, *password;
	const char *hash;	   /* kind of the old hash, for reports */
	const char *dir;	   /* home, relative to the old tree; "" when unknown */
	struct rh_folder *folders; /* by name */
	size_t n_folders, cap_folders;
	struct rh_strv subs; /* UTF-8, sorted */
	struct rh_pop_message *pop;
	size_t n_pop, cap_pop;
};

struct rh_totals {
	int64_t accounts, folders, messages, bytes, flags, keywords, subscriptions, pop3;
};

struct rh_expect {
	struct rh_arena *arena;
	struct rh_account *v;
	size_t n;
	struct rh_totals totals; /* as written in the file */
};

void rh_totals_add(struct rh_totals *t, const struct rh_account *a);
bool rh_totals_equal(const struct rh_totals *a, const struct rh_totals *b);
/* "14 accounts, 40 folders, …" */
void rh_totals_text(const struct rh_totals *t, struct rh_str *out);

/* Accounts only: [{"user","password","hash","dir"}] or {"accounts": […]}. */
RH_CHECKED int rh_accounts_load(const char *path, struct rh_expect *x, struct rh_err *err);
RH_CHECKED int rh_expect_load(const char *path, struct rh_expect *x, struct rh_err *err);
RH_CHECKED int rh_expect_parse(const char *text, size_t len, const char *name, struct rh_expect *x,
			       struct rh_err *err);
/* Totals are computed here. */
void rh_expect_print(const struct rh_expect *x, struct rh_str *out);
RH_CHECKED int rh_expect_save(const char *path, const struct rh_expect *x, struct rh_err *err);
void rh_expect_free(struct rh_expect *x);
#define RH_EXPECT __attribute__((cleanup(rh_expect_free)))

struct rh_account *rh_expect_find(const struct rh_expect *x, const char *user);
struct rh_folder *rh_account_folder(const struct rh_account *a, const char *name);

/* The canonical form of N bytes, fed piece by piece. */
struct rh_canon {
	void *md; /* EVP_MD_CTX */
	bool cr;  /* a CR is held back */
	bool open_end;
	uint64_t bytes, wire, crlf;
};
void rh_canon_begin(struct rh_canon *c);
void rh_canon_add(struct rh_canon *c, const void *data, size_t n);
/* HEX gets 64 digits and a NUL. */
void rh_canon_end(struct rh_canon *c, char hex[65]);

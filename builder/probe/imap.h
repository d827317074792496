/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An IMAP4rev1 client that keeps literals.
 *
 * One command at a time. Untagged data responses ("* 3 FETCH (…)") are parsed into a tree and
 * handed to a callback; status responses (OK, NO, BAD, BYE) are kept as text.
 */
#pragma once

#include <stdint.h>

#include "builder/probe/stream.h"

enum rh_imap_type { RH_IMAP_ATOM, RH_IMAP_STRING, RH_IMAP_LIST };

/* TEXT is LEN bytes and a NUL behind them. NIL is an atom. */
struct rh_imap_node {
	enum rh_imap_type type;
	const char *text;
	size_t len;
	struct rh_imap_node *child; /* of a list */
	struct rh_imap_node *next;
};

/* Largest response (literals included): far above the message limit of any old server. */
#define RH_IMAP_MAX (256ul * 1024 * 1024)

/* Read one response with its literals into RAW: the line, then for each "{N}" a LF, the N bytes,
 * and the line that follows. */
RH_CHECKED int rh_imap_read(struct rh_stream *s, struct rh_str *raw, struct rh_err *err);
/* Parse RAW (as rh_imap_read() made it) after its first SKIP bytes. */
RH_CHECKED int rh_imap_parse(struct rh_arena *arena, const struct rh_str *raw, size_t skip,
			     struct rh_imap_node **ret, struct rh_err *err);

bool rh_imap_is(const struct rh_imap_node *n, const char *atom); /* atom, any case; NULL: no */
/* "VALUE" after NAME in a list of pairs (FETCH, STATUS); NULL when absent. */
const struct rh_imap_node *rh_imap_pair(const struct rh_imap_node *list, const char *name);
/* A decimal number; -1 when it is none or exceeds 2^53. */
int64_t rh_imap_number(const struct rh_imap_node *n);
/* Seconds since 1970 of an INTERNALDATE " 7-Feb-2010 12:34:56 +0900". */
RH_CHECKED int rh_imap_date(const char *text, int64_t *ret, struct rh_err *err);

struct rh_imap {
	struct rh_stream *s;
	unsigned tag;
	char *status; /* text of the last tagged response or BYE, "NO [ALERT] …" */
};

typedef int (*rh_imap_fn)(void *arg, const struct rh_imap_node *data, struct rh_err *err);

/* Read the greeting. */
RH_CHECKED int rh_imap_start(struct rh_imap *im, struct rh_stream *s, struct rh_err *err);
/* 0 for OK; -EACCES for NO; -EBADMSG for BAD; -EPIPE for BYE. FN may be NULL; the first error that
 * it returns is the result, after the command has been read to its end. */
RH_CHECKED int rh_imap_cmd(struct rh_imap *im, rh_imap_fn fn, void *arg, struct rh_err *err,
			   const char *fmt, ...) RH_PRINTF(5, 6);
RH_CHECKED int rh_imap_login(struct rh_imap *im, const char *user, const char *password,
			     struct rh_err *err);
/* APPEND without flags and date, DATA as it is. */
RH_CHECKED int rh_imap_append(struct rh_imap *im, const char *mailbox, const char *data, size_t n,
			      struct rh_err *err);
void rh_imap_logout(struct rh_imap *im); /* best effort; frees the status */
/* TEXT as a quoted string, appended to OUT. */
void rh_imap_quote(struct rh_str *out, const char *text);

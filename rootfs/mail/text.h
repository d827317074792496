/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a buffer, and numbers in them: what every parser of the old formats begins with.
 *
 * Parsers report into struct rh_diags. A diagnostic whose `where` is RH_NOTE says that something
 * was repaired or is remarkable; any other says that the line (or part of it) is lost.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/diag.h"
#include "lib/core/mem.h"

#define RH_NOTE "note"

struct rh_span {
	const char *s;
	size_t n;
};

struct rh_text {
	const char *p, *end;
	unsigned line; /* of the last line returned, 1-based */
	bool torn;     /* that line had no LF at its end */
};

void rh_text_init(struct rh_text *t, const char *data, size_t n);
/* The next line without its LF; false at the end of the buffer. */
bool rh_text_line(struct rh_text *t, struct rh_span *line);

/* Cut S at the first SEP: the part before goes to HEAD, S keeps what follows. False, and nothing
 * changes, when there is no SEP. */
bool rh_span_cut(struct rh_span *s, char sep, struct rh_span *head);
/* The same at the last SEP: S keeps what is before, the part after goes to TAIL. */
bool rh_span_cut_last(struct rh_span *s, char sep, struct rh_span *tail);
bool rh_span_is(struct rh_span s, const char *text);
bool rh_span_has(struct rh_span s, char c);
/* Decimal digits only, at most MAX. */
bool rh_span_number(struct rh_span s, uint64_t max, uint64_t *out);
char *rh_span_dup(struct rh_arena *arena, struct rh_span s);

/* Is S (N bytes) well-formed UTF-8 without surrogates? */
bool rh_utf8_valid(const char *s, size_t n);
/* The next character of well-formed UTF-8 at *S; moves on. */
uint32_t rh_utf8_next(const char **s);
/* S for people and JSON: valid UTF-8 stays, other bytes and controls become \xHH. */
char *rh_text_printable(struct rh_arena *arena, const char *s);

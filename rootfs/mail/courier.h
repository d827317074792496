/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Courier's state files of a Maildir folder: UIDs, POP3 list, keywords, subscriptions.
 *
 * Strings are owned by the arena that the caller gives, the arrays by the structures' own free
 * functions. FILE is what diagnostics call the input. A damaged file yields what is certain in it.
 */
#pragma once

#include "rootfs/mail/text.h"

#define RH_UID_MAX 4294967294u

/* courierimapuiddb, version 1 */
struct rh_uidrec {
	const char *base;
	uint32_t uid;
	unsigned line;
};
struct rh_uiddb {
	bool valid;	     /* the header is whole: validity and next hold */
	uint32_t validity;   /* UIDVALIDITY */
	uint32_t next;	     /* UIDNEXT; above every record's uid */
	struct rh_uidrec *v; /* sorted by base (strcmp); bases and UIDs are unique */
	size_t n, cap;
};
void rh_uiddb_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		    struct rh_uiddb *out, struct rh_diags *d);
const struct rh_uidrec *rh_uiddb_find(const struct rh_uiddb *db, const char *base);
void rh_uiddb_free(struct rh_uiddb *db);

/* courierpop3dsizelist, versions 0 to 3 */
struct rh_poprec {
	const char *base;
	uint64_t uid, validity; /* 0: see rh_poplist_uidl() */
};
struct rh_poplist {
	bool valid; /* a header that we know, or none (version 0) */
	unsigned version;
	uint64_t next, validity;
	struct rh_poprec *v; /* sorted by base, unique */
	size_t n, cap;
};
void rh_poplist_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		      struct rh_poplist *out, struct rh_diags *d);
const struct rh_poprec *rh_poplist_find(const struct rh_poplist *l, const char *base);
void rh_poplist_free(struct rh_poplist *l);
/* What Courier answers to UIDL for a message with these numbers. */
char *rh_poplist_uidl(struct rh_arena *arena, const char *base, uint64_t uid, uint64_t validity);

/* courierimapkeywords/ */
struct rh_kwrec {
	const char *base;
	unsigned *kw; /* indexes into names, ascending and unique; owned by the arena */
	size_t n;
	uint64_t rank; /* of the file that it comes from; the highest wins */
};
struct rh_keywords {
	const char **names;
	size_t nnames, names_cap;
	struct rh_kwrec *v;
	size_t n, cap;
};
#define RH_KW_PLAIN UINT64_MAX /* rank of a pending file without number */
/* The file ":list". */
void rh_kwlist_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		     struct rh_keywords *out, struct rh_diags *d);
/* Is NAME, in courierimapkeywords/, a pending update? Its message's base and rank. ":list" and
 * ".tmp.*" are none. */
bool rh_kwpending_name(const char *name, const char **base, uint64_t *rank);
void rh_kwpending_parse(struct rh_arena *arena, const char *file, const char *base, uint64_t rank,
			const char *text, size_t n, struct rh_keywords *out, struct rh_diags *d);
/* After the last file: sorts by base, keeps of each base the record of the highest rank. */
void rh_keywords_settle(struct rh_keywords *k);
const struct rh_kwrec *rh_keywords_find(const struct rh_keywords *k, const char *base);
void rh_keywords_free(struct rh_keywords *k);

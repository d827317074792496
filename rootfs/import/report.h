/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the import did, what it could not carry, and what it changed on the way.
 *
 * "Not carried" = something of the old server that has no counterpart at the target now. "Remark" =
 * carried, but repaired or renamed, or worth knowing. Either makes the exit status 3.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "lib/core/diag.h"
#include "lib/core/mem.h"

enum rh_entry_kind { RH_LOST, RH_REMARK };

struct rh_entry {
	enum rh_entry_kind kind;
	const char *file; /* path on the old server */
	unsigned line;	  /* 0: none */
	const char *reason;
};

struct rh_account_line {
	/* "carried", "unchanged"; "incomplete": something of it could not be read; "refused",
	 * "failed", "planned" */
	const char *address, *result;
	uint64_t folders, messages, copied, renamed, bytes;
	uint64_t stated; /* bytes of all its messages: measured, or as their names say */
};

struct rh_report {
	struct rh_arena *arena;
	struct rh_entry *entry;
	size_t nentry, entry_cap;
	struct rh_account_line *account;
	size_t naccount, account_cap;
	uint64_t domains, folders, messages, copied, renamed, bytes, wrong_sizes;
	uint64_t rows;	 /* of the database, written */
	uint64_t failed; /* mailboxes that a last look found other than they must be */
	double seconds;
	bool dry_run;
	const char *source;
};

void rh_report_init(struct rh_report *r);
void rh_report_free(struct rh_report *r);
void rh_report_add(struct rh_report *r, enum rh_entry_kind kind, const char *file, unsigned line,
		   const char *fmt, ...) RH_PRINTF(5, 6);
/* Every diagnostic of a parser: notes become remarks, the others "not carried". */
void rh_report_diags(struct rh_report *r, const struct rh_diags *d);
struct rh_account_line *rh_report_account(struct rh_report *r, const char *address);
size_t rh_report_count(const struct rh_report *r, enum rh_entry_kind kind);

/* A summary for people; at most LIMIT entries of each kind (0: all). */
void rh_report_print(const struct rh_report *r, FILE *out, size_t limit);
/* The whole as JSON text (report.json), to be released by rh_str_free(). */
void rh_report_json(const struct rh_report *r, struct rh_str *out);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has been written to a disk: one small JSON file for each serial, so that a run can go on
 * where one before it was cut, and rehome verify finds the pair that a disk should hold.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/digest.h"

struct rh_journal {
	char pair[RH_SHA256_HEX]; /* rh_source.id */
	char *source;		  /* the folder's path */
	unsigned member;
	uint64_t size;	   /* of the disk */
	uint64_t position; /* bytes that are flushed */
	bool verified;
};

/* -ENOENT when there is none, or none that can be used. */
RH_CHECKED int rh_journal_load(const char *dir, const char *serial, struct rh_journal *out,
			       struct rh_err *err);
RH_CHECKED int rh_journal_store(const char *dir, const char *serial, const struct rh_journal *j,
				struct rh_err *err);
void rh_journal_forget(const char *dir, const char *serial);
void rh_journal_free(struct rh_journal *j);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to builder/compare*.c. */
#pragma once

#include <sys/types.h>

#include "builder/compare.h"
#include "builder/layout.h"
#include "lib/digest.h"

/* The same disk of both pairs. */
struct rh_sides {
	int fd[2];
	const char *path[2]; /* for messages */
};

/* --- compare_bits.c --- */

/* How many bytes of [FROM, TO) differ, and where the first is (TO: none). What is a hole in both is
 * not read. With FIRST_ONLY the search ends there, and *BYTES is 0 or 1. */
RH_CHECKED int rh_compare_span(const struct rh_sides *s, uint64_t from, uint64_t to,
			       bool first_only, uint64_t *first, uint64_t *bytes,
			       struct rh_err *err);
/* Everything of disk NAME ("a", "b") outside the arrays' data areas. */
RH_CHECKED int rh_compare_disk(const struct rh_sides *s, const struct rh_layout *l,
			       const char *name, struct rh_comparison *c, struct rh_err *err);

/* --- compare_fat.c --- */

/* Of the FAT32 filesystem at byte START of FD: what lies at byte AT (from its start), e.g.
 * "EFI/BOOT/BOOTX64.EFI" or "folder EFI"; NULL when nothing that can be named does. */
const char *rh_compare_fat_name(int fd, uint64_t start, uint64_t at, struct rh_arena *arena);

/* --- compare_list.c --- */

struct rh_listed {
	const char *volume, *path; /* of the filesystem, below its root; the root itself is "." */
	mode_t mode;		   /* type and permission bits */
	uint32_t uid, gid;
	int64_t seconds;
	long nanoseconds;
	uint64_t size;
	unsigned major, minor;	/* of a device */
	const char *link;	/* target of a symbolic link, else "" */
	const char *attributes; /* extended attributes and ACLs, sorted, in printable form */
	const char *first;	/* first name of the same file in sort order; "" without others */
	const char *hard;	/* while reading: the name that the archive links to */
	char digest[RH_SHA256_HEX]; /* of a regular file's contents */
};

struct rh_fact { /* of a volume group, a volume, a filesystem */
	const char *name, *value;
};

struct rh_listing {
	struct rh_arena *arena;
	struct rh_listed *v;
	size_t n, cap;
	struct rh_fact *facts;
	size_t n_facts, cap_facts;
};

void rh_listing_fact(struct rh_listing *l, const char *name, const char *value);
/* Add what the tar stream from FD holds; it is read to its end. */
RH_CHECKED int rh_listing_tar(struct rh_listing *l, const char *volume, int fd, struct rh_err *err);
/* Sort, and join the names of one file; before rh_listing_compare(). */
RH_CHECKED int rh_listing_finish(struct rh_listing *l, struct rh_err *err);
void rh_listing_compare(const struct rh_listing *a, const struct rh_listing *b,
			struct rh_comparison *c);
void rh_listing_free(struct rh_listing *l);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The appliance's whole file tree as one tar stream: packages, then what we lay over them.
 *
 * A file that we bring replaces the packages' file of the same path; what must not be in an image
 * (keys, machine identity, caches, logs) is left out of the packages' part. Everything that we add
 * is owned by root, dated EPOCH and sorted by path. What the packages bring keeps its dates, but
 * nothing is younger than EPOCH.
 *
 * Who unpacks a file into a folder changes the folder's date. So each folder comes a second time at
 * the end, when nothing more is made in it; and those that only our files need come too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"
#include "lib/digest.h"

/* One file that we bring. Exactly one of text, source, link is set; none of them: a folder. */
struct rh_extra {
	const char *path; /* relative, no "./" */
	mode_t mode;	  /* permission bits */
	const char *text; /* contents */
	size_t len;
	const char *source; /* a file whose contents it gets */
	const char *link;   /* target of a symbolic link */
};

struct rh_extras {
	struct rh_arena *arena; /* owns the strings */
	struct rh_extra *v;
	size_t n, cap;
};
void rh_extras_text(struct rh_extras *x, const char *path, mode_t mode, const char *text);
void rh_extras_file(struct rh_extras *x, const char *path, mode_t mode, const char *source);
void rh_extras_link(struct rh_extras *x, const char *path, const char *target);
void rh_extras_dir(struct rh_extras *x, const char *path, mode_t mode);
/* Sort by path; -EEXIST when two have the same path. Needed before rh_treetar_write(). */
RH_CHECKED int rh_extras_sort(struct rh_extras *x, struct rh_err *err);
void rh_extras_free(struct rh_extras *x);
/* Everything of E that shows in an image goes into D: path, mode, contents. */
RH_CHECKED int rh_extra_digest(struct rh_digest *d, const struct rh_extra *e, struct rh_err *err);

struct rh_treetar {
	const char *packages; /* tar of the root tree */
	const char *programs; /* tar of our own programs; NULL: none */
	const struct rh_extras *extras;
	uint64_t epoch;
	/* Bytes of the packages' tar read; a negative errno ends the writing. May be NULL. */
	int (*tick)(void *arg, uint64_t bytes, struct rh_err *err);
	void *arg;
};

/* Write the stream to FD. */
RH_CHECKED int rh_treetar_write(const struct rh_treetar *t, int fd, struct rh_err *err);
/* Only the extras whose path matches one of the shell patterns (NULL-terminated). */
RH_CHECKED int rh_treetar_extras(const struct rh_extras *x, const char *const *patterns,
				 uint64_t epoch, int fd, struct rh_err *err);
/* One regular file of a tar, at most MAX bytes. */
RH_CHECKED int rh_treetar_read(const char *tar, const char *path, size_t max, struct rh_str *out,
			       struct rh_err *err);
/* Must PATH of the packages' tree stay out of an image? */
bool rh_treetar_scrubbed(const char *path);

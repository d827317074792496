/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the pair is read from while it is written to disks.
 *
 * Disk a is given by its size and the ranges that hold data; everything outside of them is zero.
 * Disk b is disk a with patches: the sectors in which it differs (identities of the partition table
 * and of the md members), a few KiB in all, kept in memory. So one reading serves both disks.
 *
 * Two implementations: the pair's folder (source_pair.c) and the archive on the stick. An
 * implementation fills the fields and the operations; the engine calls only the functions below.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/digest.h"

#define RH_SOURCE_ALIGN 4096u	   /* of the ranges' starts and ends, but for the end of the disk */
#define RH_SOURCE_JOIN	(1u << 20) /* holes below this are read as data */
#define RH_PATCH_MAX	(16u << 20) /* bytes in all: above this they are not two halves of a pair */

struct rh_range {
	uint64_t start, len; /* bytes */
};

struct rh_patch {
	uint64_t at; /* byte on the disk */
	size_t len;
	uint8_t *bytes; /* disk b's; owned */
};

struct rh_source;
/* POS bytes of TOTAL done. Called from the thread that called the function. */
typedef void rh_source_tick(void *arg, uint64_t pos, uint64_t total);

struct rh_source_ops {
	/* Read everything once and compare it with its checksums; fills the ranges and the patches.
	 * -EBADMSG when they differ, with the file's name; -EINTR when interrupted. */
	int (*check)(struct rh_source *s, rh_source_tick *tick, void *arg, struct rh_err *err);
	/* N bytes of disk a from AT, all of them inside one range. Ascending order is quick, any
	 * order works. Called from one thread at a time. */
	int (*read)(struct rh_source *s, uint64_t at, void *buf, size_t n, struct rh_err *err);
	void (*close)(struct rh_source *s); /* frees PRIV */
};

struct rh_source {
	const struct rh_source_ops *ops;
	void *priv;
	char *name;		/* as the user knows it */
	char *recipe;		/* the recipe's name */
	char id[RH_SHA256_HEX]; /* which pair: digest of both disks' digests, see rh_source_id() */
	char sha256[2][RH_SHA256_HEX]; /* of all bytes of disk a, disk b */
	uint64_t size;		       /* bytes of each disk, a multiple of 512 */
	/* From here on filled by check(): ascending, disjoint; every patch lies in the ranges. */
	struct rh_range *range;
	size_t n_ranges, ranges_cap;
	struct rh_patch *patch;
	size_t n_patches, patches_cap;
	bool checked;
};

/* Sets s->id from s->sha256. */
void rh_source_id(struct rh_source *s);

/* For implementations of check(): add what holds data, in ascending order. Widened to
 * RH_SOURCE_ALIGN and joined with the range before when the hole between is small. */
void rh_source_add_range(struct rh_source *s, uint64_t start, uint64_t len);
/* Add the bytes of disk b in which it differs, in ascending order; -E2BIG above RH_PATCH_MAX. After
 * the last one rh_source_cover() makes the ranges cover the patches. */
RH_CHECKED int rh_source_add_patch(struct rh_source *s, uint64_t at, const void *bytes, size_t len,
				   struct rh_err *err);
void rh_source_cover(struct rh_source *s);

/* The next piece of at most MAX bytes from AT: *ret_zero tells whether it is a hole. Returns its
 * length, 0 at the end of the disk. Pure. */
uint64_t rh_source_piece(const struct rh_source *s, uint64_t at, uint64_t max, bool *ret_zero);
/* Does a patch touch [AT, AT + N)? Put the patches into BUF, which holds disk a's bytes. Pure. */
bool rh_source_patched(const struct rh_source *s, uint64_t at, uint64_t n);
void rh_source_apply(const struct rh_source *s, uint64_t at, uint8_t *buf, size_t n);
/* N bytes of disk MEMBER (0: a, 1: b) from AT, holes as zeros. */
RH_CHECKED int rh_source_read(struct rh_source *s, unsigned member, uint64_t at, void *buf,
			      size_t n, struct rh_err *err);

/* Open the folder DIR with a.img, b.img, SHA256SUMS and manifest.json, which must agree. */
RH_CHECKED int rh_source_pair(const char *dir, struct rh_source **out, struct rh_err *err);

RH_CHECKED int rh_source_check(struct rh_source *s, rh_source_tick *tick, void *arg,
			       struct rh_err *err);
void rh_source_free(struct rh_source **s);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing the archive of a pair (rehome-archive(5)) into a file, from any place of it on.
 *
 * The bytes are a function of the two images and the manifest alone: neither the number of threads
 * nor where the images' files happen to have holes shows.
 */
#pragma once

#include <stdint.h>

#include "lib/core/err.h"
#include "lib/digest.h"

struct rh_pack {
	const char *image[2];
	char sha256[2][RH_SHA256_HEX]; /* of the images; the caller has checked them */
	const char *recipe, *key;
	const char *manifest; /* its text: one JSON value */
	size_t manifest_len;
	int level; /* of zstd; 0: the usual */
	void (*tick)(void *arg, uint64_t pos,
		     uint64_t size); /* one thread at a time; may be NULL */
	void *arg;
};

/* Write the archive to FD from BASE on; the file's size becomes BASE + *LENGTH, a multiple of
 * RH_ARCHIVE_ALIGN after BASE. The header is written last: before, it is zeros. */
RH_CHECKED int rh_pack(const struct rh_pack *p, int fd, uint64_t base, uint64_t *length,
		       struct rh_err *err);

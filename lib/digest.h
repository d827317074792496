/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of files and of named parts (cache keys), through libcrypto. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

#define RH_SHA256_HEX 65 /* 64 digits and the NUL */

/* A running digest. rh_digest_part() adds a part with its name and length, so that two different
 * sequences of parts never meet in one digest. */
struct rh_digest;
struct rh_digest *rh_digest_new(void);
void rh_digest_data(struct rh_digest *d, const void *data, size_t n);
void rh_digest_part(struct rh_digest *d, const char *name, const void *data, size_t n);
/* A file's contents as a part of that NAME. */
RH_CHECKED int rh_digest_file(struct rh_digest *d, const char *name, int dirfd, const char *path,
			      struct rh_err *err);
void rh_digest_final(struct rh_digest **d, char hex[RH_SHA256_HEX]); /* frees */

/* Digest of a whole file. TICK, if not NULL, is called with the bytes done so far. */
RH_CHECKED int rh_sha256_file(int dirfd, const char *path, char hex[RH_SHA256_HEX],
			      void (*tick)(void *arg, uint64_t pos), void *arg, struct rh_err *err);

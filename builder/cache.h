/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where slow results are kept: $RH_CACHE, else $XDG_CACHE_HOME/rehome, else ~/.cache/rehome.
 *
 * An entry is a file KIND/KEY.EXT. Its key is the digest of everything that it was made from, so
 * that it never has to be invalidated; the whole folder may be deleted at any time.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/scratch.h"

/* Path of the entry, its folder made; the caller frees *OUT. */
RH_CHECKED int rh_cache_path(const char *kind, const char *key, const char *ext, char **out,
			     struct rh_err *err);
/* A new scratch folder KIND/tmp-XXXXXX in the cache, on the same filesystem as the entries. */
RH_CHECKED int rh_cache_scratch(const char *kind, struct rh_scratch *s, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every identifier that we choose, derived from the recipe's seed and what it names.
 *
 * The same recipe gives the same identifiers; no two purposes share one.
 */
#pragma once

#include "lib/uuid.h"

/* A version 8 UUID (RFC 9562 §5.8) from SHA-256 of SEED and WHAT, e.g. "disk-a/esp". */
struct rh_uuid rh_ident(const char *seed, const char *what);

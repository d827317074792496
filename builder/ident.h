/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every identifier that we choose, derived from the recipe's seed and what it names.
 *
 * The same recipe gives the same identifiers; no two purposes share one.
 */
#pragma once

#include <stdint.h>

#define RH_UUID_TEXT 37 /* 36 characters and the NUL */

struct rh_uuid {
	uint8_t b[16]; /* in the order of the text form (RFC 9562 §4) */
};

/* A version 8 UUID (RFC 9562 §5.8) from SHA-256 of SEED and WHAT, e.g. "disk-a/esp". */
struct rh_uuid rh_ident(const char *seed, const char *what);
void rh_uuid_text(const struct rh_uuid *u, char out[RH_UUID_TEXT]);
/* As mdadm writes it: 4 groups of 8 digits with colons. */
void rh_uuid_md_text(const struct rh_uuid *u, char out[RH_UUID_TEXT]);

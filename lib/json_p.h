/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to lib/json*.c and lib/schema*.c: the position scan and how paths are spelled.
 *
 * The scan is the judge of the grammar: it accepts exactly RFC 8259 without duplicate keys, NUL
 * characters, unpaired surrogates and numbers that json-c would quietly clamp. What it accepts,
 * json-c accepts too.
 */
#pragma once

#include "lib/json.h"

/* Deepest nesting; json-c's parser is made with one level more. */
#define RH_JSON_DEPTH 64

/* Values beyond these bounds get the line of their nearest recorded ancestor. */
#define RH_JSON_POSITIONS     131072
#define RH_JSON_POSITION_PATH 1024

struct rh_json_pos {
	const char *path;
	unsigned line;
};

struct rh_json_positions { /* sorted by path once the scan is done */
	struct rh_json_pos *v;
	size_t n, cap;
};

/* Scan TEXT; paths are allocated in ARENA, the array itself by malloc. -EINVAL with diagnostics. */
RH_CHECKED int rh_json_scan(const char *text, size_t len, const char *name, struct rh_arena *arena,
			    struct rh_json_positions *out, struct rh_diags *d);

/* Append member KEY or element I to PATH, as positions and diagnostics spell it: control
 * characters of a key become "?", so that a path can be printed on a terminal. */
void rh_json_path_key(struct rh_str *path, const char *key);
void rh_json_path_index(struct rh_str *path, size_t i);

/* Take back what was appended since PATH was LEN long. */
void rh_json_path_cut(struct rh_str *path, size_t len);

/* Append TEXT (N bytes) in quotes, at most 60 characters of it, control characters escaped. */
void rh_json_quote(struct rh_str *out, const char *text, size_t n);

/* Bytes of the valid UTF-8 sequence at P (N bytes left), 0 when it is not valid (RFC 3629). */
size_t rh_utf8_len(const char *p, size_t n);

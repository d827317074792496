/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A JSON document and where in its text each value stands.
 *
 * json-c gives the values; it keeps no positions and silently lets the last of two equal keys win.
 * A second pass over the same text records the line of each value by its JSON path ("disk.size",
 * "overlays[2]", "" for the root) and finds duplicate keys.
 */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "lib/core/diag.h"
#include "lib/core/err.h"

struct rh_json; /* owns the values and the positions */

/* Largest document that is read: no recipe, overlay or answers file comes near it. */
#define RH_JSON_MAX (16 * 1024 * 1024)

/* Load DIRFD/PATH strictly (RFC 8259, UTF-8, no comments, no duplicate keys). NAME is what
 * diagnostics call the file. On bad text: -EINVAL and diagnostics in D; on I/O errors: -errno and
 * a diagnostic as well. */
RH_CHECKED int rh_json_load(int dirfd, const char *path, const char *name, struct rh_json **out,
			    struct rh_diags *d);
RH_CHECKED int rh_json_parse(const char *text, size_t len, const char *name, struct rh_json **out,
			     struct rh_diags *d);
void rh_json_free(struct rh_json **j);
struct json_object *rh_json_root(const struct rh_json *j); /* borrowed */
const char *rh_json_name(const struct rh_json *j);
/* Line of the value at PATH; of its nearest known ancestor when PATH itself is unknown. */
unsigned rh_json_line(const struct rh_json *j, const char *path);

/* Typed look-ups below an object; the default when the key is absent or of another type. Strings
 * are borrowed. */
const char *rh_json_str(struct json_object *o, const char *key, const char *def);
int64_t rh_json_int(struct json_object *o, const char *key, int64_t def);
bool rh_json_bool(struct json_object *o, const char *key, bool def);
struct json_object *rh_json_get(struct json_object *o, const char *key); /* NULL if absent */
/* Follow a dotted path with [i] parts, e.g. "network.dns[0]"; NULL if absent. */
struct json_object *rh_json_at(struct json_object *root, const char *path);

/* Building: a member of object O. TEXT NULL is "". */
void rh_json_add_str(struct json_object *o, const char *key, const char *text);
void rh_json_add_int(struct json_object *o, const char *key, int64_t n);

/* "20GiB" → bytes. Units: B, KiB, MiB, GiB, TiB (powers of 1024); digits and one unit, no sign, no
 * fraction. -EINVAL / -ERANGE. The pattern for schemas: ^[0-9]+(B|KiB|MiB|GiB|TiB)$ */
RH_CHECKED int rh_size_parse(const char *text, uint64_t *bytes);

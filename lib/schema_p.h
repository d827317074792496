/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to lib/schema*.c: a loaded schema.
 *
 * Loading has checked every word of it, so the checker reads the nodes without asking again.
 */
#pragma once

#include <regex.h>

#include "lib/json_p.h"
#include "lib/schema.h"

/* Nodes visited below one another; only a schema that refers to itself in a circle gets here. */
#define RH_SCHEMA_DEPTH 256

struct rh_schema_pattern {
	struct json_object *node; /* the schema object whose "pattern" this is */
	regex_t re;
};

struct rh_schema {
	struct rh_json *doc;
	struct rh_schema_pattern *patterns; /* sorted by node */
	size_t n, cap;
};

/* The node that NODE's $ref names, NULL when it has none or the target does not exist. */
struct json_object *rh_schema_ref(const struct rh_schema *s, struct json_object *node);

/* The key whose "const" tells the branches of a oneOf apart, NULL when there is none. */
const char *rh_schema_discriminator(const struct rh_schema *s, struct json_object *branches);

const regex_t *rh_schema_regex(const struct rh_schema *s, struct json_object *node);

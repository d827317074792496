/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check a document against the JSON Schema that we publish, so that the two cannot drift apart.
 *
 * Understood (draft 2020-12 words): type, properties, required, additionalProperties (false or a
 * schema), propertyNames.pattern, items, minItems, maxItems, uniqueItems, enum, const, pattern
 * (POSIX ERE, whole subset that is also valid ECMA), minLength, maxLength, minimum, maximum, oneOf
 * with a "const" discriminator, $ref to "#/$defs/NAME". Any other word in a schema is an error of
 * ours and makes rh_schema_load() fail. "description" feeds the hints; "$comment", "title",
 * "examples", "default" are ignored.
 */
#pragma once

#include "lib/json.h"

struct rh_schema;

RH_CHECKED int rh_schema_load(int dirfd, const char *path, struct rh_schema **out,
			      struct rh_err *err);
void rh_schema_free(struct rh_schema **s);
/* Adds one diagnostic per fault to D; returns the number of faults added. */
size_t rh_schema_check(const struct rh_schema *s, const struct rh_json *doc, struct rh_diags *d);

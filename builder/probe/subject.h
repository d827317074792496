/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subjects as people read them: header unfolding and RFC 2047 encoded words.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Append the decoded text of a raw header value to OUT. -EILSEQ when a word cannot be decoded or
 * the value has bytes that are not ASCII. */
RH_CHECKED int rh_subject_decode(const char *raw, struct rh_str *out);

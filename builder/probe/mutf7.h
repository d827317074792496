/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modified UTF-7 (RFC 3501 5.1.3) to UTF-8 and back, for folder names.
 */
#pragma once

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Append the UTF-8 form of NAME to OUT. -EINVAL when NAME is not valid modified UTF-7: not closed,
 * odd bits, unpaired surrogates, encoded printable ASCII, or bytes that are not ASCII. */
RH_CHECKED int rh_mutf7_decode(const char *name, struct rh_str *out, struct rh_err *err);
/* Append the modified UTF-7 form of the UTF-8 text NAME to OUT. -EINVAL when it is not UTF-8. */
RH_CHECKED int rh_mutf7_encode(const char *name, struct rh_str *out, struct rh_err *err);

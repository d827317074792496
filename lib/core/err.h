/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of error text that travels up with a negative errno.
 *
 * A fallible function returns 0 (or a count) or a negative errno and, when it fails, fills the
 * struct rh_err that it was given. The text starts as what went wrong with which object; each level
 * on the way up may prefix its own context. Only commands print it. The first cause is never lost:
 * rh_err_prefix() keeps the end of the text when space runs out.
 */
#pragma once

#define RH_ERR_MAX 4096

/* Marks a result that must not be ignored. */
#define RH_CHECKED	__attribute__((warn_unused_result))
#define RH_PRINTF(f, a) __attribute__((format(printf, f, a)))

struct rh_err {
	char text[RH_ERR_MAX];
};

/* Set the text and return -code. CODE is a positive errno. ERR may be NULL. */
int rh_err_set(struct rh_err *err, int code, const char *fmt, ...) RH_PRINTF(3, 4);

/* The same, with ": strerror(code)" appended; when space runs out, the text before it is cut. */
int rh_err_errno(struct rh_err *err, int code, const char *fmt, ...) RH_PRINTF(3, 4);

/* Put "CONTEXT: " before the present text and return R unchanged; nothing when R is no error. */
int rh_err_prefix(struct rh_err *err, int r, const char *fmt, ...) RH_PRINTF(3, 4);

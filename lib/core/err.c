// SPDX-License-Identifier: GPL-2.0-or-later
/* One line of error text beside a negative errno; the contract is in err.h. */
#include "lib/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int rh_err_set(struct rh_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, ap);
		va_end(ap);
	}
	return -code;
}

int rh_err_errno(struct rh_err *err, int code, const char *fmt, ...)
{
	const char *cause = strerror(code);
	va_list ap;
	size_t len, room;

	if (err) {
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, ap);
		va_end(ap);
		len = strlen(err->text);
		room = sizeof err->text - strlen(cause) - 3;
		len = len < room ? len : room;
		snprintf(err->text + len, sizeof err->text - len, ": %s", cause);
	}
	return -code;
}

int rh_err_prefix(struct rh_err *err, int r, const char *fmt, ...)
{
	char context[RH_ERR_MAX / 2], old[RH_ERR_MAX];
	const char *tail = old;
	size_t room;
	va_list ap;
	int n;

	if (!err || r >= 0)
		return r;
	va_start(ap, fmt);
	n = vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	if (n < 0)
		return r;
	memcpy(old, err->text, sizeof old);
	old[sizeof old - 1] = '\0';
	/* The first cause stands at the end: when space runs out, its context goes first. */
	room = sizeof err->text - strlen(context) - 3;
	if (strlen(old) > room)
		tail = old + strlen(old) - room;
	snprintf(err->text, sizeof err->text, "%s: %.*s", context, (int)room, tail);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines and counted bytes from whatever carries them: a connection, or a unit test's table.
 *
 * The source may hand over as little as one byte at a time; nothing here depends on how the bytes
 * were cut. Lines end with LF, a CR before it is dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

struct rh_stream {
	/* Up to N bytes into BUF: their number, 0 at the end, or a negative errno. */
	ssize_t (*recv)(void *arg, void *buf, size_t n, struct rh_err *err);
	/* All of DATA, or a negative errno. */
	int (*send)(void *arg, const void *data, size_t n, struct rh_err *err);
	void *arg;
	size_t pos, len;
	unsigned char buf[16384];
};

/* Longest line that is read; a server that sends more is faulty (-EMSGSIZE). */
#define RH_LINE_MAX (1024 * 1024)

/* Append one line without its end to OUT. -EPIPE when the other side has closed. */
RH_CHECKED int rh_stream_line(struct rh_stream *s, struct rh_str *out, struct rh_err *err);
/* Append exactly N bytes to OUT. */
RH_CHECKED int rh_stream_bytes(struct rh_stream *s, struct rh_str *out, size_t n,
			       struct rh_err *err);
RH_CHECKED int rh_stream_send(struct rh_stream *s, const void *data, size_t n, struct rh_err *err);
/* One line: CR LF is added. */
RH_CHECKED int rh_stream_sendf(struct rh_stream *s, struct rh_err *err, const char *fmt, ...)
    RH_PRINTF(3, 4);

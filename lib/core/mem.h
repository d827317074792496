/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory: arenas for what lives long, cleanup attributes for what lives as long as a block.
 *
 * Small allocations do not fail: the program ends with a message when the system has no memory at
 * all (the x-functions). Sizes that come from input must be bounded by the caller before.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <dirent.h>

#include "lib/core/err.h"

void *rh_xalloc(size_t size); /* zeroed */
void *rh_xrealloc(void *p, size_t n, size_t size);
char *rh_xstrdup(const char *s);
char *rh_xasprintf(const char *fmt, ...) RH_PRINTF(1, 2);

/* An arena owns everything taken from it; rh_arena_free() frees it all and nulls the pointer. */
struct rh_arena;
struct rh_arena *rh_arena_new(void);
void rh_arena_free(struct rh_arena **arena);
void *rh_arena_alloc(struct rh_arena *arena, size_t size); /* zeroed, aligned for any type */
char *rh_arena_strdup(struct rh_arena *arena, const char *s);
char *rh_arena_strndup(struct rh_arena *arena, const char *s, size_t n);
char *rh_arena_printf(struct rh_arena *arena, const char *fmt, ...) RH_PRINTF(2, 3);

/* A string that grows. Zero-initialised is valid and empty; data is NUL-terminated once non-NULL.
 */
struct rh_str {
	char *data;
	size_t len, cap;
};
void rh_str_add(struct rh_str *s, const char *text);
void rh_str_addn(struct rh_str *s, const void *data, size_t n);
void rh_str_addc(struct rh_str *s, char c);
void rh_str_addf(struct rh_str *s, const char *fmt, ...) RH_PRINTF(2, 3);
/* Code point C (up to U+10FFFF) as UTF-8 (RFC 3629). */
void rh_str_add_utf8(struct rh_str *s, uint32_t c);
void rh_str_free(struct rh_str *s); /* and makes it empty again */
/* The text, "" when nothing was added; valid until the next change. */
const char *rh_str_text(const struct rh_str *s);

/* A NULL-terminated list of strings that it owns (argv, environment, names). */
struct rh_strv {
	char **v;
	size_t n, cap;
};
void rh_strv_add(struct rh_strv *l, const char *s); /* copies */
void rh_strv_addf(struct rh_strv *l, const char *fmt, ...) RH_PRINTF(2, 3);
void rh_strv_free(struct rh_strv *l);

/* Grow the array P (of N used, *CAP allocated elements) so that one more fits. */
#define RH_GROW(p, n, cap) ((n) < (cap) ? (p) : ((p) = rh_grow((p), &(cap), sizeof *(p))))
void *rh_grow(void *p, size_t *cap, size_t size);

void rh_cleanup_free(void *p);
void rh_cleanup_close(int *fd);
void rh_cleanup_fclose(FILE **f);
void rh_cleanup_closedir(DIR **d);
#define RH_FREE	    __attribute__((cleanup(rh_cleanup_free)))
#define RH_CLOSE    __attribute__((cleanup(rh_cleanup_close)))
#define RH_FCLOSE   __attribute__((cleanup(rh_cleanup_fclose)))
#define RH_CLOSEDIR __attribute__((cleanup(rh_cleanup_closedir)))
#define RH_STR	    __attribute__((cleanup(rh_str_free)))
#define RH_STRV	    __attribute__((cleanup(rh_strv_free)))
#define RH_ARENA    __attribute__((cleanup(rh_arena_free)))

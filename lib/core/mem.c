// SPDX-License-Identifier: GPL-2.0-or-later
/* Arenas, growing strings and lists, cleanup helpers; the contract is in mem.h. */
#include "lib/core/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one place below main that ends the program: with no memory at all nothing else can be said.
 */
static _Noreturn void out_of_memory(void)
{
	static const char text[] = "out of memory\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		abort();
	abort();
}

void *rh_xalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *rh_xrealloc(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory();
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *rh_xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		out_of_memory();
	return p;
}

char *rh_xasprintf(const char *fmt, ...)
{
	char *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return p;
}

/* --- arena: blocks in a list, the newest first; large requests get a block of their own --- */

#define BLOCK_SIZE 16384

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char data[];
};

struct rh_arena {
	struct block *head;
};

struct rh_arena *rh_arena_new(void)
{
	return rh_xalloc(sizeof(struct rh_arena));
}

void rh_arena_free(struct rh_arena **arena)
{
	struct block *b, *next;

	if (!*arena)
		return;
	for (b = (*arena)->head; b; b = next) {
		next = b->next;
		free(b);
	}
	free(*arena);
	*arena = NULL;
}

static struct block *block_new(size_t size)
{
	struct block *b = rh_xalloc(sizeof *b + size);

	b->size = size;
	return b;
}

void *rh_arena_alloc(struct rh_arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct block *b = arena->head;
	void *p;

	if (size > SIZE_MAX / 2)
		out_of_memory();
	size = (size + align - 1) & ~(align - 1);
	if (size > BLOCK_SIZE / 4) {
		/* Its own block, behind the head, so that the head's rest stays in use. */
		b = block_new(size);
		if (arena->head) {
			b->next = arena->head->next;
			arena->head->next = b;
		} else {
			arena->head = b;
		}
		b->used = size;
		return b->data;
	}
	if (!b || b->size - b->used < size) {
		b = block_new(BLOCK_SIZE);
		b->next = arena->head;
		arena->head = b;
	}
	p = b->data + b->used;
	b->used += size;
	return p;
}

char *rh_arena_strndup(struct rh_arena *arena, const char *s, size_t n)
{
	char *p = rh_arena_alloc(arena, n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *rh_arena_strdup(struct rh_arena *arena, const char *s)
{
	return rh_arena_strndup(arena, s, strlen(s));
}

char *rh_arena_printf(struct rh_arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	p = rh_arena_alloc(arena, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

/* --- growing string --- */

static void str_room(struct rh_str *s, size_t more)
{
	size_t cap = s->cap ? s->cap : 64;

	if (more > SIZE_MAX / 4 || s->len > SIZE_MAX / 4)
		out_of_memory();
	while (cap < s->len + more + 1)
		cap *= 2;
	if (cap != s->cap) {
		s->data = rh_xrealloc(s->data, cap, 1);
		s->cap = cap;
	}
}

void rh_str_addn(struct rh_str *s, const void *data, size_t n)
{
	str_room(s, n);
	if (n)
		memcpy(s->data + s->len, data, n);
	s->len += n;
	s->data[s->len] = '\0';
}

void rh_str_add(struct rh_str *s, const char *text)
{
	rh_str_addn(s, text, strlen(text));
}

void rh_str_addc(struct rh_str *s, char c)
{
	rh_str_addn(s, &c, 1);
}

void rh_str_add_utf8(struct rh_str *s, uint32_t c)
{
	if (c < 0x80) {
		rh_str_addc(s, (char)c);
	} else if (c < 0x800) {
		rh_str_addc(s, (char)(0xc0 | c >> 6));
		rh_str_addc(s, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		rh_str_addc(s, (char)(0xe0 | c >> 12));
		rh_str_addc(s, (char)(0x80 | (c >> 6 & 0x3f)));
		rh_str_addc(s, (char)(0x80 | (c & 0x3f)));
	} else {
		rh_str_addc(s, (char)(0xf0 | c >> 18));
		rh_str_addc(s, (char)(0x80 | (c >> 12 & 0x3f)));
		rh_str_addc(s, (char)(0x80 | (c >> 6 & 0x3f)));
		rh_str_addc(s, (char)(0x80 | (c & 0x3f)));
	}
}

void rh_str_addf(struct rh_str *s, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	str_room(s, (size_t)n);
	vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
	va_end(again);
	s->len += (size_t)n;
}

void rh_str_free(struct rh_str *s)
{
	free(s->data);
	*s = (struct rh_str){0};
}

const char *rh_str_text(const struct rh_str *s)
{
	return s->data ? s->data : "";
}

/* --- list of strings --- */

static void strv_take(struct rh_strv *l, char *s)
{
	if (l->n + 2 > l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = rh_xrealloc(l->v, l->cap, sizeof *l->v);
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void rh_strv_add(struct rh_strv *l, const char *s)
{
	strv_take(l, rh_xstrdup(s));
}

void rh_strv_addf(struct rh_strv *l, const char *fmt, ...)
{
	char *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	strv_take(l, p);
}

void rh_strv_free(struct rh_strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct rh_strv){0};
}

void *rh_grow(void *p, size_t *cap, size_t size)
{
	*cap = *cap ? *cap * 2 : 16;
	return rh_xrealloc(p, *cap, size);
}

/* --- cleanup attributes: each gets the address of the variable --- */

void rh_cleanup_free(void *p)
{
	free(*(void **)p);
}

void rh_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void rh_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

void rh_cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines, spans and UTF-8.
 *
 * The buffers come from old disks: they may hold NUL bytes and any 8-bit text, so nothing here
 * relies on termination.
 */
#include "rootfs/mail/text.h"

#include <string.h>

void rh_text_init(struct rh_text *t, const char *data, size_t n)
{
	*t = (struct rh_text){.p = data, .end = data + n};
}

bool rh_text_line(struct rh_text *t, struct rh_span *line)
{
	if (t->p == t->end)
		return false;
	const char *lf = memchr(t->p, '\n', (size_t)(t->end - t->p));
	t->torn = lf == NULL;
	line->s = t->p;
	line->n = (size_t)((lf ? lf : t->end) - t->p);
	t->p = lf ? lf + 1 : t->end;
	t->line++;
	return true;
}

bool rh_span_cut(struct rh_span *s, char sep, struct rh_span *head)
{
	const char *at = s->n ? memchr(s->s, sep, s->n) : NULL;
	if (!at)
		return false;
	head->s = s->s;
	head->n = (size_t)(at - s->s);
	s->n -= head->n + 1;
	s->s = at + 1;
	return true;
}

bool rh_span_cut_last(struct rh_span *s, char sep, struct rh_span *tail)
{
	const char *at = s->n ? memrchr(s->s, sep, s->n) : NULL;
	if (!at)
		return false;
	tail->s = at + 1;
	tail->n = s->n - (size_t)(at - s->s) - 1;
	s->n = (size_t)(at - s->s);
	return true;
}

bool rh_span_is(struct rh_span s, const char *text)
{
	return s.n == strlen(text) && (s.n == 0 || memcmp(s.s, text, s.n) == 0);
}

bool rh_span_has(struct rh_span s, char c)
{
	return s.n && memchr(s.s, c, s.n) != NULL;
}

bool rh_span_number(struct rh_span s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
		unsigned digit = (unsigned)(s.s[i] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (v > max)
		return false;
	*out = v;
	return true;
}

char *rh_span_dup(struct rh_arena *arena, struct rh_span s)
{
	return rh_arena_strndup(arena, s.n ? s.s : "", s.n);
}

/* Length of the well-formed sequence at S (N bytes left), 0 when there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool rh_utf8_valid(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	while (n) {
		size_t len = utf8_len(p, n);
		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

uint32_t rh_utf8_next(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	if (p[0] < 0x80) {
		*s += 1;
		return p[0];
	}
	if (p[0] < 0xe0) {
		*s += 2;
		return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	}
	if (p[0] < 0xf0) {
		*s += 3;
		return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	}
	*s += 4;
	return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
	       (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

char *rh_text_printable(struct rh_arena *arena, const char *s)
{
	struct rh_str out RH_STR = {0};
	size_t n = strlen(s);
	while (n) {
		size_t len = utf8_len((const unsigned char *)s, n);
		if (len == 0 || (unsigned char)*s < 0x20 || *s == 0x7f) {
			rh_str_addf(&out, "\\x%02X", (unsigned char)*s);
			len = 1;
		} else {
			rh_str_addn(&out, s, len);
		}
		s += len;
		n -= len;
	}
	return rh_arena_strdup(arena, rh_str_text(&out));
}

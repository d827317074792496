/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IMAP responses: reading with literals, and the tree of atoms, strings and lists (RFC 3501 9).
 *
 * Trap: "BODY[HEADER.FIELDS (SUBJECT)]" is one atom although it holds a space and parentheses, and
 * a flag is an atom although it starts with a backslash.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "builder/probe/imap.h"

/* Size of the literal that is announced at the end of the line from START on; -1: none. */
static int64_t literal_size(const struct rh_str *raw, size_t start)
{
	size_t i = raw->len;
	uint64_t n = 0, unit = 1;

	if (i < start + 3 || raw->data[i - 1] != '}')
		return -1;
	i--;
	if (raw->data[i - 1] == '+')
		i--;
	size_t digits = i;
	while (i > start && isdigit((unsigned char)raw->data[i - 1])) {
		n += unit * (uint64_t)(raw->data[--i] - '0');
		unit *= 10;
		if (digits - i > 12)
			return -1;
	}
	if (i == digits || i == start || raw->data[i - 1] != '{')
		return -1;
	return (int64_t)n;
}

int rh_imap_read(struct rh_stream *s, struct rh_str *raw, struct rh_err *err)
{
	for (;;) {
		size_t start = raw->len;
		int r = rh_stream_line(s, raw, err);
		if (r < 0)
			return r;
		int64_t n = literal_size(raw, start);
		if (n < 0)
			return 0;
		if (raw->len + (uint64_t)n > RH_IMAP_MAX)
			return rh_err_set(err, EMSGSIZE, "a literal of %lld bytes", (long long)n);
		rh_str_addc(raw, '\n');
		r = rh_stream_bytes(s, raw, (size_t)n, err);
		if (r < 0)
			return r;
	}
}

struct parser {
	struct rh_arena *arena;
	const char *p, *end;
	unsigned depth;
};

static struct rh_imap_node *new_node(struct parser *ps, enum rh_imap_type type, const char *text,
				     size_t len)
{
	struct rh_imap_node *n = rh_arena_alloc(ps->arena, sizeof *n);
	n->type = type;
	n->len = len;
	n->text = text ? rh_arena_strndup(ps->arena, text, len) : "";
	return n;
}

static struct rh_imap_node *parse_quoted(struct parser *ps)
{
	size_t max = (size_t)(ps->end - ps->p), n = 0;
	const char *p = ps->p + 1;

	while (p < ps->end && *p != '"')
		p += *p == '\\' && p + 1 < ps->end ? 2 : 1;
	if (p >= ps->end)
		return NULL;
	max = (size_t)(p - ps->p);
	char *text = rh_arena_alloc(ps->arena, max + 1);
	for (const char *q = ps->p + 1; q < p; q++) {
		if (*q == '\\')
			q++;
		text[n++] = *q;
	}
	ps->p = p + 1;
	struct rh_imap_node *node = new_node(ps, RH_IMAP_STRING, NULL, n);
	node->text = text;
	return node;
}

/* "{N}" LF and N bytes, as rh_imap_read() joined them; NULL when it is not that. */
static struct rh_imap_node *parse_literal(struct parser *ps)
{
	uint64_t n = 0;
	const char *p = ps->p + 1;

	while (p < ps->end && isdigit((unsigned char)*p) && n <= RH_IMAP_MAX)
		n = n * 10 + (uint64_t)(*p++ - '0');
	if (p < ps->end && *p == '+')
		p++;
	if (p + 1 >= ps->end || p[0] != '}' || p[1] != '\n' || n > (uint64_t)(ps->end - p) - 2)
		return NULL;
	ps->p = p + 2 + n;
	/* Not strndup: a body may hold NUL bytes. */
	char *text = rh_arena_alloc(ps->arena, n + 1);
	memcpy(text, p + 2, n);
	struct rh_imap_node *node = new_node(ps, RH_IMAP_STRING, NULL, n);
	node->text = text;
	return node;
}

static struct rh_imap_node *parse_atom(struct parser *ps)
{
	const char *p = ps->p;
	unsigned bracket = 0;

	for (; p < ps->end; p++) {
		if (*p == '[' && (bracket > 0 || !strncasecmp(ps->p, "BODY", 4)))
			bracket++;
		else if (*p == ']' && bracket > 0)
			bracket--;
		else if (bracket == 0 && (*p == ' ' || *p == '(' || *p == ')' || *p == '"'))
			break;
	}
	if (p == ps->p || bracket > 0)
		return NULL;
	struct rh_imap_node *n = new_node(ps, RH_IMAP_ATOM, ps->p, (size_t)(p - ps->p));
	ps->p = p;
	return n;
}

static struct rh_imap_node *parse_items(struct parser *ps, bool inner, bool *ok);

static struct rh_imap_node *parse_one(struct parser *ps)
{
	bool ok = true;

	switch (*ps->p) {
	case '"':
		return parse_quoted(ps);
	case '{':
		return parse_literal(ps);
	case '(':
		if (++ps->depth > 64)
			return NULL;
		ps->p++;
		struct rh_imap_node *n = new_node(ps, RH_IMAP_LIST, NULL, 0);
		n->child = parse_items(ps, true, &ok);
		ps->depth--;
		return ok ? n : NULL;
	default:
		return parse_atom(ps);
	}
}

static struct rh_imap_node *parse_items(struct parser *ps, bool inner, bool *ok)
{
	struct rh_imap_node *first = NULL, **tail = &first;

	for (;;) {
		while (ps->p < ps->end && *ps->p == ' ')
			ps->p++;
		if (ps->p == ps->end) {
			*ok = !inner;
			return first;
		}
		if (*ps->p == ')') {
			ps->p++;
			*ok = inner;
			return first;
		}
		struct rh_imap_node *n = parse_one(ps);
		if (!n) {
			*ok = false;
			return first;
		}
		*tail = n;
		tail = &n->next;
	}
}

int rh_imap_parse(struct rh_arena *arena, const struct rh_str *raw, size_t skip,
		  struct rh_imap_node **ret, struct rh_err *err)
{
	struct parser ps = {.arena = arena, .p = raw->data + skip, .end = raw->data + raw->len};
	bool ok = true;

	if (skip > raw->len)
		return rh_err_set(err, EBADMSG, "an empty IMAP response");
	struct rh_imap_node *n = parse_items(&ps, false, &ok);
	if (!ok)
		return rh_err_set(err, EBADMSG, "an IMAP response that cannot be parsed: %.200s",
				  raw->data);
	*ret = n;
	return 0;
}

bool rh_imap_is(const struct rh_imap_node *n, const char *atom)
{
	return n && n->type == RH_IMAP_ATOM && !strcasecmp(n->text, atom);
}

const struct rh_imap_node *rh_imap_pair(const struct rh_imap_node *list, const char *name)
{
	if (!list || list->type != RH_IMAP_LIST)
		return NULL;
	for (const struct rh_imap_node *n = list->child; n && n->next; n = n->next->next)
		if (rh_imap_is(n, name))
			return n->next;
	return NULL;
}

int64_t rh_imap_number(const struct rh_imap_node *n)
{
	int64_t v = 0;

	if (!n || n->type != RH_IMAP_ATOM || n->len == 0 || n->len > 15)
		return -1;
	for (size_t i = 0; i < n->len; i++) {
		if (!isdigit((unsigned char)n->text[i]))
			return -1;
		v = v * 10 + (n->text[i] - '0');
	}
	return v;
}

int rh_imap_date(const char *text, int64_t *ret, struct rh_err *err)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = {0};
	char mon[4], sign;
	int zone, used = 0;

	int n = sscanf(text, "%2d-%3[A-Za-z]-%4d %2d:%2d:%2d %c%4d%n", &tm.tm_mday, mon,
		       &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &sign, &zone, &used);
	const char *at = n >= 2 ? strstr(months, mon) : NULL;
	if (n != 8 || text[used] || !at || (at - months) % 3 || (sign != '+' && sign != '-'))
		return rh_err_set(err, EBADMSG, "\"%s\" is not an INTERNALDATE", text);
	tm.tm_mon = (int)(at - months) / 3;
	tm.tm_year -= 1900;
	int64_t offset = (zone / 100 * 60 + zone % 100) * 60;
	*ret = (int64_t)timegm(&tm) - (sign == '+' ? offset : -offset);
	return 0;
}

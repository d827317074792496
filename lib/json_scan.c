/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second pass over a JSON text: where each value stands, and what is wrong in plain words.
 *
 * A recursive descent over RFC 8259, one function a rule. Invariant: on return from a rule the
 * position is behind the value and the path is what it was before. The first grammar error ends
 * the scan (nothing after it can be trusted); duplicate keys do not, they are collected.
 *
 * Trap: keys must be compared after their escapes are decoded ("a" and "\u0061" are one key), and
 * columns count characters, not bytes, because that is what an editor shows.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json_p.h"

/* So many duplicate keys are listed; a hostile text may have millions. */
#define DUPLICATES_MAX 50

struct key {
	const char *name;
	unsigned line;
};

struct scan {
	const char *text, *name;
	size_t len, pos, line_start;
	unsigned line, duplicates;
	int depth;
	struct rh_str path;
	struct rh_arena *keep;	  /* paths of positions */
	struct rh_arena *scratch; /* decoded keys */
	struct rh_json_positions *out;
	struct rh_diags *d;
};

static int scan_value(struct scan *s);

size_t rh_utf8_len(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t want = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (want == 0 || p[0] > 0xf4 || want > n)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, and what lies beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return want;
}

void rh_json_path_key(struct rh_str *path, const char *key)
{
	if (path->len > 0)
		rh_str_addc(path, '.');
	for (; *key; key++)
		rh_str_addc(path, iscntrl((unsigned char)*key) ? '?' : *key);
}

void rh_json_path_index(struct rh_str *path, size_t i)
{
	rh_str_addf(path, "[%zu]", i);
}

void rh_json_path_cut(struct rh_str *path, size_t len)
{
	path->len = len;
	if (path->data)
		path->data[len] = '\0';
}

void rh_json_quote(struct rh_str *out, const char *text, size_t n)
{
	size_t chars = 0, i = 0;

	rh_str_addc(out, '"');
	for (; i < n && chars < 60; chars++) {
		size_t l = rh_utf8_len(text + i, n - i);
		unsigned char c = (unsigned char)text[i];
		bool c1 = l == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;

		if (l == 0 || c1 || c < 0x20 || c == 0x7f) {
			rh_str_addf(out, "\\x%02x", c);
			i++;
			continue;
		}
		rh_str_addn(out, text + i, l);
		i += l;
	}
	rh_str_add(out, i < n ? "…\"" : "\"");
}

static unsigned column(const struct scan *s, size_t pos)
{
	unsigned col = 1;

	for (size_t i = s->line_start; i < pos; i++)
		col += (s->text[i] & 0xc0) != 0x80;
	return col;
}

/* What stands at the present position, for "found …". */
static void found(const struct scan *s, struct rh_str *out)
{
	if (s->pos >= s->len)
		rh_str_add(out, "the end of the file");
	else if (s->text[s->pos] == '"')
		rh_str_add(out, "a double quote");
	else if (s->text[s->pos] == '\n' || s->text[s->pos] == '\r')
		rh_str_add(out, "the end of the line");
	else
		rh_json_quote(out, s->text + s->pos,
			      rh_utf8_len(s->text + s->pos, s->len - s->pos) ?: 1);
}

/* A fault at byte POS of the present line; returns -EINVAL. */
static int fault(struct scan *s, size_t pos, const char *hint, const char *what)
{
	rh_diag_add(s->d, s->name, s->line, rh_str_text(&s->path), hint, "column %u: %s",
		    column(s, pos), what);
	return -EINVAL;
}

static int expected(struct scan *s, const char *what, const char *hint)
{
	RH_STR struct rh_str f = {0};

	rh_str_addf(&f, "expected %s, found ", what);
	found(s, &f);
	return fault(s, s->pos, hint, rh_str_text(&f));
}

static int peek(const struct scan *s)
{
	return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static void skip_space(struct scan *s)
{
	for (; s->pos < s->len; s->pos++) {
		char c = s->text[s->pos];

		if (c == '\n') {
			s->line++;
			s->line_start = s->pos + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

static void record(struct scan *s)
{
	if (s->out->n >= RH_JSON_POSITIONS || s->path.len > RH_JSON_POSITION_PATH)
		return;
	(void)RH_GROW(s->out->v, s->out->n, s->out->cap);
	s->out->v[s->out->n++] = (struct rh_json_pos){
	    .path = rh_arena_strndup(s->keep, rh_str_text(&s->path), s->path.len),
	    .line = s->line,
	};
}

static int hex4(const struct scan *s, size_t pos, unsigned *code)
{
	*code = 0;
	if (s->len - pos < 4)
		return -EINVAL;
	for (size_t i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)s->text[pos + i];

		if (!isxdigit(c))
			return -EINVAL;
		*code = *code * 16 + (unsigned)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return 0;
}

/* \uXXXX, at the "u"; pairs of surrogates become one character. */
static int scan_unicode(struct scan *s, struct rh_str *out)
{
	size_t at = s->pos - 1;
	unsigned c, low;

	if (hex4(s, s->pos + 1, &c))
		return fault(s, at, "write four hexadecimal digits, e.g. \\u00e9",
			     "incomplete \\u escape");
	s->pos += 5;
	if (c == 0)
		return fault(s, at, "remove it", "a NUL character cannot be used in a string");
	if (c >= 0xdc00 && c <= 0xdfff)
		return fault(s, at, "write the character itself", "half a surrogate pair");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (s->len - s->pos < 6 || s->text[s->pos] != '\\' || s->text[s->pos + 1] != 'u' ||
		    hex4(s, s->pos + 2, &low) || low < 0xdc00 || low > 0xdfff)
			return fault(s, at, "write the character itself", "half a surrogate pair");
		s->pos += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	rh_str_add_utf8(out, c);
	return 0;
}

static int scan_escape(struct scan *s, struct rh_str *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *p;
	int c;

	s->pos++;
	c = peek(s);
	if (c == 'u')
		return scan_unicode(s, out);
	p = c > 0 ? strchr(from, c) : NULL;
	if (!p)
		return fault(s, s->pos - 1, "write \\\\ for a backslash",
			     "unknown escape after a backslash");
	rh_str_addc(out, to[p - from]);
	s->pos++;
	return 0;
}

/* At the opening quote; the decoded text goes to OUT. */
static int scan_string(struct scan *s, struct rh_str *out)
{
	size_t start = s->pos++;

	for (;;) {
		int c = peek(s);
		size_t l;
		int r = 0;

		if (c < 0 || c == '\n' || c == '\r')
			return fault(s, start, "put a \" behind its last character",
				     "the string that begins here has no end on its line");
		if (c == '"')
			break;
		if (c < 0x20)
			return fault(s, s->pos, "write \\t for a tab, \\u00XX for others",
				     "a control character stands in a string");
		if (c == '\\') {
			r = scan_escape(s, out);
			if (r < 0)
				return r;
			continue;
		}
		l = rh_utf8_len(s->text + s->pos, s->len - s->pos);
		if (l == 0)
			return fault(s, s->pos, "save the file as UTF-8",
				     "this byte is not valid UTF-8");
		rh_str_addn(out, s->text + s->pos, l);
		s->pos += l;
	}
	s->pos++;
	return 0;
}

/* Integers must fit 64 bits and reals must be finite: json-c would clamp them. */
static int check_range(struct scan *s, size_t start, bool real)
{
	RH_STR struct rh_str t = {0};
	bool bad;

	rh_str_addn(&t, s->text + start, s->pos - start);
	errno = 0;
	if (real) {
		bad = !isfinite(strtod(t.data, NULL));
	} else {
		(void)strtoll(t.data, NULL, 10);
		bad = errno == ERANGE;
	}
	return bad ? fault(s, start, "write a smaller one", "this number is too large") : 0;
}

static size_t digits(struct scan *s)
{
	size_t n = 0;

	for (; peek(s) >= '0' && peek(s) <= '9'; n++)
		s->pos++;
	return n;
}

static int scan_number(struct scan *s)
{
	size_t start = s->pos;
	bool real = false, zero;

	if (peek(s) == '-')
		s->pos++;
	zero = peek(s) == '0';
	if (zero)
		s->pos++;
	else if (digits(s) == 0)
		return expected(s, "a digit after the minus sign", "");
	if (zero && peek(s) >= '0' && peek(s) <= '9')
		return fault(s, start, "remove the zeros in front",
			     "a number must not begin with 0");
	if (peek(s) == '.') {
		real = true;
		s->pos++;
		if (digits(s) == 0)
			return expected(s, "a digit after the decimal point", "");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		real = true;
		s->pos++;
		if (peek(s) == '+' || peek(s) == '-')
			s->pos++;
		if (digits(s) == 0)
			return expected(s, "a digit in the exponent", "");
	}
	return check_range(s, start, real);
}

static int scan_word(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t n = 0, start = s->pos;

	while (start + n < s->len &&
	       (isalnum((unsigned char)s->text[start + n]) || s->text[start + n] == '_'))
		n++;
	for (size_t i = 0; i < 3; i++) {
		if (n == strlen(words[i]) && memcmp(s->text + start, words[i], n) == 0) {
			s->pos += n;
			return 0;
		}
	}
	return expected(s, "a value", "texts stand in double quotes; true, false and null do not");
}

static int by_name(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

static void find_duplicates(struct scan *s, struct key *keys, size_t n)
{
	size_t len = s->path.len;

	if (n > 1)
		qsort(keys, n, sizeof *keys, by_name);
	for (size_t i = 1; i < n; i++) {
		RH_STR struct rh_str hint = {0}, q = {0};

		if (strcmp(keys[i - 1].name, keys[i].name) != 0)
			continue;
		if (s->duplicates++ >= DUPLICATES_MAX)
			return;
		rh_json_quote(&q, keys[i].name, strlen(keys[i].name));
		rh_str_addf(&hint, "keep one of the two: line %u has it already", keys[i - 1].line);
		rh_json_path_key(&s->path, keys[i].name);
		rh_diag_add(s->d, s->name, keys[i].line, rh_str_text(&s->path), rh_str_text(&hint),
			    "duplicate key %s", q.data);
		rh_json_path_cut(&s->path, len);
	}
}

/* One "key": value; its decoded key goes to KEY. */
static int scan_member(struct scan *s, struct key *key)
{
	RH_STR struct rh_str name = {0};
	size_t len = s->path.len;
	int r;

	if (peek(s) != '"')
		return expected(s, "a key in double quotes",
				peek(s) == '}' ? "remove the comma before the \"}\"" : "");
	key->line = s->line;
	r = scan_string(s, &name);
	if (r < 0)
		return r;
	key->name = rh_arena_strdup(s->scratch, rh_str_text(&name));
	rh_json_path_key(&s->path, key->name);
	skip_space(s);
	if (peek(s) != ':')
		return expected(s, "\":\" after the key", "");
	s->pos++;
	skip_space(s);
	r = scan_value(s);
	if (r == 0)
		rh_json_path_cut(&s->path, len);
	return r;
}

/* After a member or element: 1 when another follows, 0 at the end. */
static int scan_next(struct scan *s, char close)
{
	unsigned line = s->line;
	RH_STR struct rh_str hint = {0};

	skip_space(s);
	if (peek(s) == close) {
		s->pos++;
		return 0;
	}
	if (peek(s) != ',') {
		if (s->line > line)
			rh_str_addf(&hint, "put a comma at the end of line %u, or close a bracket",
				    line);
		else
			rh_str_add(&hint, "a comma is missing, or a bracket is not closed");
		return expected(s, close == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"",
				rh_str_text(&hint));
	}
	s->pos++;
	skip_space(s);
	return 1;
}

static int scan_object(struct scan *s)
{
	RH_FREE struct key *keys = NULL;
	size_t n = 0, cap = 0;
	int r = 1;

	s->pos++;
	skip_space(s);
	if (peek(s) == '}') {
		s->pos++;
		return 0;
	}
	while (r > 0) {
		(void)RH_GROW(keys, n, cap);
		r = scan_member(s, &keys[n]);
		if (r < 0)
			return r;
		n++;
		r = scan_next(s, '}');
	}
	if (r == 0)
		find_duplicates(s, keys, n);
	return r;
}

static int scan_array(struct scan *s)
{
	size_t len = s->path.len;
	int r = 1;

	s->pos++;
	skip_space(s);
	if (peek(s) == ']') {
		s->pos++;
		return 0;
	}
	for (size_t i = 0; r > 0; i++) {
		if (i > 0 && peek(s) == ']')
			return expected(s, "a value after the comma",
					"remove the comma before the \"]\"");
		rh_json_path_index(&s->path, i);
		r = scan_value(s);
		if (r < 0)
			return r;
		rh_json_path_cut(&s->path, len);
		r = scan_next(s, ']');
	}
	return r;
}

static int scan_value(struct scan *s)
{
	RH_STR struct rh_str text = {0};
	int c = peek(s), r;

	record(s);
	if (c == '"')
		return scan_string(s, &text);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	if (c != '{' && c != '[')
		return scan_word(s);
	if (++s->depth > RH_JSON_DEPTH)
		return fault(s, s->pos, "", "nested too deeply");
	r = c == '{' ? scan_object(s) : scan_array(s);
	s->depth--;
	return r;
}

static int scan_document(struct scan *s)
{
	int r;

	if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
		return fault(s, 0, "save the file as UTF-8 without it",
			     "the file begins with a byte order mark");
	skip_space(s);
	if (s->pos == s->len)
		return fault(s, s->pos, "it must hold one JSON value", "the file is empty");
	r = scan_value(s);
	if (r < 0)
		return r;
	skip_space(s);
	if (s->pos < s->len)
		return expected(s, "the end of the file",
				"a file holds one value; is a bracket closed too early?");
	return s->duplicates > 0 ? -EINVAL : 0;
}

static int by_path(const void *a, const void *b)
{
	const struct rh_json_pos *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int rh_json_scan(const char *text, size_t len, const char *name, struct rh_arena *arena,
		 struct rh_json_positions *out, struct rh_diags *d)
{
	RH_ARENA struct rh_arena *scratch = rh_arena_new();
	struct scan s = {
	    .text = text,
	    .name = name,
	    .len = len,
	    .line = 1,
	    .keep = arena,
	    .scratch = scratch,
	    .out = out,
	    .d = d,
	};
	int r = scan_document(&s);

	rh_str_free(&s.path);
	if (r == 0)
		qsort(out->v, out->n, sizeof *out->v, by_path);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Folder names.
 *
 * Courier up to 4 wrote the client's bytes unchecked: modified UTF-7 from good clients, raw
 * Shift_JIS or EUC-JP from broken ones. Courier 5 writes UTF-8. Each part between dots is judged by
 * itself, since one tree can hold all of them:
 *
 *	valid mUTF-7 → kept; valid UTF-8 → encoded; a Japanese charset by trial → encoded;
 *	else every byte outside ASCII becomes '_'
 *
 * ISO-2022-JP is the exception: its double bytes can be '.', so a name with ESC is decoded whole
 * first. What Dovecot cannot open or would rename is replaced: empty parts, controls, a leading
 *'~', and a first part INBOX (the storage name of INBOX itself). Over-long names are cut between
 * characters and end in a hash of the whole, so that two of them stay different.
 */
#include "rootfs/mail/foldername.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* State of a base64 run: bits not yet made into a unit, and the high surrogate that waits. */
struct run {
	uint32_t bits;
	unsigned nbits, units;
	uint32_t high;
};

/* One finished UTF-16 unit; false when it may not stand here. */
static bool unit(struct run *r, uint32_t u)
{
	r->units++;
	if (u >= 0xdc00 && u <= 0xdfff) {
		bool paired = r->high != 0;
		r->high = 0;
		return paired;
	}
	if (r->high)
		return false;
	if (u >= 0xd800 && u <= 0xdbff)
		r->high = u;
	return u < 0x20 || u > 0x7e; /* printable ASCII must stand for itself */
}

/* Checks "&…-" at S (after the '&'); its length with the '-', 0 when it is malformed. */
static size_t shifted(const char *s, size_t n)
{
	struct run r = {0};
	size_t i = 0;
	for (; i < n && s[i] != '-'; i++) {
		const char *at = s[i] ? strchr(b64, s[i]) : NULL;
		if (!at)
			return 0;
		r.bits = r.bits << 6 | (uint32_t)(at - b64);
		r.nbits += 6;
		if (r.nbits < 16)
			continue;
		r.nbits -= 16;
		if (!unit(&r, r.bits >> r.nbits & 0xffff))
			return 0;
		r.bits &= (1u << r.nbits) - 1;
	}
	if (i == n || r.high || r.nbits >= 6 || r.bits || (i > 0 && r.units == 0))
		return 0;
	return i + 1;
}

bool rh_mutf7_valid(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c > 0x7e)
			return false;
		if (c != '&')
			continue;
		size_t len = shifted(s + i + 1, n - i - 1);
		if (len == 0)
			return false;
		i += len;
		/* "&AAA-&BBB-" is one run cut in two: not canonical */
		if (len > 1 && i + 2 < n && s[i + 1] == '&' && s[i + 2] != '-')
			return false;
	}
	return true;
}

static void put_unit(struct rh_str *out, struct run *r, uint32_t u)
{
	r->bits = r->bits << 16 | u;
	r->nbits += 16;
	while (r->nbits >= 6) {
		r->nbits -= 6;
		rh_str_addc(out, b64[r->bits >> r->nbits & 63]);
	}
	r->bits &= (1u << r->nbits) - 1;
}

static void close_run(struct rh_str *out, struct run *r)
{
	if (r->nbits)
		rh_str_addc(out, b64[r->bits << (6 - r->nbits) & 63]);
	rh_str_addc(out, '-');
	*r = (struct run){0};
}

void rh_mutf7_encode(const char *utf8, size_t n, struct rh_str *out)
{
	const char *end = utf8 + n;
	struct run r = {0};
	bool open = false;

	while (utf8 < end) {
		uint32_t c = rh_utf8_next(&utf8);
		bool plain = c >= 0x20 && c <= 0x7e;
		if (plain && open)
			close_run(out, &r);
		if (!plain && !open)
			rh_str_addc(out, '&');
		open = !plain;
		if (c == '&') {
			rh_str_addn(out, "&-", 2);
		} else if (plain) {
			rh_str_addc(out, (char)c);
		} else if (c >= 0x10000) {
			put_unit(out, &r, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(out, &r, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_unit(out, &r, c);
		}
	}
	if (open)
		close_run(out, &r);
}

/* Decodes S whole, or fails: no replacement characters. */
static char *decode(struct rh_arena *arena, const char *charset, const char *s, size_t n)
{
	iconv_t cd = iconv_open("UTF-8", charset);
	if (cd == (iconv_t)-1)
		return NULL;
	size_t left = n * 4 + 16, size = left;
	char *out = rh_arena_alloc(arena, size + 1), *p = out, *in = (char *)(uintptr_t)s;
	size_t r = iconv(cd, &in, &n, &p, &left);
	if (r == 0)
		r = iconv(cd, NULL, NULL, &p, &left);
	iconv_close(cd);
	if (r != 0 || n != 0)
		return NULL;
	for (const char *c = out; *c;) {
		uint32_t ch = rh_utf8_next(&c);
		if (ch < 0x20 || (ch >= 0x7f && ch < 0xa0))
			return NULL; /* C1 controls: glibc's EUC-JP takes bytes of CP932 for them */
	}
	return out;
}

char *rh_text_guess(struct rh_arena *arena, const char *name, size_t n, const char **charset)
{
	static const char *const order[] = {"EUC-JP", "CP932"};
	if (memchr(name, 0x1b, n)) {
		*charset = "ISO-2022-JP";
		return decode(arena, *charset, name, n);
	}
	*charset = "UTF-8";
	if (rh_utf8_valid(name, n))
		return rh_arena_strndup(arena, name, n);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		char *text = decode(arena, order[i], name, n);
		*charset = order[i];
		if (text)
			return text;
	}
	*charset = "unknown";
	return NULL;
}

struct naming {
	struct rh_arena *arena;
	struct rh_str out;
	enum rh_name_how how;
	const char *charset;
};

static void worse(struct naming *m, enum rh_name_how how)
{
	if (how > m->how)
		m->how = how;
}

static void put_utf8(struct naming *m, const char *text, const char *charset)
{
	struct rh_str clean RH_STR = {0};
	for (const char *p = text; *p; p++) {
		bool control = (unsigned char)*p < 0x20 || *p == 0x7f;
		rh_str_addc(&clean, control ? '_' : *p);
		if (control)
			worse(m, RH_NAME_FORCED);
	}
	m->charset = charset;
	worse(m, strcmp(charset, "UTF-8") == 0 ? RH_NAME_UTF8 : RH_NAME_CHARSET);
	rh_mutf7_encode(rh_str_text(&clean), clean.len, &m->out);
}

static void put_part(struct naming *m, const char *s, size_t n)
{
	const char *charset = NULL;
	if (n == 0) {
		worse(m, RH_NAME_FORCED);
		return;
	}
	if (m->out.len)
		rh_str_addc(&m->out, '.');
	size_t from = m->out.len;
	if (rh_mutf7_valid(s, n)) {
		rh_str_addn(&m->out, s, n);
	} else {
		char *text = rh_text_guess(m->arena, s, n, &charset);
		if (text && !*text)
			text = NULL; /* nothing but escape sequences */
		if (text)
			put_utf8(m, text, charset);
		for (size_t i = 0; !text && i < n; i++) {
			unsigned char c = (unsigned char)s[i];
			rh_str_addc(&m->out, c > 0x20 && c < 0x7f && c != '&' ? (char)c : '_');
			worse(m, RH_NAME_FORCED);
		}
	}
	if (from == 0 && m->out.data[0] == '~') {
		m->out.data[0] = '_';
		worse(m, RH_NAME_FORCED);
	}
}

/* Cut to RH_FOLDER_MAX, never inside "&…-", and mark with a hash of the whole name. */
static void shorten(struct naming *m)
{
	uint64_t h = 14695981039346656037u;
	size_t keep = 0, limit = RH_FOLDER_MAX - 17;
	if (m->out.len <= RH_FOLDER_MAX)
		return;
	for (size_t i = 0; i < m->out.len; i++)
		h = (h ^ (unsigned char)m->out.data[i]) * 1099511628211u;
	for (size_t i = 0; i < limit; i++) {
		const char *end = m->out.data[i] == '&' ? strchr(m->out.data + i, '-') : NULL;
		if (end)
			i = (size_t)(end - m->out.data);
		if (i < limit)
			keep = i + 1;
	}
	if (keep && m->out.data[keep - 1] == '.')
		keep--;
	m->out.len = keep;
	m->out.data[keep] = 0;
	rh_str_addf(&m->out, "_%016llx", (unsigned long long)h);
	worse(m, RH_NAME_FORCED);
}

char *rh_folder_name(struct rh_arena *arena, const char *name, enum rh_name_how *how,
		     const char **charset)
{
	struct naming m = {.arena = arena, .charset = "mUTF-7"};
	const char *p = name, *set;
	if (strchr(name, 0x1b) && (p = rh_text_guess(arena, name, strlen(name), &set)) != NULL) {
		m.charset = set;
		worse(&m, RH_NAME_CHARSET);
	} else {
		p = name;
	}
	for (;;) {
		const char *dot = strchrnul(p, '.');
		put_part(&m, p, (size_t)(dot - p));
		if (!*dot)
			break;
		p = dot + 1;
	}
	if (m.out.len == 0 || strcasecmp(m.out.data, "INBOX") == 0) {
		rh_str_add(&m.out, "_");
		worse(&m, RH_NAME_FORCED);
	}
	shorten(&m);
	char *result = rh_arena_strdup(arena, rh_str_text(&m.out));
	rh_str_free(&m.out);
	*how = m.how;
	*charset = m.charset;
	return result;
}

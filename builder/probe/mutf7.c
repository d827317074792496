/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modified UTF-7: "&" shifts into base64 of UTF-16BE with "," for "/", "-" shifts back, "&-" is
 * "&".
 *
 * The decoder is strict, because two spellings of one folder would make two folders compare equal.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "builder/probe/mutf7.h"

static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* One UTF-16 unit; HIGH carries a first surrogate over. False when it is not valid here. */
static bool add_unit(struct rh_str *out, uint16_t u, uint16_t *high)
{
	if (*high) {
		if (u < 0xdc00 || u > 0xdfff)
			return false;
		rh_str_add_utf8(out, 0x10000 + ((uint32_t)(*high - 0xd800) << 10) + (u - 0xdc00));
		*high = 0;
		return true;
	}
	if (u >= 0xdc00 && u <= 0xdfff)
		return false;
	if (u >= 0xd800 && u <= 0xdbff) {
		*high = u;
		return true;
	}
	if (u >= 0x20 && u < 0x7f)
		return false;
	rh_str_add_utf8(out, u);
	return true;
}

/* The base64 run at P up to its "-"; returns the byte after it, or NULL when it is not valid. */
static const char *decode_run(const char *p, struct rh_str *out)
{
	uint32_t bits = 0;
	unsigned n = 0;
	uint16_t high = 0;

	for (; *p != '-'; p++) {
		const char *at = *p ? strchr(B64, *p) : NULL;
		if (!at)
			return NULL;
		bits = bits << 6 | (uint32_t)(at - B64);
		n += 6;
		if (n < 16)
			continue;
		n -= 16;
		if (!add_unit(out, (uint16_t)(bits >> n), &high))
			return NULL;
		bits &= (1u << n) - 1;
	}
	if (high || n >= 6 || bits)
		return NULL;
	return p + 1;
}

int rh_mutf7_decode(const char *name, struct rh_str *out, struct rh_err *err)
{
	for (const char *p = name; *p;) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			return rh_err_set(err, EINVAL, "\"%s\" is not modified UTF-7", name);
		if (*p != '&') {
			rh_str_addc(out, *p++);
			continue;
		}
		if (p[1] == '-') {
			rh_str_addc(out, '&');
			p += 2;
			continue;
		}
		p = decode_run(p + 1, out);
		if (!p)
			return rh_err_set(err, EINVAL, "\"%s\" is not modified UTF-7", name);
	}
	return 0;
}

/* The character at *P, which is moved on; 0 when it is not UTF-8. */
static uint32_t get_utf8(const unsigned char **p)
{
	const unsigned char *s = *p;
	unsigned n = s[0] < 0x80 ? 0 : s[0] >> 5 == 6 ? 1 : s[0] >> 4 == 14 ? 2 : 3;
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint32_t c = n == 0 ? s[0] : s[0] & (0x3fu >> n);

	if (n == 3 && s[0] >> 3 != 30)
		return 0;
	for (unsigned i = 1; i <= n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*p += n + 1;
	return c;
}

struct run {
	struct rh_str *out;
	uint32_t bits;
	unsigned n;
	bool open;
};

static void run_unit(struct run *r, uint16_t u)
{
	if (!r->open)
		rh_str_addc(r->out, '&');
	r->open = true;
	r->bits = r->bits << 16 | u;
	r->n += 16;
	while (r->n >= 6) {
		r->n -= 6;
		rh_str_addc(r->out, B64[r->bits >> r->n & 0x3f]);
	}
}

static void run_close(struct run *r)
{
	if (!r->open)
		return;
	if (r->n > 0)
		rh_str_addc(r->out, B64[r->bits << (6 - r->n) & 0x3f]);
	rh_str_addc(r->out, '-');
	*r = (struct run){.out = r->out};
}

int rh_mutf7_encode(const char *name, struct rh_str *out, struct rh_err *err)
{
	struct run run = {.out = out};

	for (const unsigned char *p = (const unsigned char *)name; *p;) {
		uint32_t c = get_utf8(&p);
		if (c == 0)
			return rh_err_set(err, EINVAL, "\"%s\" is not UTF-8", name);
		if (c >= 0x20 && c < 0x7f) {
			run_close(&run);
			rh_str_addc(out, (char)c);
			if (c == '&')
				rh_str_addc(out, '-');
			continue;
		}
		if (c >= 0x10000) {
			run_unit(&run, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
			run_unit(&run, (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff)));
		} else {
			run_unit(&run, (uint16_t)c);
		}
	}
	run_close(&run);
	return 0;
}

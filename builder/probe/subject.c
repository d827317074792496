/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RFC 2047, strict: used to know what a webmail page must show, so a doubtful subject is refused
 * and the caller takes another message.
 */
#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/subject.h"

static int decode_b(const char *p, size_t n, struct rh_str *out)
{
	RH_FREE unsigned char *buf = rh_xalloc(n + 4);
	int len = n % 4 ? -1 : EVP_DecodeBlock(buf, (const unsigned char *)p, (int)n);

	if (len < 0)
		return -EILSEQ;
	for (size_t i = n; i > 0 && p[i - 1] == '=' && len > 0; i--)
		len--;
	rh_str_addn(out, buf, (size_t)len);
	return 0;
}

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
					    : -1;
}

static int decode_q(const char *p, size_t n, struct rh_str *out)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '=') {
			if (i + 2 >= n || hex(p[i + 1]) < 0 || hex(p[i + 2]) < 0)
				return -EILSEQ;
			rh_str_addc(out, (char)(hex(p[i + 1]) << 4 | hex(p[i + 2])));
			i += 2;
		} else {
			rh_str_addc(out, p[i] == '_' ? ' ' : p[i]);
		}
	}
	return 0;
}

static int to_utf8(const char *charset, struct rh_str *raw, struct rh_str *out)
{
	char buf[4096], *in = raw->data, *p = buf;
	size_t n = raw->len, left = sizeof buf;
	iconv_t cd = iconv_open("UTF-8", charset);

	if (cd == (iconv_t)-1)
		return -EILSEQ;
	size_t r = n ? iconv(cd, &in, &n, &p, &left) : 0;
	iconv_close(cd);
	if (r == (size_t)-1)
		return -EILSEQ;
	rh_str_addn(out, buf, sizeof buf - left);
	return 0;
}

/* The encoded word at *P, which is moved behind it. 1 when there is none. */
static int word(const char **p, struct rh_str *out)
{
	const char *s = *p, *charset = s + 2, *q = NULL, *end = NULL;
	RH_STR struct rh_str raw = {0};

	if (strncmp(s, "=?", 2) != 0 || !(q = strchr(charset, '?')) || !q[1] || q[2] != '?' ||
	    !(end = strstr(q + 3, "?=")))
		return 1;
	size_t n = (size_t)(end - q - 3);
	int r = (q[1] | 32) == 'b'   ? decode_b(q + 3, n, &raw)
		: (q[1] | 32) == 'q' ? decode_q(q + 3, n, &raw)
				     : -EILSEQ;
	if (r < 0)
		return r;
	RH_FREE char *cs = rh_xasprintf("%.*s", (int)(q - charset), charset);
	*p = end + 2;
	return to_utf8(cs, &raw, out);
}

int rh_subject_decode(const char *raw, struct rh_str *out)
{
	bool last_word = false;

	for (const char *p = raw; *p;) {
		const char *start = p;
		while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
			p++;
		bool space = p > start;
		const char *before = p;
		if (space || start == raw) {
			RH_STR struct rh_str text = {0};
			int r = word(&p, &text);
			if (r < 0)
				return r;
			if (r == 0) {
				/* White space between two encoded words does not count. */
				if (space && !last_word && out->len)
					rh_str_addc(out, ' ');
				rh_str_addn(out, rh_str_text(&text), text.len);
				last_word = true;
				continue;
			}
		}
		if (space && *before && out->len)
			rh_str_addc(out, ' ');
		last_word = false;
		for (; *p && !strchr(" \t\r\n", *p); p++) {
			if ((unsigned char)*p > 0x7e)
				return -EILSEQ;
			rh_str_addc(out, *p);
		}
	}
	return 0;
}

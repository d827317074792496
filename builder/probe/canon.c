/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The digest of a message that is the same for the file and for what goes over the wire.
 *
 * Trap: a file may hold CR CR LF. Exactly one CR belongs to the line end, here and in Dovecot, so
 * one CR is held back and only dropped when a LF follows.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/expect.h"

static void put(struct rh_canon *c, const void *data, size_t n)
{
	/* Fails only when memory is gone or the context is wrong; then no digest can be right. */
	if (n && EVP_DigestUpdate(c->md, data, n) != 1)
		abort();
}

void rh_canon_begin(struct rh_canon *c)
{
	*c = (struct rh_canon){.md = EVP_MD_CTX_new()};
	if (!c->md || EVP_DigestInit_ex(c->md, EVP_sha256(), NULL) != 1)
		abort();
}

static void add_byte(struct rh_canon *c, struct rh_str *out, unsigned char b)
{
	if (b == '\n') {
		c->wire += 2;
		c->crlf += c->cr;
		c->cr = false;
		rh_str_addc(out, '\n');
		return;
	}
	if (c->cr) {
		c->wire++;
		rh_str_addc(out, '\r');
	}
	c->cr = b == '\r';
	if (c->cr)
		return;
	c->wire++;
	rh_str_addc(out, b ? (char)b : (char)0x80);
}

void rh_canon_add(struct rh_canon *c, const void *data, size_t n)
{
	RH_STR struct rh_str out = {0};
	const unsigned char *p = data;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		add_byte(c, &out, p[i]);
	c->bytes += n;
	c->open_end = p[n - 1] != '\n';
	put(c, out.data, out.len);
}

void rh_canon_end(struct rh_canon *c, char hex[65])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (c->cr) {
		c->wire++;
		put(c, "\r", 1);
	}
	if (EVP_DigestFinal_ex(c->md, md, &len) != 1 || len != 32)
		abort();
	EVP_MD_CTX_free(c->md);
	c->md = NULL;
	for (unsigned i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
}

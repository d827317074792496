// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Public ssh keys; the contract is in ssh.h.
 *
 * The base64 text decodes to RFC 4253 strings (length as 4 bytes, big endian, then the bytes): the
 * type, which must be that of the text, then the numbers of the key, which must end where the text
 * does. So a key that lost its end in an e-mail is seen here and not at a locked door.
 */
#include "rootfs/setup/ssh.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define KEY_MAX 8192

struct key {
	const char *type;
	size_t type_len;
	unsigned char blob[KEY_MAX];
	size_t len;
};

/* EVP_DecodeBlock() counts padding as bytes and wants whole groups. */
static bool decode(const char *text, size_t n, struct key *k)
{
	size_t pad = 0;
	int got;

	if (n == 0 || n % 4 || n / 4 * 3 > sizeof k->blob)
		return false;
	while (pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	got = EVP_DecodeBlock(k->blob, (const unsigned char *)text, (int)n);
	if (got < 0)
		return false;
	k->len = (size_t)got - pad;
	return true;
}

/* The string at *POS; moves behind it. */
static bool next_string(const struct key *k, size_t *pos, const unsigned char **data, size_t *n)
{
	const unsigned char *p = k->blob + *pos;

	if (k->len - *pos < 4)
		return false;
	*n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (*n > k->len - *pos - 4)
		return false;
	*data = p + 4;
	*pos += 4 + *n;
	return true;
}

static const char *parse(const char *text, struct key *k)
{
	size_t type_len = strcspn(text, " "), n, pos = 0, strings = 0;
	const char *b64 = text + type_len;
	const unsigned char *data;

	if (!*b64)
		return "it has no base64 text after the type";
	b64++;
	k->type = text;
	k->type_len = type_len;
	if (!decode(b64, strcspn(b64, " \n"), k))
		return "its base64 text is damaged: copy the whole line of the .pub file";
	if (!next_string(k, &pos, &data, &n) || n != type_len || memcmp(data, text, n))
		return "its base64 text is not a key of that type: copy the whole line of the .pub "
		       "file";
	while (pos < k->len) {
		if (!next_string(k, &pos, &data, &n))
			return "it is cut off: copy the whole line of the .pub file";
		strings++;
	}
	return strings ? NULL : "it is cut off: copy the whole line of the .pub file";
}

const char *rh_ssh_key_fault(const char *text)
{
	struct key k;

	return parse(text, &k);
}

void rh_ssh_fingerprint(const char *text, struct rh_str *out)
{
	unsigned char md[EVP_MAX_MD_SIZE], b64[EVP_MAX_MD_SIZE * 2];
	unsigned n = 0;
	struct key k;

	if (parse(text, &k) || !EVP_Digest(k.blob, k.len, md, &n, EVP_sha256(), NULL))
		return;
	EVP_EncodeBlock(b64, md, (int)n);
	b64[strcspn((char *)b64, "=")] = '\0';
	rh_str_addf(out, "%.*s SHA256:%s", (int)k.type_len, k.type, (char *)b64);
}

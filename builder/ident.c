// SPDX-License-Identifier: GPL-2.0-or-later
/* Identifiers from a seed; the contract is in ident.h. */
#include "builder/ident.h"

#include <string.h>

#include "lib/digest.h"

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

struct rh_uuid rh_ident(const char *seed, const char *what)
{
	struct rh_digest *d = rh_digest_new();
	char hex[RH_SHA256_HEX];
	struct rh_uuid u;

	rh_digest_part(d, "seed", seed, strlen(seed));
	rh_digest_part(d, "what", what, strlen(what));
	rh_digest_final(&d, hex);
	for (int i = 0; i < 16; i++)
		u.b[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	u.b[6] = (u.b[6] & 0x0f) | 0x80; /* version 8 */
	u.b[8] = (u.b[8] & 0x3f) | 0x80; /* variant 10 */
	return u;
}

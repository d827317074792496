/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which crypt(3) hash is this, and is it whole?
 *
 * Database columns cut hashes silently (40 characters in vpopmail 5.4's SQL schema), and a cut one
 * never matches any password; so the length of the last part is part of the check.
 *
 *	13 characters				DES
 *	$1$SALT$22	$5$[rounds=N$]SALT$43	$6$[rounds=N$]SALT$86
 *	$2a$NN$53 (also 2b, 2x, 2y)		$y$PARAMS$SALT$43
 */
#include "rootfs/mail/account.h"

#include <string.h>

#define CRYPT64 "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const char rh_hash_locked[] =
    "$6$rehome.locked$......................................................................"
    "................";

static bool crypt64(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, CRYPT64) == n;
}

/* "SALT$DIGEST" after the prefix, the digest of N characters. */
static bool salted(const char *s, size_t n, bool rounds)
{
	if (rounds && strncmp(s, "rounds=", 7) == 0) {
		size_t digits = strspn(s + 7, "0123456789");
		if (digits == 0 || s[7 + digits] != '$')
			return false;
		s += 8 + digits;
	}
	const char *sep = strchr(s, '$');
	return sep && strcspn(s, ":\n \t") > (size_t)(sep - s) && crypt64(sep + 1, n);
}

static bool bcrypt(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '9' && s[2] == '$' &&
	       crypt64(s + 3, 53);
}

static bool yescrypt(const char *s)
{
	const char *salt = strchr(s, '$');
	return salt && salt != s && salted(salt + 1, 43, false);
}

enum rh_hash rh_hash_kind(const char *h)
{
	if (*h == 0 || *h == '*' || *h == '!')
		return RH_HASH_NONE;
	if (strncmp(h, "$1$", 3) == 0)
		return salted(h + 3, 22, false) ? RH_HASH_MD5 : RH_HASH_CUT;
	if (strncmp(h, "$5$", 3) == 0)
		return salted(h + 3, 43, true) ? RH_HASH_SHA256 : RH_HASH_CUT;
	if (strncmp(h, "$6$", 3) == 0)
		return salted(h + 3, 86, true) ? RH_HASH_SHA512 : RH_HASH_CUT;
	if (strncmp(h, "$2", 2) == 0 && h[2] && strchr("abxy", h[2]) && h[3] == '$')
		return bcrypt(h + 4) ? RH_HASH_BCRYPT : RH_HASH_CUT;
	if (strncmp(h, "$y$", 3) == 0)
		return yescrypt(h + 3) ? RH_HASH_YESCRYPT : RH_HASH_CUT;
	return crypt64(h, 13) ? RH_HASH_DES : RH_HASH_UNKNOWN;
}

const char *rh_hash_name(enum rh_hash kind)
{
	static const char *const names[] = {"none",   "DES",	  "MD5",     "SHA-256", "SHA-512",
					    "bcrypt", "yescrypt", "cut off", "unknown"};
	return names[kind];
}

bool rh_hash_usable(enum rh_hash kind)
{
	return kind >= RH_HASH_DES && kind <= RH_HASH_YESCRYPT;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of messages in a Maildir: BASE[:INFO], INFO = "2,FLAGS".
 *
 * Courier cuts at the last ':', Dovecot at the first; they agree unless the base has a ':' of its
 * own, which no target name may have.
 */
#pragma once

#include "rootfs/mail/text.h"

struct rh_msgname {
	size_t base;	  /* length of the base: what is before the last ':' */
	const char *info; /* after that ':', or NULL */
};
struct rh_msgname rh_msgname_split(const char *name);

#define RH_FLAGS_MAX 7
/* The flags of INFO that Dovecot keeps (of "DFPRST"), sorted and single, into OUT. Returns how
 * many other characters there were; all of INFO when it is not "2,…". */
size_t rh_msgname_flags(const char *info, char out[RH_FLAGS_MAX]);

/* Courier's order: leading number, then bytes up to ':'. Its IMAP server compares bytes as
 * unsigned, its POP3 server as signed char (SIGNED_BYTES). */
int rh_msgname_cmp(const char *a, const char *b, bool signed_bytes);

/* The size that the name states in its last ",S=N" before ':'. */
bool rh_msgname_size(const char *name, size_t base, uint64_t *size);

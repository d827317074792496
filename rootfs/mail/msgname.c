/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of messages. The order must be Courier's own (imapscanclient.c fnamcmp, pop3dserver.c
 * cmpmsgs), since it decides the UIDs of messages that Courier has not numbered yet and the numbers
 * that POP3 clients see.
 */
#include "rootfs/mail/msgname.h"

#include <stdlib.h>
#include <string.h>

struct rh_msgname rh_msgname_split(const char *name)
{
	const char *sep = strrchr(name, ':');
	if (!sep)
		return (struct rh_msgname){strlen(name), NULL};
	return (struct rh_msgname){(size_t)(sep - name), sep + 1};
}

size_t rh_msgname_flags(const char *info, char out[RH_FLAGS_MAX])
{
	static const char known[] = "DFPRST";
	bool set[sizeof known] = {false};
	size_t other = 0, n = 0;

	out[0] = 0;
	if (!info)
		return 0;
	if (info[0] != '2' || info[1] != ',')
		return strlen(info);
	for (const char *p = info + 2; *p; p++) {
		const char *at = strchr(known, *p);
		if (at)
			set[at - known] = true;
		else
			other++;
	}
	for (size_t i = 0; known[i]; i++)
		if (set[i])
			out[n++] = known[i];
	out[n] = 0;
	return other;
}

int rh_msgname_cmp(const char *a, const char *b, bool signed_bytes)
{
	long x = atol(a), y = atol(b);
	if (x != y)
		return x < y ? -1 : 1;
	for (;; a++, b++) {
		char ca = *a == ':' ? 0 : *a, cb = *b == ':' ? 0 : *b;
		if (ca != cb && signed_bytes)
			return (signed char)ca < (signed char)cb ? -1 : 1;
		if (ca != cb)
			return (unsigned char)ca < (unsigned char)cb ? -1 : 1;
		if (ca == 0)
			return 0;
	}
}

bool rh_msgname_size(const char *name, size_t base, uint64_t *size)
{
	for (size_t i = base; i >= 3; i--) {
		if (memcmp(name + i - 3, ",S=", 3) != 0)
			continue;
		size_t n = i;
		while (n < base && name[n] != ',')
			n++;
		return rh_span_number((struct rh_span){name + i, n - i}, UINT64_MAX, size);
	}
	return false;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* UUIDs and their texts; the contract is in uuid.h. */
#include "lib/uuid.h"

#include <stdio.h>
#include <string.h>

static void text(const struct rh_uuid *u, const char *breaks, char sep, char *out)
{
	for (int i = 0; i < 16; i++) {
		if (strchr(breaks, 'a' + i))
			*out++ = sep;
		out += sprintf(out, "%02x", u->b[i]);
	}
}

void rh_uuid_text(const struct rh_uuid *u, char out[RH_UUID_TEXT])
{
	text(u, "egik", '-', out);
}

void rh_uuid_md_text(const struct rh_uuid *u, char out[RH_UUID_TEXT])
{
	text(u, "eim", ':', out);
}

bool rh_uuid_equal(const struct rh_uuid *a, const struct rh_uuid *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool rh_uuid_is_zero(const struct rh_uuid *u)
{
	static const struct rh_uuid zero;

	return rh_uuid_equal(u, &zero);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Which disks, and why not; the contract is in choice.h. */
#include "builder/stick/choice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool rh_offer_ok(const struct rh_offer *o)
{
	return o->refused.n == 0;
}

bool rh_offer_shown(const struct rh_offer *o)
{
	for (size_t i = 0; i < o->why.n; i++)
		if (!strcmp(o->why.v[i], "stick") || !strcmp(o->why.v[i], "too-small") ||
		    !strcmp(o->why.v[i], "not-a-disk") || !strcmp(o->why.v[i], "absent"))
			return false;
	return true;
}

size_t rh_offers_ok(const struct rh_offers *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += rh_offer_ok(&l->v[i]);
	return n;
}

void rh_offers_free(struct rh_offers *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct rh_offer *o = &l->v[i];

		free(o->path);
		free(o->kname);
		free(o->model);
		free(o->serial);
		rh_strv_free(&o->content);
		rh_strv_free(&o->refused);
		rh_strv_free(&o->why);
	}
	free(l->v);
	*l = (struct rh_offers){0};
}

struct rh_offer *rh_offers_add(struct rh_offers *l)
{
	(void)RH_GROW(l->v, l->n, l->cap);
	l->v[l->n] = (struct rh_offer){0};
	return &l->v[l->n++];
}

void rh_offer_size(uint64_t bytes, char out[16])
{
	uint64_t tenths = bytes / 100000000; /* of a GB */

	if (tenths >= 10000)
		snprintf(out, 16, "%" PRIu64 ".%" PRIu64 " TB", tenths / 10000, tenths / 1000 % 10);
	else
		snprintf(out, 16, "%" PRIu64 ".%" PRIu64 " GB", tenths / 10, tenths % 10);
}

/* The disk with SERIAL; -ENOENT with faults when there is none, or more than one. */
static int find(const struct rh_offers *l, const char *serial, size_t *pick, struct rh_strv *faults)
{
	size_t found = 0;

	if (!*serial) {
		rh_strv_add(faults, "a serial number is missing");
		return -ENOENT;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->v[i].serial, serial) != 0)
			continue;
		*pick = i;
		found++;
	}
	if (found == 1)
		return 0;
	if (found == 0)
		rh_strv_addf(faults, "no disk in this machine has the serial number %s", serial);
	else
		rh_strv_addf(faults, "%zu disks have the serial number %s", found, serial);
	return -ENOENT;
}

int rh_choose(const struct rh_offers *l, const char *const serial[2], bool again, size_t pick[2],
	      struct rh_strv *faults)
{
	size_t before = faults->n, at[2] = {0, 0};

	if (*serial[0] && !strcmp(serial[0], serial[1]))
		rh_strv_addf(faults, "%s is named twice: two disks are needed", serial[0]);
	for (int k = 0; k < 2; k++) {
		const struct rh_offer *o;

		if (find(l, serial[k], &at[k], faults) < 0)
			continue;
		o = &l->v[at[k]];
		for (size_t i = 0; i < o->refused.n; i++)
			rh_strv_addf(faults, "%s (%s): %s", o->serial, o->kname, o->refused.v[i]);
		if (o->installed && !again)
			rh_strv_addf(faults,
				     "%s (%s): this pair is installed on it already: remove the "
				     "stick and restart; to install anew, choose that in the "
				     "stick's start menu",
				     o->serial, o->kname);
	}
	if (faults->n > before)
		return -EINVAL;
	memcpy(pick, at, sizeof at);
	return 0;
}

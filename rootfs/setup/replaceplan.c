// SPDX-License-Identifier: GPL-2.0-or-later
/* Which disk, and what it will look like; the contract is in replace.h. Pure: no I/O. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "rootfs/setup/replace.h"

#define PV 3 /* entries[] of the last partition */

static bool same_place(const struct rh_gpt_entry *a, const struct rh_gpt_entry *b)
{
	return a->first == b->first && !memcmp(&a->type, &b->type, sizeof a->type);
}

bool rh_replace_is_unfinished(const struct rh_gpt *table, const struct rh_gpt *old)
{
	for (int i = 0; i < RH_GPT_ENTRIES; i++) {
		const struct rh_gpt_entry *e = &table->entries[i], *o = &old->entries[i];

		if (i >= RH_REPLACE_PARTS ? !rh_uuid_is_zero(&e->type) : !same_place(e, o))
			return false;
		if (i < PV && e->last != o->last)
			return false;
	}
	return rh_gpt_has_name(&table->entries[PV], RH_REPLACE_UNFINISHED) &&
	       !rh_uuid_equal(&table->disk, &old->disk);
}

/* Where the pv array's data must end on any member, plus the table behind it. */
uint64_t rh_replace_need(const struct rh_replace *r)
{
	const struct rh_array *pv = r->pair->array[1];
	const struct rh_member *m = rh_array_on(pv, r->old->disk);
	uint64_t offset = m && m->has_super ? m->super.data_offset : 0;
	uint64_t end = r->old_table.entries[PV].first + offset + pv->component;

	return end + RH_GPT_LAST_SECTORS;
}

static void make_guid(const uint8_t random[16], struct rh_uuid *out)
{
	memcpy(out->b, random, 16);
	out->b[6] = (uint8_t)((out->b[6] & 0x0f) | 0x40); /* version 4: random (RFC 9562 §5.4) */
	out->b[8] = (uint8_t)((out->b[8] & 0x3f) | 0x80);
}

static void make_table(struct rh_replace *r, const uint8_t *random)
{
	struct rh_gpt *g = &r->table;
	struct rh_uuid disk;
	uint64_t most;

	make_guid(random, &disk);
	rh_gpt_init(g, &disk, r->target->d->disk->sectors);
	for (int i = 0; i < RH_REPLACE_PARTS; i++) {
		g->entries[i] = r->old_table.entries[i];
		make_guid(random + 16 * (i + 1), &g->entries[i].guid);
	}
	/* On a smaller disk the last partition ends earlier; enough for the array, as was checked.
	 */
	most = g->last_usable;
	if (g->entries[PV].last > most)
		g->entries[PV].last = most;
	memset(g->entries[PV].name, 0, sizeof g->entries[PV].name);
	rh_gpt_set_name(&g->entries[PV], RH_REPLACE_UNFINISHED);
}

static void fault(struct rh_replace *r, const struct rh_replace_facts *f, struct rh_diags *d,
		  const char *hint, const char *text)
{
	rh_diag_add(d, rh_disk_text(r->pair->disks, f->d->disk), 0, "", hint, "%s", text);
}

static void check_kind(struct rh_replace *r, const struct rh_replace_facts *f, struct rh_diags *d)
{
	const struct rh_disk *disk = f->d->disk;

	if (disk->read_only)
		fault(r, f, d, "look for a switch or jumper, or take another disk",
		      "it can only be read");
	if (disk->removable)
		fault(r, f, d, "take a disk that is built in", "it is a removable volume");
	if (disk->block != 512)
		fault(r, f, d, "take a disk that offers sectors of 512 bytes (512n or 512e)",
		      "its sectors have 4096 bytes, and the pair's have 512");
	if (disk->sectors < rh_replace_need(r)) {
		RH_FREE char *hint = rh_xasprintf("take a disk of at least %" PRIu64 " MB",
						  rh_replace_need(r) * 512 / 1000000 + 1);
		RH_FREE char *text =
		    rh_xasprintf("it is too small: %" PRIu64 " MB", disk->sectors * 512 / 1000000);

		fault(r, f, d, hint, text);
	}
}

static void check_use(struct rh_replace *r, const struct rh_replace_facts *f, bool erase,
		      struct rh_diags *d)
{
	RH_FREE char *text = NULL;

	if (*f->in_use) {
		text = rh_xasprintf("it is in use: %s", f->in_use);
		fault(r, f, d, "unmount it, or take another disk", text);
	} else if (*f->holds && !erase && !r->unfinished) {
		text = rh_xasprintf("it is not empty: %s", f->holds);
		fault(r, f, d,
		      "be sure that it is the right disk; to lose all that it holds, add --erase",
		      text);
	}
}

static const struct rh_replace_facts *find(const struct rh_replace *r, const char *serial,
					   struct rh_diags *d)
{
	const struct rh_replace_facts *found = NULL;
	const char *names[16];
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (!strcmp(r->v[i].d->disk->serial, serial)) {
			if (found)
				rh_diag_add(d, serial, 0, "", "unplug one of them",
					    "two disks have this serial number");
			found = &r->v[i];
		}
		if (n < 16)
			names[n++] = r->v[i].d->disk->serial;
	}
	if (found)
		return found;
	if (!strcmp(r->old->disk->serial, serial)) {
		rh_diag_add(d, rh_disk_text(r->pair->disks, r->old->disk), 0, "",
			    "type the serial of the new disk",
			    "this is the disk that works and has all the mail");
		return NULL;
	}
	near = rh_did_you_mean(serial, names, n);
	rh_diag_add(d, serial, 0, "", near ? near : "rehome-setup pair shows the disks",
		    "no disk has this serial number%s", near ? "; is it this one?" : "");
	return NULL;
}

static bool in_both(const struct rh_pair_disk *d)
{
	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		if (!d->on[k].there || !d->on[k].held || d->on[k].what > RH_PAIR_REBUILDING)
			return false;
	return true;
}

int rh_replace_plan(struct rh_replace *r, const char *serial, bool erase,
		    const uint8_t random[16 * (1 + RH_REPLACE_PARTS)], struct rh_diags *d)
{
	size_t before = d->n;
	const struct rh_replace_facts *f;

	if (!*serial) {
		rh_diag_add(d, "--serial", 0, "", "rehome-setup pair shows the serials",
			    "the new disk's serial number is missing");
		return -EINVAL;
	}
	f = find(r, serial, d);
	if (!f || d->n > before)
		return -EINVAL;
	r->target = f;
	r->unfinished = f->has_table && rh_replace_is_unfinished(&f->table, &r->old_table);
	r->done = !r->unfinished && in_both(f->d);
	if (r->done)
		return 0;
	check_kind(r, f, d);
	for (int k = 0; !r->unfinished && k < RH_PAIR_ARRAYS; k++)
		if (f->d->on[k].there && f->d->on[k].held &&
		    f->d->on[k].what <= RH_PAIR_REBUILDING) {
			fault(r, f, d, "rehome-setup pair shows which disk is which",
			      "it works in the pair");
			break;
		}
	check_use(r, f, erase, d);
	if (d->n > before)
		return -EINVAL;
	if (r->unfinished)
		r->table = f->table;
	else
		make_table(r, random);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts for the growth; the contract is in growfacts.h. */
#include "rootfs/setup/growfacts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/growtable.h"

#define PV_PART "rehome-pv"

/* Where a whole table of the pair has its backup: where a damaged one may have it too. */
static uint64_t old_end(const struct rh_grow_disks *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].tables.primary_ok)
			return f->v[i].tables.table.disk_sectors;
	return 0;
}

/* Are the kernel's partitions of DISK those of the table? Ours, NUMBER, may be shorter there. */
static bool agrees(const struct rh_disk *disk, const struct rh_gpt *g, unsigned number)
{
	size_t used = 0;

	for (unsigned i = 0; i < RH_GPT_ENTRIES; i++)
		used += !rh_uuid_is_zero(&g->entries[i].type);
	if (used != disk->n_parts)
		return false;
	for (size_t i = 0; i < disk->n_parts; i++) {
		const struct rh_partition *p = &disk->parts[i];
		const struct rh_gpt_entry *e;
		uint64_t n;

		if (p->number < 1 || p->number > RH_GPT_ENTRIES)
			return false;
		e = &g->entries[p->number - 1];
		n = e->last - e->first + 1;
		if (rh_uuid_is_zero(&e->type) || p->start != e->first ||
		    (p->number == number ? p->sectors > n : p->sectors != n))
			return false;
	}
	return true;
}

static int add_disk(struct rh_setup *s, const struct rh_disks *disks, const struct rh_disk *disk,
		    uint64_t hint, struct rh_grow_disks *out, struct rh_grow_disk **ret,
		    struct rh_err *err)
{
	struct rh_grow_disk *d = &out->v[out->n];

	*d = (struct rh_grow_disk){
	    .text = rh_disk_text(disks, disk),
	    .name = disk->name,
	    .sectors = disk->sectors,
	    .block = disk->block,
	    .read_only = disk->read_only,
	};
	*ret = d;
	out->n++;
	return rh_tables_read(s, disk->name, disk->sectors, hint, &d->tables, err);
}

static int add_member(struct rh_setup *s, const struct rh_disks *disks, const struct rh_member *m,
		      struct rh_grow_disks *out, struct rh_err *err)
{
	struct rh_grow_disk *d;
	int r = add_disk(s, disks, m->disk, old_end(out), out, &d, err);

	if (r < 0)
		return r;
	d->number = m->part->number;
	d->kernel_sectors = m->part->sectors;
	d->data_offset = m->super.data_offset;
	if (d->tables.primary_ok || d->tables.backup_ok)
		d->kernel_agrees = agrees(m->disk, &d->tables.table, d->number);
	out->active++;
	return 0;
}

/* Does the partition of entry E, which the kernel does not show, hold a member of array UUID? */
static bool holds_array(struct rh_setup *s, const char *name, const struct rh_gpt_entry *e,
			const struct rh_uuid *uuid)
{
	RH_FREE char *path = rh_xasprintf("dev/%s", name);
	RH_CLOSE int fd = openat(s->root, path, O_RDONLY | O_CLOEXEC);
	uint8_t sb[RH_MDSUPER_BYTES];
	uint64_t n = e->last - e->first + 1;
	struct rh_mdsuper super;
	off_t at;

	if (fd < 0 || n < 64)
		return false;
	at = (off_t)((e->first + rh_mdsuper_sector(2, n)) * RH_GPT_SECTOR);
	return pread(fd, sb, sizeof sb, at) == (ssize_t)sizeof sb &&
	       rh_mdsuper_decode(sb, 2, n, &super, NULL) == 0 && rh_uuid_equal(&super.array, uuid);
}

/* A disk without partitions for the kernel whose backup table and superblock are those of our pair:
 * what a cut in the middle of the primary table leaves. */
static int add_strays(struct rh_setup *s, const struct rh_disks *disks, struct rh_grow_disks *out,
		      struct rh_err *err)
{
	for (size_t i = 0; i < disks->n && out->n < RH_GROW_DISKS; i++) {
		const struct rh_disk *disk = &disks->v[i];
		struct rh_grow_disk *d;
		unsigned last;

		if (disk->n_parts || disk->block != RH_GPT_SECTOR || disk->read_only ||
		    disk->sectors < 128)
			continue;
		if (add_disk(s, disks, disk, 0, out, &d, err) < 0) {
			/* Not ours to judge: a card reader without a card, a broken stick. */
			rh_setup_log(s, "grow: passing over a disk: %s", err->text);
			*err->text = '\0';
			out->n--;
			continue;
		}
		last = rh_gpt_last_partition(&d->tables.table);
		if (!d->tables.primary_ok && d->tables.backup_ok && last &&
		    rh_gpt_has_name(&d->tables.table.entries[last - 1], PV_PART) &&
		    holds_array(s, disk->name, &d->tables.table.entries[last - 1],
				&disks->pv.uuid)) {
			d->number = last;
			d->stray = true;
		} else {
			out->n--;
		}
	}
	return 0;
}

int rh_growfacts_disks(struct rh_setup *s, const struct rh_disks *disks, struct rh_grow_disks *out,
		       struct rh_err *err)
{
	const struct rh_array *pv = &disks->pv;
	int r = 0;

	memset(out, 0, sizeof *out);
	out->array = pv->found;
	out->slots = pv->slots;
	out->action = pv->action;
	out->component = pv->component;
	for (unsigned slot = 0; r >= 0 && slot < pv->slots && out->n < RH_GROW_DISKS; slot++) {
		const struct rh_member *m = rh_array_slot(pv, slot);

		if (!m || !m->disk || !m->has_super)
			continue;
		if (m->state != RH_MEMBER_ACTIVE) {
			out->rebuilding = true;
			continue;
		}
		r = add_member(s, disks, m, out, err);
	}
	if (r >= 0 && pv->found && out->active < pv->slots)
		r = add_strays(s, disks, out, err);
	return rh_err_prefix(err, r, "cannot look at the partition tables");
}

/* --- volumes --- */

/* The next blank-separated word of *P as a number; 0 when there is none. */
static uint64_t next_number(const char **p)
{
	char *end;
	uint64_t n = strtoull(*p, &end, 10);

	*p = end;
	return n;
}

/* The line of TEXT that begins with the word NAME: what follows the word, or NULL. */
static const char *line_of(const char *text, const char *name)
{
	size_t n = strlen(name);

	while (*text) {
		text += strspn(text, " \t\n");
		if (!strncmp(text, name, n) && strchr(" \t", text[n]))
			return text + n;
		text += strcspn(text, "\n");
	}
	return NULL;
}

static int read_group(struct rh_setup *s, const char *node, struct rh_grow_volumes *out,
		      struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	RH_FREE char *path = rh_xasprintf("/dev/%s", node);
	const char *device = rh_setup_path(s, path), *p;
	int r =
	    rh_setup_run(s, &text, err, "pvs", "--noheadings", "--units", "b", "--nosuffix", "-o",
			 "vg_name,dev_size,pe_start,pv_pe_count,vg_extent_size,vg_extent_count,"
			 "vg_free_count",
			 device, NULL);

	if (r != 0)
		return r < 0 ? rh_err_prefix(err, r, "LVM does not tell of %s", path) : 0;
	p = line_of(rh_str_text(&text), RH_GROW_VG);
	if (!p)
		return 0;
	out->group = true;
	out->device = next_number(&p);
	out->data_start = next_number(&p);
	out->pv_extents = next_number(&p);
	out->extent = next_number(&p);
	out->total = next_number(&p);
	out->free = next_number(&p);
	if (!out->extent)
		return rh_err_set(err, EINVAL, "LVM tells no extent size of %s: \"%s\"", path,
				  rh_str_text(&text));
	return 0;
}

/* Of "data = bsize=4096 blocks=655360, imaxpct=25" in what xfs_growfs -n prints. */
static int read_xfs(struct rh_setup *s, const char *mount, uint64_t *bytes, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	const char *p, *blocks;
	uint64_t size;
	int r = rh_setup_run(s, &text, err, "xfs_growfs", "-n", rh_setup_path(s, mount), NULL);

	if (r < 0)
		return rh_err_prefix(err, r, "XFS does not tell of %s", mount);
	p = line_of(rh_str_text(&text), "data");
	p = p ? strstr(p, "bsize=") : NULL;
	blocks = p ? strstr(p, "blocks=") : NULL;
	if (!blocks)
		return rh_err_set(err, EINVAL, "XFS tells no size of %s: \"%s\"", mount,
				  rh_str_text(&text));
	p += strlen("bsize=");
	blocks += strlen("blocks=");
	size = next_number(&p);
	*bytes = size * next_number(&blocks);
	return 0;
}

/* Is something mounted on DIR itself? */
static bool mounted(struct rh_setup *s, const char *dir)
{
	RH_FREE char *above = rh_xasprintf("%s/..", rh_rel(dir));
	struct stat here, up;

	if (s->foreign)
		return rh_exists(s->root, rh_rel(dir));
	return fstatat(s->root, rh_rel(dir), &here, 0) == 0 &&
	       fstatat(s->root, above, &up, 0) == 0 &&
	       (here.st_dev != up.st_dev || !strcmp(dir, "/"));
}

static void read_share(struct rh_setup *s, const struct rh_json *recipe, enum rh_grow_volume v,
		       struct rh_grow_volumes *out)
{
	const char *where = rh_arena_printf(s->arena, "disk.grow.%s", rh_grow_volume_names[v]);
	struct json_object *o = rh_json_at(rh_json_root(recipe), where);
	int64_t percent = o ? rh_json_int(o, "percent", 0) : 0, most = rh_json_int(o, "most", 0);

	if (!o || percent < 1 || percent > 100 || most < 1)
		return;
	out->v[v].percent = (unsigned)percent;
	out->v[v].most = (uint64_t)most;
}

static int read_shares(struct rh_setup *s, struct rh_grow_volumes *out, struct rh_err *err)
{
	struct rh_diags d = {0};
	struct rh_json *own = NULL;
	int r = 0;

	if (!s->recipe)
		r = rh_json_load(s->root, rh_rel(RH_PATH_RECIPE), RH_PATH_RECIPE, &own, &d);
	if (r < 0) {
		r = rh_err_set(err, -r, "%s: %s", RH_PATH_RECIPE, d.n ? d.v[0].text : "unreadable");
	} else {
		const struct rh_json *recipe = s->recipe ? s->recipe : own;

		read_share(s, recipe, RH_GROW_ROOT, out);
		read_share(s, recipe, RH_GROW_VAR, out);
	}
	rh_json_free(&own);
	rh_diags_free(&d);
	return r;
}

int rh_growfacts_volumes(struct rh_setup *s, const char *node, struct rh_grow_volumes *out,
			 struct rh_err *err)
{
	static const char *const mounts[RH_GROW_VOLUMES] = {"/", "/var", "/srv/mail"};
	RH_STR struct rh_str text = {0};
	int r;

	memset(out, 0, sizeof *out);
	out->mail_reserve = RH_GROW_MAIL_MIN;
	r = read_group(s, node, out, err);
	if (r < 0 || !out->group)
		return r;
	r = rh_setup_run(s, &text, err, "lvs", "--noheadings", "--units", "b", "--nosuffix", "-o",
			 "lv_name,lv_size", RH_GROW_VG, NULL);
	for (int v = 0; r >= 0 && v < RH_GROW_VOLUMES; v++) {
		const char *p = line_of(rh_str_text(&text), rh_grow_volume_names[v]);

		if (!p)
			continue;
		out->v[v].extents = next_number(&p) / out->extent;
		/* One that is not mounted cannot grow now; it does at the next start. */
		if (!mounted(s, mounts[v]))
			continue;
		out->v[v].there = true;
		r = read_xfs(s, mounts[v], &out->v[v].fs_bytes, err);
	}
	if (r >= 0)
		r = read_shares(s, out, err);
	return r < 0 ? r : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recipe file → struct rh_recipe, and the sizes that cannot be.
 *
 * The schema has judged forms and names; here is what it cannot say: sums and comparisons. A size
 * is compared only when it could be read, so that one wrong letter does not bring two faults.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "builder/datadir.h"
#include "builder/plan_p.h"
#include "builder/sizes.h"

#define MIB	       (1ULL << 20)
#define SIZE_MAX_BYTES (1ULL << 50) /* 1024 TiB: sums of these stay far from overflow */

struct part {
	const char *key;
	uint64_t min;
	const char *why;
	size_t offset;
};

#define PART(key, min, why)                                         \
	{                                                           \
#key, min, why, offsetof(struct rh_disk_sizes, key) \
	}
static const struct part parts[] = {
    PART(esp, 64 * MIB, "FAT32 and two boot loaders need it"),
    PART(boot, 256 * MIB, "two kernels with their initramfs need it"),
    PART(root, 2048 * MIB, "the packages need it"),
    PART(var, 1024 * MIB, "logs, databases and the mail queue need it"),
    PART(swap, 0, ""),
};
#define N_PARTS (sizeof parts / sizeof *parts)

const char *rh_size_text(struct rh_arena *arena, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned u = 0;

	while (u < 4 && bytes > 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	return rh_arena_printf(arena, "%llu%s", (unsigned long long)bytes, units[u]);
}

static uint64_t used(const struct rh_disk_sizes *s)
{
	return s->esp + s->boot + s->root + s->var + s->swap + RH_DISK_RESERVE;
}

uint64_t rh_mail_bytes(const struct rh_disk_sizes *s)
{
	return s->disk > used(s) ? s->disk - used(s) : 0;
}

/* A size of SECTION; false when there is none to compare. */
static bool read_size(struct rh_loading *l, const char *section, const char *key, const char *def,
		      uint64_t *out)
{
	struct json_object *o = rh_json_at(rh_json_root(l->recipe_doc), section);
	const char *text = rh_json_str(o, key, rh_json_get(o, key) ? NULL : def);
	const char *where = rh_arena_printf(l->arena, "%s.%s", section, key);
	uint64_t n = 0;
	int r = text ? rh_size_parse(text, &n) : -EINVAL;

	if (r == -EINVAL) /* the schema has said so */
		return false;
	if (r < 0 || n > SIZE_MAX_BYTES) {
		rh_fault(l->d, l->recipe_doc, where, "write at most 1024TiB", "\"%s\" is too large",
			 text);
		return false;
	}
	*out = n;
	return true;
}

static bool check_multiple(struct rh_loading *l, const char *where, uint64_t n)
{
	if (n % MIB == 0)
		return true;
	rh_fault(l->d, l->recipe_doc, where,
		 rh_arena_printf(l->arena, "write \"%lluMiB\"",
				 (unsigned long long)((n + MIB - 1) / MIB)),
		 "%s is not a multiple of 1MiB", rh_size_text(l->arena, n));
	return false;
}

/* The parts and the mail volume must fit the disk. */
static void check_sum(struct rh_loading *l)
{
	const struct rh_disk_sizes *s = &l->recipe.disk;
	uint64_t need = used(s) + RH_MAIL_MIN;

	if (s->disk >= need)
		return;
	rh_fault(
	    l->d, l->recipe_doc, "disk.size",
	    rh_arena_printf(l->arena, "make it at least \"%s\", or the parts smaller",
			    rh_size_text(l->arena, need)),
	    "impossible sizes: esp %s + boot %s + root %s + var %s + swap %s + %s for tables and "
	    "metadata + %s for mail = %s, the disk has %s",
	    rh_size_text(l->arena, s->esp), rh_size_text(l->arena, s->boot),
	    rh_size_text(l->arena, s->root), rh_size_text(l->arena, s->var),
	    rh_size_text(l->arena, s->swap), rh_size_text(l->arena, RH_DISK_RESERVE),
	    rh_size_text(l->arena, RH_MAIL_MIN), rh_size_text(l->arena, need),
	    rh_size_text(l->arena, s->disk));
}

static void read_disk(struct rh_loading *l)
{
	struct rh_disk_sizes *s = &l->recipe.disk;
	bool good =
	    read_size(l, "disk", "size", NULL, &s->disk) && check_multiple(l, "disk.size", s->disk);

	for (size_t i = 0; i < N_PARTS; i++) {
		const struct part *p = &parts[i];
		uint64_t *n = (uint64_t *)((char *)s + p->offset);
		const char *where = rh_arena_printf(l->arena, "disk.%s", p->key);

		if (!read_size(l, "disk", p->key, NULL, n) || !check_multiple(l, where, *n)) {
			good = false;
		} else if (*n < p->min) {
			rh_fault(l->d, l->recipe_doc, where,
				 rh_arena_printf(l->arena, "make it at least \"%s\": %s",
						 rh_size_text(l->arena, p->min), p->why),
				 "%s is too small", rh_size_text(l->arena, *n));
			good = false;
		}
	}
	if (good)
		check_sum(l);
}

/* How far the volume KEY grows, which has HAVE bytes in the image (0: faulty, said already). */
static void read_share(struct rh_loading *l, const char *key, uint64_t have, struct rh_share *out)
{
	struct json_object *grow = rh_json_at(rh_json_root(l->recipe_doc), "disk.grow");
	struct json_object *o = rh_json_get(grow, key);
	const char *section = rh_arena_printf(l->arena, "disk.grow.%s", key);
	const char *where = rh_arena_printf(l->arena, "%s.most", section);
	uint64_t most;

	if (!json_object_is_type(o, json_type_object) ||
	    !read_size(l, section, "most", NULL, &most) || !check_multiple(l, where, most))
		return;
	out->percent = (unsigned)rh_json_int(o, "percent", 0);
	out->most = most;
	if (have && most < have)
		rh_fault(l->d, l->recipe_doc, where,
			 rh_arena_printf(l->arena, "write at least \"%s\"",
					 rh_size_text(l->arena, have)),
			 "%s has %s in the image and cannot grow to %s", key,
			 rh_size_text(l->arena, have), rh_size_text(l->arena, most));
	else if (have && most > RH_GROW_MOST * have)
		rh_fault(
		    l->d, l->recipe_doc, where,
		    rh_arena_printf(l->arena, "write at most \"%s\", or give %s more in the image",
				    rh_size_text(l->arena, RH_GROW_MOST * have), key),
		    "XFS grows badly to more than %d times its size, and %s has %s in the image",
		    RH_GROW_MOST, key, rh_size_text(l->arena, have));
}

static void read_growth(struct rh_loading *l)
{
	struct rh_recipe *r = &l->recipe;
	unsigned sum;

	read_share(l, "root", r->disk.root, &r->grow_root);
	read_share(l, "var", r->disk.var, &r->grow_var);
	sum = r->grow_root.percent + r->grow_var.percent;
	if (r->grow_root.percent && r->grow_var.percent && sum > RH_GROW_PERCENT)
		rh_fault(l->d, l->recipe_doc, "disk.grow",
			 rh_arena_printf(l->arena, "leave at least %d percent for mail",
					 100 - RH_GROW_PERCENT),
			 "root and var take %u percent of the disk", sum);
}

static void read_limits(struct rh_loading *l)
{
	struct rh_recipe *r = &l->recipe;
	bool mailbox = read_size(l, "limits", "mailbox", "20GiB", &r->limit_mailbox);
	bool message = read_size(l, "limits", "message", "20MiB", &r->limit_message);

	if (!mailbox || !message || r->limit_message <= r->limit_mailbox)
		return;
	rh_fault(l->d, l->recipe_doc, "limits.message",
		 "a message must fit a mailbox: lower \"message\" or raise \"mailbox\"",
		 "%s is larger than the mailbox limit %s", rh_size_text(l->arena, r->limit_message),
		 rh_size_text(l->arena, r->limit_mailbox));
}

int rh_recipe_read(struct rh_loading *l, const char *path)
{
	struct rh_recipe *r = &l->recipe;
	struct json_object *o, *m;
	int e = rh_json_load(AT_FDCWD, path, rh_shown_path(l->arena, path), &l->recipe_doc, l->d);

	if (e < 0)
		return e;
	rh_schema_check(l->recipe_schema, l->recipe_doc, l->d);
	o = rh_json_root(l->recipe_doc);
	m = rh_json_get(o, "machine");
	r->path = rh_arena_strdup(l->arena, path);
	r->json = o;
	r->name = rh_json_str(o, "name", "");
	r->description = rh_json_str(o, "description", "");
	r->release = rh_json_str(o, "release", "");
	r->arch = rh_json_str(o, "arch", "");
	r->machine_vendor = rh_json_str(m, "vendor", "");
	r->machine_model = rh_json_str(m, "model", "");
	r->nic = rh_json_str(m, "nic", "");
	r->memory_mib = (unsigned)rh_json_int(m, "memory_mib", 0);
	r->cpus = (unsigned)rh_json_int(m, "cpus", 0);
	r->disk_model = rh_json_str(rh_json_get(o, "disk"), "model", "");
	r->seed = rh_json_str(o, "seed", r->name);
	read_disk(l);
	read_growth(l);
	read_limits(l);
	return 0;
}

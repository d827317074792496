// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two pairs against each other; the contract is in compare.h.
 *
 *   manifests   what they are said to be; without one layout nothing further can be compared
 *   tables, boot areas, ESP, md metadata   bit by bit, both disks
 *   each pair's own halves                 the data areas must be the same bytes, so that what is
 *                                          read through one is true of both
 *   data areas of the two pairs            when they have the same bytes, that is all
 *   otherwise: volumes and files           two appliances at once, one for each pair
 *
 * Two appliances, because both pairs have volume groups and arrays of the same identity, of which
 * one system can have only one.
 */
#include "builder/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/compare_p.h"
#include "builder/disk.h"
#include "builder/manifest.h"
#include "lib/core/proc.h"
#include "lib/json.h"

void rh_comparison_add(struct rh_comparison *c, const char *where, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (c->count++ >= RH_COMPARE_KEPT)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!c->arena)
		c->arena = rh_arena_new();
	RH_GROW(c->v, c->n, c->cap);
	c->v[c->n++] = (struct rh_difference){rh_arena_strdup(c->arena, where),
					      rh_arena_strdup(c->arena, text)};
}

struct json_object *rh_comparison_json(const struct rh_comparison *c)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(o, "same", json_object_new_boolean(c->count == 0));
	json_object_object_add(o, "differences", json_object_new_int64((int64_t)c->count));
	json_object_object_add(o, "files", json_object_new_int64((int64_t)c->files));
	json_object_object_add(o, "bit_identical",
			       json_object_new_boolean(c->count == 0 && c->identical));
	json_object_object_add(o, "same_inputs", json_object_new_boolean(!c->other_keys));
	if (c->unread)
		json_object_object_add(o, "unread", json_object_new_string(c->unread));
	for (size_t i = 0; i < c->n; i++) {
		struct json_object *d = json_object_new_object();

		json_object_object_add(d, "where", json_object_new_string(c->v[i].where));
		json_object_object_add(d, "what", json_object_new_string(c->v[i].what));
		json_object_array_add(list, d);
	}
	json_object_object_add(o, "list", list);
	return o;
}

void rh_comparison_free(struct rh_comparison *c)
{
	free(c->v);
	rh_arena_free(&c->arena);
	*c = (struct rh_comparison){0};
}

static void set_unread(struct rh_comparison *c, const char *why)
{
	if (!c->arena)
		c->arena = rh_arena_new();
	c->unread = rh_arena_strdup(c->arena, why);
}

/* --- manifests --- */

static void compare_json(const char *path, struct json_object *a, struct json_object *b,
			 struct rh_comparison *c)
{
	size_t n = 0, m = 0;

	if (json_object_equal(a, b))
		return;
	if (json_object_is_type(a, json_type_object) && json_object_is_type(b, json_type_object)) {
		json_object_object_foreach (a, key, value) {
			RH_FREE char *below = rh_xasprintf("%s%s%s", path, *path ? "." : "", key);

			compare_json(below, value, rh_json_get(b, key), c);
		}
		json_object_object_foreach (b, other, unused) {
			(void)unused;
			if (!json_object_object_get_ex(a, other, NULL))
				rh_comparison_add(c, "manifest.json", "%s%s%s is only in the other",
						  path, *path ? "." : "", other);
		}
		return;
	}
	if (json_object_is_type(a, json_type_array) && json_object_is_type(b, json_type_array)) {
		n = json_object_array_length(a);
		m = json_object_array_length(b);
		for (size_t i = 0; n == m && i < n; i++) {
			RH_FREE char *below = rh_xasprintf("%s[%zu]", path, i);

			compare_json(below, json_object_array_get_idx(a, i),
				     json_object_array_get_idx(b, i), c);
		}
	}
	if (n != m)
		rh_comparison_add(c, "manifest.json", "%s: %zu entries against %zu", path, n, m);
	else if (n == 0)
		rh_comparison_add(c, "manifest.json", "%s: %s against %s", path,
				  json_object_to_json_string(a), json_object_to_json_string(b));
}

static int compare_manifests(const char *const dirs[2], struct rh_layout *layout,
			     struct rh_comparison *c, struct rh_err *err)
{
	/* The images' digests differ by what is not bit-identical; other inputs may give the same
	 * pair, and which they are is no property of it. */
	static const char *const aside[] = {"files", "key"};
	struct rh_json *json[2] = {NULL, NULL};
	struct rh_layout other;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		r = rh_manifest_load(dirs[i], &json[i], err);
		if (r == 0)
			r = rh_manifest_layout(json[i], i ? &other : layout, err);
	}
	if (r == 0) {
		struct json_object *a = rh_json_root(json[0]), *b = rh_json_root(json[1]);

		c->other_keys = strcmp(rh_json_str(a, "key", ""), rh_json_str(b, "key", "")) != 0;
		for (size_t i = 0; i < sizeof aside / sizeof *aside; i++) {
			json_object_object_del(a, aside[i]);
			json_object_object_del(b, aside[i]);
		}
		compare_json("", a, b, c);
		if (memcmp(layout, &other, sizeof other) != 0)
			r = 1;
	}
	rh_json_free(&json[0]);
	rh_json_free(&json[1]);
	return r;
}

/* --- images --- */

struct images {
	char *path[2][2]; /* [pair][disk] */
	int fd[2][2];
};

static int open_images(const char *const dirs[2], const struct rh_layout *l, struct images *m,
		       struct rh_err *err)
{
	const uint64_t want = l->disk_sectors * RH_SECTOR;
	struct stat st;

	for (int p = 0; p < 2; p++)
		for (int d = 0; d < 2; d++) {
			char *path = rh_xasprintf("%s/%c.img", dirs[p], "ab"[d]);

			m->path[p][d] = path;
			m->fd[p][d] = open(path, O_RDONLY | O_CLOEXEC);
			if (m->fd[p][d] < 0 || fstat(m->fd[p][d], &st) < 0)
				return rh_err_errno(err, errno, "cannot read %s", path);
			if ((uint64_t)st.st_size != want)
				return rh_err_set(err, EINVAL,
						  "%s has %lld bytes, its manifest says %" PRIu64,
						  path, (long long)st.st_size, want);
		}
	return 0;
}

static void close_images(struct images *m)
{
	for (int p = 0; p < 2; p++)
		for (int d = 0; d < 2; d++) {
			rh_cleanup_close(&m->fd[p][d]);
			free(m->path[p][d]);
		}
}

/* Where the data areas of the arrays differ first; WHICH is NULL when they do not. */
static int compare_data(const struct rh_sides *s, const struct rh_layout *l, const char **which,
			uint64_t *at, struct rh_err *err)
{
	static const enum rh_part parts[] = {RH_PART_BOOT, RH_PART_PV};

	*which = NULL;
	for (size_t i = 0; i < 2; i++) {
		const struct rh_extent *x = &l->data[parts[i]];
		uint64_t from = x->start * RH_SECTOR, to = from + x->count * RH_SECTOR, bytes;
		int r = rh_compare_span(s, from, to, true, at, &bytes, err);

		if (r < 0)
			return r;
		*at -= from;
		if (bytes) {
			*which = i ? "pv" : "boot";
			return 0;
		}
	}
	return 0;
}

static struct rh_sides sides(const struct images *m, int pair1, int disk1, int pair2, int disk2)
{
	return (struct rh_sides){{m->fd[pair1][disk1], m->fd[pair2][disk2]},
				 {m->path[pair1][disk1], m->path[pair2][disk2]}};
}

static int compare_bits(const struct images *m, const struct rh_layout *l, struct rh_comparison *c,
			struct rh_err *err)
{
	const char *which;
	uint64_t at;
	int r = 0;

	for (int d = 0; r == 0 && d < 2; d++) {
		struct rh_sides s = sides(m, 0, d, 1, d);

		r = rh_compare_disk(&s, l, d ? "b" : "a", c, err);
	}
	for (int p = 0; r == 0 && p < 2; p++) {
		struct rh_sides s = sides(m, p, 0, p, 1);

		r = compare_data(&s, l, &which, &at, err);
		if (r < 0 || !which)
			continue;
		rh_comparison_add(c, m->path[p][1],
				  "no copy of disk a: array %s, first at byte %" PRIu64, which, at);
		/* Which half an array reads is not ours to say. */
		set_unread(c, "the two disks of a pair hold different data");
	}
	if (r == 0) {
		struct rh_sides s = sides(m, 0, 0, 1, 0);

		r = compare_data(&s, l, &which, &at, err);
		c->identical = !which;
	}
	return r;
}

/* --- contents --- */

struct reader {
	const char *const *images;
	struct rh_listing list;
	int r;
	struct rh_err err;
};

static void on_fact(void *arg, const char *name, const char *value)
{
	rh_listing_fact(&((struct reader *)arg)->list, name, value);
}

static int on_tree(void *arg, const char *volume, int fd, struct rh_err *err)
{
	return rh_listing_tar(&((struct reader *)arg)->list, volume, fd, err);
}

static void *read_pair(void *arg)
{
	struct reader *r = arg;
	const struct rh_disk_view view = {.arg = r, .fact = on_fact, .tree = on_tree};

	r->r = rh_disk_read(r->images, &view, &r->err);
	if (r->r == 0)
		r->r = rh_listing_finish(&r->list, &r->err);
	return NULL;
}

static int compare_contents(const struct images *m, const char *const dirs[2],
			    struct rh_comparison *c, struct rh_err *err)
{
	struct reader readers[2] = {
	    {.images = (const char *const *)m->path[0]},
	    {.images = (const char *const *)m->path[1]},
	};
	pthread_t thread;
	int r = 0;

	if (pthread_create(&thread, NULL, read_pair, &readers[1]))
		return rh_err_set(err, EAGAIN, "cannot start a thread");
	read_pair(&readers[0]);
	pthread_join(thread, NULL);
	for (int i = 0; r == 0 && i < 2; i++)
		if (readers[i].r < 0) {
			*err = readers[i].err;
			r = rh_err_prefix(err, readers[i].r, "%s", dirs[i]);
		}
	/* With damaged tables or superblocks that is no wonder, and they have been named. */
	if (r == -ENODEV && c->count) {
		set_unread(c, err->text);
		r = 1;
	}
	if (r == 0)
		rh_listing_compare(&readers[0].list, &readers[1].list, c);
	rh_listing_free(&readers[0].list);
	rh_listing_free(&readers[1].list);
	return r < 0 ? r : 0;
}

/* --- all of it --- */

static int compare_images(const char *const dirs[2], const struct rh_layout *l,
			  struct rh_progress *p, struct rh_comparison *c, struct rh_err *err)
{
	struct images m = {.fd = {{-1, -1}, {-1, -1}}};
	int r = open_images(dirs, l, &m, err);

	if (r == 0) {
		rh_progress_begin(p, "bits");
		r = compare_bits(&m, l, c, err);
		rh_progress_end(p, r == 0);
	}
	if (r == 0 && !c->identical && !c->unread) {
		rh_progress_begin(p, "contents");
		r = compare_contents(&m, dirs, c, err);
		rh_progress_end(p, r == 0);
	}
	close_images(&m);
	return r;
}

int rh_compare_pairs(const char *pair, const char *other, struct rh_progress *progress,
		     struct rh_comparison *out, struct rh_err *err)
{
	const char *const dirs[2] = {pair, other};
	struct rh_layout layout;
	int r;

	*out = (struct rh_comparison){0};
	rh_progress_plan(progress, "bits", "tables, boot areas and metadata", 5);
	rh_progress_plan(progress, "contents", "files of both pairs",
			 strcmp(rh_disk_accelerator(), "kvm") ? 90 : 20);
	r = compare_manifests(dirs, &layout, out, err);
	if (r == 0)
		r = compare_images(dirs, &layout, progress, out, err);
	if (r < 0)
		rh_comparison_free(out);
	return r < 0 ? r : 0;
}

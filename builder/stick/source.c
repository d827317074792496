// SPDX-License-Identifier: GPL-2.0-or-later
/* An archive as a source; the contract is in builder/write/source.h. */
#include "builder/stick/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/stick/archive.h"
#include "lib/core/mem.h"
#include "lib/core/proc.h"

struct ticker {
	rh_source_tick *tick;
	void *arg;
	uint64_t total;
};

static int on_frame(void *arg, uint64_t pos, struct rh_err *err)
{
	const struct ticker *t = arg;

	if (rh_interrupted())
		return rh_err_set(err, EINTR, "interrupted");
	if (t->tick)
		t->tick(t->arg, pos, t->total);
	return 0;
}

static int check(struct rh_source *s, rh_source_tick *tick, void *arg, struct rh_err *err)
{
	struct rh_archive *a = s->priv;
	const struct rh_archive_index *x = rh_archive_index(a);
	struct ticker t = {tick, arg, s->size};
	int r = rh_archive_check(a, on_frame, &t, err);

	if (r < 0)
		return r == -EIO ? -EBADMSG : r;
	for (size_t i = 0; i < x->n_data; i++)
		rh_source_add_range(s, x->data[i].at, x->data[i].len);
	for (size_t i = 0; r == 0 && i < x->n_patches; i++)
		r = rh_source_add_patch(s, x->patches[i].at, x->patches[i].data, x->patches[i].len,
					err);
	if (r == 0)
		rh_source_cover(s);
	return r;
}

static int read_a(struct rh_source *s, uint64_t at, void *buf, size_t n, struct rh_err *err)
{
	return rh_archive_read(s->priv, 0, at, buf, n, err);
}

static void close_archive(struct rh_source *s)
{
	struct rh_archive *a = s->priv;

	rh_archive_close(&a);
	s->priv = NULL;
}

static const struct rh_source_ops ops = {check, read_a, close_archive};

int rh_source_archive(const char *path, struct rh_source **out, struct rh_err *err)
{
	struct rh_archive *a = NULL;
	int r = rh_archive_open(path, &a, err);
	struct rh_source *s;

	if (r < 0)
		return r;
	s = rh_xalloc(sizeof *s);
	*s = (struct rh_source){.ops = &ops,
				.priv = a,
				.name = rh_xstrdup(path),
				.recipe = rh_xstrdup(rh_archive_index(a)->recipe),
				.size = rh_archive_header(a)->image_size};
	memcpy(s->sha256, rh_archive_index(a)->sha256, sizeof s->sha256);
	rh_source_id(s);
	*out = s;
	return 0;
}

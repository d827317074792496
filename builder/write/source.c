// SPDX-License-Identifier: GPL-2.0-or-later
/* Ranges and patches of a source; the contract is in source.h. */
#include "builder/write/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/mem.h"

static uint64_t end_of(const struct rh_range *r)
{
	return r->start + r->len;
}

void rh_source_id(struct rh_source *s)
{
	struct rh_digest *d = rh_digest_new();

	rh_digest_part(d, "a", s->sha256[0], strlen(s->sha256[0]));
	rh_digest_part(d, "b", s->sha256[1], strlen(s->sha256[1]));
	rh_digest_final(&d, s->id);
}

void rh_source_add_range(struct rh_source *s, uint64_t start, uint64_t len)
{
	uint64_t end = start + len;
	struct rh_range *last = s->n_ranges ? &s->range[s->n_ranges - 1] : NULL;

	if (len == 0)
		return;
	start -= start % RH_SOURCE_ALIGN;
	end += (RH_SOURCE_ALIGN - end % RH_SOURCE_ALIGN) % RH_SOURCE_ALIGN;
	if (end > s->size)
		end = s->size;
	if (last && start <= end_of(last) + RH_SOURCE_JOIN) {
		if (end > end_of(last))
			last->len = end - last->start;
		return;
	}
	RH_GROW(s->range, s->n_ranges, s->ranges_cap);
	s->range[s->n_ranges++] = (struct rh_range){start, end - start};
}

int rh_source_add_patch(struct rh_source *s, uint64_t at, const void *bytes, size_t len,
			struct rh_err *err)
{
	struct rh_patch *last = s->n_patches ? &s->patch[s->n_patches - 1] : NULL;
	size_t all = len;

	for (size_t i = 0; i < s->n_patches; i++)
		all += s->patch[i].len;
	if (all > RH_PATCH_MAX)
		return rh_err_set(
		    err, E2BIG,
		    "%s: disk b differs from disk a in more than %u MiB: these are not "
		    "the two halves of one pair",
		    s->name, RH_PATCH_MAX >> 20);
	if (last && last->at + last->len == at) {
		last->bytes = rh_xrealloc(last->bytes, last->len + len, 1);
		memcpy(last->bytes + last->len, bytes, len);
		last->len += len;
		return 0;
	}
	RH_GROW(s->patch, s->n_patches, s->patches_cap);
	last = &s->patch[s->n_patches++];
	*last = (struct rh_patch){.at = at, .len = len, .bytes = rh_xalloc(len)};
	memcpy(last->bytes, bytes, len);
	return 0;
}

static int by_start(const void *pa, const void *pb)
{
	const struct rh_range *a = pa, *b = pb;

	return (a->start > b->start) - (a->start < b->start);
}

void rh_source_cover(struct rh_source *s)
{
	size_t n = s->n_ranges + s->n_patches;
	RH_FREE struct rh_range *all = rh_xalloc((n + 1) * sizeof *all);

	if (s->n_ranges)
		memcpy(all, s->range, s->n_ranges * sizeof *all);
	for (size_t i = 0; i < s->n_patches; i++)
		all[s->n_ranges + i] = (struct rh_range){s->patch[i].at, s->patch[i].len};
	qsort(all, n, sizeof *all, by_start);
	s->n_ranges = 0;
	for (size_t i = 0; i < n; i++)
		rh_source_add_range(s, all[i].start, all[i].len);
}

/* Index of the first range that ends after AT. */
static size_t find_range(const struct rh_source *s, uint64_t at)
{
	size_t lo = 0, hi = s->n_ranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (end_of(&s->range[mid]) <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint64_t rh_source_piece(const struct rh_source *s, uint64_t at, uint64_t max, bool *ret_zero)
{
	size_t i = find_range(s, at);
	uint64_t end = s->size;

	if (at >= s->size)
		return 0;
	*ret_zero = true;
	if (i < s->n_ranges) {
		*ret_zero = at < s->range[i].start;
		end = *ret_zero ? s->range[i].start : end_of(&s->range[i]);
	}
	return end - at < max ? end - at : max;
}

/* Index of the first patch that ends after AT. */
static size_t find_patch(const struct rh_source *s, uint64_t at)
{
	size_t lo = 0, hi = s->n_patches;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->patch[mid].at + s->patch[mid].len <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool rh_source_patched(const struct rh_source *s, uint64_t at, uint64_t n)
{
	size_t i = find_patch(s, at);

	return i < s->n_patches && s->patch[i].at < at + n;
}

void rh_source_apply(const struct rh_source *s, uint64_t at, uint8_t *buf, size_t n)
{
	for (size_t i = find_patch(s, at); i < s->n_patches && s->patch[i].at < at + n; i++) {
		const struct rh_patch *p = &s->patch[i];
		uint64_t from = p->at > at ? p->at : at;
		uint64_t end = p->at + p->len < at + n ? p->at + p->len : at + n;

		memcpy(buf + (from - at), p->bytes + (from - p->at), (size_t)(end - from));
	}
}

int rh_source_read(struct rh_source *s, unsigned member, uint64_t at, void *buf, size_t n,
		   struct rh_err *err)
{
	uint8_t *out = buf;
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < n) {
		bool zero;
		uint64_t len = rh_source_piece(s, at + done, n - done, &zero);

		if (len == 0)
			return rh_err_set(err, EINVAL, "%s ends before byte %llu", s->name,
					  (unsigned long long)(at + n));
		if (zero)
			memset(out + done, 0, len);
		else
			r = s->ops->read(s, at + done, out + done, len, err);
		done += len;
	}
	if (r == 0 && member)
		rh_source_apply(s, at, out, n);
	return r;
}

int rh_source_check(struct rh_source *s, rh_source_tick *tick, void *arg, struct rh_err *err)
{
	int r;

	for (size_t i = 0; i < s->n_patches; i++)
		free(s->patch[i].bytes);
	s->n_ranges = s->n_patches = 0;
	s->checked = false;
	r = s->ops->check(s, tick, arg, err);
	s->checked = r == 0;
	return r;
}

void rh_source_free(struct rh_source **sp)
{
	struct rh_source *s = *sp;

	if (!s)
		return;
	if (s->ops)
		s->ops->close(s);
	for (size_t i = 0; i < s->n_patches; i++)
		free(s->patch[i].bytes);
	free(s->patch);
	free(s->range);
	free(s->name);
	free(s->recipe);
	free(s);
	*sp = NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An archive that is open: frames read, unpacked, checked. The contract is in archive.h.
 *
 * One frame is kept unpacked: the writer asks for it in pieces and in order. Zeros cost nothing.
 */
#include "builder/stick/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "lib/core/file.h"
#include "lib/core/mem.h"

struct rh_archive {
	char *path;
	int fd;
	struct rh_archive_header header;
	struct rh_archive_index index;
	ZSTD_DCtx *zstd;
	uint8_t *packed, *plain;
	size_t held; /* the frame that PLAIN holds; SIZE_MAX: none */
};

static int load(struct rh_archive *a, struct rh_err *err)
{
	uint8_t head[RH_ARCHIVE_HEADER];
	RH_FREE char *text = NULL;
	char hex[RH_SHA256_HEX];
	struct rh_digest *d;
	off_t size = lseek(a->fd, 0, SEEK_END);
	int r;

	if (size < 0)
		return rh_err_errno(err, errno, "cannot tell its size");
	r = rh_pread_all(a->fd, head, sizeof head, 0, err);
	if (r == 0)
		r = rh_archive_header_decode(head, (uint64_t)size, &a->header, err);
	if (r < 0)
		return r;
	text = rh_xalloc((size_t)a->header.index_len + 1);
	r = rh_pread_all(a->fd, text, (size_t)a->header.index_len, a->header.index_at, err);
	if (r < 0)
		return r;
	d = rh_digest_new();
	rh_digest_data(d, text, (size_t)a->header.index_len);
	rh_digest_final(&d, hex);
	if (strcmp(hex, a->header.index_sha256) != 0)
		return rh_err_set(err, EIO, "its index is damaged: write the stick anew");
	return rh_archive_index_parse(text, (size_t)a->header.index_len, &a->header, &a->index,
				      err);
}

int rh_archive_open(const char *path, struct rh_archive **out, struct rh_err *err)
{
	struct rh_archive *a = rh_xalloc(sizeof *a);
	int r = 0;

	a->path = rh_xstrdup(path);
	a->held = SIZE_MAX;
	a->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (a->fd < 0)
		r = rh_err_errno(err, errno, "cannot open it");
	if (r == 0)
		r = load(a, err);
	if (r < 0) {
		rh_archive_close(&a);
		return rh_err_prefix(err, r, "%s", path);
	}
	a->zstd = ZSTD_createDCtx();
	a->packed = rh_xalloc(ZSTD_compressBound(a->header.frame_size));
	a->plain = rh_xalloc(a->header.frame_size);
	*out = a;
	return 0;
}

void rh_archive_close(struct rh_archive **ap)
{
	struct rh_archive *a = *ap;

	if (!a)
		return;
	if (a->fd >= 0)
		close(a->fd);
	ZSTD_freeDCtx(a->zstd);
	free(a->packed);
	free(a->plain);
	free(a->path);
	rh_archive_index_free(&a->index);
	free(a);
	*ap = NULL;
}

const struct rh_archive_header *rh_archive_header(const struct rh_archive *a)
{
	return &a->header;
}

const struct rh_archive_index *rh_archive_index(const struct rh_archive *a)
{
	return &a->index;
}

/* Bytes of the image in frame I: the last may be shorter. */
static size_t frame_bytes(const struct rh_archive *a, size_t i)
{
	uint64_t left = a->header.image_size - (uint64_t)i * a->header.frame_size;

	return left < a->header.frame_size ? (size_t)left : a->header.frame_size;
}

static int unpack(struct rh_archive *a, size_t i, struct rh_err *err)
{
	const struct rh_archive_frame *f = &a->index.frames[i];
	const size_t want = frame_bytes(a, i);
	char hex[RH_SHA256_HEX];
	struct rh_digest *d;
	size_t got;
	int r;

	a->held = SIZE_MAX;
	r = rh_pread_all(a->fd, a->packed, f->len, f->at, err);
	if (r < 0)
		return r;
	got = ZSTD_decompressDCtx(a->zstd, a->plain, a->header.frame_size, a->packed, f->len);
	if (ZSTD_isError(got))
		return rh_err_set(err, EIO, "frame %zu is damaged (%s): write the stick anew", i,
				  ZSTD_getErrorName(got));
	d = rh_digest_new();
	rh_digest_data(d, a->plain, got);
	rh_digest_final(&d, hex);
	if (got != want || strcmp(hex, f->sha256) != 0)
		return rh_err_set(err, EIO, "frame %zu is damaged: write the stick anew", i);
	a->held = i;
	return 0;
}

/* Lay over BUF, which has N bytes at AT of disk a, what disk b has instead. */
static void patch(const struct rh_archive *a, uint64_t at, uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < a->index.n_patches; i++) {
		const struct rh_archive_patch *p = &a->index.patches[i];
		uint64_t from = p->at > at ? p->at : at;
		uint64_t to = p->at + p->len < at + n ? p->at + p->len : at + n;

		if (from < to)
			memcpy(buf + (from - at), p->data + (from - p->at), (size_t)(to - from));
	}
}

int rh_archive_read(struct rh_archive *a, unsigned member, uint64_t at, void *buf, size_t n,
		    struct rh_err *err)
{
	uint8_t *p = buf;

	if (at > a->header.image_size || n > a->header.image_size - at)
		return rh_err_set(err, EINVAL, "%s: beyond the end of the image", a->path);
	for (size_t done = 0; done < n;) {
		const size_t i = (size_t)((at + done) / a->header.frame_size);
		const size_t in = (size_t)((at + done) % a->header.frame_size);
		size_t take = frame_bytes(a, i) - in;
		int r = 0;

		if (take > n - done)
			take = n - done;
		if (a->index.frames[i].zero)
			memset(p + done, 0, take);
		else if (a->held != i)
			r = unpack(a, i, err);
		if (r < 0)
			return rh_err_prefix(err, r, "%s", a->path);
		if (!a->index.frames[i].zero)
			memcpy(p + done, a->plain + in, take);
		done += take;
	}
	if (member == 1)
		patch(a, at, buf, n);
	return 0;
}

int rh_archive_check(struct rh_archive *a, int (*tick)(void *arg, uint64_t pos, struct rh_err *err),
		     void *arg, struct rh_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->index.n_frames; i++) {
		if (!a->index.frames[i].zero)
			r = rh_err_prefix(err, unpack(a, i, err), "%s", a->path);
		if (r == 0 && tick)
			r = tick(arg, (uint64_t)i * a->header.frame_size + frame_bytes(a, i), err);
	}
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writing an archive; the contract is in pack.h.
 *
 * Frames are independent, so each processor packs one; they are appended in order: a thread that
 * has finished frame I waits for its turn. What the images' files have as holes is not read, and
 * what they have as data but is zero counts as a hole: so the result follows from the bytes alone.
 */
#include "builder/stick/pack.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "builder/stick/archive.h"
#include "lib/core/file.h"
#include "lib/core/mem.h"
#include "lib/core/proc.h"

#define MAX_THREADS   8
#define LEVEL	      9
#define SEEK_MAGIC    0x8F92EAB1u /* zstd's contrib/seekable_format, version 0.1 */
#define SEEK_SKIP     0x184D2A5Eu
#define SKIP_HEAD_LEN 8

struct packer {
	const struct rh_pack *job;
	int in[2], out;
	uint64_t base, at; /* AT: where the next bytes go, from BASE */
	uint64_t size;
	size_t n, next, turn; /* frames in all, to be taken, to be appended */
	struct rh_archive_index index;
	struct rh_str table; /* of seekable zstd: two numbers for every frame */
	uint64_t patched;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int r;
	struct rh_err err;
};

/* One frame on its way, the buffers are a thread's own. */
struct frame {
	size_t i, len, packed_len;
	uint8_t *a, *b, *packed;
	bool zero;
	char sha256[RH_SHA256_HEX];
};

/* --- the images --- */

/* Has the file any data in the range, as far as it knows? */
static int has_data(int fd, uint64_t at, size_t len, bool *yes, struct rh_err *err)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	if (data < 0 && errno != ENXIO)
		return rh_err_errno(err, errno, "cannot find its data");
	*yes = data >= 0 && (uint64_t)data < at + len;
	return 0;
}

static int read_range(int fd, uint64_t at, uint8_t *buf, size_t len, bool *some, struct rh_err *err)
{
	int r = has_data(fd, at, len, some, err);

	if (r == 0 && *some)
		return rh_pread_all(fd, buf, len, at, err);
	if (r == 0)
		memset(buf, 0, len);
	return r;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static int load(struct packer *p, struct frame *f, struct rh_err *err)
{
	uint64_t at = (uint64_t)f->i * RH_ARCHIVE_FRAME;
	uint8_t *buf[2] = {f->a, f->b};
	bool some[2];

	f->len = p->size - at < RH_ARCHIVE_FRAME ? (size_t)(p->size - at) : RH_ARCHIVE_FRAME;
	for (int k = 0; k < 2; k++) {
		int r = read_range(p->in[k], at, buf[k], f->len, &some[k], err);

		if (r < 0)
			return rh_err_prefix(err, r, "%s", p->job->image[k]);
	}
	f->zero = (!some[0] || all_zero(f->a, f->len)) && (!some[1] || all_zero(f->b, f->len));
	return 0;
}

static int squeeze(struct packer *p, struct frame *f, ZSTD_CCtx *zstd, struct rh_err *err)
{
	struct rh_digest *d;
	size_t got;
	int r = load(p, f, err);

	if (r < 0)
		return r;
	got = ZSTD_compress2(zstd, f->packed, ZSTD_compressBound(RH_ARCHIVE_FRAME), f->a, f->len);
	if (ZSTD_isError(got))
		return rh_err_set(err, ENOMEM, "zstd: %s", ZSTD_getErrorName(got));
	f->packed_len = got;
	if (f->zero)
		return 0;
	d = rh_digest_new();
	rh_digest_data(d, f->a, f->len);
	rh_digest_final(&d, f->sha256);
	return 0;
}

/* --- in order, under the lock --- */

static int put(struct packer *p, const void *data, size_t n, struct rh_err *err)
{
	int r = rh_pwrite_all(p->out, data, n, p->base + p->at, err);

	if (r == 0)
		p->at += n;
	return rh_err_prefix(err, r, "the archive");
}

static void put32(struct rh_str *s, uint32_t n)
{
	uint32_t le = htole32(n);

	rh_str_addn(s, &le, sizeof le);
}

static void count_frame(struct packer *p, size_t packed, size_t plain)
{
	put32(&p->table, (uint32_t)packed);
	put32(&p->table, (uint32_t)plain);
}

static void note_data(struct packer *p, const struct frame *f)
{
	struct rh_archive_index *x = &p->index;

	for (size_t in = 0; in < f->len; in += RH_ARCHIVE_BLOCK) {
		size_t len = f->len - in < RH_ARCHIVE_BLOCK ? f->len - in : RH_ARCHIVE_BLOCK;
		uint64_t at = (uint64_t)f->i * RH_ARCHIVE_FRAME + in;
		struct rh_archive_extent *last = x->n_data ? &x->data[x->n_data - 1] : NULL;

		if (all_zero(f->a + in, len) && all_zero(f->b + in, len))
			continue;
		if (last && last->at + last->len == at) {
			last->len += len;
			continue;
		}
		(void)RH_GROW(x->data, x->n_data, x->cap_data);
		x->data[x->n_data++] = (struct rh_archive_extent){at, len};
	}
}

static int note_patches(struct packer *p, const struct frame *f, struct rh_err *err)
{
	struct rh_archive_index *x = &p->index;

	for (size_t in = 0; in < f->len; in += RH_ARCHIVE_SECTOR) {
		struct rh_archive_patch *one;

		if (memcmp(f->a + in, f->b + in, RH_ARCHIVE_SECTOR) == 0)
			continue;
		p->patched += RH_ARCHIVE_SECTOR;
		if (p->patched > RH_ARCHIVE_PATCH_MAX)
			return rh_err_set(err, EINVAL,
					  "%s and %s differ in more than %u KiB: they are not the "
					  "two disks of one pair",
					  p->job->image[0], p->job->image[1],
					  RH_ARCHIVE_PATCH_MAX >> 10);
		(void)RH_GROW(x->patches, x->n_patches, x->cap_patches);
		one = &x->patches[x->n_patches++];
		*one = (struct rh_archive_patch){(uint64_t)f->i * RH_ARCHIVE_FRAME + in,
						 RH_ARCHIVE_SECTOR, rh_xalloc(RH_ARCHIVE_SECTOR)};
		memcpy(one->data, f->b + in, RH_ARCHIVE_SECTOR);
	}
	return 0;
}

static int append(struct packer *p, const struct frame *f, struct rh_err *err)
{
	struct rh_archive_index *x = &p->index;
	struct rh_archive_frame *one;
	int r = put(p, f->packed, f->packed_len, err);

	if (r < 0)
		return r;
	(void)RH_GROW(x->frames, x->n_frames, x->cap_frames);
	one = &x->frames[x->n_frames++];
	*one = (struct rh_archive_frame){.len = (uint32_t)f->packed_len, .zero = f->zero};
	if (!f->zero)
		memcpy(one->sha256, f->sha256, sizeof one->sha256);
	count_frame(p, f->packed_len, f->len);
	if (!f->zero)
		note_data(p, f);
	if (memcmp(f->a, f->b, f->len) != 0)
		r = note_patches(p, f, err);
	if (p->job->tick)
		p->job->tick(p->job->arg, (uint64_t)f->i * RH_ARCHIVE_FRAME + f->len, p->size);
	return r;
}

/* --- threads --- */

/* The next frame to be packed; false when there is none, or all is to end. */
static bool take(struct packer *p, size_t *i)
{
	bool more;

	pthread_mutex_lock(&p->lock);
	if (p->r == 0 && rh_interrupted())
		p->r = rh_err_set(&p->err, EINTR, "interrupted");
	more = p->r == 0 && p->next < p->n;
	if (more)
		*i = p->next++;
	pthread_mutex_unlock(&p->lock);
	return more;
}

static void finish(struct packer *p, const struct frame *f, int r, const struct rh_err *err)
{
	pthread_mutex_lock(&p->lock);
	while (r == 0 && p->r == 0 && p->turn != f->i)
		pthread_cond_wait(&p->moved, &p->lock);
	if (r < 0 && p->r == 0) {
		p->r = r;
		p->err = *err;
	} else if (p->r == 0) {
		p->r = append(p, f, &p->err);
	}
	p->turn++;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
	struct packer *p = arg;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	struct frame f = {.a = rh_xalloc(RH_ARCHIVE_FRAME),
			  .b = rh_xalloc(RH_ARCHIVE_FRAME),
			  .packed = rh_xalloc(ZSTD_compressBound(RH_ARCHIVE_FRAME))};
	struct rh_err err = {""};

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel,
			       p->job->level ? p->job->level : LEVEL);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
	while (take(p, &f.i)) {
		int r = squeeze(p, &f, zstd, &err);

		finish(p, &f, r, &err);
	}
	ZSTD_freeCCtx(zstd);
	free(f.a);
	free(f.b);
	free(f.packed);
	return NULL;
}

static int run_threads(struct packer *p, struct rh_err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[MAX_THREADS];
	int want = cpus < 1 ? 1 : cpus > MAX_THREADS ? MAX_THREADS : (int)cpus, n = 0, code = 0;

	while (n < want && (code = pthread_create(&threads[n], NULL, work, p)) == 0)
		n++;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (n == 0)
		return rh_err_errno(err, code, "cannot start a thread");
	if (p->r < 0)
		*err = p->err;
	return p->r;
}

/* --- what comes after the frames --- */

static int put_skippable(struct packer *p, uint32_t magic, const void *data, size_t n,
			 struct rh_err *err)
{
	uint32_t head[2] = {htole32(magic), htole32((uint32_t)n)};
	int r = put(p, head, sizeof head, err);

	return r < 0 ? r : put(p, data, n, err);
}

/* So many zeros that the seek table after them ends at a multiple of RH_ARCHIVE_ALIGN. */
static int put_padding(struct packer *p, struct rh_err *err)
{
	/* The table counts this frame too; head, 9 bytes of foot. */
	uint64_t table = SKIP_HEAD_LEN + p->table.len + 8 + 9;
	uint64_t used = (p->at + SKIP_HEAD_LEN + table) % RH_ARCHIVE_ALIGN;
	size_t n = used ? (size_t)(RH_ARCHIVE_ALIGN - used) : 0;
	RH_FREE uint8_t *zeros = rh_xalloc(n + 1);
	int r = put_skippable(p, RH_ARCHIVE_SKIP_PAD, zeros, n, err);

	count_frame(p, SKIP_HEAD_LEN + n, 0);
	return r;
}

static int put_table(struct packer *p, struct rh_err *err)
{
	uint32_t frames = (uint32_t)(p->table.len / 8);

	put32(&p->table, frames);
	rh_str_addc(&p->table, '\0'); /* no checksums: zstd's frames have their own */
	put32(&p->table, SEEK_MAGIC);
	return put_skippable(p, SEEK_SKIP, p->table.data, p->table.len, err);
}

static int put_end(struct packer *p, struct rh_archive_header *h, struct rh_err *err)
{
	RH_FREE char *text = NULL;
	struct rh_digest *d;
	size_t len;
	int r =
	    rh_archive_index_text(&p->index, p->job->manifest, p->job->manifest_len, &text, err);

	if (r < 0)
		return r;
	len = strlen(text);
	h->index_at = p->at + SKIP_HEAD_LEN;
	h->index_len = len;
	d = rh_digest_new();
	rh_digest_data(d, text, len);
	rh_digest_final(&d, h->index_sha256);
	r = put_skippable(p, RH_ARCHIVE_SKIP_INDEX, text, len, err);
	count_frame(p, SKIP_HEAD_LEN + len, 0);
	if (r == 0)
		r = put_padding(p, err);
	if (r == 0)
		r = put_table(p, err);
	h->length = p->at;
	return r;
}

static int pack(struct packer *p, struct rh_err *err)
{
	struct rh_archive_header h = {.frame_size = RH_ARCHIVE_FRAME, .image_size = p->size};
	uint8_t head[RH_ARCHIVE_HEADER] = {0};
	int r = put(p, head, sizeof head, err);

	count_frame(p, RH_ARCHIVE_HEADER, 0);
	if (r == 0)
		r = run_threads(p, err);
	if (r == 0)
		r = put_end(p, &h, err);
	if (r == 0 && fdatasync(p->out) < 0)
		r = rh_err_errno(err, errno, "cannot write the archive");
	if (r < 0)
		return r;
	rh_archive_header_encode(&h, head);
	p->at = 0;
	r = put(p, head, sizeof head, err);
	p->at = h.length;
	return r;
}

static int open_images(struct packer *p, struct rh_err *err)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		p->in[i] = open(p->job->image[i], O_RDONLY | O_CLOEXEC);
		if (p->in[i] < 0 || fstat(p->in[i], &st[i]) < 0)
			return rh_err_errno(err, errno, "cannot open %s", p->job->image[i]);
	}
	p->size = (uint64_t)st[0].st_size;
	if (st[0].st_size != st[1].st_size || !p->size || p->size % RH_ARCHIVE_SECTOR)
		return rh_err_set(err, EINVAL,
				  "%s and %s are not of one size in whole sectors: not a pair",
				  p->job->image[0], p->job->image[1]);
	p->n = (size_t)((p->size + RH_ARCHIVE_FRAME - 1) / RH_ARCHIVE_FRAME);
	return 0;
}

int rh_pack(const struct rh_pack *job, int fd, uint64_t base, uint64_t *length, struct rh_err *err)
{
	struct packer p = {.job = job, .in = {-1, -1}, .out = fd, .base = base};
	int r;

	p.index.recipe = rh_xstrdup(job->recipe);
	p.index.key = rh_xstrdup(job->key);
	memcpy(p.index.sha256, job->sha256, sizeof p.index.sha256);
	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.moved, NULL);
	r = open_images(&p, err);
	if (r == 0)
		r = pack(&p, err);
	if (r == 0 && ftruncate(fd, (off_t)(base + p.at)) < 0)
		r = rh_err_errno(err, errno, "cannot write the archive");
	if (r == 0)
		*length = p.at;
	for (int i = 0; i < 2; i++)
		if (p.in[i] >= 0)
			close(p.in[i]);
	pthread_mutex_destroy(&p.lock);
	pthread_cond_destroy(&p.moved);
	rh_archive_index_free(&p.index);
	rh_str_free(&p.table);
	return r;
}

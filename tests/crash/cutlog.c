// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The model of a disk whose power is cut. See cutlog.h.
 *
 * What ATA promises, and what it does not. A drive answers a write when the data is in its cache.
 * It is on the medium for certain only when a FLUSH CACHE that began after the answer has ended, or
 * when the write itself carried FUA. Until then the drive may write it at any time, in any order,
 * or never; and it writes physical sectors, not requests. So after a cut, for each sector written
 * since the last flush, any of its contents since then, or the one at the flush, may be found; and
 * nothing that was flushed may be gone. That is all a filesystem, md or we ourselves may rely on.
 *
 * The choice. Each write request since the flush is kept, lost, or torn (some of its units of TEAR
 * bytes are kept: half of the time a prefix, else any). Since a kept older write shows again where
 * a newer one is lost, every reordering is covered: its result is that of some subset in the
 * original order. How much is kept differs from disk to disk and from seed to seed, from nothing to
 * nearly all: that one member of a mirror has everything and the other nothing is the interesting
 * case. The decisions are a function of seed, disk, number of the request, and sector, and of
 * nothing else: the same seed and the same writes give the same medium, whatever the timing.
 *
 * Durable writes in the middle. A FUA write does not flush the others, but settles its own sectors:
 * no older write can show there again. The same is done when the cache is full: a drive then writes
 * something by itself, here one entry chosen by the seed.
 *
 * What is not modelled: a sector that cannot be read after the cut, a torn write within a unit, a
 * drive that lies about FLUSH, and damage to sectors that nobody wrote.
 *
 * Flush and writes in flight: a write that had not been answered when the flush began need not be
 * covered by it. The plugin takes one request at a time, so each write is answered before
 * the flush is read, or comes after it. (Nothing that runs on AHCI could depend on more: FLUSH
 * CACHE is not a queued command, and the kernel drains the queue first.)
 *
 * Invariant: entry.old is the content just before that write. Taking writes back from the newest to
 * the oldest, each sector passes through its earlier contents until a kept write settles it.
 */
#include "tests/crash/cutlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1u << 20) /* most bytes of old content in one entry */

struct cut_entry {
	uint64_t seq, offset, len;
	uint64_t req_offset, req_len; /* of the whole request */
	unsigned char *old;	      /* NULL: zeros */
	bool durable;
};

/* splitmix64: good enough to decide, and the same everywhere. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t z = (a ^ (b * 0xbf58476d1ce4e5b9u)) + 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t cut_disk_seed(uint64_t seed, unsigned index)
{
	return mix(mix(0x72656d6f7665u, seed), index + 1);
}

int cut_disk_open(struct cut_disk *d, const char *path)
{
	struct stat st;

	d->fd = open(path, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 || fstat(d->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size % CUT_SECTOR)
		return -EINVAL;
	d->size = (uint64_t)st.st_size;
	return 0;
}

static void forget(struct cut_disk *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->log[i].old);
	d->n = 0;
	d->held = 0;
}

void cut_disk_close(struct cut_disk *d)
{
	forget(d);
	free(d->log);
	d->log = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/* All N bytes, or a negative errno: the file is never shorter than the disk. */
static int read_all(int fd, unsigned char *buf, size_t n, uint64_t offset)
{
	while (n) {
		ssize_t k = pread(fd, buf, n, (off_t)offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		buf += k;
		n -= (size_t)k;
		offset += (size_t)k;
	}
	return 0;
}

/* DATA NULL: a hole. */
static int put(int fd, const unsigned char *data, uint64_t n, uint64_t offset)
{
	if (!data)
		return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
				 (off_t)n) < 0
			   ? -errno
			   : 0;
	while (n) {
		ssize_t k = pwrite(fd, data, n, (off_t)offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		data += k;
		n -= (size_t)k;
		offset += (size_t)k;
	}
	return 0;
}

int cut_disk_read(struct cut_disk *d, void *buf, size_t n, uint64_t offset)
{
	return read_all(d->fd, buf, n, offset);
}

static struct cut_entry *new_entry(struct cut_disk *d)
{
	if (d->n == d->room) {
		size_t room = d->room ? 2 * d->room : 1024;
		struct cut_entry *log = reallocarray(d->log, room, sizeof *log);

		if (!log)
			return NULL;
		d->log = log;
		d->room = room;
	}
	d->log[d->n] = (struct cut_entry){0};
	return &d->log[d->n++];
}

/* Note the content of [OFFSET, +LEN) before request REQ changes it; holes stay holes. */
static int remember(struct cut_disk *d, const struct cut_entry *req)
{
	uint64_t at = req->offset, end = req->offset + req->len;

	while (at < end) {
		off_t data = lseek(d->fd, (off_t)at, SEEK_DATA);
		uint64_t next = data < 0 ? end : (uint64_t)data & ~(uint64_t)(CUT_SECTOR - 1);
		struct cut_entry *e = new_entry(d);
		int r;

		if (!e)
			return -ENOMEM;
		*e = *req;
		e->offset = at;
		if (next > at) {
			e->len = (next < end ? next : end) - at;
		} else {
			e->len = end - at < CHUNK ? end - at : CHUNK;
			e->old = malloc(e->len);
			r = e->old ? read_all(d->fd, e->old, e->len, at) : -ENOMEM;
			if (r < 0)
				return r;
		}
		at += e->len;
	}
	d->held += req->len;
	return 0;
}

/* The cache is full: some entry becomes durable. */
static void evict(struct cut_disk *d)
{
	while (d->held > d->cache_max) {
		size_t i = mix(d->seed ^ 0xcac4e, d->writes + d->evicted) % d->n;

		while (d->log[i].durable)
			i = (i + 1) % d->n;
		d->log[i].durable = true;
		free(d->log[i].old);
		d->log[i].old = NULL;
		d->held -= d->log[i].len;
		d->evicted++;
	}
}

/* A resync writes gigabytes of zeros; they need not cost space. */
static bool all_zero(const unsigned char *data, uint64_t n)
{
	return n > 0 && !data[0] && memcmp(data, data + 1, n - 1) == 0;
}

int cut_disk_write(struct cut_disk *d, const void *data, uint64_t n, uint64_t offset, bool fua)
{
	struct cut_entry req = {
	    .seq = d->writes + 1,
	    .offset = offset,
	    .len = n,
	    .req_offset = offset,
	    .req_len = n,
	    .durable = fua,
	};
	struct cut_entry *e;
	int r;

	if (n % CUT_SECTOR || offset % CUT_SECTOR)
		return -EINVAL;
	if (offset > d->size || n > d->size - offset)
		return -ENOSPC;
	d->writes++;
	if (data && all_zero(data, n))
		data = NULL;
	if (!fua) {
		r = remember(d, &req);
		if (r < 0)
			return r;
		evict(d);
	} else {
		d->fuas++;
		if (d->n) {
			e = new_entry(d);
			if (!e)
				return -ENOMEM;
			*e = req;
		}
	}
	return put(d->fd, data, n, offset);
}

void cut_disk_flush(struct cut_disk *d)
{
	d->flushes++;
	forget(d);
}

enum fate { LOST, KEPT, TORN };

static enum fate fate_of(const struct cut_disk *d, const struct cut_entry *e)
{
	static const unsigned keep_of_16[] = {0, 4, 8, 12, 15};
	unsigned keep = keep_of_16[mix(d->seed, 0) % 5];
	uint64_t h = mix(d->seed, e->seq);

	if (e->req_len > d->tear && (h >> 32) % 8 == 0)
		return TORN;
	return h % 16 < keep ? KEPT : LOST;
}

/* Of a torn request: is the unit at OFFSET on the medium? */
static bool unit_kept(const struct cut_disk *d, const struct cut_entry *e, uint64_t offset)
{
	uint64_t h = mix(d->seed ^ 0x7ea4, e->seq), first = e->req_offset / d->tear;
	uint64_t units = (e->req_offset + e->req_len - 1) / d->tear - first + 1;

	if (h & 1)
		return offset / d->tear - first < (h >> 1) % units;
	return mix(h, offset / d->tear) & 1;
}

static bool kept(const struct cut_disk *d, const struct cut_entry *e, enum fate fate,
		 uint64_t offset)
{
	return e->durable || fate == KEPT || (fate == TORN && unit_kept(d, e, offset));
}

static int take_back(struct cut_disk *d, const struct cut_entry *e, enum fate fate,
		     unsigned char *settled)
{
	uint64_t end = e->offset + e->len, run = 0;
	int r = 0;

	/* one step beyond the end closes the last run */
	for (uint64_t at = e->offset; at <= end && r == 0; at += CUT_SECTOR) {
		uint64_t s = at / CUT_SECTOR;
		bool lose = at < end && !(settled[s / 8] >> s % 8 & 1);

		if (lose && kept(d, e, fate, at)) {
			settled[s / 8] |= (unsigned char)(1u << s % 8);
			lose = false;
		}
		if (lose) {
			run += CUT_SECTOR;
		} else if (run) {
			r = put(d->fd, e->old ? e->old + (at - run - e->offset) : NULL, run,
				at - run);
			d->sectors_lost += run / CUT_SECTOR;
			run = 0;
		}
	}
	return r;
}

int cut_disk_power_off(struct cut_disk *d)
{
	unsigned char *settled = calloc(1, d->size / CUT_SECTOR / 8 + 1);
	uint64_t last = 0;
	int r = settled ? 0 : -ENOMEM;

	for (size_t i = d->n; i-- > 0 && r == 0;) {
		const struct cut_entry *e = &d->log[i];
		enum fate fate = fate_of(d, e);

		r = take_back(d, e, fate, settled);
		if (e->durable || e->seq == last)
			continue;
		last = e->seq;
		d->pending++;
		d->kept += fate == KEPT;
		d->lost += fate == LOST;
		d->torn += fate == TORN;
	}
	free(settled);
	forget(d);
	return r;
}

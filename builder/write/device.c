// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transfers to and from one disk.
 *
 * Past the page cache (O_DIRECT), so that a write that returns has reached the disk, an error has
 * its place, and what is read back comes from the disk. A transfer of 2 MiB that fails is tried
 * again in small parts, only to name the first byte that cannot be written; the disk has failed
 * all the same.
 *
 * Zeros: BLKZEROOUT promises that the range reads as zeros, and lets a drive do it by itself.
 * Drives and adapters have been known to lie, so the first range that is done so is read back; one
 * byte other than zero, and zeros are written on this disk from then on. Discard promises nothing
 * and is not used.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "builder/write/engine_p.h"

#define SMALL 4096u

uint8_t *rh_buffer(size_t n)
{
	void *p = NULL;

	if (posix_memalign(&p, 4096, n) != 0)
		abort(); /* as the x-functions do */
	return p;
}

void rh_device_direct(const struct rh_disk *d)
{
	int flags = fcntl(d->fd, F_GETFL);

	/* What the cache has is old, or was read while looking at the disk. */
	ioctl(d->fd, BLKFLSBUF, 0);
	posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (flags >= 0)
		fcntl(d->fd, F_SETFL, flags | O_DIRECT);
}

int rh_target_fail(struct rh_target *t, int code, uint64_t at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	t->error = -code;
	t->error_at = at;
	rh_err_set(&t->text, code, "disk %c, serial %s (%s): %s", 'a' + (int)t->member,
		   t->disk->serial, t->disk->node, text);
	return -code;
}

static bool gone(const struct rh_disk *d)
{
	uint64_t size = 0;

	return ioctl(d->fd, BLKGETSIZE64, &size) < 0 || size == 0;
}

static int fail(struct rh_device *v, int code, uint64_t at, const char *what)
{
	struct rh_target *t = v->target;
	unsigned long long byte = at;

	if (code == ENXIO || code == ENODEV || code == ENOMEDIUM || (code == EIO && gone(t->disk)))
		return rh_target_fail(t, code, at,
				      "the disk is gone at byte %llu: look at its cable", byte);
	if (code == ENOSPC)
		return rh_target_fail(t, code, at,
				      "the disk ends at byte %llu, before its own size", byte);
	return rh_target_fail(t, code, at, "cannot %s at byte %llu: %s", what, byte,
			      strerror(code));
}

/* One transfer without resuming: bytes done, or a negative errno. */
static ssize_t once(const struct rh_disk *d, bool write, uint64_t at, void *buf, size_t n)
{
	ssize_t r;

	do
		r = write ? pwrite(d->fd, buf, n, (off_t)at) : pread(d->fd, buf, n, (off_t)at);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ENOSPC : r;
}

/* The first small part of a failed transfer that fails by itself. */
static uint64_t locate(const struct rh_disk *d, bool write, uint64_t at, uint8_t *buf, size_t n,
		       int *code)
{
	for (size_t step = 64 * 1024, i = 0; i < n; i += step) {
		size_t len = n - i < step ? n - i : step;
		ssize_t r = once(d, write, at + i, buf + i, len);

		if (r == (ssize_t)len)
			continue;
		if (step > SMALL) {
			step = SMALL; /* once more over this part, finer */
			i -= step;
			continue;
		}
		if (r < 0)
			*code = (int)-r;
		return at + i;
	}
	return at;
}

static int transfer(struct rh_device *v, bool write, uint64_t at, uint8_t *buf, size_t n)
{
	struct rh_disk *d = v->target->disk;

	while (n > 0) {
		ssize_t r = once(d, write, at, buf, n);
		int code;

		if (r < 0) {
			code = (int)-r;
			at = locate(d, write, at, buf, n, &code);
			return fail(v, code, at, write ? "write" : "read");
		}
		at += (uint64_t)r;
		buf += r;
		n -= (size_t)r;
	}
	return 0;
}

int rh_device_write(struct rh_device *v, uint64_t at, const void *buf, size_t n)
{
	return transfer(v, true, at, (uint8_t *)(uintptr_t)buf, n);
}

int rh_device_read(struct rh_device *v, uint64_t at, void *buf, size_t n)
{
	return transfer(v, false, at, buf, n);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Does the range read as zeros, at both ends and in the middle? */
static int reads_zero(struct rh_device *v, uint64_t at, uint64_t n, bool *ret)
{
	size_t len = n < RH_WRITE_CHUNK ? (size_t)n : RH_WRITE_CHUNK;
	uint64_t places[3] = {at, at + (n - len) / 2 / SMALL * SMALL, at + n - len};
	uint8_t *buf = rh_buffer(RH_WRITE_CHUNK);
	int r = 0;

	*ret = true;
	for (int i = 0; r == 0 && i < 3; i++) {
		r = rh_device_read(v, places[i], buf, len);
		*ret = *ret && r == 0 && all_zero(buf, len);
	}
	free(buf);
	return r;
}

int rh_device_zero(struct rh_device *v, uint64_t at, uint64_t n)
{
	int r = 0;

	if (!v->no_zeroout && n >= SMALL) {
		uint64_t range[2] = {at, n};

		if (ioctl(v->target->disk->fd, BLKZEROOUT, range) < 0) {
			/* Not known, or an error: writing will tell which, and where. */
			v->no_zeroout = true;
		} else if (!v->zeroout_checked) {
			bool zero;

			r = reads_zero(v, at, n, &zero);
			v->zeroout_checked = true;
			v->no_zeroout = !zero;
		}
		if (r < 0 || !v->no_zeroout) {
			v->used_zeroout = r == 0;
			return r;
		}
	}
	while (r == 0 && n > 0) {
		size_t len = n < RH_WRITE_CHUNK ? (size_t)n : RH_WRITE_CHUNK;

		r = rh_device_write(v, at, v->zeros, len);
		at += len;
		n -= len;
	}
	return r;
}

int rh_device_flush(struct rh_device *v, uint64_t at)
{
	int r;

	do
		r = fsync(v->target->disk->fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? fail(v, errno, at, "flush what was written up to there,") : 0;
}

int rh_device_compare(struct rh_device *v, uint64_t at, const uint8_t *buf, uint8_t *scratch,
		      size_t n)
{
	int r = rh_device_read(v, at, scratch, n);

	if (r < 0 || memcmp(buf, scratch, n) == 0)
		return r;
	for (size_t i = 0;; i++)
		if (buf[i] != scratch[i])
			return rh_target_fail(
			    v->target, EILSEQ, at + i,
			    "differs from the pair at byte %llu: the disk has %02x, "
			    "the pair %02x",
			    (unsigned long long)(at + i), scratch[i], buf[i]);
}

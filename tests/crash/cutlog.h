/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk with a volatile write cache, kept in a file: what may be lost when the power goes.
 *
 * The file always holds what a reader sees, the cache's newest content included. Beside it a log in
 * memory holds, for each write since the last flush, what stood there before; a power cut takes a
 * seeded choice of those writes back. The model is in cutlog.c.
 *
 * Not thread-safe: one caller at a time for each disk. Functions return 0 or a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUT_SECTOR 512u

struct cut_entry;

struct cut_disk {
	int fd;
	uint64_t size;	    /* bytes, a multiple of CUT_SECTOR */
	uint64_t seed;	    /* of this disk: cut_disk_seed() */
	unsigned tear;	    /* what the medium writes as one: 512 or 4096 bytes */
	uint64_t cache_max; /* bytes that the cache holds before it writes some by itself */
	struct cut_entry *log;
	size_t n, room;
	uint64_t held; /* bytes of writes in the log that are not durable yet */
	/* what happened */
	uint64_t writes, flushes, fuas, evicted;
	/* what the cut did: requests pending at the time, and their fate; sectors taken back */
	uint64_t pending, kept, lost, torn, sectors_lost;
};

/* Opens PATH, which stays the disk's content. cut_disk_close() also after a failure. */
int cut_disk_open(struct cut_disk *d, const char *path);
void cut_disk_close(struct cut_disk *d);

/* The seed of disk number INDEX in a run with SEED. */
uint64_t cut_disk_seed(uint64_t seed, unsigned index);

int cut_disk_read(struct cut_disk *d, void *buf, size_t n, uint64_t offset);
/* One write request; DATA NULL: zeros (a hole in the file). FUA: durable when this returns.
 * N and OFFSET are multiples of CUT_SECTOR, or it is -EINVAL. */
int cut_disk_write(struct cut_disk *d, const void *data, uint64_t n, uint64_t offset, bool fua);
/* All writes before are durable now. */
void cut_disk_flush(struct cut_disk *d);
/* The power goes: the file becomes what the medium holds. */
int cut_disk_power_off(struct cut_disk *d);

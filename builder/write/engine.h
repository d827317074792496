/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Write a pair onto two disks, read it back, go on after a cut.
 *
 * The order, and why it is safe, is told at the top of engine.c. The engine prints nothing; it
 * calls back from the thread that called it. Memory: RH_WRITE_RING chunks and one more a disk,
 * 24 MiB, and the source's own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "builder/write/probe.h"
#include "builder/write/source.h"
#include "lib/core/err.h"

#define RH_WRITE_CHUNK (2u << 20) /* bytes of a transfer */
#define RH_WRITE_RING  8
#define RH_WRITE_HELD  (1u << 20) /* bytes at each end of the image that are written last */
#define RH_WRITE_TAIL  (4u << 20) /* bytes at the end of the disk that are cleared first */
#define RH_WRITE_CHECKPOINT                                                  \
	(256u << 20) /* bytes between two flushes of which the place is kept \
		      */

enum rh_write_phase { RH_WRITE_CHECK, RH_WRITE_DATA, RH_WRITE_VERIFY };

struct rh_target {
	struct rh_disk *disk; /* its fd is open */
	unsigned member;      /* 0: a, 1: b */
	/* Results. */
	uint64_t from;	    /* bytes that an earlier run had written already */
	uint64_t done;	    /* bytes written, or compared, so far */
	uint64_t kept;	    /* bytes that a run which goes on need not write again */
	bool bootable;	    /* the partition table is on it */
	int error;	    /* negative errno of this disk, 0: none */
	uint64_t error_at;  /* byte */
	struct rh_err text; /* serial, offset and cause */
};

struct rh_write {
	struct rh_source *source;
	struct rh_target target[2];
	unsigned n;	       /* targets */
	const char *state_dir; /* where the places reached are kept; NULL: nowhere */
	uint64_t checkpoint;   /* 0: RH_WRITE_CHECKPOINT */
	bool restart;	       /* do not go on where a run before this one was cut */
	/* Callbacks; may be NULL. */
	void (*progress)(void *arg, enum rh_write_phase phase, uint64_t pos, uint64_t total);
	void (*say)(void *arg, const char *line); /* what was decided or cleared */
	void *arg;
	double seconds[3];     /* result: of each phase */
	bool zeroed_by_device; /* result: holes were zeroed by BLKZEROOUT */
};

/*
 * Check the source, unless it is checked already, and write it. On failure the text tells of each
 * disk where it stands; -EINTR when interrupted, -EBADMSG when the source is damaged (then nothing
 * was written).
 */
RH_CHECKED int rh_write_run(struct rh_write *w, struct rh_err *err);
/* Read both disks and compare every byte with the source; -EILSEQ when one differs. Writes nothing
 * to the disks; the source must be checked. Also proves that the bytes compared are those of the
 * checksum. */
RH_CHECKED int rh_write_verify(struct rh_write *w, struct rh_err *err);
/* Which member is on the disk, by its first MiB: 0, 1, or -ENOENT when neither. */
RH_CHECKED int rh_write_member(struct rh_source *s, const struct rh_disk *d, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the engine: transfers to one disk, and the ring between reader and disks. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "builder/write/engine.h"
#include "builder/write/journal.h"

/* --- device.c: one disk. Buffers are aligned to 4096 bytes (rh_buffer). --- */

struct rh_device {
	struct rh_target *target;
	const uint8_t *zeros; /* RH_WRITE_CHUNK of them; shared */
	bool no_zeroout;      /* the device cannot zero, or does it badly: write zeros */
	bool zeroout_checked, used_zeroout;
};

uint8_t *rh_buffer(size_t n); /* not initialised; freed by free() */
/* Go past the page cache from now on, where the device can. */
void rh_device_direct(const struct rh_disk *d);
/* On failure the target's error, error_at and text are set; the text names serial and byte. */
RH_CHECKED int rh_device_write(struct rh_device *v, uint64_t at, const void *buf, size_t n);
RH_CHECKED int rh_device_read(struct rh_device *v, uint64_t at, void *buf, size_t n);
/* Make [AT, AT + N) read as zeros: by the device, if that proves true, else by writing. */
RH_CHECKED int rh_device_zero(struct rh_device *v, uint64_t at, uint64_t n);
RH_CHECKED int rh_device_flush(struct rh_device *v, uint64_t at);
/* Compare with BUF; the first difference is the target's error (-EILSEQ). SCRATCH: N bytes. */
RH_CHECKED int rh_device_compare(struct rh_device *v, uint64_t at, const uint8_t *buf,
				 uint8_t *scratch, size_t n);
int rh_target_fail(struct rh_target *t, int code, uint64_t at, const char *fmt, ...)
    RH_PRINTF(4, 5);

/* --- pump.c: one reader, a ring, one thread a disk --- */

struct rh_piece {
	uint64_t at, len;
	const uint8_t *data; /* disk a's bytes; NULL: zeros */
};

struct rh_sink {
	struct rh_device dev;
	uint8_t *own; /* RH_WRITE_CHUNK bytes for this disk's thread alone */
	int (*take)(struct rh_sink *k, const struct rh_piece *p);
	int (*end)(struct rh_sink *k); /* after the last piece, if none failed; may be NULL */
	struct rh_write *w;
	uint64_t checkpoint_at;
	_Atomic uint64_t pos; /* for the progress */
	/* pump.c's */
	struct rh_pump *pump;
	pthread_t thread;
	uint64_t taken;
	bool ended;
};

/*
 * Send [FROM, END) of the source to the sinks. STOP_ALL: the failure of one ends the others, after
 * the pieces they have got. PHASE is for the progress. DIGEST, if not NULL, gets all bytes.
 * Returns the source's failure or -EINTR; the sinks' are in their targets.
 */
RH_CHECKED int rh_pump(struct rh_write *w, struct rh_sink *sinks, uint64_t from, uint64_t end,
		       bool stop_all, enum rh_write_phase phase, struct rh_digest *digest,
		       struct rh_err *err);

/* For tests: end this process by SIGKILL when POS bytes are reached that the environment's
 * RH_STOP_AT_BYTE names. */
void rh_write_stop_point(uint64_t pos);

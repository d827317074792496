// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One reader, a ring of pieces, one thread for each disk.
 *
 * The caller's thread reads the source and puts pieces into the ring; each disk's thread takes all
 * pieces in order, at its own pace; a slot is free again when the slowest has taken it. So the
 * source is read once, a fast disk is never more than the ring ahead of a slow one, and memory is
 * the ring's. One mutex: a piece takes milliseconds, so nobody waits for it.
 *
 * A disk that has failed takes no more and holds nobody up. After an interruption, or the failure
 * of the other disk, the pieces in the ring are still done, so that each disk ends at a place that
 * can be recorded.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "builder/write/engine_p.h"
#include "lib/core/proc.h"

#define ZERO_MAX (32u << 20) /* bytes of a hole in one piece */

struct rh_pump {
	struct rh_write *w;
	struct rh_sink *sinks;
	pthread_mutex_t lock;
	pthread_cond_t moved; /* a piece was put or taken, or a thread has ended */
	struct rh_piece piece[RH_WRITE_RING];
	uint8_t *buf[RH_WRITE_RING];
	uint64_t put; /* pieces */
	bool last, stop_all, stop;
	enum rh_write_phase phase;
};

static int run_sink(struct rh_sink *k)
{
	struct rh_pump *p = k->pump;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	while (r == 0) {
		struct rh_piece piece;

		while (k->taken == p->put && !p->last)
			pthread_cond_wait(&p->moved, &p->lock);
		if (k->taken == p->put)
			break;
		piece = p->piece[k->taken % RH_WRITE_RING];
		pthread_mutex_unlock(&p->lock);
		r = k->take(k, &piece);
		pthread_mutex_lock(&p->lock);
		k->taken++;
		pthread_cond_broadcast(&p->moved);
	}
	pthread_mutex_unlock(&p->lock);
	return r == 0 && k->end ? k->end(k) : r;
}

static void *sink_main(void *arg)
{
	struct rh_sink *k = arg;
	struct rh_pump *p = k->pump;
	int r = run_sink(k);

	pthread_mutex_lock(&p->lock);
	k->ended = true;
	p->stop |= r < 0 && p->stop_all;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* The progress is the slowest disk's; one that has failed is not waited for. */
static void tick(struct rh_pump *p)
{
	struct rh_write *w = p->w;
	uint64_t pos = UINT64_MAX;

	for (unsigned i = 0; i < w->n; i++) {
		uint64_t at = p->sinks[i].pos;

		if (!w->target[i].error && at < pos)
			pos = at;
	}
	if (w->progress && pos != UINT64_MAX)
		w->progress(w->arg, p->phase, pos, w->source->size);
}

/* With the lock held: wait a tenth of a second for something to move, and show the progress. */
static void wait_moved(struct rh_pump *p)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 100000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&p->moved, &p->lock, &t);
	pthread_mutex_unlock(&p->lock);
	tick(p);
	pthread_mutex_lock(&p->lock);
}

static bool all_ended(const struct rh_pump *p)
{
	for (unsigned i = 0; i < p->w->n; i++)
		if (!p->sinks[i].ended)
			return false;
	return true;
}

/* Is a slot free? Only the threads that live hold one. */
static bool has_room(const struct rh_pump *p)
{
	for (unsigned i = 0; i < p->w->n; i++)
		if (!p->sinks[i].ended && p->put - p->sinks[i].taken >= RH_WRITE_RING)
			return false;
	return true;
}

/* A slot, or NULL when the work ends early. */
static struct rh_piece *next_slot(struct rh_pump *p)
{
	bool go;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !rh_interrupted() && !all_ended(p) && !has_room(p))
		wait_moved(p);
	go = !p->stop && !rh_interrupted() && !all_ended(p);
	pthread_mutex_unlock(&p->lock);
	return go ? &p->piece[p->put % RH_WRITE_RING] : NULL;
}

static void digest_piece(struct rh_digest *digest, const struct rh_piece *p, const uint8_t *zeros)
{
	if (p->data) {
		rh_digest_data(digest, p->data, (size_t)p->len);
		return;
	}
	for (uint64_t i = 0; i < p->len; i += RH_WRITE_CHUNK)
		rh_digest_data(digest, zeros,
			       p->len - i < RH_WRITE_CHUNK ? (size_t)(p->len - i) : RH_WRITE_CHUNK);
}

static int feed(struct rh_pump *p, uint64_t from, uint64_t end, struct rh_digest *digest,
		struct rh_err *err)
{
	struct rh_source *s = p->w->source;
	struct rh_piece *slot;
	int r = 0;

	for (uint64_t at = from, len; at < end && (slot = next_slot(p)); at += len) {
		uint8_t *buf = p->buf[p->put % RH_WRITE_RING];
		bool zero = false;

		len = rh_source_piece(s, at, end - at < ZERO_MAX ? end - at : ZERO_MAX, &zero);
		if (!zero && len > RH_WRITE_CHUNK)
			len = RH_WRITE_CHUNK;
		if (!zero)
			r = rh_source_read(s, 0, at, buf, (size_t)len, err);
		if (r < 0)
			return r;
		*slot = (struct rh_piece){at, len, zero ? NULL : buf};
		if (digest)
			digest_piece(digest, slot, p->sinks[0].dev.zeros);
		pthread_mutex_lock(&p->lock);
		p->put++;
		pthread_cond_broadcast(&p->moved);
		pthread_mutex_unlock(&p->lock);
		tick(p);
	}
	return 0;
}

/* The threads get no signals: the flag that rh_catch_signals() sets is looked at by the reader. */
static void start(struct rh_pump *p)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < p->w->n; i++) {
		struct rh_sink *k = &p->sinks[i];

		k->pump = p;
		k->taken = 0;
		k->ended = false;
		if (pthread_create(&k->thread, NULL, sink_main, k) != 0)
			abort(); /* as the x-functions do: no memory for a thread */
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int rh_pump(struct rh_write *w, struct rh_sink *sinks, uint64_t from, uint64_t end, bool stop_all,
	    enum rh_write_phase phase, struct rh_digest *digest, struct rh_err *err)
{
	struct rh_pump p = {.w = w, .sinks = sinks, .stop_all = stop_all, .phase = phase};
	int r;

	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.moved, NULL);
	for (int i = 0; i < RH_WRITE_RING; i++)
		p.buf[i] = rh_buffer(RH_WRITE_CHUNK);
	start(&p);
	r = feed(&p, from, end, digest, err);
	pthread_mutex_lock(&p.lock);
	p.last = true;
	pthread_cond_broadcast(&p.moved);
	while (!all_ended(&p))
		wait_moved(&p);
	pthread_mutex_unlock(&p.lock);
	for (unsigned i = 0; i < w->n; i++)
		pthread_join(sinks[i].thread, NULL);
	for (int i = 0; i < RH_WRITE_RING; i++)
		free(p.buf[i]);
	pthread_cond_destroy(&p.moved);
	pthread_mutex_destroy(&p.lock);
	if (r == 0 && rh_interrupted())
		r = rh_err_set(err, EINTR, "interrupted");
	return r;
}

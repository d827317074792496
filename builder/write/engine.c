// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writing a pair onto two disks. The contract is in engine.h.
 *
 * The order, so that a cut at any moment leaves no disk that boots or that something else takes for
 * its own:
 *
 *   1. The source is checked against its checksums. Nothing has been written yet.
 *   2. Each disk: signatures of md, LVM and filesystems beyond the image's range are cleared, then
 *      both ends of the disk (partition tables, whole-disk md superblocks). Flush.
 *      From here on the disk is empty to everyone.
 *   3. Everything but the first and the last MiB of the image, both disks at once: data as data,
 *      holes as zeros. The md arrays' members must be equal byte for byte, so no byte is left as it
 *      was. Every checkpoint: flush, then record the place in the journal.
 *   4. When both disks have flushed all of it: the last MiB (backup table), flush, the first MiB
 *      (boot code and table), flush. Only now a disk boots, and it boots a complete system. One of
 *      the two complete and the other not is no harm: each half alone is a whole.
 *
 * The table at the end of the image is not at the end of a larger disk. That is as the image is;
 * firmware and kernel take the first table, and the appliance moves the other at its first boot.
 *
 * Going on after a cut. The place in the journal was flushed before it was recorded, so what lies
 * before it is on the disk; what lies behind it may be there or not, and is written again. Trusting
 * the journal alone would be rash (the disk may have been used in between), so the last bytes
 * before the place are read back, and the ends must be as this left them. A difference elsewhere is
 * found by the verification, as is everything else. Each disk has a place of its own, so when one
 * fails, its replacement starts at zero and the other one goes on.
 */
#include "builder/write/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/write/engine_p.h"
#include "lib/core/file.h"
#include "lib/core/mem.h"
#include "lib/core/proc.h"

#define READ_BACK (64u << 20) /* bytes before the recorded place that are compared */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const struct rh_write *w, const char *fmt, ...) RH_PRINTF(2, 3);
static void say(const struct rh_write *w, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (w->say && text)
		w->say(w->arg, text);
	free(text);
}

static uint64_t data_end(const struct rh_write *w)
{
	return w->source->size - RH_WRITE_HELD;
}

static void record(struct rh_sink *k, uint64_t pos, bool verified)
{
	struct rh_write *w = k->w;
	struct rh_target *t = k->dev.target;
	char *real = realpath(w->source->name, NULL);
	struct rh_journal j = {.source = real ? real : w->source->name,
			       .member = t->member,
			       .size = t->disk->size,
			       .position = pos,
			       .verified = verified};
	struct rh_err ignored;

	memcpy(j.pair, w->source->id, sizeof j.pair);
	t->kept = pos;
	/* Without a journal the work is as good, it only begins anew after a cut. */
	if (!w->state_dir || rh_journal_store(w->state_dir, t->disk->serial, &j, &ignored) < 0)
		t->kept = 0;
	free(real);
}

static int flush_and_record(struct rh_sink *k, uint64_t pos)
{
	int r = rh_device_flush(&k->dev, pos);

	if (r == 0)
		record(k, pos, false);
	k->checkpoint_at = pos;
	return r;
}

static int put(struct rh_sink *k, const struct rh_piece *p)
{
	struct rh_target *t = k->dev.target;
	uint64_t at = p->at, len = p->len;
	const uint8_t *data = p->data;
	int r;

	if (at + len <= t->from)
		return 0; /* an earlier run has */
	if (at < t->from) {
		data = data ? data + (t->from - at) : NULL;
		len -= t->from - at;
		at = t->from;
	}
	if (data && t->member && rh_source_patched(k->w->source, at, len)) {
		memcpy(k->own, data, (size_t)len);
		rh_source_apply(k->w->source, at, k->own, (size_t)len);
		data = k->own;
	}
	r = data ? rh_device_write(&k->dev, at, data, (size_t)len)
		 : rh_device_zero(&k->dev, at, len);
	if (r < 0)
		return r;
	k->pos = t->done = at + len;
	rh_write_stop_point(at + len);
	if (at + len - k->checkpoint_at >= k->w->checkpoint)
		r = flush_and_record(k, at + len);
	return r;
}

static int put_end(struct rh_sink *k)
{
	return k->dev.target->done > k->checkpoint_at ? flush_and_record(k, k->dev.target->done)
						      : 0;
}

/* Clear [AT, AT + N), but nothing of what an earlier run has written. */
static int clear(struct rh_sink *k, uint64_t at, uint64_t n)
{
	const struct rh_target *t = k->dev.target;
	uint64_t end = at + n, limit = data_end(k->w);

	if (end > t->disk->size)
		end = t->disk->size;
	/* What is behind the place is written again anyway; what is before it stays. */
	if (t->from && at < t->from && end > RH_WRITE_HELD)
		at = t->from < limit ? t->from : limit;
	return at < end ? rh_device_zero(&k->dev, at, end - at) : 0;
}

static int clear_signature(struct rh_sink *k, const struct rh_content *c)
{
	const uint64_t labels = 512 * 1024; /* two of the four labels of ZFS, at each end */
	uint64_t at = c->at / 4096 * 4096, end = (c->at + c->len + 4095) / 4096 * 4096;
	int r;

	say(k->w, "disk %c, serial %s: clearing %s, at byte %llu", 'a' + (int)k->dev.target->member,
	    k->dev.target->disk->serial, c->text, (unsigned long long)c->at);
	if (!strcmp(c->type, "zfs_member") && c->area_len > 2 * labels) {
		uint64_t tail = (c->area + c->area_len - labels) / 4096 * 4096;

		r = c->area >= k->w->source->size ? clear(k, c->area, labels) : 0;
		return r == 0 && tail >= k->w->source->size ? clear(k, tail, labels + 4096) : r;
	}
	if (at < k->w->source->size)
		at = k->w->source->size;
	return clear(k, at, end - at);
}

static int clear_disk(struct rh_sink *k)
{
	struct rh_disk *d = k->dev.target->disk;
	uint64_t size = k->w->source->size;
	uint64_t tail = d->size > RH_WRITE_TAIL ? (d->size - RH_WRITE_TAIL) / 4096 * 4096 : 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->n_content; i++) {
		const struct rh_content *c = &d->content[i];
		bool zfs = !strcmp(c->type, "zfs_member") && c->area + c->area_len > size;

		if (c->at + c->len > size || zfs)
			r = clear_signature(k, c);
	}
	if (r == 0)
		r = rh_device_flush(&k->dev, 0);
	if (r == 0)
		r = clear(k, tail, RH_WRITE_TAIL + 4096);
	if (r == 0)
		r = clear(k, size - RH_WRITE_HELD, RH_WRITE_HELD);
	if (r == 0)
		r = clear(k, 0, RH_WRITE_HELD);
	if (r == 0)
		r = rh_device_flush(&k->dev, 0);
	if (r == 0 && k->dev.target->from == 0)
		record(k, 0, false);
	rh_write_stop_point(0);
	return r;
}

/* --- going on --- */

/* Does the disk hold what a run up to FROM leaves, as far as can be told quickly? */
static int proves(struct rh_sink *k, uint64_t from, bool *ret)
{
	struct rh_source *s = k->w->source;
	struct rh_target *t = k->dev.target;
	uint64_t at = from > RH_WRITE_HELD + READ_BACK ? from - READ_BACK : RH_WRITE_HELD;
	RH_FREE uint8_t *want = rh_buffer(RH_WRITE_CHUNK);
	struct rh_err err;
	int r = rh_device_read(&k->dev, 0, k->own, RH_WRITE_HELD);

	/* The first MiB: cleared, or, when only the verification was cut, the table. */
	*ret = r == 0 && memcmp(k->own, k->dev.zeros, RH_WRITE_HELD) == 0;
	if (r == 0 && !*ret && from == data_end(k->w) &&
	    rh_source_read(s, t->member, 0, want, RH_WRITE_HELD, &err) == 0)
		*ret = memcmp(k->own, want, RH_WRITE_HELD) == 0;
	while (r == 0 && *ret && at < from) {
		size_t n = from - at < RH_WRITE_CHUNK ? (size_t)(from - at) : RH_WRITE_CHUNK;

		r = rh_source_read(s, t->member, at, want, n, &err);
		if (r == 0)
			r = rh_device_read(&k->dev, at, k->own, n);
		*ret = r == 0 && memcmp(k->own, want, n) == 0;
		at += n;
	}
	return t->error ? t->error : 0;
}

/* Where to go on with this disk: sets from. */
static int find_place(struct rh_sink *k)
{
	struct rh_write *w = k->w;
	struct rh_target *t = k->dev.target;
	struct rh_journal j = {0};
	struct rh_err ignored;
	bool same = false;
	int r = 0;

	t->from = 0;
	if (!w->state_dir || w->restart ||
	    rh_journal_load(w->state_dir, t->disk->serial, &j, &ignored) < 0)
		return 0;
	if (!strcmp(j.pair, w->source->id) && j.member == t->member && j.size == t->disk->size &&
	    j.position > RH_WRITE_HELD && j.position <= data_end(w) && j.position % 512 == 0 &&
	    !j.verified) {
		r = proves(k, j.position, &same);
		if (same)
			t->from = j.position;
		say(w,
		    same ? "disk %c, serial %s: going on at byte %llu, where a run before this "
			   "one was cut"
			 : "disk %c, serial %s: a run before this one was cut at byte %llu, but "
			   "the disk has changed since: from the start",
		    'a' + (int)t->member, t->disk->serial, (unsigned long long)j.position);
	}
	rh_journal_free(&j);
	return r;
}

/* --- the whole --- */

static int table(struct rh_sink *k, const uint8_t *head, const uint8_t *tail)
{
	struct rh_target *t = k->dev.target;
	uint64_t end = k->w->source->size, at = data_end(k->w);
	int r = rh_device_write(&k->dev, at, tail, RH_WRITE_HELD);

	if (r == 0)
		r = rh_device_flush(&k->dev, at);
	rh_write_stop_point(end);
	if (r == 0)
		r = rh_device_write(&k->dev, 0, head, RH_WRITE_HELD);
	if (r == 0)
		r = rh_device_flush(&k->dev, 0);
	t->bootable = r == 0;
	if (r == 0)
		t->done = end;
	return r;
}

static int tables(struct rh_write *w, struct rh_sink *sinks, struct rh_err *err)
{
	RH_FREE uint8_t *head = rh_buffer(RH_WRITE_HELD), *tail = rh_buffer(RH_WRITE_HELD);
	int r = 0, failed = 0;

	for (unsigned i = 0; i < w->n && r == 0; i++) {
		r = rh_source_read(w->source, w->target[i].member, 0, head, RH_WRITE_HELD, err);
		if (r == 0)
			r = rh_source_read(w->source, w->target[i].member, data_end(w), tail,
					   RH_WRITE_HELD, err);
		if (r == 0)
			failed |= table(&sinks[i], head, tail);
	}
	return r == 0 ? failed : r;
}

static void describe(const struct rh_write *w, unsigned i, struct rh_str *s)
{
	const struct rh_target *t = &w->target[i];

	if (s->len)
		rh_str_addc(s, '\n');
	if (t->error)
		rh_str_add(s, t->text.text);
	else
		rh_str_addf(s, "disk %c, serial %s (%s): no error", 'a' + (int)t->member,
			    t->disk->serial, t->disk->node);
}

/* The text of a failure: each disk's own, then where both stand. */
static int failed(const struct rh_write *w, int r, struct rh_err *err)
{
	RH_STR struct rh_str s = {0};
	bool any = false;

	for (unsigned i = 0; i < w->n; i++)
		any |= w->target[i].error != 0;
	if (r < 0 && !any && r != -EINTR)
		return r; /* the source's; the text is there */
	for (unsigned i = 0; i < w->n; i++) {
		const struct rh_target *t = &w->target[i];

		if (any)
			describe(w, i, &s);
		else
			rh_str_addf(&s, "%sdisk %c, serial %s",
				    i ? "; " : "interrupted: ", 'a' + (int)t->member,
				    t->disk->serial);
		if (t->bootable)
			rh_str_add(&s, "; it is written and would boot");
		else
			rh_str_addf(&s, "; written up to byte %llu of %llu, would not boot",
				    (unsigned long long)t->done,
				    (unsigned long long)w->source->size);
		if (t->kept && !t->bootable && !t->error)
			rh_str_addf(&s, "; the next run goes on at byte %llu",
				    (unsigned long long)t->kept);
	}
	for (unsigned i = 0; any && i < w->n; i++)
		if (w->target[i].error && (r >= 0 || r == -EINTR))
			r = w->target[i].error;
	return rh_err_set(err, -r, "%s", s.data);
}

static struct rh_sink *sinks_new(struct rh_write *w,
				 int (*take)(struct rh_sink *, const struct rh_piece *),
				 int (*end)(struct rh_sink *))
{
	struct rh_sink *sinks = rh_xalloc(w->n * sizeof *sinks);
	uint8_t *zeros = memset(rh_buffer(RH_WRITE_CHUNK), 0, RH_WRITE_CHUNK);

	for (unsigned i = 0; i < w->n; i++) {
		sinks[i].dev.target = &w->target[i];
		sinks[i].dev.zeros = zeros;
		sinks[i].own = rh_buffer(RH_WRITE_CHUNK);
		sinks[i].w = w;
		sinks[i].take = take;
		sinks[i].end = end;
		w->target[i].error = 0;
		w->target[i].done = w->target[i].kept = w->target[i].from = 0;
		rh_device_direct(w->target[i].disk);
	}
	return sinks;
}

static void sinks_free(struct rh_write *w, struct rh_sink *sinks)
{
	free((void *)(uintptr_t)sinks[0].dev.zeros);
	for (unsigned i = 0; i < w->n; i++)
		free(sinks[i].own);
	free(sinks);
}

static void on_check(void *arg, uint64_t pos, uint64_t total)
{
	struct rh_write *w = arg;

	if (w->progress)
		w->progress(w->arg, RH_WRITE_CHECK, pos, total);
}

static int check_source(struct rh_write *w, struct rh_err *err)
{
	double start = now();
	int r = 0;

	if (w->source->size < 4 * (uint64_t)RH_WRITE_HELD)
		return rh_err_set(err, EINVAL, "%s: the images are too small to be a pair",
				  w->source->name);
	if (!w->source->checked)
		r = rh_source_check(w->source, on_check, w, err);
	w->seconds[RH_WRITE_CHECK] = now() - start;
	return r;
}

static int write_all(struct rh_write *w, struct rh_sink *sinks, struct rh_err *err)
{
	uint64_t from = data_end(w);
	int r = 0, bad = 0;

	for (unsigned i = 0; i < w->n; i++)
		bad |= find_place(&sinks[i]);
	for (unsigned i = 0; bad == 0 && i < w->n; i++)
		bad |= clear_disk(&sinks[i]);
	for (unsigned i = 0; i < w->n; i++) {
		struct rh_target *t = &w->target[i];

		t->kept = t->from;
		t->done = sinks[i].checkpoint_at = t->from ? t->from : RH_WRITE_HELD;
		sinks[i].pos = t->done;
		from = t->done < from ? t->done : from;
	}
	if (bad == 0)
		r = rh_pump(w, sinks, from, data_end(w), true, RH_WRITE_DATA, NULL, err);
	for (unsigned i = 0; i < w->n; i++)
		bad |= w->target[i].error;
	if (bad == 0 && r == 0)
		r = tables(w, sinks, err);
	for (unsigned i = 0; i < w->n; i++)
		w->zeroed_by_device |= sinks[i].dev.used_zeroout;
	return r < 0 ? r : bad;
}

int rh_write_run(struct rh_write *w, struct rh_err *err)
{
	struct rh_sink *sinks;
	double start;
	int r = check_source(w, err);

	if (r < 0)
		return r;
	if (w->checkpoint == 0)
		w->checkpoint = RH_WRITE_CHECKPOINT;
	start = now();
	sinks = sinks_new(w, put, put_end);
	r = write_all(w, sinks, err);
	w->seconds[RH_WRITE_DATA] = now() - start;
	if (r < 0)
		r = failed(w, r, err);
	sinks_free(w, sinks);
	return r;
}

/* --- reading back --- */

static int compare_zeros(struct rh_sink *k, uint64_t at, uint64_t len)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < len; i += RH_WRITE_CHUNK) {
		size_t n = len - i < RH_WRITE_CHUNK ? (size_t)(len - i) : RH_WRITE_CHUNK;

		r = rh_device_compare(&k->dev, at + i, k->dev.zeros, k->own, n);
		if (r == 0)
			k->pos = k->dev.target->done = at + i + n;
	}
	return r;
}

static int compare(struct rh_sink *k, const struct rh_piece *p)
{
	struct rh_target *t = k->dev.target;
	const struct rh_source *s = k->w->source;
	RH_FREE uint8_t *b = NULL;
	const uint8_t *want = p->data;
	int r;

	if (!p->data)
		return compare_zeros(k, p->at, p->len);
	if (t->member && rh_source_patched(s, p->at, p->len)) {
		b = rh_buffer(p->len);
		memcpy(b, p->data, (size_t)p->len);
		rh_source_apply(s, p->at, b, (size_t)p->len);
		want = b;
	}
	r = rh_device_compare(&k->dev, p->at, want, k->own, (size_t)p->len);
	if (r == 0)
		k->pos = t->done = p->at + p->len;
	return r;
}

static int verify_failed(struct rh_write *w, int r, struct rh_err *err)
{
	RH_STR struct rh_str s = {0};

	for (unsigned i = 0; i < w->n; i++) {
		struct rh_target *t = &w->target[i];

		describe(w, i, &s);
		if (t->error && w->state_dir)
			rh_journal_forget(w->state_dir, t->disk->serial);
		if (t->error && r != -EILSEQ)
			r = t->error;
	}
	return rh_err_set(err, -r, "%s", s.data);
}

int rh_write_verify(struct rh_write *w, struct rh_err *err)
{
	struct rh_digest *digest = rh_digest_new();
	struct rh_sink *sinks = sinks_new(w, compare, NULL);
	char hex[RH_SHA256_HEX];
	double start = now();
	int r = rh_pump(w, sinks, 0, w->source->size, false, RH_WRITE_VERIFY, digest, err), bad = 0;

	rh_digest_final(&digest, hex);
	for (unsigned i = 0; i < w->n; i++)
		bad |= w->target[i].error;
	if (bad && (r == 0 || r == -EINTR))
		r = verify_failed(w, 0, err);
	else if (r == 0 && strcmp(hex, w->source->sha256[0]) != 0)
		r = rh_err_set(
		    err, EBADMSG,
		    "%s has changed while it was written: what is on the disks is not what "
		    "was checked; write them again",
		    w->source->name);
	for (unsigned i = 0; r == 0 && i < w->n; i++)
		record(&sinks[i], data_end(w), true);
	w->seconds[RH_WRITE_VERIFY] = now() - start;
	sinks_free(w, sinks);
	return r;
}

int rh_write_member(struct rh_source *s, const struct rh_disk *d, struct rh_err *err)
{
	RH_FREE uint8_t *have = rh_buffer(RH_WRITE_HELD), *want = rh_buffer(RH_WRITE_HELD);
	int got = rh_pread_all(d->fd, have, RH_WRITE_HELD, 0, err);

	if (got < 0)
		return rh_err_prefix(err, got, "%s", d->node);
	for (unsigned m = 0; m < 2; m++) {
		int r = rh_source_read(s, m, 0, want, RH_WRITE_HELD, err);

		if (r < 0)
			return r;
		if (memcmp(have, want, RH_WRITE_HELD) == 0)
			return (int)m;
	}
	return rh_err_set(err, ENOENT,
			  "the disk with the serial %s (%s) does not begin like either half of %s: "
			  "not written with it, not completely, or booted since",
			  d->serial, d->node, s->name);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying messages. Mail is small: one read, one write, no extra stat. Large ones go through the
 * same buffer, or are shared with the source where both lie on one filesystem that can (FICLONE).
 *
 * A fault of the source costs this message, a fault of the target stops the run; so reads and
 * writes keep their errors apart. A message that a live server renames while we work (a flag) is
 * looked for under its base once more before it counts as gone.
 */
#include "rootfs/import/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "rootfs/import/source.h"
#include "rootfs/import/step.h"
#include "rootfs/mail/msgname.h"

#define BUFFER	    (512u * 1024)
#define CLONE_MIN   (128u * 1024)
#define THREADS_MIN 16

/* M's file under whatever flags it has now. */
static int find_again(struct rh_copier *c, const struct rh_msg *m, int *fd)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	int dirs[2] = {c->cur, c->new_}, r = -ENOENT;
	for (int d = 0; d < 2 && r == -ENOENT; d++) {
		struct rh_dirlist l = {0};
		if (dirs[d] < 0 || rh_source_list(arena, dirs[d], &l, NULL) < 0)
			continue;
		for (size_t i = 0; i < l.n; i++)
			if (rh_msgname_split(l.v[i].name).base == m->src_base &&
			    memcmp(l.v[i].name, m->src, m->src_base) == 0)
				r = rh_source_file(dirs[d], l.v[i].name, fd);
		rh_dirlist_free(&l);
	}
	return r;
}

static int open_message(struct rh_copier *c, const struct rh_msg *m, int *fd)
{
	int r;
	if (m->link) {
		char *path RH_FREE = rh_xasprintf("%s/%s", c->folder->path, rh_msg_dir(m));
		return rh_source_link(c->run->source, path, m->src, c->domain->base, fd);
	}
	r = rh_source_file(m->in_new ? c->new_ : c->cur, m->src, fd);
	return r == -ENOENT ? find_again(c, m, fd) : r;
}

static int failed(struct rh_copier *c, struct rh_msg *m, int code)
{
	char *file RH_FREE = rh_xasprintf("%s/%s/%s", c->folder->path, rh_msg_dir(m), m->src);
	const char *why = strerror(code);
	if (code == ENOENT)
		why = m->link ? "the link leads nowhere" : "it vanished while we worked";
	else if (code == EXDEV)
		why = "it is a link that leads out of the mail tree";
	else if (code == EINVAL)
		why = "it is not a regular file";
	else if (code == ESTALE)
		why = "it changed while it was read; run again";
	rh_report_add(&c->run->report, RH_LOST, file, 0, "message not carried: %s", why);
	m->failed = true;
	return 1;
}

static ssize_t read_some(int fd, char *buf, size_t n)
{
	size_t got = 0;
	while (got < n) {
		ssize_t r = read(fd, buf + got, n - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static bool clone_file(int in, int out, off_t size)
{
	static atomic_bool cannot;
	if (cannot || size < CLONE_MIN)
		return false;
	if (ioctl(out, FICLONE, in) == 0)
		return true;
	cannot = true; /* one source, one target: it will not begin to work */
	return false;
}

/* 0; -errno of the source in *BAD_SOURCE; -errno of the target as result. */
static int copy_data(int in, int out, off_t size, char *buf, int *bad_source, struct rh_err *err)
{
	off_t done = 0;

	if (clone_file(in, out, size))
		return 0;
	while (done < size) {
		size_t want = size - done < (off_t)BUFFER ? (size_t)(size - done) : BUFFER;
		ssize_t n = read_some(in, buf, want);
		if (n <= 0) {
			*bad_source = n < 0 ? (int)n : -ESTALE;
			return 0;
		}
		int r = rh_write_all(out, buf, (size_t)n, err);
		if (r < 0)
			return r;
		done += n;
	}
	ssize_t more = read_some(in, buf, 1);
	if (more != 0)
		*bad_source = more < 0 ? (int)more : -ESTALE;
	return 0;
}

static int write_target(struct rh_copier *c, int in, const struct stat *st, char *buf,
			struct rh_temp *temp, int *bad_source, struct rh_err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int out, r = rh_batch_temp(c->run->batch, c->to, temp, &out, err);
	if (r < 0)
		return r;
	r = rh_step();
	if (r < 0)
		rh_err_errno(err, -r, "cannot write a message");
	else
		r = copy_data(in, out, st->st_size, buf, bad_source, err);
	if (r == 0 && futimens(out, times) < 0)
		r = rh_err_errno(err, errno, "cannot set the date of a message");
	if (close(out) < 0 && r == 0)
		r = rh_err_errno(err, errno, "cannot write a message");
	if (r < 0 || *bad_source)
		rh_batch_drop(c->to, temp);
	return r;
}

static int open_source(struct rh_copier *c, const struct rh_msg *m, int *in, struct stat *st)
{
	int r = open_message(c, m, in);
	if (r == 0 && fstat(*in, st) < 0)
		r = -errno;
	return r == 0 && !S_ISREG(st->st_mode) ? -EINVAL : r;
}

/* The message is written: count and queue it. Under the lock. */
static int publish(struct rh_copier *c, const struct rh_msg *m, const struct rh_temp *temp,
		   uint64_t size, struct rh_err *err)
{
	char *to RH_FREE = rh_xasprintf("%s/%s", rh_msg_dir(m), m->dst);
	uint64_t stated;
	if (rh_msgname_size(m->src, m->src_base, &stated) && stated != size)
		c->wrong_sizes++;
	c->copied++;
	c->bytes += size;
	return rh_batch_publish(c->run->batch, c->to, temp, to, size, err);
}

static int copy_message(struct rh_copier *c, struct rh_msg *m, char *buf, struct rh_err *err)
{
	struct rh_temp temp;
	struct stat st;
	int in RH_CLOSE = -1, r, bad = open_source(c, m, &in, &st);

	pthread_mutex_lock(&c->lock);
	r = bad ? failed(c, m, -bad) : c->begin(c->arg, err);
	pthread_mutex_unlock(&c->lock);
	if (r != 0)
		return r;
	r = write_target(c, in, &st, buf, &temp, &bad, err);
	if (r == 0) {
		pthread_mutex_lock(&c->lock);
		r = bad ? failed(c, m, -bad) : publish(c, m, &temp, (uint64_t)st.st_size, err);
		pthread_mutex_unlock(&c->lock);
	}
	return r < 0 ? rh_err_prefix(err, r, "%s/%s", c->folder->path, m->src) : r;
}

/* What the threads share beside the copier. */
struct crew {
	struct rh_copier *c;
	struct rh_msg **list;
	size_t n;
	atomic_size_t next;
	atomic_int result;
	struct rh_err err; /* of the thread whose result it is */
};

static void work(struct crew *w, bool main_thread)
{
	struct rh_run *run = w->c->run;
	char *buf RH_FREE = rh_xalloc(BUFFER);
	size_t i;

	while (w->result == 0 && (i = atomic_fetch_add(&w->next, 1)) < w->n) {
		struct rh_err err = {0};
		int none = 0, r = rh_interrupted() ? rh_err_set(&err, EINTR, "interrupted") : 0;
		if (r == 0)
			r = copy_message(w->c, w->list[i], buf, &err);
		if (r < 0 && atomic_compare_exchange_strong(&w->result, &none, r))
			w->err = err;
		if (main_thread)
			rh_progress_at(run->progress, run->seen + i, run->plan.messages,
				       w->c->folder->path);
	}
}

static void *helper(void *arg)
{
	work(arg, false);
	return NULL;
}

static int by_inode(const void *a, const void *b)
{
	const struct rh_msg *x = *(struct rh_msg *const *)a, *y = *(struct rh_msg *const *)b;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

int rh_copy_messages(struct rh_copier *c, struct rh_msg **list, size_t n, struct rh_err *err)
{
	struct crew w = {.c = c, .list = list, .n = n};
	pthread_t thread;
	bool two;

	if (n == 0)
		return 0;
	qsort(list, n, sizeof *list, by_inode);
	pthread_mutex_init(&c->lock, NULL);
	two = n >= THREADS_MIN && !c->run->one_thread &&
	      pthread_create(&thread, NULL, helper, &w) == 0;
	work(&w, true);
	if (two)
		pthread_join(thread, NULL);
	pthread_mutex_destroy(&c->lock);
	if (w.result < 0)
		*err = w.err;
	return w.result;
}

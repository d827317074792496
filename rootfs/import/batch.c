/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches. Two queues: one is being filled while the other, all written, waits for its syncfs() in
 * a thread. The trap: rh_after_fn queues while a batch is being emptied. So settle() takes the
 * batch's lists away before it begins, what is queued meanwhile goes into the next one, and it must
 * not start a flush itself: a flush inside a flush would lay one batch over the other and lose it.
 */
#include "rootfs/import/batch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/mem.h"
#include "rootfs/import/step.h"

#define BATCH_FILES 1000
#define BATCH_BYTES (64u * 1024 * 1024)

struct item {
	struct rh_tdir *dir;
	const char *from, *to;
	bool temp;
};

struct after {
	rh_after_fn *fn;
	void *arg;
};

struct queue {
	struct rh_arena *names;
	struct item *v;
	size_t n, cap;
	struct after *after;
	size_t nafter, after_cap;
	uint64_t bytes;
};

struct rh_batch {
	struct queue q;	      /* being filled */
	struct queue syncing; /* written; waits for the sync that runs */
	int root;
	bool chown;
	uid_t uid;
	gid_t gid;
	atomic_bool dirty; /* something was changed that no sync covers */
	atomic_ulong serial;
	bool running, threaded;
	bool settling; /* rh_after_fn are being called */
	uint64_t queued, named;
	size_t max_files;
	pthread_t thread;
	int sync_result;
};

struct rh_batch *rh_batch_new(int root, bool chown, uid_t uid, gid_t gid)
{
	struct rh_batch *b = rh_xalloc(sizeof *b);
	b->root = root;
	b->chown = chown;
	b->uid = uid;
	b->gid = gid;
	b->max_files = rh_step_batch(BATCH_FILES);
	b->q.names = rh_arena_new();
	return b;
}

static void queue_free(struct queue *q)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->v[i].temp)
			unlinkat(q->v[i].dir->fd, q->v[i].from, 0);
		rh_tdir_release(&q->v[i].dir);
	}
	for (size_t i = 0; i < q->nafter; i++)
		if (q->after[i].fn)
			q->after[i].fn(NULL, q->after[i].arg, NULL);
	free(q->v);
	free(q->after);
	rh_arena_free(&q->names);
}

void rh_batch_free(struct rh_batch **b)
{
	if (!*b)
		return;
	if ((*b)->running && (*b)->threaded)
		pthread_join((*b)->thread, NULL);
	queue_free(&(*b)->syncing);
	queue_free(&(*b)->q);
	free(*b);
	*b = NULL;
}

void rh_tdir_release(struct rh_tdir **d)
{
	if (*d && --(*d)->refs == 0) {
		close((*d)->fd);
		free(*d);
	}
	*d = NULL;
}

static int make_dir(struct rh_batch *b, int parent, const char *name, bool *created,
		    struct rh_err *err)
{
	int r = rh_step();
	if (r == 0 && mkdirat(parent, name, 0700) < 0)
		r = -errno;
	*created = r == 0;
	if (r < 0 && r != -EEXIST)
		return rh_err_errno(err, -r, "cannot make the directory %s", name);
	b->dirty |= *created;
	if (*created && b->chown && fchownat(parent, name, b->uid, b->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return rh_err_errno(err, errno, "cannot give %s to its owner", name);
	return 0;
}

int rh_batch_mkdir(struct rh_batch *b, int dir, const char *name, struct rh_err *err)
{
	bool created;
	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return make_dir(b, dir, name, &created, err);
}

int rh_batch_dir(struct rh_batch *b, int parent, const char *name, struct rh_tdir **out,
		 struct rh_err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	bool created = false;
	int fd = openat(parent, name, flags);
	if (fd < 0 && errno == ENOENT) {
		int r = make_dir(b, parent, name, &created, err);
		if (r < 0)
			return r;
		fd = openat(parent, name, flags);
	}
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open the directory %s", name);
	*out = rh_xalloc(sizeof **out);
	**out = (struct rh_tdir){.fd = fd, .refs = 1, .created = created};
	return 0;
}

/* A new file that belongs to its owner from the start: this thread makes it under the owner's
 * filesystem ids (setfsuid(2)), which saves the change of owner, a transaction of its own, for each
 * message. Where the owner may not write (a folder that is root's), it is given away afterwards. */
static int open_owned(const struct rh_batch *b, int dir, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd, code;

	if (b->chown) {
		setfsgid(b->gid);
		setfsuid(b->uid);
	}
	fd = openat(dir, name, flags, 0600);
	code = fd < 0 ? errno : 0;
	if (!b->chown)
		return fd < 0 ? -code : fd;
	setfsuid(geteuid());
	setfsgid(getegid());
	if (code != EACCES)
		return fd < 0 ? -code : fd;
	fd = openat(dir, name, flags, 0600);
	if (fd < 0)
		return -errno;
	if (fchown(fd, b->uid, b->gid) == 0)
		return fd;
	code = errno;
	close(fd);
	unlinkat(dir, name, 0);
	return -code;
}

int rh_batch_temp(struct rh_batch *b, struct rh_tdir *d, struct rh_temp *temp, int *fd,
		  struct rh_err *err)
{
	snprintf(temp->name, sizeof temp->name, "%s" RH_BATCH_TEMP "%lu", d->maildir ? "tmp/" : ".",
		 atomic_fetch_add(&b->serial, 1));
	int r = rh_step();
	if (r == 0) {
		*fd = open_owned(b, d->fd, temp->name);
		if (*fd == -EEXIST && unlinkat(d->fd, temp->name, 0) == 0)
			*fd = open_owned(b, d->fd, temp->name);
		r = *fd < 0 ? *fd : 0;
	}
	if (r < 0)
		return rh_err_errno(err, -r, "cannot make a file");
	b->dirty = true;
	return 0;
}

void rh_batch_drop(struct rh_tdir *d, const struct rh_temp *temp)
{
	unlinkat(d->fd, temp->name, 0);
}

static void queue_item(struct rh_batch *b, struct rh_tdir *d, const char *from, const char *to,
		       bool temp)
{
	struct queue *q = &b->q;
	RH_GROW(q->v, q->n, q->cap);
	d->refs++;
	b->queued++;
	q->v[q->n++] = (struct item){d, from, rh_arena_strdup(q->names, to), temp};
}

static void *sync_thread(void *arg)
{
	struct rh_batch *b = arg;
	b->sync_result = syncfs(b->root) < 0 ? -errno : 0;
	return NULL;
}

static int rename_all(struct rh_batch *b, struct queue *q, struct rh_err *err)
{
	for (size_t i = 0; i < q->n; i++) {
		struct item *it = &q->v[i];
		int r = rh_step();
		if (r == 0 && renameat(it->dir->fd, it->from, it->dir->fd, it->to) < 0)
			r = -errno;
		if (r < 0)
			return rh_err_errno(err, -r, "cannot give the name %s", it->to);
		it->temp = false;
		b->named++;
	}
	return 0;
}

/* Wait for the sync that runs, then give the batch that it covers its names. */
static int settle(struct rh_batch *b, struct rh_err *err)
{
	struct queue q = b->syncing;
	int r;

	if (!b->running)
		return 0;
	if (b->threaded)
		pthread_join(b->thread, NULL);
	b->running = false;
	b->syncing = (struct queue){0};
	r = b->sync_result;
	if (r < 0)
		rh_err_errno(err, -r, "cannot flush the target filesystem");
	b->dirty |= q.n > 0;
	if (r == 0)
		r = rename_all(b, &q, err);
	b->settling = true;
	for (size_t i = 0; r == 0 && i < q.nafter; i++) {
		rh_after_fn *fn = q.after[i].fn;
		q.after[i].fn = NULL;
		r = fn(b, q.after[i].arg, err);
	}
	b->settling = false;
	queue_free(&q);
	return r;
}

/* Finish the batch before, then start the sync of what is queued now. */
static int flush(struct rh_batch *b, struct rh_err *err)
{
	int r = settle(b, err);
	if (r == 0)
		r = rh_step();
	if (r < 0)
		return r == -ENOSPC ? rh_err_errno(err, ENOSPC, "cannot flush the target") : r;
	b->syncing = b->q;
	b->q = (struct queue){.names = rh_arena_new()};
	b->dirty = false;
	b->running = true;
	b->threaded = pthread_create(&b->thread, NULL, sync_thread, b) == 0;
	if (!b->threaded)
		sync_thread(b);
	return 0;
}

static int flush_if_full(struct rh_batch *b, struct rh_err *err)
{
	if (b->settling || (b->q.n < b->max_files && b->q.bytes < BATCH_BYTES))
		return 0;
	return flush(b, err);
}

int rh_batch_publish(struct rh_batch *b, struct rh_tdir *d, const struct rh_temp *temp,
		     const char *to, uint64_t bytes, struct rh_err *err)
{
	queue_item(b, d, rh_arena_strdup(b->q.names, temp->name), to, true);
	b->q.bytes += bytes;
	return flush_if_full(b, err);
}

int rh_batch_rename(struct rh_batch *b, struct rh_tdir *d, const char *from, const char *to,
		    struct rh_err *err)
{
	queue_item(b, d, rh_arena_strdup(b->q.names, from), to, false);
	return flush_if_full(b, err);
}

int rh_batch_text(struct rh_batch *b, struct rh_tdir *d, const char *to, const char *text, size_t n,
		  struct rh_err *err)
{
	struct rh_temp temp;
	int fd, r = rh_batch_temp(b, d, &temp, &fd, err);
	if (r < 0)
		return rh_err_prefix(err, r, "%s", to);
	r = rh_step();
	if (r < 0)
		rh_err_errno(err, -r, "cannot write %s", to);
	else
		r = rh_write_all(fd, text, n, err);
	close(fd);
	if (r < 0) {
		rh_batch_drop(d, &temp);
		return rh_err_prefix(err, r, "%s", to);
	}
	return rh_batch_publish(b, d, &temp, to, n, err);
}

void rh_batch_after(struct rh_batch *b, rh_after_fn *fn, void *arg)
{
	struct queue *q = &b->q;
	RH_GROW(q->after, q->nafter, q->after_cap);
	q->after[q->nafter++] = (struct after){fn, arg};
}

int rh_batch_finish(struct rh_batch *b, struct rh_err *err)
{
	while (b->running || b->dirty || b->q.n || b->q.nafter) {
		int r = b->dirty || b->q.n || b->q.nafter ? flush(b, err) : settle(b, err);
		if (r < 0)
			return r;
	}
	if (b->named != b->queued)
		return rh_err_set(err, EIO,
				  "%ju files were written but only %ju got their names: a fault of "
				  "this program; nothing is lost, run it again",
				  (uintmax_t)b->queued, (uintmax_t)b->named);
	return 0;
}

int rh_batch_sweep(struct rh_batch *b, struct rh_tdir *d, struct rh_err *err)
{
	static const char prefix[] = RH_BATCH_TEMP;
	const char *skip = d->maildir ? "" : ".";
	int fd = openat(d->fd, d->maildir ? "tmp" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : rh_err_errno(err, errno, "cannot open tmp");
	DIR *dir RH_CLOSEDIR = fdopendir(fd);
	struct dirent *e;
	while (dir && (e = readdir(dir)) != NULL) {
		const char *name = e->d_name;
		if (strncmp(name, skip, strlen(skip)) != 0 ||
		    strncmp(name + strlen(skip), prefix, sizeof prefix - 1) != 0 ||
		    name[strlen(skip) + sizeof prefix - 1] < '0' ||
		    name[strlen(skip) + sizeof prefix - 1] > '9')
			continue;
		int r = rh_step();
		if (r == 0 && unlinkat(fd, name, 0) < 0)
			r = -errno;
		if (r < 0)
			return rh_err_errno(err, -r, "cannot remove the leftover %s", name);
		b->dirty = true;
	}
	return 0;
}

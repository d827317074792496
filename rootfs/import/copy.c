/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying one message. Mail is small: one read, one write, no extra stat. Large ones go through the
 * same buffer, or are shared with the source where both lie on one filesystem that can (FICLONE).
 *
 * A fault of the source costs this message, a fault of the target stops the run; so reads and
 * writes keep their errors apart. A message that a live server renames while we work (a flag) is
 * looked for under its base once more before it counts as gone.
 */
#include "rootfs/import/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/import/source.h"
#include "rootfs/import/step.h"
#include "rootfs/mail/msgname.h"

#define BUFFER	  (512u * 1024)
#define CLONE_MIN (128u * 1024)

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
	static bool cannot;
	if (cannot || size < CLONE_MIN)
		return false;
	if (ioctl(out, FICLONE, in) == 0)
		return true;
	cannot = true; /* one source, one target: it will not begin to work */
	return false;
}

/* 0; -errno of the source in *BAD_SOURCE; -errno of the target as result. */
static int copy_data(int in, int out, off_t size, int *bad_source, struct rh_err *err)
{
	static char *buf;
	off_t done = 0;

	if (!buf)
		buf = rh_xalloc(BUFFER);
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
	return 0;
}

static int write_target(struct rh_copier *c, int in, const struct stat *st, const char **temp,
			int *bad_source, struct rh_err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int out, r = rh_batch_temp(c->run->batch, c->to, temp, &out, err);
	if (r < 0)
		return r;
	r = rh_step();
	if (r < 0)
		rh_err_errno(err, -r, "cannot write a message");
	else
		r = copy_data(in, out, st->st_size, bad_source, err);
	if (r == 0 && futimens(out, times) < 0)
		r = rh_err_errno(err, errno, "cannot set the date of a message");
	if (close(out) < 0 && r == 0)
		r = rh_err_errno(err, errno, "cannot write a message");
	if (r < 0 || *bad_source)
		rh_batch_drop(c->run->batch, c->to, *temp);
	return r;
}

int rh_copy_message(struct rh_copier *c, struct rh_msg *m, struct rh_err *err)
{
	char to[4 + 256];
	struct stat st;
	const char *temp;
	uint64_t stated;
	int in RH_CLOSE = -1, bad = 0;
	int r = open_message(c, m, &in);

	if (r == 0 && fstat(in, &st) < 0)
		r = -errno;
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0)
		return failed(c, m, -r);
	r = c->begin(c->arg, err);
	if (r == 0)
		r = write_target(c, in, &st, &temp, &bad, err);
	if (r < 0)
		return rh_err_prefix(err, r, "%s/%s", c->folder->path, m->src);
	if (bad)
		return failed(c, m, -bad);
	if (rh_msgname_size(m->src, m->src_base, &stated) && stated != (uint64_t)st.st_size)
		c->wrong_sizes++;
	c->copied++;
	c->bytes += (uint64_t)st.st_size;
	snprintf(to, sizeof to, "%s/%s", rh_msg_dir(m), m->dst);
	return rh_batch_publish(c->run->batch, c->to, temp, to, (uint64_t)st.st_size, err);
}

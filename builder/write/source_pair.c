// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pair's folder as a source; the contract is in source.h.
 *
 * The check reads both images at the same time, disk a in a thread of its own: SHA-256 takes longer
 * than reading. Where both have a hole nothing is read, but the digest covers the zeros all the
 * same, because SHA256SUMS is over the whole file. The thread of disk b reads disk a too, from the
 * page cache that the other has just filled, and keeps the sectors that differ.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/write/source.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/json.h"

#define STEP   (1u << 20)
#define SECTOR 512u

struct pair {
	char *path[2];
	int fd[2];
};

/* One of the two readers of a check. */
struct reader {
	struct rh_source *s;
	unsigned member;
	_Atomic uint64_t pos;
	atomic_bool *stop; /* the other has failed */
	int result;
	struct rh_err err;
};

static int read_full(int fd, const char *path, uint64_t at, void *buf, size_t n, struct rh_err *err)
{
	return rh_err_prefix(err, rh_pread_all(fd, buf, n, at, err), "%s", path);
}

/* Does [AT, AT + N) of FD hold data? *NEXT is a cache of where the next data begins. */
static bool has_data(int fd, uint64_t at, uint64_t n, uint64_t *next)
{
	off_t data;

	if (*next >= at + n)
		return false;
	data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0)
		data = errno == ENXIO ? INT64_MAX : (off_t)at;
	*next = (uint64_t)data;
	return *next < at + n;
}

static int compare(struct rh_source *s, uint64_t at, const uint8_t *a, const uint8_t *b, size_t n,
		   struct rh_err *err)
{
	int r = 0;

	if (memcmp(a, b, n) == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < n; i += SECTOR)
		if (memcmp(a + i, b + i, SECTOR) != 0)
			r = rh_source_add_patch(s, at + i, b + i, SECTOR, err);
	return r;
}

static int read_image(struct reader *rd, struct rh_digest *d)
{
	struct rh_source *s = rd->s;
	struct pair *p = s->priv;
	unsigned m = rd->member;
	RH_FREE uint8_t *mine = rh_xalloc(STEP), *other = rh_xalloc(m ? STEP : 1);
	RH_FREE uint8_t *zeros = rh_xalloc(STEP);
	uint64_t next[2] = {0, 0};
	int r = 0;

	for (uint64_t at = 0; r == 0 && at < s->size && !*rd->stop; at += STEP) {
		size_t n = s->size - at < STEP ? (size_t)(s->size - at) : STEP;
		bool data = has_data(p->fd[m], at, n, &next[m]);

		if (data)
			r = read_full(p->fd[m], p->path[m], at, mine, n, &rd->err);
		if (r == 0)
			rh_digest_data(d, data ? mine : zeros, n);
		if (r == 0 && m == 0 && data)
			rh_source_add_range(s, at, n);
		if (r == 0 && m == 1 && (has_data(p->fd[0], at, n, &next[0]) || data)) {
			r = read_full(p->fd[0], p->path[0], at, other, n, &rd->err);
			if (r == 0)
				r = compare(s, at, other, data ? mine : zeros, n, &rd->err);
		}
		rd->pos = at + n;
	}
	return r;
}

static void *reader_main(void *arg)
{
	struct reader *rd = arg;
	struct rh_digest *d = rh_digest_new();
	char hex[RH_SHA256_HEX];

	rd->result = read_image(rd, d);
	rh_digest_final(&d, hex);
	if (rd->result == 0 && !*rd->stop && strcmp(hex, rd->s->sha256[rd->member]) != 0)
		rd->result =
		    rh_err_set(&rd->err, EBADMSG,
			       "%s/%c.img is damaged: its SHA-256 is %s, and SHA256SUMS says %s: "
			       "copy or build the pair again",
			       rd->s->name, 'a' + (int)rd->member, hex, rd->s->sha256[rd->member]);
	if (rd->result < 0)
		*rd->stop = true;
	rd->pos = rd->s->size;
	return NULL;
}

static int pair_check(struct rh_source *s, rh_source_tick *tick, void *arg, struct rh_err *err)
{
	atomic_bool stop = false;
	struct reader *rd = rh_xalloc(2 * sizeof *rd);
	pthread_t thread[2];
	bool interrupted = false;
	int r = 0;

	for (unsigned i = 0; i < 2; i++) {
		rd[i].s = s;
		rd[i].member = i;
		rd[i].stop = &stop;
		if (pthread_create(&thread[i], NULL, reader_main, &rd[i]) != 0)
			abort(); /* as the x-functions do: no memory for a thread */
	}
	while (rd[0].pos < s->size || rd[1].pos < s->size) {
		usleep(20000);
		if (rh_interrupted())
			interrupted = stop = true;
		if (tick)
			tick(arg, (rd[0].pos + rd[1].pos) / 2, s->size);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < 2 && r == 0; i++)
		if (rd[i].result < 0)
			r = rh_err_set(err, -rd[i].result, "%s", rd[i].err.text);
	free(rd);
	if (r == 0 && interrupted)
		r = rh_err_set(err, EINTR, "interrupted");
	if (r == 0)
		rh_source_cover(s);
	return r;
}

static int pair_read(struct rh_source *s, uint64_t at, void *buf, size_t n, struct rh_err *err)
{
	struct pair *p = s->priv;

	return read_full(p->fd[0], p->path[0], at, buf, n, err);
}

static void pair_close(struct rh_source *s)
{
	struct pair *p = s->priv;

	for (int i = 0; i < 2; i++) {
		if (p->fd[i] >= 0)
			close(p->fd[i]);
		free(p->path[i]);
	}
	free(p);
}

static const struct rh_source_ops pair_ops = {pair_check, pair_read, pair_close};

/* The digests of SHA256SUMS: 64 digits, two characters, the name. */
static int read_sums(struct rh_source *s, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/SHA256SUMS", s->name);
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(AT_FDCWD, path, 65536, &text, err);

	for (char *line = text.data, *next; r == 0 && line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		for (int i = 0; i < 2; i++) {
			const char *name = i ? "b.img" : "a.img";

			if (strlen(line) == 66 + 5 && strcmp(line + 66, name) == 0 &&
			    strspn(line, "0123456789abcdef") == 64)
				memcpy(s->sha256[i], line, 64);
		}
		if (!next)
			break;
	}
	for (int i = 0; r == 0 && i < 2; i++)
		if (!*s->sha256[i])
			r = rh_err_set(err, EINVAL, "%s has no line for %c.img", path, 'a' + i);
	return r;
}

static int read_manifest(struct rh_source *s, struct rh_err *err)
{
	static const char *const at[2] = {"a.img", "b.img"};
	RH_FREE char *path = rh_xasprintf("%s/manifest.json", s->name);
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	struct json_object *root, *files;
	int r = 0;

	if (rh_json_load(AT_FDCWD, path, path, &j, &d) < 0) {
		r = rh_err_set(err, EINVAL, "%s: %s", path, d.n ? d.v[0].text : "cannot be read");
		rh_diags_free(&d);
		return r;
	}
	root = rh_json_root(j);
	s->recipe = rh_xstrdup(rh_json_str(root, "recipe", "unknown"));
	files = rh_json_get(root, "files");
	for (int i = 0; r == 0 && i < 2; i++) {
		struct json_object *f = files ? rh_json_get(files, at[i]) : NULL;

		if (!f || strcmp(rh_json_str(f, "sha256", ""), s->sha256[i]) != 0)
			r = rh_err_set(err, EBADMSG,
				       "%s and SHA256SUMS do not name the same digest of %s: the "
				       "folder is not one whole pair; build or copy it again",
				       path, at[i]);
		else if ((uint64_t)rh_json_int(f, "size", 0) != s->size)
			r = rh_err_set(err, EBADMSG,
				       "%s is %llu bytes long, and the manifest says %lld: copy or "
				       "build the pair again",
				       at[i], (unsigned long long)s->size,
				       (long long)rh_json_int(f, "size", 0));
	}
	rh_diags_free(&d);
	rh_json_free(&j);
	return r;
}

static int open_image(struct rh_source *s, struct pair *p, int i, struct rh_err *err)
{
	struct stat st;

	p->path[i] = rh_xasprintf("%s/%c.img", s->name, 'a' + i);
	p->fd[i] = open(p->path[i], O_RDONLY | O_CLOEXEC);
	if (p->fd[i] < 0 || fstat(p->fd[i], &st) < 0)
		return rh_err_errno(err, errno, "cannot open %s", p->path[i]);
	if (!S_ISREG(st.st_mode) || st.st_size < 4 << 20 || st.st_size % SECTOR != 0)
		return rh_err_set(err, EINVAL, "%s is no raw disk image", p->path[i]);
	if (i == 1 && (uint64_t)st.st_size != s->size)
		return rh_err_set(err, EBADMSG,
				  "%s/a.img and b.img are not of one size: copy or build the pair "
				  "again",
				  s->name);
	s->size = (uint64_t)st.st_size;
	posix_fadvise(p->fd[i], 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

int rh_source_pair(const char *dir, struct rh_source **out, struct rh_err *err)
{
	struct rh_source *s = rh_xalloc(sizeof *s);
	struct pair *p = rh_xalloc(sizeof *p);
	int r = 0;

	p->fd[0] = p->fd[1] = -1;
	*s = (struct rh_source){.ops = &pair_ops, .priv = p, .name = rh_xstrdup(dir)};
	for (size_t n = strlen(s->name); n > 1 && s->name[n - 1] == '/'; n--)
		s->name[n - 1] = '\0';
	for (int i = 0; r == 0 && i < 2; i++)
		r = open_image(s, p, i, err);
	if (r == 0)
		r = read_sums(s, err);
	if (r == 0)
		r = read_manifest(s, err);
	if (r < 0) {
		rh_source_free(&s);
		return r;
	}
	rh_source_id(s);
	*out = s;
	return 0;
}

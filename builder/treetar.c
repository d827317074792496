// SPDX-License-Identifier: GPL-2.0-or-later
/* The tree as one stream; the contract is in treetar.h. */
#include "builder/treetar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/proc.h"

#define BLOCK (1 << 20)

/* Made on the machine or of no use there. Patterns match the whole path; '*' crosses '/'. */
static const char *const scrub[] = {
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "etc/hostname",
    "etc/hosts",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_*",
    "etc/ssl/private/?*",
    "etc/ssl/certs/ssl-cert-snakeoil.pem",
    "etc/dovecot/private/?*",
    "var/lib/mysql/?*",
    "var/lib/systemd/random-seed",
    "var/cache/apt/?*",
    "var/lib/apt/lists/?*",
    "var/log/?*.log",
    "var/log/apt/?*",
    "root/.bash_history",
    "tmp/?*",
    "var/tmp/?*",
    "run/?*",
    "dev/?*",
    "boot/initrd.img-*",
};

bool rh_treetar_scrubbed(const char *path)
{
	for (size_t i = 0; i < sizeof scrub / sizeof *scrub; i++)
		if (fnmatch(scrub[i], path, 0) == 0)
			return true;
	return false;
}

/* --- extras --- */

static struct rh_extra *extra_new(struct rh_extras *x, const char *path, mode_t mode)
{
	struct rh_extra *e;

	if (!x->arena)
		x->arena = rh_arena_new();
	RH_GROW(x->v, x->n, x->cap);
	e = &x->v[x->n++];
	*e = (struct rh_extra){.path = rh_arena_strdup(x->arena, path), .mode = mode};
	return e;
}

void rh_extras_text(struct rh_extras *x, const char *path, mode_t mode, const char *text)
{
	struct rh_extra *e = extra_new(x, path, mode);

	e->text = rh_arena_strdup(x->arena, text);
	e->len = strlen(text);
}

void rh_extras_file(struct rh_extras *x, const char *path, mode_t mode, const char *source)
{
	struct rh_extra *e = extra_new(x, path, mode);

	e->source = rh_arena_strdup(x->arena, source);
}

void rh_extras_link(struct rh_extras *x, const char *path, const char *target)
{
	struct rh_extra *e = extra_new(x, path, 0777);

	e->link = rh_arena_strdup(x->arena, target);
}

void rh_extras_dir(struct rh_extras *x, const char *path, mode_t mode)
{
	extra_new(x, path, mode);
}

static int extra_cmp(const void *a, const void *b)
{
	return strcmp(((const struct rh_extra *)a)->path, ((const struct rh_extra *)b)->path);
}

int rh_extras_sort(struct rh_extras *x, struct rh_err *err)
{
	if (x->n)
		qsort(x->v, x->n, sizeof *x->v, extra_cmp);
	for (size_t i = 1; i < x->n; i++)
		if (!strcmp(x->v[i].path, x->v[i - 1].path))
			return rh_err_set(err, EEXIST, "two parts of the image bring /%s",
					  x->v[i].path);
	return 0;
}

void rh_extras_free(struct rh_extras *x)
{
	free(x->v);
	rh_arena_free(&x->arena);
	*x = (struct rh_extras){0};
}

int rh_extra_digest(struct rh_digest *d, const struct rh_extra *e, struct rh_err *err)
{
	char mode[16];

	snprintf(mode, sizeof mode, "%o", (unsigned)e->mode);
	rh_digest_part(d, "path", e->path, strlen(e->path));
	rh_digest_part(d, "mode", mode, strlen(mode));
	if (e->text)
		rh_digest_part(d, "text", e->text, e->len);
	else if (e->link)
		rh_digest_part(d, "link", e->link, strlen(e->link));
	else if (e->source)
		return rh_digest_file(d, "source", AT_FDCWD, e->source, err);
	return 0;
}

static bool is_dir(const struct rh_extra *e)
{
	return !e->text && !e->source && !e->link;
}

static const struct rh_extra *extra_find(const struct rh_extras *x, const char *path)
{
	struct rh_extra key = {.path = path};

	return x->n ? bsearch(&key, x->v, x->n, sizeof *x->v, extra_cmp) : NULL;
}

/* --- what has been written --- */

struct stream {
	struct archive *out;
	void *seen;   /* tree of struct seen */
	bool parents; /* bring the folders that files of ours need */
	uint64_t epoch;
};

/* A folder or a symbolic link of the stream. */
struct seen {
	char *path;
	struct archive_entry *dir; /* its last entry; NULL: a link */
};

static int seen_cmp(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->path, ((const struct seen *)b)->path);
}

static struct seen *seen_find(const struct stream *s, char *path)
{
	struct seen key = {.path = path}, **node = tfind(&key, &s->seen, seen_cmp);

	return node ? *node : NULL;
}

static void seen_note(struct stream *s, struct archive_entry *e)
{
	RH_FREE char *path = rh_xstrdup(archive_entry_pathname(e));
	bool is_link = archive_entry_filetype(e) == AE_IFLNK;
	size_t n = strlen(path);
	struct seen *known;

	if (!is_link && archive_entry_filetype(e) != AE_IFDIR)
		return;
	if (n && path[n - 1] == '/') /* libarchive adds it to folders */
		path[n - 1] = '\0';
	known = seen_find(s, path);
	if (!known) {
		known = rh_xalloc(sizeof *known);
		known->path = path;
		path = NULL;
		if (!tsearch(known, &s->seen, seen_cmp))
			abort(); /* no memory; see lib/core/mem.h */
	}
	if (known->dir)
		archive_entry_free(known->dir);
	known->dir = is_link ? NULL : archive_entry_clone(e);
}

static void seen_free(void *node)
{
	struct seen *s = node;

	if (s->dir)
		archive_entry_free(s->dir);
	free(s->path);
	free(s);
}

/* --- writing --- */

static int out_error(struct archive *out, const char *path, struct rh_err *err)
{
	int code = archive_errno(out);

	return rh_err_set(err, code > 0 ? code : EIO, "cannot write /%s into the tree: %s", path,
			  archive_error_string(out));
}

static int copy_data(int fd, struct archive *out, const char *path, uint64_t size,
		     struct rh_err *err)
{
	RH_FREE char *buf = rh_xalloc(BLOCK);
	uint64_t done = 0;
	ssize_t n;

	while ((n = read(fd, buf, BLOCK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rh_err_errno(err, errno, "cannot read the source of /%s", path);
		if ((uint64_t)n > size - done) { /* it has grown */
			done = size + 1;
			break;
		}
		if (archive_write_data(out, buf, (size_t)n) != n)
			return out_error(out, path, err);
		done += (uint64_t)n;
	}
	if (done != size)
		return rh_err_set(err, EAGAIN, "the source of /%s changed while it was read", path);
	return 0;
}

static int put_header(struct stream *s, struct archive_entry *e, struct rh_err *err)
{
	if (archive_entry_mtime(e) > (time_t)s->epoch)
		archive_entry_set_mtime(e, (time_t)s->epoch, 0);
	if (archive_write_header(s->out, e) < ARCHIVE_WARN)
		return out_error(s->out, archive_entry_pathname(e), err);
	seen_note(s, e);
	return 0;
}

static struct archive_entry *own_entry(const struct stream *s, const char *path, unsigned type,
				       mode_t mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_mtime(e, (time_t)s->epoch, 0);
	archive_entry_set_uname(e, "root");
	archive_entry_set_gname(e, "root");
	archive_entry_set_size(e, 0);
	return e;
}

/* The folders above PATH that nothing has brought: who unpacks would make them with a date of its
 * own. Below a symbolic link they are somewhere else, and there already. */
static int write_parents(struct stream *s, const char *path, struct rh_err *err)
{
	int r = 0;

	for (const char *p = path; r == 0 && (p = strchr(p, '/')); p++) {
		RH_FREE char *dir = rh_xasprintf("%.*s", (int)(p - path), path);
		struct seen *known = seen_find(s, dir);
		struct archive_entry *e;

		if (known && !known->dir)
			return 0;
		if (known)
			continue;
		e = own_entry(s, dir, AE_IFDIR, 0755);
		r = put_header(s, e, err);
		archive_entry_free(e);
	}
	return r;
}

static int write_extra(struct stream *s, const struct rh_extra *e, struct rh_err *err)
{
	struct archive_entry *entry = own_entry(s, e->path,
						e->link	    ? AE_IFLNK
						: is_dir(e) ? AE_IFDIR
							    : AE_IFREG,
						e->mode);
	RH_CLOSE int fd = -1;
	struct stat st = {.st_size = (off_t)e->len};
	int r = s->parents ? write_parents(s, e->path, err) : 0;

	if (r == 0 && e->source) {
		fd = open(e->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &st) < 0)
			r = rh_err_errno(err, errno, "cannot read %s", e->source);
	}
	if (e->link)
		archive_entry_set_symlink(entry, e->link);
	else if (!is_dir(e))
		archive_entry_set_size(entry, st.st_size);
	if (r == 0)
		r = put_header(s, entry, err);
	if (r == 0 && e->text && archive_write_data(s->out, e->text, e->len) != (la_ssize_t)e->len)
		r = out_error(s->out, e->path, err);
	if (r == 0 && e->source)
		r = copy_data(fd, s->out, e->path, (uint64_t)st.st_size, err);
	archive_entry_free(entry);
	return r;
}

static int open_out(struct stream *s, int fd, struct rh_err *err)
{
	s->out = archive_write_new();
	archive_write_set_format_pax_restricted(s->out);
	archive_write_set_bytes_per_block(s->out, BLOCK);
	archive_write_set_bytes_in_last_block(s->out, 512);
	if (archive_write_open_fd(s->out, fd) != ARCHIVE_OK)
		return rh_err_set(err, EIO, "cannot write the tree: %s",
				  archive_error_string(s->out));
	return 0;
}

static int close_out(struct stream *s, int r, struct rh_err *err)
{
	if (r == 0 && archive_write_close(s->out) != ARCHIVE_OK)
		r = out_error(s->out, "", err);
	archive_write_free(s->out);
	tdestroy(s->seen, seen_free);
	return r;
}

/* "./usr/bin/" → "usr/bin"; the buffer of ENTRY is reused by libarchive, so it is copied. */
static char *plain_path(struct archive_entry *e)
{
	const char *p = archive_entry_pathname(e);
	char *copy;
	size_t n;

	while (!strncmp(p, "./", 2))
		p += 2;
	copy = rh_xstrdup(p);
	n = strlen(copy);
	while (n > 0 && copy[n - 1] == '/')
		copy[--n] = '\0';
	return copy;
}

/* A folder of the packages stays (with its mode) when we bring a folder; a file of ours wins. */
static bool take(const struct rh_treetar *t, const char *path, struct archive_entry *e)
{
	const struct rh_extra *own;

	if (!*path || !strcmp(path, "."))
		return false;
	own = extra_find(t->extras, path);
	if (own && !(is_dir(own) && archive_entry_filetype(e) == AE_IFDIR))
		return false;
	return !rh_treetar_scrubbed(path);
}

static int damaged(struct archive *in, const char *tar, struct rh_err *err)
{
	return rh_err_set(err, EIO, "%s is damaged (%s): remove it, it is made again", tar,
			  archive_error_string(in));
}

static int copy_body(struct archive *in, struct archive *out, const char *tar, const char *path,
		     struct rh_err *err)
{
	const void *data;
	la_int64_t offset, done = 0;
	size_t size;
	int got;

	while ((got = archive_read_data_block(in, &data, &size, &offset)) == ARCHIVE_OK) {
		if (offset != done)
			return rh_err_set(err, EIO, "%s: /%s has holes", tar, path);
		if (archive_write_data(out, data, size) != (la_ssize_t)size)
			return out_error(out, path, err);
		done += (la_int64_t)size;
	}
	return got == ARCHIVE_EOF ? 0 : damaged(in, tar, err);
}

/* OWN: the tar is ours, and may be as old as the cache. */
static int copy_tar(const struct rh_treetar *t, const char *tar, bool own, struct stream *s,
		    struct rh_err *err)
{
	struct archive *in = archive_read_new();
	struct archive_entry *e;
	int r = 0, got;

	archive_read_support_format_tar(in);
	if (archive_read_open_filename(in, tar, BLOCK) != ARCHIVE_OK)
		r = rh_err_set(err, EIO, "cannot read %s: %s", tar, archive_error_string(in));
	while (r == 0 && (got = archive_read_next_header(in, &e)) != ARCHIVE_EOF) {
		RH_FREE char *path = NULL;

		if (got < ARCHIVE_WARN) {
			r = damaged(in, tar, err);
			break;
		}
		path = plain_path(e);
		if (!take(t, path, e))
			continue;
		archive_entry_set_pathname(e, path);
		if (own)
			archive_entry_set_mtime(e, (time_t)s->epoch, 0);
		r = rh_interrupted() ? rh_err_set(err, EINTR, "interrupted")
				     : put_header(s, e, err);
		if (r == 0 && archive_entry_size(e) > 0)
			r = copy_body(in, s->out, tar, path, err);
		if (r == 0 && t->tick)
			r = t->tick(t->arg, (uint64_t)archive_filter_bytes(in, -1), err);
	}
	archive_read_free(in);
	return r;
}

/* twalk_r() visits an inner node three times; in order is the second. */
struct again {
	struct stream *s;
	int r;
	struct rh_err *err;
};

static void write_again(const void *node, VISIT visit, void *arg)
{
	struct seen *known = *(struct seen *const *)node;
	struct again *a = arg;

	if (a->r < 0 || !known->dir || (visit != postorder && visit != leaf))
		return;
	if (archive_write_header(a->s->out, known->dir) < ARCHIVE_WARN)
		a->r = out_error(a->s->out, known->path, a->err);
}

int rh_treetar_write(const struct rh_treetar *t, int fd, struct rh_err *err)
{
	struct rh_treetar programs = {.extras = t->extras};
	struct stream s = {.epoch = t->epoch, .parents = true};
	int r = open_out(&s, fd, err);

	if (r == 0)
		r = copy_tar(t, t->packages, false, &s, err);
	if (r == 0 && t->programs)
		r = copy_tar(&programs, t->programs, true, &s, err);
	for (size_t i = 0; r == 0 && i < t->extras->n; i++)
		r = write_extra(&s, &t->extras->v[i], err);
	if (r == 0) {
		struct again a = {.s = &s, .err = err};

		twalk_r(s.seen, write_again, &a);
		r = a.r;
	}
	return close_out(&s, r, err);
}

int rh_treetar_extras(const struct rh_extras *x, const char *const *patterns, uint64_t epoch,
		      int fd, struct rh_err *err)
{
	struct stream s = {.epoch = epoch};
	int r = open_out(&s, fd, err);

	for (size_t i = 0; r == 0 && i < x->n; i++) {
		const char *const *p = patterns;

		while (*p && fnmatch(*p, x->v[i].path, 0) != 0)
			p++;
		if (*p)
			r = write_extra(&s, &x->v[i], err);
	}
	return close_out(&s, r, err);
}

int rh_treetar_read(const char *tar, const char *path, size_t max, struct rh_str *text,
		    struct rh_err *err)
{
	struct archive *in = archive_read_new();
	struct archive_entry *e;
	int got = ARCHIVE_EOF, r = rh_err_set(err, ENOENT, "%s has no /%s", tar, path);

	archive_read_support_format_tar(in);
	if (archive_read_open_filename(in, tar, BLOCK) != ARCHIVE_OK)
		r = rh_err_set(err, EIO, "cannot read %s: %s", tar, archive_error_string(in));
	while (r == -ENOENT && (got = archive_read_next_header(in, &e)) != ARCHIVE_EOF &&
	       got >= ARCHIVE_WARN) {
		RH_FREE char *here = plain_path(e);
		la_ssize_t n;
		char buf[65536];

		if (strcmp(here, path) || archive_entry_filetype(e) != AE_IFREG)
			continue;
		r = 0;
		while (r == 0 && (n = archive_read_data(in, buf, sizeof buf)) != 0) {
			if (n < 0 || text->len + (size_t)n > max)
				r = rh_err_set(err, EIO, "/%s in %s cannot be read", path, tar);
			else
				rh_str_addn(text, buf, (size_t)n);
		}
	}
	if (r == -ENOENT && got < ARCHIVE_WARN)
		r = damaged(in, tar, err);
	archive_read_free(in);
	return r;
}

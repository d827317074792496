// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is in a filesystem, as a sorted list, and two lists against each other; see compare_p.h.
 *
 * The list comes from a tar stream, which has everything in one reading: owner, mode, date with its
 * nanoseconds, extended attributes, contents. Its order is that of the folders on disk, which
 * differs between two filesystems that hold the same; so is the name under which a file with
 * several names comes with its contents. Both are made equal here.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/compare_p.h"
#include "lib/core/proc.h"

#define BLOCK (1 << 20)

void rh_listing_fact(struct rh_listing *l, const char *name, const char *value)
{
	if (!l->arena)
		l->arena = rh_arena_new();
	RH_GROW(l->facts, l->n_facts, l->cap_facts);
	l->facts[l->n_facts++] = (struct rh_fact){rh_arena_strdup(l->arena, name),
						  rh_arena_strdup(l->arena, value ? value : "")};
}

/* --- reading --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *attributes(struct archive_entry *e, struct rh_arena *arena)
{
	RH_STRV struct rh_strv list = {0};
	RH_STR struct rh_str all = {0};
	const char *name;
	const void *value;
	size_t size;
	char *acl;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
		RH_STR struct rh_str one = {0};

		rh_str_addf(&one, "%s=0x", name);
		for (size_t i = 0; i < size; i++)
			rh_str_addf(&one, "%02x", ((const uint8_t *)value)[i]);
		rh_strv_add(&list, one.data);
	}
	acl = archive_entry_acl_types(e)
		  ? archive_entry_acl_to_text(e, NULL, ARCHIVE_ENTRY_ACL_STYLE_MARK_DEFAULT)
		  : NULL;
	if (acl)
		rh_strv_addf(&list, "acl=%s", acl);
	free(acl);
	if (list.n)
		qsort(list.v, list.n, sizeof *list.v, by_text);
	for (size_t i = 0; i < list.n; i++)
		rh_str_addf(&all, "%s%s", i ? " " : "", list.v[i]);
	return rh_arena_strdup(arena, rh_str_text(&all));
}

/* "./etc/" → "etc", "./" → "." */
static const char *plain(const char *path, struct rh_arena *arena)
{
	size_t n;

	while (path[0] == '.' && path[1] == '/')
		path += 2;
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n ? rh_arena_strndup(arena, path, n) : ".";
}

static int digest_body(struct archive *in, struct rh_listed *f, struct rh_err *err)
{
	RH_FREE char *buf = rh_xalloc(BLOCK);
	struct rh_digest *d = rh_digest_new();
	la_ssize_t n;

	while ((n = archive_read_data(in, buf, BLOCK)) > 0)
		rh_digest_data(d, buf, (size_t)n);
	rh_digest_final(&d, f->digest);
	return n == 0 ? 0
		      : rh_err_set(err, EIO, "%s: /%s cannot be read: %s", f->volume, f->path,
				   archive_error_string(in));
}

static int add_entry(struct rh_listing *l, const char *volume, struct archive *in,
		     struct archive_entry *e, struct rh_err *err)
{
	const char *path = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
	const char *link = archive_entry_symlink(e);
	struct rh_listed *f;

	if (!path)
		return rh_err_set(err, EILSEQ, "%s: a file's name cannot be read", volume);
	RH_GROW(l->v, l->n, l->cap);
	f = &l->v[l->n++];
	*f = (struct rh_listed){
	    .volume = volume,
	    .path = plain(path, l->arena),
	    .mode = archive_entry_mode(e),
	    .uid = (uint32_t)archive_entry_uid(e),
	    .gid = (uint32_t)archive_entry_gid(e),
	    .seconds = archive_entry_mtime(e),
	    .nanoseconds = archive_entry_mtime_nsec(e),
	    .size = (uint64_t)archive_entry_size(e),
	    .link = rh_arena_strdup(l->arena, link ? link : ""),
	    .attributes = attributes(e, l->arena),
	    .first = "",
	    .hard = hard ? plain(hard, l->arena) : NULL,
	};
	if (S_ISBLK(f->mode) || S_ISCHR(f->mode)) {
		f->major = (unsigned)archive_entry_rdevmajor(e);
		f->minor = (unsigned)archive_entry_rdevminor(e);
	}
	return S_ISREG(f->mode) && !hard ? digest_body(in, f, err) : 0;
}

/* Who writes into the pipe must not find it closed before the archive's padding is out. */
static void drain(int fd)
{
	char buf[65536];

	while (read(fd, buf, sizeof buf) > 0)
		;
}

int rh_listing_tar(struct rh_listing *l, const char *volume, int fd, struct rh_err *err)
{
	struct archive *in = archive_read_new();
	struct archive_entry *e;
	int r = 0, got = ARCHIVE_EOF;

	if (!l->arena)
		l->arena = rh_arena_new();
	volume = rh_arena_strdup(l->arena, volume);
	archive_read_support_format_tar(in);
	if (archive_read_open_fd(in, fd, BLOCK) != ARCHIVE_OK)
		r = rh_err_set(err, EIO, "%s: %s", volume, archive_error_string(in));
	while (r == 0 && (got = archive_read_next_header(in, &e)) >= ARCHIVE_WARN &&
	       got != ARCHIVE_EOF)
		r = rh_interrupted() ? rh_err_set(err, EINTR, "interrupted")
				     : add_entry(l, volume, in, e, err);
	if (r == 0 && got != ARCHIVE_EOF)
		r = rh_err_set(err, EIO, "%s: the list of files is damaged: %s", volume,
			       archive_error_string(in));
	archive_read_free(in);
	if (r == 0)
		drain(fd);
	return r;
}

/* --- order --- */

static int by_path(const void *a, const void *b)
{
	const struct rh_listed *x = a, *y = b;
	int r = strcmp(x->volume, y->volume);

	return r ? r : strcmp(x->path, y->path);
}

static int by_fact(const void *a, const void *b)
{
	return strcmp(((const struct rh_fact *)a)->name, ((const struct rh_fact *)b)->name);
}

static struct rh_listed *find(const struct rh_listing *l, const char *volume, const char *path)
{
	struct rh_listed key = {.volume = volume, .path = path};

	return l->n ? bsearch(&key, l->v, l->n, sizeof key, by_path) : NULL;
}

int rh_listing_finish(struct rh_listing *l, struct rh_err *err)
{
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_path);
	if (l->n_facts)
		qsort(l->facts, l->n_facts, sizeof *l->facts, by_fact);
	/* The other names of a file get what its archived one has; the lists are sorted, so the
	 * first that meets the file has the smallest of those names. */
	for (size_t i = 0; i < l->n; i++) {
		struct rh_listed *f = &l->v[i], *main_name;

		if (!f->hard)
			continue;
		main_name = find(l, f->volume, f->hard);
		if (!main_name || main_name->hard)
			return rh_err_set(err, EINVAL, "%s: /%s is a link to nothing", f->volume,
					  f->path);
		if (!*main_name->first)
			main_name->first = by_path(main_name, f) < 0 ? main_name->path : f->path;
		f->first = main_name->first;
		f->mode = main_name->mode;
		f->size = main_name->size;
		f->attributes = main_name->attributes;
		memcpy(f->digest, main_name->digest, sizeof f->digest);
	}
	return 0;
}

/* --- comparison --- */

static const char *kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "symbolic link";
	case S_IFBLK:
		return "block device";
	case S_IFCHR:
		return "character device";
	case S_IFIFO:
		return "pipe";
	}
	return "socket";
}

static void add(struct rh_str *s, const char *fmt, ...) RH_PRINTF(2, 3);
static void add(struct rh_str *s, const char *fmt, ...)
{
	va_list ap;
	char text[1024];

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rh_str_addf(s, "%s%s", s->len ? "; " : "", text);
}

static const char *or_none(const char *text)
{
	return *text ? text : "none";
}

static void compare_attributes(const struct rh_listed *a, const struct rh_listed *b,
			       struct rh_str *s)
{
	if ((a->mode & 07777) != (b->mode & 07777))
		add(s, "mode %04o against %04o", (unsigned)a->mode & 07777,
		    (unsigned)b->mode & 07777);
	if (a->uid != b->uid)
		add(s, "owner %u against %u", a->uid, b->uid);
	if (a->gid != b->gid)
		add(s, "group %u against %u", a->gid, b->gid);
	if (a->seconds != b->seconds || a->nanoseconds != b->nanoseconds)
		add(s, "mtime %" PRId64 ".%09ld against %" PRId64 ".%09ld", a->seconds,
		    a->nanoseconds, b->seconds, b->nanoseconds);
	if (strcmp(a->attributes, b->attributes) != 0)
		add(s, "extended attributes: %s against %s", or_none(a->attributes),
		    or_none(b->attributes));
	if (strcmp(a->first, b->first) != 0)
		add(s, "hard link to %s against %s", or_none(a->first), or_none(b->first));
}

static void compare_file(const struct rh_listed *a, const struct rh_listed *b,
			 struct rh_comparison *c)
{
	RH_STR struct rh_str what = {0};
	RH_FREE char *where = rh_xasprintf("%s: /%s", a->volume, a->path);

	if ((a->mode & S_IFMT) != (b->mode & S_IFMT)) {
		rh_comparison_add(c, where, "a %s against a %s", kind(a->mode), kind(b->mode));
		return;
	}
	compare_attributes(a, b, &what);
	if (a->major != b->major || a->minor != b->minor)
		add(&what, "device %u:%u against %u:%u", a->major, a->minor, b->major, b->minor);
	if (strcmp(a->link, b->link) != 0)
		add(&what, "target %s against %s", a->link, b->link);
	if (a->size != b->size)
		add(&what, "size %" PRIu64 " against %" PRIu64, a->size, b->size);
	else if (strcmp(a->digest, b->digest) != 0)
		add(&what, "contents: SHA-256 %.16s… against %.16s…", a->digest, b->digest);
	if (what.len)
		rh_comparison_add(c, where, "%s", what.data);
}

static void compare_facts(const struct rh_listing *a, const struct rh_listing *b,
			  struct rh_comparison *c)
{
	size_t i = 0, j = 0;

	while (i < a->n_facts || j < b->n_facts) {
		const struct rh_fact *x = i < a->n_facts ? &a->facts[i] : NULL;
		const struct rh_fact *y = j < b->n_facts ? &b->facts[j] : NULL;
		int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);

		if (order < 0)
			rh_comparison_add(c, x->name, "%s against nothing", x->value);
		else if (order > 0)
			rh_comparison_add(c, y->name, "nothing against %s", y->value);
		else if (strcmp(x->value, y->value) != 0)
			rh_comparison_add(c, x->name, "%s against %s", x->value, y->value);
		i += order <= 0;
		j += order >= 0;
	}
}

void rh_listing_compare(const struct rh_listing *a, const struct rh_listing *b,
			struct rh_comparison *c)
{
	size_t i = 0, j = 0;

	compare_facts(a, b, c);
	while (i < a->n || j < b->n) {
		const struct rh_listed *x = i < a->n ? &a->v[i] : NULL;
		const struct rh_listed *y = j < b->n ? &b->v[j] : NULL;
		int order = !x ? 1 : !y ? -1 : by_path(x, y);
		const struct rh_listed *one = order <= 0 ? x : y;

		if (order == 0) {
			compare_file(x, y, c);
		} else {
			RH_FREE char *where = rh_xasprintf("%s: /%s", one->volume, one->path);

			rh_comparison_add(c, where, "a %s that is only in the %s pair",
					  kind(one->mode), order < 0 ? "first" : "other");
		}
		c->files++;
		i += order <= 0;
		j += order >= 0;
	}
}

void rh_listing_free(struct rh_listing *l)
{
	free(l->v);
	free(l->facts);
	rh_arena_free(&l->arena);
	*l = (struct rh_listing){0};
}

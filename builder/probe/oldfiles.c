/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Courier's own files beside the messages.
 *
 * courierimapuiddb: "1 UIDVALIDITY UIDNEXT", then "UID BASENAME"; the name may hold spaces.
 * courierpop3dsizelist: "/VERSION NEXTUID UIDVALIDITY" (version 0: none), then "FILE SIZE ID",
 * split at the last spaces; ID is UID (v1), UID:UIDVALIDITY (v2) or UID:UIDVALIDITY:UTF8 (v3).
 *
 * Directory names: Courier 5 keeps UTF-8, Courier 4 what the client sent (modified UTF-7); both are
 * looked for.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/probe/mutf7.h"
#include "builder/probe/oldfiles.h"
#include "lib/core/file.h"

#define LIST_MAX (256ul * 1024 * 1024)

struct entry {
	const char *base; /* without flags */
	const char *path; /* "cur/NAME" or "new/NAME" */
};

struct index {
	struct entry *v;
	size_t n, cap;
};

static int cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return strcmp(x->base, y->base);
}

static size_t base_len(const char *name)
{
	const char *colon = strrchr(name, ':');
	return colon ? (size_t)(colon - name) : strlen(name);
}

static int index_dir(int dirfd, const char *sub, struct rh_arena *arena, struct index *ix,
		     struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	int r = rh_list_dir(dirfd, sub, &names, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.n; i++) {
		if (names.v[i][0] == '.')
			continue;
		RH_GROW(ix->v, ix->n, ix->cap);
		struct entry *e = &ix->v[ix->n++];
		e->base = rh_arena_strndup(arena, names.v[i], base_len(names.v[i]));
		e->path = rh_arena_printf(arena, "%s/%s", sub, names.v[i]);
	}
	return 0;
}

static int digest_file(int dirfd, const char *path, struct rh_arena *arena, struct rh_message *m,
		       struct rh_err *err)
{
	RH_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	RH_FREE char *buf = rh_xalloc(256 * 1024);
	struct rh_canon c;
	char hex[65];
	ssize_t n;

	if (fd < 0)
		return rh_err_errno(err, errno, "%s", path);
	rh_canon_begin(&c);
	while ((n = read(fd, buf, 256 * 1024)) > 0)
		rh_canon_add(&c, buf, (size_t)n);
	int e = errno;
	rh_canon_end(&c, hex);
	if (n < 0)
		return rh_err_errno(err, e, "%s", path);
	m->sha256 = rh_arena_strdup(arena, hex);
	m->wire = c.wire;
	m->crlf = c.crlf;
	m->open_end = c.open_end;
	return 0;
}

/* "INBOX.A.B" → the Maildir's subdirectory ".A.B", in one of the two spellings. */
static int open_folder(int mailfd, const char *name, struct rh_err *err)
{
	RH_STR struct rh_str raw = {0};
	RH_STR struct rh_str old = {0};

	if (!strcmp(name, "INBOX"))
		return fcntl(mailfd, F_DUPFD_CLOEXEC, 3);
	if (strncmp(name, "INBOX.", 6) != 0)
		return rh_err_set(err, EINVAL, "folder %s is not below INBOX", name);
	rh_str_addf(&raw, ".%s", name + 6);
	int fd = openat(mailfd, raw.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && rh_mutf7_encode(raw.data, &old, err) == 0)
		fd = openat(mailfd, old.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? rh_err_errno(err, errno, "folder %s", name) : fd;
}

static int cmp_uid(const void *a, const void *b)
{
	const struct rh_message *x = a, *y = b;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int fill_line(int dirfd, char *line, const struct index *ix, struct rh_arena *arena,
		     struct rh_folder *f, struct rh_err *err)
{
	char *rest;
	struct rh_message key = {.uid = (uint32_t)strtoul(line, &rest, 10)};
	struct entry want = {.base = *rest ? rest + 1 : rest};

	struct rh_message *m = f->n ? bsearch(&key, f->v, f->n, sizeof key, cmp_uid) : NULL;
	struct entry *e = ix->n ? bsearch(&want, ix->v, ix->n, sizeof want, cmp_entry) : NULL;
	if (!m || !e) /* a message that is gone */
		return 0;
	m->file = e->base;
	return digest_file(dirfd, e->path, arena, m, err);
}

static int fill_folder(int dirfd, struct index *ix, struct rh_arena *arena, struct rh_folder *f,
		       struct rh_err *err)
{
	RH_STR struct rh_str db = {0};
	int r = index_dir(dirfd, "cur", arena, ix, err);

	if (r == 0)
		r = index_dir(dirfd, "new", arena, ix, err);
	if (r == 0)
		r = rh_file_read(dirfd, "courierimapuiddb", LIST_MAX, &db, err);
	if (r < 0)
		return r;
	if (ix->n)
		qsort(ix->v, ix->n, sizeof *ix->v, cmp_entry);
	char *save = NULL, *line = db.data ? strtok_r(db.data, "\n", &save) : NULL;
	if (!line || strncmp(line, "1 ", 2) != 0)
		return rh_err_set(err, EINVAL, "courierimapuiddb of a version that is not 1");
	while (r == 0 && (line = strtok_r(NULL, "\n", &save)))
		r = fill_line(dirfd, line, ix, arena, f, err);
	for (size_t i = 0; r == 0 && i < f->n; i++)
		if (!*f->v[i].sha256)
			r = rh_err_set(err, ENOENT,
				       "UID %u has no file in courierimapuiddb (new mail is "
				       "numbered on a copy, with --settle)",
				       f->v[i].uid);
	return r;
}

static int open_maildir(int rootfd, const struct rh_account *a, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/Maildir", a->dir);
	int fd = openat(rootfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? rh_err_errno(err, errno, "%s", path) : fd;
}

int rh_oldfiles_numbered(int rootfd, const struct rh_account *a, struct rh_strv *names,
			 struct rh_err *err)
{
	RH_CLOSE int mailfd = open_maildir(rootfd, a, err);
	RH_STRV struct rh_strv all = {0};

	if (mailfd < 0)
		return mailfd;
	int r = rh_list_dir(mailfd, ".", &all, err);
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		RH_FREE char *db = rh_xasprintf("%s/courierimapuiddb", all.v[i]);
		RH_STR struct rh_str name = {0};
		if (all.v[i][0] != '.' || !rh_exists(mailfd, db))
			continue;
		/* A name that is not modified UTF-7 is UTF-8 already. */
		if (rh_mutf7_decode(all.v[i], &name, NULL) < 0) {
			rh_str_free(&name);
			rh_str_add(&name, all.v[i]);
		}
		rh_strv_addf(names, "INBOX%s", rh_str_text(&name));
	}
	if (r == 0 && rh_exists(mailfd, "courierimapuiddb"))
		rh_strv_add(names, "INBOX");
	return r;
}

void rh_oldfiles_fresh(struct rh_account *a, const struct rh_strv *names)
{
	for (size_t i = 0; i < a->n_folders; i++) {
		struct rh_folder *f = &a->folders[i];
		f->fresh = !f->noselect;
		for (size_t k = 0; k < names->n && f->fresh; k++)
			f->fresh = strcmp(names->v[k], f->name) != 0;
	}
}

int rh_oldfiles_fill(int rootfd, struct rh_arena *arena, struct rh_account *a, struct rh_err *err)
{
	RH_CLOSE int mailfd = open_maildir(rootfd, a, err);
	int r = mailfd < 0 ? mailfd : 0;

	for (size_t i = 0; r == 0 && i < a->n_folders; i++) {
		struct rh_folder *f = &a->folders[i];
		struct index ix = {0};
		if (f->noselect)
			continue;
		RH_CLOSE int fd = open_folder(mailfd, f->name, err);
		r = fd < 0 ? fd : fill_folder(fd, &ix, arena, f, err);
		free(ix.v);
		r = r < 0 ? rh_err_prefix(err, r, "%s %s", a->user, f->name) : 0;
	}
	return r;
}

/* "+XX" for what may not stand in a UIDL. */
static const char *escaped(struct rh_arena *arena, const char *base)
{
	RH_STR struct rh_str out = {0};

	for (const unsigned char *p = (const unsigned char *)base; *p; p++) {
		if (*p < 0x21 || *p > 0x7e || strchr("'\"+", *p))
			rh_str_addf(&out, "+%02X", *p);
		else
			rh_str_addc(&out, (char)*p);
	}
	return rh_arena_strdup(arena, rh_str_text(&out));
}

/* ID of version V → the UIDL that Courier gives. */
static const char *render(struct rh_arena *arena, int v, const char *base, const char *id)
{
	unsigned long uid = v > 0 ? strtoul(id, NULL, 10) : 0;
	const char *colon = strchr(id, ':');
	unsigned long validity = v > 1 && colon ? strtoul(colon + 1, NULL, 10) : 0;

	if (uid == 0)
		return escaped(arena, base);
	if (validity == 0)
		return rh_arena_printf(arena, "UID%lu", uid);
	return rh_arena_printf(arena, "UID%lu-%lu", uid, validity);
}

static void add_line(char *line, int version, struct rh_arena *arena, struct rh_uidls *l)
{
	char *id = "", *sp = strrchr(line, ' ');

	if (version > 0 && sp) {
		*sp = '\0';
		id = sp + 1;
		sp = strrchr(line, ' ');
	}
	if (!sp)
		return;
	*sp = '\0';
	RH_GROW(l->v, l->n, l->cap);
	struct rh_uidl *u = &l->v[l->n++];
	u->base = rh_arena_strndup(arena, line, base_len(line));
	u->uidl = render(arena, version, u->base, id);
}

int rh_oldfiles_uidls(int rootfd, struct rh_arena *arena, const struct rh_account *a,
		      struct rh_uidls *l, struct rh_err *err)
{
	RH_CLOSE int mailfd = open_maildir(rootfd, a, err);
	RH_STR struct rh_str text = {0};
	int version = 0;

	if (mailfd < 0)
		return mailfd;
	int r = rh_file_read(mailfd, "courierpop3dsizelist", LIST_MAX, &text, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	char *save = NULL, *line = text.data ? strtok_r(text.data, "\n", &save) : NULL;
	if (line && line[0] == '/') {
		version = atoi(line + 1);
		if (version < 1 || version > 3)
			return rh_err_set(err, EINVAL, "courierpop3dsizelist of version %d",
					  version);
		line = strtok_r(NULL, "\n", &save);
	}
	for (; line; line = strtok_r(NULL, "\n", &save))
		add_line(line, version, arena, l);
	return 0;
}

void rh_uidls_free(struct rh_uidls *l)
{
	free(l->v);
	*l = (struct rh_uidls){0};
}

static const struct rh_uidl *by_uidl(const struct rh_uidls *l, const char *uidl)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].uidl, uidl))
			return &l->v[i];
	return NULL;
}

int rh_oldfiles_pop3(struct rh_account *a, const struct rh_uidls *before,
		     const struct rh_uidls *after, struct rh_err *err)
{
	const struct rh_folder *inbox = rh_account_folder(a, "INBOX");

	for (size_t i = 0; i < a->n_pop; i++) {
		struct rh_pop_message *p = &a->pop[i];
		const struct rh_uidl *u = by_uidl(after, p->uidl);
		const struct rh_message *m = NULL;
		for (size_t j = 0; u && inbox && !m && j < inbox->n; j++)
			if (!strcmp(inbox->v[j].file, u->base))
				m = &inbox->v[j];
		if (!m)
			return rh_err_set(err, ENOENT, "%s: UIDL %s belongs to no message", a->user,
					  p->uidl);
		p->wire = m->open_end || m->crlf ? m->wire : 0;
		p->known = by_uidl(before, p->uidl) != NULL;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a folder.
 *
 * UIDs: a message that stands in courierimapuiddb keeps its UID. The others get the next ones in
 * the order in which Courier would number them at the next login: leading number, then name, those
 * in new/ included. A folder without courierimapuiddb was never opened by IMAP, so no client knows
 * a UIDVALIDITY of it: it gets one made of the time of its cur/, which an interrupted and repeated
 * run finds again, and which is above every value that Courier makes (time - 1000000000).
 *
 * UIDLs (INBOX only): what courierpop3dsizelist says; a message that is not in it gets the number
 * that Courier would give next. Without a list it is the escaped base name, which is what Courier
 * and qmail-pop3d both answer at a first login. POP3 order is Courier's sort of all names.
 *
 * new/ is listed before cur/, so that a message which a live server moves meanwhile is seen twice
 * rather than never; the second sight is recognised by its inode.
 */
#include "rootfs/import/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rootfs/mail/msgname.h"

#define LIST_TRIES 5

const char *rh_msg_dir(const struct rh_msg *m)
{
	return m->in_new ? "new" : "cur";
}

void rh_folder_free(struct rh_folder *f)
{
	free(f->v);
	rh_arena_free(&f->arena);
	*f = (struct rh_folder){0};
}

static void lost(struct rh_run *run, const struct rh_folder *f, const char *sub, const char *name,
		 const char *why)
{
	char *file RH_FREE = rh_xasprintf("%s/%s/%s", f->path, sub, name);
	rh_report_add(&run->report, RH_LOST, file, 0, "%s", why);
}

static void add_entry(struct rh_run *run, struct rh_folder *f, const struct rh_dirent *e,
		      bool in_new)
{
	const char *sub = in_new ? "new" : "cur";
	if (e->name[0] == '.') {
		lost(run, f, sub, e->name,
		     "no mail server takes a name with a leading dot for a "
		     "message");
		return;
	}
	if (e->type != DT_REG && e->type != DT_LNK) {
		lost(run, f, sub, e->name, "it is not a regular file");
		return;
	}
	RH_GROW(f->v, f->n, f->cap);
	f->v[f->n++] = (struct rh_msg){.src = e->name,
				       .dst = e->name,
				       .ino = e->ino,
				       .in_new = in_new,
				       .link = e->type == DT_LNK,
				       .src_base = (uint16_t)rh_msgname_split(e->name).base};
}

/* The names in cur or new; *MTIME: of the directory, before. */
static int list_names(struct rh_folder *f, int dir, bool in_new, struct rh_dirlist *l,
		      struct timespec *mtime, struct rh_err *err)
{
	const char *sub = in_new ? "new" : "cur";
	struct stat st;
	int fd RH_CLOSE = -1;
	int r = rh_source_subdir(dir, sub, &fd);
	if (r == -ENOENT)
		return r;
	if (r < 0 || fstat(fd, &st) < 0)
		return rh_err_errno(err, r < 0 ? -r : errno, "cannot open %s/%s", f->path, sub);
	*mtime = st.st_mtim;
	return rh_source_list(f->arena, fd, l, err);
}

static bool changed_since(int dir, bool in_new, const struct timespec *mtime)
{
	struct stat st;
	return fstatat(dir, in_new ? "new" : "cur", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mtim.tv_sec != mtime->tv_sec || st.st_mtim.tv_nsec != mtime->tv_nsec);
}

/* A file that is renamed while its directory is read may be missed under both names. So what has
 * changed meanwhile is read again, until it stands still or is reported. */
static int list_messages(struct rh_run *run, struct rh_folder *f, int dir, bool in_new,
			 struct rh_err *err)
{
	struct rh_dirlist l = {0};
	struct timespec mtime = {0};
	bool moving = true;
	int r = 0;

	for (int i = 0; r == 0 && moving && i < LIST_TRIES; i++) {
		l.n = 0;
		r = list_names(f, dir, in_new, &l, &mtime, err);
		moving = r == 0 && changed_since(dir, in_new, &mtime);
	}
	if (r == -ENOENT)
		rh_report_add(&run->report, RH_REMARK, f->path, 0, "it has no %s: taken as empty",
			      in_new ? "new" : "cur");
	else if (r == 0 && moving)
		rh_report_add(
		    &run->report, RH_LOST, f->path, 0,
		    "mail is being moved in %s: some of it may be missing; run again when "
		    "the old server is at rest",
		    in_new ? "new" : "cur");
	for (size_t i = 0; r == 0 && i < l.n; i++)
		add_entry(run, f, &l.v[i], in_new);
	rh_dirlist_free(&l);
	return r == -ENOENT ? 0 : r;
}

static void count_tmp(struct rh_run *run, struct rh_folder *f, int dir)
{
	struct rh_dirlist l = {0};
	int fd RH_CLOSE = -1;
	int r = rh_source_subdir(dir, "tmp", &fd);
	if (r == -ENOENT)
		return;
	if (r == 0)
		r = rh_source_list(f->arena, fd, &l, NULL);
	if (r < 0)
		rh_report_add(&run->report, RH_LOST, f->path, 0, "tmp/ cannot be read: %s",
			      strerror(-r));
	else if (l.n)
		rh_report_add(&run->report, RH_LOST, f->path, 0,
			      "%zu files in tmp/ not carried: they are unfinished deliveries", l.n);
	rh_dirlist_free(&l);
}

static int by_courier(const void *a, const void *b)
{
	const struct rh_msg *x = a, *y = b;
	int c = rh_msgname_cmp(x->src, y->src, false);
	if (c == 0)
		c = (int)x->in_new - (int)y->in_new;
	return c ? c : strcmp(x->src, y->src);
}

static int by_uid(const void *a, const void *b)
{
	const struct rh_msg *x = a, *y = b;
	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_pop(const void *a, const void *b)
{
	const struct rh_msg *x = *(struct rh_msg *const *)a, *y = *(struct rh_msg *const *)b;
	int c = rh_msgname_cmp(x->src, y->src, true);
	return c ? c : (x->uid > y->uid) - (x->uid < y->uid);
}

/* Does the list hold two names for one file? Then the message was moved while we listed, or it is a
 * hard link: the message is carried once. */
static void drop_moved(struct rh_run *run, struct rh_folder *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		struct rh_msg *m = &f->v[i], *last = n ? &f->v[n - 1] : NULL;
		if (last && last->src_base == m->src_base && last->ino == m->ino &&
		    memcmp(last->src, m->src, m->src_base) == 0) {
			char *file RH_FREE =
			    rh_xasprintf("%s/%s/%s", f->path, rh_msg_dir(m), m->src);
			rh_report_add(&run->report, RH_REMARK, file, 0,
				      "the same file as %s/%s: carried once", rh_msg_dir(last),
				      last->src);
			continue;
		}
		f->v[n++] = *m;
	}
	f->n = n;
}

static void set_base(struct rh_msg *m, const char *base)
{
	m->dst = base;
	m->dst_base = (uint16_t)strlen(base);
}

static void say_renamed(struct rh_run *run, const struct rh_folder *f, const struct rh_msg *m,
			const char *why)
{
	char *file RH_FREE = rh_xasprintf("%s/%s/%s", f->path, rh_msg_dir(m), m->src);
	rh_report_add(&run->report, RH_REMARK, file, 0, "the message is now called %s: %s", m->dst,
		      why);
}

/* Takes every ",W=N" out of BASE. */
static bool drop_w(char *base)
{
	bool found = false;
	for (char *from; (from = strstr(base, ",W=")) != NULL; found = true) {
		char *to = strchrnul(from + 3, ',');
		memmove(from, to, strlen(to) + 1);
	}
	return found;
}

/* The base without ",W=N" (a wrong one ends a client's session, a right one is not needed) and
 * without what Dovecot's list cannot hold: ':', line ends, nothing at all. NULL when M's own base
 * will do. */
static char *clean_base(struct rh_folder *f, const struct rh_msg *m, bool *odd, bool *sized)
{
	static const char bad[] = ":\r\n";
	char *base = rh_arena_strndup(f->arena, m->src, m->src_base);
	size_t n = strcspn(base, bad);
	*odd = base[n] || !*base;
	*sized = drop_w(base);
	if (!*odd && !*sized)
		return NULL;
	for (char *p = base; *(p += strcspn(p, bad));)
		*p = '_';
	if (!*base)
		base = rh_arena_strdup(f->arena, "_");
	return base;
}

static int by_dst(const void *a, const void *b)
{
	const struct rh_msg *x = *(struct rh_msg *const *)a, *y = *(struct rh_msg *const *)b;
	size_t n = x->dst_base < y->dst_base ? x->dst_base : y->dst_base;
	int c = memcmp(x->dst, y->dst, n);
	if (c == 0)
		c = (int)x->dst_base - (int)y->dst_base;
	return c ? c : (x > y) - (x < y); /* Courier's order: the first keeps the name */
}

/* Every second message of one base gets a base of its own. Returns whether there was one. */
static bool part_equal_bases(struct rh_run *run, struct rh_folder *f)
{
	struct rh_msg **v = rh_xalloc((f->n + 1) * sizeof *v);
	bool found = false;
	for (size_t i = 0; i < f->n; i++)
		v[i] = &f->v[i];
	if (f->n)
		qsort(v, f->n, sizeof *v, by_dst);
	for (size_t i = 1, k = 2; i < f->n; i++, k++) {
		const struct rh_msg *first = v[i - k + 1];
		if (first->dst_base != v[i]->dst_base ||
		    memcmp(first->dst, v[i]->dst, first->dst_base) != 0) {
			k = 1;
			continue;
		}
		int keep = v[i]->dst_base > 240 ? 240 : v[i]->dst_base;
		set_base(v[i], rh_arena_printf(f->arena, "%.*s.%zu", keep, v[i]->dst, k));
		v[i]->second = true;
		say_renamed(run, f, v[i], "another message of the folder has the same name");
		found = true;
	}
	free(v);
	return found;
}

/* Which bases cannot stay. */
static void settle_bases(struct rh_run *run, struct rh_folder *f)
{
	size_t with_w = 0;
	drop_moved(run, f);
	for (size_t i = 0; i < f->n; i++) {
		struct rh_msg *m = &f->v[i];
		bool odd, sized;
		char *base = clean_base(f, m, &odd, &sized);
		m->dst_base = m->src_base;
		if (base)
			set_base(m, base);
		if (odd)
			say_renamed(run, f, m,
				    "Dovecot can have neither ':' nor a line end in a name, "
				    "nor a name that is empty");
		with_w += sized;
	}
	if (with_w)
		rh_report_add(&run->report, RH_REMARK, f->path, 0,
			      "%zu messages lose the ',W=' of their names: Dovecot would trust it",
			      with_w);
	while (part_equal_bases(run, f))
		continue;
}

static char *src_base(const struct rh_folder *f, const struct rh_msg *m)
{
	return rh_arena_strndup(f->arena, m->src, m->src_base);
}

/* Reads a state file of the folder; false when there is none (or it is reported as unreadable). */
static bool state_file(struct rh_run *run, struct rh_folder *f, int dir, const char *name,
		       struct rh_str *text, const char **file)
{
	struct rh_err err = {0};
	int r = rh_source_read(dir, name, text, &err);
	*file = rh_arena_printf(f->arena, "%s/%s", f->path, name);
	if (r < 0 && r != -ENOENT)
		rh_report_add(&run->report, RH_LOST, *file, 0, "%s", err.text);
	return r == 0;
}

static uint32_t made_validity(int dir)
{
	struct stat st;
	if (fstatat(dir, "cur", &st, 0) < 0 || st.st_mtime < 1000000000)
		return 1000000000;
	return st.st_mtime > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)st.st_mtime;
}

static void number_messages(struct rh_run *run, struct rh_folder *f, int dir, uint32_t validity,
			    struct rh_uiddb *db, const char *file)
{
	if ((uint64_t)db->next + f->n > RH_UID_MAX) {
		rh_report_add(&run->report, RH_LOST, file, 1,
			      "UIDs not carried: UIDNEXT %u leaves no room for new messages",
			      db->next);
		rh_uiddb_free(db);
	}
	f->validity = db->valid ? db->validity : validity ? validity : made_validity(dir);
	f->next = db->next ? db->next : 1;
	for (size_t i = 0; i < f->n; i++) {
		struct rh_msg *m = &f->v[i];
		const struct rh_uidrec *r = m->second ? NULL : rh_uiddb_find(db, src_base(f, m));
		m->uid = r ? r->uid : f->next++;
	}
	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_uid);
}

static void read_uids(struct rh_run *run, struct rh_folder *f, int dir, uint32_t validity)
{
	struct rh_str text RH_STR = {0};
	struct rh_diags diags = {0};
	struct rh_uiddb db = {0};
	const char *file;

	if (state_file(run, f, dir, "courierimapuiddb", &text, &file))
		rh_uiddb_parse(f->arena, file, rh_str_text(&text), text.len, &db, &diags);
	number_messages(run, f, dir, validity, &db, file);
	rh_report_diags(&run->report, &diags);
	rh_diags_free(&diags);
	rh_uiddb_free(&db);
}

static void give_uidls(struct rh_folder *f, struct rh_poplist *l, bool have)
{
	struct rh_msg **order = rh_xalloc((f->n + 1) * sizeof *order);
	for (size_t i = 0; i < f->n; i++)
		order[i] = &f->v[i];
	if (f->n)
		qsort(order, f->n, sizeof *order, by_pop);
	for (size_t i = 0; i < f->n; i++) {
		struct rh_msg *m = order[i];
		char *base = src_base(f, m);
		const struct rh_poprec *r = m->second ? NULL : rh_poplist_find(l, base);
		uint64_t uid = r ? r->uid : 0, validity = r ? r->validity : 0;
		if (!r && have && l->version > 0) {
			uid = l->next++;
			validity = l->validity;
		}
		m->order = (uint32_t)i + 1;
		m->uidl = rh_poplist_uidl(f->arena, base, uid, validity);
		if (uid == 0 && m->second)
			m->uidl = rh_poplist_uidl(f->arena, m->dst, 0, 0);
	}
	free(order);
}

static void read_uidls(struct rh_run *run, struct rh_folder *f, int dir)
{
	struct rh_str text RH_STR = {0};
	struct rh_diags diags = {0};
	struct rh_poplist l = {0};
	const char *file;
	bool have = state_file(run, f, dir, "courierpop3dsizelist", &text, &file);

	if (have)
		rh_poplist_parse(f->arena, file, rh_str_text(&text), text.len, &l, &diags);
	give_uidls(f, &l, have && l.valid && l.next > 0);
	rh_report_diags(&run->report, &diags);
	rh_diags_free(&diags);
	rh_poplist_free(&l);
}

static void pending_files(struct rh_run *run, struct rh_folder *f, int kdir,
			  const struct rh_dirlist *l, struct rh_keywords *k, struct rh_diags *diags)
{
	for (size_t i = 0; i < l->n; i++) {
		struct rh_str text RH_STR = {0};
		const char *base, *name = l->v[i].name;
		char *path = rh_arena_printf(f->arena, "%s/courierimapkeywords/%s", f->path, name);
		uint64_t rank;
		struct rh_err err = {0};
		if (strcmp(name, ":list") == 0 || strncmp(name, ".tmp.", 5) == 0)
			continue;
		if (!rh_kwpending_name(name, &base, &rank)) {
			rh_report_add(&run->report, RH_LOST, path, 0, "not carried: unknown file");
			continue;
		}
		if (rh_source_read(kdir, name, &text, &err) < 0)
			rh_report_add(&run->report, RH_LOST, path, 0, "%s", err.text);
		else
			rh_kwpending_parse(f->arena, path, base, rank, rh_str_text(&text), text.len,
					   k, diags);
	}
}

static int load_keywords(struct rh_run *run, struct rh_folder *f, int dir, struct rh_keywords *k,
			 struct rh_diags *diags)
{
	struct rh_str text RH_STR = {0};
	struct rh_dirlist l = {0};
	struct rh_err err = {0};
	char *path = rh_arena_printf(f->arena, "%s/courierimapkeywords", f->path);
	int kdir RH_CLOSE = -1;
	int r = rh_source_subdir(dir, "courierimapkeywords", &kdir);
	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = rh_source_list(f->arena, kdir, &l, &err);
	if (r < 0) {
		rh_report_add(&run->report, RH_LOST, path, 0, "keywords not carried: %s",
			      err.text[0] ? err.text : strerror(-r));
		return r;
	}
	rh_dirlist_sort(&l);
	r = rh_source_read(kdir, ":list", &text, &err);
	path = rh_arena_printf(f->arena, "%s/:list", path);
	if (r == 0)
		rh_kwlist_parse(f->arena, path, rh_str_text(&text), text.len, k, diags);
	else if (r != -ENOENT)
		rh_report_add(&run->report, RH_LOST, path, 0, "%s", err.text);
	pending_files(run, f, kdir, &l, k, diags);
	rh_keywords_settle(k);
	rh_dirlist_free(&l);
	return 0;
}

static void give_letters(struct rh_run *run, struct rh_folder *f, const struct rh_keywords *k,
			 struct rh_diags *diags)
{
	const struct rh_kwrec **rec = rh_xalloc((f->n + 1) * sizeof *rec);
	size_t *used = rh_xalloc((k->nnames + 1) * sizeof *used);
	char *file = rh_arena_printf(f->arena, "%s/courierimapkeywords", f->path);

	for (size_t i = 0; i < f->n; i++) {
		rec[i] = rh_keywords_find(k, src_base(f, &f->v[i]));
		if (rec[i] && rec[i]->n && f->v[i].in_new) {
			lost(run, f, "new", f->v[i].src,
			     "keywords not carried: the message is new");
			rec[i] = NULL;
		}
		for (size_t j = 0; rec[i] && j < rec[i]->n; j++)
			used[rec[i]->kw[j]]++;
	}
	rh_letters_assign(f->arena, file, k, used, &f->letters, diags);
	for (size_t i = 0; i < f->n; i++)
		for (size_t j = 0; rec[i] && j < rec[i]->n; j++)
			if (f->letters.of[rec[i]->kw[j]] >= 0)
				f->v[i].letters |= 1u << f->letters.of[rec[i]->kw[j]];
	free(rec);
	free(used);
}

static void read_keywords(struct rh_run *run, struct rh_folder *f, int dir)
{
	struct rh_keywords k = {0};
	struct rh_diags diags = {0};
	if (load_keywords(run, f, dir, &k, &diags) == 0)
		give_letters(run, f, &k, &diags);
	rh_report_diags(&run->report, &diags);
	rh_diags_free(&diags);
	rh_keywords_free(&k);
}

/* The whole target name: base, flags, letters. Returns how many characters of the source's flags
 * have no counterpart. */
static size_t final_name(struct rh_run *run, struct rh_folder *f, struct rh_msg *m)
{
	char flags[RH_FLAGS_MAX], letters[RH_KW_LETTERS + 1];
	const char *info = rh_msgname_split(m->src).info;
	size_t other = rh_msgname_flags(info, flags), n = 0;

	for (int i = 0; i < RH_KW_LETTERS; i++)
		if (m->letters & 1u << i)
			letters[n++] = (char)('a' + i);
	letters[n] = 0;
	if (!info && n == 0)
		return 0; /* a base without info stays as it is */
	if (m->dst_base + 3 + strlen(flags) + n > 255) {
		lost(run, f, rh_msg_dir(m), m->src, "keywords not carried: the name gets too long");
		letters[0] = 0;
	}
	char *name =
	    rh_arena_printf(f->arena, "%.*s:2,%s%s", (int)m->dst_base, m->dst, flags, letters);
	m->dst = strcmp(name, m->src) == 0 ? m->src : name;
	return other;
}

static void final_names(struct rh_run *run, struct rh_folder *f)
{
	size_t messages = 0, chars = 0;
	for (size_t i = 0; i < f->n; i++) {
		uint64_t size;
		size_t other = final_name(run, f, &f->v[i]);
		messages += other > 0;
		chars += other;
		if (rh_msgname_size(f->v[i].src, f->v[i].src_base, &size) && size < 1ull << 40)
			f->stated_bytes += size;
	}
	if (messages)
		rh_report_add(
		    &run->report, RH_LOST, f->path, 0,
		    "%zu flag characters of %zu messages not carried: they mean nothing to "
		    "Courier",
		    chars, messages);
}

int rh_folder_scan(struct rh_run *run, int dir, uint32_t validity, struct rh_folder *f,
		   struct rh_err *err)
{
	int r = list_messages(run, f, dir, true, err);
	if (r == 0)
		r = list_messages(run, f, dir, false, err);
	if (r < 0)
		return r;
	count_tmp(run, f, dir);
	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_courier);
	settle_bases(run, f);
	read_uids(run, f, dir, validity);
	if (f->inbox)
		read_uidls(run, f, dir);
	read_keywords(run, f, dir);
	final_names(run, f);
	return 0;
}

void rh_folder_uidlist(const struct rh_folder *f, struct rh_str *out)
{
	rh_uidlist_begin(out, f->validity, f->next);
	for (size_t i = 0; i < f->n; i++) {
		const struct rh_msg *m = &f->v[i];
		if (!m->failed)
			rh_uidlist_add(out, m->uid, m->uidl, m->order, m->dst, m->dst_base);
	}
}

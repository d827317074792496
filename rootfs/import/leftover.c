/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What else lies in the old mail tree: every file is carried, known to be needless (with the reason
 * in the table below), or in the report. A name that nobody thought of is reported, never skipped.
 *
 * A domain's directory holds its users, directly or below hash directories ("0", "A/b"); which of
 * its subdirectories are users is known only from vpasswd.
 *
 * Beside the mail tree lie qmail's and vpopmail's own settings. Their contents are shown only where
 * they cannot hold a secret: qmail's control directory is also where certificates with their keys
 * and passwords for other servers are kept.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/import/run.h"
#include "rootfs/import/source.h"

enum { DOMAIN = 1, USER = 2, MAILDIR = 4, CONTROL = 8, ALIAS = 16, ETC = 32, NODOMAIN = 64 };

enum act {
	IGNORE, /* TEXT says why nothing is lost */
	LOST,	/* TEXT says what is */
	LINES,	/* each line of it is lost */
	QMAIL,	/* delivery rules, line by line */
	ACL,	/* lost unless it only grants the owner */
	HOSTS,	/* lines of domains: lost unless the domain is carried */
};

/* The first entry that fits decides. docs: rehome-import(1), FILES THAT ARE LEFT BEHIND. */
static const struct rule {
	unsigned where;
	const char *pattern;
	enum act act;
	const char *text;
} rules[] = {
    {DOMAIN, "vpasswd", IGNORE, "read as the list of accounts"},
    {DOMAIN, "vpasswd.cdb", IGNORE, "made from vpasswd"},
    {DOMAIN, "vpasswd.bak.*", IGNORE, "an old copy of vpasswd"},
    {DOMAIN, ".vpasswd.lock", IGNORE, "a lock"},
    {DOMAIN, "vpasswd.lock", IGNORE, "a lock"},
    {DOMAIN, "cdb.tmp", IGNORE, "a half-made vpasswd.cdb"},
    {DOMAIN, ".dir-control", IGNORE, "counters of vpopmail's hash directories"},
    {DOMAIN, ".qmailadmin-limits", LINES, "limit of the domain"},
    {DOMAIN, ".qmail*", QMAIL, ""},
    {DOMAIN, ".no-user.msg", LOST, "the text for unknown users"},
    {DOMAIN, ".over-quota.msg", LOST, "the text for full mailboxes"},
    {DOMAIN, ".quotawarn.msg", LOST, "the text of the quota warning"},
    {USER, "Maildir", IGNORE, "the mail"},
    {USER, "lastauth", IGNORE, "the time of the last login"},
    {USER, ".qmail", QMAIL, ""},
    {USER, "vacation", LOST, "the vacation message"},
    {USER, ".qmailadmin-*", LOST, "a setting of qmailadmin"},
    {CONTROL, "*.cdb", IGNORE, "made from the text file beside it"},
    {CONTROL, "rcpthosts", HOSTS, "accepted domain"},
    {CONTROL, "morercpthosts", HOSTS, "accepted domain"},
    {CONTROL, "virtualdomains", HOSTS, "virtual domain"},
    {CONTROL, "me", LINES, "setting of qmail"},
    {CONTROL, "locals", LINES, "domain of system users"},
    {CONTROL, "default*", LINES, "setting of qmail"},
    {CONTROL, "databytes", LINES, "largest message in bytes"},
    {CONTROL, "badmailfrom", LINES, "refused sender"},
    {CONTROL, "queuelifetime", LINES, "setting of qmail"},
    {CONTROL, "concurrency*", LINES, "setting of qmail"},
    {CONTROL, "*", LOST, "a setting of qmail"},
    {ALIAS, ".qmail*", QMAIL, ""},
    {ETC, "*", LOST, "a setting of vpopmail"},
    {NODOMAIN, "*", LOST, "a user of no domain"},
    {MAILDIR, "maildirfolder", IGNORE, "marks a folder; Dovecot needs no mark"},
    {MAILDIR, "maildirsize", IGNORE, "a sum that Dovecot makes itself"},
    {MAILDIR, "courierimapuiddb", IGNORE, "carried as dovecot-uidlist"},
    {MAILDIR, "courierpop3dsizelist", IGNORE, "carried in dovecot-uidlist"},
    {MAILDIR, "courierpop3dsizelist.*", IGNORE, "scratch of Courier's"},
    {MAILDIR, "courierimapkeywords", IGNORE, "carried as dovecot-keywords"},
    {MAILDIR, "courierimapsubscribed", IGNORE, "carried as subscriptions"},
    {MAILDIR, "courierimapsnapshots", IGNORE, "scratch of Courier's"},
    {MAILDIR, "courierimaphiercache", IGNORE, "a cache of Courier's"},
    {MAILDIR, "courierimaplock", IGNORE, "a lock"},
    {MAILDIR, "courierimapacl", ACL, "access right"},
    {MAILDIR, "courierimaphieracl", LOST,
     "folders without mail of their own, and their access "
     "rights"},
    {MAILDIR, "quotawarn", IGNORE, "the time of the last quota warning"},
    {MAILDIR, "*.qw", IGNORE, "a session of qmailadmin's"},
    {MAILDIR, "shared-maildirs", LINES, "shared folder"},
    {MAILDIR, "shared-folders", LOST, "shared folders"},
    {MAILDIR, "sqwebmail-*", LOST, "a setting of sqwebmail"},
    {MAILDIR, "loginexec", LOST, "a program to run at login"},
    {MAILDIR, "dovecot*", LOST, "state of a Dovecot that used this mailbox"},
    {MAILDIR, "subscriptions", LOST, "subscriptions of a Dovecot that used this mailbox"},
};

static void lines(struct rh_run *run, int dir, const char *file, const char *name, const char *what)
{
	struct rh_str text RH_STR = {0};
	struct rh_err err = {0};
	struct rh_text t;
	struct rh_span line;

	if (rh_source_read(dir, name, &text, &err) < 0) {
		rh_report_add(&run->report, RH_LOST, file, 0, "%s not carried: %s", what, err.text);
		return;
	}
	rh_text_init(&t, rh_str_text(&text), text.len);
	while (rh_text_line(&t, &line))
		if (line.n)
			rh_report_add(&run->report, RH_LOST, file, t.line, "%s not carried: %.*s",
				      what, (int)line.n, line.s);
}

static bool bounces_unknown(struct rh_span line)
{
	static const char word[] = "bounce-no-mailbox";
	size_t n = sizeof word - 1;
	while (line.n && strchr(" \t\r'\"", line.s[line.n - 1]))
		line.n--;
	return line.n > n && line.s[0] == '|' && memcmp(line.s + line.n - n, word, n) == 0 &&
	       memmem(line.s, line.n, "vdelivermail", 12);
}

/* A file of delivery rules. None are carried yet but "unknown users bounce". An empty file of a
 * user means normal delivery. */
static void qmail(struct rh_run *run, int dir, const char *file, const char *name, unsigned where)
{
	struct rh_str text RH_STR = {0};
	struct rh_err err = {0};
	struct rh_text t;
	struct rh_span line;
	bool usual = strcmp(name, ".qmail-default") == 0, rule = false;
	int r = rh_source_read(dir, name, &text, &err);

	if (r < 0 || (text.len == 0 && where == DOMAIN)) {
		rh_report_add(&run->report, RH_LOST, file, 0, "delivery rule not carried: %s",
			      r < 0 ? err.text : "it delivers to the domain's own directory");
		return;
	}
	rh_text_init(&t, rh_str_text(&text), text.len);
	while (rh_text_line(&t, &line)) {
		if (line.n == 0 || line.s[0] == '#')
			continue;
		rule = true;
		if (!usual || !bounces_unknown(line))
			rh_report_add(&run->report, RH_LOST, file, t.line,
				      "delivery rule not carried: %.*s", (int)line.n, line.s);
	}
	if (text.len && !rule)
		rh_report_add(&run->report, RH_LOST, file, 1,
			      "delivery rule not carried: mail to it was thrown away");
}

void rh_leftover_acl(struct rh_run *run, int dir, const char *file, const char *name)
{
	struct rh_str text RH_STR = {0};
	struct rh_err err = {0};
	struct rh_text t;
	struct rh_span line, who;

	if (rh_source_read(dir, name, &text, &err) < 0) {
		rh_report_add(&run->report, RH_LOST, file, 0, "access rights not carried: %s",
			      err.text);
		return;
	}
	rh_text_init(&t, rh_str_text(&text), text.len);
	while (rh_text_line(&t, &line)) {
		struct rh_span all = line;
		if (line.n == 0)
			continue;
		if (rh_span_cut(&line, ' ', &who) &&
		    (rh_span_is(who, "owner") || rh_span_is(who, "administrators")))
			continue;
		rh_report_add(&run->report, RH_LOST, file, t.line, "access right not carried: %.*s",
			      (int)all.n, all.s);
	}
}

static bool is_carried(const struct rh_plan *p, struct rh_span host)
{
	char *name RH_FREE = rh_xasprintf("%.*s", (int)host.n, host.s);
	for (size_t i = 0; i < p->n; i++)
		if (strcasecmp(p->domain[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < p->naliases; i++)
		if (strcasecmp(p->alias[i].name, name) == 0)
			return true;
	return false;
}

/* "domain" or "domain:rule" a line (qmail-control(5)). */
static void hosts(struct rh_run *run, int dir, const char *file, const char *name, const char *what)
{
	struct rh_str text RH_STR = {0};
	struct rh_err err = {0};
	struct rh_text t;
	struct rh_span line;

	if (rh_source_read(dir, name, &text, &err) < 0) {
		rh_report_add(&run->report, RH_LOST, file, 0, "%s not carried: %s", what, err.text);
		return;
	}
	rh_text_init(&t, rh_str_text(&text), text.len);
	while (rh_text_line(&t, &line)) {
		struct rh_span host = line;
		rh_span_cut(&line, ':', &host);
		if (host.n && host.s[0] != '#' && !is_carried(&run->plan, host))
			rh_report_add(&run->report, RH_LOST, file, t.line, "%s not carried: %.*s",
				      what, (int)host.n, host.s);
	}
}

/* The entry NAME of DIR, which is at PATH and of kind WHERE. */
static void classify(struct rh_run *run, int dir, const char *path, const char *name,
		     unsigned char type, unsigned where)
{
	char *file RH_FREE = rh_xasprintf("%s/%s", path, name);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const struct rule *u = &rules[i];
		if (!(u->where & where) || fnmatch(u->pattern, name, 0) != 0)
			continue;
		if (u->act == LOST)
			rh_report_add(&run->report, RH_LOST, file, 0, "%s not carried", u->text);
		else if (u->act == LINES)
			lines(run, dir, file, name, u->text);
		else if (u->act == QMAIL)
			qmail(run, dir, file, name, where);
		else if (u->act == ACL)
			rh_leftover_acl(run, dir, file, name);
		else if (u->act == HOSTS)
			hosts(run, dir, file, name, u->text);
		return;
	}
	rh_report_add(&run->report, RH_LOST, file, 0, "not carried: unknown %s",
		      type == DT_DIR   ? "directory"
		      : type == DT_LNK ? "symbolic link"
		      : type == DT_REG ? "file"
				       : "special file");
}

void rh_leftover_maildir(struct rh_run *run, int dir, const char *path, const char *name,
			 unsigned char type)
{
	char *file RH_FREE = NULL;
	if (name[0] != '.' || (type != DT_DIR && type != DT_LNK)) {
		classify(run, dir, path, name, type, MAILDIR);
		return;
	}
	file = rh_xasprintf("%s/%s", path, name);
	rh_report_add(&run->report, RH_LOST, file, 0, "not carried: %s",
		      type == DT_LNK ? "a folder that is a symbolic link"
				     : "a directory that is no folder (it has no cur)");
}

static const char *directory_kind(int dir, const char *name)
{
	int fd RH_CLOSE = -1;
	if (rh_source_subdir(dir, name, &fd) < 0)
		return "a directory that cannot be opened";
	if (rh_exists(fd, "subscribers"))
		return "an ezmlm mailing list";
	if (rh_exists(fd, "message"))
		return "an autoresponder";
	if (rh_exists(fd, "Maildir"))
		return "a mailbox without account";
	return "a directory of no account";
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* 2: PATH is a user's directory; 1: some user lives below it; 0: neither. */
static int holds(const char *const *users, size_t n, const char *path)
{
	size_t lo = 0, hi = n, len = strlen(path);
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (strcmp(users[mid], path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < n && strcmp(users[lo], path) == 0)
		return 2;
	for (; lo < n && strncmp(users[lo], path, len) == 0; lo++)
		if (users[lo][len] == '/')
			return 1;
	return 0;
}

/* Each entry of DIR by itself. */
static void walk_flat(struct rh_run *run, int dir, const char *path, unsigned where)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct rh_dirlist l = {0};
	struct rh_err err = {0};
	if (rh_source_list(arena, dir, &l, &err) < 0)
		rh_report_add(&run->report, RH_LOST, path, 0, "%s", err.text);
	rh_dirlist_sort(&l);
	for (size_t i = 0; i < l.n; i++)
		classify(run, dir, path, l.v[i].name, l.v[i].type, where);
	rh_dirlist_free(&l);
}

static void walk_domain(struct rh_run *run, int dir, const char *path, const char *const *users,
			size_t n)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct rh_dirlist l = {0};
	struct rh_err err = {0};
	if (rh_source_list(arena, dir, &l, &err) < 0)
		rh_report_add(&run->report, RH_LOST, path, 0, "%s", err.text);
	rh_dirlist_sort(&l);
	for (size_t i = 0; i < l.n; i++) {
		const char *name = l.v[i].name;
		char *full = rh_arena_printf(arena, "%s/%s", path, name);
		int fd RH_CLOSE = -1, what = l.v[i].type == DT_DIR ? holds(users, n, full) : 0;
		if (what && rh_source_subdir(dir, name, &fd) < 0)
			rh_report_add(&run->report, RH_LOST, full, 0, "cannot be opened");
		else if (what == 2)
			walk_flat(run, fd, full, USER);
		else if (what == 1)
			walk_domain(run, fd, full, users, n);
		else if (l.v[i].type == DT_DIR)
			rh_report_add(&run->report, RH_LOST, full, 0, "not carried: %s",
				      directory_kind(dir, name));
		else
			classify(run, dir, path, name, l.v[i].type, DOMAIN);
	}
	rh_dirlist_free(&l);
}

void rh_leftover_domain(struct rh_run *run, const struct rh_domain *d)
{
	const char **users = rh_xalloc((d->n + 1) * sizeof *users);
	struct rh_err err = {0};
	size_t n = 0;
	int fd RH_CLOSE = -1;

	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].real)
			users[n++] = d->v[i].real;
	if (n)
		qsort(users, n, sizeof *users, by_text);
	if (rh_source_dir(run->source, d->dir, &fd, &err) < 0)
		rh_report_add(&run->report, RH_LOST, d->dir, 0, "%s", err.text);
	else
		walk_domain(run, fd, d->dir, users, n);
	free(users);
}

static void walk_path(struct rh_run *run, const char *path, unsigned where)
{
	struct rh_err err = {0};
	int fd RH_CLOSE = -1, r = rh_source_dir(run->source, path, &fd, &err);
	if (r == 0)
		walk_flat(run, fd, path, where);
	else if (r != -ENOENT)
		rh_report_add(&run->report, RH_LOST, path, 0, "%s", err.text);
}

void rh_leftover_server(struct rh_run *run)
{
	static const char *const homes[] = {"etc", "users"};
	const struct rh_plan *p = &run->plan;
	/* vpopmail's home is what stands before "/domains/" in users/assign; all domains share it.
	 */
	const char *end = p->n ? strstr(p->domain[0].dir, "/domains/") : NULL;

	walk_path(run, "/var/qmail/control", CONTROL);
	walk_path(run, "/var/qmail/alias", ALIAS);
	for (size_t i = 0; end && i < 2; i++) {
		char *path RH_FREE = rh_xasprintf("%.*s/%s", (int)(end - p->domain[0].dir),
						  p->domain[0].dir, homes[i]);
		walk_path(run, path, i == 0 ? ETC : NODOMAIN);
	}
}

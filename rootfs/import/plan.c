/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: users/assign names the domains and their directories, each vpasswd the accounts and
 * theirs. Paths come only from these files, so hashed directories need no rule of their own; each
 * is resolved inside the old tree, and a user's must lie below its domain's.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rootfs/import/run.h"
#include "rootfs/import/source.h"
#include "rootfs/mail/msgname.h"

#define ASSIGN "/var/qmail/users/assign"

void rh_plan_free(struct rh_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->domain[i].users.v);
		free(p->domain[i].v);
	}
	free(p->domain);
	free(p->alias);
	free(p->assigns.v);
	rh_arena_free(&p->arena);
	*p = (struct rh_plan){0};
}

/* The directory PATH: its real path below the old root, or NULL with the reason in ERR. */
static const char *real_dir(struct rh_run *run, const char *path, int *fd, struct rh_err *err)
{
	struct rh_str real RH_STR = {0};
	if (rh_source_dir(run->source, path, fd, err) < 0)
		return NULL;
	if (rh_source_real(run->source, *fd, &real, err) < 0)
		return NULL;
	return rh_arena_strdup(run->plan.arena, real.data);
}

static void report_account(struct rh_run *run, const struct rh_domain *d,
			   const struct rh_account *a)
{
	const struct rh_vpuser *u = a->user;
	struct rh_report *rep = &run->report;

	/* as in auth_username_chars and recipient_delimiter of overlays/dovecot */
	if (u->name[strspn(u->name, "abcdefghijklmnopqrstuvwxyz0123456789.-_+=&")])
		rh_report_add(
		    rep, RH_LOST, d->file, u->line,
		    "login of %s not carried: Dovecot takes only a-z 0-9 . - _ + = & in a "
		    "name; its mail is carried, but nobody can log in or send to it",
		    a->address);
	else if (strchr(u->name, '+'))
		rh_report_add(
		    rep, RH_LOST, d->file, u->line,
		    "mail to %s not carried: what follows '+' names a folder now, so new mail "
		    "goes to the name before it",
		    a->address);
	for (unsigned bit = 0; bit < 32; bit++) {
		const char *what = u->flags & 1u << bit ? rh_vpflag_lost(bit) : NULL;
		if (what)
			rh_report_add(rep, RH_LOST, d->file, u->line, "flag of %s not carried: %s",
				      a->address, what);
	}
	if (u->kind == RH_HASH_CUT || u->kind == RH_HASH_UNKNOWN)
		rh_report_add(rep, RH_LOST, d->file, u->line,
			      "password of %s not carried: the hash is %s. The account is inactive "
			      "(no login, no mail to it) until it gets a password in PostfixAdmin",
			      a->address,
			      u->kind == RH_HASH_CUT ? "cut off" : "of no kind that is known");
	else if (u->kind == RH_HASH_NONE)
		rh_report_add(rep, RH_REMARK, d->file, u->line,
			      "%s has no password: it gets mail, but nobody can log in",
			      a->address);
	if (u->quota.bad)
		rh_report_add(rep, RH_LOST, d->file, u->line, "quota of %s not carried: %s",
			      a->address, u->quota_text);
	if (u->quota.count)
		rh_report_add(rep, RH_LOST, d->file, u->line,
			      "limit of %s to %ju messages not carried", a->address,
			      u->quota.count);
	if (u->clear)
		rh_report_add(rep, RH_REMARK, d->file, u->line,
			      "clear-text password of %s left behind on purpose", a->address);
}

static void place_account(struct rh_run *run, const struct rh_domain *d, struct rh_account *a)
{
	const struct rh_vpuser *u = a->user;
	struct rh_err err = {0};
	size_t n = strlen(d->dir);
	int fd RH_CLOSE = -1;

	if (!u->dir[0]) {
		rh_report_add(&run->report, RH_REMARK, d->file, u->line,
			      "%s has no directory: the mailbox begins empty", a->address);
		return;
	}
	a->real = real_dir(run, u->dir, &fd, &err);
	if (!a->real) {
		rh_report_add(&run->report, RH_LOST, d->file, u->line, "mail of %s not carried: %s",
			      a->address, err.text);
	} else if (strncmp(a->real, d->dir, n) != 0 || a->real[n] != '/') {
		rh_report_add(
		    &run->report, RH_LOST, d->file, u->line,
		    "mail of %s not carried: %s does not lie in the domain's directory %s",
		    a->address, a->real, d->dir);
		a->real = NULL;
	}
}

static void add_accounts(struct rh_run *run, struct rh_domain *d)
{
	d->n = d->users.n;
	d->v = rh_xalloc((d->n + 1) * sizeof *d->v);
	for (size_t i = 0; i < d->n; i++) {
		const struct rh_vpuser *u = &d->users.v[i];
		struct rh_account *a = &d->v[i];
		a->user = u;
		a->address = rh_arena_printf(run->plan.arena, "%s@%s", u->name, d->name);
		a->admin = u->flags & RH_VP_QA_ADMIN || strcmp(u->name, "postmaster") == 0;
		report_account(run, d, a);
		place_account(run, d, a);
	}
}

/* Where links of the domain's messages may lead: the directory "domains", else its own. */
static const char *link_base(struct rh_arena *arena, const char *dir)
{
	const char *at = strstr(dir, "/domains/");
	return at ? rh_arena_strndup(arena, dir, (size_t)(at - dir) + 8) : dir;
}

static void add_domain(struct rh_run *run, const struct rh_assign *as)
{
	struct rh_plan *p = &run->plan;
	struct rh_domain d = {.name = as->name};
	struct rh_str text RH_STR = {0};
	struct rh_diags diags = {0};
	struct rh_err err = {0};
	int fd RH_CLOSE = -1;

	d.dir = real_dir(run, as->dir, &fd, &err);
	if (!d.dir || rh_source_read(fd, "vpasswd", &text, &err) < 0) {
		rh_report_add(&run->report, RH_LOST, ASSIGN, as->line,
			      "domain %s not carried: %s%s%s", as->name, d.dir ? as->dir : "",
			      d.dir ? ": " : "", err.text);
		return;
	}
	d.base = link_base(p->arena, d.dir);
	d.file = rh_arena_printf(p->arena, "%s/vpasswd", d.dir);
	rh_vpasswd_parse(p->arena, d.file, rh_str_text(&text), text.len, &d.users, &diags);
	rh_report_diags(&run->report, &diags);
	rh_diags_free(&diags);
	add_accounts(run, &d);
	RH_GROW(p->domain, p->n, p->cap);
	p->domain[p->n++] = d;
	run->report.domains++;
}

static bool known(const struct rh_plan *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->domain[i].name, name) == 0)
			return true;
	return false;
}

static void add_alias(struct rh_run *run, const struct rh_assign *as)
{
	struct rh_plan *p = &run->plan;
	if (!known(p, as->real)) {
		rh_report_add(&run->report, RH_LOST, ASSIGN, as->line,
			      "alias domain %s not carried: its domain %s is not", as->name,
			      as->real);
		return;
	}
	RH_GROW(p->alias, p->naliases, p->alias_cap);
	p->alias[p->naliases++] = (struct rh_alias_domain){as->name, as->real};
}

/* Messages of one folder, and what their names say of their sizes. */
static void count_folder(struct rh_run *run, int dir)
{
	static const char *const subs[] = {"cur", "new"};
	for (int i = 0; i < 2; i++) {
		struct rh_arena *arena RH_ARENA = rh_arena_new();
		struct rh_dirlist l = {0};
		uint64_t size;
		int fd RH_CLOSE = -1;
		if (rh_source_subdir(dir, subs[i], &fd) < 0 ||
		    rh_source_list(arena, fd, &l, NULL) < 0)
			l.n = 0;
		for (size_t k = 0; k < l.n; k++) {
			const char *name = l.v[k].name;
			if (rh_msgname_size(name, rh_msgname_split(name).base, &size) &&
			    size < 1ull << 40)
				run->plan.bytes += size;
		}
		run->plan.messages += l.n;
		rh_dirlist_free(&l);
	}
}

static void count_account(struct rh_run *run, const struct rh_account *a)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct rh_dirlist l = {0};
	int fd RH_CLOSE = -1;
	char *path = rh_arena_printf(arena, "%s/Maildir", a->real ? a->real : "");
	if (!a->real || rh_source_dir(run->source, path, &fd, NULL) < 0)
		return;
	count_folder(run, fd);
	if (rh_source_list(arena, fd, &l, NULL) < 0)
		l.n = 0;
	for (size_t i = 0; i < l.n; i++) {
		int sub RH_CLOSE = -1;
		if (l.v[i].name[0] == '.' && l.v[i].type == DT_DIR &&
		    rh_source_subdir(fd, l.v[i].name, &sub) == 0)
			count_folder(run, sub);
	}
	rh_dirlist_free(&l);
}

/* Directories of domains/ (and its hash directories) that users/assign does not know. */
static void unknown_domains(struct rh_run *run, const char *path, int depth)
{
	struct rh_arena *arena RH_ARENA = rh_arena_new();
	struct rh_plan *p = &run->plan;
	struct rh_dirlist l = {0};
	int fd RH_CLOSE = -1;
	struct rh_err err = {0};
	if (rh_source_dir(run->source, path, &fd, &err) < 0 ||
	    rh_source_list(arena, fd, &l, &err) < 0) {
		rh_report_add(&run->report, RH_LOST, path, 0, "%s", err.text);
		l.n = 0;
	}
	rh_dirlist_sort(&l);
	for (size_t i = 0; i < l.n; i++) {
		char *full = rh_arena_printf(arena, "%s/%s", path, l.v[i].name);
		size_t len = strlen(full);
		int what = 0;
		for (size_t k = 0; k < p->n && what < 2; k++)
			if (strncmp(p->domain[k].dir, full, len) == 0)
				what = p->domain[k].dir[len] == 0     ? 2
				       : p->domain[k].dir[len] == '/' ? 1
								      : what;
		if (what == 1 && depth < 8)
			unknown_domains(run, full, depth + 1);
		else if (what == 0 && strcmp(l.v[i].name, ".dir-control") != 0)
			rh_report_add(&run->report, RH_LOST, full, 0,
				      "not carried: it belongs to no domain of users/assign");
	}
	rh_dirlist_free(&l);
}

static void unknown_beside(struct rh_run *run)
{
	struct rh_plan *p = &run->plan;
	for (size_t i = 0; i < p->n; i++) {
		bool first = p->domain[i].base != p->domain[i].dir;
		for (size_t k = 0; k < i && first; k++)
			first = strcmp(p->domain[k].base, p->domain[i].base) != 0;
		if (first)
			unknown_domains(run, p->domain[i].base, 0);
	}
}

int rh_plan_make(struct rh_run *run, struct rh_err *err)
{
	struct rh_plan *p = &run->plan;
	struct rh_str text RH_STR = {0};
	struct rh_diags diags = {0};
	int fd RH_CLOSE = -1;

	p->arena = rh_arena_new();
	int r = rh_source_dir(run->source, "/var/qmail/users", &fd, err);
	if (r == 0)
		r = rh_source_read(fd, "assign", &text, err);
	if (r < 0)
		return rh_err_prefix(err, r, "%s is not the tree of a qmail server",
				     run->opt->oldroot ? run->opt->oldroot : run->opt->volume);
	rh_assign_parse(p->arena, ASSIGN, rh_str_text(&text), text.len, &p->assigns, &diags);
	rh_report_diags(&run->report, &diags);
	rh_diags_free(&diags);
	for (size_t i = 0; i < p->assigns.n; i++)
		if (strcmp(p->assigns.v[i].name, p->assigns.v[i].real) == 0)
			add_domain(run, &p->assigns.v[i]);
	for (size_t i = 0; i < p->assigns.n; i++)
		if (strcmp(p->assigns.v[i].name, p->assigns.v[i].real) != 0)
			add_alias(run, &p->assigns.v[i]);
	for (size_t i = 0; i < p->n; i++) {
		rh_leftover_domain(run, &p->domain[i]);
		for (size_t k = 0; k < p->domain[i].n; k++)
			count_account(run, &p->domain[i].v[k]);
	}
	unknown_beside(run);
	rh_leftover_server(run);
	return 0;
}

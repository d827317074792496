/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of the import: what the options say, and what all stages share.
 *
 *	plan      users/assign, vpasswd → domains and accounts; counts messages   (plan.c,
 *leftover.c) check     target, room, database: everything that can be refused early    (run.c) mail
 *copy, convert and publish, one mailbox after the other          (mailbox.c, folder.c) accounts
 *rows of PostfixAdmin's tables, one transaction a domain         (accounts*.c) report (report.c)
 */
#pragma once

#include <sys/types.h>

#include "lib/core/progress.h"
#include "rootfs/import/batch.h"
#include "rootfs/import/report.h"
#include "rootfs/mail/account.h"

#define RH_MAIL_ROOT "/srv/mail"

struct rh_options {
	const char *oldroot, *volume;
	const char *mail_root;	  /* /srv/mail */
	const char *accounts_out; /* NULL: none */
	const char *report_file;  /* NULL: none */
	const char *database, *socket;
	uint64_t default_quota;
	uid_t uid;
	gid_t gid;
	int progress_fd;
	bool chown, no_accounts, dry_run, json;
};

struct rh_account {
	const struct rh_vpuser *user;
	const char *address; /* user@domain */
	const char *real;    /* its directory on the old server, resolved; NULL: it has none */
	bool admin;
};

struct rh_domain {
	const char *name;
	const char *dir;  /* resolved path on the old server */
	const char *base; /* the tree that links of its messages may lead to */
	const char *file; /* its vpasswd, for the report */
	struct rh_vpusers users;
	struct rh_account *v;
	size_t n;
};

struct rh_alias_domain {
	const char *name, *target;
};

struct rh_plan {
	struct rh_arena *arena;
	struct rh_assigns assigns;
	struct rh_domain *domain;
	size_t n, cap;
	struct rh_alias_domain *alias;
	size_t naliases, alias_cap;
	uint64_t messages, bytes; /* of all mailboxes; bytes as far as the names tell */
};

struct rh_run {
	const struct rh_options *opt;
	struct rh_report report;
	struct rh_plan plan;
	struct rh_progress *progress;
	struct rh_batch *batch; /* NULL in a dry run */
	int source;		/* root of the old tree */
	int target;		/* mail root; -1 in a dry run */
	uint64_t seen;		/* messages done, for progress */
	bool one_thread;	/* a test cuts at a counted step */
};

/* The whole work. Fails only for what stops everything; the rest is in the report. */
RH_CHECKED int rh_run_import(struct rh_run *run, struct rh_err *err);
void rh_run_free(struct rh_run *run);

RH_CHECKED int rh_plan_make(struct rh_run *run, struct rh_err *err);
void rh_plan_free(struct rh_plan *p);

/* Report everything below a domain's directory that is no account's mail. */
void rh_leftover_domain(struct rh_run *run, const struct rh_domain *d);
/* The same for the settings of qmail and vpopmail, which lie beside the mail tree. */
void rh_leftover_server(struct rh_run *run);
/* The entry NAME of a Maildir or of one of its folders (DIR, at PATH) that is neither a folder nor
 * cur, new, tmp: ignored with reason, or reported. */
void rh_leftover_maildir(struct rh_run *run, int dir, const char *path, const char *name,
			 unsigned char type);

/* The file NAME of access rights in DIR (FILE for the report): reported unless it only grants the
 * mailbox's owner. */
void rh_leftover_acl(struct rh_run *run, int dir, const char *file, const char *name);

/* One mailbox: copy, convert, queue. Fails only when the target cannot be written or the user
 * interrupts. */
RH_CHECKED int rh_mailbox_import(struct rh_run *run, const struct rh_domain *d,
				 const struct rh_account *a, struct rh_err *err);

/* The file system in FD as mount(2) calls it, and the options that keep it as it is; NULL: none
 * that we know. *UNCLEAN: its journal holds what the rest does not, and those options leave it
 * unread. (XFS does not tell it in its superblock.) */
const char *rh_volume_kind(int fd, const char **options, bool *unclean);
/* Mounts the volume labelled LABEL read-only in a mount namespace of our own; *ROOT is where. */
RH_CHECKED int rh_volume_mount(const char *label, const char **root, bool *unclean,
			       struct rh_err *err);
void rh_volume_unmount(void);

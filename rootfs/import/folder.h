/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One folder of the old server, read and converted: which messages it has, and what each must be at
 * the target (name, UID, UIDL, order, keyword letters). Reads only.
 */
#pragma once

#include "rootfs/import/run.h"
#include "rootfs/import/source.h"
#include "rootfs/mail/dovecot.h"

struct rh_msg {
	const char *src, *dst; /* file names on both sides, without cur/ or new/ */
	const char *uidl;      /* INBOX only */
	ino_t ino;
	uint32_t uid, order;
	uint32_t letters;  /* set of keyword letters */
	uint16_t src_base; /* length of the base of src */
	uint16_t dst_base; /* length of the base of dst */
	bool in_new, link, failed;
	bool second; /* another message of the folder had the same base */
};

struct rh_folder {
	struct rh_arena *arena;
	const char *path; /* on the old server */
	const char *dir;  /* at the target: "." or ".Sent" */
	bool inbox;
	struct rh_msg *v; /* by UID, ascending */
	size_t n, cap;
	uint32_t validity, next;
	struct rh_letters letters;
	uint64_t stated_bytes; /* sum of ",S=" */
};

/* VALIDITY: what an earlier run gave to a folder that has none of its own; 0: no earlier run. Only
 * what makes the whole folder unreadable is an error. */
RH_CHECKED int rh_folder_scan(struct rh_run *run, int dir, uint32_t validity, struct rh_folder *f,
			      struct rh_err *err);
void rh_folder_free(struct rh_folder *f);

/* Texts of Dovecot's files; messages that failed are left out. */
void rh_folder_uidlist(const struct rh_folder *f, struct rh_str *out);
/* "cur" or "new" */
const char *rh_msg_dir(const struct rh_msg *m);

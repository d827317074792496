/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpopmail's accounts: users/assign, vpasswd, quota strings, kinds of password hashes.
 *
 * Strings are owned by the arena that the caller gives, the arrays `v` by the caller (free()); FILE
 * is what diagnostics call the input.
 */
#pragma once

#include "rootfs/mail/text.h"

/* One "+NAME-:REAL:UID:GID:DIR:-::" line. */
struct rh_assign {
	const char *name; /* domain, lower case; an alias of `real` when they differ */
	const char *real;
	const char *dir; /* absolute path on the old server */
	unsigned line;
};
struct rh_assigns {
	struct rh_assign *v;
	size_t n, cap;
};
void rh_assign_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		     struct rh_assigns *out, struct rh_diags *d);

enum rh_hash {
	RH_HASH_NONE, /* empty, "*", "!…": no password login on the old server either */
	RH_HASH_DES,
	RH_HASH_MD5,
	RH_HASH_SHA256,
	RH_HASH_SHA512,
	RH_HASH_BCRYPT,
	RH_HASH_YESCRYPT,
	RH_HASH_CUT,	/* begins like one of these but has the wrong length or characters */
	RH_HASH_UNKNOWN /* anything else; may even be clear text, so it is never shown or stored */
};
enum rh_hash rh_hash_kind(const char *hash);
const char *rh_hash_name(enum rh_hash kind);
bool rh_hash_usable(enum rh_hash kind);
/* A well-formed SHA-512 hash of no known password. */
extern const char rh_hash_locked[];

/* pw_gid, a set of flags */
#define RH_VP_QA_ADMIN	0x1000u
#define RH_VP_FLAG_BITS 20
/* What flag bit N (0…19) means and why it has no counterpart; NULL when it needs none. */
const char *rh_vpflag_lost(unsigned bit);

struct rh_quota {
	bool none;	/* NOQUOTA, or nothing that vpopmail understands */
	bool bad;	/* some item was not understood */
	uint64_t bytes; /* 0: no limit on bytes */
	uint64_t count; /* 0: no limit on messages */
};
struct rh_quota rh_quota_parse(const char *text);

struct rh_vpuser {
	const char *name; /* lower case, safe as a file name and in an address */
	const char *hash;
	const char *gecos; /* raw bytes of the old system */
	const char *dir;   /* "" when the line has none */
	const char *quota_text;
	struct rh_quota quota;
	uint32_t flags;
	enum rh_hash kind;
	bool clear; /* the line carried a clear-text password (which is not kept) */
	unsigned line;
};
struct rh_vpusers {
	struct rh_vpuser *v;
	size_t n, cap;
};
void rh_vpasswd_parse(struct rh_arena *arena, const char *file, const char *text, size_t n,
		      struct rh_vpusers *out, struct rh_diags *d);

/* Why NAME (N bytes) cannot be a user or domain at the target; NULL when it can. */
const char *rh_name_fault(const char *name, size_t n);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of all targets, and those of rootfs/mail. */
#include "tests/fuzz/targets.h"

#include <stdlib.h>
#include <string.h>

#include "rootfs/mail/account.h"
#include "rootfs/mail/courier.h"
#include "rootfs/mail/dovecot.h"
#include "rootfs/mail/foldername.h"
#include "rootfs/mail/msgname.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void assign(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_assigns l = {0};
	struct rh_diags d = {0};
	rh_assign_parse(arena, "f", (const char *)data, n, &l, &d);
	for (size_t i = 0; i < l.n; i++)
		must(!strchr(l.v[i].name, '/') && l.v[i].dir[0] == '/');
	rh_diags_free(&d);
	free(l.v);
	rh_arena_free(&arena);
}

static void vpasswd(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_vpusers u = {0};
	struct rh_diags d = {0};
	rh_vpasswd_parse(arena, "f", (const char *)data, n, &u, &d);
	for (size_t i = 0; i < u.n; i++) {
		must(!rh_name_fault(u.v[i].name, strlen(u.v[i].name)));
		must(i == 0 || strcmp(u.v[i - 1].name, u.v[i].name) < 0);
	}
	rh_diags_free(&d);
	free(u.v);
	rh_arena_free(&arena);
}

static void uiddb(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_uiddb db = {0};
	struct rh_diags d = {0};
	rh_uiddb_parse(arena, "f", (const char *)data, n, &db, &d);
	must(!db.valid || db.validity);
	for (size_t i = 0; i < db.n; i++) {
		must(db.v[i].uid && db.v[i].uid < db.next);
		must(rh_uiddb_find(&db, db.v[i].base) == &db.v[i]);
		for (size_t k = 0; k < i && i < 50; k++)
			must(db.v[k].uid != db.v[i].uid);
	}
	rh_diags_free(&d);
	rh_uiddb_free(&db);
	rh_arena_free(&arena);
}

static void poplist(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_poplist l = {0};
	struct rh_diags d = {0};
	rh_poplist_parse(arena, "f", (const char *)data, n, &l, &d);
	for (size_t i = 0; i < l.n; i++) {
		char *uidl = rh_poplist_uidl(arena, l.v[i].base, l.v[i].uid, l.v[i].validity);
		must(!strchr(uidl, ' ') && !strchr(uidl, '\n'));
		must(rh_poplist_find(&l, l.v[i].base) == &l.v[i]);
	}
	rh_diags_free(&d);
	rh_poplist_free(&l);
	rh_arena_free(&arena);
}

/* The first line is the name of a pending file, the rest its text; all of it is a list, too. */
static void keywords(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_keywords k = {0};
	struct rh_letters l = {0};
	struct rh_diags d = {0};
	const char *base, *lf = n ? memchr(data, '\n', n) : NULL;
	uint64_t rank;
	rh_kwlist_parse(arena, "f", (const char *)data, n, &k, &d);
	if (lf) {
		size_t len = (size_t)(lf - (const char *)data);
		char *name = rh_arena_strndup(arena, (const char *)data, len);
		if (rh_kwpending_name(name, &base, &rank))
			rh_kwpending_parse(arena, "f", base, rank, lf + 1, n - len - 1, &k, &d);
	}
	rh_keywords_settle(&k);
	size_t *used = rh_xalloc((k.nnames + 1) * sizeof *used);
	for (size_t i = 0; i < k.n; i++)
		for (size_t j = 0; j < k.v[i].n; j++) {
			must(k.v[i].kw[j] < k.nnames &&
			     (j == 0 || k.v[i].kw[j - 1] < k.v[i].kw[j]));
			used[k.v[i].kw[j]]++;
		}
	rh_letters_assign(arena, "f", &k, used, &l, &d);
	must(l.used <= RH_KW_LETTERS);
	free(used);
	rh_diags_free(&d);
	rh_keywords_free(&k);
	rh_arena_free(&arena);
}

static void foldername(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	enum rh_name_how how;
	const char *charset;
	char *name = rh_arena_strndup(arena, (const char *)data, n);
	char *got = rh_folder_name(arena, name, &how, &charset);
	size_t len = strlen(got);
	must(len && len <= RH_FOLDER_MAX && rh_mutf7_valid(got, len));
	must(got[0] != '.' && got[len - 1] != '.' && !strstr(got, ".."));
	rh_arena_free(&arena);
}

static void msgname(const uint8_t *data, size_t n)
{
	struct rh_arena *arena = rh_arena_new();
	char *name = rh_arena_strndup(arena, (const char *)data, n), flags[RH_FLAGS_MAX];
	struct rh_msgname s = rh_msgname_split(name);
	uint64_t size;
	rh_msgname_flags(s.info, flags);
	rh_msgname_size(name, s.base, &size);
	must(rh_msgname_cmp(name, name, true) == 0);
	rh_quota_parse(name);
	rh_hash_kind(name);
	rh_text_printable(arena, name);
	rh_arena_free(&arena);
}

const struct rh_fuzz_target rh_fuzz_targets[] = {
    {"assign", assign},	  {"vpasswd", vpasswd},	  {"uiddb", uiddb},
    {"poplist", poplist}, {"keywords", keywords}, {"foldername", foldername},
    {"msgname", msgname}, {"gpt", rh_fuzz_gpt},	  {"mdsuper", rh_fuzz_mdsuper},
    {NULL, NULL},
};

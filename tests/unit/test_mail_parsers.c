/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parsers of rootfs/mail: tables of cases, and every input cut at every byte. What a cut input
 * must never do: crash, give two messages one UID, or give a UID that the whole does not give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rootfs/mail/account.h"
#include "rootfs/mail/courier.h"
#include "rootfs/mail/dovecot.h"
#include "rootfs/mail/msgname.h"

#define H1 "$1$abcdefgh$G//4keteveJp0qb8z2DxG/"

static void hashes(void **state)
{
	static const struct {
		const char *hash;
		enum rh_hash kind;
	} cases[] = {
	    {"", RH_HASH_NONE},
	    {"*", RH_HASH_NONE},
	    {"!x", RH_HASH_NONE},
	    {"abJnggxhB/yWI", RH_HASH_DES},
	    {"abJnggxhB/yW", RH_HASH_UNKNOWN},
	    {"opensesame", RH_HASH_UNKNOWN},
	    {H1, RH_HASH_MD5},
	    {"$1$abcdefgh$G//4keteveJp0qb8z2DxG", RH_HASH_CUT},
	    {"$1$", RH_HASH_CUT},
	    {"$6$abcdefgh$short", RH_HASH_CUT},
	    {"$6$rounds=5000$abc$", RH_HASH_CUT},
	    {"$6$rounds=$abc$", RH_HASH_CUT},
	    {"$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", RH_HASH_BCRYPT},
	    {"$2y$10$abc", RH_HASH_CUT},
	    {"$y$j9T$", RH_HASH_CUT},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(rh_hash_kind(cases[i].hash), cases[i].kind);
	assert_int_equal(rh_hash_kind(rh_hash_locked), RH_HASH_SHA512);
}

static void quotas(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes, count;
		bool none, bad;
	} cases[] = {
	    {"NOQUOTA", 0, 0, true, false},
	    {"noquota", 0, 0, true, false},
	    {"", 0, 0, true, false},
	    {"20971520S", 20971520, 0, false, false},
	    {"20MB", 20971520, 0, false, false},
	    {"1000000S,500C", 1000000, 500, false, false},
	    {"1000000", 1000000, 0, false, false},
	    {"10K", 10240, 0, false, false},
	    {"1GB", 0, 0, true, true},
	    {"500C", 0, 500, false, false},
	    {"-5S", 0, 0, true, true},
	    {"99999999999999999999S", 0, 0, true, true},
	    {"1S,", 1, 0, false, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rh_quota q = rh_quota_parse(cases[i].text);
		assert_int_equal(q.bytes, cases[i].bytes);
		assert_int_equal(q.count, cases[i].count);
		assert_int_equal(q.none, cases[i].none);
		assert_int_equal(q.bad, cases[i].bad);
	}
}

static void names(void **state)
{
	char flags[RH_FLAGS_MAX];
	uint64_t size;
	(void)state;
	assert_int_equal(rh_msgname_split("a:2,S").base, 1);
	assert_int_equal(rh_msgname_split("a:b:2,S").base, 3);
	assert_int_equal(rh_msgname_split("a").base, 1);
	assert_int_equal(rh_msgname_flags("2,TSRFPD", flags), 0);
	assert_string_equal(flags, "DFPRST");
	assert_int_equal(rh_msgname_flags("2,SSab", flags), 2);
	assert_string_equal(flags, "S");
	assert_int_equal(rh_msgname_flags("1,x", flags), 3);
	assert_int_equal(rh_msgname_flags(NULL, flags), 0);
	assert_true(rh_msgname_cmp("9.b", "10.a", false) < 0);
	assert_true(rh_msgname_cmp("9.a", "9.a:2,S", false) == 0);
	assert_true(rh_msgname_cmp("9.a", "9.ab", false) < 0);
	assert_true(rh_msgname_cmp("9.\xe3", "9.a", false) > 0);
	assert_true(rh_msgname_cmp("9.\xe3", "9.a", true) < 0);
	assert_true(rh_msgname_size("1.x,S=12", 8, &size) && size == 12);
	assert_true(rh_msgname_size("1.x,S=1,S=2:2,S", 11, &size) && size == 2);
	assert_true(rh_msgname_size("1.x,S=7,W=8", 11, &size) && size == 7);
	assert_false(rh_msgname_size("1.x,S=", 6, &size));
	assert_false(rh_msgname_size("1", 1, &size));
}

static void accounts(void **state)
{
	static const char text[] = "bob:" H1 ":1:4096:Bob:/d/bob:NOQUOTA:cl:ear\n"
				   "Alice:abJnggxhB/yWI:1:2::/d/alice:10K\n"
				   "a/b:x:1:0::/d/x:1S\n"
				   "alice:x:1:0::/d/alice:1S\n"
				   "no:fields\n"
				   "x:y:z:0::/d:1S\n"
				   "y:y:1:0::relative:1S\n"
				   "last:" H1 ":1:0::/d/last:1S";
	struct rh_arena *arena = rh_arena_new();
	struct rh_vpusers u = {0};
	struct rh_diags d = {0};
	(void)state;
	rh_vpasswd_parse(arena, "v", text, sizeof text - 1, &u, &d);
	assert_int_equal(u.n, 3);
	assert_string_equal(u.v[0].name, "alice");
	assert_int_equal(u.v[0].line, 2);
	assert_int_equal(u.v[0].quota.bytes, 10240);
	assert_false(u.v[0].clear);
	assert_string_equal(u.v[1].name, "bob");
	assert_true(u.v[1].clear);
	assert_int_equal(u.v[1].flags, RH_VP_QA_ADMIN);
	assert_int_equal(d.n, 6); /* five bad lines, one unfinished */
	rh_diags_free(&d);
	free(u.v);
	rh_arena_free(&arena);
}

static void assign(void **state)
{
	static const char text[] = "+a.example-:a.example:89:89:/d/a:-::\n"
				   "+b.example-:a.example:89:89:/d/a:-::\n"
				   "=joe:joe:1:1:/home/joe:::\n"
				   "+a.example-:c.example:89:89:/d/c:-::\n"
				   "+evil/-:evil/:89:89:/d/c:-::\n.\nafter\n";
	struct rh_arena *arena = rh_arena_new();
	struct rh_assigns l = {0};
	struct rh_diags d = {0};
	(void)state;
	rh_assign_parse(arena, "a", text, sizeof text - 1, &l, &d);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[1].name, "b.example");
	assert_string_equal(l.v[1].real, "a.example");
	assert_int_equal(d.n, 4);
	rh_diags_free(&d);
	free(l.v);
	rh_arena_free(&arena);
}

static const char uiddb_text[] = "1 276543210 31\n30 d\n21 a b,S=1\n22 c:2,S\n";

static void uiddb(void **state)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_uiddb db = {0};
	struct rh_diags d = {0};
	(void)state;
	rh_uiddb_parse(arena, "u", uiddb_text, sizeof uiddb_text - 1, &db, &d);
	assert_true(db.valid);
	assert_int_equal(db.validity, 276543210);
	assert_int_equal(db.next, 31);
	assert_int_equal(db.n, 3);
	assert_int_equal(rh_uiddb_find(&db, "a b,S=1")->uid, 21);
	assert_int_equal(rh_uiddb_find(&db, "c")->uid, 22);
	assert_null(rh_uiddb_find(&db, "e"));
	assert_int_equal(d.n, 0);
	rh_uiddb_free(&db);
	rh_arena_free(&arena);
}

static void uiddb_faults(void **state)
{
	static const struct {
		const char *text;
		bool valid;
		size_t n, diags;
		uint32_t next;
	} cases[] = {
	    {"", false, 0, 1, 1},
	    {"2 5 6\n", false, 0, 1, 1},
	    {"1 0 6\n", false, 0, 1, 1},
	    {"1 5 6\n5 a\n5 b\n", true, 1, 1, 6},
	    {"1 5 6\n4 a\n5 a\n", true, 1, 1, 6},
	    {"1 5 6\n9 a\n", true, 1, 1, 10},
	    {"1 5 6\n0 a\nx b\n3\n4 \n5 a/b\n", true, 0, 5, 6},
	    {"1 5 6\n3 a", true, 0, 1, 6},
	    {"junk\n3 a\n", false, 1, 1, 4},
	    {"1 5 6\n4294967295 a\n", true, 0, 1, 6},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rh_arena *arena = rh_arena_new();
		struct rh_uiddb db = {0};
		struct rh_diags d = {0};
		rh_uiddb_parse(arena, "u", cases[i].text, strlen(cases[i].text), &db, &d);
		assert_int_equal(db.valid, cases[i].valid);
		assert_int_equal(db.n, cases[i].n);
		assert_int_equal(d.n, cases[i].diags);
		assert_int_equal(db.next, cases[i].next);
		rh_diags_free(&d);
		rh_uiddb_free(&db);
		rh_arena_free(&arena);
	}
}

/* Cut at every byte: each UID that is given is the one of the whole file. */
static void uiddb_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof uiddb_text; n++) {
		struct rh_arena *arena = rh_arena_new();
		struct rh_uiddb db = {0};
		struct rh_diags d = {0};
		char *copy = malloc(n + 1);
		memcpy(copy, uiddb_text, n);
		rh_uiddb_parse(arena, "u", copy, n, &db, &d);
		free(copy);
		for (size_t i = 0; i < db.n; i++) {
			uint32_t want = db.v[i].base[0] == 'a'	 ? 21
					: db.v[i].base[0] == 'c' ? 22
								 : 30;
			assert_int_equal(db.v[i].uid, want);
		}
		assert_true(!db.valid || db.next == 31);
		rh_diags_free(&d);
		rh_uiddb_free(&db);
		rh_arena_free(&arena);
	}
}

static void poplist(void **state)
{
	static const struct {
		const char *text, *base, *uidl;
		bool valid;
		size_t diags;
	} cases[] = {
	    {"a b:2,S 10\n", "a b", "a+20b", true, 0},
	    {"/1 8\na:2, 10 5\n", "a", "UID5", true, 0},
	    {"/1 8\na'+\"~:2, 10 0\n", "a'+\"~", "a+27+2B+22~", true, 0},
	    {"/2 8 99\na b:2, 10 5:99\n", "a b", "UID5-99", true, 0},
	    {"/2 8 99\na 10 5:0\n", "a", "UID5", true, 0},
	    {"/3 8 99\na,S=1:2,S 10 5:99:0\n", "a,S=1", "UID5-99", true, 0},
	    {"/3 8 99\na 10 0:0:0\n", "a", "a", true, 0},
	    {"/3 8 99\na 10 5:99\n", "a", NULL, true, 1},
	    {"/4 8 99\na 10 5:99:0\n", "a", NULL, false, 1},
	    {"/3 8\n", "a", NULL, false, 1},
	    {"/3 8 99\na 10 5:99:0", "a", NULL, true, 1},
	    {"/3 8 99\na x 5:99:0\n", "a", NULL, true, 1},
	    {"", "a", NULL, true, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rh_arena *arena = rh_arena_new();
		struct rh_poplist l = {0};
		struct rh_diags d = {0};
		rh_poplist_parse(arena, "p", cases[i].text, strlen(cases[i].text), &l, &d);
		const struct rh_poprec *r = rh_poplist_find(&l, cases[i].base);
		assert_int_equal(l.valid, cases[i].valid);
		assert_int_equal(d.n, cases[i].diags);
		assert_int_equal(r != NULL, cases[i].uidl != NULL);
		if (r)
			assert_string_equal(rh_poplist_uidl(arena, r->base, r->uid, r->validity),
					    cases[i].uidl);
		rh_diags_free(&d);
		rh_poplist_free(&l);
		rh_arena_free(&arena);
	}
}

static void keywords(void **state)
{
	static const char list[] = "Work\n$Fwd\n\na:0 1\nb c:1\nd:7\n";
	struct rh_arena *arena = rh_arena_new();
	struct rh_keywords k = {0};
	struct rh_diags d = {0};
	const char *base;
	uint64_t rank;
	(void)state;
	rh_kwlist_parse(arena, "k", list, sizeof list - 1, &k, &d);
	assert_int_equal(d.n, 1);
	assert_false(rh_kwpending_name(":list", &base, &rank));
	assert_false(rh_kwpending_name(".tmp.x", &base, &rank));
	assert_false(rh_kwpending_name(".5", &base, &rank));
	assert_false(rh_kwpending_name(".5.", &base, &rank));
	assert_true(rh_kwpending_name(".5.b c", &base, &rank));
	assert_string_equal(base, "b c");
	rh_kwpending_parse(arena, "k", base, rank, "New\n", 4, &k, &d);
	assert_true(rh_kwpending_name(".40.b c", &base, &rank));
	rh_kwpending_parse(arena, "k", base, rank, "Newer\nWork\n", 11, &k, &d);
	assert_true(rh_kwpending_name("a", &base, &rank));
	rh_kwpending_parse(arena, "k", base, rank, "", 0, &k, &d);
	rh_keywords_settle(&k);
	assert_int_equal(rh_keywords_find(&k, "a")->n, 0);
	const struct rh_kwrec *r = rh_keywords_find(&k, "b c");
	assert_int_equal(r->n, 2);
	assert_string_equal(k.names[r->kw[0]], "Work");
	assert_string_equal(k.names[r->kw[1]], "Newer");
	assert_null(rh_keywords_find(&k, "d"));
	rh_diags_free(&d);
	rh_keywords_free(&k);
	rh_arena_free(&arena);
}

static void letters(void **state)
{
	struct rh_arena *arena = rh_arena_new();
	struct rh_keywords k = {0};
	struct rh_letters l = {0};
	struct rh_diags d = {0};
	struct rh_str text = {0}, out = {0};
	size_t used[40];
	(void)state;
	for (int i = 0; i < 30; i++)
		rh_str_addf(&text, "kw%d\n", i);
	rh_str_add(&text, "KW1\nunused\n\n");
	rh_kwlist_parse(arena, "k", text.data, text.len, &k, &d);
	for (size_t i = 0; i < k.nnames; i++)
		used[i] = strcmp(k.names[i], "unused") != 0;
	rh_letters_assign(arena, "k", &k, used, &l, &d);
	assert_int_equal(l.used, 26);
	assert_int_equal(l.of[25], 25);
	assert_int_equal(l.of[26], -1);
	assert_int_equal(l.of[30], 1); /* KW1 = kw1 */
	assert_int_equal(l.of[31], -1);
	assert_int_equal(d.n, 5);
	rh_letters_text(&l, &out);
	assert_non_null(strstr(out.data, "25 kw25\n"));
	rh_str_free(&text);
	rh_str_free(&out);
	rh_diags_free(&d);
	rh_keywords_free(&k);
	rh_arena_free(&arena);
}

static void uidlist(void **state)
{
	struct rh_str out = {0};
	(void)state;
	rh_uidlist_begin(&out, 5, 12);
	rh_uidlist_add(&out, 9, NULL, 0, "a b:2,S", 3);
	rh_uidlist_add(&out, 10, "c", 1, "c", 1);
	rh_uidlist_add(&out, 11, "UID3-5", 2, "d", 1);
	assert_string_equal(out.data, "3 V5 N12\n9 :a b\n10 P O1 :c\n11 PUID3-5 O2 :d\n");
	rh_str_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hashes),	    cmocka_unit_test(quotas),	 cmocka_unit_test(names),
	    cmocka_unit_test(accounts),	    cmocka_unit_test(assign),	 cmocka_unit_test(uiddb),
	    cmocka_unit_test(uiddb_faults), cmocka_unit_test(uiddb_cut), cmocka_unit_test(poplist),
	    cmocka_unit_test(keywords),	    cmocka_unit_test(letters),	 cmocka_unit_test(uidlist),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The comparison: one difference of each kind must be found, and by the right kind alone.
 *
 * Both sides are made from one text; a mutation changes the new side (or, for what is allowed, the
 * old one).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "builder/probe/compare.h"

static void message(struct rh_message *m, uint32_t uid)
{
	*m = (struct rh_message){.uid = uid,
				 .flags = "\\Seen",
				 .keywords = "$Forwarded",
				 .date = 1265513696 + uid,
				 .size = 100 + uid,
				 .sha256 = uid == 1   ? "aa"
					   : uid == 2 ? "bb"
						      : "cc",
				 .file = "f",
				 .wire = 100 + uid};
}

static void folder(struct rh_arena *arena, struct rh_folder *f, const char *name, size_t n)
{
	*f = (struct rh_folder){.name = name,
				.uidvalidity = 276543210,
				.uidnext = 10,
				.messages = (int64_t)n,
				.n = n,
				.v = rh_arena_alloc(arena, (n + 1) * sizeof *f->v)};
	for (size_t i = 0; i < n; i++)
		message(&f->v[i], (uint32_t)i + 1);
}

/* INBOX with three messages, a folder with one, an empty one; three in POP3. */
static void make(struct rh_expect *x)
{
	static const char *const uidls[] = {"UID1-5", "UID2-5", "UID3-5"};

	*x = (struct rh_expect){.arena = rh_arena_new(), .n = 1};
	x->v = rh_arena_alloc(x->arena, sizeof *x->v);
	struct rh_account *a = &x->v[0];
	*a = (struct rh_account){.user = "u@d", .password = "p", .hash = "md5", .dir = ""};
	a->n_folders = 4;
	a->folders = rh_arena_alloc(x->arena, 6 * sizeof *a->folders);
	folder(x->arena, &a->folders[0], "INBOX", 3);
	folder(x->arena, &a->folders[1], "INBOX.Empty", 0);
	folder(x->arena, &a->folders[2], "INBOX.\xe6\x97\xa5", 1);
	a->folders[3] = (struct rh_folder){.name = "INBOX.parent", .noselect = true};
	rh_strv_add(&a->subs, "INBOX");
	rh_strv_add(&a->subs, "INBOX.Empty");
	a->n_pop = 3;
	a->pop = rh_arena_alloc(x->arena, 4 * sizeof *a->pop);
	for (size_t i = 0; i < 3; i++)
		a->pop[i] =
		    (struct rh_pop_message){.uidl = uidls[i], .size = 101 + i, .known = true};
}

static void none(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	(void)n;
}
static void lose_message(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].n = 2;
	n->folders[0].messages = 2;
}
static void add_message(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[2].n = 2;
	message(&n->folders[2].v[1], 2);
}
static void other_uid(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].v[2].uid = 4;
}
static void other_uidnext(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[1].uidnext++;
}
static void other_status(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].messages++;
}
static void other_uidvalidity(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[1].uidvalidity++;
}
static void lose_flag(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].v[1].flags = "";
}
static void add_flag(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].v[1].flags = "\\Deleted \\Seen";
}
static void other_unseen(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].unseen++;
}
static void lose_keyword(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[2].v[0].keywords = "";
}
static void other_date(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].v[0].date--;
}
static void other_size(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].v[0].size -= 2;
}
static void known_size(struct rh_account *o, struct rh_account *n)
{
	(void)n;
	o->folders[0].v[0].size += 2;
	o->folders[0].v[0].open_end = true;
}
static void known_but_wrong_size(struct rh_account *o, struct rh_account *n)
{
	known_size(o, n);
	n->folders[0].v[0].size++;
}
static void other_body(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[0].v[2].sha256 = "dd";
}
static void no_body(struct rh_account *o, struct rh_account *n)
{
	o->folders[0].v[2].sha256 = n->folders[0].v[2].sha256 = "";
}
static void lose_folder(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[1] = n->folders[0];
	n->folders++;
	n->n_folders--;
}
static void add_folder(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[n->n_folders++] = (struct rh_folder){.name = "INBOX.Other"};
}
static void add_special(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[n->n_folders++] = (struct rh_folder){.name = "INBOX.Junk"};
	rh_strv_add(&n->subs, "INBOX.Junk");
}
static void add_full_special(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[n->n_folders++] = (struct rh_folder){.name = "INBOX.Junk", .n = 1};
}
static void open_parent(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->folders[3].noselect = false;
}
static void lose_sub(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->subs.n = 1;
}
static void add_sub(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	rh_strv_add(&n->subs, "INBOX.\xe6\x97\xa5");
}
static void other_uidl(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->pop[1].uidl = "0000000200000005";
}
static void free_uidl(struct rh_account *o, struct rh_account *n)
{
	other_uidl(o, n);
	o->pop[1].known = false;
}
static void double_uidl(struct rh_account *o, struct rh_account *n)
{
	free_uidl(o, n);
	n->pop[1].uidl = "UID1-5";
}
static void other_order(struct rh_account *o, struct rh_account *n)
{
	struct rh_pop_message t = n->pop[0];
	(void)o;
	n->pop[0] = n->pop[1];
	n->pop[1] = t;
}
static void other_pop_size(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->pop[2].size++;
}
static void known_pop_size(struct rh_account *o, struct rh_account *n)
{
	(void)n;
	o->pop[2].wire = o->pop[2].size;
	o->pop[2].size += 2;
}
static void more_in_pop3(struct rh_account *o, struct rh_account *n)
{
	(void)o;
	n->n_pop = 4;
	n->pop[3] = (struct rh_pop_message){.uidl = "X", .size = 1};
}

#define NOTHING (-1)

static const struct {
	void (*change)(struct rh_account *o, struct rh_account *n);
	int kind; /* the one that must fail */
	int allowed;
} cases[] = {
    {none, NOTHING, 0},
    {lose_message, RH_KIND_UIDS, 0},
    {add_message, RH_KIND_UIDS, 0},
    {other_uid, RH_KIND_UIDS, 0},
    {other_uidnext, RH_KIND_UIDS, 0},
    {other_status, RH_KIND_UIDS, 0},
    {other_uidvalidity, RH_KIND_UIDVALIDITY, 0},
    {lose_flag, RH_KIND_FLAGS, 0},
    {add_flag, RH_KIND_FLAGS, 0},
    {other_unseen, RH_KIND_FLAGS, 0},
    {lose_keyword, RH_KIND_KEYWORDS, 0},
    {other_date, RH_KIND_DATES, 0},
    {other_size, RH_KIND_SIZES, 0},
    {known_size, NOTHING, 1},
    {known_but_wrong_size, RH_KIND_SIZES, 0},
    {other_body, RH_KIND_BODIES, 0},
    {no_body, RH_KIND_BODIES, 0},
    {lose_folder, RH_KIND_FOLDERS, 0},
    {add_folder, RH_KIND_FOLDERS, 0},
    {add_special, NOTHING, 0},
    {add_full_special, RH_KIND_FOLDERS, 0},
    {open_parent, RH_KIND_FOLDERS, 0},
    {lose_sub, RH_KIND_SUBSCRIPTIONS, 0},
    {add_sub, RH_KIND_SUBSCRIPTIONS, 0},
    {other_uidl, RH_KIND_POP3_UIDL, 0},
    {free_uidl, NOTHING, 0},
    {double_uidl, RH_KIND_POP3_UIDL, 0},
    {other_order, RH_KIND_POP3_ORDER, 0},
    {other_pop_size, RH_KIND_POP3_SIZES, 0},
    {known_pop_size, NOTHING, 1},
    {more_in_pop3, RH_KIND_POP3_ORDER, 0},
};

static void test_mutations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		RH_RESULTS struct rh_results res = {0};
		RH_EXPECT struct rh_expect old, new;
		size_t allowed = 0;
		make(&old);
		make(&new);
		cases[i].change(&old.v[0], &new.v[0]);
		rh_compare_imap(&old.v[0], &new.v[0], &res);
		rh_compare_pop3(&old.v[0], &new.v[0], &res);
		for (int k = RH_KIND_FOLDERS; k < RH_KIND_N; k++) {
			if (rh_result_ok(&res.kind[k]) != (k != cases[i].kind))
				fail_msg("case %zu: %s is %s: %s", i, rh_kind_names[k],
					 rh_result_ok(&res.kind[k]) ? "ok" : "not ok",
					 rh_str_text(&res.kind[k].text));
			allowed += res.kind[k].allowed;
		}
		assert_int_equal(allowed, cases[i].allowed);
	}
}

/* What was not run is not good, and neither is a fresh result. */
static void test_not_run(void **state)
{
	RH_RESULTS struct rh_results res = {0};

	(void)state;
	for (int k = 0; k < RH_KIND_N; k++)
		assert_false(rh_result_ok(&res.kind[k]));
}

static void test_round_trip(void **state)
{
	RH_EXPECT struct rh_expect a, b, c;
	RH_STR struct rh_str one = {0};
	RH_STR struct rh_str two = {0};
	struct rh_err err;

	(void)state;
	make(&a);
	a.v[0].folders[0].fresh = true;
	rh_expect_print(&a, &one);
	assert_int_equal(rh_expect_parse(one.data, one.len - 1, "x", &b, &err), 0);
	rh_expect_print(&b, &two);
	assert_string_equal(one.data, two.data);
	assert_int_equal(b.totals.messages, 4);
	assert_true(b.v[0].folders[0].fresh);
	/* A file whose content does not add up is refused. */
	char *p = strstr(one.data, "\"messages\":");
	assert_non_null(p);
	p += strcspn(p, "0123456789");
	*p = '9';
	assert_int_equal(rh_expect_parse(one.data, one.len - 1, "x", &c, &err), -EINVAL);
	assert_int_equal(rh_expect_parse("{", 1, "x", &c, &err), -EINVAL);
	assert_int_equal(rh_expect_parse("{}", 2, "x", &c, &err), -EINVAL);
}

static void canon(const char *text, size_t n, size_t piece, struct rh_canon *c, char hex[65])
{
	rh_canon_begin(c);
	for (size_t i = 0; i < n; i += piece)
		rh_canon_add(c, text + i, n - i < piece ? n - i : piece);
	rh_canon_end(c, hex);
}

static void test_canon(void **state)
{
	static const char file[] = "a\nb\r\nc\r\r\nd\re\0f";
	static const char wire[] = "a\r\nb\r\nc\r\r\nd\re\x80"
				   "f";
	struct rh_canon f, w;
	char hf[65], hw[65];

	(void)state;
	for (size_t piece = 1; piece < 5; piece++) {
		canon(file, sizeof file - 1, piece, &f, hf);
		canon(wire, sizeof wire - 1, piece, &w, hw);
		assert_string_equal(hf, hw);
		assert_int_equal(f.wire, sizeof wire - 1);
		assert_int_equal(w.wire, sizeof wire - 1);
		assert_int_equal(f.crlf, 2);
		assert_true(f.open_end);
	}
	canon("a\r\n", 3, 1, &f, hf);
	canon("a\r\r\n", 4, 1, &w, hw);
	assert_string_not_equal(hf, hw);
	canon("a\r", 2, 1, &f, hf);
	assert_int_equal(f.wire, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mutations),
	    cmocka_unit_test(test_not_run),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_canon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

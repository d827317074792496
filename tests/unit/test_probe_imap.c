/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe's protocol readers: every input is fed whole and byte by byte, with the same result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "builder/probe/imap.h"
#include "builder/probe/mutf7.h"
#include "builder/probe/pop3.h"
#include "builder/probe/subject.h"

struct feed {
	const char *data;
	size_t len, pos, piece;
	struct rh_str sent;
};

static ssize_t feed_recv(void *arg, void *buf, size_t n, struct rh_err *err)
{
	struct feed *f = arg;
	size_t m = f->len - f->pos;

	(void)err;
	m = m < n ? m : n;
	m = m < f->piece ? m : f->piece;
	memcpy(buf, f->data + f->pos, m);
	f->pos += m;
	return (ssize_t)m;
}

static int feed_send(void *arg, const void *data, size_t n, struct rh_err *err)
{
	(void)err;
	rh_str_addn(&((struct feed *)arg)->sent, data, n);
	return 0;
}

static void feed_init(struct rh_stream *s, struct feed *f, const char *data, size_t len,
		      size_t piece)
{
	*f = (struct feed){.data = data, .len = len, .piece = piece};
	*s = (struct rh_stream){.recv = feed_recv, .send = feed_send, .arg = f};
}

static const size_t pieces[] = {1, 2, 3, 7, 16384};
#define N_PIECES (sizeof pieces / sizeof *pieces)

static void test_lines(void **state)
{
	static const char data[] = "one\r\n\r\nbare\nwith \r inside\r\n\r\r\nopen";
	static const char *const want[] = {"one", "", "bare", "with \r inside", "\r"};
	struct feed f;
	struct rh_stream *s = rh_xalloc(sizeof *s);
	struct rh_err err;

	(void)state;
	for (size_t p = 0; p < N_PIECES; p++) {
		feed_init(s, &f, data, sizeof data - 1, pieces[p]);
		for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
			RH_STR struct rh_str line = {0};
			assert_int_equal(rh_stream_line(s, &line, &err), 0);
			assert_string_equal(rh_str_text(&line), want[i]);
		}
		RH_STR struct rh_str line = {0};
		assert_int_equal(rh_stream_line(s, &line, &err), -EPIPE);
	}
	free(s);
}

static int on_fetch(void *arg, const struct rh_imap_node *d, struct rh_err *err)
{
	int *seen = arg;

	(void)err;
	if (!rh_imap_is(d->next, "FETCH"))
		return 0;
	const struct rh_imap_node *l = d->next->next, *body = rh_imap_pair(l, "BODY[]");
	assert_int_equal(rh_imap_number(rh_imap_pair(l, "uid")), 4711);
	assert_string_equal(rh_imap_pair(l, "INTERNALDATE")->text, " 7-Feb-2010 12:34:56 +0900");
	const struct rh_imap_node *flags = rh_imap_pair(l, "FLAGS")->child;
	assert_true(rh_imap_is(flags, "\\Seen"));
	assert_true(rh_imap_is(flags->next, "$Forwarded"));
	assert_true(rh_imap_is(flags->next->next, "odd[key"));
	assert_int_equal(body->len, 14);
	/* Bytes that look like protocol, a NUL, a closing parenthesis. */
	assert_memory_equal(body->text, "a1 OK\r\n)\0{3}\r\n", 14);
	assert_string_equal(rh_imap_pair(l, "BODY[HEADER.FIELDS (SUBJECT)]")->text, "q\"\\");
	++*seen;
	return 0;
}

static void test_literal(void **state)
{
	static const char data[] =
	    "* OK [CAPABILITY X] ready (unbalanced \"\r\n"
	    "* 1 EXISTS\r\n"
	    "* 3 FETCH (UID 4711 FLAGS (\\Seen $Forwarded odd[key) INTERNALDATE "
	    "\" 7-Feb-2010 12:34:56 +0900\" BODY[] {14}\r\na1 OK\r\n)\0{3}\r\n"
	    " BODY[HEADER.FIELDS (SUBJECT)] \"q\\\"\\\\\")\r\n"
	    "* NO a warning (\r\n"
	    "a1 OK done\r\na2 NO [ALERT] not you\r\na3 BAD what\r\n* BYE shut\r\n";
	struct rh_err err;
	struct feed f;
	struct rh_stream *s = rh_xalloc(sizeof *s);

	(void)state;
	for (size_t p = 0; p < N_PIECES; p++) {
		struct rh_imap im;
		int seen = 0;
		feed_init(s, &f, data, sizeof data - 1, pieces[p]);
		assert_int_equal(rh_imap_start(&im, s, &err), 0);
		assert_int_equal(rh_imap_cmd(&im, on_fetch, &seen, &err, "FETCH"), 0);
		assert_int_equal(seen, 1);
		assert_int_equal(rh_imap_login(&im, "u", "a\"b\\", &err), -EACCES);
		assert_non_null(strstr(f.sent.data, "a2 LOGIN \"u\" \"a\\\"b\\\\\"\r\n"));
		assert_null(strstr(err.text, "a\"b"));
		assert_int_equal(rh_imap_cmd(&im, NULL, NULL, &err, "X"), -EBADMSG);
		assert_int_equal(rh_imap_cmd(&im, NULL, NULL, &err, "Y"), -EPIPE);
		assert_non_null(strstr(err.text, "shut"));
		rh_imap_logout(&im);
		rh_str_free(&f.sent);
	}
	free(s);
}

static void test_bad_responses(void **state)
{
	static const char *const bad[] = {
	    "1 FETCH (UID 1",
	    "1 FETCH UID 1)",
	    "1 FETCH (\"open)",
	    "1 FETCH (BODY[ x)",
	    "1 FETCH ({5}\nabc)",
	    "1 FETCH ({x}\n)",
	    "1 FETCH ({999999999999999999999}\n)",
	};
	struct rh_err err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		RH_ARENA struct rh_arena *arena = rh_arena_new();
		RH_STR struct rh_str raw = {0};
		struct rh_imap_node *n = NULL;
		rh_str_add(&raw, bad[i]);
		assert_int_equal(rh_imap_parse(arena, &raw, 0, &n, &err), -EBADMSG);
	}
	RH_ARENA struct rh_arena *arena = rh_arena_new();
	RH_STR struct rh_str deep = {0};
	struct rh_imap_node *n = NULL;
	for (int i = 0; i < 100000; i++)
		rh_str_addc(&deep, '(');
	assert_int_equal(rh_imap_parse(arena, &deep, 0, &n, &err), -EBADMSG);
}

static void test_dates(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} good[] = {{"01-Jan-1970 00:00:00 +0000", 0},
		    {" 7-Feb-2010 12:34:56 +0900", 1265513696},
		    {"29-Feb-2016 23:59:59 -0330", 1456802999}};
	static const char *const bad[] = {"", "01-Foo-1970 00:00:00 +0000",
					  "01-anF-1970 00:00:00 +0000", "01-Jan-1970 00:00:00",
					  "01-Jan-1970 00:00:00 +0000x"};
	struct rh_err err;
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(rh_imap_date(good[i].text, &t, &err), 0);
		assert_int_equal(t, good[i].want);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(rh_imap_date(bad[i], &t, &err), -EBADMSG);
}

static void test_mutf7(void **state)
{
	static const struct {
		const char *wire, *utf8;
	} good[] = {
	    {"INBOX.&ZeVnLIqe-", "INBOX.\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
	    {"Work &- Play", "Work & Play"},
	    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
	     "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
	    {"&2DzfOQ-", "\xf0\x9f\x8c\xb9"},
	    {"", ""},
	};
	static const char *const bad[] = {"&ZeVnLIqe", "&AGE-",	       "&2Dw-", "&3zk-",
					  "&ZeVnLIq-", "\xe6\x97\xa5", "&Ze_-", "&ZeX-"};
	static const char *const not_utf8[] = {"\x80",	       "\xe6\x97",	   "\xc0\xaf",
					       "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x93\xfa"};
	struct rh_err err;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		RH_STR struct rh_str a = {0};
		RH_STR struct rh_str b = {0};
		assert_int_equal(rh_mutf7_decode(good[i].wire, &a, &err), 0);
		assert_string_equal(rh_str_text(&a), good[i].utf8);
		assert_int_equal(rh_mutf7_encode(good[i].utf8, &b, &err), 0);
		assert_string_equal(rh_str_text(&b), good[i].wire);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		RH_STR struct rh_str a = {0};
		assert_int_equal(rh_mutf7_decode(bad[i], &a, &err), -EINVAL);
	}
	for (size_t i = 0; i < sizeof not_utf8 / sizeof *not_utf8; i++) {
		RH_STR struct rh_str a = {0};
		assert_int_equal(rh_mutf7_encode(not_utf8[i], &a, &err), -EINVAL);
	}
}

static void test_pop3(void **state)
{
	static const char data[] =
	    "+OK ready\r\n+OK\r\nline\r\n..dot\r\n...\r\n\r\n.\r\n-ERR no\r\n";
	struct rh_err err;
	struct feed f;
	struct rh_stream *s = rh_xalloc(sizeof *s);

	(void)state;
	for (size_t p = 0; p < N_PIECES; p++) {
		RH_STR struct rh_str body = {0};
		struct rh_pop3 pop;
		feed_init(s, &f, data, sizeof data - 1, pieces[p]);
		assert_int_equal(rh_pop3_start(&pop, s, &err), 0);
		assert_int_equal(rh_pop3_cmd(&pop, &err, "RETR 1"), 0);
		assert_int_equal(rh_pop3_body(&pop, &body, 1000, &err), 0);
		assert_string_equal(body.data, "line\n.dot\n..\n\n");
		assert_int_equal(rh_pop3_cmd(&pop, &err, "PASS x"), -EACCES);
		rh_pop3_quit(&pop);
		rh_str_free(&f.sent);
	}
	free(s);
}

static void test_subjects(void **state)
{
	static const struct {
		const char *raw, *want;
	} good[] = {
	    {" plain  words\r\n\r\n", "plain words"},
	    {" =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\r\n", "\xe6\x97\xa5\xe6\x9c\xac"},
	    {" =?UTF-8?Q?a=5Fb_c?=\r\n =?utf-8?b?5pel?= end", "a_b c\xe6\x97\xa5 end"},
	};
	static const char *const bad[] = {
	    "\x93\xfa", "=?NONE?B?AAAA?=", "=?UTF-8?B?5pe?=", "=?UTF-8?B?gA==?=", "=?UTF-8?Q?=4?="};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		RH_STR struct rh_str out = {0};
		assert_int_equal(rh_subject_decode(good[i].raw, &out), 0);
		assert_string_equal(rh_str_text(&out), good[i].want);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		RH_STR struct rh_str out = {0};
		assert_int_equal(rh_subject_decode(bad[i], &out), -EILSEQ);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),	  cmocka_unit_test(test_literal),
	    cmocka_unit_test(test_bad_responses), cmocka_unit_test(test_dates),
	    cmocka_unit_test(test_mutf7),	  cmocka_unit_test(test_pop3),
	    cmocka_unit_test(test_subjects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What rehome-stick decides and says, without a machine: choice, dialog, state, request, answers,
 * menu of GRUB. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/stick/dialog.h"
#include "builder/stick/look.h"
#include "builder/stick/state.h"
#include "builder/stickimage.h"
#include "lib/core/file.h"

static char dir[] = "/tmp/rh-stick-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct rh_err err;

	(void)state;
	return rh_remove_tree(AT_FDCWD, dir, &err);
}

static void add(struct rh_offers *l, const char *kname, const char *serial, const char *why)
{
	struct rh_offer *o = rh_offers_add(l);

	o->path = rh_xasprintf("/dev/disk/by-id/ata-%s", serial);
	o->kname = rh_xstrdup(kname);
	o->model = rh_xstrdup("WDC WD40EFRX");
	o->serial = rh_xstrdup(serial);
	o->size = 4000787030016;
	if (why) {
		rh_strv_add(&o->why, why);
		rh_strv_addf(&o->refused, "the reason %s", why);
	} else {
		rh_strv_add(&o->content, "ext4 \"old\"");
	}
}

/* Disks 0 and 1 are fine, then a mounted one, the stick, one that is too small, two twins. */
static void machine(struct rh_stick_state *s)
{
	*s = (struct rh_stick_state){.number = 7,
				     .phase = RH_STICK_CHOOSE,
				     .recipe = rh_xstrdup("small"),
				     .text = rh_xstrdup("Choose"),
				     .need = 6442450944};
	add(&s->disks, "sda", "WD-1", NULL);
	add(&s->disks, "sdb", "WD-2", NULL);
	add(&s->disks, "sdc", "WD-3", "mounted");
	add(&s->disks, "sdd", "USB-1", "stick");
	add(&s->disks, "sde", "WD-5", "too-small");
	add(&s->disks, "sdf", "TWIN", NULL);
	add(&s->disks, "sdg", "TWIN", NULL);
}

static void test_choose(void **state)
{
	static const struct {
		const char *serial[2];
		bool again, installed;
		const char *fault[2]; /* parts of the faults; none: it is let through */
	} cases[] = {
	    {{"WD-1", "WD-2"}, false, false, {NULL}},
	    {{"WD-2", "WD-1"}, false, false, {NULL}},
	    {{"WD-1", "WD-1"}, false, false, {"WD-1 is named twice"}},
	    {{"WD-1", "WD-9"},
	     false,
	     false,
	     {"no disk in this machine has the serial number WD-9"}},
	    {{"WD-8", "WD-9"}, false, false, {"WD-8", "WD-9"}},
	    {{"WD-1", "wd-2"},
	     false,
	     false,
	     {"no disk in this machine has the serial number wd-2"}},
	    {{"WD-1", ""}, false, false, {"a serial number is missing"}},
	    {{"WD-1", "TWIN"}, false, false, {"2 disks have the serial number TWIN"}},
	    {{"WD-3", "WD-5"}, false, false, {"the reason mounted", "the reason too-small"}},
	    {{"USB-1", "WD-1"}, false, false, {"the reason stick"}},
	    {{"WD-1", "WD-2"}, false, true, {"installed on it already"}},
	    {{"WD-1", "WD-2"}, true, true, {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		RH_STRV struct rh_strv faults = {0};
		struct rh_stick_state s;
		size_t pick[2] = {99, 99};
		int r;

		machine(&s);
		s.disks.v[1].installed = cases[i].installed;
		r = rh_choose(&s.disks, cases[i].serial, cases[i].again, pick, &faults);
		assert_int_equal(r, cases[i].fault[0] ? -EINVAL : 0);
		if (r == 0) {
			assert_int_equal(faults.n, 0);
			for (int k = 0; k < 2; k++)
				assert_string_equal(s.disks.v[pick[k]].serial, cases[i].serial[k]);
		} else {
			assert_int_equal(pick[0], 99);
		}
		for (size_t k = 0; k < 2 && cases[i].fault[k]; k++) {
			bool found = false;

			for (size_t n = 0; n < faults.n; n++)
				found |= strstr(faults.v[n], cases[i].fault[k]) != NULL;
			if (!found)
				fail_msg("case %zu: no fault with \"%s\"", i, cases[i].fault[k]);
		}
		rh_stick_state_free(&s);
	}
}

static void test_offers(void **state)
{
	struct rh_stick_state s;

	(void)state;
	machine(&s);
	assert_int_equal(rh_offers_ok(&s.disks), 4);
	assert_true(rh_offer_shown(&s.disks.v[2]));
	assert_false(rh_offer_shown(&s.disks.v[3]));
	assert_false(rh_offer_shown(&s.disks.v[4]));
	rh_stick_state_free(&s);
}

static void test_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{4000787030016, "4.0 TB"},	 {500107862016, "500.1 GB"}, {6442450944, "6.4 GB"},
		     {999999999999, "999.9 GB"}, {1000000000000, "1.0 TB"},  {0, "0.0 GB"}};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		rh_offer_size(cases[i].bytes, text);
		assert_string_equal(text, cases[i].text);
	}
}

/* LINES are typed one after the other; the last must give RESULT. */
static void type(const char *const *lines, size_t n, enum rh_dialog_result result,
		 struct rh_stick_request *q, struct rh_str *out)
{
	struct rh_stick_state s;
	struct rh_dialog g;

	machine(&s);
	rh_dialog_show(&g, &s, out);
	for (size_t i = 0; i < n; i++) {
		enum rh_dialog_result got = rh_dialog_line(&g, &s, lines[i], out, q);

		assert_int_equal(got, i + 1 < n ? RH_DIALOG_GOES_ON : result);
	}
	rh_stick_state_free(&s);
}
#define TYPE(result, q, out, ...)                \
	type((const char *const[]){__VA_ARGS__}, \
	     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), result, q, out)

static void test_dialog_writes(void **state)
{
	RH_STR struct rh_str out = {0};
	struct rh_stick_request q = {0};

	(void)state;
	TYPE(RH_DIALOG_REQUEST, &q, &out, "2", "1", "WD-2\r", " WD-1 ", "yes");
	assert_int_equal(q.wish, RH_WISH_WRITE);
	assert_int_equal(q.number, 7);
	assert_string_equal(q.serial[0], "WD-2");
	assert_string_equal(q.serial[1], "WD-1");
	rh_stick_request_free(&q);
	/* The list shows what is on the disks and why others cannot be used, and not the stick. */
	assert_non_null(strstr(out.data, "ext4 \"old\""));
	assert_non_null(strstr(out.data, "the reason mounted"));
	assert_null(strstr(out.data, "USB-1"));
	assert_null(strstr(out.data, "WD-5"));
}

static void test_dialog_does_not(void **state)
{
	RH_STR struct rh_str out = {0};
	struct rh_stick_request q = {0};

	(void)state;
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "WD-1", "WD-2");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "WD-1", "WD-2", "y");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "WD-1", "WD-2", "c", "yes");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "WD-2", "WD-1", "yes"); /* exchanged */
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "wd-1", "WD-2", "yes");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "WD-", "WD-2", "yes");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "2", "", "", "yes");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "1", "1", "WD-1", "WD-1", "yes");
	TYPE(RH_DIALOG_GOES_ON, &q, &out, "0", "5", "-1", "", "x", "1x");
	TYPE(RH_DIALOG_REQUEST, &q, &out, "l");
	assert_int_equal(q.wish, RH_WISH_LOOK);
	TYPE(RH_DIALOG_REQUEST, &q, &out, "r");
	assert_int_equal(q.wish, RH_WISH_REBOOT);
	TYPE(RH_DIALOG_MENU, &q, &out, "m");
	assert_non_null(strstr(out.data, "not its serial number"));
	assert_non_null(strstr(out.data, "first disk once more"));
}

/* What was typed before the state changed must not count for the new one. */
static void test_dialog_stale(void **state)
{
	RH_STR struct rh_str out = {0};
	struct rh_stick_request q = {0};
	struct rh_stick_state s;
	struct rh_dialog g;

	(void)state;
	machine(&s);
	rh_dialog_show(&g, &s, &out);
	assert_int_equal(rh_dialog_line(&g, &s, "1", &out, &q), RH_DIALOG_GOES_ON);
	s.number++;
	s.phase = RH_STICK_DONE;
	assert_int_equal(rh_dialog_line(&g, &s, "", &out, &q), RH_DIALOG_GOES_ON);
	rh_dialog_show(&g, &s, &out);
	assert_int_equal(rh_dialog_line(&g, &s, "", &out, &q), RH_DIALOG_REQUEST);
	assert_int_equal(q.wish, RH_WISH_REBOOT);
	rh_stick_state_free(&s);
}

static void test_state_comes_back(void **state)
{
	struct rh_stick_state s, t;
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_stick_state_read(dir, &t, &err), -ENOENT);
	machine(&s);
	rh_strv_add(&s.faults, "a \"fault\"");
	s.pos = 12;
	s.total = 1ull << 40;
	s.disks.v[1].installed = true;
	assert_int_equal(rh_stick_state_write(dir, &s, &err), 0);
	assert_int_equal(rh_stick_state_read(dir, &t, &err), 0);
	assert_int_equal(t.number, 7);
	assert_int_equal(t.phase, RH_STICK_CHOOSE);
	assert_string_equal(t.recipe, "small");
	assert_string_equal(t.faults.v[0], "a \"fault\"");
	assert_true(t.total == 1ull << 40 && t.pos == 12);
	assert_int_equal(t.disks.n, s.disks.n);
	assert_true(t.disks.v[1].installed);
	assert_string_equal(t.disks.v[2].refused.v[0], "the reason mounted");
	assert_string_equal(t.disks.v[0].content.v[0], "ext4 \"old\"");
	rh_stick_state_free(&s);
	rh_stick_state_free(&t);
	assert_int_equal(rh_stick_state_parse("{}", 2, &t, &err), -EINVAL);
	assert_int_equal(rh_stick_state_parse("", 0, &t, &err), -EINVAL);
	assert_int_equal(rh_stick_state_parse("[1]", 3, &t, &err), -EINVAL);
}

static void test_first_request_wins(void **state)
{
	struct rh_stick_request a = {.wish = RH_WISH_WRITE,
				     .number = 7,
				     .serial = {(char *)"WD-1", (char *)"WD-2"},
				     .from = (char *)"tty1"},
				b = {.wish = RH_WISH_LOOK, .number = 7, .from = (char *)"ttyS0"}, q;
	RH_FREE char *path = rh_xasprintf("%s/request", dir);
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_stick_request_take(dir, &q, &err), 0);
	assert_int_equal(rh_stick_request_put(dir, &a, &err), 0);
	assert_int_equal(rh_stick_request_put(dir, &b, &err), -EEXIST);
	assert_int_equal(rh_stick_request_take(dir, &q, &err), 1);
	assert_int_equal(q.wish, RH_WISH_WRITE);
	assert_string_equal(q.serial[1], "WD-2");
	assert_string_equal(q.from, "tty1");
	rh_stick_request_free(&q);
	assert_int_equal(rh_stick_request_take(dir, &q, &err), 0);
	/* Nonsense is an error once, and gone. */
	assert_int_equal(rh_file_write(AT_FDCWD, path, 0644, "{\"do\":\"write\"}", 14, &err), 0);
	assert_int_equal(rh_stick_request_take(dir, &q, &err), -EINVAL);
	assert_int_equal(rh_stick_request_take(dir, &q, &err), 0);
}

#define ANSWERS                                                                              \
	"{ \"version\": 1, \"hostname\": \"mail.example.org\", \"domain\": \"example.org\"," \
	"  \"language\": \"en\", \"timezone\": \"Asia/Tokyo\","                              \
	"  \"network\": { \"method\": \"dhcp\" },"                                           \
	"  \"admin\": { \"email\": \"admin@example.org\", \"password\": \"correct horse\","  \
	"    \"ssh_keys\": [\"ssh-ed25519 AAAA x\"], \"addresses\": [\"192.0.2.10/32\"] }"

static void test_answers(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *fault;
	} cases[] = {
	    {ANSWERS "}", 0, NULL},
	    {ANSWERS ", \"disks\": [\"WD-WCC4E1234567\", \"S3Z 1\"] }", 1, NULL},
	    {ANSWERS ", \"disks\": [\"WD-1\"] }", -EINVAL, "disks"},
	    {ANSWERS ", \"disks\": [\"WD-1\", \"WD-1\"] }", -EINVAL, "disks"},
	    {ANSWERS ", \"disks\": [\"WD-1\", \"WD-2\", \"WD-3\"] }", -EINVAL, "disks"},
	    {ANSWERS ", \"disks\": [\"\", \"WD-2\"] }", -EINVAL, "disks"},
	    {ANSWERS ", \"disk\": [\"WD-1\", \"WD-2\"] }", -EINVAL, "disk"},
	    {"{ \"disks\": [\"WD-1\", \"WD-2\"] }", -EINVAL, "version"},
	    {"nonsense", -EINVAL, ""},
	};
	RH_FREE char *path = rh_xasprintf("%s/rehome-answers.json", dir);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		RH_STRV struct rh_strv faults = {0};
		char *serial[2] = {NULL, NULL};
		struct rh_err err;
		bool found = false;

		assert_int_equal(
		    rh_file_write(AT_FDCWD, path, 0644, cases[i].text, strlen(cases[i].text), &err),
		    0);
		assert_int_equal(
		    rh_look_answers(path, "recipes/answers.schema.json", serial, &faults),
		    cases[i].r);
		for (size_t k = 0; k < faults.n; k++)
			found |= cases[i].fault && strstr(faults.v[k], cases[i].fault);
		assert_int_equal(found, cases[i].fault != NULL);
		if (cases[i].r == 1) {
			assert_string_equal(serial[0], "WD-WCC4E1234567");
			assert_string_equal(serial[1], "S3Z 1");
		}
		free(serial[0]);
		free(serial[1]);
	}
}

static void test_grub_menu(void **state)
{
	struct rh_stick_image s = {.recipe = "small"};
	RH_FREE char *menu = NULL;
	const char *start, *install;

	(void)state;
	memset(s.boot_fs.b, 0xab, sizeof s.boot_fs.b);
	menu = rh_stick_menu(&s, "0000-part");
	assert_non_null(strstr(menu, "--set=installed abababab-abab-abab-abab-abababababab\n"));
	start = strstr(menu, "Start the server that is installed");
	install = strstr(menu, "Install Rehome (small)");
	assert_true(start && install && start < install); /* what is installed comes first */
	assert_non_null(strstr(menu, "rehome.pair=0000-part"));
	assert_non_null(strstr(menu, "raid=noautodetect"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_choose),
	    cmocka_unit_test(test_offers),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_dialog_writes),
	    cmocka_unit_test(test_dialog_does_not),
	    cmocka_unit_test(test_dialog_stale),
	    cmocka_unit_test(test_state_comes_back),
	    cmocka_unit_test(test_first_request_wins),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_grub_menu),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* builder/plan: what a good recipe becomes. The refusals are in tests/cases/check. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/datadir.h"
#include "builder/plan.h"
#include "builder/sizes.h"
#include "lib/core/file.h"

#define RECIPE                                                                                   \
	"{\"name\":\"r\",\"description\":\"d\",\"release\":\"trixie\",\"arch\":\"amd64\","       \
	"\"machine\":{\"vendor\":\"HP\",\"model\":\"M\",\"nic\":\"e1000e\",\"memory_mib\":2048," \
	"\"cpus\":2},\"disk\":{\"model\":\"D\",\"size\":\"8GiB\",\"esp\":\"64MiB\","             \
	"\"boot\":\"512MiB\",\"root\":\"3GiB\",\"var\":\"2GiB\",\"swap\":\"0B\"},"               \
	"\"overlays\":[%s]}"

static char dir[] = "/tmp/rh-plan-XXXXXX";
static const char *const schemas[] = {"recipes/recipe.schema.json", "recipes/overlay.schema.json"};

static void put(const char *path, mode_t mode, const char *text)
{
	RH_FREE char *parent = rh_xstrdup(path);

	*strrchr(parent, '/') = '\0';
	assert_int_equal(rh_mkdirs(AT_FDCWD, parent, 0755, NULL), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, path, mode, text, strlen(text), NULL), 0);
}

/* An overlay that is only its overlay.json. */
static void overlay(const char *name, const char *more)
{
	RH_FREE char *path = rh_xasprintf("overlays/%s/overlay.json", name);
	RH_FREE char *text = rh_xasprintf("{\"name\":\"%s\",\"description\":\"d\"%s}", name, more);

	put(path, 0644, text);
}

static int make_dir(void **state)
{
	int top = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		struct rh_str s = {0};

		if (rh_file_read(top, schemas[i], 1 << 20, &s, NULL) < 0)
			return -1;
		put(schemas[i], 0644, s.data);
		rh_str_free(&s);
	}
	close(top);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : rh_remove_tree(AT_FDCWD, dir, NULL);
}

static struct rh_plan *load(const char *names)
{
	RH_FREE char *text = rh_xasprintf(RECIPE, names);
	struct rh_plan *p = NULL;
	struct rh_diags d = {0};
	struct rh_err err = {0};
	int r;

	put("recipes/r.json", 0644, text);
	r = rh_plan_load("recipes/r.json", ".", &p, &d, &err);
	if (d.n > 0)
		rh_diags_print(&d, stderr);
	assert_int_equal(r, 0);
	assert_int_equal(d.n, 0);
	return p;
}

static void order_follows_needs_then_the_recipe(void **state)
{
	static const char *const want[] = {"b", "d", "a", "c", "e"};
	struct rh_plan *p;

	(void)state;
	overlay("a", ",\"needs\":[\"d\"]");
	overlay("b", "");
	overlay("c", ",\"needs\":[\"a\",\"b\"]");
	overlay("d", "");
	overlay("e", "");
	p = load("\"a\",\"c\",\"b\",\"d\",\"e\"");
	/* a and c wait; b is the first that may come, then d frees a, which stands before e */
	assert_int_equal(p->n_overlays, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(p->overlays[i].name, want[i]);
	rh_plan_free(&p);
	assert_null(p);
}

static void lists_are_joined(void **state)
{
	struct rh_plan *p;

	(void)state;
	overlay("a", ",\"packages\":[\"zsh\",\"bash\"],\"kernel_options\":[\"x=1\"],"
		     "\"debconf\":[\"p p/q string b\"],\"needs\":[\"b\"]");
	overlay("b", ",\"packages\":[\"bash\",\"apt\"],\"kernel_options\":[\"y\"],"
		     "\"debconf\":[\"p p/r string a\"]");
	p = load("\"a\",\"b\"");
	assert_int_equal(p->packages.n, 3);
	assert_string_equal(p->packages.v[0], "apt");
	assert_string_equal(p->packages.v[1], "bash");
	assert_string_equal(p->packages.v[2], "zsh");
	assert_int_equal(p->debconf.n, 2);
	assert_string_equal(p->debconf.v[0], "p p/r string a");
	assert_string_equal(p->kernel_options.v[0], "y");
	assert_string_equal(p->kernel_options.v[1], "x=1");
	rh_plan_free(&p);
}

static void files_keep_path_mode_and_link(void **state)
{
	static const struct {
		const char *path;
		mode_t mode;
		const char *link;
	} want[] = {
	    {"etc", S_IFDIR | 0755, NULL},	  {"etc/a", S_IFREG | 0640, NULL},
	    {"etc/a.d", S_IFDIR | 0755, NULL},	  {"etc/a.d/x", S_IFREG | 0755, NULL},
	    {"etc/link", S_IFLNK | 0777, "../x"},
	};
	struct rh_overlay *o;
	struct rh_plan *p;
	mode_t mask = umask(022);

	(void)state;
	overlay("f", "");
	put("overlays/f/files/etc/a", 0640, "1");
	put("overlays/f/files/etc/a.d/x", 0755, "2");
	assert_int_equal(symlink("../x", "overlays/f/files/etc/link"), 0);
	assert_int_equal(chmod("overlays/f/files/etc", 02755), 0);
	umask(mask);
	p = load("\"f\"");
	o = &p->overlays[0];
	assert_int_equal(o->n_files, 5);
	for (size_t i = 0; i < 5; i++) {
		struct stat st;

		assert_string_equal(o->files[i].path, want[i].path);
		assert_int_equal(o->files[i].mode, want[i].mode);
		assert_int_equal(lstat(o->files[i].source, &st), 0);
		if (want[i].link)
			assert_string_equal(o->files[i].link, want[i].link);
		else
			assert_null(o->files[i].link);
	}
	rh_plan_free(&p);
}

static void an_overlay_is_read_whole(void **state)
{
	struct rh_overlay *o;
	struct rh_plan *p;

	(void)state;
	overlay("w", ",\"services\":[\"a.service\"],\"boot_services\":[\"b.timer\"],"
		     "\"users\":[{\"name\":\"u\",\"uid\":5000,\"gid\":5001,\"home\":\"/srv\"}],"
		     "\"ports\":[{\"port\":25,\"protocol\":\"tcp\",\"what\":\"SMTP\"}]");
	put("overlays/w/health/20-b", 0755, "#!/bin/sh\n");
	put("overlays/w/health/10-a", 0755, "#!/bin/sh\n");
	put("overlays/w/proofs/10-p", 0755, "#!/bin/sh\n");
	p = load("\"w\"");
	o = &p->overlays[0];
	assert_string_equal(o->services.v[0], "a.service");
	assert_string_equal(o->boot_services.v[0], "b.timer");
	assert_int_equal(o->n_users, 1);
	assert_int_equal(o->users[0].gid, 5001);
	assert_string_equal(o->users[0].shell, "/usr/sbin/nologin");
	assert_int_equal(o->ports[0].port, 25);
	assert_int_equal(o->health.n, 2);
	assert_string_equal(o->health.v[0], "10-a");
	assert_string_equal(o->proofs.v[0], "10-p");
	assert_string_equal(p->recipe.seed, "r");
	assert_true(p->recipe.limit_mailbox == 20ULL << 30);
	assert_true(p->recipe.limit_message == 20ULL << 20);
	assert_true(rh_mail_bytes(&p->recipe.disk) == (8192ULL - 64 - 512 - 3072 - 2048 - 16)
							  << 20);
	rh_plan_free(&p);
}

static void a_faulty_recipe_leaves_nothing(void **state)
{
	struct rh_plan *p = NULL;
	struct rh_diags d = {0};
	struct rh_err err = {0};

	(void)state;
	put("recipes/r.json", 0644, "{}");
	assert_int_equal(rh_plan_load("recipes/r.json", ".", &p, &d, &err), -EINVAL);
	assert_null(p);
	assert_true(d.n >= 7);
	assert_non_null(strstr(err.text, "recipes/r.json"));
	rh_diags_free(&d);
}

static void size_texts(void **state)
{
	RH_ARENA struct rh_arena *a = rh_arena_new();

	(void)state;
	assert_string_equal(rh_size_text(a, 0), "0B");
	assert_string_equal(rh_size_text(a, 1), "1B");
	assert_string_equal(rh_size_text(a, 18ULL << 30), "18GiB");
	assert_string_equal(rh_size_text(a, (18ULL << 30) + (1 << 20)), "18433MiB");
	assert_string_equal(rh_size_text(a, 5ULL << 50), "5120TiB");
}

static void recipe_names_and_paths(void **state)
{
	RH_ARENA struct rh_arena *a = rh_arena_new();
	RH_FREE char *cwd = getcwd(NULL, 0);
	char *path = NULL;
	struct rh_err err = {0};

	(void)state;
	put("recipes/r.json", 0644, "{}");
	assert_int_equal(rh_recipe_path(".", "r", &path, &err), 0);
	assert_string_equal(path, "./recipes/r.json");
	free(path);
	assert_int_equal(rh_recipe_path(".", "x/y", &path, &err), 0);
	assert_string_equal(path, "x/y");
	free(path);
	assert_int_equal(rh_recipe_path(".", "none", &path, &err), -ENOENT);
	assert_null(strstr(err.text, "schema"));
	assert_string_equal(rh_shown_path(a, "./a/b"), "a/b");
	assert_string_equal(rh_shown_path(a, rh_arena_printf(a, "%s/a/b", cwd)), "a/b");
	assert_string_equal(rh_shown_path(a, "/elsewhere/a"), "/elsewhere/a");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order_follows_needs_then_the_recipe),
	    cmocka_unit_test(lists_are_joined),
	    cmocka_unit_test(files_keep_path_mode_and_link),
	    cmocka_unit_test(an_overlay_is_read_whole),
	    cmocka_unit_test(a_faulty_recipe_leaves_nothing),
	    cmocka_unit_test(size_texts),
	    cmocka_unit_test(recipe_names_and_paths),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

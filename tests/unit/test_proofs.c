// SPDX-License-Identifier: GPL-2.0-or-later
/* Proofs: their order over overlays, and that each leaves a check whatever it does. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <cmocka.h>

#include "builder/pair.h"
#include "builder/proofs.h"
#include "builder/report.h"
#include "lib/core/file.h"
#include "lib/json.h"

static char *root;

static int setup(void **state)
{
	char dir[] = "/tmp/rh-test-proofs.XXXXXX";

	(void)state;
	root = mkdtemp(dir) ? rh_xstrdup(dir) : NULL;
	return root ? 0 : -1;
}

static int teardown(void **state)
{
	struct rh_err err;
	int r = rh_remove_tree(AT_FDCWD, root, &err);

	(void)state;
	free(root);
	return r;
}

static void put(const char *path, mode_t mode, const char *text)
{
	RH_FREE char *full = rh_xasprintf("%s/%s", root, path);
	RH_FREE char *dir = rh_xstrdup(full);
	struct rh_err err;

	*strrchr(dir, '/') = '\0';
	assert_int_equal(rh_mkdirs(AT_FDCWD, dir, 0755, &err), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, full, mode, text, strlen(text), &err), 0);
}

static void make_overlays(void)
{
	put("overlays/a/proofs/20-late", 0755,
	    "#!/bin/sh\necho \"{\\\"name\\\":\\\"$RH_HOST\\\",\\\"ok\\\":true}\"\n");
	put("overlays/a/proofs/20-late~", 0755, "#!/bin/sh\n");
	put("overlays/a/proofs/unnumbered", 0755, "#!/bin/sh\necho garbage; echo words >&2\n");
	put("overlays/b/proofs/5-early", 0755, "#!/bin/sh\nsleep 60\n");
	put("overlays/b/proofs/20-late", 0755, "#!/nonexistent\n");
	put("overlays/c/overlay.json", 0644,
	    "{\"name\":\"c\",\"description\":\"\",\"ports\":[{\"port\":443,\"protocol\":\"tcp\"},"
	    "{\"port\":53,\"protocol\":\"udp\"},{\"port\":443}]}");
}

static void test_order_and_run(void **state)
{
	static const char *const order[] = {"5-early", "20-late", "20-late", "unnumbered"};
	RH_STRV struct rh_strv overlays = {0}, env = {0};
	struct rh_progress *progress = rh_progress_new(-1, true);
	struct rh_proofs_run run = {
	    .env = &env, .log_dir = root, .timeout_s = 1, .total_s = 60, .progress = progress};
	struct rh_proofs proofs = {0};
	struct rh_verdict v = {0};
	struct rh_diags d = {0};
	RH_FREE char *log = rh_xasprintf("%s/a-unnumbered.log", root);
	struct rh_err err;

	(void)state;
	make_overlays();
	rh_strv_add(&overlays, "a");
	rh_strv_add(&overlays, "b");
	rh_strv_add(&overlays, "c");
	rh_strv_add(&env, "RH_HOST=mail.example.org");
	assert_int_equal(rh_proofs_collect(root, &overlays, &proofs, &d), 0);
	assert_int_equal(proofs.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(proofs.v[i].name, order[i]);
	assert_string_equal(proofs.v[1].overlay, "a");
	assert_int_equal(rh_proofs_run(&proofs, &run, &v, &err), 0);
	assert_int_equal(v.n, 4);
	assert_non_null(strstr(v.v[0].text, "did not end within 1 s"));
	assert_string_equal(v.v[1].name, "mail.example.org");
	assert_true(v.v[1].ok);
	assert_non_null(strstr(v.v[2].text, "could not run"));
	assert_non_null(strstr(v.v[3].text, "garbage"));
	assert_int_equal(rh_verdict_failed(&v), 3);
	assert_true(rh_exists(AT_FDCWD, log));
	rh_verdict_free(&v);
	rh_proofs_free(&proofs);
	rh_progress_free(&progress);
}

static void test_faults(void **state)
{
	RH_STRV struct rh_strv overlays = {0};
	struct rh_proofs proofs = {0};
	struct rh_diags d = {0};

	(void)state;
	put("overlays/a/proofs/30-not", 0644, "");
	rh_strv_add(&overlays, "a");
	rh_strv_add(&overlays, "missing");
	assert_true(rh_proofs_collect(root, &overlays, &proofs, &d) < 0);
	assert_int_equal(d.n, 2);
	rh_proofs_free(&proofs);
	rh_diags_free(&d);
}

static void test_pair(void **state)
{
	RH_FREE char *dir = rh_xasprintf("%s/pair", root);
	RH_FREE char *image = rh_xasprintf("%s/pair/a.img", root);
	struct rh_pair p;
	struct rh_diags d = {0};
	uint16_t ports[4];

	(void)state;
	assert_true(rh_pair_load(dir, NULL, &p, &d) < 0);
	assert_int_equal(d.n, 1);
	rh_pair_free(&p);
	put("pair/a.img", 0644, "");
	assert_true(rh_pair_load(dir, NULL, &p, &d) < 0);
	assert_true(d.n >= 4); /* a too small, b absent, no manifest */
	rh_pair_free(&p);
	rh_diags_free(&d);
	put("pair/b.img", 0644, "");
	put("pair/manifest.json", 0644,
	    "{\"recipe\":\"z440\",\"machine\":{\"vendor\":\"HP\",\"model\":\"M\",\"nic\":\"e1000\","
	    "\"memory_mib\":3000,\"cpus\":4},\"disk\":{\"model\":\"D\"},"
	    "\"overlays\":[\"a\",\"../x\",\"c\"]}");
	assert_int_equal(truncate(image, 2 << 20), 0);
	image[strlen(image) - 5] = 'b';
	assert_int_equal(truncate(image, 2 << 20), 0);
	assert_int_equal(rh_pair_load(dir, NULL, &p, &d), 0);
	assert_string_equal(p.recipe, "z440");
	assert_string_equal(p.nic, "e1000");
	assert_string_equal(p.disk_model, "D");
	assert_int_equal(p.memory_mib, 3000);
	assert_int_equal(p.overlays.n, 2);
	assert_int_equal(rh_pair_ports(&p, root, ports, 4, &d), 1);
	assert_int_equal(ports[0], 443);
	assert_int_equal(d.n, 1); /* overlays/a has no overlay.json: its ports are unknown */
	assert_non_null(strstr(d.v[0].file, "overlays/a/overlay.json"));
	rh_diags_free(&d);
	assert_null(rh_pair_changed(&p));
	assert_int_equal(truncate(image, 3 << 20), 0);
	assert_string_equal(rh_pair_changed(&p), image);
	rh_pair_free(&p);
}

static void test_report(void **state)
{
	RH_FREE char *dir = rh_xasprintf("%s/report", root);
	RH_FREE char *inside = rh_xasprintf("%s/report/report.json", root);
	RH_FREE char *serial = rh_xasprintf("%s/report/serial.log", root);
	RH_STRV struct rh_strv names = {0};
	struct json_object *doc = json_object_new_object();
	struct rh_err err;

	(void)state;
	put("scratch/serial.log", 0600, "hello\n");
	for (int i = 0; i < 2; i++) { /* the second replaces the first */
		assert_int_equal(rh_report_write(dir, doc, dir, &err), 0);
		assert_true(rh_exists(AT_FDCWD, inside));
	}
	RH_FREE char *scratch = rh_xasprintf("%s/scratch", root);

	assert_int_equal(rh_report_write(dir, doc, scratch, &err), 0);
	assert_true(rh_exists(AT_FDCWD, serial));
	assert_true(rh_report_allowed(dir));
	assert_false(rh_report_allowed(scratch));
	assert_int_equal(rh_list_dir(AT_FDCWD, root, &names, &err), 0);
	for (size_t i = 0; i < names.n; i++)
		assert_null(strstr(names.v[i], "report.")); /* no temporary folder is left */
	json_object_put(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order_and_run),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_pair),
	    cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

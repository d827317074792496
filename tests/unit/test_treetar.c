// SPDX-License-Identifier: GPL-2.0-or-later
/* The tree's stream: ours wins, secrets stay out, the same inputs give the same bytes. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/mirror.h"
#include "builder/treetar.h"
#include "lib/core/file.h"

static char dir[] = "/tmp/rh-tar-XXXXXX";

static void add(struct archive *a, const char *path, int type, mode_t mode, const char *text)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, (unsigned)type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_uid(e, 33);
	archive_entry_set_mtime(e, 1000, 0);
	archive_entry_set_size(e, (la_int64_t)strlen(text));
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_write_data(a, text, strlen(text));
	archive_entry_free(e);
}

static int make_base(void **state)
{
	struct archive *a = archive_write_new();

	(void)state;
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	archive_write_set_format_pax_restricted(a);
	archive_write_open_filename(a, "base.tar");
	add(a, "./", AE_IFDIR, 0755, "");
	add(a, "./etc/", AE_IFDIR, 0750, "");
	add(a, "./etc/passwd", AE_IFREG, 0644, "root\n");
	add(a, "./etc/replaced", AE_IFREG, 0644, "old\n");
	add(a, "./etc/machine-id", AE_IFREG, 0644, "secret\n");
	add(a, "./etc/ssh/ssh_host_rsa_key", AE_IFREG, 0600, "secret\n");
	add(a, "./etc/ssl/private/", AE_IFDIR, 0710, "");
	add(a, "./etc/ssl/private/ssl-cert-snakeoil.key", AE_IFREG, 0600, "secret\n");
	add(a, "./var/lib/mysql/ibdata1", AE_IFREG, 0600, "data\n");
	return archive_write_free(a) == ARCHIVE_OK ? 0 : -1;
}

static int drop_base(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rh_remove_tree(AT_FDCWD, dir, NULL) : -1;
}

static void write_stream(const char *file, const struct rh_extras *x)
{
	struct rh_treetar t = {.packages = "base.tar", .extras = x, .epoch = 1700000000};
	struct rh_err err;
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(rh_treetar_write(&t, fd, &err), 0);
	close(fd);
}

/* Path list with type, mode, owner and text of the stream. */
static void list(const char *file, struct rh_str *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	char buf[100];

	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_filename(a, file, 10240), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
		la_ssize_t n = archive_read_data(a, buf, sizeof buf - 1);

		buf[n > 0 ? n : 0] = '\0';
		rh_str_addf(out, "%s %o %d %s|", archive_entry_pathname(e),
			    (unsigned)archive_entry_perm(e), (int)archive_entry_uid(e),
			    archive_entry_symlink(e) ? archive_entry_symlink(e) : buf);
	}
	archive_read_free(a);
}

static void ours_wins_and_secrets_stay_out(void **state)
{
	struct rh_extras x = {0};
	struct rh_str got = {0};

	(void)state;
	rh_extras_text(&x, "etc/replaced", 0600, "new\n");
	rh_extras_text(&x, "etc/machine-id", 0444, "uninitialized\n");
	rh_extras_link(&x, "etc/link", "replaced");
	rh_extras_dir(&x, "srv", 0755);
	assert_int_equal(rh_extras_sort(&x, NULL), 0);
	write_stream("out.tar", &x);
	list("out.tar", &got);
	assert_string_equal(got.data,
			    "etc/ 750 33 |etc/passwd 644 33 root\n|"
			    "etc/ssl/private/ 710 33 |"
			    "etc/link 777 0 replaced|etc/machine-id 444 0 uninitialized\n|"
			    "etc/replaced 600 0 new\n|srv/ 755 0 |"
			    "etc/ 750 33 |etc/ssl/private/ 710 33 |srv/ 755 0 |");
	rh_str_free(&got);
	rh_extras_free(&x);
}

/* Date of the last entry of PATH, -1 when there is none. */
static long date_of(const char *file, const char *path)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	long date = -1;

	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_filename(a, file, 10240), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK)
		if (!strcmp(archive_entry_pathname(e), path))
			date = (long)archive_entry_mtime(e);
	archive_read_free(a);
	return date;
}

static void no_date_is_left_to_who_unpacks(void **state)
{
	struct rh_extras x = {0};
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	struct rh_treetar t = {
	    .packages = "dates.tar", .programs = "dates.tar", .extras = &x, .epoch = 1500};
	struct rh_str got = {0};
	int fd = open("out.tar", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)state;
	archive_write_set_format_pax_restricted(a);
	archive_write_open_filename(a, "dates.tar");
	add(a, "./usr/", AE_IFDIR, 0755, "");
	add(a, "./usr/old", AE_IFREG, 0644, "");
	archive_entry_set_pathname(e, "./lib");
	archive_entry_set_filetype(e, AE_IFLNK);
	archive_entry_set_symlink(e, "usr");
	archive_entry_set_mtime(e, 2000, 5);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	rh_extras_text(&x, "lib/deep/file", 0644, "");
	rh_extras_text(&x, "usr/share/own/file", 0644, "");
	assert_int_equal(rh_extras_sort(&x, NULL), 0);
	assert_int_equal(rh_treetar_write(&t, fd, NULL), 0);
	close(fd);
	list("out.tar", &got);
	/* nothing takes the place of the link; the folders come again, after every file */
	assert_null(strstr(got.data, "lib/ "));
	assert_null(strstr(got.data, "lib/deep/ "));
	assert_non_null(strstr(got.data, "|usr/share/own/file 644 0 |usr/ 755 33 |usr/share/ 755 0 "
					 "|usr/share/own/ 755 0 |"));
	assert_int_equal(date_of("out.tar", "usr/share/"), 1500);
	assert_int_equal(date_of("out.tar", "lib"), 1500);
	/* a cached tar of our programs may be of any day */
	assert_int_equal(date_of("out.tar", "usr/old"), 1500);
	rh_str_free(&got);
	rh_extras_free(&x);
}

static void same_inputs_give_the_same_bytes(void **state)
{
	struct rh_str a = {0}, b = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct rh_extras x = {0};

		/* The order of adding must not matter. */
		rh_extras_text(&x, round ? "b" : "a", 0644, "1");
		rh_extras_text(&x, round ? "a" : "b", 0644, "1");
		assert_int_equal(rh_extras_sort(&x, NULL), 0);
		write_stream(round ? "2.tar" : "1.tar", &x);
		rh_extras_free(&x);
	}
	assert_int_equal(rh_file_read(AT_FDCWD, "1.tar", 1 << 20, &a, NULL), 0);
	assert_int_equal(rh_file_read(AT_FDCWD, "2.tar", 1 << 20, &b, NULL), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	rh_str_free(&a);
	rh_str_free(&b);
}

static void one_path_twice_is_refused(void **state)
{
	struct rh_extras x = {0};
	struct rh_err err;

	(void)state;
	rh_extras_text(&x, "etc/x", 0644, "1");
	rh_extras_text(&x, "etc/x", 0644, "2");
	assert_int_equal(rh_extras_sort(&x, &err), -EEXIST);
	assert_non_null(strstr(err.text, "/etc/x"));
	rh_extras_free(&x);
}

static void a_missing_source_is_named(void **state)
{
	struct rh_extras x = {0};
	struct rh_treetar t = {.packages = "base.tar", .extras = &x};
	struct rh_err err;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	rh_extras_file(&x, "etc/x", 0644, "not-there");
	assert_int_equal(rh_extras_sort(&x, NULL), 0);
	assert_int_equal(rh_treetar_write(&t, fd, &err), -ENOENT);
	assert_non_null(strstr(err.text, "not-there"));
	close(fd);
	rh_extras_free(&x);
}

static int stop(void *arg, uint64_t bytes, struct rh_err *err)
{
	(void)arg;
	(void)bytes;
	return rh_err_set(err, ENOSPC, "no room");
}

static void a_tick_can_end_the_writing(void **state)
{
	struct rh_extras x = {0};
	struct rh_treetar t = {.packages = "base.tar", .extras = &x, .tick = stop};
	struct rh_err err;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(rh_treetar_write(&t, fd, &err), -ENOSPC);
	assert_string_equal(err.text, "no room");
	close(fd);
}

static void a_damaged_tar_is_named_with_the_remedy(void **state)
{
	struct rh_extras x = {0};
	struct rh_treetar t = {.packages = "cut.tar", .extras = &x};
	struct rh_str text = {0};
	struct rh_err err;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(rh_file_read(AT_FDCWD, "base.tar", 1 << 20, &text, &err), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, "cut.tar", 0644, text.data, 1800, &err), 0);
	assert_int_equal(rh_treetar_write(&t, fd, &err), -EIO);
	assert_non_null(strstr(err.text, "cut.tar"));
	assert_non_null(strstr(err.text, "remove it"));
	rh_str_free(&text);
	assert_int_equal(rh_treetar_read("cut.tar", "var/lib/none", 100, &text, &err), -EIO);
	assert_non_null(strstr(err.text, "remove it"));
	rh_str_free(&text);
	close(fd);
}

static void digest_one(const struct rh_extras *x, char hex[RH_SHA256_HEX])
{
	struct rh_digest *d = rh_digest_new();

	assert_int_equal(rh_extra_digest(d, &x->v[0], NULL), 0);
	rh_digest_final(&d, hex);
}

/* A cached initramfs must not survive `chmod +x` on a dracut module. */
static void the_digest_of_a_part_covers_its_mode(void **state)
{
	struct rh_extras plain = {0}, program = {0}, other = {0};
	char a[RH_SHA256_HEX], b[RH_SHA256_HEX], c[RH_SHA256_HEX];

	(void)state;
	rh_extras_file(&plain, "usr/lib/dracut/x", 0644, "base.tar");
	rh_extras_file(&program, "usr/lib/dracut/x", 0755, "base.tar");
	assert_int_equal(rh_file_write(AT_FDCWD, "else", 0644, "x", 1, NULL), 0);
	rh_extras_file(&other, "usr/lib/dracut/x", 0644, "else");
	digest_one(&plain, a);
	digest_one(&program, b);
	digest_one(&other, c);
	assert_string_not_equal(a, b);
	assert_string_not_equal(a, c);
	rh_extras_free(&plain);
	rh_extras_free(&program);
	rh_extras_free(&other);
}

static void a_file_is_read_out_of_a_tar(void **state)
{
	struct rh_str text = {0};
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_treetar_read("base.tar", "etc/passwd", 100, &text, &err), 0);
	assert_string_equal(text.data, "root\n");
	rh_str_free(&text);
	assert_int_equal(rh_treetar_read("base.tar", "etc/none", 100, &text, &err), -ENOENT);
}

static void the_mirror_is_the_hosts_own(void **state)
{
	char text[] = "uri-b/|bookworm-backports|main|Debian Backports\n"
		      "uri-u/|bookworm-updates|main|Debian\n"
		      "uri-m/|bookworm|main|Debian\n"
		      "uri-s/|bookworm-security|main|Debian-Security\n"
		      "uri-x/|stable|main|Somebody\nbroken\n";
	char none[] = "uri-x/|stable|main|Somebody\n";
	struct rh_strv lines = {0};
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_mirror_parse(text, "trixie", &lines, &err), 0);
	assert_int_equal(lines.n, 3);
	assert_string_equal(lines.v[0], "deb uri-m/ trixie main");
	assert_string_equal(lines.v[1], "deb uri-m/ trixie-updates main");
	assert_string_equal(lines.v[2], "deb uri-s/ trixie-security main");
	rh_strv_free(&lines);
	assert_int_equal(rh_mirror_parse(none, "trixie", &lines, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--mirror"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ours_wins_and_secrets_stay_out),
	    cmocka_unit_test(no_date_is_left_to_who_unpacks),
	    cmocka_unit_test(same_inputs_give_the_same_bytes),
	    cmocka_unit_test(one_path_twice_is_refused),
	    cmocka_unit_test(a_missing_source_is_named),
	    cmocka_unit_test(a_tick_can_end_the_writing),
	    cmocka_unit_test(a_damaged_tar_is_named_with_the_remedy),
	    cmocka_unit_test(the_digest_of_a_part_covers_its_mode),
	    cmocka_unit_test(a_file_is_read_out_of_a_tar),
	    cmocka_unit_test(the_mirror_is_the_hosts_own),
	};

	return cmocka_run_group_tests(tests, make_base, drop_base);
}

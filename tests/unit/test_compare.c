// SPDX-License-Identifier: GPL-2.0-or-later
/* Two pairs against each other: whatever is changed must be found and named, and nothing else. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/compare_p.h"
#include "builder/format.h"
#include "builder/image.h"
#include "builder/lvm.h"
#include "builder/manifest.h"
#include "builder/md.h"
#include "lib/core/file.h"

#define MIB (1ULL << 20)

static char dir[] = "/tmp/rh-compare-XXXXXX";
static struct rh_layout layout;

/* --- listings --- */

/* What one file is in a test's tar; "" and 0 are its defaults. */
struct made {
	const char *path;
	unsigned type;
	mode_t mode;
	int uid, gid;
	long mtime, nsec;
	const char *text, *link, *hard, *xattr, *acl_user;
	int minor;
};

static const struct made tree[] = {
    {"./", AE_IFDIR, 0755, 0, 0, 100, 0, .text = ""},
    {"./dir/", AE_IFDIR, 0750, 1, 2, 100, 5, .text = ""},
    {"./dir/file", AE_IFREG, 0644, 1, 2, 100, 5, .text = "hello", .xattr = "one"},
    {"./dir/twin", AE_IFREG, 0600, 0, 0, 100, 0, .text = "twin"},
    {"./other", AE_IFREG, 0600, 0, 0, 100, 0, .text = "", .hard = "./dir/twin"},
    {"./link", AE_IFLNK, 0777, 0, 0, 100, 0, .text = "", .link = "dir/file"},
    {"./null", AE_IFCHR, 0666, 0, 0, 100, 0, .text = "", .minor = 3},
};
#define N (sizeof tree / sizeof *tree)

static void put(struct archive *a, const struct made *m)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, m->path);
	archive_entry_set_filetype(e, m->type);
	archive_entry_set_perm(e, m->mode);
	archive_entry_set_uid(e, m->uid);
	archive_entry_set_gid(e, m->gid);
	archive_entry_set_mtime(e, m->mtime, m->nsec);
	archive_entry_set_size(e, m->hard ? 0 : (la_int64_t)strlen(m->text));
	if (m->link)
		archive_entry_set_symlink(e, m->link);
	if (m->hard)
		archive_entry_set_hardlink(e, m->hard);
	if (m->xattr)
		archive_entry_xattr_add_entry(e, "user.test", m->xattr, strlen(m->xattr));
	if (m->acl_user)
		archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS,
					    ARCHIVE_ENTRY_ACL_READ, ARCHIVE_ENTRY_ACL_USER, 33,
					    m->acl_user);
	if (m->type == AE_IFCHR) {
		archive_entry_set_rdevmajor(e, 1);
		archive_entry_set_rdevminor(e, m->minor);
	}
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (!m->hard)
		archive_write_data(a, m->text, strlen(m->text));
	archive_entry_free(e);
}

static void listing(const struct made *v, size_t n, struct rh_listing *out)
{
	struct archive *a = archive_write_new();
	int fd;

	archive_write_set_format_pax(a);
	assert_int_equal(archive_write_open_filename(a, "list.tar"), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		put(a, &v[i]);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	fd = open("list.tar", O_RDONLY | O_CLOEXEC);
	assert_int_equal(rh_listing_tar(out, "root", fd, NULL), 0);
	close(fd);
	assert_int_equal(rh_listing_finish(out, NULL), 0);
}

static void compare_trees(const struct made *v, size_t n, struct rh_comparison *c)
{
	struct rh_listing a = {0}, b = {0};

	listing(tree, N, &a);
	listing(v, n, &b);
	*c = (struct rh_comparison){0};
	rh_listing_compare(&a, &b, c);
	rh_listing_free(&a);
	rh_listing_free(&b);
}

/* Exactly one difference, there, with that in its text. */
static void expect_one(struct rh_comparison *c, const char *where, const char *what)
{
	if (c->count != 1 || strcmp(c->v[0].where, where) != 0 || !strstr(c->v[0].what, what)) {
		for (size_t i = 0; i < c->n; i++)
			print_message("%s: %s\n", c->v[i].where, c->v[i].what);
		fail_msg("expected only: %s: %s", where, what);
	}
	rh_comparison_free(c);
}

static void the_same_tree_in_another_order_is_the_same(void **state)
{
	struct made v[N];
	struct rh_comparison c;

	(void)state;
	for (size_t i = 0; i < N; i++)
		v[i] = tree[N - 1 - i];
	/* the other name of the file with two comes first, with the contents */
	for (size_t i = 0; i < N; i++) {
		if (v[i].hard) {
			v[i].hard = NULL;
			v[i].text = "twin";
		} else if (!strcmp(v[i].path, "./dir/twin")) {
			v[i].hard = "./other";
		}
	}
	compare_trees(v, N, &c);
	assert_int_equal(c.count, 0);
	assert_int_equal(c.files, N);
	rh_comparison_free(&c);
}

/* A folder's ends with a slash. */
static bool same_path(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 2 && a[n - 1] == '/';
	m -= m > 2 && b[m - 1] == '/';
	return n == m && !strncmp(a, b, n);
}

static void each_change_of_a_file_is_named(void **state)
{
	static const struct {
		struct made made; /* in place of the one with its path */
		const char *where, *what;
	} cases[] = {
	    {{"./dir/file", AE_IFREG, 0644, 1, 2, 100, 5, .text = "hellp", .xattr = "one"},
	     "root: /dir/file",
	     "contents: SHA-256"},
	    {{"./dir/file", AE_IFREG, 0644, 1, 2, 100, 5, .text = "hello!", .xattr = "one"},
	     "root: /dir/file",
	     "size 5 against 6"},
	    {{"./dir/file", AE_IFREG, 04644, 1, 2, 100, 5, .text = "hello", .xattr = "one"},
	     "root: /dir/file",
	     "mode 0644 against 4644"},
	    {{"./dir/file", AE_IFREG, 0644, 3, 2, 100, 5, .text = "hello", .xattr = "one"},
	     "root: /dir/file",
	     "owner 1 against 3"},
	    {{"./dir/file", AE_IFREG, 0644, 1, 3, 100, 5, .text = "hello", .xattr = "one"},
	     "root: /dir/file",
	     "group 2 against 3"},
	    {{"./dir/file", AE_IFREG, 0644, 1, 2, 100, 6, .text = "hello", .xattr = "one"},
	     "root: /dir/file",
	     "mtime 100.000000005 against 100.000000006"},
	    {{"./dir/file", AE_IFREG, 0644, 1, 2, 100, 5, .text = "hello", .xattr = "two"},
	     "root: /dir/file",
	     "user.test=0x6f6e65 against user.test=0x74776f"},
	    {{"./dir/file", AE_IFREG, 0644, 1, 2, 100, 5, .text = "hello"},
	     "root: /dir/file",
	     "against none"},
	    {{"./dir/", AE_IFDIR, 0750, 1, 2, 101, 5, .text = ""}, "root: /dir", "mtime 100."},
	    {{"./dir", AE_IFREG, 0750, 1, 2, 100, 5, .text = ""},
	     "root: /dir",
	     "a folder against a file"},
	    {{"./", AE_IFDIR, 0700, 0, 0, 100, 0, .text = ""}, "root: /.", "mode 0755"},
	    {{"./link", AE_IFLNK, 0777, 0, 0, 100, 0, .text = "", .link = "dir"},
	     "root: /link",
	     "target dir/file against dir"},
	    {{"./null", AE_IFCHR, 0666, 0, 0, 100, 0, .text = "", .minor = 5},
	     "root: /null",
	     "device 1:3 against 1:5"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made v[N];
		struct rh_comparison c;

		for (size_t k = 0; k < N; k++)
			v[k] =
			    same_path(tree[k].path, cases[i].made.path) ? cases[i].made : tree[k];
		compare_trees(v, N, &c);
		expect_one(&c, cases[i].where, cases[i].what);
	}
}

static void an_acl_is_part_of_a_file(void **state)
{
	struct made v[N];
	struct rh_comparison c;

	(void)state;
	memcpy(v, tree, sizeof v);
	v[3].acl_user = "www-data";
	compare_trees(v, N, &c);
	/* its other name is the same file */
	assert_int_equal(c.count, 2);
	assert_non_null(strstr(c.v[0].what, "acl="));
	rh_comparison_free(&c);
}

static void a_file_of_one_side_only_is_named(void **state)
{
	struct made v[N + 1];
	struct rh_comparison c;

	(void)state;
	compare_trees(tree, N - 1, &c);
	expect_one(&c, "root: /null", "only in the first pair");
	memcpy(v, tree, sizeof tree);
	v[N] = (struct made){"./dir/more", AE_IFREG, 0644, 0, 0, 100, 0, .text = "x"};
	compare_trees(v, N + 1, &c);
	expect_one(&c, "root: /dir/more", "a file that is only in the other pair");
}

static void a_copy_is_not_a_hard_link(void **state)
{
	struct made v[N];
	struct rh_comparison c;

	(void)state;
	memcpy(v, tree, sizeof v);
	v[4].hard = NULL;
	v[4].text = "twin";
	compare_trees(v, N, &c);
	assert_int_equal(c.count, 2);
	assert_string_equal(c.v[0].where, "root: /dir/twin");
	assert_non_null(strstr(c.v[0].what, "hard link to dir/twin against none"));
	rh_comparison_free(&c);
}

static void facts_are_compared_both_ways(void **state)
{
	struct rh_listing a = {0}, b = {0};
	struct rh_comparison c = {0};

	(void)state;
	rh_listing_fact(&a, "volume root: size", "1");
	rh_listing_fact(&a, "boot: UUID", "x");
	rh_listing_fact(&b, "boot: UUID", "y");
	rh_listing_fact(&b, "volume swap: size", "2");
	assert_int_equal(rh_listing_finish(&a, NULL), 0);
	assert_int_equal(rh_listing_finish(&b, NULL), 0);
	rh_listing_compare(&a, &b, &c);
	assert_int_equal(c.count, 3);
	assert_string_equal(c.v[0].what, "x against y");
	assert_string_equal(c.v[1].what, "1 against nothing");
	assert_string_equal(c.v[2].what, "nothing against 2");
	rh_comparison_free(&c);
	rh_listing_free(&a);
	rh_listing_free(&b);
}

static void a_list_that_ends_early_is_an_error(void **state)
{
	struct rh_listing l = {0};
	struct rh_str text = {0};
	struct rh_err err;
	int fd;

	(void)state;
	listing(tree, N, &l);
	rh_listing_free(&l);
	assert_int_equal(rh_file_read(AT_FDCWD, "list.tar", 1 << 20, &text, &err), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, "cut.tar", 0644, text.data, 2200, &err), 0);
	fd = open("cut.tar", O_RDONLY | O_CLOEXEC);
	assert_int_equal(rh_listing_tar(&l, "root", fd, &err), -EIO);
	assert_non_null(strstr(err.text, "root"));
	close(fd);
	rh_str_free(&text);
	rh_listing_free(&l);
}

static void more_differences_are_counted_than_kept(void **state)
{
	struct rh_comparison c = {0};

	(void)state;
	for (int i = 0; i < RH_COMPARE_KEPT + 5; i++)
		rh_comparison_add(&c, "x", "%d", i);
	assert_int_equal(c.count, RH_COMPARE_KEPT + 5);
	assert_int_equal(c.n, RH_COMPARE_KEPT);
	rh_comparison_free(&c);
}

/* --- images --- */

static bool have_tools(void)
{
	return access("/usr/sbin/mkfs.fat", X_OK) == 0 && access("/usr/sbin/mke2fs", X_OK) == 0;
}

static void make_disk(const char *path, const char *seed, unsigned member)
{
	uint8_t boot[512] = {0}, core[2048];
	struct rh_image_boot embed = {boot, core, sizeof core};
	struct rh_format esp = {path, &layout.part[RH_PART_ESP], seed, 1700000000};
	struct rh_extras files = {0};

	memset(core, 0x5a, sizeof core);
	rh_extras_text(&files, "EFI/BOOT/BOOTX64.EFI", 0644, "a boot loader");
	rh_extras_text(&files, "EFI/BOOT/grub.cfg", 0644, "search");
	rh_extras_text(&files, "EFI/debian/grubx64.efi", 0644, "another");
	assert_int_equal(rh_extras_sort(&files, NULL), 0);
	assert_int_equal(rh_image_create(path, &layout, seed, NULL), 0);
	assert_int_equal(rh_image_volumes(path, &layout, seed, 1700000000, NULL), 0);
	assert_int_equal(rh_format_esp(&esp, &files, NULL), 0);
	assert_int_equal(rh_image_finish(path, &layout, seed, member, &embed, 1700000000, NULL), 0);
	rh_extras_free(&files);
}

static void make_pair(const char *name)
{
	struct rh_recipe recipe = {.name = "t",
				   .description = "",
				   .release = "",
				   .arch = "",
				   .machine_model = "",
				   .machine_vendor = "",
				   .nic = "",
				   .disk_model = "",
				   .seed = "seed"};
	struct rh_plan plan = {.recipe = recipe};
	struct rh_manifest m = {.plan = &plan,
				.layout = &layout,
				.dpkg = "",
				.kver = "",
				.key = "0123456789012345678901234567890123456789012345678901234567"
				       "890123"};
	char path[64];

	assert_int_equal(rh_mkdirs(AT_FDCWD, name, 0755, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%c.img", name, "ab"[i]);
		make_disk(path, "seed", i);
	}
	assert_int_equal(rh_manifest_write(&m, name, NULL), 0);
}

static int setup(void **state)
{
	const struct rh_disk_sizes sizes = {.disk = 1024 * MIB,
					    .esp = 64 * MIB,
					    .boot = 64 * MIB,
					    .root = 256 * MIB,
					    .var = 128 * MIB,
					    .swap = 0};

	(void)state;
	if (!mkdtemp(dir) || chdir(dir) < 0 || rh_layout_make(&sizes, &layout, NULL) < 0)
		return -1;
	if (have_tools()) {
		make_pair("one");
		make_pair("two");
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rh_remove_tree(AT_FDCWD, dir, NULL) : -1;
}

static void compare_images(struct rh_comparison *c)
{
	struct rh_progress *p = rh_progress_new(-1, true);
	struct rh_err err = {""};

	if (rh_compare_pairs("one", "two", p, c, &err) < 0)
		fail_msg("%s", err.text);
	rh_progress_free(&p);
}

/* Add 1 to the byte at AT of disk D of the other pair; again with -1 makes it as it was. */
static void change(char d, uint64_t at, int by)
{
	char path[] = "two/?.img";
	uint8_t byte;
	int fd;

	path[4] = d;
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte = (uint8_t)(byte + by);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

static void a_pair_made_again_is_the_same_bit_by_bit(void **state)
{
	struct rh_comparison c;

	(void)state;
	if (!have_tools())
		skip();
	compare_images(&c);
	assert_int_equal(c.count, 0);
	assert_true(c.identical);
	rh_comparison_free(&c);
}

struct changed_byte {
	char disk;
	uint64_t at;
	const char *where, *what;
};

static void expect_named(const struct changed_byte *b)
{
	struct rh_comparison c;

	change(b->disk, b->at, 1);
	compare_images(&c);
	if (*b->where == '/') { /* a path */
		assert_int_equal(c.count, 1);
		assert_non_null(strstr(c.v[0].where, b->where));
		assert_non_null(strstr(c.v[0].what, b->what));
		/* what two different halves hold is not to be told */
		assert_non_null(c.unread);
		rh_comparison_free(&c);
	} else {
		expect_one(&c, b->where, b->what);
	}
	change(b->disk, b->at, -1);
}

static void each_changed_byte_is_named(void **state)
{
	const uint64_t end = layout.disk_sectors * 512;
	const struct rh_extent *p = layout.part, *d = layout.data;
	const uint64_t boot_end = (p[RH_PART_BOOT].start + p[RH_PART_BOOT].count) * 512;
	struct rh_md boot, pv;
	uint64_t boot_super, pv_super, bitmap;

	rh_md_arrays(&layout, "", 0, &boot, &pv);
	boot_super = (p[RH_PART_BOOT].start + rh_md_super_sector(&boot)) * 512;
	pv_super = (p[RH_PART_PV].start + rh_md_super_sector(&pv)) * 512;
	bitmap = pv_super + (uint64_t)(int64_t)pv.bitmap_offset * 512;
	const struct changed_byte cases[] = {
	    {'a', 10, "disk a: MBR", "boot code, from byte 10 on"},
	    {'b', 450, "disk b: MBR", "protective partition"},
	    {'a', 512 + 16, "disk a: GPT header", "header checksum at offset 16"},
	    {'b', 512 + 56, "disk b: GPT header", "disk GUID at offset 56"},
	    {'a', 512 + 92, "disk a: GPT header", "byte 92"},
	    {'a', 1024 + 2 * 128 + 16, "disk a: GPT entry 3", "unique GUID at offset 16"},
	    {'b', 1024 + 127 * 128 + 40, "disk b: GPT entry 128", "last sector"},
	    {'a', 40 * 512 + 3, "disk a: unused space", "1 bytes differ"},
	    {'a', p[0].start * 512 + 700, "disk a: BIOS boot area (core.img)", "byte 700 "},
	    {'b', p[1].start * 512 + 68, "disk b: ESP boot sector", "volume serial number"},
	    {'a', p[1].start * 512 + 1500, "disk a: ESP", "reserved sectors"},
	    {'a', p[1].start * 512 + 32 * 512 + 40000, "disk a: ESP", "allocation table 1"},
	    {'a', boot_super + 200, "disk a: md boot superblock", "events at offset 200"},
	    {'b', pv_super + 168, "disk b: md pv superblock", "device UUID at offset 168"},
	    {'b', pv_super + 300, "disk b: md pv superblock", "roles, from byte 300"},
	    {'a', bitmap + 24, "disk a: md pv bitmap", "events at offset 24"},
	    {'a', bitmap + 256, "disk a: md pv bitmap's bits", "byte 0 "},
	    {'a', d[RH_PART_PV].start * 512 - 1, "disk a: md pv, unused space", "1 bytes"},
	    {'a', boot_end - 1, "disk a: md boot, unused space", "1 bytes"},
	    {'b', end - 34 * 512, "disk b: unused space", "1 bytes"},
	    {'b', end - 33 * 512 + 128, "disk b: backup GPT entry 2", "type GUID"},
	    {'a', end - 512 + 24, "disk a: backup GPT header", "own sector at offset 24"},
	    {'b', d[RH_PART_PV].start * 512 + 12345678, "/b.img",
	     "array pv, first at byte 12345678"},
	    {'b', d[RH_PART_BOOT].start * 512, "/b.img", "array boot, first at byte 0"},
	};

	(void)state;
	if (!have_tools())
		skip();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_named(&cases[i]);
}

/* Where in IMAGE the bytes TEXT stand. */
static uint64_t find(const char *image, uint64_t from, const char *text)
{
	char buf[4096];
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	uint64_t at = from;

	while (pread(fd, buf, sizeof buf, (off_t)at) == (ssize_t)sizeof buf) {
		char *p = memmem(buf, sizeof buf, text, strlen(text));

		if (p) {
			close(fd);
			return at + (uint64_t)(p - buf);
		}
		at += sizeof buf;
	}
	fail_msg("%s has no %s", image, text);
	return 0;
}

static void a_file_of_the_esp_is_named(void **state)
{
	static const struct {
		const char *bytes, *what;
	} cases[] = {{"a boot loader", "EFI/BOOT/BOOTX64.EFI: 1 bytes"},
		     {"another", "EFI/debian/grubx64.efi: 1 bytes"},
		     {"DEBIAN ", "folder /EFI: 1 bytes"},
		     {"GRUBX64 EFI", "folder /EFI/debian: 1 bytes"}};

	(void)state;
	if (!have_tools())
		skip();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t at =
		    find("two/a.img", layout.part[RH_PART_ESP].start * 512, cases[i].bytes);
		struct rh_comparison c;

		change('a', at + 12, 1);
		compare_images(&c);
		expect_one(&c, "disk a: ESP", cases[i].what);
		change('a', at + 12, -1);
	}
}

static void pairs_that_cannot_be_compared(void **state)
{
	struct rh_comparison c;
	struct rh_progress *p = rh_progress_new(-1, true);
	struct rh_err err;
	struct rh_str text = {0}, bad = {0};
	const char *at;

	(void)state;
	if (!have_tools())
		skip();
	assert_int_equal(rh_compare_pairs("one", "three", p, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "three"));
	/* another layout: that is the difference */
	assert_int_equal(rh_file_read(AT_FDCWD, "two/manifest.json", 1 << 20, &text, NULL), 0);
	at = strstr(text.data, "\"root\":");
	rh_str_addn(&bad, text.data, (size_t)(at - text.data));
	rh_str_add(&bad, "\"root\":1");
	rh_str_add(&bad, at + 7);
	assert_int_equal(
	    rh_file_write(AT_FDCWD, "two/manifest.json", 0644, bad.data, bad.len, NULL), 0);
	compare_images(&c);
	expect_one(&c, "manifest.json", "layout.volumes.root: 268435456 against 1268435456");
	/* none at all */
	rh_str_free(&bad);
	rh_str_add(&bad, "{\"version\": 1}");
	assert_int_equal(
	    rh_file_write(AT_FDCWD, "two/manifest.json", 0644, bad.data, bad.len, NULL), 0);
	assert_int_equal(rh_compare_pairs("one", "two", p, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "two/manifest.json"));
	assert_int_equal(
	    rh_file_write(AT_FDCWD, "two/manifest.json", 0644, text.data, text.len, NULL), 0);
	rh_progress_free(&p);
	rh_str_free(&bad);
	rh_str_free(&text);
}

static void a_boot_filesystem_made_again_is_the_same(void **state)
{
	struct rh_str a = {0}, b = {0}, other = {0};
	const struct rh_extent at = {2048, 32 * 2048};

	(void)state;
	if (!have_tools())
		skip();
	for (int i = 0; i < 3; i++) {
		struct rh_format f = {"fs", &at, i < 2 ? "seed" : "other", 1700000000};
		int fd = open("fs", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		assert_int_equal(ftruncate(fd, 40 << 20), 0);
		close(fd);
		assert_int_equal(rh_format_boot(&f, NULL), 0);
		assert_int_equal(rh_file_read(AT_FDCWD, "fs", 41 << 20,
					      i == 0   ? &a
					      : i == 1 ? &b
						       : &other,
					      NULL),
				 0);
	}
	assert_memory_equal(a.data, b.data, a.len);
	assert_memory_not_equal(a.data, other.data, a.len);
	/* ext4's magic number, at its place behind the offset */
	assert_int_equal((uint8_t)a.data[(1 << 20) + 1024 + 56], 0x53);
	assert_int_equal((uint8_t)a.data[(1 << 20) + 1024 + 57], 0xef);
	rh_str_free(&a);
	rh_str_free(&b);
	rh_str_free(&other);
}

/* --- LVM --- */

/* Bit by bit, as the description of the format has it. */
static uint32_t slow_crc(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xf597a6cf;

	for (; n; n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

static uint32_t le32_at(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16) | (uint32_t)p[3] << 24;
}

static void lvm_metadata_is_consistent(void **state)
{
	uint8_t *head = malloc(RH_LVM_HEAD_BYTES);
	const char *text = (const char *)head + 4096 + 512;
	struct rh_lvm g;

	(void)state;
	rh_lvm_group(&layout, "seed", 1700000000, &g);
	assert_int_equal(g.n, 2); /* no swap in this layout */
	assert_int_equal(rh_lvm_encode(&g, head, NULL), 0);
	assert_memory_equal(head + 512, "LABELONE", 8);
	assert_int_equal(le32_at(head + 512 + 16), slow_crc(head + 512 + 20, 512 - 20));
	assert_int_equal(le32_at(head + 4096), slow_crc(head + 4096 + 4, 512 - 4));
	assert_int_equal(le32_at(head + 4096 + 40 + 8), strlen(text) + 1);
	assert_int_equal(le32_at(head + 4096 + 40 + 16),
			 slow_crc((const uint8_t *)text, strlen(text) + 1));
	assert_non_null(strstr(text, "root {\n"));
	assert_non_null(strstr(text, "extent_count = 64\n"));
	assert_non_null(strstr(text, "\"pv0\", 64\n")); /* var begins where root ends */
	assert_non_null(strstr(text, "creation_time = 1700000000\n"));
	free(head);
}

static void volumes_that_do_not_fit_are_refused(void **state)
{
	uint8_t *head = malloc(RH_LVM_HEAD_BYTES);
	struct rh_lvm g;
	struct rh_err err;

	(void)state;
	rh_lvm_group(&layout, "seed", 1, &g);
	g.volumes[0].extents = 1 << 20;
	assert_int_equal(rh_lvm_encode(&g, head, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "rehome"));
	free(head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_tree_in_another_order_is_the_same),
	    cmocka_unit_test(each_change_of_a_file_is_named),
	    cmocka_unit_test(an_acl_is_part_of_a_file),
	    cmocka_unit_test(a_file_of_one_side_only_is_named),
	    cmocka_unit_test(a_copy_is_not_a_hard_link),
	    cmocka_unit_test(facts_are_compared_both_ways),
	    cmocka_unit_test(a_list_that_ends_early_is_an_error),
	    cmocka_unit_test(more_differences_are_counted_than_kept),
	    cmocka_unit_test(a_pair_made_again_is_the_same_bit_by_bit),
	    cmocka_unit_test(each_changed_byte_is_named),
	    cmocka_unit_test(a_file_of_the_esp_is_named),
	    cmocka_unit_test(pairs_that_cannot_be_compared),
	    cmocka_unit_test(a_boot_filesystem_made_again_is_the_same),
	    cmocka_unit_test(lvm_metadata_is_consistent),
	    cmocka_unit_test(volumes_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

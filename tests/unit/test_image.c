// SPDX-License-Identifier: GPL-2.0-or-later
/* Layout, partition tables, superblocks and boot code as bytes; read back by their own rules. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "builder/gpt.h"
#include "lib/grub.h"
#include "builder/image.h"
#include "builder/md.h"
#include "lib/core/file.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static const struct rh_disk_sizes sizes = {.disk = 18 * GIB,
					   .esp = 512 * MIB,
					   .boot = GIB,
					   .root = 6 * GIB,
					   .var = 6 * GIB,
					   .swap = 2 * GIB};

static struct rh_layout layout_ok(void)
{
	struct rh_layout l;

	assert_int_equal(rh_layout_make(&sizes, &l, NULL), 0);
	return l;
}

static uint32_t le32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

static uint64_t le64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return le64toh(v);
}

static void layout_parts_follow_each_other_aligned(void **state)
{
	struct rh_layout l = layout_ok();

	(void)state;
	for (int i = 0; i < RH_PARTS; i++) {
		assert_int_equal(l.part[i].start % RH_ALIGN, 0);
		assert_true(l.data[i].start >= l.part[i].start);
		assert_true(l.data[i].start + l.data[i].count <= l.part[i].start + l.part[i].count);
		if (i)
			assert_int_equal(l.part[i].start,
					 l.part[i - 1].start + l.part[i - 1].count);
	}
	assert_true(l.part[RH_PART_PV].start + l.part[RH_PART_PV].count <=
		    l.disk_sectors - RH_GPT_LAST_SECTORS);
}

static void layout_refuses_a_small_disk_and_says_how_much(void **state)
{
	struct rh_disk_sizes small = sizes;
	struct rh_layout l;
	struct rh_err err;
	char *number;

	(void)state;
	small.disk = 8 * GIB;
	assert_int_equal(rh_layout_make(&small, &l, &err), -EINVAL);
	number = strstr(err.text, "at least ");
	assert_non_null(number);
	small.disk = strtoull(number + 9, NULL, 10) * MIB;
	assert_int_equal(rh_layout_make(&small, &l, &err), 0);
	small.disk -= MIB;
	assert_int_equal(rh_layout_make(&small, &l, &err), -EINVAL);
}

static void gpt_is_consistent_and_differs_between_disks(void **state)
{
	static uint8_t first[2][RH_GPT_FIRST_BYTES], last[2][RH_GPT_LAST_BYTES];
	struct rh_layout l = layout_ok();

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint8_t *h = first[i] + RH_SECTOR, copy[92];
		struct rh_gpt table;

		first[i][0] = 0xeb; /* boot code stays */
		rh_layout_gpt(&l, l.part, "seed", i ? "b" : "a", &table);
		rh_gpt_encode(&table, first[i], last[i]);
		assert_int_equal(first[i][0], 0xeb);
		assert_memory_equal(h, "EFI PART", 8);
		memcpy(copy, h, 92);
		memset(copy + 16, 0, 4);
		assert_int_equal(le32_at(h + 16), crc32(0, copy, 92));
		assert_int_equal(le32_at(h + 88), crc32(0, first[i] + 1024, 128 * 128));
		assert_int_equal(le64_at(h + 32), l.disk_sectors - 1);
		assert_memory_equal(first[i] + 1024, last[i], 128 * 128);
	}
	assert_memory_not_equal(first[0] + RH_SECTOR + 56, first[1] + RH_SECTOR + 56, 16);
	for (int p = 0; p < RH_PARTS; p++) {
		const uint8_t *a = first[0] + 1024 + p * 128, *b = first[1] + 1024 + p * 128;

		assert_memory_equal(a, b, 16);
		assert_memory_not_equal(a + 16, b + 16, 16);
		assert_memory_equal(a + 32, b + 32, 96);
	}
}

static void md_members_agree_and_differ_where_they_must(void **state)
{
	struct rh_layout l = layout_ok();
	uint8_t a[RH_MD_SB_BYTES], b[RH_MD_SB_BYTES];
	struct rh_uuid da = rh_ident("s", "da"), db = rh_ident("s", "db");
	struct rh_md boot, pv;

	(void)state;
	rh_md_arrays(&l, "seed", 1700000000, &boot, &pv);
	rh_md_encode(&pv, 0, &da, a);
	rh_md_encode(&pv, 1, &db, b);
	assert_int_equal(le32_at(a), 0xa92b4efc);
	assert_memory_equal(a, b, 160); /* up to dev_number */
	assert_int_equal(le32_at(a + 160), 0);
	assert_int_equal(le32_at(b + 160), 1);
	assert_memory_not_equal(a + 168, b + 168, 16);
	assert_memory_equal(a + 192, b + 192, 24); /* utime, events, resync_offset */
	assert_true(le64_at(a + 208) == UINT64_MAX);
	assert_true(le64_at(a + 200) > 0);
	assert_memory_equal(a + 256, "\0\0\1\0\xff\xff", 6);
	assert_int_equal(le64_at(a + 128), RH_PV_DATA_OFFSET);
	assert_int_equal(rh_md_super_sector(&boot), boot.part_sectors - 16);
	/* data, bitmap, superblock: one after the other */
	assert_true(boot.bitmap_offset < 0);
	assert_true(boot.data_sectors + (uint64_t)-boot.bitmap_offset <= rh_md_super_sector(&boot));
	assert_true(boot.bitmap_sectors <= (uint64_t)-boot.bitmap_offset);
	assert_int_equal(rh_md_super_sector(&pv) + (uint64_t)pv.bitmap_offset, 16);
	assert_true(16 + pv.bitmap_sectors <= pv.data_offset);
}

static void md_bitmap_is_not_behind_the_superblock(void **state)
{
	struct rh_layout l = layout_ok();
	uint8_t sb[RH_MD_SB_BYTES], map[RH_MD_BITMAP_BYTES];
	struct rh_uuid dev = rh_ident("s", "d");
	struct rh_md boot, pv;

	(void)state;
	rh_md_arrays(&l, "seed", 1, &boot, &pv);
	rh_md_encode(&pv, 0, &dev, sb);
	rh_md_bitmap_encode(&pv, map);
	assert_int_equal(le32_at(map), 0x6d746962);
	assert_memory_equal(map + 8, sb + 16, 16);
	assert_true(le64_at(map + 24) == le64_at(sb + 200));
	assert_true(le64_at(map + 40) == le64_at(sb + 80));
}

static void ident_is_stable_and_a_valid_uuid(void **state)
{
	struct rh_uuid a = rh_ident("seed", "x"), b = rh_ident("seed", "x"),
		       c = rh_ident("seed", "y"), d = rh_ident("see", "dx");
	char text[RH_UUID_TEXT], md[RH_UUID_TEXT];

	(void)state;
	assert_memory_equal(&a, &b, 16);
	assert_memory_not_equal(&a, &c, 16);
	assert_memory_not_equal(&a, &d, 16);
	rh_uuid_text(&a, text);
	rh_uuid_md_text(&a, md);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(text[14], '8');
	assert_non_null(strchr("89ab", text[19]));
	assert_int_equal(strlen(md), 35);
	assert_int_equal(md[8], ':');
}

static void grub_embed_patches_and_refuses(void **state)
{
	uint8_t boot[512] = {0}, core[1500] = {0};
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_grub_embed(boot, core, sizeof core, 2048, 2048, &err), -EINVAL);
	boot[510] = 0x55;
	boot[511] = 0xaa;
	assert_int_equal(rh_grub_embed(boot, core, sizeof core, 2048, 2, &err), -EFBIG);
	assert_int_equal(rh_grub_embed(boot, core, sizeof core, 2048, 2048, &err), 0);
	assert_int_equal(le64_at(boot + 0x5c), 2048);
	assert_int_equal(le64_at(core + 500), 2049);
	assert_memory_equal(core + 508, "\2\0\x20\x08", 4);
}

static void clone_copies_data_and_keeps_holes(void **state)
{
	char dir[] = "/tmp/rh-image-XXXXXX", buf[4096], back[4096];
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	fd = open("a", O_RDWR | O_CREAT, 0644);
	memset(buf, 7, sizeof buf);
	assert_int_equal(ftruncate(fd, 256 * MIB), 0);
	assert_int_equal(pwrite(fd, buf, sizeof buf, 100 * MIB), sizeof buf);
	close(fd);
	assert_int_equal(rh_image_clone("a", "b", NULL, NULL, NULL), 0);
	fd = open("b", O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 256 * MIB);
	assert_true(st.st_blocks < 8192);
	assert_int_equal(pread(fd, back, sizeof back, 100 * MIB), sizeof back);
	assert_memory_equal(buf, back, sizeof buf);
	close(fd);
	assert_int_equal(rh_image_clone("a", "b", NULL, NULL, NULL), -EEXIST);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rh_remove_tree(AT_FDCWD, dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(layout_parts_follow_each_other_aligned),
	    cmocka_unit_test(layout_refuses_a_small_disk_and_says_how_much),
	    cmocka_unit_test(gpt_is_consistent_and_differs_between_disks),
	    cmocka_unit_test(md_members_agree_and_differ_where_they_must),
	    cmocka_unit_test(md_bitmap_is_not_behind_the_superblock),
	    cmocka_unit_test(ident_is_stable_and_a_valid_uuid),
	    cmocka_unit_test(grub_embed_patches_and_refuses),
	    cmocka_unit_test(clone_copies_data_and_keeps_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

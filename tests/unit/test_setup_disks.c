// SPDX-License-Identifier: GPL-2.0-or-later
/* The disks and arrays of a machine that is a folder of plain files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/core/file.h"
#include "rootfs/setup/disks.h"

static char dir[32];
static int root = -1;

static void put(const char *path, const void *data, size_t n)
{
	RH_FREE char *parent = rh_xstrdup(path);

	*strrchr(parent, '/') = '\0';
	assert_int_equal(rh_mkdirs(root, parent, 0755, NULL), 0);
	assert_int_equal(rh_file_write(root, path, 0644, data, n, NULL), 0);
}

static void puts_at(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void link_at(const char *path, const char *target)
{
	RH_FREE char *parent = rh_xstrdup(path);

	*strrchr(parent, '/') = '\0';
	assert_int_equal(rh_mkdirs(root, parent, 0755, NULL), 0);
	assert_int_equal(symlinkat(target, root, path), 0);
}

/* A superblock of metadata 1.2 (<linux/raid/md_p.h>) in a partition of 2048 sectors. */
static void put_super(const char *path, const char *name, unsigned number, unsigned char marker)
{
	static unsigned char part[2048 * 512];
	unsigned char *sb = part + 4096;
	uint32_t sum = 0, word;

	memset(part, 0, sizeof part);
	memcpy(sb, "\xfc\x4e\x2b\xa9\1\0\0\0\1", 9);
	memset(sb + 16, 0x11, 16);
	strcpy((char *)sb + 32, name);
	sb[72] = 1;
	sb[81] = 4; /* size 1024 */
	sb[92] = 2;
	sb[129] = 1; /* data_offset 256 */
	sb[137] = 4; /* data_size 1024 */
	sb[144] = 8;
	sb[160] = (unsigned char)number;
	sb[168] = marker;
	sb[200] = 42;
	memset(sb + 208, 0xff, 8);
	sb[220] = 2;
	sb[258] = 1;
	for (size_t i = 0; i < 260; i += 4) {
		memcpy(&word, sb + i, 4);
		sum += word; /* no carry with these numbers on a little-endian machine */
		if (sum < word)
			sum++;
	}
	memcpy(sb + 216, &sum, 4);
	put(path, part, sizeof part);
}

static void put_disk(const char *name, const char *serial)
{
	RH_FREE char *base = rh_xasprintf("sys/block/%s", name);
	RH_FREE char *device = rh_xasprintf("%s/device/model", base);
	RH_FREE char *size = rh_xasprintf("%s/size", base);
	RH_FREE char *dev = rh_xasprintf("%s/dev", base);
	RH_FREE char *lbs = rh_xasprintf("%s/queue/logical_block_size", base);
	RH_FREE char *page = rh_xasprintf("%s/device/vpd_pg80", base);

	puts_at(device, "WDC WD40EFRX-68 \n");
	puts_at(size, "100000\n");
	puts_at(dev, "8:0\n");
	puts_at(lbs, "512\n");
	put(page, "\0\x80\0\x08", 4);
	if (*serial) {
		RH_STR struct rh_str s = {0};

		rh_str_addn(&s, "\0\x80\0\x08", 4);
		rh_str_addf(&s, " %s  ", serial);
		put(page, s.data, s.len);
	}
	for (int i = 1; i <= 4; i++) {
		RH_FREE char *p = rh_xasprintf("%s/%s%d", base, name, i);
		RH_FREE char *number = rh_xasprintf("%s/partition", p);
		RH_FREE char *start = rh_xasprintf("%s/start", p);
		RH_FREE char *n = rh_xasprintf("%s/size", p);
		RH_FREE char *value = rh_xasprintf("%d\n", i);
		RH_FREE char *at = rh_xasprintf("%d\n", 2048 * i);

		puts_at(number, value);
		puts_at(start, at);
		puts_at(n, "2048\n");
	}
}

static void put_array(const char *node)
{
	static const char *const attrs[][2] = {
	    {"array_state", "active\n"}, {"sync_action", "idle\n"},   {"raid_disks", "2\n"},
	    {"degraded", "0\n"},	 {"component_size", "512\n"}, {"resync_start", "none\n"},
	};
	RH_FREE char *size = rh_xasprintf("sys/block/%s/size", node);

	puts_at(size, "1024\n");
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++) {
		RH_FREE char *p = rh_xasprintf("sys/block/%s/md/%s", node, attrs[i][0]);

		puts_at(p, attrs[i][1]);
	}
}

static void put_member(const char *node, const char *part, const char *state, const char *slot)
{
	const char *const attrs[][2] = {
	    {"state", state}, {"slot", slot}, {"size", "512\n"}, {"errors", "3\n"}};

	for (size_t i = 0; i < 4; i++) {
		RH_FREE char *p =
		    rh_xasprintf("sys/block/%s/md/dev-%s/%s", node, part, attrs[i][0]);

		puts_at(p, attrs[i][1]);
	}
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/rh-disks-XXXXXX");
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(root);
	return rh_remove_tree(AT_FDCWD, dir, NULL);
}

static void pair_as_it_should_be(void)
{
	put_disk("sda", "WD-A");
	put_disk("sdb", "WD-B");
	put_disk("sdc", ""); /* not of the pair */
	puts_at("sys/block/sr0/size", "4\n");
	puts_at("sys/block/sr0/device/type", "5\n");
	puts_at("sys/block/loop0/size", "4\n");
	put_array("md126");
	put_array("md127");
	put_member("md127", "sda4", "in_sync\n", "0\n");
	put_member("md127", "sdb4", "in_sync,write_mostly\n", "1\n");
	put_member("md126", "sda3", "in_sync\n", "0\n");
	put_member("md126", "sdb3", "in_sync\n", "1\n");
	put_super("dev/sda4", "any:pv", 0, 'a');
	put_super("dev/sdb4", "any:pv", 1, 'b');
	put_super("dev/sda3", "any:boot", 0, 'a');
	put_super("dev/sdb3", "any:boot", 1, 'b');
}

static void a_whole_pair_is_seen(void **state)
{
	struct rh_disks *d = NULL;
	const struct rh_disk *a;
	struct rh_err err = {{0}};

	(void)state;
	pair_as_it_should_be();
	link_at("dev/disk/by-id/wwn-0x50014ee2", "../../sda");
	link_at("dev/disk/by-id/ata-WDC_WD40EFRX-68_WD-A", "../../sda");
	link_at("dev/disk/by-id/ata-WDC_WD40EFRX-68_WD-A-part4", "../../sda4");
	if (rh_disks_read(root, &d, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(d->n, 3);
	a = rh_disks_find(d, "sda");
	assert_non_null(a);
	assert_string_equal(a->serial, "WD-A");
	assert_string_equal(a->model, "WDC WD40EFRX-68");
	assert_string_equal(a->by_id, "ata-WDC_WD40EFRX-68_WD-A");
	assert_string_equal(rh_disk_text(d, a), "WDC WD40EFRX-68, serial WD-A, /dev/sda");
	assert_int_equal(a->sectors, 100000);
	assert_int_equal(a->block, 512);
	assert_int_equal(a->n_parts, 4);
	assert_int_equal(a->parts[3].start, 8192);
	assert_string_equal(rh_disks_find(d, "sdc")->serial, "");
	assert_null(rh_disks_find(d, "sr0"));
	assert_true(d->pv.found && d->boot.found);
	assert_string_equal(d->pv.node, "md127");
	assert_string_equal(d->boot.node, "md126");
	assert_string_equal(d->pv.rival, "");
	assert_int_equal(d->pv.slots, 2);
	assert_int_equal(d->pv.component, 1024);
	assert_true(d->pv.resync_start == RH_MDSUPER_END);
	assert_ptr_equal(rh_array_slot(&d->pv, 0)->disk, a);
	assert_int_equal(rh_array_slot(&d->pv, 1)->part->number, 4);
	assert_int_equal(rh_array_slot(&d->pv, 1)->super.events, 42);
	assert_int_equal(rh_array_slot(&d->pv, 1)->super.role, 1);
	assert_int_equal(rh_array_slot(&d->pv, 1)->errors, 3);
	assert_ptr_equal(rh_array_on(&d->boot, a), &d->boot.members[0]);
	rh_disks_free(&d);
}

/* udev knows the whole model name and the serial behind a bridge; SCSI cuts at 16 characters. */
static void udev_is_believed_first(void **state)
{
	struct rh_disks *d = NULL;

	(void)state;
	put_disk("sda", "WD-A");
	puts_at("run/udev/data/b8:0", "S:disk/by-id/ata-x\nE:ID_SERIAL_SHORT=WD-WCC4\n"
				      "E:ID_MODEL_ENC=WDC\\x20WD40EFRX-68N32N0\\x20\\x20\n");
	assert_int_equal(rh_disks_read(root, &d, NULL), 0);
	assert_string_equal(d->v[0].serial, "WD-WCC4");
	assert_string_equal(d->v[0].model, "WDC WD40EFRX-68N32N0");
	assert_false(d->pv.found);
	assert_string_equal(d->pv.name, "pv");
	rh_disks_free(&d);
}

static void lost_faulty_and_rebuilt_members(void **state)
{
	struct rh_disks *d = NULL;

	(void)state;
	pair_as_it_should_be();
	/* pv: sdb is being rebuilt in slot 1, sdd has gone. boot: sdb is faulty. */
	puts_at("sys/block/md127/md/dev-sdb4/state", "spare\n");
	puts_at("sys/block/md127/md/degraded", "1\n");
	puts_at("sys/block/md127/md/resync_start", "512\n");
	put_member("md127", "sdd4", "faulty\n", "none\n");
	puts_at("sys/block/md126/md/dev-sdb3/state", "faulty\n");
	puts_at("sys/block/md126/md/dev-sdb3/slot", "none\n");
	assert_int_equal(rh_disks_read(root, &d, NULL), 0);
	assert_int_equal(d->pv.n_members, 3);
	assert_int_equal(d->pv.degraded, 1);
	assert_int_equal(d->pv.resync_start, 512);
	assert_int_equal(rh_array_slot(&d->pv, 0)->state, RH_MEMBER_ACTIVE);
	assert_int_equal(rh_array_slot(&d->pv, 1)->state, RH_MEMBER_RECOVERING);
	assert_int_equal(d->pv.members[2].state, RH_MEMBER_FAULTY);
	assert_null(d->pv.members[2].disk);
	assert_string_equal(d->pv.members[2].device, "sdd4");
	assert_null(rh_array_slot(&d->boot, 1));
	assert_int_equal(rh_array_on(&d->boot, rh_disks_find(d, "sdb"))->state, RH_MEMBER_FAULTY);
	rh_disks_free(&d);
}

static void a_rival_and_a_damaged_superblock(void **state)
{
	struct rh_disks *d = NULL;
	struct rh_mdsuper super;
	struct rh_err err = {{0}};

	(void)state;
	pair_as_it_should_be();
	put_array("md9");
	put_member("md9", "sdc4", "in_sync\n", "0\n");
	put_super("dev/sdc4", "any:pv", 0, 'c');
	put("dev/sda4", "short", 5);
	assert_int_equal(rh_disks_read(root, &d, NULL), 0);
	assert_true(d->pv.found);
	assert_string_not_equal(d->pv.rival, "");
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->v[i].n_parts; k++)
			if (!strcmp(d->v[i].parts[k].name, "sda4"))
				assert_int_equal(
				    rh_disks_read_super(root, &d->v[i].parts[k], &super, &err),
				    -EIO);
	assert_non_null(strstr(err.text, "/dev/sda4"));
	rh_disks_free(&d);
}

static void a_machine_without_sysfs_has_no_disks(void **state)
{
	struct rh_disks *d = NULL;

	(void)state;
	assert_int_equal(rh_disks_read(root, &d, NULL), 0);
	assert_int_equal(d->n, 0);
	assert_false(d->pv.found || d->boot.found);
	rh_disks_free(&d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_whole_pair_is_seen),
	    TEST(udev_is_believed_first),
	    TEST(lost_faulty_and_rebuilt_members),
	    TEST(a_rival_and_a_damaged_superblock),
	    TEST(a_machine_without_sysfs_has_no_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

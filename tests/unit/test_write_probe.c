// SPDX-License-Identifier: GPL-2.0-or-later
/* Every reason to refuse a disk, on made-up machines; and what lies on a file as if it was one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/write/probe.h"
#include "lib/core/file.h"
#include "lib/gpt.h"

#define MIB (1ULL << 20)

static char root[64];

static void put(const char *path, const char *text)
{
	RH_FREE char *full = rh_xasprintf("%s/%s", root, path);
	RH_FREE char *dir = rh_xstrdup(full);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(rh_mkdirs(AT_FDCWD, dir, 0755, NULL), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, full, 0644, text, strlen(text), NULL), 0);
}

static void put_in(const char *kname, const char *attribute, const char *text)
{
	RH_FREE char *path = rh_xasprintf("sys/class/block/%s/%s", kname, attribute);

	put(path, text);
}

static void device(const char *kname, const char *number)
{
	RH_FREE char *node = rh_xasprintf("dev/%s", kname);

	put(node, "");
	put_in(kname, "dev", number);
	put_in(kname, "size", "40000\n");
	put_in(kname, "ro", "0\n");
	put_in(kname, "queue/logical_block_size", "512\n");
}

static void part(const char *disk, const char *kname, const char *number)
{
	RH_FREE char *path = rh_xasprintf("%s/partition", kname);

	device(kname, number);
	put_in(kname, "partition", "1\n");
	put_in(disk, path, "1\n");
}

static void holder(const char *kname, const char *by)
{
	RH_FREE char *path = rh_xasprintf("holders/%s", by);

	put_in(kname, path, "");
}

static void link_id(const char *id, const char *kname)
{
	RH_FREE char *dir = rh_xasprintf("%s/dev/disk/by-id", root);
	RH_FREE char *path = rh_xasprintf("%s/%s", dir, id);
	RH_FREE char *target = rh_xasprintf("../../%s", kname);

	assert_int_equal(rh_mkdirs(AT_FDCWD, dir, 0755, NULL), 0);
	assert_int_equal(symlink(target, path), 0);
}

/* A machine with the system on sda1 and two more disks, of which nothing is used. */
static int machine(void **state)
{
	(void)state;
	strcpy(root, "/tmp/rh-test-probe-XXXXXX");
	assert_non_null(mkdtemp(root));
	device("sda", "8:0\n");
	part("sda", "sda1", "8:1\n");
	device("sdb", "8:16\n");
	part("sdb", "sdb1", "8:17\n");
	device("sdc", "8:32\n");
	put_in("sdb", "device/model", "WDC WD40EFRX-68 \n");
	put("run/udev/data/b8:16", "S:disk/by-id/x\nE:ID_SERIAL_SHORT=WD-B\nE:ID_MODEL=WDC\n");
	put_in("sdc", "device/model", "WDC WD40EFRX-68\n");
	put("run/udev/data/b8:32", "E:ID_SERIAL_SHORT=WD-C\n");
	link_id("ata-WDC_WD-B", "sdb");
	link_id("wwn-0x5001", "sdb");
	link_id("ata-WDC_WD-B-part1", "sdb1");
	link_id("ata-WDC_WD-C", "sdc");
	link_id("ata-SYS", "sda");
	put("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	put("proc/self/mountinfo", "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n");
	return 0;
}

static int demolish(void **state)
{
	(void)state;
	return rh_remove_tree(AT_FDCWD, root, NULL);
}

static struct rh_disk probe(const char *name, uint64_t need)
{
	struct rh_probe_options o = {.root = root, .need = need};
	struct rh_disk d;

	rh_probe_disk(&o, name, &d);
	return d;
}

/* Exactly these reasons, "a b", and each text says WORDS of its own ("" for any). */
static void refused(const char *name, const char *reasons, const char *words)
{
	struct rh_disk d = probe(name, 1000);
	RH_STR struct rh_str got = {0};
	bool said = !*words;

	for (size_t i = 0; i < d.n_refused; i++) {
		rh_str_addf(&got, "%s%s", i ? " " : "", rh_refusal_name(d.refused[i].why));
		said |= strstr(d.refused[i].text, words) != NULL;
	}
	assert_string_equal(rh_str_text(&got), reasons);
	if (!said)
		fail_msg("no reason says \"%s\"; the first: %s", words, d.refused[0].text);
	assert_int_equal(d.fd, -1);
	rh_disk_free(&d);
}

#define B "/dev/disk/by-id/ata-WDC_WD-B"

static void an_idle_disk_is_taken(void **state)
{
	struct rh_disk d = probe(B, 40000 * 512);

	(void)state;
	assert_int_equal(d.n_refused, 0);
	assert_string_equal(d.serial, "WD-B");
	assert_string_equal(d.model, "WDC WD40EFRX-68");
	assert_string_equal(d.kname, "sdb");
	assert_string_equal(d.node, "/dev/sdb");
	assert_string_equal(d.path, B);
	assert_int_equal(d.size, 40000 * 512);
	rh_disk_free(&d);
}

static void names_are_looked_at(void **state)
{
	(void)state;
	refused("/dev/disk/by-id/ata-NONE", "absent", "ls /dev/disk/by-id");
	refused("/dev/disk/by-id/ata-WDC_WD-B-part1", "partition", "whole disk");
	refused("/dev/sdb", "not-by-id", "call it /dev/disk/by-id/ata-WDC_WD-B,");
	device("sdd", "8:48\n");
	refused("/dev/sdd", "not-by-id", "has no name in /dev/disk/by-id/");
	device("md0", "9:0\n");
	link_id("md-name-any:boot", "md0");
	refused("/dev/disk/by-id/md-name-any:boot", "not-a-disk", "");
	device("loop3", "7:3\n");
	refused("/dev/loop3", "not-a-disk", "--allow-loop");
}

static void facts_are_looked_at(void **state)
{
	struct rh_disk d = probe(B, 40000 * 512 + 1);

	(void)state;
	assert_int_equal(d.n_refused, 1);
	assert_string_equal(rh_refusal_name(d.refused[0].why), "too-small");
	assert_non_null(strstr(d.refused[0].text, "20480001"));
	rh_disk_free(&d);
	put_in("sdb", "ro", "1\n");
	put_in("sdb", "queue/logical_block_size", "4096\n");
	refused(B, "read-only sector-size", "4096 bytes");
}

static void mounts_are_found(void **state)
{
	(void)state;
	refused("/dev/disk/by-id/ata-SYS", "system-disk", "/dev/sda1 is /");
	put("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "23 22 8:17 / /mnt/old\\040mail rw - ext4 /dev/sdb1 rw\n");
	refused(B, "mounted", "/dev/sdb1 is mounted on /mnt/old mail");
	/* btrfs has a number of its own: found by the source's name. */
	put("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "24 22 0:40 / /data rw - btrfs /dev/sdb1 rw\n");
	refused(B, "mounted", "/data");
	put("proc/self/mountinfo", "22 1 8:17 / /boot/efi rw - vfat /dev/sdb1 rw\n");
	refused(B, "system-disk", "/boot/efi");
}

static void what_stands_on_it_is_followed(void **state)
{
	(void)state;
	device("md127", "9:127\n");
	holder("sdb1", "md127");
	refused(B, "md", "/dev/md127");
	device("dm-0", "253:0\n");
	put_in("dm-0", "dm/uuid", "LVM-abcdef\n");
	put_in("dm-0", "dm/name", "old-root\n");
	holder("md127", "dm-0");
	refused(B, "md lvm", "old-root");
	put("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "25 22 253:0 / /mnt rw - xfs /dev/mapper/old-root rw\n");
	refused(B, "mounted md lvm", "/dev/dm-0 is mounted on /mnt");
	put("proc/swaps", "Filename Type Size Used Priority\n/dev/dm-0 partition 1 0 -2\n");
	refused(B, "mounted swap md lvm", "swapoff");
	put_in("dm-0", "dm/uuid", "CRYPT-LUKS2-1\n");
	refused(B, "mounted swap md device-mapper", "old-root");
}

static void other_users_are_found(void **state)
{
	(void)state;
	put("proc/swaps", "Filename Type Size Used Priority\n/dev/sdb1 partition 1 0 -2\n");
	refused(B, "swap", "/dev/sdb1");
	put("proc/swaps", "Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n");
	device("loop0", "7:0\n");
	put_in("loop0", "loop/backing_file", "/dev/sdb1\n");
	refused(B, "loop", "losetup -d /dev/loop0");
	put_in("loop0", "loop/backing_file", "/home/x.img\n");
	device("bcache0", "252:0\n");
	holder("sdb", "bcache0");
	refused(B, "in-use", "/dev/bcache0");
}

static void unknown_mounts_are_no_leave(void **state)
{
	RH_FREE char *path = rh_xasprintf("%s/proc/self/mountinfo", root);

	(void)state;
	assert_int_equal(unlink(path), 0);
	refused(B, "unreadable", "mounted");
}

static void one_disk_is_not_two(void **state)
{
	struct rh_disk a = probe(B, 1000), b = probe("/dev/disk/by-id/wwn-0x5001", 1000),
		       c = probe("/dev/disk/by-id/ata-WDC_WD-C", 1000);

	(void)state;
	rh_probe_twins(&a, &c);
	assert_int_equal(c.n_refused, 0);
	rh_probe_twins(&a, &b);
	assert_int_equal(b.n_refused, 1);
	assert_int_equal(b.refused[0].why, RH_REFUSE_SAME);
	rh_disk_free(&b);
	rh_disk_free(&c);
	/* Seen twice, by two paths. */
	put("run/udev/data/b8:32", "E:ID_SERIAL_SHORT=WD-B\n");
	c = probe("/dev/disk/by-id/ata-WDC_WD-C", 1000);
	rh_probe_twins(&a, &c);
	assert_int_equal(c.n_refused, 1);
	assert_int_equal(c.refused[0].why, RH_REFUSE_SAME);
	rh_disk_free(&a);
	rh_disk_free(&c);
}

static void disks_are_listed(void **state)
{
	struct rh_probe_options o = {.root = root};
	RH_STRV struct rh_strv l = {0};

	(void)state;
	device("loop0", "7:0\n");
	device("sr0", "11:0\n");
	device("vda", "254:0\n");
	assert_int_equal(rh_probe_list(&o, &l, NULL), 0);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.v[0], "/dev/disk/by-id/ata-SYS");
	assert_string_equal(l.v[1], B);
	assert_string_equal(l.v[3], "/dev/vda");
}

/* --- what lies on it --- */

static void swap_at(int fd, uint64_t at)
{
	uint8_t page[4096] = {0};

	page[1024] = 1;	  /* version */
	page[1028] = 100; /* last page */
	memcpy(page + 1024 + 28, "OLDSWAP", 7);
	memcpy(page + 4086, "SWAPSPACE2", 10);
	assert_int_equal(pwrite(fd, page, sizeof page, (off_t)at), sizeof page);
}

/* Metadata 0.90 lies in the last whole 64 KiB but one (linux/raid/md_p.h). */
static uint64_t md090_at(int fd, uint64_t size)
{
	uint64_t at = size / 65536 * 65536 - 65536;
	uint32_t words[] = {0xa92b4efc, 0, 90, 0, 0, 0x01020304};

	assert_int_equal(pwrite(fd, words, sizeof words, (off_t)at), sizeof words);
	return at;
}

static const struct rh_content *find(const struct rh_disk *d, const char *type, unsigned part)
{
	for (size_t i = 0; i < d->n_content; i++)
		if (!strcmp(d->content[i].type, type) && d->content[i].part == part)
			return &d->content[i];
	return NULL;
}

static void every_signature_is_found(void **state)
{
	uint8_t first[RH_GPT_FIRST_BYTES] = {0}, last[RH_GPT_LAST_BYTES];
	const uint64_t size = 64 * MIB;
	struct rh_gpt *g = rh_xalloc(sizeof *g);
	struct rh_disk d = {.fd = -1};
	const struct rh_content *c;
	FILE *f = tmpfile();
	uint64_t md;

	(void)state;
	assert_int_equal(ftruncate(fileno(f), (off_t)size), 0);
	assert_int_equal(rh_probe_content(fileno(f), size, &d, NULL), 0);
	assert_int_equal(d.n_content, 0);
	rh_gpt_init(g, &(struct rh_uuid){{1}}, size / 512);
	g->entries[4] = (struct rh_gpt_entry){
	    .type = {{2}}, .guid = {{3}}, .first = 40 * 2048, .last = 60 * 2048 - 1};
	rh_gpt_encode(g, first, last);
	assert_int_equal(pwrite(fileno(f), first, sizeof first, 0), sizeof first);
	assert_int_equal(pwrite(fileno(f), last, sizeof last, (off_t)(size - sizeof last)),
			 sizeof last);
	swap_at(fileno(f), 40 * MIB);
	md = md090_at(fileno(f), size);
	assert_int_equal(rh_probe_content(fileno(f), size, &d, NULL), 0);
	assert_non_null(find(&d, "gpt", 0));
	c = find(&d, "swap", 5);
	assert_non_null(c);
	assert_int_equal(c->at, 40 * MIB + 4086);
	assert_non_null(strstr(c->text, "OLDSWAP"));
	assert_non_null(strstr(c->text, "partition 5"));
	c = find(&d, "linux_raid_member", 0);
	assert_non_null(c);
	assert_int_equal(c->at, md);
	assert_non_null(strstr(c->text, "0.90"));
	rh_disk_free(&d);
	free(g);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_idle_disk_is_taken, machine, demolish),
	    cmocka_unit_test_setup_teardown(names_are_looked_at, machine, demolish),
	    cmocka_unit_test_setup_teardown(facts_are_looked_at, machine, demolish),
	    cmocka_unit_test_setup_teardown(mounts_are_found, machine, demolish),
	    cmocka_unit_test_setup_teardown(what_stands_on_it_is_followed, machine, demolish),
	    cmocka_unit_test_setup_teardown(other_users_are_found, machine, demolish),
	    cmocka_unit_test_setup_teardown(unknown_mounts_are_no_leave, machine, demolish),
	    cmocka_unit_test_setup_teardown(one_disk_is_not_two, machine, demolish),
	    cmocka_unit_test_setup_teardown(disks_are_listed, machine, demolish),
	    cmocka_unit_test(every_signature_is_found),
	};

	return cmocka_run_group_tests_name("write_probe", tests, NULL, NULL);
}

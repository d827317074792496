// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A stick as bytes; the contract is in stickimage.h.
 *
 * The menu. A stick that was forgotten in its machine must never install a second time: an
 * installation without questions would erase the mail of the days since. So GRUB first looks for
 * the filesystem that the pair has as /boot; when it is there, the disks are installed, and the
 * machine starts from them, with the stick still plugged in. That is also how a machine without
 * screen and keyboard gets through: install, restart, run. To install once more one chooses the
 * second entry, on screen or serial line.
 *
 * GRUB finds its files on the partition that it was started from, by either firmware; no
 * identifier of the stick is compiled in, so that two sticks in one machine do not meet.
 *
 * Trap: mtools take the date from SOURCE_DATE_EPOCH and the time zone from TZ; both are set.
 */
#include "builder/stickimage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/grub.h"
#include "builder/ident.h"
#include "builder/stick/pack.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/core/scratch.h"
#include "lib/gpt.h"

#define MIB	(1u << 20)
#define BIOS_AT MIB
#define ESP_AT	(2u * MIB)
#define ESP_SLACK                                                                                 \
	(12u * MIB)	       /* tables, directories, and room for a file of the administrator's \
				*/
#define ESP_MIN	   (64u * MIB) /* so that there are enough clusters for FAT32 */
#define GPT_TAIL   MIB	       /* the backup table's place */
#define N_FILES	   6
#define ENV_LENGTH 64

/* BOOT's files and where they lie on the FAT filesystem. */
static const char *const files[N_FILES][2] = {
    {"shimx64.efi", "EFI/BOOT/BOOTX64.EFI"}, {"grubx64.efi", "EFI/BOOT/grubx64.efi"},
    {"mmx64.efi", "EFI/BOOT/mmx64.efi"},     {"initrd.img", "rehome/initrd.img"},
    {"vmlinuz", "rehome/vmlinuz"},	     {NULL, NULL}};
static const char *const folders[] = {"EFI", "EFI/BOOT", "EFI/debian", "grub", "rehome"};

/* Debian's signed GRUB looks in EFI/debian of the partition that it was started from. */
static const char early[] = "set prefix=($root)/grub\nconfigfile $prefix/grub.cfg\n";

char *rh_stick_menu(const struct rh_stick_image *s, const char *partuuid)
{
	RH_STR struct rh_str m = {0};
	char boot[RH_UUID_TEXT];
	static const char options[] = "rd.systemd.unit=rehome-stick.target raid=noautodetect quiet "
				      "systemd.show_status=no console=tty0 console=ttyS0,115200n8";

	rh_uuid_text(&s->boot_fs, boot);
	rh_str_add(&m, "# written by rehome stick\ninsmod part_gpt\n"
		       "if serial --unit=0 --speed=115200; then\n"
		       "  terminal_input console serial\n  terminal_output console serial\nfi\n"
		       "set timeout=5\nset default=0\nset stick=$root\n");
	rh_str_addf(&m, "search --no-floppy --fs-uuid --set=installed %s\n", boot);
	rh_str_add(&m, "if [ -n \"$installed\" ]; then\n"
		       "  menuentry 'Start the server that is installed on the disks' {\n"
		       "    set root=$installed\n    set prefix=($root)/grub\n"
		       "    configfile $prefix/grub.cfg\n  }\n"
		       "  set again=rehome.again\nfi\n");
	rh_str_addf(&m, "menuentry 'Install Rehome (%s) on two disks' {\n", s->recipe);
	rh_str_addf(&m, "  linux ($stick)/rehome/vmlinuz rehome.pair=%s $again %s\n", partuuid,
		    options);
	rh_str_add(&m, "  initrd ($stick)/rehome/initrd.img\n}\n");
	return rh_xstrdup(m.data);
}

/* --- bytes --- */

struct place {
	uint64_t esp, pair, pair_len; /* bytes */
};

static void add_part(struct rh_gpt *g, unsigned i, const struct rh_stick_image *s, const char *name,
		     const uint8_t type[16], uint64_t at, uint64_t len)
{
	struct rh_gpt_entry *e = &g->entries[i];

	memcpy(e->type.b, type, 16);
	e->guid = rh_ident(s->key, name);
	e->first = at / RH_GPT_SECTOR;
	e->last = (at + len) / RH_GPT_SECTOR - 1;
	rh_gpt_set_name(e, name);
}

/* In text order: BIOS boot (GRUB manual), EFI system (UEFI 2.10 table 5-7), and our own: no system
 * knows it, so none offers to format or mount what is there. */
static const uint8_t type_bios[16] = {0x21, 0x68, 0x61, 0x48, 0x64, 0x49, 0x6e, 0x6f,
				      0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49};
static const uint8_t type_esp[16] = {0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2,
				     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
static const uint8_t type_pair[16] = {0x5d, 0x0f, 0x5c, 0x1e, 0x43, 0x0b, 0x8e, 0x71,
				      0x9a, 0x5e, 0x72, 0x65, 0x68, 0x6f, 0x6d, 0x65};

static int put_tables(const struct rh_stick_image *s, int fd, const struct place *p,
		      const uint8_t *boot, uint64_t *size, struct rh_err *err)
{
	RH_FREE struct rh_gpt *g = rh_xalloc(sizeof *g);
	uint8_t first[RH_GPT_FIRST_BYTES] = {0}, last[RH_GPT_LAST_BYTES] = {0};
	struct rh_uuid disk = rh_ident(s->key, "stick");
	int r;

	*size = p->pair + p->pair_len + GPT_TAIL;
	rh_gpt_init(g, &disk, *size / RH_GPT_SECTOR);
	add_part(g, 0, s, "rehome-stick-bios", type_bios, BIOS_AT, MIB);
	add_part(g, 1, s, "rehome-stick-esp", type_esp, ESP_AT, p->esp);
	add_part(g, 2, s, RH_STICK_PART_NAME, type_pair, p->pair, p->pair_len);
	memcpy(first, boot, RH_GPT_BOOT_CODE);
	rh_gpt_encode(g, first, last);
	if (ftruncate(fd, (off_t)*size) < 0)
		return rh_err_errno(err, errno, "cannot write it");
	r = rh_pwrite_all(fd, last, sizeof last, *size - sizeof last, err);
	return r < 0 ? r : rh_pwrite_all(fd, first, sizeof first, 0, err);
}

static int put_grub(const struct rh_stick_image *s, int fd, struct rh_str *boot, struct rh_err *err)
{
	RH_FREE char *boot_path = rh_xasprintf("%s/boot.img", s->boot);
	RH_FREE char *core_path = rh_xasprintf("%s/core.img", s->boot);
	RH_STR struct rh_str core = {0};
	int r = rh_file_read(AT_FDCWD, boot_path, 512, boot, err);

	if (r == 0)
		r = rh_file_read(AT_FDCWD, core_path, 4 << 20, &core, err);
	if (r == 0 && (boot->len != 512 || core.len < 1024))
		r = rh_err_set(err, EINVAL, "GRUB's images in %s are damaged: remove that folder",
			       s->boot);
	if (r == 0)
		r = rh_grub_embed((uint8_t *)boot->data, (uint8_t *)core.data, core.len,
				  BIOS_AT / RH_GPT_SECTOR, MIB / RH_GPT_SECTOR, err);
	return r < 0 ? r : rh_pwrite_all(fd, core.data, core.len, BIOS_AT, err);
}

/* --- the FAT filesystem, by mtools --- */

/* mtools, with the date and without the user's settings. ARGV is NULL-terminated. */
static int mtool(const struct rh_stick_image *s, const char *const *argv, struct rh_err *err)
{
	RH_FREE char *date = rh_xasprintf("SOURCE_DATE_EPOCH=%llu", (unsigned long long)s->epoch);
	const char *env[] = {date, "TZ=UTC", "MTOOLSRC=/dev/null", NULL};

	return rh_proc_run(&(struct rh_proc){.argv = argv, .env = env}, NULL, err);
}

static int format_esp(const struct rh_stick_image *s, const char *image, uint64_t bytes,
		      struct rh_err *err)
{
	struct rh_uuid id = rh_ident(s->key, "stick-fat");
	RH_FREE char *sectors = rh_xasprintf("%llu", (unsigned long long)bytes / RH_GPT_SECTOR);
	RH_FREE char *hidden = rh_xasprintf("%u", ESP_AT / RH_GPT_SECTOR);
	RH_FREE char *serial = rh_xasprintf("%02x%02x%02x%02x", id.b[0], id.b[1], id.b[2], id.b[3]);
	const char *argv[] = {"mformat", "-i",	 image, "-F",	       "-c", "1",  "-T",
			      sectors,	 "-h",	 "16",	"-s",	       "32", "-H", hidden,
			      "-N",	 serial, "-v",	"REHOMESTICK", "::", NULL};

	return mtool(s, argv, err);
}

static int copy_file(const struct rh_stick_image *s, const char *image, const char *source,
		     const char *name, struct rh_err *err)
{
	RH_FREE char *target = rh_xasprintf("::%s", name);
	const char *argv[] = {"mcopy", "-i", image, source, target, NULL};

	return mtool(s, argv, err);
}

static int copy_text(const struct rh_stick_image *s, const char *image, const char *dir,
		     const char *text, const char *name, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/text", dir);
	int r = rh_file_write(AT_FDCWD, path, 0644, text, strlen(text), err);

	return r < 0 ? r : copy_file(s, image, path, name, err);
}

static int fill_esp(const struct rh_stick_image *s, const char *image, const char *dir,
		    struct rh_err *err)
{
	struct rh_uuid part = rh_ident(s->key, RH_STICK_PART_NAME);
	char partuuid[RH_UUID_TEXT];
	RH_FREE char *menu = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof folders / sizeof *folders; i++) {
		RH_FREE char *target = rh_xasprintf("::%s", folders[i]);
		const char *argv[] = {"mmd", "-i", image, target, NULL};

		r = mtool(s, argv, err);
	}
	for (size_t i = 0; r == 0 && files[i][0]; i++) {
		RH_FREE char *source = rh_xasprintf("%s/%s", s->boot, files[i][0]);

		r = copy_file(s, image, source, files[i][1], err);
	}
	rh_uuid_text(&part, partuuid);
	menu = rh_stick_menu(s, partuuid);
	if (r == 0)
		r = copy_text(s, image, dir, early, "EFI/BOOT/grub.cfg", err);
	if (r == 0)
		r = copy_text(s, image, dir, early, "EFI/debian/grub.cfg", err);
	return r < 0 ? r : copy_text(s, image, dir, menu, "grub/grub.cfg", err);
}

/* How large the filesystem must be, whole MiB. */
static int esp_bytes(const struct rh_stick_image *s, uint64_t *bytes, struct rh_err *err)
{
	uint64_t sum = ESP_SLACK;

	for (size_t i = 0; files[i][0]; i++) {
		RH_FREE char *path = rh_xasprintf("%s/%s", s->boot, files[i][0]);
		struct stat st;

		if (stat(path, &st) < 0)
			return rh_err_errno(err, errno, "cannot look at %s", path);
		sum += (uint64_t)st.st_size;
	}
	sum = (sum + MIB - 1) / MIB * MIB;
	*bytes = sum < ESP_MIN ? ESP_MIN : sum;
	return 0;
}

static int put_esp(const struct rh_stick_image *s, const char *path, uint64_t bytes,
		   struct rh_err *err)
{
	RH_FREE char *image = rh_xasprintf("%s@@%u", path, ESP_AT);
	struct rh_scratch dir = RH_SCRATCH_INIT;
	struct rh_err later;
	int r = rh_scratch_make(&dir, "/tmp/rehome-stick-", err), r2;

	if (r == 0)
		r = format_esp(s, image, bytes, err);
	if (r == 0)
		r = fill_esp(s, image, dir.path, err);
	r2 = rh_scratch_drop(&dir, r < 0 ? &later : err);
	return rh_err_prefix(err, r < 0 ? r : r2, "the stick's FAT filesystem");
}

int rh_stick_image_write(const struct rh_stick_image *s, int fd, const char *path,
			 uint64_t *ret_size, struct rh_err *err)
{
	struct rh_pack pack = {.image = {s->image[0], s->image[1]},
			       .recipe = s->recipe,
			       .key = s->key,
			       .manifest = s->manifest,
			       .manifest_len = s->manifest_len,
			       .tick = s->tick,
			       .arg = s->arg};
	RH_STR struct rh_str boot = {0};
	struct place p = {0};
	int r = esp_bytes(s, &p.esp, err);

	if (r < 0)
		return r;
	memcpy(pack.sha256, s->sha256, sizeof pack.sha256);
	p.pair = ESP_AT + p.esp;
	if (ftruncate(fd, (off_t)p.pair) < 0)
		return rh_err_errno(err, errno, "%s: cannot write it", path);
	r = put_esp(s, path, p.esp, err);
	if (r == 0)
		r = put_grub(s, fd, &boot, err);
	if (r == 0)
		r = rh_pack(&pack, fd, p.pair, &p.pair_len, err);
	if (r == 0)
		r = put_tables(s, fd, &p, (const uint8_t *)boot.data, ret_size, err);
	return rh_err_prefix(err, r, "%s", path);
}

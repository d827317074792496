/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each disk of the pair needs to start the machine alone: its EFI system partition and its
 * BIOS boot area. The essay is in esp.c.
 */
#pragma once

#include "rootfs/setup/pair.h"

/* A file of the reference, or the boot area under the name RH_BOOT_AREA. */
struct rh_boot_file {
	const char *path; /* on the ESP */
	const uint8_t *data;
	size_t len;
	const char *digest;  /* SHA-256, hexadecimal */
	const char *written; /* digest of what was last written everywhere; "" when not known */
	size_t written_len;  /* of the boot area: its length then */
};
#define RH_BOOT_AREA "boot area"

struct rh_boot_reference {
	struct rh_arena *arena;
	struct rh_boot_file *files; /* of the ESP */
	size_t n;
	struct rh_boot_file area; /* the core image, not yet embedded */
	const uint8_t *boot;	  /* boot.img, 512 bytes */
};

/* One disk to be looked at. */
struct rh_boot_disk {
	const struct rh_disk *disk;
	const char *text; /* how messages name it */
	bool fresh;	  /* it was empty just now: every difference is expected */
};

/* One line of text each, for people. */
struct rh_boot_report {
	struct rh_strv changed; /* brought up to date: a package has changed */
	struct rh_strv drift;	/* differed without a reason that we know; mended */
	struct rh_strv bad;	/* differs, and could not be mended (or was only looked at) */
	struct rh_strv notes;	/* files that are not ours and differ between the two */
};
void rh_boot_report_free(struct rh_boot_report *r);

/* The reference from the packages of this machine (/usr/lib/shim, /usr/lib/grub, grub-early.cfg).
 */
RH_CHECKED int rh_boot_reference_load(struct rh_setup *s, struct rh_boot_reference *ref,
				      struct rh_err *err);
void rh_boot_reference_free(struct rh_boot_reference *ref);
/* Note that all of it now lies on both disks. */
RH_CHECKED int rh_boot_reference_note(struct rh_setup *s, const struct rh_boot_reference *ref,
				      struct rh_err *err);

/* Bring the ESP of DISK (partition 2), or its boot area (partition 1), to the reference; LOOK: only
 * compare. What is found goes into REPORT; an error is what kept us from looking. */
RH_CHECKED int rh_esp_sync(struct rh_setup *s, const struct rh_boot_reference *ref,
			   const struct rh_boot_disk *disk, bool look,
			   struct rh_boot_report *report, struct rh_str *others,
			   struct rh_err *err);
RH_CHECKED int rh_boot_area_sync(struct rh_setup *s, const struct rh_boot_reference *ref,
				 const struct rh_boot_disk *disk, bool look,
				 struct rh_boot_report *report, struct rh_err *err);
/* Both, of each disk of the pair that works or is being rebuilt, and of FRESH (may be NULL), one
 * disk after the other. 0 also when the report has bad lines. */
RH_CHECKED int rh_boot_sync(struct rh_setup *s, const struct rh_pair *p,
			    const struct rh_disk *fresh, bool look, struct rh_boot_report *report,
			    struct rh_err *err);

/* Sort one difference into the report: MENDED tells whether the reference lies there now. */
void rh_boot_differs(const struct rh_boot_disk *disk, const struct rh_boot_file *f,
		     const char *found_digest, bool mended, struct rh_boot_report *report);
/* Mounts made from here on are seen by nobody else and vanish with us. S->root is opened anew, so
 * that paths from it lead into them. */
RH_CHECKED int rh_private_mounts(struct rh_setup *s, struct rh_err *err);
const struct rh_partition *rh_disk_part(const struct rh_disk *disk, unsigned number);

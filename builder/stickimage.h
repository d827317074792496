/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image of a stick: partition table, boot loaders for BIOS and UEFI, a FAT filesystem with the
 * stick's system, and the archive of a pair. Written by the host alone: no loop device, no root.
 *
 *   LBA 0       protective MBR with GRUB's boot code     (BIOS)
 *   1 MiB       rehome-stick-bios  GRUB's core image     (BIOS)
 *   2 MiB       rehome-stick-esp   FAT32: shim, GRUB, kernel, initramfs
 *               rehome-pair        the archive, no filesystem (rehome-archive(5))
 */
#pragma once

#include <stdint.h>

#include "lib/core/err.h"
#include "lib/digest.h"
#include "lib/uuid.h"

#define RH_STICK_PART_NAME "rehome-pair"

struct rh_stick_image {
	const char *boot;     /* folder of rh_stick_boot_files() */
	const char *image[2]; /* of the pair */
	char sha256[2][RH_SHA256_HEX];
	const char *recipe,
	    *key;	      /* of the manifest; KEY is what the stick's identifiers come from */
	const char *manifest; /* its text */
	size_t manifest_len;
	struct rh_uuid boot_fs; /* of the filesystem that the pair has as /boot */
	uint64_t epoch;
	void (*tick)(void *arg, uint64_t pos, uint64_t size); /* of the archive; may be NULL */
	void *arg;
};

/* Write the whole stick to the open file FD, whose name is PATH. */
RH_CHECKED int rh_stick_image_write(const struct rh_stick_image *s, int fd, const char *path,
				    uint64_t *ret_size, struct rh_err *err);

/* GRUB's menu on the stick. The caller frees it. Pure. */
char *rh_stick_menu(const struct rh_stick_image *s, const char *partuuid);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where everything lies on a disk of the pair. Pure: no I/O.
 *
 *   LBA 0       protective MBR with GRUB's boot code     (BIOS)
 *   LBA 1..33   GPT
 *   1 MiB       bios   1 MiB   GRUB's core image         (BIOS)
 *               esp            FAT32, label REHOME-ESP    (UEFI)
 *               boot           md RAID1, metadata 1.0: ext4 from its first byte
 *               pv             md RAID1, metadata 1.2: LVM from 16 MiB on
 *   last 33     backup GPT
 *
 * Each part has an extent (the partition) and a data area within it (what the filesystem or the PV
 * gets once the array is there). While the builder fills the disk, its partition table shows the
 * data areas; the final table shows the extents. So libguestfs needs no md at all.
 */
#pragma once

#include <stdint.h>

#include "builder/plan.h"

#define RH_SECTOR	  512u
#define RH_ALIGN	  2048u	 /* sectors: 1 MiB */
#define RH_PV_DATA_OFFSET 32768u /* sectors: 16 MiB, room for superblock, bitmap and reshaping */
#define RH_BOOT_TAIL	  2048u	 /* sectors kept for the 1.0 superblock at the end of boot */

enum rh_part { RH_PART_BIOS, RH_PART_ESP, RH_PART_BOOT, RH_PART_PV, RH_PARTS };

struct rh_extent {
	uint64_t start, count; /* sectors */
};

struct rh_layout {
	uint64_t disk_sectors;
	struct rh_extent part[RH_PARTS], data[RH_PARTS];
	uint64_t root, var, swap; /* logical volumes, bytes */
};

extern const char *const rh_part_names[RH_PARTS]; /* GPT partition names */

RH_CHECKED int rh_layout_make(const struct rh_disk_sizes *sizes, struct rh_layout *out,
			      struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A GUID partition table (UEFI 2.10 §5.3) as bytes. Pure: no I/O.
 */
#pragma once

#include "builder/ident.h"
#include "builder/layout.h"

#define RH_GPT_FIRST_SECTORS 34 /* MBR, header, 128 entries */
#define RH_GPT_LAST_SECTORS  33 /* 128 entries, header */

/*
 * FIRST goes to sector 0, LAST to the disk's last 33 sectors. EXTENTS has one extent for each part
 * (partitions or data areas). SEED and DISK ("a", "b") give the GUIDs. The first 440 bytes of
 * FIRST, the boot code, are left as they are.
 */
void rh_gpt_encode(const struct rh_layout *l, const struct rh_extent extents[RH_PARTS],
		   const char *seed, const char *disk,
		   uint8_t first[RH_GPT_FIRST_SECTORS * RH_SECTOR],
		   uint8_t last[RH_GPT_LAST_SECTORS * RH_SECTOR]);

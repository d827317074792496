/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes as people write them. */
#pragma once

#include <stdint.h>

#include "builder/plan.h"

/* GPT at both ends, the BIOS boot partition, md superblocks and bitmaps, LVM's metadata, alignment.
 */
#define RH_DISK_RESERVE (16ULL << 20)

/* The least that must be left for mail: XFS needs 300 MiB. */
#define RH_MAIL_MIN (512ULL << 20)

/* XFS keeps the size of its allocation groups when it grows, and gets more of them: mkfs makes
 * four, 8 times the size makes 32, and many more cut the free space into ever smaller pieces. */
#define RH_GROW_MOST 8

/* What root and var together may take of a larger disk. */
#define RH_GROW_PERCENT 90

/* "18GiB", "2544MiB": the largest unit that divides exactly. */
const char *rh_size_text(struct rh_arena *arena, uint64_t bytes);

/* Bytes of one disk that are left for the mail volume; 0 when the parts fill it. */
uint64_t rh_mail_bytes(const struct rh_disk_sizes *s);

// SPDX-License-Identifier: GPL-2.0-or-later
/* Layout to partition table; the contract is in gpt.h. */
#include "builder/gpt.h"

#include <stdio.h>

_Static_assert(RH_SECTOR == RH_GPT_SECTOR, "both are sectors of 512 bytes");

/* In text order: BIOS boot (GRUB manual, "BIOS installation"), EFI system (UEFI 2.10 table 5-7),
 * Linux RAID twice (Discoverable Partitions Specification lists the same value). */
static const struct rh_uuid types[RH_PARTS] = {
    {{0x21, 0x68, 0x61, 0x48, 0x64, 0x49, 0x6e, 0x6f, 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46,
      0x49}},
    {{0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9,
      0x3b}},
    {{0xa1, 0x9d, 0x88, 0x0f, 0x05, 0xfc, 0x4d, 0x3b, 0xa0, 0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91,
      0x1e}},
    {{0xa1, 0x9d, 0x88, 0x0f, 0x05, 0xfc, 0x4d, 0x3b, 0xa0, 0x06, 0x74, 0x3f, 0x0f, 0x84, 0x91,
      0x1e}},
};

void rh_layout_gpt(const struct rh_layout *l, const struct rh_extent extents[RH_PARTS],
		   const char *seed, const char *disk, struct rh_gpt *out)
{
	char what[64];
	struct rh_uuid guid;

	snprintf(what, sizeof what, "disk-%s", disk);
	guid = rh_ident(seed, what);
	rh_gpt_init(out, &guid, l->disk_sectors);
	for (int i = 0; i < RH_PARTS; i++) {
		struct rh_gpt_entry *e = &out->entries[i];

		snprintf(what, sizeof what, "disk-%s/%s", disk, rh_part_names[i]);
		e->type = types[i];
		e->guid = rh_ident(seed, what);
		e->first = extents[i].start;
		e->last = extents[i].start + extents[i].count - 1;
		rh_gpt_set_name(e, rh_part_names[i]);
	}
}

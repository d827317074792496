// SPDX-License-Identifier: GPL-2.0-or-later
/* Sizes to sectors; the contract is in layout.h. */
#include "builder/layout.h"

#include <errno.h>
#include <inttypes.h>

const char *const rh_part_names[RH_PARTS] = {"rehome-bios", "rehome-esp", "rehome-boot",
					     "rehome-pv"};

/* Physical extents of LVM are 4 MiB; its first lies 1 MiB into the PV (LVM's default). */
#define PV_OVERHEAD ((uint64_t)RH_ALIGN * 5 * RH_SECTOR)

int rh_layout_make(const struct rh_disk_sizes *sizes, struct rh_layout *out, struct rh_err *err)
{
	const uint64_t mib = (uint64_t)RH_ALIGN * RH_SECTOR;
	const uint64_t bytes[RH_PARTS] = {mib, sizes->esp, sizes->boot, 0};
	struct rh_layout l = {.disk_sectors = sizes->disk / RH_SECTOR,
			      .root = sizes->root,
			      .var = sizes->var,
			      .swap = sizes->swap};
	uint64_t at = RH_ALIGN, end, need;

	for (int i = 0; i < RH_PARTS - 1; i++) {
		if (bytes[i] % mib)
			return rh_err_set(err, EINVAL, "%s: the size is not in whole MiB",
					  rh_part_names[i]);
		l.part[i] = l.data[i] = (struct rh_extent){at, bytes[i] / RH_SECTOR};
		at += l.part[i].count;
	}
	/* The last MiB holds the backup GPT (33 sectors). */
	end = l.disk_sectors / RH_ALIGN * RH_ALIGN;
	end = end > RH_ALIGN ? end - RH_ALIGN : 0;
	need =
	    (sizes->root + sizes->var + sizes->swap + PV_OVERHEAD) / RH_SECTOR + RH_PV_DATA_OFFSET;
	if (end < at + need || l.part[RH_PART_BOOT].count <= RH_BOOT_TAIL)
		return rh_err_set(err, EINVAL,
				  "the disk is too small: %" PRIu64 " MiB, needed at least %" PRIu64
				  " MiB",
				  sizes->disk / mib, (at + need + RH_ALIGN) / RH_ALIGN);
	l.part[RH_PART_PV] = (struct rh_extent){at, end - at};
	l.data[RH_PART_BOOT].count -= RH_BOOT_TAIL;
	l.data[RH_PART_PV] =
	    (struct rh_extent){at + RH_PV_DATA_OFFSET, end - at - RH_PV_DATA_OFFSET};
	*out = l;
	return 0;
}

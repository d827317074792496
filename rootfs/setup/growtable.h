/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The partition tables of one disk: read from it and written to it; the kernel told of them. */
#pragma once

#include "rootfs/setup/growplan.h"
#include "rootfs/setup/setup.h"

/* Read both tables of /dev/NAME, which has SECTORS. Where the primary is damaged the backup is
 * looked for at the disk's end and, if HINT is not 0, in the last of HINT sectors (where it lay
 * before the disk grew). Damage is no error: OUT says it. */
RH_CHECKED int rh_tables_read(struct rh_setup *s, const char *name, uint64_t sectors, uint64_t hint,
			      struct rh_tables *out, struct rh_err *err);
/* Each writes and flushes; the boot code in sector 0 stays. No change point in here. */
RH_CHECKED int rh_table_write_backup(struct rh_setup *s, const char *name, const struct rh_gpt *g,
				     struct rh_err *err);
RH_CHECKED int rh_table_write_primary(struct rh_setup *s, const char *name, const struct rh_gpt *g,
				      struct rh_err *err);
/* Partition NUMBER of /dev/NAME, in use or not, has COUNT sectors from FIRST on. */
RH_CHECKED int rh_table_tell_kernel(struct rh_setup *s, const char *name, unsigned number,
				    uint64_t first, uint64_t count, struct rh_err *err);
/* The kernel reads the whole table anew: only for a disk of which nothing is in use (-EBUSY). */
RH_CHECKED int rh_table_rescan(struct rh_setup *s, const char *name, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks of the machine and the two arrays of the pair, as the kernel shows them now.
 *
 * Source of every number: sysfs (block/NAME, block/NAME/md), udev's database and /dev/disk/by-id
 * for serial, model and stable name, and the members' own md superblocks. Everything is read below
 * a root folder, so that a test can fake it all with plain files: ROOT/sys, ROOT/run/udev/data,
 * ROOT/dev. Only read, never written.
 *
 * A disk is what has hardware behind it (block/NAME/device exists): md, LVM, loop and RAM devices
 * and CD drives are left out. All sizes are in sectors of 512 bytes, as sysfs gives them, whatever
 * the disk's own blocks are. All memory belongs to struct rh_disks. The picture is that of one
 * moment: read it anew after a change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"
#include "lib/mdsuper.h"

struct rh_partition {
	const char *name; /* the kernel's: "sda4" */
	unsigned number;
	uint64_t start, sectors;
};

struct rh_disk {
	const char *name;   /* the kernel's: "sda"; may be another one after the next boot */
	const char *serial; /* as printed on the label; "" when it tells none */
	const char *model;  /* "WDC WD40EFRX-68N32N0"; "" when it tells none */
	const char *by_id;  /* name below /dev/disk/by-id; "" when there is none */
	uint64_t sectors;
	unsigned block; /* bytes of a logical block: 512, or 4096 (then our tables cannot be) */
	bool read_only, removable;
	struct rh_partition *parts; /* sorted by number */
	size_t n_parts;
};

enum rh_member_state {
	RH_MEMBER_ACTIVE,     /* in sync */
	RH_MEMBER_RECOVERING, /* in its slot, being rebuilt */
	RH_MEMBER_SPARE,      /* in no slot */
	RH_MEMBER_FAULTY,     /* thrown out by the kernel after an error */
};

struct rh_member {
	enum rh_member_state state;
	int slot;			 /* -1: none */
	const char *device;		 /* the kernel's: "sda4", also when its disk is gone */
	const struct rh_disk *disk;	 /* NULL: gone, or no partition of a disk */
	const struct rh_partition *part; /* NULL with disk */
	uint64_t size;			 /* sectors that md may use of it; 0: not told */
	uint64_t errors;		 /* read errors that md has corrected */
	bool has_super;			 /* SUPER could be read */
	struct rh_mdsuper super;
};

#define RH_ARRAY_MEMBERS 8

struct rh_array {
	bool found;
	const char *name;      /* "boot" or "pv": the name "any:NAME" in the superblocks */
	const char *node;      /* the kernel's: "md127" */
	const char *rival;     /* node of another array of that name, which runs too; "" : none */
	const char *state;     /* sysfs array_state: "clean", "active", "read-auto" … */
	const char *action;    /* sysfs sync_action: "idle", "resync", "recover", "check" … */
	unsigned slots;	       /* members that make it whole */
	unsigned degraded;     /* of these are missing or not in sync */
	uint64_t component;    /* sectors used of each member */
	uint64_t sectors;      /* what the array offers */
	uint64_t resync_start; /* sectors, or RH_MDSUPER_END: nothing to resync */
	struct rh_uuid uuid;
	struct rh_member members[RH_ARRAY_MEMBERS];
	size_t n_members;
};

struct rh_disks {
	struct rh_arena *arena;
	struct rh_disk *v; /* sorted by name */
	size_t n;
	struct rh_array boot, pv;
};

/* ROOT is a descriptor of the root folder. A machine without our arrays is no error: they are not
 * `found`. -EACCES and the like when a device cannot be read. */
RH_CHECKED int rh_disks_read(int root, struct rh_disks **out, struct rh_err *err);
void rh_disks_free(struct rh_disks **disks);

/* NULL when there is none. */
const struct rh_disk *rh_disks_find(const struct rh_disks *d, const char *name);
/* The member of A that lies on DISK, NULL when none does. */
const struct rh_member *rh_array_on(const struct rh_array *a, const struct rh_disk *disk);
/* The member in SLOT, NULL: it is missing. A recovering one is in its slot, a faulty one is not. */
const struct rh_member *rh_array_slot(const struct rh_array *a, unsigned slot);
/* "WDC WD40EFRX, serial WD-123, /dev/sda": how messages name a disk. In D's arena. */
const char *rh_disk_text(const struct rh_disks *d, const struct rh_disk *disk);

/* The superblock of any partition, in an array or not; 1.2 is looked for first, then 1.0. -ENOENT:
 * there is none; -EINVAL: damaged. */
RH_CHECKED int rh_disks_read_super(int root, const struct rh_partition *part,
				   struct rh_mdsuper *out, struct rh_err *err);

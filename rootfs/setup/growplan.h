/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be done so that the pair fills its disks: facts in, steps out. Pure: no I/O.
 *
 * Two plans: the disks up to the array, and, once the array has its size, the volumes on it. A
 * plan is made from what is there, never from a note of what was done before; so a growth that was
 * cut anywhere is simply planned again, and one that is finished gives no steps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/gpt.h"

/* The tables of one disk as read. */
struct rh_tables {
	bool primary_ok;
	bool backup_ok;	     /* it lies where the primary says, and says the same */
	struct rh_gpt table; /* the primary's; when that is damaged, the backup's */
	char fault[512];     /* what is wrong with them, "" when nothing is */
};

struct rh_grow_disk {
	const char *text; /* how messages name it */
	const char *name; /* the kernel's: "sda" */
	uint64_t sectors; /* of 512 bytes */
	unsigned block;	  /* bytes of a logical block */
	bool read_only;
	struct rh_tables tables;
	/* The kernel's partitions are those of the table; ours may still have its old end. */
	bool kernel_agrees;
	unsigned number;	 /* of our partition, which holds the array pv */
	uint64_t kernel_sectors; /* of that partition, as the kernel knows it */
	uint64_t data_offset;	 /* sectors from its start to md's data */
	/* In no array and without partitions for the kernel, because the primary table is damaged
	 * while the backup names our partitions and the superblock there our array. */
	bool stray;
};

#define RH_GROW_DISKS 4

struct rh_grow_disks {
	bool array;	    /* the array pv is there */
	unsigned slots;	    /* members that make it whole */
	unsigned active;    /* of V, not counting strays: members in sync */
	bool rebuilding;    /* another member is being rebuilt */
	const char *action; /* sysfs sync_action */
	uint64_t component; /* sectors that the array uses of each member */
	struct rh_grow_disk v[RH_GROW_DISKS];
	size_t n;
};

enum rh_grow_act {
	RH_GROW_BACKUP,	 /* write DISK's backup table */
	RH_GROW_PRIMARY, /* write DISK's primary table */
	RH_GROW_KERNEL,	 /* tell the kernel where DISK's partition ends now */
	RH_GROW_RESCAN,	 /* have the kernel read DISK's table */
	RH_GROW_ARRAY,	 /* let md use all of both partitions */
	RH_GROW_PV,	 /* let LVM use all of the array */
	RH_GROW_LV,	 /* make VOLUME larger */
	RH_GROW_FS,	 /* make VOLUME's filesystem larger */
};

enum rh_grow_volume { RH_GROW_ROOT, RH_GROW_VAR, RH_GROW_MAIL, RH_GROW_VOLUMES };
extern const char *const rh_grow_volume_names[RH_GROW_VOLUMES]; /* "root", "var", "mail" */

struct rh_grow_step {
	enum rh_grow_act act;
	size_t disk; /* index of facts.v */
	enum rh_grow_volume volume;
	uint64_t from, to; /* sectors of a partition or of the array; extents of a PV or an LV */
};

enum rh_grow_verdict {
	RH_GROW_READY, /* the steps can be done; none: everything has its size */
	RH_GROW_WAIT,  /* somebody must do something first; the mail volume must not be made yet */
	RH_GROW_NEVER, /* the disks cannot grow; what there is will have to do */
};

struct rh_growplan {
	enum rh_grow_verdict verdict;
	char reason[1024]; /* of WAIT and NEVER: what is wrong with what, and what to do */
	struct rh_gpt table[RH_GROW_DISKS]; /* what BACKUP and PRIMARY write */
	struct rh_grow_step steps[4 * RH_GROW_DISKS];
	size_t n;
};

void rh_growplan_disks(const struct rh_grow_disks *f, struct rh_growplan *out);

struct rh_grow_volumes {
	bool group;	       /* the volume group is there */
	uint64_t device;       /* bytes of the array */
	uint64_t data_start;   /* bytes of it before LVM's first extent */
	uint64_t pv_extents;   /* of the physical volume on it */
	uint64_t extent;       /* bytes */
	uint64_t total, free;  /* extents of the group */
	uint64_t mail_reserve; /* bytes to leave for a mail volume that is not made yet */
	struct {
		bool there;	  /* and its filesystem is mounted */
		uint64_t extents; /* of the volume */
		uint64_t fs_bytes;
		unsigned percent; /* of the group that it may grow to; 0: it does not */
		uint64_t most;	  /* bytes */
	} v[RH_GROW_VOLUMES];
};

/* Root and var by their shares; mail, when it exists, gets what is left. */
void rh_growplan_volumes(const struct rh_grow_volumes *f, struct rh_growplan *out);

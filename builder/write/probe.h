/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a disk is and what lies on it; and every reason not to write onto it.
 *
 * Facts come from sysfs, udev's database and libblkid; use from mountinfo (libmount), /proc/swaps
 * and sysfs, through whatever stands on the disk (partitions, md, LVM, dm, loop devices). All paths
 * begin with a prefix, so that tests can give a made-up machine.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* The reasons to refuse; names are stable and used in JSON. */
#define RH_REFUSALS(X)                                                                 \
	X(ABSENT, "absent")	  /* no such device, or it cannot be opened */         \
	X(NO_DISK, "not-a-disk")  /* no block device, or no disk (CD, RAM, md, …) */ \
	X(PARTITION, "partition") /* part of a disk */                                 \
	X(NAME, "not-by-id")	  /* not named by /dev/disk/by-id/ */                  \
	X(SAME, "same-disk")	  /* the other disk, once more */                      \
	X(READ_ONLY, "read-only")                                                      \
	X(SECTOR, "sector-size") /* logical sectors of other than 512 bytes */         \
	X(SMALL, "too-small")                                                          \
	X(SYSTEM, "system-disk") /* the running system stands on it */                 \
	X(MOUNTED, "mounted")                                                          \
	X(SWAP, "swap")                                                                \
	X(MD, "md")		    /* member of a running md array */                 \
	X(LVM, "lvm")		    /* holds an active logical volume */               \
	X(DM, "device-mapper")	    /* encryption, multipath, … */                   \
	X(ZFS, "zfs")		    /* busy, and holds a pool */                       \
	X(LOOP, "loop")		    /* a loop device reads or writes it */             \
	X(BUSY, "in-use")	    /* held by something else (O_EXCL) */              \
	X(UNREADABLE, "unreadable") /* what lies on it cannot be read */

enum rh_refusal {
#define X(id, name) RH_REFUSE_##id,
	RH_REFUSALS(X)
#undef X
	    RH_REFUSAL_COUNT
};
const char *rh_refusal_name(enum rh_refusal r);

struct rh_refused {
	enum rh_refusal why;
	char *text; /* one line, with what to do */
};

/* Something that lies on the disk. */
struct rh_content {
	uint64_t at;		 /* byte of its magic, from the start of the disk */
	uint64_t len;		 /* bytes of the magic */
	uint64_t area, area_len; /* bytes: the partition, or the whole disk */
	unsigned part;		 /* partition's number; 0: of the whole disk */
	char *type; /* libblkid's name: ext4, linux_raid_member, LVM2_member, gpt, … */
	char *text; /* one line for people */
};

struct rh_disk {
	char *asked; /* the name given */
	char *path;  /* its name below /dev/disk/by-id/, or asked when there is none */
	char *kname; /* the kernel's: sdb */
	char *node;  /* /dev/sdb */
	char *model; /* "" when not known */
	char *serial;
	bool has_serial; /* else serial is the kernel's name */
	uint64_t size;	 /* bytes */
	unsigned sector; /* bytes of a logical sector */
	dev_t dev;
	int fd; /* opened for writing, exclusively, and locked against udev; -1 */
	struct rh_content *content;
	size_t n_content, content_cap;
	struct rh_refused *refused;
	size_t n_refused, refused_cap;
};

struct rh_probe_options {
	const char *root; /* prefix of /sys, /proc, /run and /dev; NULL: "" */
	uint64_t need;	  /* smallest size, bytes; 0: any */
	bool any_name;	  /* other names than by-id ones are fine */
	bool allow_loop;  /* loop devices too, by any name: for trying it out */
	bool reading;	  /* nothing will be written: use is no reason to refuse */
};

/* Look at NAME. What speaks against it is in out->refused, all at once; out is always valid and
 * freed by rh_disk_free(). When nothing does, out->fd is open. */
void rh_probe_disk(const struct rh_probe_options *o, const char *name, struct rh_disk *out);
/* Refuse B when it is A: by device number or by model, size and serial. */
void rh_probe_twins(const struct rh_disk *a, struct rh_disk *b);
/* The node of every whole disk that this machine has, by-id names where there are any, sorted. */
RH_CHECKED int rh_probe_list(const struct rh_probe_options *o, struct rh_strv *names,
			     struct rh_err *err);
void rh_disk_free(struct rh_disk *d);

void rh_disk_refuse(struct rh_disk *d, enum rh_refusal why, const char *fmt, ...) RH_PRINTF(3, 4);

/* --- parts of the above, for tests --- */

/* Who uses the disk d->kname, by sysfs, mountinfo and swaps below ROOT. */
void rh_probe_use(const char *root, struct rh_disk *d);
/* Model, serial, size, and sector size of d->kname. */
void rh_probe_facts(const char *root, struct rh_disk *d);
/* The by-id name of the device d->kname, or NULL. Owned by the caller. */
char *rh_probe_by_id(const char *root, const char *kname);
/* Read what lies on FD (a disk, or a file as one) of SIZE bytes. */
RH_CHECKED int rh_probe_content(int fd, uint64_t size, struct rh_disk *d, struct rh_err *err);

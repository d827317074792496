/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to build: a checked recipe with its overlays in dependency order.
 *
 * rh_plan_load() reads the recipe and every overlay that it names (their overlay.json and the list
 * of their files), checks everything (schemas; unknown or doubled overlays; missing needs; two
 * overlays that bring the same path, port, user or secret; sizes that cannot be) and reports all
 * faults in one go. It writes nothing. All memory belongs to the plan.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "lib/core/diag.h"
#include "lib/json.h"

struct rh_list { /* of strings, in the plan's arena */
	const char **v;
	size_t n;
};

struct rh_overlay_file {
	const char *path;   /* relative, e.g. "etc/mdadm/mdadm.conf"; below files/ */
	const char *source; /* path that can be opened from the current directory */
	mode_t mode;	    /* type and permission bits; owner is root:root in the image */
	const char *link;   /* target of a symbolic link, else NULL */
};

struct rh_port {
	uint16_t port;
	const char *protocol; /* "tcp" or "udp" */
	const char *what;
};

struct rh_user {
	const char *name, *home, *shell;
	uid_t uid;
	gid_t gid;
};

struct rh_overlay {
	const char *name, *dir, *description;
	struct rh_list needs, packages, debconf, services, boot_services, kernel_options;
	struct rh_port *ports;
	size_t n_ports;
	struct rh_user *users;
	size_t n_users;
	struct rh_overlay_file *files; /* sorted by path */
	size_t n_files;
	struct rh_list proofs; /* file names below proofs/, sorted; must be executable */
	struct rh_list health; /* file names below health/, sorted; must be executable */
	struct json_object *json;
};

struct rh_disk_sizes { /* bytes, multiples of 1 MiB */
	uint64_t disk, esp, boot, root, var, swap;
};

/* How far a volume grows on a larger disk: to PERCENT of the volume group, at most to MOST bytes.
 * PERCENT 0: not at all. */
struct rh_share {
	unsigned percent;
	uint64_t most;
};

struct rh_recipe {
	const char *name, *description, *release, *arch, *path;
	struct rh_disk_sizes disk;
	struct rh_share grow_root, grow_var;
	uint64_t limit_mailbox, limit_message; /* bytes */
	const char *machine_model, *machine_vendor, *nic, *disk_model;
	unsigned memory_mib, cpus;
	const char *seed; /* what every identifier that we choose is derived from */
	struct json_object *json;
};

struct rh_plan {
	struct rh_arena *arena;
	struct rh_recipe recipe;
	struct rh_overlay *overlays; /* each after everything it needs; ties in recipe order */
	size_t n_overlays;
	struct rh_list packages;       /* sorted, unique */
	struct rh_list debconf;	       /* in overlay order */
	struct rh_list kernel_options; /* in overlay order */
};

/* DATA_DIR holds recipes/ (with the schemas) and overlays/. Faults go to D; returns -EINVAL if any,
 * then *OUT stays untouched. */
RH_CHECKED int rh_plan_load(const char *recipe_path, const char *data_dir, struct rh_plan **out,
			    struct rh_diags *d, struct rh_err *err);
void rh_plan_free(struct rh_plan **plan);

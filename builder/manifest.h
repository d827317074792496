/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest.json and SHA256SUMS of a pair: what is in it, and proof that it has not changed.
 */
#pragma once

#include "builder/layout.h"
#include "builder/plan.h"
#include "lib/digest.h"
#include "lib/json.h"

struct rh_manifest {
	const struct rh_plan *plan;
	const struct rh_layout *layout;
	const char *key;  /* digest of all inputs */
	const char *dpkg; /* text of /var/lib/dpkg/status */
	const char *kver;
	uint64_t epoch;
	char digest[2][RH_SHA256_HEX]; /* of a.img, b.img */
};

/* Write DIR/SHA256SUMS and then DIR/manifest.json. */
RH_CHECKED int rh_manifest_write(const struct rh_manifest *m, const char *dir, struct rh_err *err);
/* DIR/manifest.json; the caller frees *OUT. */
RH_CHECKED int rh_manifest_load(const char *dir, struct rh_json **out, struct rh_err *err);
/* What it says of partitions and volumes; -EINVAL when that is no layout of ours. */
RH_CHECKED int rh_manifest_layout(const struct rh_json *manifest, struct rh_layout *out,
				  struct rh_err *err);
/* The "key" of DIR's manifest; -ENOENT when there is none. */
RH_CHECKED int rh_manifest_key(const char *dir, char key[RH_SHA256_HEX], struct rh_err *err);
/* May a new pair take the place of DIR? It is absent, or a folder with nothing in it but a pair's
 * own files; anything else is -ENOTDIR or -EEXIST, because replacing a folder removes what it
 * holds. */
RH_CHECKED int rh_manifest_replaceable(const char *dir, struct rh_err *err);
/* Installed packages of a dpkg status text as [{"name", "version", "arch"}]. */
struct json_object *rh_manifest_packages(const char *status);

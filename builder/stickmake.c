// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of work of `rehome stick`; the contract is in stickmake.h. */
#include "builder/stickmake.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/datadir.h"
#include "builder/stick/pack.h"
#include "builder/stickboot.h"
#include "builder/stickimage.h"
#include "builder/write/source.h"
#include "lib/core/file.h"
#include "lib/json.h"

#define EXT4_SUPER 1024 /* bytes before the superblock */
#define EXT4_MAGIC 0x38 /* of the superblock: le16, 0xef53 */
#define EXT4_UUID  0x68 /* 16 bytes in text order */

struct work {
	const struct rh_stick_job *job;
	struct rh_str manifest;
	struct rh_json *json;
	struct rh_source *source;
	struct rh_plan *plan;
	char *boot;
	struct rh_stick_image image;
};

static void plan_steps(struct rh_progress *p, bool archive_only)
{
	rh_progress_plan(p, "check", "checking the pair", 20);
	rh_progress_plan(p, "archive", "packing the pair", 20);
	rh_progress_plan(p, "checksum", "checksum of the result", 3);
	if (archive_only)
		return;
	rh_progress_plan(p, "packages", "packages", 0.1);
	rh_progress_plan(p, "programs", "compiling the stick's program", 5);
	rh_progress_plan(p, "boot", "the stick's system", 20);
}

static void on_check(void *arg, uint64_t pos, uint64_t total)
{
	const struct work *w = arg;

	rh_progress_at(w->job->progress, pos, total, NULL);
}

static int check_pair(struct work *w, struct rh_err *err)
{
	int r;

	rh_progress_begin(w->job->progress, "check");
	r = rh_source_pair(w->job->pair, &w->source, err);
	if (r == 0)
		r = rh_source_check(w->source, on_check, w, err);
	rh_progress_end(w->job->progress, r == 0);
	return r;
}

/* --- the manifest --- */

/* The first byte of the pair's /boot filesystem, 0 when the manifest does not tell. */
static uint64_t boot_at(struct json_object *root)
{
	struct json_object *list = rh_json_at(root, "layout.partitions");

	if (!json_object_is_type(list, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		int64_t start = rh_json_int(o, "data_start", 0);

		if (!strcmp(rh_json_str(o, "name", ""), "rehome-boot") && start > 0 &&
		    start < INT64_MAX / 512)
			return (uint64_t)start * 512;
	}
	return 0;
}

/* GRUB knows an installed pair by the identity of this filesystem. */
static int read_boot_fs(const char *image, uint64_t at, struct rh_uuid *out, struct rh_err *err)
{
	RH_CLOSE int fd = open(image, O_RDONLY | O_CLOEXEC);
	uint8_t super[256];
	uint16_t magic;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", image);
	if (pread(fd, super, sizeof super, (off_t)at + EXT4_SUPER) != sizeof super)
		return rh_err_set(err, EIO, "%s is too short", image);
	memcpy(&magic, super + EXT4_MAGIC, sizeof magic);
	if (!at || le16toh(magic) != 0xef53)
		return rh_err_set(err, EINVAL, "%s has no /boot where the manifest says", image);
	memcpy(out->b, super + EXT4_UUID, sizeof out->b);
	return 0;
}

static int read_manifest(struct work *w, struct rh_diags *d, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/manifest.json", w->job->pair);
	struct json_object *root;
	int r = rh_file_read(AT_FDCWD, path, 16 << 20, &w->manifest, err);

	if (r < 0)
		return rh_err_prefix(err, r, "%s is no pair of rehome build", w->job->pair);
	r = rh_json_parse(w->manifest.data, w->manifest.len, path, &w->json, d);
	if (r < 0)
		return r;
	root = rh_json_root(w->json);
	w->image.recipe = rh_json_str(root, "recipe", "");
	w->image.key = rh_json_str(root, "key", "");
	w->image.epoch = (uint64_t)rh_json_int(root, "source_date_epoch", 0);
	w->image.manifest = w->manifest.data;
	w->image.manifest_len = w->manifest.len;
	if (!*w->image.recipe || !*w->image.key)
		return rh_err_set(err, EINVAL, "%s tells no recipe and key: build the pair anew",
				  path);
	w->image.image[0] = rh_xasprintf("%s/a.img", w->job->pair);
	w->image.image[1] = rh_xasprintf("%s/b.img", w->job->pair);
	return w->job->archive_only
		   ? 0
		   : read_boot_fs(w->image.image[0], boot_at(root), &w->image.boot_fs, err);
}

/* --- the stick's system --- */

static int make_boot(struct work *w, struct rh_diags *d, struct rh_err *err)
{
	RH_FREE char *path = NULL;
	const char *recipe = w->job->recipe ? w->job->recipe : w->image.recipe;
	struct rh_stick_boot b = {
	    .data_dir = w->job->data_dir, .tree = w->job->tree, .epoch = w->image.epoch};
	int r = rh_recipe_path(w->job->data_dir, recipe, &path, err);

	if (r < 0)
		return rh_err_prefix(err, r,
				     "the stick's kernel comes from the recipe of the pair (give "
				     "its file with --recipe)");
	r = rh_plan_load(path, w->job->data_dir, &w->plan, d, err);
	if (r < 0)
		return r;
	b.plan = w->plan;
	b.tree.progress = w->job->progress;
	return rh_stick_boot_files(&b, &w->boot, err);
}

/* --- the image --- */

static void on_archive(void *arg, uint64_t pos, uint64_t size)
{
	const struct work *w = arg;

	rh_progress_at(w->job->progress, pos, size, NULL);
}

static int write_sum(const char *target, const char *hex, struct rh_err *err)
{
	const char *slash = strrchr(target, '/');
	RH_FREE char *path = rh_xasprintf("%s.sha256", target);
	RH_FREE char *line = rh_xasprintf("%s  %s\n", hex, slash ? slash + 1 : target);

	return rh_file_write(AT_FDCWD, path, 0644, line, strlen(line), err);
}

static int write_archive(const struct work *w, int fd, uint64_t *size, struct rh_err *err)
{
	struct rh_pack p = {.image = {w->image.image[0], w->image.image[1]},
			    .recipe = w->image.recipe,
			    .key = w->image.key,
			    .manifest = w->image.manifest,
			    .manifest_len = w->image.manifest_len,
			    .tick = w->image.tick,
			    .arg = w->image.arg};

	memcpy(p.sha256, w->image.sha256, sizeof p.sha256);
	return rh_pack(&p, fd, 0, size, err);
}

static int write_image(struct work *w, struct rh_stick_result *ret, struct rh_err *err)
{
	struct rh_outfile f RH_OUTFILE = RH_OUTFILE_INIT;
	struct rh_progress *p = w->job->progress;
	int r = rh_outfile_open(&f, AT_FDCWD, w->job->target, 0644, err);

	if (r < 0)
		return r;
	w->image.boot = w->boot;
	w->image.tick = on_archive;
	w->image.arg = w;
	memcpy(w->image.sha256, w->source->sha256, sizeof w->image.sha256);
	rh_progress_begin(p, "archive");
	r = w->job->archive_only ? write_archive(w, f.fd, &ret->size, err)
				 : rh_stick_image_write(&w->image, f.fd, f.tmp, &ret->size, err);
	rh_progress_end(p, r == 0);
	if (r < 0)
		return r;
	rh_progress_begin(p, "checksum");
	r = rh_sha256_file(AT_FDCWD, f.tmp, ret->sha256, NULL, NULL, err);
	if (r == 0)
		r = rh_outfile_commit(&f, err);
	if (r == 0)
		r = write_sum(w->job->target, ret->sha256, err);
	rh_progress_end(p, r == 0);
	return r;
}

int rh_stick_make(const struct rh_stick_job *job, struct rh_stick_result *ret, struct rh_diags *d,
		  struct rh_err *err)
{
	struct work w = {.job = job};
	int r;

	plan_steps(job->progress, job->archive_only);
	r = read_manifest(&w, d, err);
	if (r == 0)
		r = check_pair(&w, err);
	if (r == 0 && !job->archive_only)
		r = make_boot(&w, d, err);
	if (r == 0)
		r = write_image(&w, ret, err);
	rh_source_free(&w.source);
	rh_plan_free(&w.plan);
	rh_json_free(&w.json);
	rh_str_free(&w.manifest);
	free((char *)w.image.image[0]);
	free((char *)w.image.image[1]);
	free(w.boot);
	return r;
}

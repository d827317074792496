// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The build's order of work; the contract is in build.h.
 *
 *   compose   what lies over the packages                    (memory only)
 *   packages  root tree                                      cached
 *   boot      initramfs, boot loaders                        cached
 *   programs  our own, for the appliance's release           cached
 *   appliance, tree   filesystems of disk a, filled          libguestfs
 *   pair      disk b, superblocks, tables, digests
 */
#include "builder/build.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "builder/compose.h"
#include "builder/disk.h"
#include "builder/format.h"
#include "builder/image.h"
#include "builder/made.h"
#include "builder/manifest.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/core/scratch.h"
#include "lib/grub.h"

/* Part of the key: change it when the builder makes another image from the same inputs. */
#define BUILD_FORMAT "2"

/* More than a guest of 768 MB keeps in memory before it writes, and than a filesystem's own needs.
 */
#define SPACE_FLOOR (300u << 20)

struct work {
	const struct rh_build *b;
	struct rh_tree_spec spec;
	struct rh_layout layout;
	struct rh_extras extras, esp;
	struct rh_made_inputs in;
	struct rh_scratch scratch;
	char *early, *tree, *boot, *programs, *image[2];
	char tree_key[RH_SHA256_HEX], boot_key[RH_SHA256_HEX], programs_key[RH_SHA256_HEX],
	    key[RH_SHA256_HEX];
	char *kver;
	struct rh_str dpkg;
	uint64_t epoch, tree_bytes;
	bool epoch_given;
	struct rh_manifest manifest;
};

/* --- keys --- */

/* The date that the user wants; *GIVEN is false when there is none. */
static int wanted_epoch(uint64_t *epoch, bool *given, struct rh_err *err)
{
	const char *env = getenv("SOURCE_DATE_EPOCH");

	*given = env && *env;
	if (!*given)
		return 0;
	if (strlen(env) > 11 || strspn(env, "0123456789") != strlen(env))
		return rh_err_set(err, EINVAL,
				  "SOURCE_DATE_EPOCH=%s is no number of seconds since 1970", env);
	*epoch = strtoull(env, NULL, 10);
	return 0;
}

static int make_keys(struct work *w, struct rh_err *err)
{
	const char *recipe = json_object_to_json_string_ext(w->b->plan->recipe.json, 0);
	struct rh_digest *d = rh_digest_new();
	int r;

	rh_tree_key(&w->spec, w->tree_key);
	w->in =
	    (struct rh_made_inputs){w->b->data_dir, w->b->plan, w->tree_key, &w->extras, w->early};
	r = rh_made_boot_key(&w->in, w->boot_key, err);
	if (r == 0)
		r = rh_made_programs_key(w->b->data_dir, w->programs_key, err);
	rh_digest_part(d, "format", BUILD_FORMAT, strlen(BUILD_FORMAT));
	rh_digest_part(d, "recipe", recipe, strlen(recipe));
	rh_digest_part(d, "tree", w->tree_key, strlen(w->tree_key));
	rh_digest_part(d, "boot", w->boot_key, strlen(w->boot_key));
	rh_digest_part(d, "programs", w->programs_key, strlen(w->programs_key));
	if (w->epoch_given)
		rh_digest_part(d, "epoch", &w->epoch, sizeof w->epoch);
	for (size_t i = 0; r == 0 && i < w->extras.n; i++)
		r = rh_extra_digest(d, &w->extras.v[i], err);
	rh_digest_final(&d, w->key);
	return r;
}

static int prepare(struct work *w, struct rh_err *err)
{
	const struct rh_recipe *recipe = &w->b->plan->recipe;
	int r = rh_manifest_replaceable(w->b->target, err);

	if (r == 0)
		r = wanted_epoch(&w->epoch, &w->epoch_given, err);
	if (r < 0)
		return r;
	w->spec = (struct rh_tree_spec){.name = recipe->name,
					.release = recipe->release,
					.arch = recipe->arch,
					.packages = w->b->plan->packages,
					.debconf = w->b->plan->debconf};
	r = rh_layout_make(&recipe->disk, &w->layout, err);
	if (r == 0)
		r = rh_compose(w->b->plan, &w->layout, w->b->data_dir, &w->extras, err);
	if (r < 0)
		return r;
	w->early = rh_compose_grub_early(w->b->plan);
	return make_keys(w, err);
}

/* Is the image there in its whole length? Its bytes are for `sha256sum -c`: that takes too long. */
static bool has_image(const struct work *w, const char *name)
{
	RH_FREE char *path = rh_xasprintf("%s/%s", w->b->target, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == w->layout.disk_sectors * RH_SECTOR;
}

static bool is_unchanged(const struct work *w)
{
	char key[RH_SHA256_HEX];

	return !w->b->force && !w->b->tree.refresh &&
	       rh_manifest_key(w->b->target, key, NULL) == 0 && !strcmp(key, w->key) &&
	       has_image(w, "a.img") && has_image(w, "b.img");
}

/* --- steps --- */

static int step_inputs(struct work *w, struct rh_err *err)
{
	struct rh_progress *p = w->b->progress;
	struct rh_tree_options quiet = w->b->tree;
	struct stat st;
	int r;

	rh_progress_begin(p, "packages");
	r = rh_tree_get(&w->spec, &w->b->tree, &w->tree, err);
	rh_progress_end(p, r == 0);
	if (r < 0)
		return r;
	if (stat(w->tree, &st) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", w->tree);
	w->tree_bytes = (uint64_t)st.st_size;
	if (!w->epoch_given) /* the day the packages were installed */
		w->epoch = (uint64_t)st.st_mtime;
	rh_progress_begin(p, "boot");
	r = rh_made_boot(&w->in, w->tree, w->boot_key, w->epoch, &w->boot, err);
	rh_progress_end(p, r == 0);
	if (r < 0)
		return r;
	quiet.refresh = false; /* the build root is not what --refresh is about */
	rh_progress_begin(p, "programs");
	r = rh_made_programs(w->b->data_dir, w->programs_key, &quiet, w->epoch, &w->programs, err);
	rh_progress_end(p, r == 0);
	return r;
}

static int compose_boot(struct work *w, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/kver", w->boot);
	RH_FREE char *initrd = rh_xasprintf("%s/initrd.img", w->boot);
	RH_STR struct rh_str kver = {0};
	int r = rh_file_read(AT_FDCWD, path, 256, &kver, err);

	if (r < 0)
		return rh_err_prefix(err, r, "the cached boot files are damaged, remove %s",
				     w->boot);
	w->kver = rh_xstrdup(kver.data);
	rh_compose_boot(w->b->plan, &w->layout, w->kver, initrd, &w->extras);
	r = rh_extras_sort(&w->extras, err);
	if (r == 0)
		r = rh_compose_esp(w->b->plan, w->boot, &w->esp, err);
	if (r == 0)
		r = rh_treetar_read(w->tree, "var/lib/dpkg/status", 32 << 20, &w->dpkg, err);
	return r;
}

/* Two images with the tree in them, besides what the filesystems themselves take. */
static int check_space(const struct work *w, const char *dir, struct rh_err *err)
{
	const uint64_t need = 2 * (w->tree_bytes + SPACE_FLOOR);
	struct statvfs vfs;
	uint64_t have;

	if (statvfs(dir, &vfs) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", dir);
	have = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (have < need)
		return rh_err_set(err, ENOSPC,
				  "%s has %llu MiB free, the pair needs %llu MiB: free some, or "
				  "choose another folder with -o",
				  dir, (unsigned long long)(have >> 20),
				  (unsigned long long)(need >> 20));
	return 0;
}

static int make_scratch(struct work *w, struct rh_err *err)
{
	RH_FREE char *copy = rh_xstrdup(w->b->target), *prefix = NULL;
	char *slash = strrchr(copy, '/');
	const char *dir = slash ? copy : ".";
	int r;

	if (slash && slash != copy)
		*slash = '\0';
	r = rh_mkdirs(AT_FDCWD, dir, 0755, err);
	prefix = rh_xasprintf("%s.tmp-", w->b->target);
	if (r == 0)
		r = rh_scratch_make(&w->scratch, prefix, err);
	if (r == 0) /* after the sweep of what a killed build has left */
		r = check_space(w, dir, err);
	if (r < 0)
		return r;
	if (chmod(w->scratch.path, 0755) < 0)
		return rh_err_errno(err, errno, "cannot prepare %s", w->scratch.path);
	w->image[0] = rh_xasprintf("%s/a.img", w->scratch.path);
	w->image[1] = rh_xasprintf("%s/b.img", w->scratch.path);
	return 0;
}

/* QEMU, whose disk cannot grow, stops its guest and says nothing: libguestfs would wait for ever.
 * So the filling ends while there is still room for what the guest has not written out. */
static int on_tree(void *arg, uint64_t bytes, struct rh_err *err)
{
	struct work *w = arg;
	struct statvfs vfs;

	rh_progress_at(w->b->progress, bytes, w->tree_bytes, NULL);
	if (statvfs(w->scratch.path, &vfs) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", w->scratch.path);
	if ((uint64_t)vfs.f_bavail * vfs.f_frsize < SPACE_FLOOR)
		return rh_err_set(err, ENOSPC,
				  "less than %u MiB are left for %s: free some, or choose another "
				  "folder with -o",
				  SPACE_FLOOR >> 20, w->b->target);
	return 0;
}

/* Table, volumes and the two filesystems for which no kernel is needed. */
static int make_image(struct work *w, struct rh_err *err)
{
	const char *seed = w->b->plan->recipe.seed, *image = w->image[0];
	const struct rh_extent *data = w->layout.data;
	int r = rh_image_create(image, &w->layout, seed, err);

	if (r == 0)
		r = rh_image_volumes(image, &w->layout, seed, w->epoch, err);
	if (r == 0)
		r = rh_format_boot(&(struct rh_format){image, &data[RH_PART_BOOT], seed, w->epoch},
				   err);
	if (r == 0)
		r = rh_format_esp(&(struct rh_format){image, &data[RH_PART_ESP], seed, w->epoch},
				  &w->esp, err);
	return r;
}

static int step_disk(struct work *w, struct rh_err *err)
{
	struct rh_treetar tree = {.packages = w->tree,
				  .programs = w->programs,
				  .extras = &w->extras,
				  .epoch = w->epoch,
				  .tick = on_tree,
				  .arg = w};
	struct rh_disk_job job = {.image = w->image[0],
				  .layout = &w->layout,
				  .seed = w->b->plan->recipe.seed,
				  .tree = &tree,
				  .tree_bytes = w->tree_bytes,
				  .progress = w->b->progress};
	int r = make_image(w, err);

	return r < 0 ? r : rh_disk_fill(&job, err);
}

static int finish_images(struct work *w, struct rh_err *err)
{
	RH_FREE char *boot_path = rh_xasprintf("%s/boot.img", w->boot);
	RH_FREE char *core_path = rh_xasprintf("%s/core.img", w->boot);
	const struct rh_extent *bios = &w->layout.part[RH_PART_BIOS];
	RH_STR struct rh_str boot = {0}, core = {0};
	struct rh_image_boot embed;
	int r = rh_file_read(AT_FDCWD, boot_path, 512, &boot, err);

	if (r == 0)
		r = rh_file_read(AT_FDCWD, core_path, 4 << 20, &core, err);
	if (r == 0 && (boot.len != 512 || core.len < 1024))
		r = rh_err_set(err, EINVAL, "GRUB's images in %s are damaged: remove that folder",
			       w->boot);
	if (r == 0)
		r = rh_grub_embed((uint8_t *)boot.data, (uint8_t *)core.data, core.len, bios->start,
				  bios->count, err);
	if (r < 0)
		return r;
	embed = (struct rh_image_boot){(uint8_t *)boot.data, (uint8_t *)core.data, core.len};
	r = rh_image_clone(w->image[0], w->image[1], NULL, NULL, err);
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = rh_image_finish(w->image[i], &w->layout, w->b->plan->recipe.seed, i, &embed,
				    w->epoch, err);
	return r;
}

/* Both digests at once, a thread each: they cost more than all the copying. */
struct digest_job {
	const char *path;
	char *hex;
	struct rh_progress *progress; /* only one of the two draws */
	uint64_t size;
	int r;
	struct rh_err err;
};

static void on_digest(void *arg, uint64_t pos)
{
	struct digest_job *j = arg;

	if (j->progress)
		rh_progress_at(j->progress, pos, j->size, "checksums");
}

static void *digest_image(void *arg)
{
	struct digest_job *j = arg;

	j->r = rh_sha256_file(AT_FDCWD, j->path, j->hex, on_digest, j, &j->err);
	return NULL;
}

static int digest_images(struct work *w, struct rh_err *err)
{
	struct digest_job jobs[2];
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		jobs[i] = (struct digest_job){.path = w->image[i],
					      .hex = w->manifest.digest[i],
					      .size = w->layout.disk_sectors * RH_SECTOR};
	jobs[0].progress = w->b->progress;
	if (pthread_create(&thread, NULL, digest_image, &jobs[1]))
		return rh_err_set(err, EAGAIN, "cannot start a thread");
	digest_image(&jobs[0]);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++)
		if (jobs[i].r < 0) {
			*err = jobs[i].err;
			return jobs[i].r;
		}
	return 0;
}

static int step_pair(struct work *w, struct rh_err *err)
{
	int r = finish_images(w, err);

	if (r == 0)
		r = digest_images(w, err);
	if (r < 0)
		return r;
	w->manifest.plan = w->b->plan;
	w->manifest.layout = &w->layout;
	w->manifest.key = w->key;
	w->manifest.dpkg = rh_str_text(&w->dpkg);
	w->manifest.kver = w->kver;
	w->manifest.epoch = w->epoch;
	return rh_manifest_write(&w->manifest, w->scratch.path, err);
}

/* The last act; nothing of the pair has had its name before. */
static int publish(struct work *w, struct rh_err *err)
{
	int r = rh_manifest_replaceable(w->b->target, err);

	if (r == 0)
		r = rh_replace_dir(w->scratch.path, w->b->target, err);
	if (r == 0)
		rh_scratch_release(&w->scratch);
	return r;
}

static void plan_steps(const struct work *w)
{
	struct rh_progress *p = w->b->progress;
	bool kvm = !strcmp(rh_disk_accelerator(), "kvm");

	rh_progress_plan(p, "packages", "installing packages",
			 rh_tree_cached(&w->spec) ? 0.1 : 330);
	rh_progress_plan(p, "boot", "initramfs and boot loader", 40);
	rh_progress_plan(p, "programs", "compiling the appliance's programs", 30);
	rh_progress_plan(p, "appliance", "making filesystems", kvm ? 8 : 30);
	rh_progress_plan(p, "tree", "filling disk a", kvm ? 20 : 70);
	rh_progress_plan(p, "pair", "disk b and checksums", 25);
}

static int run(struct work *w, struct rh_err *err)
{
	int r;

	plan_steps(w);
	r = step_inputs(w, err);
	if (r == 0)
		r = compose_boot(w, err);
	if (r == 0)
		r = make_scratch(w, err);
	if (r == 0)
		r = step_disk(w, err);
	if (r < 0)
		return r;
	rh_progress_begin(w->b->progress, "pair");
	r = step_pair(w, err);
	if (r == 0 && rh_interrupted())
		r = rh_err_set(err, EINTR, "interrupted");
	if (r == 0)
		r = publish(w, err);
	rh_progress_end(w->b->progress, r == 0);
	return r;
}

static void work_free(struct work *w)
{
	struct rh_err ignored;

	/* What was half made has no value; if it cannot be removed, its name says what it is. */
	if (rh_scratch_drop(&w->scratch, &ignored) < 0)
		rh_progress_say(w->b->progress, "%s", ignored.text);
	rh_extras_free(&w->extras);
	rh_extras_free(&w->esp);
	rh_str_free(&w->dpkg);
	free(w->early);
	free(w->tree);
	free(w->boot);
	free(w->programs);
	free(w->image[0]);
	free(w->image[1]);
	free(w->kver);
}

int rh_build_pair(const struct rh_build *b, bool *unchanged, struct rh_err *err)
{
	struct work w = {.b = b, .scratch = RH_SCRATCH_INIT};
	int r = prepare(&w, err);

	*unchanged = r == 0 && is_unchanged(&w);
	if (r == 0 && !*unchanged)
		r = run(&w, err);
	work_free(&w);
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Boot files and programs, made in a sandbox; the contract is in made.h. */
#include "builder/made.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/cache.h"
#include "builder/made_p.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

/* The only overlay files that initramfs and boot loader may depend on: others are not shown to
 * bootfiles.sh. */
static const char *const boot_inputs[] = {"etc/dracut.conf*",
					  "usr/lib/dracut/*",
					  "etc/mdadm/*",
					  "etc/lvm/*",
					  "etc/udev/*",
					  "usr/lib/udev/*",
					  "etc/modprobe.d/*",
					  "etc/modules-load.d/*",
					  "usr/lib/rehome/grub-core",
					  NULL};

static bool is_boot_input(const char *path)
{
	for (size_t i = 0; boot_inputs[i]; i++)
		if (fnmatch(boot_inputs[i], path, 0) == 0)
			return true;
	return false;
}

/* Every file below DIR (relative to data_dir), by name and content. */
int rh_made_digest_tree(struct rh_digest *d, int root, const char *dir, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	int r = rh_list_dir(root, dir, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		RH_FREE char *path = rh_xasprintf("%s/%s", dir, names.v[i]);
		struct stat st;

		if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return rh_err_errno(err, errno, "cannot look at %s", path);
		if (S_ISDIR(st.st_mode)) {
			r = rh_made_digest_tree(d, root, path, err);
		} else if (S_ISREG(st.st_mode)) {
			r = rh_digest_file(d, path, root, path, err);
		}
	}
	return r;
}

int rh_made_boot_key(const struct rh_made_inputs *in, char key[RH_SHA256_HEX], struct rh_err *err)
{
	RH_CLOSE int root = open(in->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rh_digest *d;
	int r;

	if (root < 0)
		return rh_err_errno(err, errno, "cannot open %s", in->data_dir);
	d = rh_digest_new();
	rh_digest_part(d, "tree", in->tree_key, strlen(in->tree_key));
	rh_digest_part(d, "early", in->grub_early, strlen(in->grub_early));
	r = rh_digest_file(d, "script", root, "builder/bootfiles.sh", err);
	for (size_t i = 0; r == 0 && i < in->extras->n; i++)
		if (is_boot_input(in->extras->v[i].path))
			r = rh_extra_digest(d, &in->extras->v[i], err);
	rh_digest_final(&d, key);
	return r;
}

/* The order of the calls is part of the key. */
int rh_made_compiled_key(const char *data_dir, const char *const *dirs, char key[RH_SHA256_HEX],
			 struct rh_err *err)
{
	RH_CLOSE int root = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rh_digest *d;
	int r;

	if (root < 0)
		return rh_err_errno(err, errno, "cannot open %s", data_dir);
	d = rh_digest_new();
	r = rh_digest_file(d, "Makefile", root, "Makefile", err);
	for (size_t i = 0; r == 0 && dirs[i]; i++)
		r = rh_made_digest_tree(d, root, dirs[i], err);
	rh_digest_final(&d, key);
	return r;
}

int rh_made_programs_key(const char *data_dir, char key[RH_SHA256_HEX], struct rh_err *err)
{
	static const char *const dirs[] = {"lib", "rootfs", NULL};

	return rh_made_compiled_key(data_dir, dirs, key, err);
}

/* rh-sandbox stands beside this program. */
static int sandbox_path(char **out, struct rh_err *err)
{
	RH_FREE char *self = realpath("/proc/self/exe", NULL);
	char *slash = self ? strrchr(self, '/') : NULL;

	if (!slash)
		return rh_err_errno(err, errno, "cannot find this program's own folder");
	*out = rh_xasprintf("%.*s/rh-sandbox", (int)(slash - self), self);
	if (access(*out, X_OK) < 0)
		return rh_err_errno(err, errno, "cannot run %s (build it with 'make')", *out);
	return 0;
}

static int sandbox(const struct rh_made_call *c, struct rh_err *err)
{
	RH_STRV struct rh_strv argv = {0};
	RH_FREE char *self = NULL,
		     *epoch = rh_xasprintf("SOURCE_DATE_EPOCH=%llu", (unsigned long long)c->epoch);
	const char *env[2] = {epoch};
	int r = sandbox_path(&self, err);

	if (r < 0)
		return r;
	rh_strv_add(&argv, self);
	rh_strv_add(&argv, "--tree");
	rh_strv_add(&argv, c->tree);
	rh_strv_addf(&argv, "--bind=%s:/in:ro", c->in);
	rh_strv_addf(&argv, "--bind=%s:/out", c->out);
	rh_strv_add(&argv, "--");
	rh_strv_add(&argv, c->program);
	for (const char *const *a = c->args; *a; a++)
		rh_strv_add(&argv, *a);
	return rh_proc_run(&(struct rh_proc){.argv = (const char *const *)argv.v, .env = env}, NULL,
			   err);
}

/* A file, or a folder of files. */
static int sync_all(const char *path, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", path);
	r = S_ISDIR(st.st_mode) ? rh_list_dir(AT_FDCWD, path, &names, err) : 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		RH_FREE char *one = rh_xasprintf("%s/%s", path, names.v[i]);

		r = rh_sync_path(AT_FDCWD, one, err);
	}
	return r < 0 ? r : rh_sync_path(AT_FDCWD, path, err);
}

/* Move the finished folder or file to its place in the cache, synced before: a power cut must not
 * leave an entry of empty files. Losing a race to an equal one is fine. */
static int publish(const char *made, const char *target, struct rh_err *err)
{
	int r = sync_all(made, err);

	if (r < 0)
		return r;
	if (rename(made, target) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return rh_err_errno(err, errno, "cannot write %s", target);
	return rh_sync_parent(AT_FDCWD, target, err);
}

/* R, or why the scratch folder could not be removed. */
static int end_scratch(struct rh_scratch *s, int r, struct rh_err *err)
{
	struct rh_err later;
	int r2 = rh_scratch_drop(s, r < 0 ? &later : err);

	return r < 0 ? r : r2;
}

static int write_boot_inputs(const struct rh_made_inputs *in, const char *dir, uint64_t epoch,
			     struct rh_err *err)
{
	RH_FREE char *tar = rh_xasprintf("%s/overlay.tar", dir);
	RH_FREE char *early = rh_xasprintf("%s/early.cfg", dir);
	RH_FREE char *source = rh_xasprintf("%s/builder/bootfiles.sh", in->data_dir);
	RH_FREE char *script = rh_xasprintf("%s/bootfiles.sh", dir);
	RH_STR struct rh_str text = {0};
	RH_CLOSE int fd = open(tar, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot create %s", tar);
	r = rh_treetar_extras(in->extras, boot_inputs, epoch, fd, err);
	if (r == 0)
		r = rh_file_write(AT_FDCWD, early, 0644, in->grub_early, strlen(in->grub_early),
				  err);
	if (r == 0)
		r = rh_file_read(AT_FDCWD, source, 1 << 20, &text, err);
	if (r == 0)
		r = rh_file_write(AT_FDCWD, script, 0644, text.data, text.len, err);
	return r;
}

int rh_made_boot_place(const char *key, const char *tree, uint64_t epoch, char **target,
		       struct rh_err *err)
{
	struct rh_digest *d;
	char place[RH_SHA256_HEX], text[80];
	struct stat st;

	if (stat(tree, &st) < 0)
		return rh_err_errno(err, errno, "cannot look at %s", tree);
	snprintf(text, sizeof text, "%lld.%09ld %lld", (long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec, (long long)st.st_size);
	d = rh_digest_new();
	rh_digest_part(d, "key", key, strlen(key));
	rh_digest_part(d, "tree", text, strlen(text));
	if (epoch != (uint64_t)st.st_mtim.tv_sec) /* else it is in the text */
		rh_digest_part(d, "epoch", &epoch, sizeof epoch);
	rh_digest_final(&d, place);
	return rh_cache_path("boot", place, "", target, err);
}

int rh_made_folder(const struct rh_made_job *job, const char *target, struct rh_err *err)
{
	const char *args[] = {job->script, NULL};
	RH_FREE char *from = NULL, *to = NULL;
	struct rh_scratch scratch = RH_SCRATCH_INIT;
	int r;

	if (rh_exists(AT_FDCWD, target))
		return 0;
	r = rh_cache_scratch("boot", &scratch, err);
	if (r < 0)
		return r;
	from = rh_xasprintf("%s/in", scratch.path);
	to = rh_xasprintf("%s/out", scratch.path);
	r = rh_mkdirs(AT_FDCWD, from, 0755, err);
	if (r == 0)
		r = rh_mkdirs(AT_FDCWD, to, 0755, err);
	if (r == 0)
		r = job->inputs(job->arg, from, err);
	if (r == 0)
		r = sandbox(&(struct rh_made_call){job->tree, from, to, "sh", args, job->epoch},
			    err);
	if (r == 0)
		r = publish(to, target, err);
	return end_scratch(&scratch, r, err);
}

struct boot_inputs {
	const struct rh_made_inputs *in;
	uint64_t epoch;
};

static int boot_inputs_to(void *arg, const char *dir, struct rh_err *err)
{
	const struct boot_inputs *b = arg;

	return write_boot_inputs(b->in, dir, b->epoch, err);
}

int rh_made_boot(const struct rh_made_inputs *in, const char *tree, const char *key, uint64_t epoch,
		 char **dir, struct rh_err *err)
{
	RH_FREE char *target = NULL;
	struct boot_inputs inputs = {in, epoch};
	struct rh_made_job job = {tree, "/in/bootfiles.sh", epoch, boot_inputs_to, &inputs};
	int r = rh_made_boot_place(key, tree, epoch, &target, err);

	if (r == 0)
		r = rh_err_prefix(err, rh_made_folder(&job, target, err),
				  "initramfs and boot loader");
	if (r < 0)
		return r;
	*dir = target;
	target = NULL;
	return 0;
}

static int build_root(const char *data_dir, const struct rh_tree_options *o, char **tree,
		      struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/rootfs/buildroot.json", data_dir);
	RH_ARENA struct rh_arena *arena = rh_arena_new();
	struct rh_tree_options quiet = *o;
	struct rh_tree_spec spec;
	int r = rh_tree_spec_load(path, arena, &spec, err);

	return r < 0 ? r : rh_tree_get(&spec, &quiet, tree, err);
}

int rh_made_compiled(const struct rh_made_compile *c, const struct rh_tree_options *o,
		     uint64_t epoch, char **tar, struct rh_err *err)
{
	const char *args[] = {
	    "-C",      "/in", "BUILD=/tmp/build", "PROGRAMS_TAR=/out/programs.tar", "-j4",
	    c->target, NULL};
	RH_FREE char *target = NULL, *made = NULL, *tree = NULL;
	struct rh_scratch scratch = RH_SCRATCH_INIT;
	int r = rh_cache_path("programs", c->key, ".tar", &target, err);

	if (r == 0 && !rh_exists(AT_FDCWD, target)) {
		r = build_root(c->data_dir, o, &tree, err);
		if (r == 0)
			r = rh_cache_scratch("programs", &scratch, err);
		if (r < 0)
			return r;
		made = rh_xasprintf("%s/programs.tar", scratch.path);
		r = sandbox(
		    &(struct rh_made_call){tree, c->data_dir, scratch.path, "make", args, epoch},
		    err);
		if (r == 0)
			r = publish(made, target, err);
		r = end_scratch(&scratch, r, err);
		if (r < 0)
			return rh_err_prefix(err, r, "compiling %s", c->what);
	}
	if (r < 0)
		return r;
	*tar = target;
	target = NULL;
	return 0;
}

int rh_made_programs(const char *data_dir, const char *key, const struct rh_tree_options *o,
		     uint64_t epoch, char **tar, struct rh_err *err)
{
	return rh_made_compiled(
	    &(struct rh_made_compile){data_dir, key, "guest-tar", "the appliance's programs"}, o,
	    epoch, tar, err);
}

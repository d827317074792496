// SPDX-License-Identifier: GPL-2.0-or-later
/* The system of the stick; the contract is in stickboot.h. */
#include "builder/stickboot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/made_p.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

/* What rehome-stick is compiled from, and what else is laid into its initramfs. */
static const char *const sources[] = {"lib", "builder/write", "builder/stick", NULL};
static const char *const laid[][2] = {{"builder/stick/bootfiles.sh", "bootfiles.sh"},
				      {"builder/stick/dracut.conf", "dracut.conf"},
				      {"recipes/answers.schema.json", "answers.schema.json"}};
#define UNITS "builder/stick/units"

struct inputs {
	const struct rh_stick_boot *b;
	const char *programs;
};

static int copy(const char *from, const char *to, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(AT_FDCWD, from, 64 << 20, &text, err);

	return r < 0 ? r : rh_file_write(AT_FDCWD, to, 0644, text.data, text.len, err);
}

static int copy_units(const char *data_dir, const char *dir, struct rh_err *err)
{
	RH_FREE char *source = rh_xasprintf("%s/" UNITS, data_dir);
	RH_FREE char *target = rh_xasprintf("%s/units", dir);
	RH_STRV struct rh_strv names = {0};
	int r = rh_list_dir(AT_FDCWD, source, &names, err);

	if (r == 0)
		r = rh_mkdirs(AT_FDCWD, target, 0755, err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		RH_FREE char *from = rh_xasprintf("%s/%s", source, names.v[i]);
		RH_FREE char *to = rh_xasprintf("%s/%s", target, names.v[i]);

		r = copy(from, to, err);
	}
	return r;
}

static int lay(void *arg, const char *dir, struct rh_err *err)
{
	const struct inputs *in = arg;
	RH_FREE char *programs = rh_xasprintf("%s/programs.tar", dir);
	int r = copy(in->programs, programs, err);

	for (size_t i = 0; r == 0 && i < sizeof laid / sizeof *laid; i++) {
		RH_FREE char *from = rh_xasprintf("%s/%s", in->b->data_dir, laid[i][0]);
		RH_FREE char *to = rh_xasprintf("%s/%s", dir, laid[i][1]);

		r = copy(from, to, err);
	}
	return r < 0 ? r : copy_units(in->b->data_dir, dir, err);
}

static int boot_key(const struct rh_stick_boot *b, const char *tree_key, const char *programs_key,
		    char key[RH_SHA256_HEX], struct rh_err *err)
{
	RH_CLOSE int root = open(b->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rh_digest *d;
	int r = 0;

	if (root < 0)
		return rh_err_errno(err, errno, "cannot open %s", b->data_dir);
	d = rh_digest_new();
	rh_digest_part(d, "stick", "1", 1);
	rh_digest_part(d, "tree", tree_key, strlen(tree_key));
	rh_digest_part(d, "programs", programs_key, strlen(programs_key));
	for (size_t i = 0; r == 0 && i < sizeof laid / sizeof *laid; i++)
		r = rh_digest_file(d, laid[i][1], root, laid[i][0], err);
	if (r == 0)
		r = rh_made_digest_tree(d, root, UNITS, err);
	rh_digest_final(&d, key);
	return r;
}

static int get_tree(const struct rh_stick_boot *b, char key[RH_SHA256_HEX], char **tree,
		    struct rh_err *err)
{
	const struct rh_recipe *recipe = &b->plan->recipe;
	struct rh_tree_spec spec = {.name = recipe->name,
				    .release = recipe->release,
				    .arch = recipe->arch,
				    .packages = b->plan->packages,
				    .debconf = b->plan->debconf};
	int r;

	rh_tree_key(&spec, key);
	rh_progress_begin(b->tree.progress, "packages");
	r = rh_tree_get(&spec, &b->tree, tree, err);
	rh_progress_end(b->tree.progress, r == 0);
	return r;
}

static int get_programs(const struct rh_stick_boot *b, char key[RH_SHA256_HEX], char **tar,
			struct rh_err *err)
{
	struct rh_tree_options quiet = b->tree;
	struct rh_made_compile c = {b->data_dir, key, "stick-tar", "the stick's program"};
	int r = rh_made_compiled_key(b->data_dir, sources, key, err);

	quiet.refresh = false;
	rh_progress_begin(b->tree.progress, "programs");
	if (r == 0)
		r = rh_made_compiled(&c, &quiet, b->epoch, tar, err);
	rh_progress_end(b->tree.progress, r == 0);
	return r;
}

int rh_stick_boot_files(const struct rh_stick_boot *b, char **dir, struct rh_err *err)
{
	char tree_key[RH_SHA256_HEX], programs_key[RH_SHA256_HEX], key[RH_SHA256_HEX];
	RH_FREE char *tree = NULL, *programs = NULL, *target = NULL;
	struct inputs in = {.b = b};
	int r = get_tree(b, tree_key, &tree, err);

	if (r == 0)
		r = get_programs(b, programs_key, &programs, err);
	if (r == 0)
		r = boot_key(b, tree_key, programs_key, key, err);
	if (r == 0)
		r = rh_made_boot_place(key, tree, b->epoch, &target, err);
	if (r < 0)
		return r;
	in.programs = programs;
	rh_progress_begin(b->tree.progress, "boot");
	r = rh_made_folder(&(struct rh_made_job){tree, "/in/bootfiles.sh", b->epoch, lay, &in},
			   target, err);
	rh_progress_end(b->tree.progress, r == 0);
	if (r < 0)
		return rh_err_prefix(err, r, "the system of the stick");
	*dir = target;
	target = NULL;
	return 0;
}

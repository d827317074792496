// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome build: from a recipe to a pair of disks. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "builder/build.h"
#include "builder/cmd.h"
#include "builder/datadir.h"
#include "builder/disk.h"
#include "lib/core/proc.h"

static const char usage[] =
    "usage: rehome build [OPTION]... [RECIPE]\n"
    "\n"
    "Build the appliance that RECIPE (default: z440) describes as a pair of mirrored disks:\n"
    "a folder with a.img, b.img, manifest.json and SHA256SUMS.\n"
    "\n"
    "  -o, --output DIR         the pair's folder (default: build/RECIPE)\n"
    "      --data DIR           folder with recipes/ and overlays/ (default: this project)\n"
    "      --mirror URI         Debian mirror (default: the one in this system's apt)\n"
    "      --security-mirror URI  mirror of security updates, beside --mirror\n"
    "      --refresh            install the packages anew, with the versions of today\n"
    "      --force              build even if nothing has changed\n"
    "      --progress-fd N      write progress as JSON lines to descriptor N\n"
    "  -q, --quiet              no progress\n"
    "\n"
    "examples:\n"
    "  rehome build                        the default machine\n"
    "  rehome build -o /data/pair small    a recipe by name\n";

struct options {
	const char *output, *recipe, *data;
	struct rh_tree_options tree;
	int progress_fd;
	bool quiet, force;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
					      {"data", required_argument, NULL, 'd'},
					      {"mirror", required_argument, NULL, 'm'},
					      {"security-mirror", required_argument, NULL, 's'},
					      {"refresh", no_argument, NULL, 'r'},
					      {"force", no_argument, NULL, 'f'},
					      {"progress-fd", required_argument, NULL, 'p'},
					      {"quiet", no_argument, NULL, 'q'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "o:q", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->output = optarg;
			break;
		case 'd':
			o->data = optarg;
			break;
		case 'm':
			o->tree.mirror = optarg;
			break;
		case 's':
			o->tree.security = optarg;
			break;
		case 'r':
			o->tree.refresh = true;
			break;
		case 'f':
			o->force = true;
			break;
		case 'p':
			o->progress_fd = rh_descriptor_option("rehome build", optarg);
			if (o->progress_fd < 0)
				return -EINVAL;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			return 1;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc)
		o->recipe = argv[optind++];
	return optind == argc ? 0 : -EINVAL;
}

/* All that is missing at once, with the package that has it. */
static int check_host(void)
{
	static const char *const needs[][2] = {{"mmdebstrap", "mmdebstrap"},
					       {"qemu-system-x86_64", "qemu-system-x86"},
					       {"mcopy", "mtools"},
					       {"/usr/sbin/mkfs.fat", "dosfstools"},
					       {"/usr/sbin/mke2fs", "e2fsprogs"}};
	int missing = 0;

	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (!rh_proc_find(needs[i][0])) {
			fprintf(stderr, "rehome build: %s is missing: apt-get install %s\n",
				needs[i][0], needs[i][1]);
			missing++;
		}
	return missing ? -ENOENT : 0;
}

/* Of this process alone, without its children. */
static long peak_mib(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss / 1024 : -1;
}

static int build(const struct options *o, const struct rh_plan *plan, const char *data_dir,
		 struct rh_err *err)
{
	RH_FREE char *target =
	    o->output ? rh_xstrdup(o->output) : rh_xasprintf("build/%s", plan->recipe.name);
	struct rh_build b = {.plan = plan,
			     .data_dir = data_dir,
			     .target = target,
			     .force = o->force,
			     .tree = o->tree};
	RH_FREE char *real = NULL;
	bool unchanged = false;
	int r;

	while (strlen(target) > 1 && target[strlen(target) - 1] == '/')
		target[strlen(target) - 1] = '\0';
	real = realpath(target, NULL); /* a link to the folder stays one */
	if (real)
		b.target = real;
	b.progress = b.tree.progress = rh_progress_new(o->progress_fd, o->quiet);
	if (!strcmp(rh_disk_accelerator(), "tcg"))
		rh_progress_say(b.progress, "note: no usable /dev/kvm here: the disks are filled "
					    "under emulation, about 2 minutes instead of half a "
					    "minute");
	r = rh_build_pair(&b, &unchanged, err);
	rh_progress_free(&b.progress);
	if (r == 0 && unchanged)
		printf("%s: nothing has changed\n", target);
	else if (r == 0)
		printf("%s: built; this program's own peak memory: %ld MiB\n", target, peak_mib());
	return r;
}

int rh_cmd_build(int argc, char **argv)
{
	struct options o = {.recipe = "z440", .progress_fd = -1};
	RH_FREE char *data_dir = NULL, *path = NULL;
	struct rh_diags d = {0};
	struct rh_plan *plan = NULL;
	struct rh_err err = {""};
	int r = parse(argc, argv, &o);

	if (r) {
		fputs(usage, r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	if (o.data)
		data_dir = rh_xstrdup(o.data);
	else
		r = rh_data_dir(&data_dir, &err);
	if (r == 0)
		r = rh_recipe_path(data_dir, o.recipe, &path, &err);
	if (r == 0)
		r = rh_plan_load(path, data_dir, &plan, &d, &err);
	if (d.n) {
		rh_diags_print(&d, stderr);
		fprintf(stderr, "rehome build: nothing was made: correct these first\n");
	} else if (r == 0 && check_host() == 0) {
		r = build(&o, plan, data_dir, &err);
	} else if (r == 0) {
		r = -ENOENT;
	}
	if (r < 0 && *err.text)
		fprintf(stderr, "rehome build: %s\n", err.text);
	rh_diags_free(&d);
	rh_plan_free(&plan);
	return r < 0 ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome stick: a USB stick that installs the pair on the machine itself. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/cmd.h"
#include "builder/datadir.h"
#include "builder/stickmake.h"
#include "lib/core/proc.h"
#include "lib/json.h"

static const char usage[] =
    "usage: rehome stick [OPTION]... PAIR\n"
    "\n"
    "Make from the pair in folder PAIR the image of a USB stick. The stick starts the machine (BIOS\n"
    "and UEFI, with Secure Boot too), shows its disks, and writes the pair to two of them.\n"
    "\n"
    "  -o, --output FILE        the image (default: PAIR-stick.img); FILE.sha256 is written too\n"
    "      --archive            only the archive of the pair (default: PAIR.archive)\n"
    "      --recipe RECIPE      the pair's recipe (default: the one that its manifest names)\n"
    "      --data DIR           folder with recipes/ and overlays/ (default: this project)\n"
    "      --mirror URI         Debian mirror, when packages are not in the cache\n"
    "      --security-mirror URI  mirror of security updates, beside --mirror\n"
    "      --json               print the result as JSON\n"
    "      --progress-fd N      write progress as JSON lines to descriptor N\n"
    "  -q, --quiet              no progress\n"
    "\n"
    "examples:\n"
    "  rehome stick build/z440\n"
    "  bmaptool copy --nobmap build/z440-stick.img /dev/disk/by-id/usb-...\n";

struct options {
	struct rh_stick_job job;
	const char *output, *data;
	int progress_fd;
	bool json, quiet;
};

static int take(int c, struct options *o)
{
	switch (c) {
	case 'o':
		o->output = optarg;
		return 0;
	case 'A':
		o->job.archive_only = true;
		return 0;
	case 'R':
		o->job.recipe = optarg;
		return 0;
	case 'd':
		o->data = optarg;
		return 0;
	case 'm':
		o->job.tree.mirror = optarg;
		return 0;
	case 's':
		o->job.tree.security = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'p':
		o->progress_fd = rh_descriptor_option("rehome stick", optarg);
		return o->progress_fd < 0 ? -EINVAL : 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'h':
		return 1;
	default:
		return -EINVAL;
	}
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
					      {"archive", no_argument, NULL, 'A'},
					      {"recipe", required_argument, NULL, 'R'},
					      {"data", required_argument, NULL, 'd'},
					      {"mirror", required_argument, NULL, 'm'},
					      {"security-mirror", required_argument, NULL, 's'},
					      {"json", no_argument, NULL, 'j'},
					      {"progress-fd", required_argument, NULL, 'p'},
					      {"quiet", no_argument, NULL, 'q'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c, r;

	while ((c = getopt_long(argc, argv, "o:q", longs, NULL)) != -1) {
		r = take(c, o);
		if (r)
			return r;
	}
	if (optind + 1 != argc)
		return -EINVAL;
	o->job.pair = argv[optind];
	return 0;
}

/* All that is missing at once. */
static int check_host(void)
{
	static const char *const needs[] = {"mformat", "mmd", "mcopy"};

	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (!rh_proc_find(needs[i])) {
			fprintf(stderr, "rehome stick: %s is missing: apt-get install mtools\n",
				needs[i]);
			return -ENOENT;
		}
	return 0;
}

static void print_result(const struct options *o, const struct rh_stick_result *res)
{
	struct json_object *j;

	if (!o->json) {
		printf("%s: %llu MiB, SHA-256 %s\n", o->job.target,
		       (unsigned long long)(res->size >> 20), res->sha256);
		return;
	}
	j = json_object_new_object();
	json_object_object_add(j, "image", json_object_new_string(o->job.target));
	json_object_object_add(j, "size", json_object_new_int64((int64_t)res->size));
	json_object_object_add(j, "sha256", json_object_new_string(res->sha256));
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(j);
}

static int make(struct options *o, struct rh_diags *d, struct rh_err *err)
{
	RH_FREE char *data_dir = NULL, *pair = rh_xstrdup(o->job.pair), *target = NULL;
	struct rh_stick_result result;
	int r = 0;

	while (strlen(pair) > 1 && pair[strlen(pair) - 1] == '/')
		pair[strlen(pair) - 1] = '\0';
	target = o->output
		     ? rh_xstrdup(o->output)
		     : rh_xasprintf("%s%s", pair, o->job.archive_only ? ".archive" : "-stick.img");
	if (o->data)
		data_dir = realpath(o->data, NULL);
	else
		r = rh_data_dir(&data_dir, err);
	if (r == 0 && !data_dir)
		r = rh_err_errno(err, errno, "cannot open %s", o->data);
	if (r < 0)
		return r;
	o->job.pair = pair;
	o->job.target = target;
	o->job.data_dir = data_dir;
	o->job.progress = rh_progress_new(o->progress_fd, o->quiet);
	r = rh_stick_make(&o->job, &result, d, err);
	rh_progress_free(&o->job.progress);
	if (r == 0)
		print_result(o, &result);
	return r;
}

int rh_cmd_stick(int argc, char **argv)
{
	struct options o = {.progress_fd = -1};
	struct rh_diags d = {0};
	struct rh_err err = {""};
	int r = parse(argc, argv, &o);

	if (r) {
		fputs(usage, r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	r = check_host();
	if (r == 0)
		r = make(&o, &d, &err);
	rh_diags_print(&d, stderr);
	if (r < 0 && *err.text)
		fprintf(stderr, "rehome stick: %s\n", err.text);
	rh_diags_free(&d);
	return r < 0 ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome tree: make a root tree for tests and for building programs, print the path of its tar. */
#include <getopt.h>
#include <stdio.h>

#include "builder/cmd.h"
#include "builder/tree.h"

static const char usage[] =
    "usage: rehome tree [--mirror URI] [--security-mirror URI] [--refresh] SPEC.json\n"
    "\n"
    "Install the packages that SPEC names into a root tree in the cache and print the path of its\n"
    "tar. SPEC: {\"name\": \"…\", \"release\": \"trixie\", \"packages\": [\"…\"], \"debconf\": [\"…\"]}\n"
    "\n"
    "example: rh-sandbox --tree \"$(rehome tree tests/fixtures/oldserver/tree.json)\" -- bash\n";

int rh_cmd_tree(int argc, char **argv)
{
	static const struct option longs[] = {{"mirror", required_argument, NULL, 'm'},
					      {"security-mirror", required_argument, NULL, 's'},
					      {"refresh", no_argument, NULL, 'r'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	RH_ARENA struct rh_arena *arena = rh_arena_new();
	struct rh_tree_options o = {0};
	struct rh_tree_spec spec;
	RH_FREE char *tar = NULL;
	struct rh_err err;
	int c, r;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'm')
			o.mirror = optarg;
		else if (c == 's')
			o.security = optarg;
		else if (c == 'r')
			o.refresh = true;
		else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	o.progress = rh_progress_new(-1, false);
	rh_progress_plan(o.progress, "packages", "packages", 120);
	r = rh_tree_spec_load(argv[optind], arena, &spec, &err);
	if (r == 0) {
		bool cached = !o.refresh && rh_tree_cached(&spec);

		if (!cached)
			rh_progress_begin(o.progress, "packages");
		r = rh_tree_get(&spec, &o, &tar, &err);
		if (!cached)
			rh_progress_end(o.progress, r == 0);
	}
	rh_progress_free(&o.progress);
	if (r < 0) {
		fprintf(stderr, "rehome tree: %s\n", err.text);
		return 1;
	}
	printf("%s\n", tar);
	return 0;
}

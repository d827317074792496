// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome verify: is it what it should be? */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "builder/cmd.h"

static const char usage[] =
    "usage: rehome verify PAIR --against OTHER [OPTION]...\n"
    "\n"
    "Compare two pairs of disks: partition tables, boot areas, EFI system partitions and md\n"
    "metadata bit by bit; volumes, filesystems and every file in them by content. Exit status 0:\n"
    "the same; 1: different, and what differs is named.\n"
    "\n"
    "      --against OTHER      the folder of another pair\n"
    "      --json               print one JSON document\n"
    "  -q, --quiet              no progress\n"
    "\n"
    "examples:\n"
    "  rehome build --force -o /tmp/again small\n"
    "  rehome verify build/small --against /tmp/again\n";

struct options {
	const char *against, *pair;
	bool json, quiet;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"against", required_argument, NULL, 'a'},
					      {"json", no_argument, NULL, 'j'},
					      {"quiet", no_argument, NULL, 'q'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "q", longs, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->against = optarg;
			break;
		case 'j':
			o->json = true;
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
		o->pair = argv[optind++];
	return optind == argc && o->pair && o->against ? 0 : -EINVAL;
}

int rh_cmd_verify(int argc, char **argv)
{
	struct options o = {0};
	int r = parse(argc, argv, &o);

	if (r) {
		fputs(usage, r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	return rh_cmd_against(o.pair, o.against, o.json, o.quiet);
}

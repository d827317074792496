// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehome rehearse: options, and everything that a rehearsal prints.
 *
 * Invariant: after correct usage the last line on stdout is GO (exit 0) or NO-GO (exit 1), except
 * with
 * --json, where stdout is one JSON document. Progress goes to stderr.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/cmd.h"
#include "builder/datadir.h"
#include "builder/matrix.h"
#include "builder/rehearse.h"

static const char usage[] =
    "usage: rehome rehearse [OPTION]... PAIR [RECIPE]\n"
    "\n"
    "Boot copies-on-write of the disks in PAIR in a virtual machine without a way out, answer\n"
    "its questions, import the old data, and prove from outside that everything is served.\n"
    "\n"
    "  --firmware uefi|bios|secureboot\n"
    "                           how the machine starts (uefi)\n"
    "  --answers FILE           the site's answers; otherwise some are made up\n"
    "  --old-data IMAGE|none    a volume with the old server's tree; none: leave an import out\n"
    "  --old-label LABEL        the label of that volume (OLDMAIL)\n"
    "  --old-tree DIR           the old server's files, for proofs that read them\n"
    "  --expect FILE            what the old server served, by rh-probe record\n"
    "  --report DIR             folder for the report (PAIR.rehearsal, PAIR.matrix)\n"
    "  --recipe RECIPE          the same as the argument: for a pair without a full manifest\n"
    "  --data DIR               folder with recipes/ and overlays/ (this program's own)\n"
    "  --memory MIB             memory of the machine (as the recipe says)\n"
    "  --timeout-boot S, --timeout-setup S, --timeout-import S, --timeout-proof S\n"
    "                           limits (600, 900, 900; 300 for each proof)\n"
    "  --keep                   leave the machine running, with ports on 127.0.0.1, until Ctrl-C\n"
    "  --boot-matrix            instead: start from BIOS, UEFI and Secure Boot, with both disks and\n"
    "                           with either alone, and compare the times to the login prompt\n"
    "  --cells CELL,...         of the matrix only these, such as bios:a,uefi:b (all nine)\n"
    "  --json                   the report on stdout instead of the table\n"
    "  --progress-fd N          progress as JSON lines\n"
    "\n"
    "The last line is GO (exit status 0) or NO-GO (1).\n"
    "\n"
    "example: rehome rehearse --old-data old.img --expect expect.json --keep z440\n"
    "         rehome rehearse --boot-matrix --cells uefi:a,uefi:b z440\n";

enum {
	OPT_FIRMWARE = 256,
	OPT_ANSWERS,
	OPT_OLD_DATA,
	OPT_OLD_LABEL,
	OPT_OLD_TREE,
	OPT_EXPECT,
	OPT_REPORT,
	OPT_RECIPE,
	OPT_DATA,
	OPT_MEMORY,
	OPT_BOOT,
	OPT_SETUP,
	OPT_IMPORT,
	OPT_PROOF,
	OPT_KEEP,
	OPT_MATRIX,
	OPT_CELLS,
	OPT_JSON,
	OPT_PROGRESS,
	OPT_HELP,
	OPT_LONG_OPTIONS,
};

static const struct option longs[] = {
    {"firmware", required_argument, NULL, OPT_FIRMWARE},
    {"answers", required_argument, NULL, OPT_ANSWERS},
    {"old-data", required_argument, NULL, OPT_OLD_DATA},
    {"old-label", required_argument, NULL, OPT_OLD_LABEL},
    {"old-tree", required_argument, NULL, OPT_OLD_TREE},
    {"expect", required_argument, NULL, OPT_EXPECT},
    {"report", required_argument, NULL, OPT_REPORT},
    {"recipe", required_argument, NULL, OPT_RECIPE},
    {"data", required_argument, NULL, OPT_DATA},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"timeout-boot", required_argument, NULL, OPT_BOOT},
    {"timeout-setup", required_argument, NULL, OPT_SETUP},
    {"timeout-import", required_argument, NULL, OPT_IMPORT},
    {"timeout-proof", required_argument, NULL, OPT_PROOF},
    {"keep", no_argument, NULL, OPT_KEEP},
    {"boot-matrix", no_argument, NULL, OPT_MATRIX},
    {"cells", required_argument, NULL, OPT_CELLS},
    {"json", no_argument, NULL, OPT_JSON},
    {"progress-fd", required_argument, NULL, OPT_PROGRESS},
    {"help", no_argument, NULL, OPT_HELP},
    {"long-options", no_argument, NULL, OPT_LONG_OPTIONS},
    {0},
};

struct args {
	struct rh_rehearse_options o;
	const char *recipe;	     /* as given */
	bool json, matrix, firmware; /* firmware: given */
	const char *cells;
	int progress_fd;
};

/* A whole number from LOW to HIGH, or -1 with a message. */
static int number(const char *option, const char *text, long low, long high)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || end == text || *end || v < low || v > high) {
		fprintf(stderr, "rehome rehearse: --%s %s: give a number from %ld to %ld\n", option,
			text, low, high);
		return -1;
	}
	return (int)v;
}

static int set_number(struct args *a, int option, const char *name, const char *text)
{
	int v;

	switch (option) {
	case OPT_MEMORY:
		v = number(name, text, 256, 1 << 20);
		a->o.memory_mib = (unsigned)v;
		return v < 0 ? 2 : -1;
	case OPT_PROGRESS:
		return (a->progress_fd = number(name, text, 1, INT_MAX)) < 0 ? 2 : -1;
	case OPT_BOOT:
		return (a->o.boot_s = number(name, text, 1, 86400)) < 0 ? 2 : -1;
	case OPT_SETUP:
		return (a->o.setup_s = number(name, text, 1, 86400)) < 0 ? 2 : -1;
	case OPT_IMPORT:
		return (a->o.import_s = number(name, text, 1, 1000000)) < 0 ? 2 : -1;
	default:
		return (a->o.proof_s = number(name, text, 1, 86400)) < 0 ? 2 : -1;
	}
}

static int set_firmware(struct args *a, const char *text)
{
	if (rh_vm_firmware_of(text, &a->o.firmware)) {
		a->firmware = true;
		return -1;
	}
	fprintf(stderr, "rehome rehearse: --firmware %s: it is uefi, bios or secureboot\n", text);
	return 2;
}

static int print_long_options(void)
{
	for (const struct option *o = longs; o->name; o++)
		if (o->val != OPT_LONG_OPTIONS)
			printf("--%s\n", o->name);
	return 0;
}

/* -1: go on; else the exit status. */
static int set_option(struct args *a, int option, const char *name)
{
	switch (option) {
	case OPT_FIRMWARE:
		return set_firmware(a, optarg);
	case OPT_ANSWERS:
		a->o.answers = optarg;
		return -1;
	case OPT_OLD_DATA:
		a->o.no_import = strcmp(optarg, "none") == 0;
		a->o.old_data = a->o.no_import ? NULL : optarg;
		return -1;
	case OPT_OLD_LABEL:
		a->o.label = optarg;
		return -1;
	case OPT_OLD_TREE:
		a->o.old_tree = optarg;
		return -1;
	case OPT_EXPECT:
		a->o.expect = optarg;
		return -1;
	case OPT_REPORT:
		a->o.report = optarg;
		return -1;
	case OPT_RECIPE:
		a->recipe = optarg;
		return -1;
	case OPT_DATA:
		a->o.data_dir = optarg;
		return -1;
	case OPT_KEEP:
		a->o.keep = true;
		return -1;
	case OPT_MATRIX:
		a->matrix = true;
		return -1;
	case OPT_CELLS:
		a->cells = optarg;
		return -1;
	case OPT_JSON:
		a->json = true;
		return -1;
	case OPT_LONG_OPTIONS:
		return print_long_options();
	case OPT_HELP:
		fputs(usage, stdout);
		return 0;
	case '?':
		fputs("rehome rehearse --help lists the options\n", stderr);
		return 2;
	default:
		return set_number(a, option, name, optarg);
	}
}

/* The matrix asks nobody, imports nothing and runs no proof. */
static int check_matrix(const struct args *a)
{
	const struct rh_rehearse_options *o = &a->o;
	const struct {
		bool given;
		const char *name;
	} alien[] = {
	    {a->firmware, "firmware"},
	    {o->answers, "answers"},
	    {o->old_data || o->no_import, "old-data"},
	    {o->label, "old-label"},
	    {o->old_tree, "old-tree"},
	    {o->expect, "expect"},
	    {o->setup_s, "timeout-setup"},
	    {o->import_s, "timeout-import"},
	    {o->proof_s, "timeout-proof"},
	    {o->keep, "keep"},
	};
	int r = -1;

	if (!a->matrix) {
		if (!a->cells)
			return -1;
		fputs("rehome rehearse: --cells goes with --boot-matrix\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof alien / sizeof *alien; i++)
		if (alien[i].given) {
			fprintf(stderr, "rehome rehearse: --%s does not go with --boot-matrix\n",
				alien[i].name);
			r = 2;
		}
	return r;
}

static int parse(int argc, char **argv, struct args *a)
{
	int c, at = 0, r;

	while ((c = getopt_long(argc, argv, "", longs, &at)) != -1) {
		r = set_option(a, c, longs[at].name);
		if (r >= 0)
			return r;
	}
	if (argc - optind < 1 || argc - optind > 2) {
		fputs("rehome rehearse: give the folder of the pair; --help shows how\n", stderr);
		return 2;
	}
	a->o.pair = argv[optind];
	if (argc - optind == 2)
		a->recipe = argv[optind + 1];
	return check_matrix(a);
}

/* rh-probe lies beside this program; RH_PROBE names another one. */
static char *find_probe(void)
{
	const char *given = getenv("RH_PROBE");
	char *self, *slash, *path;

	if (given && *given)
		return rh_xstrdup(given);
	self = realpath("/proc/self/exe", NULL);
	slash = self ? strrchr(self, '/') : NULL;
	path = slash ? rh_xasprintf("%.*s/rh-probe", (int)(slash - self), self)
		     : rh_xstrdup("rh-probe");
	free(self);
	return path;
}

/* An ordinary user's PATH on Debian lacks where ip and others may be. */
static void extend_path(void)
{
	const char *path = getenv("PATH");
	RH_FREE char *longer = rh_xasprintf("%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");

	setenv("PATH", longer, 1);
}

static void print_result(const struct args *a, const struct rh_rehearsal *r)
{
	const struct rh_verdict *v = rh_rehearse_verdict(r);
	RH_STR struct rh_str times = {0};
	struct json_object *doc;

	if (a->json) {
		doc = rh_rehearse_json(r);
		puts(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(doc);
		return;
	}
	if (*rh_rehearse_tail(r))
		printf("The last lines of the console:\n%s\n", rh_rehearse_tail(r));
	rh_verdict_print(v, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), stdout);
	rh_rehearse_times(r, &times);
	if (times.len)
		printf("%s\n", times.data);
	printf("report: %s\n", a->o.report);
}

/* 1 GO, 0 NO-GO, negative: something of this workstation's failed. */
static int rehearse(const struct args *a, struct rh_rehearsal *r, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int k = rh_rehearse_run(r, err);

	if (k == 0)
		k = rh_rehearse_report(r, err);
	if (k < 0)
		return k;
	print_result(a, r);
	if (a->o.keep && rh_rehearse_alive(r)) {
		rh_rehearse_describe(r, &text);
		fputs(text.data, a->json ? stderr : stdout);
		fflush(stdout);
		k = rh_rehearse_keep(r, err);
	}
	return k < 0 ? k : rh_verdict_go(rh_rehearse_verdict(r));
}

static int run(struct args *a)
{
	struct rh_progress *progress = rh_progress_new(a->progress_fd, false);
	struct rh_rehearsal *r = NULL;
	struct rh_diags d = {0};
	struct rh_err err = {""};
	int k = rh_rehearse_prepare(&a->o, progress, &r, &d, &err);

	rh_diags_sort(&d);
	rh_diags_print(&d, stderr);
	if (k == 0)
		k = rehearse(a, r, &err);
	rh_rehearse_free(&r);
	rh_progress_free(&progress);
	rh_diags_free(&d);
	if (k < 0)
		fprintf(stderr, "rehome rehearse: %s\n", err.text);
	if (!a->json)
		puts(k == 1 ? "GO" : "NO-GO");
	return k == 1 ? 0 : 1;
}

static int matrix(const struct args *a)
{
	const struct rh_matrix_options o = {
	    .pair = a->o.pair,
	    .recipe = a->o.recipe,
	    .cells = a->cells,
	    .report = a->o.report,
	    .memory_mib = a->o.memory_mib,
	    .boot_s = a->o.boot_s,
	};

	return rh_cmd_matrix(&o, a->json, a->progress_fd);
}

/* PATH without slashes at its end, and SUFFIX. */
static char *trimmed(const char *path, const char *suffix)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return rh_xasprintf("%.*s%s", (int)n, path, suffix);
}

int rh_cmd_rehearse(int argc, char **argv)
{
	struct args a = {.progress_fd = -1};
	RH_FREE char *data_dir = NULL, *probe = find_probe(), *report = NULL, *recipe = NULL;
	struct rh_err err;
	int r = parse(argc, argv, &a);

	if (r >= 0)
		return r;
	r = a.o.data_dir ? 0 : rh_data_dir(&data_dir, &err);
	if (r == 0 && !a.o.data_dir)
		a.o.data_dir = data_dir;
	if (r == 0 && a.recipe)
		r = rh_recipe_path(a.o.data_dir, a.recipe, &recipe, &err);
	if (r < 0) {
		fprintf(stderr, "rehome rehearse: %s\n", err.text);
		return 2;
	}
	a.o.recipe = recipe;
	a.o.probe = probe;
	report = a.o.report ? trimmed(a.o.report, "")
			    : trimmed(a.o.pair, a.matrix ? ".matrix" : ".rehearsal");
	a.o.report = report;
	extend_path();
	return a.matrix ? matrix(&a) : run(&a);
}

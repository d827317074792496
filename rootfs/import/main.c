/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rehome-import: command line and exit status. The only file of the program that prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/json.h"
#include "rootfs/import/run.h"

#define RECIPE "/usr/share/rehome/recipe.json"

enum { EXIT_ALL = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REMARKS = 3 };

enum {
	O_DRY_RUN = 'n',
	O_HELP = 'h',
	O_JSON = 256,
	O_REPORT,
	O_PROGRESS_FD,
	O_VOLUME,
	O_MAIL_ROOT,
	O_OWNER,
	O_NO_ACCOUNTS,
	O_ACCOUNTS_OUT,
	O_DATABASE,
	O_SOCKET,
	O_DEFAULT_QUOTA,
	O_LONG_OPTIONS,
};

static const struct option long_options[] = {
    {"dry-run", no_argument, NULL, O_DRY_RUN},
    {"json", no_argument, NULL, O_JSON},
    {"report", required_argument, NULL, O_REPORT},
    {"progress-fd", required_argument, NULL, O_PROGRESS_FD},
    {"volume", required_argument, NULL, O_VOLUME},
    {"mail-root", required_argument, NULL, O_MAIL_ROOT},
    {"owner", required_argument, NULL, O_OWNER},
    {"no-accounts", no_argument, NULL, O_NO_ACCOUNTS},
    {"accounts-out", required_argument, NULL, O_ACCOUNTS_OUT},
    {"database", required_argument, NULL, O_DATABASE},
    {"socket", required_argument, NULL, O_SOCKET},
    {"default-quota", required_argument, NULL, O_DEFAULT_QUOTA},
    {"help", no_argument, NULL, O_HELP},
    {"long-options", no_argument, NULL, O_LONG_OPTIONS},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: rehome-import [OPTION]... OLDROOT\n"
    "       rehome-import [OPTION]... --volume LABEL\n"
    "Bring accounts and mail of a qmail/vpopmail/Courier server to this machine.\n\n"
    "  -n, --dry-run           say what would be done; write nothing\n"
    "      --json              print the report as JSON\n"
    "      --report FILE       write the report as JSON to FILE\n"
    "      --progress-fd N     JSON lines of progress to descriptor N\n"
    "      --volume LABEL      mount the volume with this label read-only and use it\n"
    "      --mail-root DIR     where mail goes (/srv/mail)\n"
    "      --owner UID:GID     who owns it (5000:5000)\n"
    "      --no-accounts       do not touch the database\n"
    "      --accounts-out FILE write the rows as JSON instead of to the database\n"
    "      --database NAME     PostfixAdmin's database (postfixadmin)\n"
    "      --socket PATH       MariaDB's socket (/run/mysqld/mysqld.sock)\n"
    "      --default-quota N   bytes; smaller old quotas are raised to it\n"
    "  -h, --help              this text\n";

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	return rh_span_number((struct rh_span){text, strlen(text)}, max, out);
}

static bool owner(const char *text, struct rh_options *o)
{
	struct rh_span gid = {text, strlen(text)}, uid;
	uint64_t u, g;
	if (!rh_span_cut(&gid, ':', &uid) || !rh_span_number(uid, UINT32_MAX - 1, &u) ||
	    !rh_span_number(gid, UINT32_MAX - 1, &g))
		return false;
	o->uid = (uid_t)u;
	o->gid = (gid_t)g;
	return true;
}

/* limits.mailbox of the appliance's recipe, else 20 GiB. */
static uint64_t recipe_quota(void)
{
	uint64_t quota = 20ull << 30;
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	if (rh_exists(AT_FDCWD, RECIPE) && rh_json_load(AT_FDCWD, RECIPE, RECIPE, &j, &d) == 0) {
		struct json_object *v = rh_json_at(rh_json_root(j), "limits.mailbox");
		if (v && json_object_is_type(v, json_type_int) && json_object_get_int64(v) > 0)
			quota = (uint64_t)json_object_get_int64(v);
	}
	rh_json_free(&j);
	rh_diags_free(&d);
	return quota;
}

static const char *set_option(int opt, const char *arg, struct rh_options *o)
{
	uint64_t n;
	switch (opt) {
	case O_DRY_RUN:
		o->dry_run = true;
		break;
	case O_JSON:
		o->json = true;
		break;
	case O_REPORT:
		o->report_file = arg;
		break;
	case O_PROGRESS_FD:
		if (!number(arg, 1 << 20, &n))
			return "--progress-fd needs the number of a descriptor";
		o->progress_fd = (int)n;
		break;
	case O_VOLUME:
		o->volume = arg;
		break;
	case O_MAIL_ROOT:
		o->mail_root = arg;
		break;
	case O_OWNER:
		if (!owner(arg, o))
			return "--owner needs UID:GID, two numbers";
		break;
	case O_NO_ACCOUNTS:
		o->no_accounts = true;
		break;
	case O_ACCOUNTS_OUT:
		o->accounts_out = arg;
		break;
	case O_DATABASE:
		o->database = arg;
		break;
	case O_SOCKET:
		o->socket = arg;
		break;
	case O_DEFAULT_QUOTA:
		if (!number(arg, INT64_MAX, &o->default_quota))
			return "--default-quota needs a number of bytes";
		break;
	default:
		return "see rehome-import --help";
	}
	return NULL;
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, struct rh_options *o)
{
	int opt;
	while ((opt = getopt_long(argc, argv, "nh", long_options, NULL)) != -1) {
		if (opt == O_HELP) {
			fputs(help, stdout);
			return EXIT_ALL;
		}
		if (opt == O_LONG_OPTIONS) {
			for (const struct option *l = long_options; l->name; l++)
				if (l->val != O_LONG_OPTIONS)
					printf("--%s\n", l->name);
			return EXIT_ALL;
		}
		const char *fault = set_option(opt, optarg, o);
		if (fault) {
			fprintf(stderr, "rehome-import: %s\n", fault);
			return EXIT_USAGE;
		}
	}
	o->oldroot = optind < argc ? argv[optind++] : NULL;
	if (optind < argc || !o->oldroot == !o->volume) {
		fprintf(stderr,
			"rehome-import: name either the old server's tree or --volume LABEL; "
			"see --help\n");
		return EXIT_USAGE;
	}
	return -1;
}

static int write_report(const struct rh_run *run, struct rh_err *err)
{
	struct rh_str text RH_STR = {0};
	rh_report_json(&run->report, &text);
	if (run->opt->json)
		fwrite(text.data, 1, text.len, stdout);
	else
		rh_report_print(&run->report, stdout, 40);
	fflush(stdout);
	if (!run->opt->report_file)
		return 0;
	return rh_file_write(AT_FDCWD, run->opt->report_file, 0644, text.data, text.len, err);
}

static const char *remedy(int code)
{
	switch (code) {
	case -ENOSPC:
	case -EDQUOT:
		return "make room on the target and run again: it goes on where it stopped";
	case -EINTR:
		return "run again: it goes on where it stopped";
	default:
		return "nothing half-made is under a final name; correct the cause and run again";
	}
}

int main(int argc, char **argv)
{
	struct rh_options o = {.mail_root = RH_MAIL_ROOT,
			       .database = "postfixadmin",
			       .socket = "/run/mysqld/mysqld.sock",
			       .uid = 5000,
			       .gid = 5000,
			       .progress_fd = -1};
	struct rh_run run = {.opt = &o, .source = -1, .target = -1};
	struct rh_err err = {0};
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	if (!o.default_quota)
		o.default_quota = recipe_quota();
	o.chown = geteuid() == 0;
	rh_catch_signals();
	rh_report_init(&run.report);
	run.progress = rh_progress_new(o.progress_fd, o.json);
	int r = rh_run_import(&run, &err);
	if (r < 0)
		fprintf(stderr, "rehome-import: %s\n  %s\n", err.text, remedy(r));
	struct rh_err werr = {0};
	int w = write_report(&run, &werr);
	if (w < 0)
		fprintf(stderr, "rehome-import: %s\n", werr.text);
	status = r < 0 || w < 0 ? EXIT_FAILED : run.report.nentry ? EXIT_REMARKS : EXIT_ALL;
	rh_run_free(&run);
	return status;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rehome-stick: the program that runs on the stick, as the service or as one console. */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/stick/console.h"
#include "builder/stick/serve.h"
#include "builder/stick/state.h"
#include "lib/core/file.h"
#include "lib/core/mem.h"
#include "lib/core/proc.h"

static const char usage[] =
    "usage: rehome-stick serve [OPTION]...\n"
    "       rehome-stick console [--dir DIR] [--name NAME] [--menu]\n"
    "\n"
    "Runs on the stick that rehome stick makes: installs the pair that is on it on two disks.\n"
    "serve does the work, console shows it on a terminal and asks.\n"
    "\n"
    "  --dir DIR        where the two meet (default: " RH_STICK_DIR ")\n"
    "serve:\n"
    "  --pair PATH      the archive (default: the partition that the kernel's command line names)\n"
    "  --answers PATH   answers volume or file (default: /dev/disk/by-label/REHOME)\n"
    "  --schema FILE    of the answers (default: /usr/share/rehome/answers.schema.json)\n"
    "  --again          disks that have this very pair may be written without being asked for\n"
    "  --no-reboot      end instead of restarting the machine\n"
    "  --wait SECONDS   for partition, answers volume and named disks (default: 60, 10, 60)\n"
    "  --disk NAME      look at this disk and others so given, not at all of the machine's\n"
    "  --allow-loop     loop devices count as disks: for trying it out\n"
    "console:\n"
    "  --name NAME      of the console (default: tty)\n"
    "  --menu           begin with the full-screen menu\n"
    "\n"
    "examples:\n"
    "  rehome-stick serve --pair pair.archive --dir /tmp/x --no-reboot --allow-loop\n"
    "  rehome-stick console --dir /tmp/x --menu\n";

struct options {
	struct rh_serve serve;
	struct rh_console console;
	bool help;
};

/* The word after KEY= on the kernel's command line TEXT, or NULL. The caller frees it. */
static char *kernel_word(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (*text) {
		size_t len;

		text += strspn(text, " \n");
		len = strcspn(text, " \n");
		if (len >= n && !strncmp(text, key, n)) {
			RH_FREE char *word = rh_xasprintf("%.*s", (int)(len - n), text + n);

			return rh_xstrdup(word);
		}
		text += len;
	}
	return NULL;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"dir", required_argument, NULL, 'd'},
					      {"pair", required_argument, NULL, 'p'},
					      {"answers", required_argument, NULL, 'a'},
					      {"schema", required_argument, NULL, 's'},
					      {"again", no_argument, NULL, 'g'},
					      {"no-reboot", no_argument, NULL, 'n'},
					      {"wait", required_argument, NULL, 'w'},
					      {"allow-loop", no_argument, NULL, 'l'},
					      {"name", required_argument, NULL, 't'},
					      {"menu", no_argument, NULL, 'm'},
					      {"disk", required_argument, NULL, 'D'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'd')
			o->serve.dir = o->console.dir = optarg;
		else if (c == 'p')
			o->serve.pair = optarg;
		else if (c == 'a')
			o->serve.answers = optarg;
		else if (c == 's')
			o->serve.schema = optarg;
		else if (c == 'g')
			o->serve.again = true;
		else if (c == 'n')
			o->serve.no_reboot = true;
		else if (c == 'l')
			o->serve.allow_loop = true;
		else if (c == 'D')
			rh_strv_add(&o->serve.only, optarg);
		else if (c == 't')
			o->console.name = optarg;
		else if (c == 'm')
			o->console.menu = true;
		else if (c == 'h')
			o->help = true;
		else if (c == 'w')
			o->serve.wait_pair_s = o->serve.wait_answers_s = o->serve.wait_disks_s =
			    (unsigned)strtoul(optarg, &end, 10);
		else
			return -1;
		if (c == 'w' && (end == optarg || *end))
			return -1;
	}
	return o->help || optind + 1 == argc ? 0 : -1;
}

static int serve(struct options *o, struct rh_err *err)
{
	RH_STR struct rh_str line = {0};
	RH_FREE char *uuid = NULL, *pair = NULL, *again = NULL;
	int r = 0;

	if (!o->serve.pair) {
		RH_CLOSE int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
		char text[4096];
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

		if (n > 0)
			rh_str_addn(&line, text, (size_t)n);
		uuid = kernel_word(rh_str_text(&line), "rehome.pair=");
		again = kernel_word(rh_str_text(&line), "rehome.again");
		pair = uuid ? rh_xasprintf("/dev/disk/by-partuuid/%s", uuid)
			    : rh_xstrdup("/dev/disk/by-partlabel/rehome-pair");
		o->serve.pair = pair;
		o->serve.again = o->serve.again || again;
	}
	r = rh_stick_serve(&o->serve, err);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {.serve = {.dir = RH_STICK_DIR,
				      .answers = "/dev/disk/by-label/REHOME",
				      .schema = "/usr/share/rehome/answers.schema.json",
				      .wait_pair_s = 60,
				      .wait_answers_s = 10,
				      .wait_disks_s = 60,
				      .reboot_s = 10},
			    .console = {.dir = RH_STICK_DIR, .name = "tty"}};
	struct rh_err err = {""};
	int r;

	rh_fill_standard_fds();
	setlocale(LC_CTYPE, "C.UTF-8");
	if (parse(argc, argv, &o) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.help) {
		fputs(usage, stdout);
		return 0;
	}
	rh_catch_signals();
	if (!strcmp(argv[optind], "serve")) {
		r = serve(&o, &err);
	} else if (!strcmp(argv[optind], "console")) {
		r = rh_console_run(&o.console, &err);
	} else {
		fprintf(stderr, "rehome-stick: %s: say serve or console\n", argv[optind]);
		return 2;
	}
	rh_strv_free(&o.serve.only);
	if (r < 0)
		fprintf(stderr, "rehome-stick: %s\n", err.text);
	return r < 0 ? 1 : 0;
}

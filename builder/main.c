/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rehome: find the verb and run it. All else is in cmd_VERB.c. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "builder/cmd.h"
#include "lib/core/diag.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

struct verb {
	const char *name, *full, *what;
	int (*run)(int argc, char **argv);
};

static const struct verb verbs[] = {
    {"check", "rehome check", "find every fault of a recipe and its overlays", rh_cmd_check},
    {"build", "rehome build", "make the pair of disk images", rh_cmd_build},
    {"rehearse", "rehome rehearse", "boot the pair, move the old mail in, prove it",
     rh_cmd_rehearse},
    {"write", "rehome write", "write the pair onto two disks, and read it back", rh_cmd_write},
    {"verify", "rehome verify", "check a pair, written disks, or two pairs against each other",
     rh_cmd_verify},
    {"stick", "rehome stick", "make a USB stick that installs the pair", rh_cmd_stick},
    {"tree", "rehome tree", "make a root tree for tests and for building programs", rh_cmd_tree},
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

static void help(void)
{
	puts("usage: rehome VERB [OPTION]... [ARGUMENT]...\n"
	     "\n"
	     "Build a mail appliance as a pair of mirrored disks and rehearse the move into it.\n");
	for (size_t i = 0; i < N_VERBS; i++)
		printf("  %-10s %s\n", verbs[i].name, verbs[i].what);
	puts("\n"
	     "rehome VERB --help   options and examples of a verb\n"
	     "rehome --version     the version\n"
	     "\n"
	     "examples:\n"
	     "  rehome check z440\n"
	     "  rehome build z440\n"
	     "\n"
	     "Pages: rehome(1), rehome-recipe(5), rehome-overlay(5)");
}

static int unknown(const char *word)
{
	const char *names[N_VERBS], *near;

	for (size_t i = 0; i < N_VERBS; i++)
		names[i] = verbs[i].name;
	near = rh_did_you_mean(word, names, N_VERBS);
	if (near)
		fprintf(stderr, "rehome: unknown verb \"%s\"; did you mean \"%s\"?\n", word, near);
	else
		fprintf(stderr, "rehome: unknown verb \"%s\"; rehome --help lists them\n", word);
	return 2;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	rh_fill_standard_fds();
	/* libarchive converts file names by the locale; only for characters, not for messages. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		help();
		return 0;
	}
	if (strcmp(word, "--version") == 0) {
		puts("rehome " RH_VERSION);
		return 0;
	}
	if (!*word) {
		fputs("rehome: no verb; rehome --help lists them\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(word, verbs[i].name) != 0)
			continue;
		char full[32];

		snprintf(full, sizeof full, "%s", verbs[i].full);
		argv[1] = full;
		rh_catch_signals();
		return verbs[i].run(argc - 1, argv + 1);
	}
	return unknown(word);
}

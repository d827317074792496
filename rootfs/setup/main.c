// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome-setup: makes the machine what the site's answers say. Verbs, options, voices. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/proc.h"
#include "rootfs/setup/cmd.h"

/* Does OUT end in the journal? It puts our name before each line itself. JOURNAL_STREAM names only
 * one of the two streams (systemd.exec(5)), so any socket is taken for the journal's. */
static bool in_journal(FILE *out)
{
	struct stat st;

	return getenv("JOURNAL_STREAM") && fstat(fileno(out), &st) == 0 && S_ISSOCK(st.st_mode);
}

static void voice(FILE *out, const char *line)
{
	fprintf(out, "%s%s\n", in_journal(out) ? "" : "rehome-setup: ", line);
	fflush(out);
}

static void say_stdout(void *arg, const char *line)
{
	(void)arg;
	voice(stdout, line);
}

static void say_stderr(void *arg, const char *line)
{
	(void)arg;
	voice(stderr, line);
}

void rh_cmd_voices(struct rh_setup *s, bool json)
{
	s->say = json ? say_stderr : say_stdout;
	s->log = say_stderr;
}

void rh_cmd_failed(struct rh_setup *s, const char *text)
{
	RH_FREE char *copy = rh_xstrdup(text);
	char *rest = copy, *line;
	bool first = true;

	while ((line = strsep(&rest, "\n"))) {
		rh_setup_say(s, "%s%s", first ? "failed: " : "  ", line);
		first = false;
	}
}

int rh_cmd_may(const struct rh_setup *s, struct rh_err *err)
{
	if (s->foreign || geteuid() == 0)
		return 0;
	return rh_err_set(err, EPERM,
			  "only root can change this machine (apply --dry-run looks "
			  "without changing anything)");
}

static const char usage[] =
    "rehome-setup makes this machine what the site's answers say, and keeps its state.\n"
    "\n"
    "  rehome-setup apply [--answers FILE] [--boot] [--no-services] [--no-import]\n"
    "                     [--one-disk] [--dry-run] [--json]\n"
    "      Check the answers whole, then apply them. Safe to run twice, safe to cut anywhere.\n"
    "      Answers: --answers FILE, else the FAT volume REHOME, else those kept from before.\n"
    "        rehome-setup apply                          the volume REHOME, or again\n"
    "        rehome-setup apply --dry-run --answers new.json    only check and show\n"
    "\n"
    "  rehome-setup get NAME [--json]\n"
    "      Print a value of the answers or the recipe.\n"
    "        rehome-setup get answers.network.address\n"
    "        rehome-setup get recipe.limits.mailbox\n"
    "\n"
    "  rehome-setup state [--json]\n"
    "      Print the state: unconfigured, closed, importing, ready or live.\n"
    "\n"
    "  rehome-setup grow [--boot] [--wait] [--dry-run] [--json]\n"
    "      Let the pair fill its disks: partitions, mirror, volumes. Done at every boot.\n"
    "        rehome-setup grow --dry-run                 what it would do\n"
    "        rehome-setup grow --wait                    when the other disk is back\n"
    "\n"
    "  rehome-setup import [--volume LABEL] [--json]\n"
    "      Import the old server's data from a volume; the state goes to importing, then ready.\n"
    "        rehome-setup import --volume OLDMAIL\n"
    "\n"
    "  rehome-setup pair [--repair] [--json]\n"
    "      Show the two disks with serial and port, and both arrays. --repair gives back to the\n"
    "      arrays what may go back without asking (at each boot, and when a disk appears).\n"
    "        rehome-setup pair\n"
    "\n"
    "  rehome-setup esp [--dry-run] [--json]\n"
    "      Bring ESP and boot area of both disks to what the installed packages say; --dry-run\n"
    "      only compares.\n"
    "\n"
    "  rehome-setup replace-disk [--serial SERIAL] [--erase] [--no-wait] [--dry-run] [--json]\n"
    "      Take a new disk into the pair: asks for its serial, partitions it, makes it able to\n"
    "      start the machine, copies everything to it, and prints what to do next time.\n"
    "        rehome-setup replace-disk\n"
    "        rehome-setup replace-disk --erase              the disk holds something that may go\n"
    "\n"
    "  --root DIR   work on the tree in DIR instead of this machine (tests)\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 failed (the reason is on stderr or the console), 2 wrong use,\n"
    "3 imported with something to look at, or a disk needs a person. Manual: man rehome-setup, man rehome-answers\n";

static const struct verb {
	const char *name;
	int (*run)(const struct rh_setup_options *o);
	const char *options; /* short names of the options it takes */
	bool args;
} verbs[] = {
    {"apply", rh_cmd_apply, "rabniodj", false}, {"get", rh_cmd_get, "rj", true},
    {"state", rh_cmd_state, "rj", false},	{"import", rh_cmd_import, "rvj", false},
    {"grow", rh_cmd_grow, "rbdWj", false},	{"pair", rh_cmd_pair, "rRj", false},
    {"esp", rh_cmd_esp, "rdj", false},		{"replace-disk", rh_cmd_replace, "rdjsEw", false},
};

static const struct option options[] = {
    {"root", required_argument, NULL, 'r'},
    {"answers", required_argument, NULL, 'a'},
    {"boot", no_argument, NULL, 'b'},
    {"no-services", no_argument, NULL, 'n'},
    {"no-import", no_argument, NULL, 'i'},
    {"dry-run", no_argument, NULL, 'd'},
    {"json", no_argument, NULL, 'j'},
    {"volume", required_argument, NULL, 'v'},
    {"one-disk", no_argument, NULL, 'o'},
    {"wait", no_argument, NULL, 'W'},
    {"repair", no_argument, NULL, 'R'},
    {"serial", required_argument, NULL, 's'},
    {"erase", no_argument, NULL, 'E'},
    {"no-wait", no_argument, NULL, 'w'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const struct verb *find_verb(const char *name)
{
	const char *names[sizeof verbs / sizeof *verbs], *near;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		names[i] = verbs[i].name;
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	near = rh_did_you_mean(name, names, sizeof verbs / sizeof *verbs);
	fprintf(stderr, "rehome-setup: there is no %s%s%s%s (see rehome-setup --help)\n", name,
		near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
	return NULL;
}

static void take(struct rh_setup_options *o, int c)
{
	switch (c) {
	case 'r':
		o->root = optarg;
		break;
	case 'a':
		o->answers = optarg;
		break;
	case 'v':
		o->volume = optarg;
		break;
	case 'b':
		o->boot = true;
		break;
	case 'n':
		o->no_services = true;
		break;
	case 'i':
		o->no_import = true;
		break;
	case 'o':
		o->one_disk = true;
		break;
	case 'W':
		o->wait = true;
		break;
	case 'd':
		o->dry_run = true;
		break;
	case 'R':
		o->repair = true;
		break;
	case 's':
		o->serial = optarg;
		break;
	case 'E':
		o->erase = true;
		break;
	case 'w':
		o->no_wait = true;
		break;
	default:
		o->json = true;
	}
}

/* 0 go on; 1 help or version was printed; 2 wrong use. */
static int parse(int argc, char **argv, const struct verb *verb, struct rh_setup_options *o)
{
	int c, at;

	while (at = 0, (c = getopt_long(argc, argv, "h", options, &at)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), 1;
		if (c == 'V')
			return puts("rehome-setup 1.0"), 1;
		if (c == '?')
			return 2;
		if (!strchr(verb->options, c)) {
			fprintf(stderr, "rehome-setup: %s takes no --%s\n", verb->name,
				options[at].name);
			return 2;
		}
		take(o, c);
	}
	o->args = argv + optind;
	o->n_args = argc - optind;
	if (o->n_args && !verb->args) {
		fprintf(stderr, "rehome-setup: %s does not take %s\n", verb->name, o->args[0]);
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct rh_setup_options o = {0};
	const struct verb *verb;
	int r;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (!strcmp(argv[1], "--version"))
		return puts("rehome-setup 1.0"), 0;
	verb = find_verb(argv[1]);
	if (!verb)
		return 2;
	argv[1] = argv[0];
	r = parse(argc - 1, argv + 1, verb, &o);
	if (r)
		return r == 1 ? 0 : 2;
	umask(022);
	rh_catch_signals();
	return verb->run(&o);
}

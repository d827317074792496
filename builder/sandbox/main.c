// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rh-sandbox: run a program inside a root tree, in namespaces of its own.
 *
 * The builder compiles the appliance's programs and makes its initramfs this way, the tests run
 * genuine servers in it. When the program ends, everything that it started ends, and nothing of the
 * tree remains: its files were in memory only.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/root.h"
#include "builder/sandbox/userns.h"
#include "lib/core/mem.h"

static const char usage[] =
    "usage: rh-sandbox --tree TAR [--bind OUTSIDE:INSIDE[:ro]]... [--net] -- PROGRAM [ARG...]\n"
    "\n"
    "  --tree TAR   the root tree; it is unpacked into memory\n"
    "  --bind ...   show a folder or file of the outside inside\n"
    "  --net        share the caller's network instead of an empty one with loopback only\n"
    "\n"
    "example: rh-sandbox --tree root.tar --bind \"$PWD:/src:ro\" -- make -C /src check\n";

struct options {
	const char *tree;
	struct rh_bind binds[16];
	size_t n_binds;
	bool net;
	char **argv;
};

static int parse_bind(char *text, struct rh_bind *b)
{
	char *colon = strchr(text, ':'), *ro;

	if (!colon || colon[1] != '/')
		return -EINVAL;
	*colon = '\0';
	ro = strchr(colon + 1, ':');
	if (ro && strcmp(ro, ":ro"))
		return -EINVAL;
	if (ro)
		*ro = '\0';
	*b = (struct rh_bind){.source = text, .target = colon + 1, .read_only = ro, .fd = -1};
	return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"tree", required_argument, NULL, 't'},
					      {"bind", required_argument, NULL, 'b'},
					      {"net", no_argument, NULL, 'n'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		if (c == 't')
			o->tree = optarg;
		else if (c == 'n')
			o->net = true;
		else if (c == 'h')
			return 1;
		else if (c != 'b' || o->n_binds == sizeof o->binds / sizeof *o->binds ||
			 parse_bind(optarg, &o->binds[o->n_binds++]) < 0)
			return -EINVAL;
	}
	o->argv = argv + optind;
	return o->tree && *o->argv ? 0 : -EINVAL;
}

static int loopback_up(struct rh_err *err)
{
	struct ifreq ifr = {.ifr_flags = IFF_UP | IFF_RUNNING};
	RH_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ifr.ifr_name, "lo", 3);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return rh_err_errno(err, errno, "cannot bring up the loopback interface");
	return 0;
}

static _Noreturn void start_program(char **argv)
{
	static char *const env[] = {
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
	    "LC_ALL=C.UTF-8", "TERM=dumb", NULL};
	RH_STRV struct rh_strv all = {0};
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	for (char *const *e = env; *e; e++)
		rh_strv_add(&all, *e);
	if (epoch)
		rh_strv_addf(&all, "SOURCE_DATE_EPOCH=%s", epoch);
	execvpe(argv[0], argv, all.v);
	fprintf(stderr, "rh-sandbox: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Process 1 of the pid namespace: reaps everything, ends with the program's status. */
static _Noreturn void init(struct options *o, int tar_fd)
{
	struct rh_err err;
	int status, code = 126;
	pid_t main_pid, pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if ((!o->net && loopback_up(&err) < 0) ||
	    rh_root_make(tar_fd, o->binds, o->n_binds, &err) < 0) {
		fprintf(stderr, "rh-sandbox: %s\n", err.text);
		_exit(126);
	}
	main_pid = fork();
	if (main_pid == 0)
		start_program(o->argv);
	if (main_pid < 0)
		fprintf(stderr, "rh-sandbox: cannot fork: %s\n", strerror(errno));
	while ((pid = wait(&status)) > 0 || errno == EINTR) {
		if (pid != main_pid)
			continue;
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		break;
	}
	_exit(code);
}

static int enter(const struct options *o, struct rh_err *err)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
	int r = rh_userns_enter(err);

	if (r < 0)
		return r;
	if (unshare(flags | (o->net ? 0 : CLONE_NEWNET)) < 0)
		return rh_err_errno(err, errno, "cannot make namespaces");
	return 0;
}

static pid_t init_pid;

/* Ending process 1 ends the whole namespace. */
static void pass_on(int sig)
{
	(void)sig;
	if (init_pid > 0)
		kill(init_pid, SIGKILL);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct rh_err err;
	int tar_fd, status, r = parse(argc, argv, &o);

	setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive converts file names by it */
	if (r) {
		fputs(usage, r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	tar_fd = open(o.tree, O_RDONLY | O_CLOEXEC);
	if (tar_fd < 0) {
		fprintf(stderr, "rh-sandbox: cannot open %s: %s\n", o.tree, strerror(errno));
		return 126;
	}
	if (enter(&o, &err) < 0) {
		fprintf(stderr, "rh-sandbox: %s\n", err.text);
		return 126;
	}
	signal(SIGTERM, pass_on);
	signal(SIGINT, pass_on);
	signal(SIGHUP, pass_on);
	init_pid = fork();
	if (init_pid == 0)
		init(&o, tar_fd);
	if (init_pid < 0) {
		fprintf(stderr, "rh-sandbox: cannot fork: %s\n", strerror(errno));
		return 126;
	}
	while (waitpid(init_pid, &status, 0) < 0)
		if (errno != EINTR)
			return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

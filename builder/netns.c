// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Namespaces and addresses of the rehearsal. See netns.h.
 *
 * Trap: setgroups must be denied before a gid map may be written without privilege, and both maps
 * must name the ids of before the unshare. Ubuntu lets an ordinary user unshare and then grants no
 * capability inside; rh_netns_possible() therefore also brings an interface up.
 */
#include "builder/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"

void rh_netns_script(const struct rh_netns *conf, struct rh_str *out)
{
	rh_str_add(out,
		   "link set dev lo up\n"
		   "link add name " RH_NETNS_BRIDGE " type bridge stp_state 0 forward_delay 0\n"
		   "link set dev " RH_NETNS_BRIDGE " addrgenmode none\n"
		   "link set dev " RH_NETNS_BRIDGE " up\n"
		   "tuntap add dev " RH_NETNS_TAP " mode tap\n"
		   "link set dev " RH_NETNS_TAP " master " RH_NETNS_BRIDGE "\n"
		   "link set dev " RH_NETNS_TAP " addrgenmode none\n"
		   "link set dev " RH_NETNS_TAP " up\n");
	for (size_t i = 0; i < conf->addrs.n; i++)
		rh_str_addf(out, "addr add %s dev " RH_NETNS_BRIDGE "\n", conf->addrs.v[i]);
	for (size_t i = 0; i < conf->routes.n; i++)
		rh_str_addf(out, "route replace %s dev " RH_NETNS_BRIDGE " src %s\n",
			    conf->routes.v[i], conf->source);
}

static int write_proc(const char *path, const char *text, struct rh_err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", path);
	r = rh_write_all(fd, text, strlen(text), err);
	close(fd);
	return rh_err_prefix(err, r, "%s", path);
}

static int map_ids(uid_t uid, gid_t gid, struct rh_err *err)
{
	RH_FREE char *uids = rh_xasprintf("0 %u 1\n", uid);
	RH_FREE char *gids = rh_xasprintf("0 %u 1\n", gid);
	int r = write_proc("/proc/self/setgroups", "deny", err);

	if (r < 0)
		return r;
	r = write_proc("/proc/self/uid_map", uids, err);
	if (r < 0)
		return r;
	return write_proc("/proc/self/gid_map", gids, err);
}

static int unshare_net(struct rh_err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return 0;
	if (uid == 0 && errno != EPERM)
		return rh_err_errno(err, errno, "cannot make a network namespace");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return rh_err_errno(err, errno, "cannot make a user and network namespace");
	return map_ids(uid, gid, err);
}

static int loopback_up(void)
{
	struct ifreq ifr = {.ifr_flags = IFF_UP, .ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int try_all(struct rh_err *err)
{
	int fd, r = unshare_net(err);

	if (r < 0)
		return r;
	r = loopback_up();
	if (r < 0)
		return rh_err_errno(err, -r, "no rights inside a user namespace");
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open /dev/net/tun");
	close(fd);
	return 0;
}

int rh_netns_possible(struct rh_err *err)
{
	int channel[2], status = 0;
	struct rh_err text = {""};
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(channel, O_CLOEXEC) < 0)
		return rh_err_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		int r = try_all(&text);

		if (r < 0 && write(channel[1], text.text, strlen(text.text)) < 0)
			_exit(2);
		_exit(r < 0);
	}
	close(channel[1]);
	while (pid > 0 && have < sizeof text.text - 1) {
		n = read(channel[0], text.text + have, sizeof text.text - 1 - have);
		if (n > 0)
			have += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	close(channel[0]);
	if (pid < 0)
		return rh_err_errno(err, errno, "cannot fork");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	text.text[have] = '\0';
	return rh_err_set(err, EPERM, "%s", have ? text.text : "the attempt failed");
}

int rh_netns_enter(const struct rh_netns *conf, struct rh_err *err)
{
	RH_STR struct rh_str script = {0};
	struct rh_proc ip = {
	    .argv = (const char *const[]){"ip", "-batch", "-", NULL},
	};
	int r = unshare_net(err);

	if (r < 0)
		return r;
	rh_netns_script(conf, &script);
	ip.input = script.data;
	r = rh_proc_run(&ip, NULL, err);
	return rh_err_prefix(err, r, "the rehearsal's network");
}

void rh_netns_free(struct rh_netns *conf)
{
	rh_strv_free(&conf->addrs);
	rh_strv_free(&conf->routes);
	rh_cleanup_free(&conf->source);
	*conf = (struct rh_netns){0};
}

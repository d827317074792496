// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP forwarder in one poll loop. See forward.h.
 *
 * Each connection is two directions with a buffer each. Invariant: a direction is read only while
 * its buffer is empty and written only while it is not, so that a slow reader stops its writer; the
 * end of one direction is passed on by shutdown() and the pair is closed when both have ended.
 */
#include "builder/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/core/mem.h"

#define MAX_LISTEN 16
#define MAX_PAIRS  64
#define BUFFER	   16384

struct flow { /* from fd[i] to fd[1 - i] */
	char data[BUFFER];
	size_t at, n;
	bool eof, done;
};

struct pair {
	int fd[2]; /* host's side, appliance's side */
	bool connecting;
	struct flow flow[2];
};

struct rh_forward {
	struct {
		int fd;
		uint16_t guest, host;
	} listen[MAX_LISTEN];
	size_t n_listen;
	struct pair *pair[MAX_PAIRS];
	size_t n_pairs;
};

static int listen_free(uint16_t *port, struct rh_err *err)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot make a socket");
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0) {
		int code = errno;

		close(fd);
		return rh_err_errno(err, code, "cannot listen on 127.0.0.1");
	}
	*port = ntohs(sa.sin_port);
	return fd;
}

int rh_forward_open(const uint16_t *ports, size_t n, struct rh_forward **out, struct rh_err *err)
{
	struct rh_forward *f = rh_xalloc(sizeof *f);

	for (size_t i = 0; i < n && i < MAX_LISTEN; i++) {
		int fd = listen_free(&f->listen[i].host, err);

		if (fd < 0) {
			rh_forward_free(&f);
			return fd;
		}
		f->listen[i].fd = fd;
		f->listen[i].guest = ports[i];
		f->n_listen++;
	}
	*out = f;
	return 0;
}

uint16_t rh_forward_port(const struct rh_forward *f, uint16_t port)
{
	for (size_t i = 0; i < f->n_listen; i++)
		if (f->listen[i].guest == port)
			return f->listen[i].host;
	return 0;
}

static void pair_free(struct pair *p)
{
	close(p->fd[0]);
	close(p->fd[1]);
	free(p);
}

static void accept_one(struct rh_forward *f, int listener, const char *addr, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int host = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), guest;
	struct pair *p;

	if (host < 0)
		return;
	guest = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (guest < 0 || f->n_pairs >= MAX_PAIRS || inet_pton(AF_INET, addr, &sa.sin_addr) != 1 ||
	    (connect(guest, (struct sockaddr *)&sa, sizeof sa) < 0 && errno != EINPROGRESS)) {
		close(host);
		if (guest >= 0)
			close(guest);
		return;
	}
	p = rh_xalloc(sizeof *p);
	p->fd[0] = host;
	p->fd[1] = guest;
	p->connecting = true;
	f->pair[f->n_pairs++] = p;
}

/* What to wait for on side I: its data when its flow is empty, room when the other's is not. */
static short wanted(const struct pair *p, int i)
{
	short events = 0;

	if (p->connecting)
		return i == 1 ? POLLOUT : 0;
	if (!p->flow[i].eof && p->flow[i].n == 0)
		events |= POLLIN;
	if (p->flow[1 - i].n > 0)
		events |= POLLOUT;
	return events;
}

/* Move what can be moved in one direction. False when the connection is broken. */
static bool flow_step(struct pair *p, int i)
{
	struct flow *w = &p->flow[i];
	ssize_t n;

	if (!w->eof && w->n == 0) {
		n = recv(p->fd[i], w->data, sizeof w->data, 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n == 0)
			w->eof = true;
		w->at = 0;
		w->n = n > 0 ? (size_t)n : 0;
	}
	if (w->n > 0) {
		n = send(p->fd[1 - i], w->data + w->at, w->n, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			w->at += (size_t)n;
			w->n -= (size_t)n;
		}
	}
	if (w->eof && w->n == 0 && !w->done) {
		shutdown(p->fd[1 - i], SHUT_WR);
		w->done = true;
	}
	return true;
}

/* False when the pair has ended. */
static bool pair_step(struct pair *p, const struct pollfd fds[2])
{
	int error = 0;
	socklen_t len = sizeof error;

	if (p->connecting) {
		if (!fds[1].revents)
			return true;
		if (getsockopt(p->fd[1], SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
			return false;
		p->connecting = false;
	}
	if (!fds[0].revents && !fds[1].revents)
		return true;
	return flow_step(p, 0) && flow_step(p, 1) && !(p->flow[0].done && p->flow[1].done);
}

int rh_forward_step(struct rh_forward *f, const char *addr, int timeout_ms, struct rh_err *err)
{
	struct pollfd fds[MAX_LISTEN + 2 * MAX_PAIRS];
	size_t n = f->n_listen, pairs = f->n_pairs, kept = 0;

	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = f->listen[i].fd, .events = POLLIN};
	for (size_t i = 0; i < pairs; i++)
		for (int side = 0; side < 2; side++) {
			short events = wanted(f->pair[i], side);

			/* without a wish poll would still report a hang-up, again and again */
			fds[n++] = (struct pollfd){.fd = events ? f->pair[i]->fd[side] : -1,
						   .events = events};
		}
	if (poll(fds, n, timeout_ms) < 0)
		return errno == EINTR ? 0 : rh_err_errno(err, errno, "poll");
	for (size_t i = 0; i < pairs; i++) {
		if (pair_step(f->pair[i], &fds[f->n_listen + 2 * i]))
			f->pair[kept++] = f->pair[i];
		else
			pair_free(f->pair[i]);
	}
	f->n_pairs = kept;
	for (size_t i = 0; i < f->n_listen; i++)
		if (fds[i].revents)
			accept_one(f, f->listen[i].fd, addr, f->listen[i].guest);
	return 0;
}

void rh_forward_free(struct rh_forward **f)
{
	if (!*f)
		return;
	for (size_t i = 0; i < (*f)->n_listen; i++)
		close((*f)->listen[i].fd);
	for (size_t i = 0; i < (*f)->n_pairs; i++)
		pair_free((*f)->pair[i]);
	free(*f);
	*f = NULL;
}

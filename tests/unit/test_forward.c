// SPDX-License-Identifier: GPL-2.0-or-later
/* The forwarder over loopback: bytes arrive both ways, ends are passed on, refusals close. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "builder/forward.h"
#include "lib/core/mem.h"

#define BYTES 300000

static int listener(uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static int dial(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void step(struct rh_forward *f)
{
	struct rh_err err;

	assert_int_equal(rh_forward_step(f, "127.0.0.1", 5, &err), 0);
}

static void test_both_ways(void **state)
{
	RH_FREE char *data = rh_xalloc(BYTES), *got = rh_xalloc(BYTES);
	struct rh_forward *f = NULL;
	size_t sent = 0, have = 0;
	struct rh_err err;
	uint16_t port;
	int lfd = listener(&port), client, server = -1;
	char reply[8] = "";

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		data[i] = (char)(i * 31 + i / 251);
	assert_int_equal(rh_forward_open(&port, 1, &f, &err), 0);
	assert_int_equal(rh_forward_port(f, 1), 0);
	client = dial(rh_forward_port(f, port));
	for (int i = 0; i < 200 && server < 0; i++) {
		step(f);
		server = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
	}
	assert_true(server >= 0);
	for (int i = 0; i < 20000 && have < BYTES; i++) {
		ssize_t n = sent < BYTES ? send(client, data + sent, BYTES - sent, 0) : 0;

		sent += n > 0 ? (size_t)n : 0;
		if (sent == BYTES && n > 0)
			shutdown(client, SHUT_WR);
		step(f);
		n = recv(server, got + have, BYTES - have, 0);
		have += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(have, BYTES);
	assert_memory_equal(data, got, BYTES);
	for (int i = 0; i < 200 && recv(server, reply, 1, 0) != 0; i++)
		step(f); /* the end arrives, and the way back is still open */
	assert_int_equal(send(server, "bye", 3, 0), 3);
	close(server);
	for (int i = 0; i < 200 && recv(client, reply, sizeof reply, 0) != 3; i++)
		step(f);
	assert_string_equal(reply, "bye");
	close(client);
	close(lfd);
	rh_forward_free(&f);
}

static void test_refused(void **state)
{
	struct rh_forward *f = NULL;
	struct rh_err err;
	uint16_t port;
	char c;
	int lfd = listener(&port), client;
	ssize_t n = -1;

	(void)state;
	close(lfd); /* nobody listens there now */
	assert_int_equal(rh_forward_open(&port, 1, &f, &err), 0);
	client = dial(rh_forward_port(f, port));
	for (int i = 0; i < 200 && n < 0; i++) {
		step(f);
		n = recv(client, &c, 1, 0);
	}
	assert_int_equal(n, 0);
	close(client);
	rh_forward_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_ways),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

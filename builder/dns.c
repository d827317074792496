// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DNS (RFC 1035) for the rehearsal: one question, answers from a table. See dns.h.
 *
 * Invariant: no byte of a query is used before its place is known to lie in the packet, and a
 * question's name is never followed through a compression pointer (a query has none).
 * Trap: a socket bound to the wildcard would answer from another address than the one asked, which
 * resolvers drop; so there is a socket per address.
 */
#include "builder/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER	  12
#define MAX_NAME  255
#define MAX_SOCKS 8
#define TTL	  60

enum { FLAG_QR = 0x80, FLAG_AA = 0x04, FLAG_RD = 0x01, OPCODE = 0x78 };
enum { FORMERR = 1, NXDOMAIN = 3, NOTIMP = 4 };
enum { CLASS_IN = 1, TYPE_ANY = 255 };

void rh_dns_add(struct rh_dns_zone *z, const char *name, uint16_t type, const char *value)
{
	struct rh_dns_record *r;

	RH_GROW(z->v, z->n, z->cap);
	r = &z->v[z->n++];
	*r = (struct rh_dns_record){rh_xstrdup(name), type, rh_xstrdup(value)};
	for (char *p = r->name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
}

void rh_dns_add_host(struct rh_dns_zone *z, const char *name, const char *addr)
{
	RH_FREE char *reverse = NULL;
	struct in_addr in;
	uint32_t a;

	if (inet_pton(AF_INET, addr, &in) != 1)
		return;
	a = ntohl(in.s_addr);
	reverse =
	    rh_xasprintf("%u.%u.%u.%u.in-addr.arpa", a & 255, a >> 8 & 255, a >> 16 & 255, a >> 24);
	rh_dns_add(z, name, RH_DNS_A, addr);
	rh_dns_add(z, reverse, RH_DNS_PTR, name);
}

void rh_dns_zone_free(struct rh_dns_zone *z)
{
	for (size_t i = 0; i < z->n; i++) {
		rh_cleanup_free(&z->v[i].name);
		rh_cleanup_free(&z->v[i].value);
	}
	rh_cleanup_free(&z->v);
	*z = (struct rh_dns_zone){0};
}

/* --- packets --- */

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Read the name at AT as lower-case text. Returns the place after it, 0 on a fault. */
static size_t get_name(const uint8_t *q, size_t n, size_t at, char name[MAX_NAME + 1])
{
	size_t len = 0;

	for (;;) {
		size_t label;

		if (at >= n)
			return 0;
		label = q[at++];
		if (label == 0)
			break;
		if (label > 63 || at + label > n || len + label + 1 > MAX_NAME)
			return 0;
		if (len)
			name[len++] = '.';
		for (size_t i = 0; i < label; i++) {
			uint8_t c = q[at++];

			if (c == '\0' || c == '.')
				return 0; /* no name of ours; and it would not be one as text */
			name[len++] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
		}
	}
	name[len] = '\0';
	return at;
}

struct packet {
	uint8_t *p;
	size_t n;
	bool full;
};

static void put(struct packet *o, const void *data, size_t n)
{
	if (o->full || o->n + n > RH_DNS_MAX) {
		o->full = true;
		return;
	}
	memcpy(o->p + o->n, data, n);
	o->n += n;
}

static void put16(struct packet *o, unsigned v)
{
	put(o, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_name(struct packet *o, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put(o, (uint8_t[]){(uint8_t)n}, 1);
		put(o, name, n);
		name += n + (name[n] == '.');
	}
	put(o, "", 1);
}

/* Name (a pointer to the question), type, class, TTL, data. */
static void put_record(struct packet *o, const struct rh_dns_record *r)
{
	struct in_addr in;

	put16(o, 0xc000 | HEADER);
	put16(o, r->type);
	put16(o, CLASS_IN);
	put16(o, 0);
	put16(o, TTL);
	if (r->type == RH_DNS_A) {
		put16(o, 4);
		if (inet_pton(AF_INET, r->value, &in) != 1)
			o->full = true;
		put(o, &in, 4);
		return;
	}
	put16(o, (unsigned)strlen(r->value) + 2 + (r->type == RH_DNS_MX ? 2 : 0));
	if (r->type == RH_DNS_MX)
		put16(o, 10);
	put_name(o, r->value);
}

/* Is NAME in the zone, or does a name below it exist (an empty non-terminal)? */
static bool known(const struct rh_dns_zone *z, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < z->n; i++) {
		size_t m = strlen(z->v[i].name);

		if (m >= n && strcmp(z->v[i].name + m - n, name) == 0 &&
		    (m == n || n == 0 || z->v[i].name[m - n - 1] == '.'))
			return true;
	}
	return false;
}

static size_t refuse(const uint8_t *q, uint8_t *out, unsigned code)
{
	memset(out, 0, HEADER);
	memcpy(out, q, 2);
	out[2] = (uint8_t)(FLAG_QR | (q[2] & (OPCODE | FLAG_RD)));
	out[3] = (uint8_t)code;
	return HEADER;
}

size_t rh_dns_answer(const struct rh_dns_zone *z, const uint8_t *query, size_t n,
		     uint8_t out[RH_DNS_MAX])
{
	char name[MAX_NAME + 1];
	struct packet o = {.p = out};
	unsigned type, answers = 0;
	size_t end;

	if (n < HEADER || query[2] & FLAG_QR)
		return 0;
	if (query[2] & OPCODE)
		return refuse(query, out, NOTIMP);
	end = get_name(query, n, HEADER, name);
	if (get16(query + 4) != 1 || end == 0 || end + 4 > n)
		return refuse(query, out, FORMERR);
	type = get16(query + end);
	refuse(query, out, known(z, name) ? 0 : NXDOMAIN);
	out[2] |= FLAG_AA;
	out[3] |= 0x80; /* recursion is available: a stub resolver expects it */
	out[5] = 1;
	o.n = HEADER;
	put(&o, query + HEADER, end + 4 - HEADER);
	for (size_t i = 0; i < z->n; i++) {
		size_t before = o.n;

		if ((type != z->v[i].type && type != TYPE_ANY) || strcmp(z->v[i].name, name) != 0)
			continue;
		put_record(&o, &z->v[i]);
		if (o.full) {
			o.n = before;
			out[2] |= 0x02; /* truncated */
			break;
		}
		answers++;
	}
	out[7] = (uint8_t)answers;
	return o.n;
}

/* --- the server --- */

static int bind_at(const char *addr, struct rh_err *err)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd;

	if (inet_pton(AF_INET, addr, &sa.sin_addr) != 1)
		return rh_err_set(err, EINVAL, "%s is no IPv4 address", addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot make a socket");
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
		int code = errno;

		close(fd);
		return rh_err_errno(err, code, "cannot listen on %s port 53", addr);
	}
	return fd;
}

static _Noreturn void serve(const struct rh_dns_zone *z, struct pollfd *fds, size_t n)
{
	for (;;) {
		if (poll(fds, n, -1) < 0 && errno != EINTR)
			_exit(1);
		for (size_t i = 0; i < n; i++) {
			uint8_t query[RH_DNS_MAX], out[RH_DNS_MAX];
			struct sockaddr_in from;
			socklen_t len = sizeof from;
			ssize_t got = recvfrom(fds[i].fd, query, sizeof query, 0,
					       (struct sockaddr *)&from, &len);
			size_t m = got > 0 ? rh_dns_answer(z, query, (size_t)got, out) : 0;

			if (m && sendto(fds[i].fd, out, m, 0, (struct sockaddr *)&from, len) < 0)
				continue; /* the asker tries again */
		}
	}
}

int rh_dns_start(const struct rh_dns_zone *z, const struct rh_strv *addrs, pid_t *pid,
		 struct rh_err *err)
{
	struct pollfd fds[MAX_SOCKS];
	pid_t parent = getpid();
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < addrs->n && n < MAX_SOCKS && r >= 0; i++) {
		r = bind_at(addrs->v[i], err);
		if (r >= 0)
			fds[n++] = (struct pollfd){.fd = r, .events = POLLIN};
	}
	if (r >= 0) {
		*pid = fork();
		if (*pid == 0) {
			for (int sig = 1; sig < NSIG; sig++)
				signal(sig, SIG_DFL);
			setpgid(0, 0);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() == parent)
				serve(z, fds, n);
			_exit(0);
		}
		r = *pid < 0 ? rh_err_errno(err, errno, "cannot fork") : 0;
		if (*pid > 0)
			setpgid(*pid, *pid);
	}
	while (n > 0)
		close(fds[--n].fd);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 through libcrypto's EVP interface.
 *
 * Only memory can run out in the digest itself, so those functions end the program as the
 * x-functions of lib/core/mem.h do; reading a file can fail and says so.
 *
 * Trap: rh_digest_data() alone does not separate its inputs ("ab","c" and "a","bc" are one digest);
 * cache keys are made with rh_digest_part().
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/digest.h"

#define CHUNK (256 * 1024)

struct rh_digest {
	EVP_MD_CTX *ctx;
};

static void must(int ok)
{
	if (ok == 1)
		return;
	fputs("libcrypto cannot compute SHA-256\n", stderr);
	abort();
}

struct rh_digest *rh_digest_new(void)
{
	struct rh_digest *d = rh_xalloc(sizeof *d);

	d->ctx = EVP_MD_CTX_new();
	must(d->ctx != NULL);
	must(EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL));
	return d;
}

void rh_digest_data(struct rh_digest *d, const void *data, size_t n)
{
	if (n > 0)
		must(EVP_DigestUpdate(d->ctx, data, n));
}

/* "NAMELENGTH DATALENGTH\0NAME DATA": with the lengths, a sequence reads in one way only. */
void rh_digest_part(struct rh_digest *d, const char *name, const void *data, size_t n)
{
	char head[64];
	int len = snprintf(head, sizeof head, "%zu %zu", strlen(name), n);

	rh_digest_data(d, head, (size_t)len + 1);
	rh_digest_data(d, name, strlen(name));
	rh_digest_data(d, data, n);
}

static int feed(struct rh_digest *d, int dirfd, const char *path,
		void (*tick)(void *arg, uint64_t pos), void *arg, struct rh_err *err)
{
	RH_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	RH_FREE char *buf = NULL;
	uint64_t pos = 0;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open %s", path);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	buf = rh_xrealloc(NULL, CHUNK, 1);
	for (;;) {
		ssize_t n = read(fd, buf, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rh_err_errno(err, errno, "cannot read %s", path);
		if (n == 0)
			return 0;
		if (rh_interrupted())
			return rh_err_set(err, EINTR, "interrupted");
		rh_digest_data(d, buf, (size_t)n);
		pos += (uint64_t)n;
		if (tick)
			tick(arg, pos);
	}
}

void rh_digest_final(struct rh_digest **dp, char hex[RH_SHA256_HEX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	must(EVP_DigestFinal_ex((*dp)->ctx, sum, &n));
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	EVP_MD_CTX_free((*dp)->ctx);
	free(*dp);
	*dp = NULL;
}

int rh_sha256_file(int dirfd, const char *path, char hex[RH_SHA256_HEX],
		   void (*tick)(void *arg, uint64_t pos), void *arg, struct rh_err *err)
{
	struct rh_digest *d = rh_digest_new();
	char text[RH_SHA256_HEX];
	int r = feed(d, dirfd, path, tick, arg, err);

	rh_digest_final(&d, text);
	if (r == 0)
		memcpy(hex, text, sizeof text);
	return r;
}

int rh_digest_file(struct rh_digest *d, const char *name, int dirfd, const char *path,
		   struct rh_err *err)
{
	char hex[RH_SHA256_HEX];
	int r = rh_sha256_file(dirfd, path, hex, NULL, NULL, err);

	if (r == 0)
		rh_digest_part(d, name, hex, strlen(hex));
	return r;
}

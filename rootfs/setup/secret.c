// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making and reading secrets; the contract is in secret.h.
 *
 * The TLS key is root's alone (0600): Postfix, Dovecot and Apache all read it before they give up
 * root. The key is written before the certificate, so a cut between them leaves a key without a
 * certificate, which the next run makes from the same key.
 */
#include "rootfs/setup/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/ssh.h"
#include "rootfs/setup/tls.h"

#define SECRET_LEN   32
#define PATH_KEY     RH_PATH_TLS "/key.pem"
#define PATH_CERT    RH_PATH_TLS "/cert.pem"
#define PATH_SSH_KEY "/etc/ssh/ssh_host_ed25519_key"
#define PEM_MAX	     65536

int rh_secret_value(struct rh_setup *s, const char *name, struct rh_str *out, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf(RH_PATH_SECRETS "/%s", name);
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(s->root, rh_rel(path), 4096, &text, err);

	if (r < 0)
		return r;
	rh_str_addn(out, text.data, text.len);
	return 0;
}

static int make_secret(struct rh_setup *s, const char *name, struct rh_err *err)
{
	struct rh_target t = {.mode = 0600};
	char value[SECRET_LEN + 1];
	int r;

	t.path = rh_arena_printf(s->arena, RH_PATH_SECRETS "/%s", name);
	if (rh_exists(s->root, rh_rel(t.path)))
		return 0;
	r = rh_random_text(value, SECRET_LEN, err);
	if (r < 0)
		return r;
	return rh_change_file(s, &t, value, SECRET_LEN, err);
}

/* A clock whose battery is flat may stand before the image was built: never sign in that past. */
static time_t sane_now(struct rh_setup *s)
{
	struct stat st;
	time_t now = time(NULL);

	if (fstatat(s->root, rh_rel(RH_PATH_RECIPE), &st, 0) == 0 && st.st_mtime > now)
		return st.st_mtime;
	return now;
}

static size_t cert_names(struct rh_setup *s, const char *names[2])
{
	names[0] = rh_answer(s, "hostname");
	names[1] = rh_answer(s, "domain");
	return strcmp(names[0], names[1]) ? 2 : 1;
}

static void read_pem(struct rh_setup *s, const char *path, struct rh_str *out)
{
	if (rh_file_read(s->root, rh_rel(path), PEM_MAX, out, NULL) < 0)
		rh_str_free(out);
}

bool rh_certificate_due(struct rh_setup *s)
{
	RH_STR struct rh_str key = {0}, cert = {0};
	const char *names[2];
	size_t n = cert_names(s, names);

	read_pem(s, PATH_KEY, &key);
	read_pem(s, PATH_CERT, &cert);
	return !key.len || !cert.len || !rh_tls_good(cert.data, key.data, names, n, sane_now(s));
}

static int make_tls(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target dir = {.path = RH_PATH_TLS, .mode = 0755};
	const struct rh_target key_t = {.path = PATH_KEY, .mode = 0600};
	const struct rh_target cert_t = {.path = PATH_CERT, .mode = 0644};
	RH_STR struct rh_str key = {0}, cert = {0};
	const char *names[2];
	size_t n = cert_names(s, names);
	int r = rh_change_dir(s, &dir, err);

	if (r < 0)
		return r;
	read_pem(s, PATH_KEY, &key);
	if (!key.len || !rh_tls_key_usable(key.data)) {
		rh_str_free(&key);
		r = rh_tls_make_key(&key, err);
		if (r < 0)
			return r;
	}
	r = rh_change_file(s, &key_t, key.data, key.len, err);
	if (r < 0)
		return r;
	read_pem(s, PATH_CERT, &cert);
	if (!cert.len || !rh_tls_good(cert.data, key.data, names, n, sane_now(s))) {
		rh_str_free(&cert);
		r = rh_tls_make_cert(key.data, names, n, sane_now(s), &cert, err);
		if (r < 0)
			return r;
	}
	return rh_change_file(s, &cert_t, cert.data, cert.len, err);
}

static int make_host_keys(struct rh_setup *s, struct rh_err *err)
{
	RH_STR struct rh_str key = {0};
	int r;

	/* A cut before the sync below can leave an empty file under the final name: ssh-keygen
	 * makes such a key anew, and so must we ask it to, or nobody gets in any more. */
	read_pem(s, PATH_SSH_KEY, &key);
	if (key.len)
		return 0;
	rh_change_point(s);
	rh_change_note(s, PATH_SSH_KEY);
	/* It writes temporary names, renames the private key last, and keeps what is there; but it
	 * does not sync. */
	if (s->foreign)
		r = rh_setup_run(s, NULL, err, "ssh-keygen", "-A", "-f", s->root_path, NULL);
	else
		r = rh_setup_run(s, NULL, err, "ssh-keygen", "-A", NULL);
	if (r < 0)
		return rh_err_prefix(err, r, "ssh host keys");
	if (r == 0 && syncfs(s->root) < 0)
		return rh_err_errno(err, errno, "cannot sync the ssh host keys");
	return 1;
}

int rh_secrets_make(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target dir = {.path = RH_PATH_SECRETS, .mode = 0700};
	int r = rh_change_dir(s, &dir, err);

	for (size_t i = 0; r >= 0 && i < s->n_overlays; i++)
		for (size_t k = 0; r >= 0 && k < s->overlays[i].n_secrets; k++)
			r = make_secret(s, s->overlays[i].secrets[k], err);
	if (r >= 0)
		r = make_tls(s, err);
	if (r >= 0)
		r = make_host_keys(s, err);
	return r;
}

void rh_certificate_print(struct rh_setup *s, struct rh_str *out)
{
	RH_STR struct rh_str cert = {0};

	read_pem(s, PATH_CERT, &cert);
	if (cert.len)
		rh_tls_fingerprint(cert.data, out);
}

void rh_host_key_print(struct rh_setup *s, struct rh_str *out)
{
	RH_STR struct rh_str pub = {0};

	read_pem(s, PATH_SSH_KEY ".pub", &pub);
	if (pub.len)
		rh_ssh_fingerprint(pub.data, out);
}

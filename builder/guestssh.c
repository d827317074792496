// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keys, pinning and commands over ssh. See guestssh.h.
 *
 * Invariant: nothing of the user's own ssh set-up is read (no agent, no config, no known hosts),
 * and an unknown or different host key is never accepted.
 */
#include "builder/guestssh.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"

int rh_guestssh_keygen(const char *dir, struct rh_str *public, struct rh_err *err)
{
	RH_FREE char *key = rh_xasprintf("%s/id", dir);
	RH_FREE char *pub = rh_xasprintf("%s/id.pub", dir);
	int r = rh_proc_call(err, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
			     "rehome-rehearsal", "-f", key, NULL);

	if (r < 0)
		return r;
	r = rh_file_read(AT_FDCWD, pub, 4096, public, err);
	while (r >= 0 && public->len > 0 && public->data[public->len - 1] == '\n')
	public->data[--public->len] = '\0';
	return r;
}

void rh_guestssh_config(const char *dir, const char *addr, const char *source, struct rh_str *out)
{
	rh_str_addf(out,
		    "Host rehome\n"
		    "\tHostName %s\n"
		    "\tUser root\n"
		    "\tIdentityFile \"%s/id\"\n"
		    "\tIdentitiesOnly yes\n"
		    "\tIdentityAgent none\n"
		    "\tBindAddress %s\n"
		    "\tUserKnownHostsFile \"%s/known_hosts\"\n"
		    "\tGlobalKnownHostsFile /dev/null\n"
		    "\tStrictHostKeyChecking yes\n"
		    "\tBatchMode yes\n"
		    "\tConnectTimeout 30\n"
		    "\tLogLevel ERROR\n",
		    addr, dir, source, dir);
}

bool rh_guestssh_match(const char *listing, const char *fingerprint)
{
	size_t n = strlen(fingerprint);

	while (n && *listing) {
		const char *word = listing + strcspn(listing, " \n");

		if (*word == ' ' && strncmp(word + 1, fingerprint, n) == 0 &&
		    (word[1 + n] == ' ' || word[1 + n] == '\n' || !word[1 + n]))
			return true;
		listing += strcspn(listing, "\n");
		listing += *listing == '\n';
	}
	return false;
}

int rh_guestssh_pin(const char *dir, const char *addr, const char *source, const char *fingerprint,
		    struct rh_err *err)
{
	RH_FREE char *known = rh_xasprintf("%s/known_hosts", dir);
	RH_FREE char *config = rh_xasprintf("%s/ssh_config", dir);
	RH_STR struct rh_str keys = {0}, listing = {0}, text = {0};
	struct rh_proc scan = {
	    .argv = (const char *const[]){"ssh-keyscan", "-T", "20", "-t", "ed25519", addr, NULL},
	    .capture = &keys,
	    .timeout_s = 40,
	};
	struct rh_proc list = {
	    .argv = (const char *const[]){"ssh-keygen", "-l", "-f", known, NULL},
	    .capture = &listing,
	    .timeout_s = 20,
	};
	int r = rh_proc_run(&scan, NULL, err);

	if (r == -EINTR)
		return r;
	if (r < 0 || keys.len == 0)
		return rh_err_set(err, EAGAIN, "%s gives no ssh host key", addr);
	r = rh_file_write(AT_FDCWD, known, 0600, keys.data, keys.len, err);
	if (r < 0)
		return r;
	r = rh_proc_run(&list, NULL, err);
	if (r < 0)
		return r;
	if (!rh_guestssh_match(rh_str_text(&listing), fingerprint))
		return rh_err_set(err, EKEYREJECTED,
				  "%s has another ssh host key than its console shows (%s): %s",
				  addr, fingerprint, rh_str_text(&listing));
	rh_guestssh_config(dir, addr, source, &text);
	return rh_file_write(AT_FDCWD, config, 0600, text.data, text.len, err);
}

int rh_guestssh_run(const char *dir, const char *command, int timeout_s, struct rh_str *out,
		    struct rh_err *err)
{
	RH_FREE char *config = rh_xasprintf("%s/ssh_config", dir);
	struct rh_proc ssh = {
	    .argv = (const char *const[]){"ssh", "-F", config, "rehome", command, NULL},
	    .capture = out,
	    .timeout_s = timeout_s,
	};

	return rh_proc_run(&ssh, NULL, err);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The workstation's mirror; the contract is in mirror.h. */
#include "builder/mirror.h"

#include <errno.h>
#include <string.h>

#include "lib/core/proc.h"

static const char no_mirror[] =
    "this system's apt knows no Debian mirror (run 'apt-get update', or give --mirror URI)";

static void add_main(struct rh_strv *lines, const char *uri, const char *release)
{
	rh_strv_addf(lines, "deb %s %s main", uri, release);
	rh_strv_addf(lines, "deb %s %s-updates main", uri, release);
}

int rh_mirror_parse(char *text, const char *release, struct rh_strv *lines, struct rh_err *err)
{
	const char *main_uri = NULL, *security_uri = NULL;
	char *save = NULL, *line;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *field[4] = {line};
		size_t n = 1;

		for (char *p = line; n < 4 && (p = strchr(p, '|')); n++) {
			*p++ = '\0';
			field[n] = p;
		}
		if (n < 4 || strcmp(field[2], "main"))
			continue;
		/* The host's release itself has no suffix: not -updates, not -backports. */
		if (!strcmp(field[3], "Debian") && !strchr(field[1], '-') && !main_uri)
			main_uri = field[0];
		if (!strcmp(field[3], "Debian-Security") && !security_uri)
			security_uri = field[0];
	}
	if (!main_uri)
		return rh_err_set(err, ENOENT, "%s", no_mirror);
	add_main(lines, main_uri, release);
	if (security_uri)
		rh_strv_addf(lines, "deb %s %s-security main", security_uri, release);
	return 0;
}

int rh_mirror_lines(const char *release, const char *mirror, const char *security,
		    struct rh_strv *lines, struct rh_err *err)
{
	static const char *const argv[] = {"apt-get",
					   "indextargets",
					   "--format",
					   "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(LABEL)",
					   "Created-By: Packages",
					   NULL};
	RH_STR struct rh_str text = {0};
	int r;

	if (mirror) {
		add_main(lines, mirror, release);
		if (security)
			rh_strv_addf(lines, "deb %s %s-security main", security, release);
		return 0;
	}
	r = rh_proc_run(&(struct rh_proc){.argv = argv, .capture = &text}, NULL, err);
	if (r < 0)
		return rh_err_prefix(err, r, "%s", no_mirror);
	if (!text.data)
		return rh_err_set(err, ENOENT, "%s", no_mirror);
	return rh_mirror_parse(text.data, release, lines, err);
}

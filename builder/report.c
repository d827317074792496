// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writer of the report folder. See report.h.
 *
 * Invariant: DIR is absent, the old report, or the new one, never a mixture: an existing folder is
 * exchanged for the new one in one rename and removed afterwards.
 */
#include "builder/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"

#define LOG_MAX (256u << 20)

bool rh_report_allowed(const char *dir)
{
	RH_STRV struct rh_strv names = {0};
	RH_FREE char *inside = rh_xasprintf("%s/report.json", dir);
	struct rh_err err;

	if (!rh_exists(AT_FDCWD, dir) || rh_exists(AT_FDCWD, inside))
		return true;
	return rh_list_dir(AT_FDCWD, dir, &names, &err) == 0 && names.n == 0;
}

static int copy_file(const char *from, const char *to, struct rh_err *err)
{
	RH_STR struct rh_str data = {0};
	int r;

	if (!rh_exists(AT_FDCWD, from))
		return 0;
	r = rh_file_read(AT_FDCWD, from, LOG_MAX, &data, err);
	if (r < 0)
		return r;
	return rh_file_write(AT_FDCWD, to, 0644, rh_str_text(&data), data.len, err);
}

static int copy_folder(const char *scratch, const char *name, const char *tmp, struct rh_err *err)
{
	RH_FREE char *from = rh_xasprintf("%s/%s", scratch, name);
	RH_FREE char *to = rh_xasprintf("%s/%s", tmp, name);
	RH_STRV struct rh_strv names = {0};
	int r = 0;

	if (!rh_exists(AT_FDCWD, from))
		return 0;
	r = rh_list_dir(AT_FDCWD, from, &names, err);
	if (r < 0 || names.n == 0)
		return r;
	r = rh_mkdirs(AT_FDCWD, to, 0755, err);
	for (size_t i = 0; i < names.n && r == 0; i++) {
		RH_FREE char *a = rh_xasprintf("%s/%s", from, names.v[i]);
		RH_FREE char *b = rh_xasprintf("%s/%s", to, names.v[i]);

		r = copy_file(a, b, err);
	}
	return r;
}

static int fill(const char *tmp, struct json_object *doc, const char *scratch, struct rh_err *err)
{
	static const char *const logs[] = {"serial.log", "qemu.log"};
	const char *text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE);
	RH_FREE char *json = rh_xasprintf("%s/report.json", tmp);
	int r;

	for (size_t i = 0; i < 2; i++) {
		RH_FREE char *from = rh_xasprintf("%s/%s", scratch, logs[i]);
		RH_FREE char *to = rh_xasprintf("%s/%s", tmp, logs[i]);

		r = copy_file(from, to, err);
		if (r < 0)
			return r;
	}
	r = copy_folder(scratch, "proofs", tmp, err);
	if (r == 0)
		r = copy_folder(scratch, "cells", tmp, err);
	if (r < 0)
		return r;
	return rh_file_write(AT_FDCWD, json, 0644, text, strlen(text), err);
}

int rh_report_write(const char *dir, struct json_object *doc, const char *scratch,
		    struct rh_err *err)
{
	RH_FREE char *tmp = NULL;
	struct rh_err ignored;
	char suffix[9];
	int r = rh_random_text(suffix, 8, err);

	if (r < 0)
		return r;
	tmp = rh_xasprintf("%s.%s", dir, suffix);
	r = rh_mkdirs(AT_FDCWD, tmp, 0755, err);
	if (r == 0)
		r = fill(tmp, doc, scratch, err);
	if (r == 0)
		r = rh_replace_dir(tmp, dir, err);
	if (r < 0 && rh_remove_tree(AT_FDCWD, tmp, &ignored) < 0)
		return rh_err_prefix(err, r, "report (%s is left behind)", tmp);
	return rh_err_prefix(err, r, "report");
}

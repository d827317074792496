// SPDX-License-Identifier: GPL-2.0-or-later
/* What has been written to a disk, one small JSON file for each serial; see journal.h. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/write/engine_p.h"
#include "lib/core/file.h"
#include "lib/json.h"

static char *file_of(const char *dir, const char *serial)
{
	RH_FREE char *name = rh_xstrdup(serial);

	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			*p = '_';
	return rh_xasprintf("%s/%s.json", dir, name);
}

int rh_journal_load(const char *dir, const char *serial, struct rh_journal *out, struct rh_err *err)
{
	RH_FREE char *path = file_of(dir, serial);
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	struct json_object *o;
	const char *pair;
	int r = 0;

	if (rh_json_load(AT_FDCWD, path, path, &j, &d) < 0) {
		rh_diags_free(&d);
		return rh_err_set(err, ENOENT, "nothing is known of a disk with the serial %s",
				  serial);
	}
	o = rh_json_root(j);
	pair = rh_json_str(o, "pair", "");
	/* Another disk's serial may make the same file name. */
	if (rh_json_int(o, "version", 0) != 1 || strlen(pair) != RH_SHA256_HEX - 1 ||
	    strcmp(rh_json_str(o, "serial", ""), serial) != 0) {
		r = rh_err_set(err, ENOENT, "%s is of no use", path);
	} else {
		*out = (struct rh_journal){.source = rh_xstrdup(rh_json_str(o, "source", "")),
					   .member = rh_json_str(o, "member", "a")[0] == 'b',
					   .size = (uint64_t)rh_json_int(o, "size", 0),
					   .position = (uint64_t)rh_json_int(o, "position", 0),
					   .verified = rh_json_bool(o, "verified", false)};
		memcpy(out->pair, pair, RH_SHA256_HEX);
	}
	rh_json_free(&j);
	rh_diags_free(&d);
	return r;
}

int rh_journal_store(const char *dir, const char *serial, const struct rh_journal *j,
		     struct rh_err *err)
{
	RH_FREE char *path = file_of(dir, serial);
	struct json_object *o = json_object_new_object();
	const char *text;
	int r = rh_mkdirs(AT_FDCWD, dir, 0700, err);

	json_object_object_add(o, "version", json_object_new_int(1));
	json_object_object_add(o, "pair", json_object_new_string(j->pair));
	json_object_object_add(o, "source", json_object_new_string(j->source));
	json_object_object_add(o, "serial", json_object_new_string(serial));
	json_object_object_add(o, "member", json_object_new_string(j->member ? "b" : "a"));
	json_object_object_add(o, "size", json_object_new_int64((int64_t)j->size));
	json_object_object_add(o, "position", json_object_new_int64((int64_t)j->position));
	json_object_object_add(o, "verified", json_object_new_boolean(j->verified));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE);
	if (r == 0)
		r = rh_file_write(AT_FDCWD, path, 0600, text, strlen(text), err);
	json_object_put(o);
	return r;
}

void rh_journal_forget(const char *dir, const char *serial)
{
	RH_FREE char *path = file_of(dir, serial);

	unlink(path);
}

void rh_journal_free(struct rh_journal *j)
{
	free(j->source);
	*j = (struct rh_journal){0};
}

void rh_write_stop_point(uint64_t pos)
{
	const char *text = getenv("RH_STOP_AT_BYTE");

	if (text && *text && pos >= strtoull(text, NULL, 10))
		kill(getpid(), SIGKILL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Disks and answers; the contract is in look.h. */
#include "builder/stick/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/schema.h"

#define GPT_AT	 512 /* the header (UEFI 2.10 table 5-5) */
#define GPT_GUID 56  /* in it: which disk this is */

struct rh_probe_options rh_look_options(const struct rh_look *l)
{
	return (struct rh_probe_options){.need = l->source->size, .allow_loop = l->allow_loop};
}

/* The kernel's name of the disk that block device PATH is, or is a part of; NULL when it is none.
 * The caller frees it. */
static char *disk_of(const char *path)
{
	RH_FREE char *link = NULL, *real = NULL, *part = NULL;
	struct stat st;
	char *slash;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return NULL;
	link = rh_xasprintf("/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	real = realpath(link, NULL);
	if (!real)
		return NULL;
	part = rh_xasprintf("%s/partition", real);
	slash = strrchr(real, '/');
	if (rh_exists(AT_FDCWD, part) && slash) {
		*slash = '\0'; /* a partition's folder lies in its disk's */
		slash = strrchr(real, '/');
	}
	return slash ? rh_xstrdup(slash + 1) : NULL;
}

/* Does the disk carry the name of a disk of this pair? Growing moves the table, the name stays. */
static bool is_installed(const struct rh_look *l, const struct rh_disk *d)
{
	uint8_t have[512], want[512];
	struct rh_err ignored;

	if (d->fd < 0 || pread(d->fd, have, sizeof have, GPT_AT) != sizeof have ||
	    memcmp(have, "EFI PART", 8) != 0)
		return false;
	for (unsigned member = 0; member < 2; member++)
		if (rh_source_read(l->source, member, GPT_AT, want, sizeof want, &ignored) == 0 &&
		    memcmp(have + GPT_GUID, want + GPT_GUID, 16) == 0)
			return true;
	return false;
}

static void fill(const struct rh_look *l, const char *stick, const struct rh_disk *d,
		 struct rh_offer *o)
{
	o->path = rh_xstrdup(d->path ? d->path : "");
	o->kname = rh_xstrdup(d->kname ? d->kname : "");
	o->model = rh_xstrdup(d->model ? d->model : "");
	o->serial = rh_xstrdup(d->serial ? d->serial : "");
	o->size = d->size;
	for (size_t i = 0; i < d->n_content; i++)
		rh_strv_add(&o->content, d->content[i].text);
	if (stick && !strcmp(stick, o->kname)) {
		rh_strv_add(&o->why, "stick");
		rh_strv_add(&o->refused, "it is this stick");
	}
	for (size_t i = 0; i < d->n_refused; i++) {
		rh_strv_add(&o->why, rh_refusal_name(d->refused[i].why));
		rh_strv_add(&o->refused, d->refused[i].text);
	}
	o->installed = is_installed(l, d);
}

int rh_look_disks(const struct rh_look *l, struct rh_offers *out, struct rh_err *err)
{
	struct rh_probe_options options = rh_look_options(l);
	RH_STRV struct rh_strv all = {0};
	RH_FREE char *stick = disk_of(l->stick);
	const struct rh_strv *names = l->only && l->only->n ? l->only : &all;
	int r = names == &all ? rh_probe_list(&options, &all, err) : 0;

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		struct rh_disk d;

		rh_probe_disk(&options, names->v[i], &d);
		fill(l, stick, &d, rh_offers_add(out));
		rh_disk_free(&d);
	}
	return r;
}

/* --- answers --- */

static void add_diags(const struct rh_diags *d, struct rh_strv *faults)
{
	for (size_t i = 0; i < d->n; i++)
		rh_strv_addf(faults, "%s:%u: %s%s%s%s%s", d->v[i].file, d->v[i].line, d->v[i].where,
			     *d->v[i].where ? ": " : "", d->v[i].text, *d->v[i].hint ? "; " : "",
			     d->v[i].hint);
}

static int take_serials(const struct rh_json *j, char *serial[2])
{
	struct json_object *l = rh_json_get(rh_json_root(j), "disks");

	if (!json_object_is_type(l, json_type_array) || json_object_array_length(l) != 2)
		return 0;
	for (size_t i = 0; i < 2; i++)
		serial[i] = rh_xstrdup(json_object_get_string(json_object_array_get_idx(l, i)));
	return 1;
}

int rh_look_answers(const char *file, const char *schema, char *serial[2], struct rh_strv *faults)
{
	struct rh_schema *s = NULL;
	struct rh_json *j = NULL;
	struct rh_diags d = {0};
	struct rh_err err;
	int r = rh_json_load(AT_FDCWD, file, "rehome-answers.json", &j, &d);

	if (r == 0 && rh_schema_load(AT_FDCWD, schema, &s, &err) < 0) {
		rh_strv_add(faults, err.text);
		r = -EINVAL;
	}
	if (r == 0 && rh_schema_check(s, j, &d) > 0)
		r = -EINVAL;
	add_diags(&d, faults);
	if (r == 0)
		r = take_serials(j, serial);
	rh_schema_free(&s);
	rh_json_free(&j);
	rh_diags_free(&d);
	return r < 0 ? -EINVAL : r;
}

int rh_look_volume(const char *device, const char *dir, const char *schema, char *serial[2],
		   struct rh_strv *faults)
{
	RH_FREE char *file = rh_xasprintf("%s/rehome-answers.json", dir);
	struct rh_err err;
	int r = rh_mkdirs(AT_FDCWD, dir, 0700, &err);

	if (r == 0 &&
	    mount(device, dir, "vfat", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		r = rh_err_errno(&err, errno, "cannot read the answers volume (%s)", device);
	if (r < 0) {
		rh_strv_add(faults, err.text);
		return -EINVAL;
	}
	/* A volume of that label without the file is somebody else's. */
	r = rh_exists(AT_FDCWD, file) ? rh_look_answers(file, schema, serial, faults) : 0;
	if (umount(dir) < 0)
		rh_strv_addf(faults, "cannot let go of the answers volume: %s", strerror(errno));
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The pair's own description; the contract is in manifest.h. */
#include "builder/manifest.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/ident.h"
#include "builder/md.h"
#include "lib/core/file.h"
#include "lib/json.h"

/* The value of field NAME ("Name: ") in a paragraph, or "". */
static void field(const char *para, size_t len, const char *name, struct rh_str *out)
{
	size_t n = strlen(name);
	const char *p = para, *end = para + len;

	rh_str_free(out);
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		if (!eol)
			eol = end;
		if ((size_t)(eol - p) > n && !strncmp(p, name, n)) {
			rh_str_addn(out, p + n, (size_t)(eol - p) - n);
			return;
		}
		p = eol + 1;
	}
}

struct json_object *rh_manifest_packages(const char *status)
{
	struct json_object *list = json_object_new_array();
	RH_STR struct rh_str name = {0}, version = {0}, arch = {0}, state = {0};

	while (*status) {
		const char *end = strstr(status, "\n\n");
		size_t len = end ? (size_t)(end - status) : strlen(status);

		field(status, len, "Package: ", &name);
		field(status, len, "Version: ", &version);
		field(status, len, "Architecture: ", &arch);
		field(status, len, "Status: ", &state);
		if (name.len && state.len && !strcmp(state.data, "install ok installed")) {
			struct json_object *o = json_object_new_object();

			rh_json_add_str(o, "name", name.data);
			rh_json_add_str(o, "version", rh_str_text(&version));
			rh_json_add_str(o, "arch", rh_str_text(&arch));
			json_object_array_add(list, o);
		}
		status += len + (end ? 2 : 0);
	}
	return list;
}

static struct json_object *machine(const struct rh_recipe *r)
{
	struct json_object *o = json_object_new_object();

	rh_json_add_str(o, "vendor", r->machine_vendor);
	rh_json_add_str(o, "model", r->machine_model);
	rh_json_add_str(o, "nic", r->nic);
	rh_json_add_str(o, "disk_model", r->disk_model);
	rh_json_add_int(o, "memory_mib", r->memory_mib);
	rh_json_add_int(o, "cpus", r->cpus);
	return o;
}

static struct json_object *partitions(const struct rh_layout *l)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < RH_PARTS; i++) {
		struct json_object *o = json_object_new_object();

		rh_json_add_str(o, "name", rh_part_names[i]);
		rh_json_add_int(o, "start", l->part[i].start);
		rh_json_add_int(o, "sectors", l->part[i].count);
		rh_json_add_int(o, "data_start", l->data[i].start);
		rh_json_add_int(o, "data_sectors", l->data[i].count);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *layout(const struct rh_manifest *m)
{
	struct json_object *o = json_object_new_object(), *arrays = json_object_new_object(),
			   *lvs = json_object_new_object();
	char text[RH_UUID_TEXT];
	struct rh_md boot, pv;

	rh_md_arrays(m->layout, m->plan->recipe.seed, m->epoch, &boot, &pv);
	rh_json_add_int(o, "sector_size", RH_SECTOR);
	rh_json_add_int(o, "sectors", m->layout->disk_sectors);
	json_object_object_add(o, "partitions", partitions(m->layout));
	rh_uuid_md_text(&boot.uuid, text);
	rh_json_add_str(arrays, "boot", text);
	rh_uuid_md_text(&pv.uuid, text);
	rh_json_add_str(arrays, "pv", text);
	json_object_object_add(o, "arrays", arrays);
	rh_json_add_int(lvs, "root", m->layout->root);
	rh_json_add_int(lvs, "var", m->layout->var);
	rh_json_add_int(lvs, "swap", m->layout->swap);
	json_object_object_add(o, "volumes", lvs);
	return o;
}

static struct json_object *build_json(const struct rh_manifest *m)
{
	const struct rh_recipe *r = &m->plan->recipe;
	struct json_object *o = json_object_new_object(), *overlays = json_object_new_array(),
			   *files = json_object_new_object();
	const char *const names[2] = {"a.img", "b.img"};

	rh_json_add_int(o, "version", 1);
	rh_json_add_str(o, "recipe", r->name);
	rh_json_add_str(o, "description", r->description);
	rh_json_add_str(o, "release", r->release);
	rh_json_add_str(o, "arch", r->arch);
	rh_json_add_str(o, "kernel", m->kver);
	rh_json_add_int(o, "source_date_epoch", m->epoch);
	rh_json_add_str(o, "key", m->key);
	json_object_object_add(o, "machine", machine(r));
	for (size_t i = 0; i < m->plan->n_overlays; i++)
		json_object_array_add(overlays, json_object_new_string(m->plan->overlays[i].name));
	json_object_object_add(o, "overlays", overlays);
	json_object_object_add(o, "layout", layout(m));
	for (int i = 0; i < 2; i++) {
		struct json_object *f = json_object_new_object();

		rh_json_add_int(f, "size", m->layout->disk_sectors * RH_SECTOR);
		rh_json_add_str(f, "sha256", m->digest[i]);
		json_object_object_add(files, names[i], f);
	}
	json_object_object_add(o, "files", files);
	json_object_object_add(o, "packages", rh_manifest_packages(m->dpkg));
	return o;
}

int rh_manifest_write(const struct rh_manifest *m, const char *dir, struct rh_err *err)
{
	RH_FREE char *manifest = rh_xasprintf("%s/manifest.json", dir);
	RH_FREE char *sums = rh_xasprintf("%s/SHA256SUMS", dir);
	RH_FREE char *lines = rh_xasprintf("%s  a.img\n%s  b.img\n", m->digest[0], m->digest[1]);
	struct json_object *o = build_json(m);
	RH_STR struct rh_str text = {0};
	int r = rh_file_write(AT_FDCWD, sums, 0644, lines, strlen(lines), err);

	rh_str_add(&text, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								JSON_C_TO_STRING_NOSLASHESCAPE));
	rh_str_addc(&text, '\n');
	if (r == 0)
		r = rh_file_write(AT_FDCWD, manifest, 0644, text.data, text.len, err);
	json_object_put(o);
	return r;
}

int rh_manifest_load(const char *dir, struct rh_json **out, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/manifest.json", dir);
	struct rh_diags d = {0};
	int r = 0;

	if (!rh_exists(AT_FDCWD, path))
		return rh_err_set(err, ENOENT, "%s has no manifest", dir);
	if (rh_json_load(AT_FDCWD, path, path, out, &d) < 0)
		r = rh_err_set(err, EINVAL, "%s is damaged", path);
	rh_diags_free(&d);
	return r;
}

static uint64_t number(struct json_object *o, const char *key)
{
	int64_t n = rh_json_int(o, key, 0);

	return n > 0 ? (uint64_t)n : 0;
}

static bool within(const struct rh_extent *x, uint64_t from, uint64_t to)
{
	return x->count > 0 && x->start >= from && x->start < to && x->count <= to - x->start;
}

static bool is_layout(const struct rh_layout *l)
{
	uint64_t at = RH_ALIGN;

	if (l->disk_sectors < 2 * RH_ALIGN || l->disk_sectors > INT64_MAX / RH_SECTOR)
		return false;
	for (int i = 0; i < RH_PARTS; i++) {
		if (!within(&l->part[i], at, l->disk_sectors - RH_ALIGN + 1) ||
		    !within(&l->data[i], l->part[i].start, l->part[i].start + l->part[i].count))
			return false;
		at = l->part[i].start + l->part[i].count;
	}
	return l->part[RH_PART_BOOT].count - l->data[RH_PART_BOOT].count >= RH_BOOT_TAIL &&
	       l->data[RH_PART_PV].start - l->part[RH_PART_PV].start >= RH_PV_DATA_OFFSET;
}

int rh_manifest_layout(const struct rh_json *manifest, struct rh_layout *out, struct rh_err *err)
{
	struct json_object *o = rh_json_at(rh_json_root(manifest), "layout");
	struct json_object *parts = rh_json_at(o, "partitions"), *lvs = rh_json_at(o, "volumes");
	struct rh_layout l = {.disk_sectors = number(o, "sectors"),
			      .root = number(lvs, "root"),
			      .var = number(lvs, "var"),
			      .swap = number(lvs, "swap")};
	bool ok = json_object_is_type(parts, json_type_array) &&
		  json_object_array_length(parts) == RH_PARTS &&
		  number(o, "sector_size") == RH_SECTOR;

	for (size_t i = 0; ok && i < RH_PARTS; i++) {
		struct json_object *p = json_object_array_get_idx(parts, i);

		ok = !strcmp(rh_json_str(p, "name", ""), rh_part_names[i]);
		l.part[i] = (struct rh_extent){number(p, "start"), number(p, "sectors")};
		l.data[i] = (struct rh_extent){number(p, "data_start"), number(p, "data_sectors")};
	}
	if (!ok || !is_layout(&l))
		return rh_err_set(err, EINVAL, "%s: its layout is none of this program's",
				  rh_json_name(manifest));
	*out = l;
	return 0;
}

int rh_manifest_key(const char *dir, char key[RH_SHA256_HEX], struct rh_err *err)
{
	struct rh_json *j = NULL;
	const char *text;
	int r = rh_manifest_load(dir, &j, err);

	text = r == 0 ? rh_json_str(rh_json_root(j), "key", "") : "";
	if (r == 0 && strlen(text) != RH_SHA256_HEX - 1)
		r = rh_err_set(err, EINVAL, "%s has no key", rh_json_name(j));
	if (r == 0)
		memcpy(key, text, RH_SHA256_HEX);
	rh_json_free(&j);
	return r;
}

int rh_manifest_replaceable(const char *dir, struct rh_err *err)
{
	static const char *const own[] = {"SHA256SUMS", "a.img", "b.img", "manifest.json"};
	RH_STRV struct rh_strv names = {0};
	struct stat st;
	int r;

	if (lstat(dir, &st) < 0)
		return errno == ENOENT ? 0 : rh_err_errno(err, errno, "cannot look at %s", dir);
	if (!S_ISDIR(st.st_mode))
		return rh_err_set(err, ENOTDIR, "%s is no folder: choose another with -o", dir);
	r = rh_list_dir(AT_FDCWD, dir, &names, err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		size_t k = 0;

		while (k < 4 && strcmp(names.v[i], own[k]) != 0)
			k++;
		if (k == 4)
			r = rh_err_set(err, EEXIST,
				       "%s holds %s, which is no part of a pair and would be lost: "
				       "move it away, or choose another folder with -o",
				       dir, names.v[i]);
	}
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reader of manifest.json for the rehearsal. See pair.h.
 *
 * The manifest is ours but may be of another version: what is missing is taken from the recipe, and
 * what is still missing then has a default, except the overlays, without which nothing can be
 * proved.
 */
#include "builder/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/json.h"

static void fill(char **dest, struct json_object *o, const char *key)
{
	const char *text = o ? rh_json_str(o, key, NULL) : NULL;

	if (!*dest && text && *text)
		*dest = rh_xstrdup(text);
}

static void fill_number(unsigned *dest, struct json_object *o, const char *key)
{
	int64_t v = o ? rh_json_int(o, key, 0) : 0;

	if (!*dest && v > 0 && v <= 1 << 20)
		*dest = (unsigned)v;
}

static void read_description(struct rh_pair *p, struct json_object *root)
{
	struct json_object *machine = rh_json_get(root, "machine");
	struct json_object *disk = rh_json_get(root, "disk");
	struct json_object *list = rh_json_get(root, "overlays");
	bool have = p->overlays.n > 0;

	fill(&p->vendor, machine, "vendor");
	fill(&p->model, machine, "model");
	fill(&p->nic, machine, "nic");
	fill_number(&p->memory_mib, machine, "memory_mib");
	fill_number(&p->cpus, machine, "cpus");
	fill(&p->disk_model, machine, "disk_model");
	if (json_object_is_type(disk, json_type_object))
		fill(&p->disk_model, disk, "model");
	if (have || !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *name = json_object_is_type(o, json_type_object)
				       ? rh_json_str(o, "name", "")
				       : json_object_get_string(o);

		if (name && *name && !strchr(name, '/') && *name != '.')
			rh_strv_add(&p->overlays, name);
	}
}

static int read_json(struct rh_pair *p, const char *path, struct rh_diags *d)
{
	struct rh_json *j = NULL;
	struct json_object *root, *recipe;
	int r = rh_json_load(AT_FDCWD, path, path, &j, d);

	if (r < 0)
		return r;
	root = rh_json_root(j);
	if (json_object_is_type(root, json_type_object)) {
		recipe = rh_json_get(root, "recipe");
		if (json_object_is_type(recipe, json_type_string))
			fill(&p->recipe, root, "recipe");
		else if (json_object_is_type(recipe, json_type_object))
			fill(&p->recipe, recipe, "name");
		else
			fill(&p->recipe, root, "name");
		read_description(p, root);
		if (json_object_is_type(recipe, json_type_object))
			read_description(p, recipe);
	}
	rh_json_free(&j);
	return 0;
}

static void fill_default(char **dest, const char *text)
{
	if (!*dest)
		*dest = rh_xstrdup(text);
}

/* QEMU's device name goes into an option list: letters, digits, - and _ only. */
static bool is_device(const char *name)
{
	return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
					  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static int check_image(struct rh_pair *p, int i, struct rh_diags *d)
{
	p->image[i] = rh_xasprintf("%s/%c.img", p->dir, "ab"[i]);
	if (stat(p->image[i], &p->st[i]) < 0 || access(p->image[i], R_OK) < 0) {
		int code = errno;

		rh_diag_add(d, p->image[i], 0, "", "make the pair with rehome build",
			    "the disk image cannot be read: %s", strerror(code));
		return -EINVAL;
	}
	if (S_ISREG(p->st[i].st_mode) && p->st[i].st_size >= 1 << 20)
		return 0;
	rh_diag_add(d, p->image[i], 0, "", "make the pair with rehome build",
		    "this is no raw disk image");
	return -EINVAL;
}

int rh_pair_load(const char *dir, const char *recipe, struct rh_pair *out, struct rh_diags *d)
{
	RH_FREE char *manifest = NULL;
	int r = 0;

	*out = (struct rh_pair){.dir = realpath(dir, NULL)};
	if (!out->dir) {
		rh_diag_add(d, dir, 0, "", "make the pair with rehome build",
			    "the folder of the pair cannot be opened: %s", strerror(errno));
		return -EINVAL;
	}
	for (int i = 0; i < 2; i++)
		if (check_image(out, i, d) < 0)
			r = -EINVAL;
	manifest = rh_xasprintf("%s/manifest.json", out->dir);
	if ((!recipe || rh_exists(AT_FDCWD, manifest)) && read_json(out, manifest, d) < 0)
		r = -EINVAL;
	if (recipe && read_json(out, recipe, d) < 0)
		r = -EINVAL;
	if (r == 0 && out->overlays.n == 0) {
		rh_diag_add(d, manifest, 0, "overlays", "name the recipe after the folder",
			    "the manifest does not tell which overlays are in the image");
		r = -EINVAL;
	}
	fill_default(&out->recipe, "unknown");
	fill_default(&out->vendor, "HP");
	fill_default(&out->model, "HP Z440 Workstation");
	fill_default(&out->disk_model, "WDC WD40EFRX");
	fill_default(&out->nic, "e1000e");
	if (!is_device(out->nic)) {
		rh_diag_add(d, manifest, 0, "machine.nic", "such as e1000e",
			    "\"%s\" is no name of a network card", out->nic);
		r = -EINVAL;
	}
	return r;
}

const char *rh_pair_changed(const struct rh_pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct stat st;

		if (stat(p->image[i], &st) < 0 || st.st_size != p->st[i].st_size ||
		    st.st_mtim.tv_sec != p->st[i].st_mtim.tv_sec ||
		    st.st_mtim.tv_nsec != p->st[i].st_mtim.tv_nsec || st.st_ino != p->st[i].st_ino)
			return p->image[i];
	}
	return NULL;
}

static size_t add_ports(struct json_object *list, uint16_t *ports, size_t have, size_t n)
{
	for (size_t i = 0; i < json_object_array_length(list) && have < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		int64_t port = rh_json_int(o, "port", 0);
		bool doubled = false;

		for (size_t k = 0; k < have; k++)
			doubled |= ports[k] == port;
		if (!doubled && port > 0 && port < 65536 &&
		    strcmp(rh_json_str(o, "protocol", "tcp"), "tcp") == 0)
			ports[have++] = (uint16_t)port;
	}
	return have;
}

size_t rh_pair_ports(const struct rh_pair *p, const char *data_dir, uint16_t *ports, size_t n,
		     struct rh_diags *d)
{
	size_t have = 0;

	for (size_t i = 0; i < p->overlays.n; i++) {
		RH_FREE char *path =
		    rh_xasprintf("%s/overlays/%s/overlay.json", data_dir, p->overlays.v[i]);
		struct rh_json *j = NULL;
		struct json_object *list;

		if (rh_json_load(AT_FDCWD, path, path, &j, d) == 0) {
			list = rh_json_get(rh_json_root(j), "ports");
			if (json_object_is_type(list, json_type_array))
				have = add_ports(list, ports, have, n);
		}
		rh_json_free(&j);
	}
	return have;
}

void rh_pair_free(struct rh_pair *p)
{
	char **strings[] = {&p->dir,	&p->image[0], &p->image[1],   &p->recipe,
			    &p->vendor, &p->model,    &p->disk_model, &p->nic};

	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		free(*strings[i]);
	rh_strv_free(&p->overlays);
	*p = (struct rh_pair){0};
}

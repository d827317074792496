// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading the overlays of the image; the contract is in overlay.h. */
#include "rootfs/setup/overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/setup.h"

#define RH_PATH_ORDER "/usr/share/rehome/overlays.order"
#define TEXT_MAX      (4u * 1024 * 1024)
#define BROKEN_HINT   "the image is damaged or was edited by hand: restore this file from the build"

static size_t array_len(struct json_object *o)
{
	return o && json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}

/* The strings of array KEY; with MEMBER, that member of each object in it. */
static const char **string_list(struct rh_setup *s, struct json_object *root, const char *key,
				const char *member, size_t *ret_n)
{
	struct json_object *list = rh_json_get(root, key);
	size_t n = array_len(list), kept = 0;
	const char **v = rh_arena_alloc(s->arena, (n + 1) * sizeof *v);

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *text = NULL;

		if (member)
			text = rh_json_str(one, member, NULL);
		else if (json_object_is_type(one, json_type_string))
			text = json_object_get_string(one);
		if (text)
			v[kept++] = text;
	}
	*ret_n = kept;
	return v;
}

static void fault(struct rh_setup_overlay *o, struct rh_diags *d, const char *where,
		  const char *text, const char *subject)
{
	rh_diag_add(d, rh_json_name(o->json), rh_json_line(o->json, where), where, BROKEN_HINT,
		    "%s: %s", subject, text);
}

static bool good_path(const char *path)
{
	return path[0] == '/' && path[1] && !strstr(path, "/../") && !strstr(path, "//") &&
	       path[strlen(path) - 1] != '/' &&
	       (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

static bool good_name(const char *name)
{
	return *name && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name);
}

static bool parse_mode(const char *text, mode_t *mode)
{
	char *end;
	unsigned long v = strtoul(text, &end, 8);

	if (!*text || *end || v > 0777)
		return false;
	*mode = (mode_t)v;
	return true;
}

static void load_template(struct rh_setup *s, struct rh_setup_overlay *o, size_t i,
			  struct json_object *j, struct rh_diags *d)
{
	struct rh_setup_template *t = &o->templates[i];
	const char *where = rh_arena_printf(s->arena, "templates[%zu]", i);
	struct rh_err err = {{0}};

	t->from = rh_json_str(j, "from", "");
	t->to = rh_json_str(j, "to", "");
	t->owner = rh_json_str(j, "owner", "root");
	t->group = rh_json_str(j, "group", "root");
	t->path = rh_arena_printf(s->arena, "%s/templates/%s", o->dir, t->from);
	if (!parse_mode(rh_json_str(j, "mode", "0644"), &t->mode))
		fault(o, d, where, "the mode is not octal digits up to 0777", t->to);
	if (!good_path(t->to))
		fault(o, d, where, "the target is not a plain absolute path", t->to);
	if (!*t->from || t->from[0] == '/' || strstr(t->from, ".."))
		fault(o, d, where, "the source is not a file below templates/", t->from);
	else if (rh_file_read(s->root, rh_rel(t->path), TEXT_MAX, &t->text, &err) < 0)
		fault(o, d, where, err.text, t->from);
}

static void load_templates(struct rh_setup *s, struct rh_setup_overlay *o, struct rh_diags *d)
{
	struct json_object *list = rh_json_get(rh_json_root(o->json), "templates");

	o->n_templates = array_len(list);
	o->templates = rh_arena_alloc(s->arena, (o->n_templates + 1) * sizeof *o->templates);
	for (size_t i = 0; i < o->n_templates; i++)
		load_template(s, o, i, json_object_array_get_idx(list, i), d);
}

static void load_ports(struct rh_setup *s, struct rh_setup_overlay *o, struct rh_diags *d)
{
	struct json_object *list = rh_json_get(rh_json_root(o->json), "ports");

	o->n_ports = array_len(list);
	o->ports = rh_arena_alloc(s->arena, (o->n_ports + 1) * sizeof *o->ports);
	for (size_t i = 0; i < o->n_ports; i++) {
		struct json_object *j = json_object_array_get_idx(list, i);
		int64_t port = rh_json_int(j, "port", 0);
		const char *protocol = rh_json_str(j, "protocol", "tcp");
		const char *where = rh_arena_printf(s->arena, "ports[%zu]", i);

		if (port < 1 || port > 65535 ||
		    (strcmp(protocol, "tcp") && strcmp(protocol, "udp")))
			fault(o, d, where, "a port is 1 to 65535 with tcp or udp", "port");
		o->ports[i].port = (unsigned)port;
		o->ports[i].protocol = protocol;
		o->ports[i].what = rh_json_str(j, "what", "");
	}
}

static void load_users(struct rh_setup *s, struct rh_setup_overlay *o, struct rh_diags *d)
{
	struct json_object *list = rh_json_get(rh_json_root(o->json), "users");

	o->n_users = array_len(list);
	o->users = rh_arena_alloc(s->arena, (o->n_users + 1) * sizeof *o->users);
	for (size_t i = 0; i < o->n_users; i++) {
		struct json_object *j = json_object_array_get_idx(list, i);
		struct rh_setup_user *u = &o->users[i];
		const char *where = rh_arena_printf(s->arena, "users[%zu]", i);

		u->name = rh_json_str(j, "name", "");
		u->uid = rh_json_int(j, "uid", -1);
		u->gid = rh_json_int(j, "gid", u->uid);
		u->home = rh_json_str(j, "home", "/nonexistent");
		u->shell = rh_json_str(j, "shell", "/usr/sbin/nologin");
		if (!good_name(u->name) || u->uid < 1 || u->uid > 60000 || u->gid < 1 ||
		    u->gid > 60000 || !good_path(u->home) || !good_path(u->shell))
			fault(o, d, where, "a user has a name, a uid and gid of 1 to 60000, a home",
			      u->name);
	}
}

static void load_hook(struct rh_setup *s, struct rh_setup_overlay *o, struct rh_diags *d)
{
	const char *path = rh_arena_printf(s->arena, "%s/apply", o->dir);
	struct rh_err err = {{0}};
	struct stat st;

	if (fstatat(s->root, rh_rel(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	o->has_hook = true;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		rh_diag_add(d, path, 0, "", "make it executable: chmod 0755",
			    "the apply hook cannot be run");
	else if (rh_file_read(s->root, rh_rel(path), TEXT_MAX, &o->hook_text, &err) < 0)
		rh_diag_add(d, path, 0, "", BROKEN_HINT, "%s", err.text);
}

static void load_overlay(struct rh_setup *s, struct rh_setup_overlay *o, const char *name,
			 struct rh_diags *d)
{
	const char *file;
	struct rh_err err = {{0}};
	struct json_object *root;
	size_t before = d->n;

	o->name = rh_arena_strdup(s->arena, name);
	o->dir = rh_arena_printf(s->arena, RH_PATH_OVERLAYS "/%s", name);
	file = rh_arena_printf(s->arena, "%s/overlay.json", o->dir);
	if (rh_file_read(s->root, rh_rel(file), RH_JSON_MAX, &o->json_text, &err) < 0) {
		rh_diag_add(d, file, 0, "", BROKEN_HINT, "%s", err.text);
		return;
	}
	if (rh_json_parse(o->json_text.data, o->json_text.len, file, &o->json, d) < 0) {
		if (d->n == before)
			rh_diag_add(d, file, 0, "", BROKEN_HINT, "this is not JSON");
		return;
	}
	root = rh_json_root(o->json);
	if (strcmp(rh_json_str(root, "name", ""), name) != 0)
		fault(o, d, "name", "it does not have the name of its folder", name);
	o->needs = string_list(s, root, "needs", NULL, &o->n_needs);
	o->services = string_list(s, root, "services", NULL, &o->n_services);
	o->secrets = string_list(s, root, "secrets", "name", &o->n_secrets);
	for (size_t i = 0; i < o->n_secrets; i++)
		if (!good_name(o->secrets[i]))
			fault(o, d, "secrets", "a secret's name is a-z 0-9 - _ .", o->secrets[i]);
	load_templates(s, o, d);
	load_ports(s, o, d);
	load_users(s, o, d);
	load_hook(s, o, d);
}

/* Each overlay stands after everything it needs, or the hooks would run in the wrong order. */
static void check_order(struct rh_setup *s, struct rh_diags *d)
{
	for (size_t i = 0; i < s->n_overlays; i++) {
		struct rh_setup_overlay *o = &s->overlays[i];

		for (size_t k = 0; k < o->n_needs; k++) {
			const struct rh_setup_overlay *n = rh_setup_overlay_find(s, o->needs[k]);

			if (!n || n >= o)
				rh_diag_add(d, RH_PATH_ORDER, (unsigned)i + 1, "", BROKEN_HINT,
					    "%s needs %s, which %s", o->name, o->needs[k],
					    n ? "comes after it" : "is not in the image");
		}
	}
}

int rh_setup_overlays_load(struct rh_setup *s, struct rh_diags *d)
{
	RH_STR struct rh_str text = {0};
	struct rh_err err = {{0}};
	size_t before = d->n, max = 1;
	unsigned line = 0;
	char *rest, *name;

	if (rh_file_read(s->root, rh_rel(RH_PATH_ORDER), TEXT_MAX, &text, &err) < 0) {
		rh_diag_add(d, RH_PATH_ORDER, 0, "", "this program belongs into an image of Rehome",
			    "%s", err.text);
		return -EINVAL;
	}
	for (const char *p = text.data; *p; p++)
		max += *p == '\n';
	s->overlays = rh_xalloc(max * sizeof *s->overlays);
	for (rest = text.data; (name = strsep(&rest, "\n"));) {
		line++;
		if (!*name)
			continue;
		if (!good_name(name) || rh_setup_overlay_find(s, name)) {
			rh_diag_add(d, RH_PATH_ORDER, line, "", BROKEN_HINT,
				    "%s is no name of an overlay, or stands there twice", name);
			continue;
		}
		load_overlay(s, &s->overlays[s->n_overlays++], name, d);
	}
	check_order(s, d);
	return d->n > before ? -EINVAL : 0;
}

void rh_setup_overlays_free(struct rh_setup_overlay **v, size_t n)
{
	for (size_t i = 0; *v && i < n; i++) {
		struct rh_setup_overlay *o = &(*v)[i];

		rh_json_free(&o->json);
		rh_str_free(&o->json_text);
		rh_str_free(&o->hook_text);
		for (size_t k = 0; k < o->n_templates; k++)
			rh_str_free(&o->templates[k].text);
	}
	free(*v);
	*v = NULL;
}

const struct rh_setup_overlay *rh_setup_overlay_find(const struct rh_setup *s, const char *name)
{
	for (size_t i = 0; i < s->n_overlays; i++)
		if (!strcmp(s->overlays[i].name, name))
			return &s->overlays[i];
	return NULL;
}

bool rh_setup_overlay_needs(const struct rh_setup *s, const struct rh_setup_overlay *o,
			    const char *name)
{
	for (size_t i = 0; i < o->n_needs; i++) {
		const struct rh_setup_overlay *n = rh_setup_overlay_find(s, o->needs[i]);

		/* Only what stands before counts: so the recursion ends even on a damaged image. */
		if (!strcmp(o->needs[i], name) ||
		    (n && n < o && rh_setup_overlay_needs(s, n, name)))
			return true;
	}
	return false;
}

static bool has_secret(const struct rh_setup_overlay *o, const char *name)
{
	for (size_t i = 0; i < o->n_secrets; i++)
		if (!strcmp(o->secrets[i], name))
			return true;
	return false;
}

const struct rh_setup_overlay *
rh_setup_secret_owner(const struct rh_setup *s, const struct rh_setup_overlay *o, const char *name)
{
	if (has_secret(o, name))
		return o;
	for (size_t i = 0; i < s->n_overlays; i++)
		if (has_secret(&s->overlays[i], name) &&
		    rh_setup_overlay_needs(s, o, s->overlays[i].name))
			return &s->overlays[i];
	return NULL;
}

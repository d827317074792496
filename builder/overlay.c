/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One overlay: overlay.json and the files beside it.
 *
 * The folder is opened once and everything is reached below that descriptor, never through a link:
 * what is checked here is what the builder copies later. File modes are reduced to permission
 * bits; set-id bits are refused on files (they would be a silent root door) and dropped on
 * folders, where they only say how the workstation's own folder is shared.
 *
 * Trap: Debian's /bin, /sbin, /lib and /lib64 are links. A tar stream with a real folder of that
 * name replaces the link and the system no longer boots, so such paths are refused.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/datadir.h"
#include "builder/plan_p.h"
#include "lib/core/file.h"

/* Folders below one another in files/. */
#define DEPTH_MAX 64

struct reader {
	struct rh_loading *l;
	struct rh_loaded *v;
	int dirfd; /* the overlay's folder */
	size_t cap_files;
};

/* A fault of a file below the overlay's folder. */
static void file_fault(struct reader *r, const char *path, const char *hint, const char *text)
{
	RH_STR struct rh_str name = {0};

	rh_str_addf(&name, "%s/", r->v->shown);
	for (const char *p = path; *p; p++)
		rh_str_addc(&name, iscntrl((unsigned char)*p) ? '?' : *p);
	rh_diag_add(r->l->d, rh_str_text(&name), 0, "", hint, "%s", text);
}

static bool printable(const char *name)
{
	for (; *name; name++)
		if (iscntrl((unsigned char)*name))
			return false;
	return true;
}

static int open_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- files/ --- */

/* Where a path would do harm or be lost; NULL: fine. PATH has no leading "/". */
static const char *misplaced(struct rh_arena *arena, const char *path, const char **hint)
{
	static const char *const links[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
	static const char *const volatile_dirs[] = {"dev", "proc", "run", "sys", "tmp"};
	size_t n = strcspn(path, "/");

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		if (strlen(links[i]) == n && strncmp(path, links[i], n) == 0) {
			*hint = rh_arena_printf(arena, "write /usr/%s instead", path);
			return rh_arena_printf(arena, "/%s is a link to /usr/%s in Debian",
					       links[i], links[i]);
		}
	}
	for (size_t i = 0; i < sizeof volatile_dirs / sizeof *volatile_dirs; i++) {
		if (strlen(volatile_dirs[i]) == n && strncmp(path, volatile_dirs[i], n) == 0) {
			*hint =
			    "let tmpfiles.d make it at boot: files/usr/lib/tmpfiles.d/NAME.conf";
			return rh_arena_printf(arena, "/%s is empty at every boot",
					       volatile_dirs[i]);
		}
	}
	n += path[n] ? 1 + strcspn(path + n + 1, "/") : 0;
	if ((n == 7 && strncmp(path, "var/run", n) == 0) ||
	    (n == 8 && strncmp(path, "var/lock", n) == 0)) {
		*hint = "let tmpfiles.d make it at boot: files/usr/lib/tmpfiles.d/NAME.conf";
		return rh_arena_printf(arena, "/%.*s is a link below /run in Debian", (int)n, path);
	}
	return NULL;
}

static void add_file(struct reader *r, const char *path, const struct stat *st, const char *link)
{
	struct rh_overlay *o = &r->v->o;
	struct rh_arena *a = r->l->arena;
	mode_t bits = S_ISLNK(st->st_mode) ? 0777 : st->st_mode & 0777;

	(void)RH_GROW(o->files, o->n_files, r->cap_files);
	o->files[o->n_files++] = (struct rh_overlay_file){
	    .path = rh_arena_strdup(a, path),
	    .source = rh_arena_printf(a, "%s/files/%s", o->dir, path),
	    .mode = (st->st_mode & S_IFMT) | bits,
	    .link = link,
	};
}

/* Faults of one entry; false when it must not be looked into. */
static bool check_file(struct reader *r, const char *path, const char *shown, const struct stat *st)
{
	const char *hint = "", *text = NULL;

	if (!printable(path)) {
		file_fault(r, shown, "rename it", "has a control character in its name");
		return false;
	}
	text = misplaced(r->l->arena, path, &hint);
	if (text) {
		file_fault(r, shown, hint, text);
		return false;
	}
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode)) {
		file_fault(r, shown, "remove it; tmpfiles.d can make it at boot",
			   "is neither a file nor a folder nor a link");
		return false;
	}
	if (S_ISREG(st->st_mode) && st->st_mode & (S_ISUID | S_ISGID))
		file_fault(r, shown,
			   rh_arena_printf(r->l->arena, "chmod ug-s %s/%s", r->v->shown, shown),
			   "is set-user-id or set-group-id");
	if (!S_ISLNK(st->st_mode) && st->st_mode & S_IWOTH)
		file_fault(r, shown,
			   rh_arena_printf(r->l->arena, "chmod o-w %s/%s", r->v->shown, shown),
			   "can be written by everyone");
	return true;
}

static char *read_link(struct rh_arena *arena, int dirfd, const char *name, size_t size)
{
	char *target = rh_arena_alloc(arena, size + 2);
	ssize_t n = readlinkat(dirfd, name, target, size + 1);

	return n > 0 && (size_t)n <= size ? target : NULL; /* longer: it was changed meanwhile */
}

static void walk(struct reader *r, int dirfd, const char *below, int depth);

static void visit(struct reader *r, int dirfd, const char *below, const char *name, int depth)
{
	struct rh_arena *a = r->l->arena;
	const char *path =
	    *below ? rh_arena_printf(a, "%s/%s", below, name) : rh_arena_strdup(a, name);
	const char *shown = rh_arena_printf(a, "files/%s", path), *link = NULL;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		file_fault(r, shown, "", strerror(errno));
		return;
	}
	if (!check_file(r, path, shown, &st))
		return;
	if (!S_ISLNK(st.st_mode) && faccessat(dirfd, name, R_OK, AT_EACCESS) < 0)
		file_fault(r, shown, "make it readable for you", strerror(errno));
	if (S_ISLNK(st.st_mode)) {
		link = read_link(a, dirfd, name, (size_t)st.st_size);
		if (!link) {
			file_fault(r, shown, "", "this link cannot be read");
			return;
		}
	}
	add_file(r, path, &st, link);
	if (S_ISDIR(st.st_mode)) {
		RH_CLOSE int fd = open_dir(dirfd, name);

		if (depth >= DEPTH_MAX)
			file_fault(r, shown, "", "is nested too deeply");
		else if (fd < 0)
			file_fault(r, shown, "", strerror(errno));
		else
			walk(r, fd, path, depth + 1);
	}
}

static void walk(struct reader *r, int dirfd, const char *below, int depth)
{
	RH_STRV struct rh_strv names = {0};
	struct rh_err err = {0};

	if (rh_list_dir(dirfd, ".", &names, &err) < 0) {
		file_fault(r, rh_arena_printf(r->l->arena, "files/%s", below), "", err.text);
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		visit(r, dirfd, below, names.v[i], depth);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct rh_overlay_file *)a)->path,
		      ((const struct rh_overlay_file *)b)->path);
}

static void read_files(struct reader *r)
{
	RH_CLOSE int fd = open_dir(r->dirfd, "files");
	struct rh_overlay *o = &r->v->o;
	struct rh_overlay_file *mine;

	if (fd < 0) /* absent, or of another type, which check_entries() says */
		return;
	walk(r, fd, "", 0);
	if (o->n_files == 0)
		return;
	qsort(o->files, o->n_files, sizeof *o->files, by_path);
	mine = rh_arena_alloc(r->l->arena, o->n_files * sizeof *mine);
	memcpy(mine, o->files, o->n_files * sizeof *mine);
	free(o->files);
	o->files = mine;
}

/* --- programs and templates --- */

static void check_program(struct reader *r, const char *path)
{
	struct stat st;

	if (fstatat(r->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		file_fault(r, path, "", strerror(errno));
	else if (!printable(path))
		file_fault(r, path, "rename it", "has a control character in its name");
	else if (!S_ISREG(st.st_mode))
		file_fault(r, path, "only programs may lie here", "is not a regular file");
	else if (!(st.st_mode & S_IXUSR))
		file_fault(r, path,
			   rh_arena_printf(r->l->arena, "chmod +x %s/%s", r->v->shown, path),
			   "is not executable");
}

/* The programs in DIR; all must be executable. */
static struct rh_list read_programs(struct reader *r, const char *dir)
{
	struct rh_arena *a = r->l->arena;
	RH_STRV struct rh_strv names = {0};
	struct rh_list out = {0};
	int e = rh_list_dir(r->dirfd, dir, &names, NULL);

	if (e < 0 && e != -ENOENT && e != -ENOTDIR) /* of another type: check_entries() says so */
		file_fault(r, dir, "", strerror(-e));
	if (e < 0)
		return out;
	out.v = rh_arena_alloc(a, (names.n + 1) * sizeof *out.v);
	for (size_t i = 0; i < names.n; i++) {
		out.v[out.n++] = rh_arena_strdup(a, names.v[i]);
		check_program(r, rh_arena_printf(a, "%s/%s", dir, names.v[i]));
	}
	return out;
}

static bool has_dots(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n;

		p += *p == '/';
		n = strcspn(p, "/");
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return true;
		p += n;
	}
	return false;
}

static void check_template(struct reader *r, size_t i, const struct rh_strv *there, bool *named)
{
	struct rh_arena *a = r->l->arena;
	struct json_object *t = rh_array_at(r->v->o.json, "templates", i);
	const char *from = rh_json_str(t, "from", NULL), *to = rh_json_str(t, "to", NULL);
	const char *hint = "", *text = NULL;
	bool found = false;

	for (size_t k = 0; from && k < there->n; k++) {
		if (strcmp(there->v[k], from) == 0)
			found = named[k] = true;
	}
	if (from && !found && !strchr(from, '/'))
		rh_fault(r->l->d, r->v->doc, rh_arena_printf(a, "templates[%zu].from", i),
			 rh_hint_names(a, from, there), "there is no \"%s\" in %s/templates", from,
			 r->v->shown);
	if (!to || to[0] != '/')
		return;
	if (has_dots(to))
		text = "has a \".\" or \"..\" in it";
	else
		text = misplaced(a, to + 1, &hint);
	if (text)
		rh_fault(r->l->d, r->v->doc, rh_arena_printf(a, "templates[%zu].to", i),
			 *hint ? hint : "write the path without", "\"%s\": %s", to, text);
}

static void read_templates(struct reader *r)
{
	RH_STRV struct rh_strv there = {0};
	RH_FREE bool *named = NULL;
	struct stat st;

	if (fstatat(r->dirfd, "templates", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	    rh_list_dir(r->dirfd, "templates", &there, NULL) < 0)
		return;
	named = rh_xalloc(there.n + 1);
	for (size_t i = 0; i < rh_array_len(r->v->o.json, "templates"); i++)
		check_template(r, i, &there, named);
	for (size_t i = 0; i < there.n; i++) {
		const char *p = rh_arena_printf(r->l->arena, "templates/%s", there.v[i]);

		if (fstatat(r->dirfd, p, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			file_fault(r, p, "only templates may lie here", "is not a regular file");
		else if (!named[i] && r->v->doc)
			file_fault(r, p, "name it in \"templates\" of overlay.json, or remove it",
				   "no template has this in its \"from\"");
	}
}

/* --- the folder --- */

/* What an overlay's folder holds; anything else, such as a "file/", would be lost in silence. */
static const struct {
	const char *name;
	mode_t type;
} entries[] = {
    {"overlay.json", S_IFREG}, {"files", S_IFDIR}, {"templates", S_IFDIR}, {"health", S_IFDIR},
    {"proofs", S_IFDIR},       {"apply", S_IFREG}, {"README.md", S_IFREG},
};
#define N_ENTRIES (sizeof entries / sizeof *entries)

static void unknown_entry(struct reader *r, const char *name)
{
	const char *names[N_ENTRIES], *near;

	for (size_t k = 0; k < N_ENTRIES; k++)
		names[k] = entries[k].name;
	near = rh_did_you_mean(name, names, N_ENTRIES);
	file_fault(r, name,
		   near ? rh_arena_printf(r->l->arena, "did you mean \"%s\"?", near)
			: "an overlay holds overlay.json, files/, templates/, apply, health/, "
			  "proofs/, README.md",
		   "nothing reads this");
}

static void check_entry(struct reader *r, const char *name)
{
	struct stat st;
	size_t k = 0;

	while (k < N_ENTRIES && strcmp(name, entries[k].name) != 0)
		k++;
	if (k == N_ENTRIES)
		unknown_entry(r, name);
	else if (fstatat(r->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		 (st.st_mode & S_IFMT) != entries[k].type)
		file_fault(r, name, "",
			   entries[k].type == S_IFDIR ? "must be a folder"
						      : "must be a regular file");
	else if (strcmp(name, "apply") == 0)
		check_program(r, name);
}

static void check_entries(struct reader *r)
{
	RH_STRV struct rh_strv names = {0};
	int e = rh_list_dir(r->dirfd, ".", &names, NULL);

	if (e < 0)
		file_fault(r, "", "", strerror(-e));
	for (size_t i = 0; i < names.n; i++)
		if (names.v[i][0] != '.') /* an editor's or git's */
			check_entry(r, names.v[i]);
}

static void read_ports(struct rh_loading *l, struct rh_overlay *o)
{
	o->ports =
	    rh_arena_alloc(l->arena, (rh_array_len(o->json, "ports") + 1) * sizeof *o->ports);
	for (size_t i = 0; i < rh_array_len(o->json, "ports"); i++) {
		struct json_object *p = rh_array_at(o->json, "ports", i);

		o->ports[o->n_ports++] = (struct rh_port){
		    .port = (uint16_t)rh_json_int(p, "port", 0),
		    .protocol = rh_json_str(p, "protocol", ""),
		    .what = rh_json_str(p, "what", ""),
		};
	}
}

static void read_users(struct rh_loading *l, struct rh_overlay *o)
{
	o->users =
	    rh_arena_alloc(l->arena, (rh_array_len(o->json, "users") + 1) * sizeof *o->users);
	for (size_t i = 0; i < rh_array_len(o->json, "users"); i++) {
		struct json_object *u = rh_array_at(o->json, "users", i);

		o->users[o->n_users++] = (struct rh_user){
		    .name = rh_json_str(u, "name", ""),
		    .home = rh_json_str(u, "home", ""),
		    .shell = rh_json_str(u, "shell", "/usr/sbin/nologin"),
		    .uid = (uid_t)rh_json_int(u, "uid", 0),
		    .gid = (gid_t)rh_json_int(u, "gid", 0),
		};
	}
}

static void read_json(struct reader *r)
{
	struct rh_loading *l = r->l;
	struct rh_overlay *o = &r->v->o;
	const char *shown = rh_arena_printf(l->arena, "%s/overlay.json", r->v->shown), *name;

	if (rh_json_load(r->dirfd, "overlay.json", shown, &r->v->doc, l->d) < 0)
		return;
	rh_schema_check(l->overlay_schema, r->v->doc, l->d);
	o->json = rh_json_root(r->v->doc);
	name = rh_json_str(o->json, "name", o->name);
	if (strcmp(name, o->name) != 0)
		rh_fault(l->d, r->v->doc, "name",
			 rh_arena_printf(l->arena, "write \"%s\"", o->name),
			 "\"%s\" is not the name of the folder, \"%s\"", name, o->name);
	o->description = rh_json_str(o->json, "description", "");
	o->needs = rh_list_of(l->arena, o->json, "needs");
	o->packages = rh_list_of(l->arena, o->json, "packages");
	o->debconf = rh_list_of(l->arena, o->json, "debconf");
	o->services = rh_list_of(l->arena, o->json, "services");
	o->boot_services = rh_list_of(l->arena, o->json, "boot_services");
	o->kernel_options = rh_list_of(l->arena, o->json, "kernel_options");
	read_ports(l, o);
	read_users(l, o);
}

void rh_overlay_read(struct rh_loading *l, const char *name, size_t index)
{
	const char *dir = rh_arena_printf(l->arena, "%s/overlays/%s", l->data_dir, name);
	const char *where = rh_arena_printf(l->arena, "overlays[%zu]", index);
	RH_CLOSE int fd = open_dir(AT_FDCWD, dir);
	struct reader r = {.l = l, .dirfd = fd};

	if (fd < 0 && errno == ENOENT) {
		rh_fault(l->d, l->recipe_doc, where, rh_hint_names(l->arena, name, &l->known),
			 "there is no overlay \"%s\"", name);
		return;
	}
	if (fd < 0) {
		rh_fault(l->d, l->recipe_doc, where, "", "overlay \"%s\": %s", name,
			 errno == ENOTDIR || errno == ELOOP ? "must be a folder, not a link or file"
							    : strerror(errno));
		return;
	}
	(void)RH_GROW(l->v, l->n, l->cap);
	r.v = &l->v[l->n++];
	*r.v = (struct rh_loaded){.at = index, .shown = rh_shown_path(l->arena, dir)};
	r.v->o.name = rh_arena_strdup(l->arena, name);
	r.v->o.dir = dir;
	read_json(&r);
	check_entries(&r);
	read_files(&r);
	read_templates(&r);
	r.v->o.health = read_programs(&r, "health");
	r.v->o.proofs = read_programs(&r, "proofs");
}

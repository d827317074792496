/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data folder and the recipe that the user means.
 *
 * Trap: the program may be started through a link or from PATH, so its place is asked from the
 * kernel and not taken from argv[0].
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/datadir.h"
#include "lib/core/diag.h"
#include "lib/core/file.h"

#define INSTALLED "/usr/share/rehome"

static bool has_recipes(const char *dir)
{
	RH_FREE char *p = rh_xasprintf("%s/recipes", dir);

	return rh_exists(AT_FDCWD, p);
}

int rh_data_dir(char **out, struct rh_err *err)
{
	RH_FREE char *exe = realpath("/proc/self/exe", NULL);

	for (int i = 0; exe && i < 3; i++) { /* TREE/build/bin/rehome → TREE */
		char *slash = strrchr(exe, '/');

		if (slash)
			*slash = '\0';
	}
	if (exe && *exe && has_recipes(exe))
		*out = rh_xstrdup(exe);
	else if (has_recipes(INSTALLED))
		*out = rh_xstrdup(INSTALLED);
	else
		return rh_err_set(
		    err, ENOENT,
		    "no recipes found, neither beside this program's tree nor in " INSTALLED
		    "; name their folder with --data DIR");
	return 0;
}

static bool ends_in_json(const char *s)
{
	size_t n = strlen(s);

	return n > 5 && strcmp(s + n - 5, ".json") == 0;
}

static int no_recipe(const char *data_dir, const char *arg, struct rh_err *err)
{
	RH_FREE char *dir = rh_xasprintf("%s/recipes", data_dir);
	RH_STRV struct rh_strv files = {0}, names = {0};
	RH_STR struct rh_str all = {0};
	const char *near;
	int r = rh_list_dir(AT_FDCWD, dir, &files, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < files.n; i++) {
		size_t n = strlen(files.v[i]);

		if (!ends_in_json(files.v[i]) || strstr(files.v[i], ".schema.json"))
			continue;
		rh_strv_addf(&names, "%.*s", (int)n - 5, files.v[i]);
		rh_str_addf(&all, "%s%s", all.len > 0 ? ", " : "", names.v[names.n - 1]);
	}
	near = rh_did_you_mean(arg, (const char *const *)names.v, names.n);
	if (near)
		return rh_err_set(err, ENOENT,
				  "there is no recipe \"%s\" in %s; did you mean \"%s\"?", arg, dir,
				  near);
	return rh_err_set(err, ENOENT, "there is no recipe \"%s\" in %s; there are: %s", arg, dir,
			  all.len > 0 ? all.data : "none");
}

int rh_recipe_path(const char *data_dir, const char *arg, char **out, struct rh_err *err)
{
	RH_FREE char *path = NULL;

	if (strchr(arg, '/') || ends_in_json(arg)) {
		*out = rh_xstrdup(arg);
		return 0;
	}
	path = rh_xasprintf("%s/recipes/%s.json", data_dir, arg);
	if (!rh_exists(AT_FDCWD, path))
		return no_recipe(data_dir, arg, err);
	*out = rh_xstrdup(path);
	return 0;
}

const char *rh_shown_path(struct rh_arena *arena, const char *path)
{
	RH_FREE char *cwd = getcwd(NULL, 0);
	size_t n = cwd ? strlen(cwd) : 0;

	if (n > 1 && strncmp(path, cwd, n) == 0 && path[n] == '/')
		path += n + 1;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return rh_arena_strdup(arena, path);
}

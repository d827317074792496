// SPDX-License-Identifier: GPL-2.0-or-later
/* The cache's places; the contract is in cache.h. */
#include "builder/cache.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/core/file.h"

static int cache_root(char **out, struct rh_err *err)
{
	const char *own = getenv("RH_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (own && *own && *own != '/')
		return rh_err_set(err, EINVAL, "RH_CACHE=%s: write the whole path", own);
	if (own && *own) {
		*out = rh_xstrdup(own);
		return 0;
	}
	if (xdg && *xdg == '/') {
		*out = rh_xasprintf("%s/rehome", xdg);
		return 0;
	}
	if (!home || *home != '/') {
		pw = getpwuid(getuid());
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home || *home != '/')
		return rh_err_set(err, ENOENT, "no home folder for the cache: set RH_CACHE");
	*out = rh_xasprintf("%s/.cache/rehome", home);
	return 0;
}

static int cache_dir(const char *kind, char **out, struct rh_err *err)
{
	RH_FREE char *root = NULL;
	int r = cache_root(&root, err);

	if (r < 0)
		return r;
	*out = rh_xasprintf("%s/%s", root, kind);
	return rh_mkdirs(AT_FDCWD, *out, 0755, err);
}

int rh_cache_path(const char *kind, const char *key, const char *ext, char **out,
		  struct rh_err *err)
{
	RH_FREE char *dir = NULL;
	int r = cache_dir(kind, &dir, err);

	if (r == 0)
		*out = rh_xasprintf("%s/%.32s%s", dir, key, ext);
	return r;
}

int rh_cache_scratch(const char *kind, struct rh_scratch *s, struct rh_err *err)
{
	RH_FREE char *dir = NULL, *prefix = NULL;
	int r = cache_dir(kind, &dir, err);

	if (r < 0)
		return r;
	prefix = rh_xasprintf("%s/tmp-", dir);
	return rh_scratch_make(s, prefix, err);
}

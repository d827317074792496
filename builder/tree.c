// SPDX-License-Identifier: GPL-2.0-or-later
/* Root trees by mmdebstrap; the contract is in tree.h. */
#include "builder/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "builder/cache.h"
#include "builder/mirror.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

/* Part of the key: change it when the options below change what a tree contains. */
#define TREE_FORMAT "1"

static const char *const options[] = {
    "--variant=minbase",
    "--format=tar",
    "--verbose", /* the lines of dpkg are our progress */
    "--aptopt=APT::Install-Recommends \"false\"",
    "--aptopt=Acquire::Languages \"none\"",
    "--aptopt=Acquire::Retries \"3\"",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-include=/usr/share/locale/ja/*",
    "--dpkgopt=path-include=/usr/share/locale/locale.alias",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-include=/usr/share/man/man*",
    "--dpkgopt=path-include=/usr/share/man/ja/*",
};

void rh_tree_key(const struct rh_tree_spec *spec, char key[RH_SHA256_HEX])
{
	struct rh_digest *d = rh_digest_new();

	rh_digest_part(d, "format", TREE_FORMAT, strlen(TREE_FORMAT));
	rh_digest_part(d, "release", spec->release, strlen(spec->release));
	rh_digest_part(d, "arch", spec->arch, strlen(spec->arch));
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		rh_digest_part(d, "option", options[i], strlen(options[i]));
	for (size_t i = 0; i < spec->packages.n; i++)
		rh_digest_part(d, "package", spec->packages.v[i], strlen(spec->packages.v[i]));
	for (size_t i = 0; i < spec->debconf.n; i++)
		rh_digest_part(d, "debconf", spec->debconf.v[i], strlen(spec->debconf.v[i]));
	rh_digest_final(&d, key);
}

bool rh_tree_cached(const struct rh_tree_spec *spec)
{
	RH_FREE char *tar = NULL;
	char key[RH_SHA256_HEX];
	struct rh_err err;

	rh_tree_key(spec, key);
	return rh_cache_path("tree", key, ".tar", &tar, &err) == 0 && rh_exists(AT_FDCWD, tar);
}

/* apt says "…, N newly installed, …" once or twice; then each package is unpacked and set up. */
struct install_progress {
	struct rh_progress *progress;
	FILE *log;
	unsigned total, done;
};

static void on_line(void *arg, const char *line)
{
	struct install_progress *ip = arg;
	const char *p;

	if (ip->log)
		fprintf(ip->log, "%s\n", line);
	p = strstr(line, " newly installed");
	if (p) {
		while (p > line && p[-1] >= '0' && p[-1] <= '9')
			p--;
		ip->total += 3 * (unsigned)strtoul(p, NULL, 10);
	}
	if (!strncmp(line, "Get:", 4) || !strncmp(line, "Unpacking ", 10) ||
	    !strncmp(line, "Setting up ", 11))
		ip->done++;
	if (ip->progress && ip->total)
		rh_progress_at(ip->progress, ip->done, ip->total, NULL);
}

static int write_debconf(const char *dir, const struct rh_tree_spec *spec, char **path,
			 struct rh_err *err)
{
	RH_STR struct rh_str text = {0};

	for (size_t i = 0; i < spec->debconf.n; i++)
		rh_str_addf(&text, "%s\n", spec->debconf.v[i]);
	*path = rh_xasprintf("%s/debconf", dir);
	return rh_file_write(AT_FDCWD, *path, 0644, rh_str_text(&text), text.len, err);
}

static void add_spec(struct rh_strv *argv, const struct rh_tree_spec *spec, const char *debconf)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		rh_strv_add(argv, options[i]);
	rh_strv_addf(argv, "--architectures=%s", spec->arch);
	for (size_t i = 0; i < spec->packages.n; i++)
		rh_strv_addf(argv, "--include=%s", spec->packages.v[i]);
	/* The hook is mmdebstrap's interface. The path in it is ours, made by mkdtemp below the
	 * cache; it is passed by environment, not pasted into the command. */
	if (spec->debconf.n && debconf)
		rh_strv_add(argv, "--essential-hook=chroot \"$1\" debconf-set-selections "
				  "<\"$RH_DEBCONF\"");
}

static int install(const struct rh_tree_spec *spec, const struct rh_tree_options *o,
		   const char *scratch, const char *tar, struct rh_err *err)
{
	RH_STRV struct rh_strv argv = {0}, mirror = {0};
	RH_FREE char *debconf = NULL, *env_debconf = NULL, *log = NULL;
	struct install_progress ip = {.progress = o->progress};
	/* INITRD is read by Debian's kernel hook of dracut. The user's own PATH may put other
	 * interpreters before the system's, which mmdebstrap's helpers were not written for. */
	const char *env[4] = {"INITRD=No", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
	int r = rh_mirror_lines(spec->release, o->mirror, o->security, &mirror, err);

	if (r == 0)
		r = write_debconf(scratch, spec, &debconf, err);
	if (r < 0)
		return r;
	env_debconf = rh_xasprintf("RH_DEBCONF=%s", debconf);
	env[2] = env_debconf;
	rh_strv_add(&argv, "mmdebstrap");
	rh_strv_addf(&argv, "--mode=%s", geteuid() == 0 ? "root" : "unshare");
	add_spec(&argv, spec, debconf);
	rh_strv_add(&argv, spec->release);
	rh_strv_add(&argv, tar);
	for (size_t i = 0; i < mirror.n; i++)
		rh_strv_add(&argv, mirror.v[i]);
	log = rh_xasprintf("%s.log", tar);
	ip.log = fopen(log, "we");
	r = rh_proc_run(
	    &(struct rh_proc){
		.argv = (const char *const *)argv.v, .env = env, .line = on_line, .arg = &ip},
	    NULL, err);
	if (ip.log)
		fclose(ip.log);
	return r;
}

static int make_tree(const struct rh_tree_spec *spec, const struct rh_tree_options *o,
		     const char *tar, struct rh_err *err)
{
	struct rh_scratch scratch = RH_SCRATCH_INIT;
	RH_FREE char *tmp = NULL;
	int r = rh_cache_scratch("tree", &scratch, err), r2;
	struct rh_err later;

	if (r < 0)
		return r;
	tmp = rh_xasprintf("%s/root.tar", scratch.path);
	r = install(spec, o, scratch.path, tmp, err);
	if (r == 0)
		r = rh_sync_path(AT_FDCWD, tmp, err);
	if (r == 0 && rename(tmp, tar) < 0)
		r = rh_err_errno(err, errno, "cannot write %s", tar);
	if (r == 0)
		r = rh_sync_parent(AT_FDCWD, tar, err);
	r2 = rh_scratch_drop(&scratch, r < 0 ? &later : err);
	return r < 0 ? r : r2;
}

/* Two builds at once must not make the same tree twice: the second waits and finds it. A signal
 * that came just before a blocking flock() would be missed, so this one asks again and again. */
static int lock_tree(const char *tar, struct rh_progress *progress, struct rh_err *err)
{
	const struct timespec tick = {.tv_nsec = 200 * 1000000};
	RH_FREE char *path = rh_xasprintf("%s.lock", tar);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), r = 0;
	bool said = false;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot lock %s", path);
	while (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			r = rh_err_errno(err, errno, "cannot lock %s", path);
		else if (rh_interrupted())
			r = rh_err_set(err, EINTR, "interrupted while waiting for another build");
		else if (!said && progress)
			rh_progress_say(progress, "another build installs these packages: waiting");
		said = true;
		nanosleep(&tick, NULL);
	}
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

int rh_tree_get(const struct rh_tree_spec *spec, const struct rh_tree_options *o, char **tar,
		struct rh_err *err)
{
	RH_FREE char *path = NULL;
	RH_CLOSE int lock = -1;
	char key[RH_SHA256_HEX];
	int r;

	rh_tree_key(spec, key);
	r = rh_cache_path("tree", key, ".tar", &path, err);
	if (r < 0)
		return r;
	lock = lock_tree(path, o->progress, err);
	if (lock < 0)
		return lock;
	if (o->refresh || !rh_exists(AT_FDCWD, path)) {
		r = make_tree(spec, o, path, err);
		if (r < 0)
			return rh_err_prefix(err, r, "packages of %s", spec->name);
	}
	*tar = path;
	path = NULL;
	return 0;
}

static void take_list(struct json_object *o, const char *key, struct rh_arena *arena,
		      struct rh_list *out)
{
	struct json_object *a = rh_json_get(o, key);

	out->n = a && json_object_is_type(a, json_type_array) ? json_object_array_length(a) : 0;
	out->v = rh_arena_alloc(arena, (out->n + 1) * sizeof *out->v);
	for (size_t i = 0; i < out->n; i++)
		out->v[i] =
		    rh_arena_strdup(arena, json_object_get_string(json_object_array_get_idx(a, i)));
}

int rh_tree_spec_load(const char *path, struct rh_arena *arena, struct rh_tree_spec *spec,
		      struct rh_err *err)
{
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	struct json_object *o;
	int r = rh_json_load(AT_FDCWD, path, path, &j, &d);

	if (r < 0) {
		r = rh_err_set(err, -r, "%s:%u: %s", path, d.n ? d.v[0].line : 0,
			       d.n ? d.v[0].text : "cannot be read");
		rh_diags_free(&d);
		return r;
	}
	o = rh_json_root(j);
	spec->name = rh_arena_strdup(arena, rh_json_str(o, "name", path));
	spec->release = rh_arena_strdup(arena, rh_json_str(o, "release", "trixie"));
	spec->arch = rh_arena_strdup(arena, rh_json_str(o, "arch", "amd64"));
	take_list(o, "packages", arena, &spec->packages);
	take_list(o, "debconf", arena, &spec->debconf);
	rh_json_free(&j);
	return 0;
}

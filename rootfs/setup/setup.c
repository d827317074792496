// SPDX-License-Identifier: GPL-2.0-or-later
/* The context of a run and how it starts programs; the contract is in setup.h. */
#include "rootfs/setup/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"

/* A database server that starts for the first time under emulation takes minutes. */
#define RUN_TIMEOUT_S 600
#define RUN_ARGS_MAX  32

static const char *clean_root(struct rh_arena *arena, const char *root)
{
	size_t n = strlen(root);

	while (n > 1 && root[n - 1] == '/')
		n--;
	return rh_arena_strndup(arena, root, n);
}

int rh_setup_open(struct rh_setup *s, const char *root, struct rh_err *err)
{
	const char *stop = getenv("RH_STOP_AT_STEP");

	*s = (struct rh_setup){.root = -1, .lock = -1};
	s->arena = rh_arena_new();
	s->root_path = clean_root(s->arena, root && *root ? root : "/");
	s->foreign = strcmp(s->root_path, "/") != 0;
	s->tools = s->foreign ? getenv("RH_SETUP_TOOLS") : NULL;
	if (s->tools && access(s->tools, X_OK) < 0)
		s->tools = NULL;
	s->stop_at = stop ? strtoul(stop, NULL, 10) : 0;
	s->root = open(s->root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0)
		return rh_err_errno(err, errno, "cannot open the root folder %s", s->root_path);
	return 0;
}

void rh_setup_close(struct rh_setup *s)
{
	rh_json_free(&s->answers);
	rh_json_free(&s->recipe);
	rh_str_free(&s->answers_text);
	rh_str_free(&s->recipe_text);
	rh_strv_free(&s->changed);
	rh_setup_overlays_free(&s->overlays, s->n_overlays);
	rh_arena_free(&s->arena);
	rh_cleanup_close(&s->lock);
	rh_cleanup_close(&s->root);
	s->root = s->lock = -1;
}

int rh_setup_lock(struct rh_setup *s, struct rh_err *err)
{
	int r = rh_mkdirs(s->root, "run/rehome", 0755, err);

	if (r < 0)
		return r;
	s->lock = openat(s->root, "run/rehome/setup.lock",
			 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return rh_err_errno(err, errno, "cannot open /run/rehome/setup.lock");
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return rh_err_set(err, EBUSY,
				  "another rehome-setup is at work: wait until it has finished");
	return rh_err_errno(err, errno, "cannot lock /run/rehome/setup.lock");
}

void rh_setup_unlock(struct rh_setup *s)
{
	rh_cleanup_close(&s->lock);
	s->lock = -1;
}

const char *rh_rel(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

const char *rh_setup_path(struct rh_setup *s, const char *path)
{
	if (!s->foreign)
		return path;
	return rh_arena_printf(s->arena, "%s/%s", s->root_path, rh_rel(path));
}

void rh_setup_say(struct rh_setup *s, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && s->say)
		s->say(s->arg, text);
}

void rh_setup_log(struct rh_setup *s, const char *fmt, ...)
{
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && s->log)
		s->log(s->arg, text);
}

bool rh_setup_can_run(const struct rh_setup *s)
{
	return !s->dry_run && (!s->foreign || s->tools);
}

static int run_args(struct rh_setup *s, struct rh_str *out, struct rh_err *err, const char *program,
		    va_list ap)
{
	RH_FREE char *tool = NULL, *env_root = NULL;
	const char *argv[RUN_ARGS_MAX], *env[2] = {NULL, NULL};
	struct rh_proc p = {.argv = argv, .env = env, .capture = out, .timeout_s = RUN_TIMEOUT_S};
	size_t n = 1;

	if (!rh_setup_can_run(s))
		return 1;
	argv[0] = program;
	if (s->foreign) {
		tool = rh_xasprintf("%s/%s", s->tools, program);
		env_root = rh_xasprintf("RH_ROOT=%s", s->root_path);
		argv[0] = tool;
		env[0] = env_root;
	}
	while (n < RUN_ARGS_MAX && (argv[n] = va_arg(ap, const char *)))
		n++;
	if (n == RUN_ARGS_MAX)
		return rh_err_set(err, E2BIG, "too many arguments for %s", program);
	return rh_proc_run(&p, NULL, err);
}

int rh_setup_run(struct rh_setup *s, struct rh_str *out, struct rh_err *err, const char *program,
		 ...)
{
	va_list ap;
	int r;

	va_start(ap, program);
	r = run_args(s, out, err, program, ap);
	va_end(ap);
	return r;
}

int rh_setup_service(struct rh_setup *s, struct rh_err *err, const char *program, ...)
{
	va_list ap;
	int r;

	if (s->no_services)
		return 1;
	va_start(ap, program);
	r = run_args(s, NULL, err, program, ap);
	va_end(ap);
	return r;
}

const char *rh_answer(const struct rh_setup *s, const char *path)
{
	struct json_object *o = s->answers ? rh_json_at(rh_json_root(s->answers), path) : NULL;

	return o && json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One overlay: templates, apply hook, services.
 *
 * Order of the outside-visible acts, each of which may be the last before a power cut:
 *
 *     pending/NAME written → templates → hook → applied/NAME = digest of the inputs (this opens the
 *     gate of the services) → services restarted → pending/NAME removed
 *
 * So a set pending/NAME means: do it again, and restart. An overlay whose inputs have the digest
 * that it was applied with, and whose files are as rendered, is left alone; its services are only
 * started if they do not run, and at boot not even that, because systemd starts them.
 */
#include <errno.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/digest.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/scope.h"
#include "rootfs/setup/secret.h"
#include "rootfs/setup/steps.h"

#define HOOK_TIMEOUT_S 600

static void digest_str(struct rh_digest *d, const char *name, const struct rh_str *text)
{
	rh_digest_part(d, name, rh_str_text(text), text->len);
}

/* Everything that the overlay's files and its hook can depend on. The templates come as rendered:
 * so the secrets and the answers in them count. A hook may ask for any answer, so for an overlay
 * with a hook all of them count; one without is left alone when the answers that changed are not
 * its own. The certificate counts for all: it is the one file that many services read. */
static void inputs_digest(struct rh_setup *s, const struct rh_setup_overlay *o,
			  const struct rh_str *texts, char hex[RH_SHA256_HEX])
{
	struct rh_digest *d = rh_digest_new();
	RH_STR struct rh_str print = {0};

	if (o->has_hook) {
		digest_str(d, "answers", &s->answers_text);
		digest_str(d, "recipe", &s->recipe_text);
		digest_str(d, "hook", &o->hook_text);
	}
	digest_str(d, "overlay", &o->json_text);
	rh_certificate_print(s, &print);
	digest_str(d, "certificate", &print);
	for (size_t i = 0; i < o->n_templates; i++)
		digest_str(d, o->templates[i].to, &texts[i]);
	rh_digest_final(&d, hex);
}

static struct rh_target target_of(const struct rh_setup_template *t)
{
	return (struct rh_target){t->to, t->mode, t->owner, t->group};
}

/* Does any rendered file differ from what is there? 1, 0 or a negative errno. */
static int files_differ(struct rh_setup *s, const struct rh_setup_overlay *o,
			const struct rh_str *texts, struct rh_err *err)
{
	for (size_t i = 0; i < o->n_templates; i++) {
		const struct rh_target t = target_of(&o->templates[i]);
		int r = rh_change_differs(s, &t, rh_str_text(&texts[i]), texts[i].len, err);

		if (r)
			return r;
	}
	return 0;
}

static int write_files(struct rh_setup *s, const struct rh_setup_overlay *o,
		       const struct rh_str *texts, struct rh_err *err)
{
	bool units = false;
	int r = 0;

	for (size_t i = 0; i < o->n_templates; i++) {
		const struct rh_target t = target_of(&o->templates[i]);

		r = rh_change_file(s, &t, rh_str_text(&texts[i]), texts[i].len, err);
		if (r < 0)
			return r;
		units |= !strncmp(t.path, "/etc/systemd/", strlen("/etc/systemd/"));
	}
	if (units)
		r = rh_setup_service(s, err, "systemctl", "daemon-reload", NULL);
	return r < 0 ? r : 0;
}

static void hook_line(void *arg, const char *line)
{
	rh_setup_log(arg, "  %s", line);
}

static void hook_env(struct rh_setup *s, const struct rh_setup_overlay *o, struct rh_strv *env)
{
	rh_strv_addf(env, "RH_OVERLAY=%s", rh_setup_path(s, o->dir));
	rh_strv_addf(env, "RH_ANSWERS=%s", rh_setup_path(s, RH_PATH_ANSWERS));
	rh_strv_addf(env, "RH_RECIPE=%s", rh_setup_path(s, RH_PATH_RECIPE));
	rh_strv_addf(env, "RH_STATE=%s", rh_setup_path(s, RH_PATH_STATE));
	rh_strv_addf(env, "RH_SECRETS=%s", rh_setup_path(s, RH_PATH_SECRETS));
	rh_strv_addf(env, "RH_TLS=%s", rh_setup_path(s, RH_PATH_TLS));
	rh_strv_addf(env, "RH_HOSTNAME=%s", rh_answer(s, "hostname"));
	rh_strv_addf(env, "RH_DOMAIN=%s", rh_answer(s, "domain"));
	rh_strv_addf(env, "RH_ADMIN_EMAIL=%s", rh_answer(s, "admin.email"));
	if (s->foreign)
		rh_strv_addf(env, "RH_ROOT=%s", s->root_path);
}

static int run_hook(struct rh_setup *s, const struct rh_setup_overlay *o, struct rh_err *err)
{
	RH_STRV struct rh_strv env = {0};
	const char *argv[] = {rh_setup_path(s, rh_arena_printf(s->arena, "%s/apply", o->dir)),
			      NULL};
	struct rh_proc p = {.argv = argv, .cwd = "/", .timeout_s = HOOK_TIMEOUT_S};

	if (!o->has_hook)
		return 0;
	rh_change_point(s);
	if (!rh_setup_can_run(s))
		return 0;
	hook_env(s, o, &env);
	p.env = (const char *const *)env.v;
	p.line = hook_line;
	p.arg = s;
	return rh_proc_run(&p, NULL, err);
}

/* "systemctl VERB unit…" for all services of O at once. */
static int systemctl(struct rh_setup *s, const struct rh_setup_overlay *o, const char *verb,
		     struct rh_err *err)
{
	for (size_t i = 0; i < o->n_services; i++) {
		int r = rh_setup_service(s, err, "systemctl", verb, o->services[i], NULL);

		if (r < 0)
			return rh_err_prefix(err, r, "service %s (see: journalctl -u %s)",
					     o->services[i], o->services[i]);
		if (r > 0)
			return 0;
	}
	return 0;
}

/* systemctl calls a service whose gate is shut, or that died right after its start, a success. */
static int services_up(struct rh_setup *s, const struct rh_setup_overlay *o, struct rh_err *err)
{
	for (size_t i = 0; !s->no_services && i < o->n_services; i++) {
		RH_STR struct rh_str out = {0};
		int r = rh_setup_run(s, &out, err, "systemctl", "show", "--property",
				     "ActiveState,ConditionResult", o->services[i], NULL);

		if (r != 0)
			return r < 0 ? r : 0;
		if (strstr(rh_str_text(&out), "ActiveState=failed"))
			return rh_err_set(err, EIO, "service %s died: see journalctl -u %s",
					  o->services[i], o->services[i]);
		if (strstr(rh_str_text(&out), "ConditionResult=no"))
			return rh_err_set(err, EIO,
					  "service %s did not start because one of its Condition… "
					  "settings is not met: see systemctl status %s",
					  o->services[i], o->services[i]);
	}
	return 0;
}

static int deploy(struct rh_setup *s, const struct rh_setup_overlay *o, const struct rh_str *texts,
		  const char *digest, struct rh_err *err)
{
	RH_FREE char *pending = rh_xasprintf("pending/%s", o->name);
	RH_FREE char *applied = rh_xasprintf("applied/%s", o->name);
	int r = rh_marker_set(s, pending, "", err);

	if (r >= 0)
		r = write_files(s, o, texts, err);
	if (r >= 0)
		r = run_hook(s, o, err);
	if (r >= 0)
		r = rh_marker_set(s, applied, digest, err);
	if (r >= 0) {
		rh_change_point(s);
		r = systemctl(s, o, "restart", err);
	}
	if (r >= 0)
		r = services_up(s, o, err);
	if (r >= 0)
		r = rh_marker_clear(s, pending, err);
	return r < 0 ? r : 1;
}

static int step(struct rh_setup *s, const struct rh_setup_overlay *o, const struct rh_str *texts,
		struct rh_err *err)
{
	RH_FREE char *pending = rh_xasprintf("pending/%s", o->name);
	RH_FREE char *applied = rh_xasprintf("applied/%s", o->name);
	RH_STR struct rh_str have = {0};
	char digest[RH_SHA256_HEX];
	bool same;
	int r;

	inputs_digest(s, o, texts, digest);
	r = rh_marker_read(s, applied, &have, err);
	if (r < 0)
		return r;
	same = have.len == strlen(digest) + 1 && !strncmp(have.data, digest, strlen(digest));
	if (!same || rh_marker_there(s, pending))
		return deploy(s, o, texts, digest, err);
	r = files_differ(s, o, texts, err);
	if (r > 0)
		return deploy(s, o, texts, digest, err);
	return r < 0 ? r : systemctl(s, o, "start", err);
}

int rh_step_overlay(struct rh_setup *s, const struct rh_setup_overlay *o, struct rh_err *err)
{
	RH_FREE struct rh_str *texts = rh_xalloc((o->n_templates + 1) * sizeof *texts);
	struct rh_diags d = {0};
	int r;

	if (rh_scope_render(s, o, s->dry_run, texts, &d) < 0)
		r = rh_err_set(err, EINVAL, "%s:%u: %s", d.v[0].file, d.v[0].line, d.v[0].text);
	else
		r = step(s, o, texts, err);
	for (size_t i = 0; i < o->n_templates; i++)
		rh_str_free(&texts[i]);
	rh_diags_free(&d);
	return rh_err_prefix(err, r, "overlay %s", o->name);
}

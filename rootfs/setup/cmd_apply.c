// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehome-setup apply: find the answers, check everything, do the steps, say how it ended.
 *
 * The rehearsal and the wizard read the lines that begin with "rehome-setup: "; their wording is a
 * contract (rehome-setup(1), CONSOLE).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/proc.h"
#include "lib/json.h"
#include "rootfs/setup/answers.h"
#include "rootfs/setup/apply.h"
#include "rootfs/setup/cmd.h"
#include "rootfs/setup/secret.h"
#include "rootfs/setup/steps.h"

static struct json_object *faults_json(const struct rh_diags *d)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < d->n; i++) {
		struct json_object *one = json_object_new_object();

		rh_json_add_str(one, "file", d->v[i].file);
		json_object_object_add(one, "line", json_object_new_int((int)d->v[i].line));
		rh_json_add_str(one, "where", d->v[i].where);
		rh_json_add_str(one, "text", d->v[i].text);
		rh_json_add_str(one, "hint", d->v[i].hint);
		json_object_array_add(list, one);
	}
	return list;
}

/* One object for programs: how it ended, what changed, what is wrong. */
static void print_json(struct rh_setup *s, const struct rh_diags *d, const struct rh_err *err)
{
	struct json_object *o = json_object_new_object(), *changed = json_object_new_array();
	RH_STR struct rh_str cert = {0}, key = {0};
	enum rh_state state = RH_STATE_UNCONFIGURED;

	if (rh_state_read(s, &state, NULL) < 0)
		state = RH_STATE_UNCONFIGURED;
	rh_certificate_print(s, &cert);
	rh_host_key_print(s, &key);
	json_object_object_add(o, "ok", json_object_new_boolean(d->n == 0 && !*err->text));
	rh_json_add_str(o, "state", rh_state_name(state));
	if (*err->text)
		rh_json_add_str(o, "error", err->text);
	json_object_object_add(o, "faults", faults_json(d));
	for (size_t i = 0; i < s->changed.n; i++)
		json_object_array_add(changed, json_object_new_string(s->changed.v[i]));
	json_object_object_add(o, s->dry_run ? "would_change" : "changed", changed);
	if (s->answers) {
		RH_FREE char *url = rh_xasprintf("https://%s/", rh_answer(s, "hostname"));

		rh_json_add_str(o, "url", url);
	}
	rh_json_add_str(o, "certificate_sha256", rh_str_text(&cert));
	rh_json_add_str(o, "ssh_host_key", rh_str_text(&key));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void say_result(struct rh_setup *s, enum rh_state state)
{
	RH_STR struct rh_str cert = {0}, key = {0};

	rh_certificate_print(s, &cert);
	rh_host_key_print(s, &key);
	rh_setup_say(s, "state %s", rh_state_name(state));
	rh_setup_say(s, "url https://%s/", rh_answer(s, "hostname"));
	if (cert.len)
		rh_setup_say(s, "certificate SHA-256 %s", cert.data);
	if (key.len)
		rh_setup_say(s, "ssh-host-key %s", key.data);
	if (!strncmp(s->answers_name, RH_VOLUME_LABEL ":", strlen(RH_VOLUME_LABEL ":")))
		rh_setup_say(s, "next: take the volume " RH_VOLUME_LABEL " out and keep it safe: "
				"it holds the administrator's password");
	rh_setup_say(s, "next: %s", rh_state_next(s, state));
}

static void say_faults(struct rh_setup *s, const struct rh_diags *d, bool json)
{
	if (!json)
		rh_diags_print(d, s->boot ? stdout : stderr);
	rh_setup_say(s, "failed: %zu fault%s in the answers or the image, nothing was changed",
		     d->n, d->n == 1 ? "" : "s");
}

/* No answers anywhere. At boot that is how a new machine waits. */
static int no_answers(struct rh_setup *s, struct rh_err *err)
{
	enum rh_state state = RH_STATE_UNCONFIGURED;

	if (rh_state_read(s, &state, err) < 0)
		return -EINVAL;
	if (!s->boot)
		return rh_err_set(err, ENOENT,
				  "there are no answers: plug in the volume " RH_VOLUME_LABEL
				  " with " RH_VOLUME_FILE ", or use --answers FILE");
	rh_setup_say(s, "state %s", rh_state_name(state));
	rh_setup_say(s, "next: %s", rh_state_next(s, RH_STATE_UNCONFIGURED));
	return 0;
}

static void say_plan(struct rh_setup *s)
{
	rh_setup_say(s, "the answers are good; apply would change %zu things:", s->changed.n);
	for (size_t i = 0; i < s->changed.n; i++)
		rh_setup_say(s, "  %s", s->changed.v[i]);
}

static int work(struct rh_setup *s, bool import, struct rh_diags *d, struct rh_err *err)
{
	enum rh_state state;
	int r;

	if (rh_setup_load(s, d) == 0 && s->boot && rh_apply_done(s)) {
		rh_setup_log(s, "everything is applied from these answers");
	} else {
		rh_setup_check(s, d);
		if (d->n)
			return -EINVAL;
		r = rh_apply(s, err);
		if (r < 0)
			return r;
	}
	if (s->dry_run) {
		say_plan(s);
		return 0;
	}
	r = rh_state_read(s, &state, err);
	if (r < 0)
		return r;
	say_result(s, state);
	if (!import || !rh_import_wanted(s, state))
		return 0;
	/* The import wants the lock that we hold. */
	rh_setup_unlock(s);
	return rh_import_start(s, err);
}

int rh_cmd_apply(const struct rh_setup_options *o)
{
	struct rh_setup s;
	struct rh_err err = {{0}};
	struct rh_diags d = {0};
	int r = rh_setup_open(&s, o->root, &err);

	s.dry_run = o->dry_run;
	s.no_services = o->no_services;
	s.boot = o->boot;
	s.one_disk = o->one_disk;
	rh_cmd_voices(&s, o->json);
	if (r >= 0 && !s.dry_run)
		r = rh_cmd_may(&s, &err);
	if (r >= 0 && !s.dry_run)
		r = rh_setup_lock(&s, &err);
	if (r >= 0) {
		r = rh_answers_find(&s, o->answers, &d);
		if (r > 0)
			r = work(&s, !o->no_import, &d, &err);
		else if (r == 0)
			r = no_answers(&s, &err);
	}
	if (d.n)
		say_faults(&s, &d, o->json);
	else if (r < 0)
		rh_cmd_failed(&s, err.text);
	if (o->json)
		print_json(&s, &d, &err);
	rh_diags_free(&d);
	rh_setup_close(&s);
	return r < 0 ? 1 : 0;
}

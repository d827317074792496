// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of the steps, the end of a run, and the banner; the contract is in apply.h. */
#include "rootfs/setup/apply.h"

#include <errno.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/digest.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/secret.h"
#include "rootfs/setup/steps.h"

#define INPUTS "applied-inputs"
/* Counted up when a new version of this program applies the same inputs differently. */
#define FORMAT "1"

static const struct {
	const char *name;
	int (*run)(struct rh_setup *s, struct rh_err *err);
} steps[] = {
    {"answers", rh_step_answers}, {"identity", rh_step_identity}, {"users", rh_step_users},
    {"secrets", rh_secrets_make}, {"network", rh_step_network},	  {"storage", rh_step_storage},
    {"access", rh_step_access},	  {"firewall", rh_step_firewall},
};
#define N_STEPS (sizeof steps / sizeof *steps)

static void all_inputs(struct rh_setup *s, char hex[RH_SHA256_HEX])
{
	struct rh_digest *d = rh_digest_new();

	rh_digest_part(d, "format", FORMAT, strlen(FORMAT));
	rh_digest_part(d, "answers", rh_str_text(&s->answers_text), s->answers_text.len);
	rh_digest_part(d, "recipe", rh_str_text(&s->recipe_text), s->recipe_text.len);
	for (size_t i = 0; i < s->n_overlays; i++) {
		struct rh_setup_overlay *o = &s->overlays[i];

		rh_digest_part(d, "overlay", rh_str_text(&o->json_text), o->json_text.len);
		rh_digest_part(d, "hook", rh_str_text(&o->hook_text), o->hook_text.len);
		for (size_t k = 0; k < o->n_templates; k++)
			rh_digest_part(d, "template", rh_str_text(&o->templates[k].text),
				       o->templates[k].text.len);
	}
	rh_digest_final(&d, hex);
}

static bool nothing_pending(struct rh_setup *s)
{
	RH_STRV struct rh_strv names = {0};
	const char *path = RH_PATH_STATE "/pending";

	if (!rh_exists(s->root, rh_rel(path)))
		return true;
	return rh_list_dir(s->root, rh_rel(path), &names, NULL) == 0 && names.n == 0;
}

bool rh_apply_done(struct rh_setup *s)
{
	RH_STR struct rh_str have = {0};
	char want[RH_SHA256_HEX];
	enum rh_state state;

	if (rh_state_read(s, &state, NULL) < 0 || state == RH_STATE_UNCONFIGURED ||
	    rh_marker_read(s, INPUTS, &have, NULL) < 0)
		return false;
	all_inputs(s, want);
	return have.len == strlen(want) + 1 && !strncmp(have.data, want, strlen(want)) &&
	       nothing_pending(s) && !rh_certificate_due(s);
}

static int begin_step(struct rh_setup *s, size_t i, const char *kind, const char *name,
		      struct rh_err *err)
{
	size_t m = N_STEPS + s->n_overlays + 1;

	if (rh_interrupted())
		return rh_err_set(
		    err, EINTR,
		    "interrupted before step %zu: run rehome-setup apply again to go on", i);
	rh_setup_say(s, "step %zu/%zu %s%s", i, m, kind, name);
	return 0;
}

static int finish(struct rh_setup *s, struct rh_err *err)
{
	char digest[RH_SHA256_HEX];
	enum rh_state state;
	int r;

	if (s->dry_run)
		return 0;
	r = rh_state_read(s, &state, err);
	if (r >= 0 && state == RH_STATE_UNCONFIGURED) {
		state = RH_STATE_CLOSED;
		r = rh_state_set(s, state, err);
	}
	if (r >= 0)
		r = rh_issue_write(s, state, err);
	all_inputs(s, digest);
	if (r >= 0)
		r = rh_marker_set(s, INPUTS, digest, err);
	return r < 0 ? r : 0;
}

int rh_apply(struct rh_setup *s, struct rh_err *err)
{
	size_t i = 0;
	int r = 0;

	for (; r >= 0 && i < N_STEPS; i++) {
		r = begin_step(s, i + 1, "", steps[i].name, err);
		if (r >= 0)
			r = steps[i].run(s, err);
	}
	for (size_t k = 0; r >= 0 && k < s->n_overlays; k++, i++) {
		r = begin_step(s, i + 1, "overlay ", s->overlays[k].name, err);
		if (r >= 0)
			r = rh_step_overlay(s, &s->overlays[k], err);
	}
	if (r >= 0)
		r = begin_step(s, i + 1, "", "finish", err);
	if (r >= 0)
		r = finish(s, err);
	return r;
}

const char *rh_state_next(const struct rh_setup *s, enum rh_state state)
{
	bool import = *rh_answer(s, "import.label") != '\0';

	switch (state) {
	case RH_STATE_UNCONFIGURED:
		return "put " RH_VOLUME_FILE " on a FAT volume labelled " RH_VOLUME_LABEL
		       ", plug it in and restart the machine";
	case RH_STATE_CLOSED:
		return import
			   ? "plug in the volume with the old data; the import starts by itself"
			   : "log in from an administrator's address and look around; nobody else "
			     "can reach the machine yet";
	case RH_STATE_IMPORTING:
		return "wait until the import has finished: systemctl status rehome-import";
	case RH_STATE_READY:
		return "look into the imported mailboxes and read " RH_PATH_STATE
		       "/import/report.json";
	default:
		return "nothing: the machine is at work";
	}
}

int rh_issue_write(struct rh_setup *s, enum rh_state state, struct rh_err *err)
{
	const struct rh_target t = {.path = "/etc/issue.d/rehome.issue", .mode = 0644};
	RH_STR struct rh_str text = {0}, cert = {0}, key = {0};
	int r;

	rh_certificate_print(s, &cert);
	rh_host_key_print(s, &key);
	rh_str_addf(&text, "\nRehome mail appliance %s: %s\n\n", rh_answer(s, "hostname"),
		    rh_state_name(state));
	rh_str_addf(&text, "  Web          https://%s/\n", rh_answer(s, "hostname"));
	rh_str_addf(&text, "  Certificate  SHA-256 %s\n", rh_str_text(&cert));
	rh_str_addf(&text, "  ssh key      %s\n", rh_str_text(&key));
	rh_str_addf(&text, "  Next         %s\n\n", rh_state_next(s, state));
	r = rh_change_file(s, &t, text.data, text.len, err);
	/* Login prompts that already stand there show the new banner. */
	if (r > 0 && rh_setup_service(s, NULL, "agetty", "--reload", NULL) < 0)
		rh_setup_log(s, "the login prompts could not be told of the new banner");
	return r;
}

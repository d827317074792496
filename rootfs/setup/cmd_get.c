// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome-setup get and state: what hooks, health checks and administrators ask for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/file.h"
#include "rootfs/setup/cmd.h"
#include "rootfs/setup/scope.h"
#include "rootfs/setup/state.h"

static int load_one(struct rh_setup *s, const char *path, struct rh_json **out, struct rh_err *err)
{
	struct rh_diags d = {0};
	int r = rh_json_load(s->root, rh_rel(path), path, out, &d);

	if (r < 0)
		rh_err_set(err, -r, "%s", d.n ? d.v[0].text : "cannot be read");
	rh_diags_free(&d);
	return rh_err_prefix(err, r, "%s", path);
}

static int get(struct rh_setup *s, const char *name, bool json, struct rh_str *out,
	       struct rh_err *err)
{
	RH_STR struct rh_str why = {0};
	int r = 0;

	if (!strncmp(name, "answers.", 8))
		r = load_one(s, RH_PATH_ANSWERS, &s->answers, err);
	else if (!strncmp(name, "recipe.", 7))
		r = load_one(s, RH_PATH_RECIPE, &s->recipe, err);
	if (r < 0)
		return r;
	r = rh_scope_get(s, name, json, out, &why);
	return r < 0 ? rh_err_set(err, -r, "%s: %s", name, rh_str_text(&why)) : 0;
}

int rh_cmd_get(const struct rh_setup_options *o)
{
	RH_STR struct rh_str out = {0};
	struct rh_err err = {{0}};
	struct rh_setup s;
	int r;

	if (o->n_args != 1) {
		fputs("rehome-setup: get needs one name, such as answers.network.address\n",
		      stderr);
		return 2;
	}
	r = rh_setup_open(&s, o->root, &err);
	rh_cmd_voices(&s, true);
	if (r >= 0)
		r = get(&s, o->args[0], o->json, &out, &err);
	if (r < 0)
		rh_cmd_failed(&s, err.text);
	else
		puts(rh_str_text(&out));
	rh_setup_close(&s);
	return r < 0 ? 1 : 0;
}

int rh_cmd_state(const struct rh_setup_options *o)
{
	enum rh_state state = RH_STATE_UNCONFIGURED;
	struct rh_err err = {{0}};
	struct rh_setup s;
	int r = rh_setup_open(&s, o->root, &err);

	rh_cmd_voices(&s, true);
	if (r >= 0)
		r = rh_state_read(&s, &state, &err);
	if (r < 0)
		rh_cmd_failed(&s, err.text);
	else if (o->json)
		printf("{\"state\": \"%s\"}\n", rh_state_name(state));
	else
		puts(rh_state_name(state));
	rh_setup_close(&s);
	return r < 0 ? 1 : 0;
}

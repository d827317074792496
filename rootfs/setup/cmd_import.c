// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome-setup import: the state around rehome-import. */
#include <errno.h>
#include <stdio.h>

#include "lib/core/file.h"
#include "rootfs/setup/apply.h"
#include "rootfs/setup/cmd.h"

static int import(struct rh_setup *s, const struct rh_setup_options *o, struct rh_err *err)
{
	struct rh_diags d = {0};
	int r = rh_cmd_may(s, err);

	if (r >= 0)
		r = rh_setup_lock(s, err);
	if (r < 0)
		return r;
	if (!rh_exists(s->root, rh_rel(RH_PATH_ANSWERS)))
		return rh_err_set(
		    err, ENOENT, "the machine is not configured yet: run rehome-setup apply first");
	r = rh_json_load(s->root, rh_rel(RH_PATH_ANSWERS), RH_PATH_ANSWERS, &s->answers, &d);
	if (r < 0)
		rh_err_set(err, -r, "%s:%u: %s", RH_PATH_ANSWERS, d.n ? d.v[0].line : 0,
			   d.n ? d.v[0].text : "cannot be read");
	rh_diags_free(&d);
	return r < 0 ? r : rh_import(s, o->volume, err);
}

int rh_cmd_import(const struct rh_setup_options *o)
{
	struct rh_err err = {{0}};
	struct rh_setup s;
	int r = rh_setup_open(&s, o->root, &err);

	rh_cmd_voices(&s, o->json);
	if (r >= 0)
		r = import(&s, o, &err);
	if (r != 0 && r != 3)
		rh_cmd_failed(&s, err.text);
	if (o->json)
		printf("{\"ok\": %s, \"exit\": %d}\n", r == 0 || r == 3 ? "true" : "false", r);
	rh_setup_close(&s);
	return r < 0 ? 1 : r;
}

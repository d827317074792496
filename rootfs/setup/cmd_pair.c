// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome-setup pair: show the two disks, or give back what may go back. */
#include <stdio.h>

#include "rootfs/setup/cmd.h"
#include "rootfs/setup/pair.h"

static int work(struct rh_setup *s, const struct rh_setup_options *o, struct rh_pair *p,
		struct rh_err *err)
{
	RH_CLOSE int lock = -1;
	int r;

	if (!o->repair)
		return rh_pair_read(s, p, err);
	r = rh_cmd_may(s, err);
	if (r >= 0)
		r = rh_disks_lock(s, &lock, err);
	if (r >= 0)
		r = rh_pair_read(s, p, err);
	return r < 0 ? r : rh_pair_repair(s, p, err);
}

int rh_cmd_pair(const struct rh_setup_options *o)
{
	RH_STR struct rh_str out = {0};
	struct rh_pair p = {0};
	struct rh_err err = {{0}};
	struct rh_setup s;
	int r = rh_setup_open(&s, o->root, &err);
	bool person = false;

	rh_cmd_voices(&s, o->json);
	if (r >= 0)
		r = work(&s, o, &p, &err);
	if (r < 0) {
		rh_cmd_failed(&s, err.text);
	} else {
		person = rh_pair_needs_person(&p);
		if (o->json)
			rh_pair_json(&p, &out);
		else
			rh_pair_show(&p, &out);
		printf("%s%s", rh_str_text(&out), o->json ? "\n" : "");
	}
	rh_pair_free(&p);
	rh_setup_close(&s);
	if (r < 0)
		return 1;
	/* Whoever repairs has been told by other ways; a unit that fails each boot helps nobody. */
	return person && !o->repair ? 3 : 0;
}

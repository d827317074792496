// SPDX-License-Identifier: GPL-2.0-or-later
/* Finding and loading the answers; the contract is in answers.h. The checks are in check.c. */
#include "rootfs/setup/answers.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"

#define WAIT_TICKS 20 /* of 250 ms */

static int find_file(struct rh_setup *s, const char *file, struct rh_diags *d)
{
	struct rh_err err = {{0}};

	s->answers_name = rh_arena_strdup(s->arena, file);
	if (rh_file_read(AT_FDCWD, file, RH_JSON_MAX, &s->answers_text, &err) == 0)
		return 1;
	rh_diag_add(d, file, 0, "", "", "%s", err.text);
	return -EINVAL;
}

static int find_volume(struct rh_setup *s, struct rh_diags *d)
{
	struct rh_err err = {{0}};
	int r = rh_volume_read(s, &s->answers_text, &err);

	s->answers_name = RH_VOLUME_LABEL ":/" RH_VOLUME_FILE;
	if (r >= 0)
		return r;
	rh_diag_add(d, s->answers_name, 0, "", "", "%s", err.text);
	return -EINVAL;
}

/* USB sticks appear seconds after the kernel; nobody waits for one once there are answers. */
static int wait_volume(struct rh_setup *s, struct rh_diags *d)
{
	const struct timespec tick = {.tv_nsec = 250 * 1000000L};
	struct rh_err err = {{0}};
	int r;

	if (s->foreign)
		return 0;
	r = rh_setup_run(s, NULL, &err, "udevadm", "settle", "--timeout=10", NULL);
	if (r < 0)
		rh_setup_log(s, "%s", err.text);
	for (int i = 0; i < WAIT_TICKS && !rh_interrupted(); i++) {
		r = find_volume(s, d);
		if (r != 0)
			return r;
		nanosleep(&tick, NULL);
	}
	return 0;
}

int rh_answers_find(struct rh_setup *s, const char *file, struct rh_diags *d)
{
	struct rh_err err = {{0}};
	int r;

	if (file)
		return find_file(s, file, d);
	r = find_volume(s, d);
	if (r != 0)
		return r;
	if (!rh_exists(s->root, rh_rel(RH_PATH_ANSWERS)))
		return s->boot ? wait_volume(s, d) : 0;
	s->answers_name = RH_PATH_ANSWERS;
	if (rh_file_read(s->root, rh_rel(RH_PATH_ANSWERS), RH_JSON_MAX, &s->answers_text, &err) ==
	    0)
		return 1;
	rh_diag_add(d, RH_PATH_ANSWERS, 0, "", "", "%s", err.text);
	return -EINVAL;
}

static void load_recipe(struct rh_setup *s, struct rh_diags *d)
{
	struct rh_err err = {{0}};

	if (rh_file_read(s->root, rh_rel(RH_PATH_RECIPE), RH_JSON_MAX, &s->recipe_text, &err) < 0) {
		rh_diag_add(d, RH_PATH_RECIPE, 0, "",
			    "this program belongs into an image of Rehome", "%s", err.text);
		return;
	}
	if (rh_json_parse(s->recipe_text.data, s->recipe_text.len, RH_PATH_RECIPE, &s->recipe, d) <
	    0)
		s->recipe = NULL;
}

int rh_setup_load(struct rh_setup *s, struct rh_diags *d)
{
	size_t before = d->n;

	if (s->answers_text.data && rh_json_parse(s->answers_text.data, s->answers_text.len,
						  s->answers_name, &s->answers, d) < 0)
		s->answers = NULL;
	load_recipe(s, d);
	if (rh_setup_overlays_load(s, d) < 0 && d->n == before)
		rh_diag_add(d, RH_PATH_OVERLAYS, 0, "", "", "the overlays cannot be read");
	return d->n > before ? -EINVAL : 0;
}

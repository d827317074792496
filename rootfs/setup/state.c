// SPDX-License-Identifier: GPL-2.0-or-later
/* The state word and the markers; the contract is in state.h. */
#include "rootfs/setup/state.h"

#include <errno.h>
#include <string.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"

static const char *const names[RH_STATE_N] = {
    [RH_STATE_UNCONFIGURED] = "unconfigured",
    [RH_STATE_CLOSED] = "closed",
    [RH_STATE_IMPORTING] = "importing",
    [RH_STATE_READY] = "ready",
    [RH_STATE_LIVE] = "live",
};

const char *rh_state_name(enum rh_state state)
{
	return names[state];
}

int rh_state_parse(const char *text, enum rh_state *state)
{
	size_t n = strcspn(text, "\n");

	for (int i = 0; i < RH_STATE_N; i++)
		if (strlen(names[i]) == n && !strncmp(names[i], text, n)) {
			*state = (enum rh_state)i;
			return 0;
		}
	return -EINVAL;
}

bool rh_state_may(enum rh_state from, enum rh_state to)
{
	switch (from) {
	case RH_STATE_UNCONFIGURED:
		return to == RH_STATE_CLOSED;
	case RH_STATE_CLOSED:
		/* Without old data a machine goes live from closed. */
		return to == RH_STATE_IMPORTING || to == RH_STATE_LIVE;
	case RH_STATE_IMPORTING:
		return to == RH_STATE_READY || to == RH_STATE_CLOSED;
	case RH_STATE_READY:
		return to == RH_STATE_IMPORTING || to == RH_STATE_LIVE;
	default:
		return false;
	}
}

int rh_state_read(struct rh_setup *s, enum rh_state *state, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int r = rh_marker_read(s, "state", &text, err);

	if (r < 0)
		return r;
	if (text.len == 0) {
		*state = RH_STATE_UNCONFIGURED;
		return 0;
	}
	if (rh_state_parse(text.data, state) < 0)
		return rh_err_set(err, EINVAL,
				  RH_PATH_STATE "/state holds no state that is known: write one of "
						"unconfigured, closed, importing, ready, live");
	return 0;
}

int rh_state_set(struct rh_setup *s, enum rh_state to, struct rh_err *err)
{
	enum rh_state from;
	int r = rh_state_read(s, &from, err);

	if (r < 0)
		return r;
	if (from == to)
		return 0;
	if (!rh_state_may(from, to))
		return rh_err_set(err, EPERM, "the machine is %s: it cannot become %s",
				  rh_state_name(from), rh_state_name(to));
	return rh_marker_set(s, "state", rh_state_name(to), err);
}

static const char *marker_path(struct rh_setup *s, const char *name)
{
	return rh_arena_printf(s->arena, RH_PATH_STATE "/%s", name);
}

int rh_marker_read(struct rh_setup *s, const char *name, struct rh_str *text, struct rh_err *err)
{
	const char *path = marker_path(s, name);

	rh_str_free(text);
	if (!rh_exists(s->root, rh_rel(path)))
		return 0;
	return rh_file_read(s->root, rh_rel(path), 4096, text, err);
}

int rh_marker_set(struct rh_setup *s, const char *name, const char *text, struct rh_err *err)
{
	const struct rh_target t = {.path = marker_path(s, name), .mode = 0644};
	RH_FREE char *line = rh_xasprintf("%s\n", text);

	return rh_change_file(s, &t, line, strlen(line), err);
}

int rh_marker_clear(struct rh_setup *s, const char *name, struct rh_err *err)
{
	return rh_change_remove(s, marker_path(s, name), err);
}

bool rh_marker_there(struct rh_setup *s, const char *name)
{
	return rh_exists(s->root, rh_rel(marker_path(s, name)));
}

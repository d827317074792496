/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where recipes and overlays are, and which file a recipe's name means. */
#pragma once

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* The folder that holds recipes/ and overlays/: the tree in which this program was built
 * (TREE/build/bin/rehome), else /usr/share/rehome. Absolute; the caller frees it. */
RH_CHECKED int rh_data_dir(char **out, struct rh_err *err);

/* ARG as on the command line: a path when it has a "/" or ends in ".json", else the name of a
 * recipe in DATA_DIR/recipes/. -ENOENT when there is no such name; a path is not looked at. The
 * caller frees *OUT. */
RH_CHECKED int rh_recipe_path(const char *data_dir, const char *arg, char **out,
			      struct rh_err *err);

/* PATH as messages should show it: relative when it lies below the current directory. */
const char *rh_shown_path(struct rh_arena *arena, const char *path);

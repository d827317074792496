/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which package mirror to use: the workstation's own, read from its apt, or the user's.
 *
 * No host name of a mirror stands anywhere in this project.
 */
#pragma once

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Append apt lines ("deb URI RELEASE main", updates, security) for RELEASE to LINES. MIRROR and
 * SECURITY are base URIs given by the user; NULL: ask apt. */
RH_CHECKED int rh_mirror_lines(const char *release, const char *mirror, const char *security,
			       struct rh_strv *lines, struct rh_err *err);
/* The pure part: TEXT is "URI|RELEASE|COMPONENT|LABEL\n…" as apt-get indextargets prints it. */
RH_CHECKED int rh_mirror_parse(char *text, const char *release, struct rh_strv *lines,
			       struct rh_err *err);

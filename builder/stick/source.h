/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The archive on the stick as a source for the writer (builder/write/source.h). */
#pragma once

#include "builder/write/source.h"

/* Open the archive at PATH, a file or a partition. */
RH_CHECKED int rh_source_archive(const char *path, struct rh_source **out, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report of a rehearsal: a folder with report.json, the serial log, and what proofs, cells and
 * QEMU wrote. It gets its name when it is complete; an older report of that name is replaced.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "lib/core/err.h"

/* May a report be put at DIR? Not over anything that is not a report. */
bool rh_report_allowed(const char *dir);

/* Write DOC as report.json into a new folder, copy the files of SCRATCH that belong into it (absent
 * ones are fine), and give it the name DIR. */
RH_CHECKED int rh_report_write(const char *dir, struct json_object *doc, const char *scratch,
			       struct rh_err *err);

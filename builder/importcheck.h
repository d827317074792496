/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the appliance's import report says, compared with what the old server served. */
#pragma once

#include <json-c/json.h>

#include "builder/verdict.h"

struct rh_importcheck {
	int exit_status;	   /* of rehome-import: 0, or 3 with something to read */
	const char *report;	   /* text of report.json; NULL: could not be fetched */
	const char *why;	   /* then: why */
	int64_t expected_messages; /* -1: not known */
	double seconds;		   /* as seen on the console, 0: not known */
};

/* Add the checks to V; *DOC gets the report (a reference for the caller), NULL when there is none.
 */
void rh_importcheck(const struct rh_importcheck *in, struct rh_verdict *v,
		    struct json_object **doc);

/* totals.messages of an expect file's text, -1 when it has none. DOMAIN, if not NULL, gets the
 * domain of its first account, to be freed. */
int64_t rh_importcheck_expected(const char *text, char **domain);

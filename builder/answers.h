/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers that a rehearsal gives to the appliance, and the small world that follows from them:
 * who has which address.
 *
 * From the user's file or made up. The rehearsal changes its copy where it must: its own ssh key is
 * added, an import is added or dropped with the old data, DHCP becomes a fixed address.
 */
#pragma once

#include <json-c/json.h>

#include "builder/netns.h"
#include "lib/core/diag.h"

struct rh_answers_wish {
	const char *file;   /* NULL: made up */
	const char *schema; /* path of answers.schema.json; NULL: unchecked */
	const char *domain; /* for made-up ones */
	bool old_data;	    /* a volume with the old server's tree will be there */
	bool no_import;	    /* an import in the file is to be dropped */
	const char *label;  /* of the volume, for made-up ones */
};

struct rh_answers {
	struct json_object *doc;
	char *hostname, *domain, *email, *password, *label; /* label NULL: no import */
	char *addr;					    /* of the appliance */
	char *gateway;
	char *admin;	    /* an address that the answers admit */
	char *outside;	    /* one that they do not admit, "" if they admit every candidate */
	struct rh_strv dns; /* addresses at which the appliance asks for names */
	struct rh_netns net;
	bool was_dhcp;
};

/* Load or make, check, and derive. Faults go to D (then -EINVAL, and OUT is to be freed still). */
RH_CHECKED int rh_answers_load(const struct rh_answers_wish *wish, struct rh_answers *out,
			       struct rh_diags *d, struct rh_err *err);
/* Let the holder of the public key in. */
void rh_answers_add_key(struct rh_answers *a, const char *key);
RH_CHECKED int rh_answers_write(const struct rh_answers *a, const char *path, struct rh_err *err);
void rh_answers_free(struct rh_answers *a);

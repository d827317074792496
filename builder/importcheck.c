// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of the import. See importcheck.h.
 *
 * Invariant: an import whose report is absent, unreadable, or counts other messages than the old
 * server served has failed, whatever its exit status. What was not carried is named, not hidden: it
 * is for the administrator to read, because old servers hold much that no new one has a place for.
 */
#include "builder/importcheck.h"

#include <string.h>

#include "lib/json.h"

static void check_messages(const struct rh_importcheck *in, struct json_object *doc,
			   struct rh_verdict *v)
{
	struct json_object *totals = rh_json_get(doc, "totals");
	int64_t messages = totals ? rh_json_int(totals, "messages", -1) : -1;
	int64_t accounts = totals ? rh_json_int(totals, "accounts", 0) : 0;
	bool ok = messages >= 0 && (in->expected_messages < 0 || messages == in->expected_messages);

	if (messages < 0)
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "messages", false,
			       "the report does not count them");
	else if (in->expected_messages < 0)
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "messages", ok, "%lld in %lld accounts",
			       (long long)messages, (long long)accounts);
	else
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "messages", ok,
			       "%lld in %lld accounts, the old server had %lld",
			       (long long)messages, (long long)accounts,
			       (long long)in->expected_messages);
}

static void check_accounts(struct json_object *doc, struct rh_verdict *v)
{
	struct json_object *list = rh_json_get(doc, "accounts");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	size_t bad = 0;
	const char *first = "";

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *result = rh_json_str(o, "result", "failed");

		if (strcmp(result, "carried") == 0 || strcmp(result, "unchanged") == 0)
			continue;
		if (bad++ == 0)
			first = rh_json_str(o, "address", "?");
	}
	if (bad)
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "accounts", false,
			       "%zu of %zu were not carried, the first: %s", bad, n, first);
	else
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "accounts", n > 0, "%zu carried", n);
}

static void name_losses(struct json_object *doc, struct rh_verdict *v)
{
	struct json_object *list = rh_json_get(doc, "not_carried");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n && i < 20; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		rh_verdict_add(v, RH_VERDICT_OWN, "import", "not carried", true, "%s: %s",
			       rh_json_str(o, "file", "?"), rh_json_str(o, "reason", "?"));
	}
	if (n > 20)
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "not carried", true,
			       "and %zu more, in report.json", n - 20);
}

void rh_importcheck(const struct rh_importcheck *in, struct rh_verdict *v, struct json_object **doc)
{
	*doc = NULL;
	if (in->exit_status == 0 || in->exit_status == 3)
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "exit", true, "status %d after %.0f s",
			       in->exit_status, in->seconds);
	else
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "exit", false,
			       "rehome-import ended with status %d", in->exit_status);
	if (in->report)
		*doc = json_tokener_parse(in->report);
	if (!json_object_is_type(*doc, json_type_object)) {
		rh_verdict_add(v, RH_VERDICT_OWN, "import", "report", false, "could not run: %s",
			       in->report ? "the report is not JSON" : in->why);
		json_object_put(*doc);
		*doc = NULL;
		return;
	}
	check_messages(in, *doc, v);
	check_accounts(*doc, v);
	name_losses(*doc, v);
}

int64_t rh_importcheck_expected(const char *text, char **domain)
{
	struct json_object *doc = json_tokener_parse(text), *totals, *list;
	const char *user, *at;
	int64_t n = -1;

	if (json_object_is_type(doc, json_type_object)) {
		totals = rh_json_get(doc, "totals");
		list = rh_json_get(doc, "accounts");
		n = totals ? rh_json_int(totals, "messages", -1) : -1;
		user =
		    json_object_is_type(list, json_type_array) && json_object_array_length(list) > 0
			? rh_json_str(json_object_array_get_idx(list, 0), "user", "")
			: "";
		at = strchr(user, '@');
		if (domain && at && at[1])
			*domain = rh_xstrdup(at + 1);
	}
	json_object_put(doc);
	return n;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rows as JSON: {"domain": […], "alias_domain": […], "mailbox": […], …}, one object a row with
 * PostfixAdmin's column names. For tests, and to look before a server is there. The file holds
 * password hashes, so only its owner can read it. It is written whole after each domain.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/file.h"
#include "rootfs/import/accounts.h"

struct json_sink {
	struct rh_sink s;
	const char *file;
	struct json_object *root;
};

static struct json_object *row(struct rh_sink *s, const char *table)
{
	struct json_sink *j = (struct json_sink *)s;
	struct json_object *list, *o = json_object_new_object();
	if (!json_object_object_get_ex(j->root, table, &list)) {
		list = json_object_new_array();
		json_object_object_add(j->root, table, list);
	}
	json_object_array_add(list, o);
	return o;
}

static void put(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static int nothing(struct rh_sink *s, struct rh_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static int put_domain(struct rh_sink *s, const char *name, const char *description,
		      struct rh_err *err)
{
	struct json_object *o = row(s, "domain");
	(void)err;
	put(o, "domain", name);
	put(o, "description", description);
	put(o, "transport", "virtual");
	json_object_object_add(o, "active", json_object_new_int(1));
	return RH_PUT_ROW;
}

static int put_alias_domain(struct rh_sink *s, const char *name, const char *target,
			    struct rh_err *err)
{
	struct json_object *o = row(s, "alias_domain");
	(void)err;
	put(o, "alias_domain", name);
	put(o, "target_domain", target);
	return RH_PUT_ROW;
}

static int put_mailbox(struct rh_sink *s, const struct rh_mailbox_row *m, struct rh_err *err)
{
	struct json_object *o = row(s, "mailbox");
	(void)err;
	put(o, "username", m->username);
	put(o, "password", m->password);
	put(o, "name", m->name);
	put(o, "maildir", m->maildir);
	json_object_object_add(o, "quota", json_object_new_int64((int64_t)m->quota));
	put(o, "local_part", m->local_part);
	put(o, "domain", m->domain);
	json_object_object_add(o, "active", json_object_new_int(m->active));
	return RH_PUT_ROW;
}

static int put_alias(struct rh_sink *s, const char *address, const char *domain, struct rh_err *err)
{
	struct json_object *o = row(s, "alias");
	(void)err;
	put(o, "address", address);
	put(o, "goto", address);
	put(o, "domain", domain);
	return RH_PUT_ROW;
}

static int put_admin(struct rh_sink *s, const char *username, const char *password,
		     const char *domain, struct rh_err *err)
{
	struct json_object *o = row(s, "admin");
	(void)err;
	put(o, "username", username);
	put(o, "password", password);
	o = row(s, "domain_admins");
	put(o, "username", username);
	put(o, "domain", domain);
	return RH_PUT_ROW;
}

static int put_usage(struct rh_sink *s, const char *username, uint64_t bytes, uint64_t messages,
		     struct rh_err *err)
{
	struct json_object *o = row(s, "quota2");
	(void)err;
	put(o, "username", username);
	json_object_object_add(o, "bytes", json_object_new_int64((int64_t)bytes));
	json_object_object_add(o, "messages", json_object_new_int64((int64_t)messages));
	return RH_PUT_ROW;
}

static int put_log(struct rh_sink *s, const char *domain, const char *data, struct rh_err *err)
{
	(void)s;
	(void)domain;
	(void)data;
	(void)err;
	return RH_PUT_NOTHING;
}

static int commit(struct rh_sink *s, struct rh_err *err)
{
	struct json_sink *j = (struct json_sink *)s;
	const char *text = json_object_to_json_string_ext(
	    j->root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	return rh_file_write(AT_FDCWD, j->file, 0600, text, strlen(text), err);
}

static void rollback(struct rh_sink *s)
{
	(void)s;
}

static void release(struct rh_sink *s)
{
	json_object_put(((struct json_sink *)s)->root);
	free(s);
}

struct rh_sink *rh_sink_json(const char *file)
{
	struct json_sink *j = rh_xalloc(sizeof *j);
	j->s = (struct rh_sink){
	    .check = nothing,
	    .begin = nothing,
	    .domain = put_domain,
	    .alias_domain = put_alias_domain,
	    .mailbox = put_mailbox,
	    .alias = put_alias,
	    .admin = put_admin,
	    .usage = put_usage,
	    .log = put_log,
	    .commit = commit,
	    .rollback = rollback,
	    .free = release,
	};
	j->file = file;
	j->root = json_object_new_object();
	return &j->s;
}

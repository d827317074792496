// SPDX-License-Identifier: GPL-2.0-or-later
/* Values by name; the contract is in scope.h. */
#include "rootfs/setup/scope.h"

#include <errno.h>
#include <string.h>

#include "rootfs/setup/secret.h"

static int no(struct rh_str *why, const char *text)
{
	rh_str_add(why, text);
	return -ENOENT;
}

static int add_scalar(struct json_object *o, struct rh_str *out, struct rh_str *why)
{
	const char *text;

	if (json_object_is_type(o, json_type_object) || json_object_is_type(o, json_type_array) ||
	    json_object_is_type(o, json_type_null))
		return no(why, "it is a group of values: name one of them");
	text = json_object_get_string(o);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return no(why, "its value holds control characters");
	rh_str_add(out, text);
	return 0;
}

static int add_value(struct json_object *o, const char *join, struct rh_str *out,
		     struct rh_str *why)
{
	size_t n;
	int r;

	if (!json_object_is_type(o, json_type_array))
		return add_scalar(o, out, why);
	n = json_object_array_length(o);
	for (size_t i = 0; i < n; i++) {
		if (i)
			rh_str_add(out, join);
		r = add_scalar(json_object_array_get_idx(o, i), out, why);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The JSON value that NAME ("answers.…", "recipe.…") stands for; NULL with a reason in WHY. */
static struct json_object *json_named(struct rh_setup *s, const char *name, struct rh_str *why)
{
	const struct rh_json *doc = NULL;
	struct json_object *o;
	const char *path = NULL;

	if (!strncmp(name, "answers.", 8)) {
		doc = s->answers;
		path = name + 8;
	} else if (!strncmp(name, "recipe.", 7)) {
		doc = s->recipe;
		path = name + 7;
	}
	if (!doc) {
		rh_str_add(why, "no such name: there are answers.…, recipe.…, secret.…, overlay "
				"and ports");
		return NULL;
	}
	o = rh_json_at(rh_json_root(doc), path);
	if (!o)
		rh_str_addf(why, "there is no such value in %s", rh_json_name(doc));
	return o;
}

static int add_ports(const struct rh_setup_overlay *o, const char *join, struct rh_str *out)
{
	for (size_t i = 0; i < o->n_ports; i++)
		rh_str_addf(out, "%s%u", i ? join : "", o->ports[i].port);
	return 0;
}

static int add_secret(const struct rh_scope *scope, const char *name, struct rh_str *out,
		      struct rh_str *why)
{
	struct rh_err err = {{0}};

	if (!rh_setup_secret_owner(scope->s, scope->overlay, name)) {
		rh_str_addf(
		    why,
		    "%s has no such secret, nor has an overlay that it needs: list it under "
		    "\"secrets\" in overlay.json",
		    scope->overlay->name);
		return -ENOENT;
	}
	if (rh_secret_value(scope->s, name, out, &err) == 0)
		return 0;
	if (!scope->placeholders)
		return no(why, err.text);
	rh_str_add(out, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	return 0;
}

int rh_scope_lookup(void *arg, const char *name, const char *join, struct rh_str *out,
		    struct rh_str *why)
{
	const struct rh_scope *scope = arg;
	struct json_object *o;

	if (!strcmp(name, "overlay")) {
		rh_str_add(out, scope->overlay->name);
		return 0;
	}
	if (!strcmp(name, "ports"))
		return add_ports(scope->overlay, join, out);
	if (!strncmp(name, "secret.", 7))
		return add_secret(scope, name + 7, out, why);
	if (!strcmp(name, "answers.admin.password"))
		return no(why, "the password does not go into a file: let the apply hook use "
			       "`rehome-setup get answers.admin.password`");
	o = json_named(scope->s, name, why);
	return o ? add_value(o, join, out, why) : -ENOENT;
}

int rh_scope_get(struct rh_setup *s, const char *name, bool json, struct rh_str *out,
		 struct rh_str *why)
{
	struct json_object *o;

	if (!strncmp(name, "secret.", 7))
		return no(why, "secrets are not printed: read the file in " RH_PATH_SECRETS);
	o = json_named(s, name, why);
	if (!o)
		return -ENOENT;
	if (!json && !json_object_is_type(o, json_type_object))
		return add_value(o, ", ", out, why);
	rh_str_add(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}

int rh_scope_render(struct rh_setup *s, const struct rh_setup_overlay *o, bool placeholders,
		    struct rh_str *out, struct rh_diags *d)
{
	struct rh_scope scope = {s, o, placeholders};
	size_t before = d->n;

	for (size_t i = 0; i < o->n_templates; i++) {
		const struct rh_setup_template *t = &o->templates[i];
		RH_STR struct rh_str text = {0};

		if (!t->text.data)
			continue;
		if (rh_template_render(t->text.data, t->text.len, t->path, rh_scope_lookup, &scope,
				       &text, d) < 0)
			continue;
		if (out) {
			out[i] = text;
			text = (struct rh_str){0};
		}
	}
	return d->n > before ? -EINVAL : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* State and request as files; the contract is in state.h. */
#include "builder/stick/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/json.h"

#define MAX_TEXT (1u << 20)

static const char *const phases[] = {
#define X(id, name) name,
    RH_STICK_PHASES(X)
#undef X
};

static const char *const wishes[] = {"write", "look", "reboot"};

const char *rh_stick_phase_name(enum rh_stick_phase p)
{
	return phases[p];
}

void rh_stick_state_free(struct rh_stick_state *s)
{
	free(s->recipe);
	free(s->text);
	rh_strv_free(&s->faults);
	rh_offers_free(&s->disks);
	*s = (struct rh_stick_state){0};
}

/* --- writing --- */

static void add_list(struct json_object *o, const char *key, const struct rh_strv *l)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < l->n; i++)
		json_object_array_add(list, json_object_new_string(l->v[i]));
	json_object_object_add(o, key, list);
}

static struct json_object *disk_json(const struct rh_offer *d)
{
	struct json_object *o = json_object_new_object();

	rh_json_add_str(o, "path", d->path);
	rh_json_add_str(o, "kname", d->kname);
	rh_json_add_str(o, "model", d->model);
	rh_json_add_str(o, "serial", d->serial);
	rh_json_add_int(o, "size", (int64_t)d->size);
	add_list(o, "content", &d->content);
	add_list(o, "refused", &d->refused);
	add_list(o, "why", &d->why);
	json_object_object_add(o, "installed", json_object_new_boolean(d->installed));
	return o;
}

static struct json_object *state_json(const struct rh_stick_state *s)
{
	struct json_object *o = json_object_new_object(), *disks = json_object_new_array();

	rh_json_add_int(o, "number", s->number);
	rh_json_add_str(o, "phase", phases[s->phase]);
	rh_json_add_str(o, "recipe", s->recipe);
	rh_json_add_str(o, "text", s->text);
	add_list(o, "faults", &s->faults);
	rh_json_add_int(o, "need", s->need);
	rh_json_add_int(o, "pos", s->pos);
	rh_json_add_int(o, "total", s->total);
	rh_json_add_int(o, "rate", s->rate);
	rh_json_add_int(o, "left", s->left);
	rh_json_add_int(o, "reboot_in", s->reboot_in);
	json_object_object_add(o, "again", json_object_new_boolean(s->again));
	for (size_t i = 0; i < s->disks.n; i++)
		json_object_array_add(disks, disk_json(&s->disks.v[i]));
	json_object_object_add(o, "disks", disks);
	return o;
}

int rh_stick_state_write(const char *dir, const struct rh_stick_state *s, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/state", dir);
	struct json_object *o = state_json(s);
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	int r = rh_file_write(AT_FDCWD, path, 0644, text, strlen(text), err);

	json_object_put(o);
	return r;
}

/* --- reading --- */

static uint64_t take_int(struct json_object *o, const char *key)
{
	int64_t v = rh_json_int(o, key, 0);

	return v < 0 ? 0 : (uint64_t)v;
}

static void take_list(struct json_object *o, const char *key, struct rh_strv *out)
{
	struct json_object *l = rh_json_get(o, key);

	for (size_t i = 0;
	     json_object_is_type(l, json_type_array) && i < json_object_array_length(l); i++) {
		struct json_object *one = json_object_array_get_idx(l, i);

		if (json_object_is_type(one, json_type_string))
			rh_strv_add(out, json_object_get_string(one));
	}
}

static void take_disks(struct json_object *root, struct rh_offers *out)
{
	struct json_object *l = rh_json_get(root, "disks");

	for (size_t i = 0;
	     json_object_is_type(l, json_type_array) && i < json_object_array_length(l); i++) {
		struct json_object *o = json_object_array_get_idx(l, i);
		struct rh_offer *d;

		if (!json_object_is_type(o, json_type_object))
			continue;
		d = rh_offers_add(out);
		d->path = rh_xstrdup(rh_json_str(o, "path", ""));
		d->kname = rh_xstrdup(rh_json_str(o, "kname", ""));
		d->model = rh_xstrdup(rh_json_str(o, "model", ""));
		d->serial = rh_xstrdup(rh_json_str(o, "serial", ""));
		d->size = take_int(o, "size");
		take_list(o, "content", &d->content);
		take_list(o, "refused", &d->refused);
		take_list(o, "why", &d->why);
		d->installed = rh_json_bool(o, "installed", false);
	}
}

static int index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -EINVAL;
}

/* An object's document, or -EINVAL. */
static int parse(const char *text, size_t len, const char *name, struct rh_json **out,
		 struct rh_err *err)
{
	struct rh_diags d = {0};
	int r = rh_json_parse(text, len, name, out, &d);

	if (r < 0)
		rh_err_set(err, EINVAL, "%s: %s", name, d.n ? d.v[0].text : "not understood");
	rh_diags_free(&d);
	if (r == 0 && !json_object_is_type(rh_json_root(*out), json_type_object)) {
		rh_json_free(out);
		return rh_err_set(err, EINVAL, "%s: not an object", name);
	}
	return r < 0 ? -EINVAL : 0;
}

int rh_stick_state_parse(const char *text, size_t len, struct rh_stick_state *out,
			 struct rh_err *err)
{
	struct rh_json *j = NULL;
	struct json_object *o;
	int r = parse(text, len, "the state", &j, err), phase;

	if (r < 0)
		return r;
	o = rh_json_root(j);
	phase = index_of(phases, RH_STICK_PHASE_COUNT, rh_json_str(o, "phase", ""));
	if (phase < 0) {
		rh_json_free(&j);
		return rh_err_set(err, EINVAL, "the state: no phase");
	}
	*out = (struct rh_stick_state){.number = take_int(o, "number"),
				       .phase = (enum rh_stick_phase)phase,
				       .recipe = rh_xstrdup(rh_json_str(o, "recipe", "")),
				       .text = rh_xstrdup(rh_json_str(o, "text", "")),
				       .need = take_int(o, "need"),
				       .pos = take_int(o, "pos"),
				       .total = take_int(o, "total"),
				       .rate = take_int(o, "rate"),
				       .left = (unsigned)take_int(o, "left"),
				       .reboot_in = (unsigned)take_int(o, "reboot_in"),
				       .again = rh_json_bool(o, "again", false)};
	take_list(o, "faults", &out->faults);
	take_disks(o, &out->disks);
	rh_json_free(&j);
	return 0;
}

int rh_stick_state_read(const char *dir, struct rh_stick_state *out, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/state", dir);
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(AT_FDCWD, path, MAX_TEXT, &text, err);

	return r < 0 ? r : rh_stick_state_parse(text.data, text.len, out, err);
}

/* --- requests --- */

void rh_stick_request_free(struct rh_stick_request *q)
{
	free(q->serial[0]);
	free(q->serial[1]);
	free(q->from);
	*q = (struct rh_stick_request){0};
}

int rh_stick_request_put(const char *dir, const struct rh_stick_request *q, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/request", dir);
	RH_FREE char *aside = rh_xasprintf("%s/request.%d", dir, (int)getpid());
	struct json_object *o = json_object_new_object(), *l = json_object_new_array();
	const char *text;
	int r;

	rh_json_add_str(o, "do", wishes[q->wish]);
	rh_json_add_int(o, "number", q->number);
	rh_json_add_str(o, "from", q->from);
	for (int i = 0; i < 2; i++)
		json_object_array_add(l, json_object_new_string(q->serial[i] ? q->serial[i] : ""));
	json_object_object_add(o, "serials", l);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	r = rh_file_write(AT_FDCWD, aside, 0644, text, strlen(text), err);
	json_object_put(o);
	if (r < 0)
		return r;
	if (link(aside, path) < 0)
		r = errno == EEXIST ? rh_err_set(err, EEXIST, "another console was first")
				    : rh_err_errno(err, errno, "cannot make %s", path);
	unlink(aside);
	return r;
}

static int read_request(struct json_object *o, struct rh_stick_request *out, struct rh_err *err)
{
	RH_STRV struct rh_strv serials = {0};
	int wish = index_of(wishes, sizeof wishes / sizeof *wishes, rh_json_str(o, "do", ""));

	take_list(o, "serials", &serials);
	if (wish < 0 || (wish == RH_WISH_WRITE && serials.n != 2))
		return rh_err_set(err, EINVAL, "a request that is not understood");
	*out = (struct rh_stick_request){.wish = (enum rh_stick_wish)wish,
					 .number = take_int(o, "number"),
					 .from = rh_xstrdup(rh_json_str(o, "from", ""))};
	for (size_t i = 0; i < 2 && i < serials.n; i++)
		out->serial[i] = rh_xstrdup(serials.v[i]);
	return 1;
}

int rh_stick_request_take(const char *dir, struct rh_stick_request *out, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("%s/request", dir);
	RH_STR struct rh_str text = {0};
	struct rh_json *j = NULL;
	int r;

	if (!rh_exists(AT_FDCWD, path))
		return 0;
	r = rh_file_read(AT_FDCWD, path, MAX_TEXT, &text, err);
	if (unlink(path) < 0 && r == 0)
		return rh_err_errno(err, errno, "cannot remove %s", path);
	if (r == 0)
		r = parse(text.data, text.len, "a request", &j, err);
	if (r == 0)
		r = read_request(rh_json_root(j), out, err);
	rh_json_free(&j);
	return r;
}

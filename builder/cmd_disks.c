// SPDX-License-Identifier: GPL-2.0-or-later
/* Disks shown, and progress; the contract is in cmd_disks.h. */
#include "builder/cmd_disks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/core/mem.h"
#include "lib/json.h"

const char *rh_bytes_text(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double n = (double)bytes;
	size_t u = 0;

	while (n >= 1000 && u + 1 < sizeof units / sizeof *units) {
		n /= 1000;
		u++;
	}
	snprintf(out, size, u == 0 ? "%.0f %s" : n < 10 ? "%.2f %s" : "%.1f %s", n, units[u]);
	return out;
}

void rh_disk_print(FILE *out, const char *title, const struct rh_disk *d)
{
	char size[24];

	if (!*d->kname) {
		fprintf(out, "%s: %s\n", title, d->asked);
		return;
	}
	fprintf(out, "%s: %s, serial %s%s, %s\n", title, *d->model ? d->model : "unknown model",
		d->serial, d->has_serial ? "" : " (the kernel's name: it tells no serial)",
		rh_bytes_text(d->size, size, sizeof size));
	fprintf(out, "    %s, now %s\n", d->path, d->node);
	if (d->n_content == 0)
		fprintf(out, "    holds nothing that is known\n");
	for (size_t i = 0; i < d->n_content; i++)
		fprintf(out, "    holds %s\n", d->content[i].text);
}

void rh_disk_print_refused(FILE *out, const struct rh_disk *d)
{
	for (size_t i = 0; i < d->n_refused; i++)
		fprintf(out, "%s: refused (%s): %s\n", d->asked, rh_refusal_name(d->refused[i].why),
			d->refused[i].text);
}

static struct json_object *content_json(const struct rh_disk *d)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < d->n_content; i++) {
		const struct rh_content *c = &d->content[i];
		struct json_object *o = json_object_new_object();

		rh_json_add_str(o, "type", c->type);
		rh_json_add_int(o, "part", c->part);
		rh_json_add_int(o, "at", c->at);
		rh_json_add_str(o, "text", c->text);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *rh_disk_json(const struct rh_disk *d)
{
	struct json_object *o = json_object_new_object(), *refused = json_object_new_array();

	rh_json_add_str(o, "asked", d->asked);
	rh_json_add_str(o, "path", d->path);
	rh_json_add_str(o, "node", d->node);
	rh_json_add_str(o, "model", d->model);
	rh_json_add_str(o, "serial", d->serial);
	rh_json_add_int(o, "size", d->size);
	json_object_object_add(o, "content", content_json(d));
	for (size_t i = 0; i < d->n_refused; i++) {
		struct json_object *r = json_object_new_object();

		rh_json_add_str(r, "why", rh_refusal_name(d->refused[i].why));
		rh_json_add_str(r, "text", d->refused[i].text);
		json_object_array_add(refused, r);
	}
	json_object_object_add(o, "refused", refused);
	return o;
}

void rh_target_add_json(struct json_object *o, const struct rh_target *t)
{
	rh_json_add_str(o, "member", t->member ? "b" : "a");
	rh_json_add_int(o, "from", t->from);
	rh_json_add_int(o, "done", t->done);
	rh_json_add_int(o, "kept", t->kept);
	json_object_object_add(o, "bootable", json_object_new_boolean(t->bootable));
	rh_json_add_str(o, "error", t->error ? t->text.text : NULL);
	if (t->error)
		rh_json_add_str(o, "errno", strerrorname_np(-t->error));
	if (t->error)
		rh_json_add_int(o, "error_at", t->error_at);
}

void rh_json_print(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

char *rh_state_dir(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	/* A relative one is to be ignored, says the XDG Base Directory Specification. */
	if (state && *state == '/')
		return rh_xasprintf("%s/rehome", state);
	if (home && *home == '/')
		return rh_xasprintf("%s/.local/state/rehome", home);
	return NULL;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The rate over the last one to two seconds: two marks, of which the older is dropped each second.
 */
static void measure(struct rh_meter *m, uint64_t pos)
{
	double now = seconds();

	if (now - m->since[1] >= 1) {
		m->since[0] = m->since[1];
		m->pos[0] = m->pos[1];
		m->since[1] = now;
		m->pos[1] = pos;
	}
	if (now - m->since[0] > 0.2 && pos >= m->pos[0])
		m->rate = (double)(pos - m->pos[0]) / (now - m->since[0]);
}

void rh_meter_at(void *meter, enum rh_write_phase phase, uint64_t pos, uint64_t total)
{
	struct rh_meter *m = meter;
	char rate[24], note[32];

	if (m->step != (int)phase + 1) {
		rh_meter_end(m, true);
		m->step = (int)phase + 1;
		m->since[0] = m->since[1] = seconds();
		m->pos[0] = m->pos[1] = pos;
		m->rate = 0;
		rh_progress_begin(m->progress, m->names[phase]);
	}
	measure(m, pos);
	snprintf(note, sizeof note, "%s/s", rh_bytes_text((uint64_t)m->rate, rate, sizeof rate));
	rh_progress_at(m->progress, pos, total, note);
}

void rh_meter_check(void *meter, uint64_t pos, uint64_t total)
{
	rh_meter_at(meter, RH_WRITE_CHECK, pos, total);
}

void rh_meter_say(void *meter, const char *line)
{
	struct rh_meter *m = meter;

	if (m->said)
		json_object_array_add(m->said, json_object_new_string(line));
	rh_progress_say(m->progress, "%s", line);
	if (m->quiet)
		fprintf(stderr, "%s\n", line);
}

void rh_meter_end(struct rh_meter *m, bool ok)
{
	if (m->step)
		rh_progress_end(m->progress, ok);
	m->step = 0;
}

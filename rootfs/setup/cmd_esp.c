// SPDX-License-Identifier: GPL-2.0-or-later
/* rehome-setup esp: what each disk needs to start the machine alone. */
#include <errno.h>
#include <stdio.h>

#include "rootfs/setup/cmd.h"
#include "rootfs/setup/esp.h"

static int work(struct rh_setup *s, bool look, struct rh_boot_report *report, struct rh_err *err)
{
	RH_CLOSE int lock = -1;
	struct rh_pair p = {0};
	int r = rh_cmd_may(s, err);

	if (r >= 0)
		r = rh_disks_lock(s, &lock, err);
	if (r >= 0)
		r = rh_pair_read(s, &p, err);
	if (r >= 0)
		r = rh_boot_sync(s, &p, NULL, look, report, err);
	rh_pair_free(&p);
	return r;
}

static void say_lines(struct rh_setup *s, const char *prefix, const struct rh_strv *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		rh_setup_say(s, "%s%s", prefix, lines->v[i]);
}

/* Mended drift is told as well: what changed a boot loader once will do it again. */
static void alarm_about(struct rh_setup *s, const struct rh_boot_report *report)
{
	RH_STR struct rh_str text = {0};

	for (size_t i = 0; i < report->drift.n; i++)
		rh_str_addf(&text, "%s\n", report->drift.v[i]);
	for (size_t i = 0; i < report->bad.n; i++)
		rh_str_addf(&text, "NOT MENDED: %s\n", report->bad.v[i]);
	if (text.len)
		rh_alarm(s, "the boot loaders of the two disks had drifted apart", text.data);
}

static struct json_object *list_json(const struct rh_strv *lines)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < lines->n; i++)
		json_object_array_add(list, json_object_new_string(lines->v[i]));
	return list;
}

static void print_json(const struct rh_boot_report *report, bool ok, const struct rh_err *err)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(ok));
	if (*err->text)
		json_object_object_add(o, "error", json_object_new_string(err->text));
	json_object_object_add(o, "changed", list_json(&report->changed));
	json_object_object_add(o, "drift", list_json(&report->drift));
	json_object_object_add(o, "bad", list_json(&report->bad));
	json_object_object_add(o, "notes", list_json(&report->notes));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

int rh_cmd_esp(const struct rh_setup_options *o)
{
	struct rh_boot_report report = {0};
	struct rh_err err = {{0}};
	struct rh_setup s;
	int r = rh_setup_open(&s, o->root, &err);
	bool ok;

	rh_cmd_voices(&s, o->json);
	if (r >= 0)
		r = work(&s, o->dry_run, &report, &err);
	ok = r >= 0 && report.bad.n == 0;
	if (r < 0)
		rh_cmd_failed(&s, err.text);
	say_lines(&s, "esp: ", &report.changed);
	say_lines(&s, "esp: ", &report.notes);
	say_lines(&s, "warning: ", &report.drift);
	say_lines(&s, "failed: ", &report.bad);
	if (r >= 0 && !o->dry_run)
		alarm_about(&s, &report);
	if (ok && !report.changed.n && !report.drift.n)
		rh_setup_say(&s, "esp: each disk can start the machine");
	if (o->json)
		print_json(&report, ok, &err);
	rh_boot_report_free(&report);
	rh_setup_close(&s);
	return ok ? 0 : 1;
}

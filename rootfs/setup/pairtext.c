// SPDX-License-Identifier: GPL-2.0-or-later
/* The pair in words; the contract is in pair.h. Pure: no I/O. */
#include <inttypes.h>
#include <string.h>

#include "rootfs/setup/pair.h"

static const char *const words[] = {
    [RH_PAIR_WORKS] = "works",
    [RH_PAIR_REBUILDING] = "is being rebuilt",
    [RH_PAIR_READD] = "may be taken back",
    [RH_PAIR_COPY] = "may be taken back with a full copy",
    [RH_PAIR_FAILED] = "HAS FAILED",
    [RH_PAIR_OLD] = "IS OLD",
    [RH_PAIR_STRANGER] = "IS A STRANGER",
    [RH_PAIR_SPLIT] = "HAS A HISTORY OF ITS OWN",
};

static const char *name_of(const struct rh_pair *p, const struct rh_pair_disk *d)
{
	return rh_disk_text(p->disks, d->disk);
}

/* "ata2" is what the board calls SATA port 2 as a rule; the serial is what counts. */
static void add_port(const struct rh_pair_disk *d, struct rh_str *out)
{
	if (*d->port)
		rh_str_addf(out, ", port %s", d->port);
}

static void show_array(const struct rh_array *a, struct rh_str *out)
{
	if (!a->found) {
		rh_str_addf(out, "array %-4s  DOES NOT RUN\n", a->name);
		return;
	}
	rh_str_addf(out, "array %-4s  %s, %s, %u of %u members\n", a->name, a->node, a->state,
		    a->slots - a->degraded, a->slots);
	if (*a->action && strcmp(a->action, "idle") != 0)
		rh_str_addf(out, "            %s is under way\n", a->action);
}

static void show_disk(const struct rh_pair *p, const struct rh_pair_disk *d, struct rh_str *out)
{
	rh_str_addf(out, "disk        %s", name_of(p, d));
	add_port(d, out);
	rh_str_addf(out, ", %" PRIu64 " MB: ", d->disk->sectors * 512 / 1000000);
	if (!d->member) {
		rh_str_add(out, "not of the pair\n");
		return;
	}
	rh_str_addf(out, "%s\n", words[d->what]);
	if (*d->why)
		rh_str_addf(out, "            %s\n", d->why);
	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		if (d->on[k].there)
			rh_str_addf(out, "            %s: /dev/%s %s\n", p->array[k]->name,
				    d->on[k].device, words[d->on[k].what]);
}

/* The serials that worked here last and are not in the machine. */
static void add_missing(const struct rh_pair *p, struct rh_str *out)
{
	for (size_t i = 0; i < p->known.n; i++)
		if (!rh_pair_by_serial(p, p->known.v[i]))
			rh_str_addf(out, "%s%s", out->len ? ", " : "", p->known.v[i]);
}

void rh_pair_show(const struct rh_pair *p, struct rh_str *out)
{
	RH_STR struct rh_str missing = {0}, alarm = {0};

	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		show_array(p->array[k], out);
	for (size_t i = 0; i < p->n; i++)
		show_disk(p, &p->v[i], out);
	add_missing(p, &missing);
	if (missing.len)
		rh_str_addf(out, "missing     serial %s\n", missing.data);
	if (p->mixed)
		rh_str_add(out, "no disk works in both arrays\n");
	rh_pair_alarm_text(p, &alarm);
	if (alarm.len)
		rh_str_addf(out, "\n%s", alarm.data);
	else if (rh_pair_needs_person(p))
		rh_str_add(
		    out, "next        put the missing disk back, or: rehome-setup replace-disk\n");
	else
		rh_str_add(out, p->whole ? "next        nothing: both disks work\n"
					 : "next        nothing: wait until both disks work\n");
}

static void put_str(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *array_json(const struct rh_array *a)
{
	struct json_object *o = json_object_new_object();

	put_str(o, "name", a->name);
	json_object_object_add(o, "runs", json_object_new_boolean(a->found));
	put_str(o, "node", a->node);
	put_str(o, "state", a->state);
	put_str(o, "action", a->action);
	json_object_object_add(o, "members", json_object_new_int((int)a->slots));
	json_object_object_add(o, "degraded", json_object_new_int((int)a->degraded));
	return o;
}

static struct json_object *disk_json(const struct rh_pair *p, const struct rh_pair_disk *d)
{
	struct json_object *o = json_object_new_object();

	put_str(o, "name", d->disk->name);
	put_str(o, "serial", d->disk->serial);
	put_str(o, "model", d->disk->model);
	put_str(o, "by_id", d->disk->by_id);
	put_str(o, "port", d->port);
	json_object_object_add(o, "bytes",
			       json_object_new_int64((int64_t)(d->disk->sectors * 512)));
	json_object_object_add(o, "known", json_object_new_boolean(d->known));
	put_str(o, "state", d->member ? rh_pair_word(d->what) : "none");
	put_str(o, "why", d->why);
	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		put_str(o, p->array[k]->name,
			d->on[k].there ? rh_pair_word(d->on[k].what) : "none");
	return o;
}

void rh_pair_json(const struct rh_pair *p, struct rh_str *out)
{
	struct json_object *o = json_object_new_object(), *arrays = json_object_new_array(),
			   *disks = json_object_new_array(), *missing = json_object_new_array();

	json_object_object_add(o, "whole", json_object_new_boolean(p->whole));
	json_object_object_add(o, "needs_person", json_object_new_boolean(rh_pair_needs_person(p)));
	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		json_object_array_add(arrays, array_json(p->array[k]));
	json_object_object_add(o, "arrays", arrays);
	for (size_t i = 0; i < p->n; i++)
		json_object_array_add(disks, disk_json(p, &p->v[i]));
	json_object_object_add(o, "disks", disks);
	for (size_t i = 0; i < p->known.n; i++)
		if (!rh_pair_by_serial(p, p->known.v[i]))
			json_object_array_add(missing, json_object_new_string(p->known.v[i]));
	json_object_object_add(o, "missing", missing);
	rh_str_add(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void rh_pair_banner(const struct rh_pair *p, struct rh_str *out)
{
	RH_STR struct rh_str missing = {0};
	bool there = false;

	if (!rh_pair_needs_person(p))
		return;
	add_missing(p, &missing);
	for (size_t i = 0; i < p->n; i++)
		there |= p->v[i].member && p->v[i].what >= RH_PAIR_FAILED;
	rh_str_addf(out, "\n*** %s",
		    there && !missing.len ? "ONE DISK DOES NOT WORK IN THE PAIR"
					  : "ONE DISK IS MISSING");
	if (missing.len)
		rh_str_addf(out, ": serial %s", missing.data);
	rh_str_add(out, " ***\n");
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].member && p->v[i].what >= RH_PAIR_FAILED)
			rh_str_addf(out, "    %s %s: %s\n", name_of(p, &p->v[i]),
				    words[p->v[i].what], p->v[i].why);
	rh_str_add(out, "    Look: rehome-setup pair    Replace: rehome-setup replace-disk\n\n");
}

static void alarm_disk(const struct rh_pair *p, const struct rh_pair_disk *d, struct rh_str *out)
{
	rh_str_addf(out, "%s", name_of(p, d));
	add_port(d, out);
	rh_str_addf(out, "\n  %s: %s.\n", words[d->what], d->why);
	if (d->what != RH_PAIR_SPLIT) {
		rh_str_add(out,
			   "  It was left as it is. To use it as the second disk and lose what "
			   "it holds:\n");
		rh_str_addf(out, "    rehome-setup replace-disk --erase --serial %s\n\n",
			    d->disk->serial);
		return;
	}
	rh_str_addf(
	    out,
	    "  Both disks have run without the other, so each may hold mail that the other\n"
	    "  has not. They were not merged, and this one was left as it is. Decide which\n"
	    "  one counts:\n"
	    "  - What runs now counts, and what only the other one has is lost:\n"
	    "      rehome-setup replace-disk --erase --serial %s\n"
	    "  - The other one counts: shut down, unplug the disk that runs now, start from\n"
	    "    the other one, plug the first one in again, and there:\n"
	    "      rehome-setup replace-disk --erase --serial (that of the first one)\n\n",
	    d->disk->serial);
}

void rh_pair_alarm_text(const struct rh_pair *p, struct rh_str *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct rh_pair_disk *d = &p->v[i];

		if (d->member && d->what >= RH_PAIR_OLD && (!p->whole || d->what == RH_PAIR_SPLIT))
			alarm_disk(p, d, out);
	}
	if (p->mixed)
		rh_str_add(out,
			   "The array boot runs from one disk and the array pv from the other. "
			   "Nothing was\nchanged. Shut down, unplug the disk that was missing "
			   "last, and start again.\n");
}

void rh_pair_instruction(const struct rh_pair *p, struct rh_str *out)
{
	rh_str_add(out,
		   "WHEN A DISK OF THIS MACHINE FAILS (print this and keep it at the machine)\n\n"
		   "The disks, by the serial number on the label:\n");
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].member && p->v[i].what <= RH_PAIR_COPY) {
			rh_str_addf(out, "  %s, serial %s", p->v[i].disk->model,
				    p->v[i].disk->serial);
			add_port(&p->v[i], out);
			rh_str_addf(out, ", %" PRIu64 " MB\n",
				    p->v[i].disk->sectors * 512 / 1000000);
		}
	rh_str_add(
	    out,
	    "\n1. Log in as root and find out which serial is missing or has failed:\n"
	    "     rehome-setup pair\n"
	    "2. Shut down:\n"
	    "     poweroff\n"
	    "   Take out the disk with that serial. The other one has all the mail: be sure.\n"
	    "3. Put a new disk in, at least as large, into the same port. Write its serial here:\n"
	    "     ____________________\n"
	    "4. Start the machine. It starts from the one disk, and the mail is there.\n"
	    "5. Log in as root:\n"
	    "     rehome-setup replace-disk\n"
	    "   and type the new disk's serial. The copy takes hours; mail goes on meanwhile.\n"
	    "6. Wait for the end, or look later. Both arrays must have 2 of 2 members:\n"
	    "     rehome-setup pair\n");
}

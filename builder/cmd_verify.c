// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehome verify: is it what it should be?
 *
 * Three questions under one verb: a folder against its own checksums, written disks against the
 * pair, a pair against another. Nothing is written to any of them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/cmd.h"
#include "builder/cmd_disks.h"
#include "builder/write/journal.h"

static const char usage[] =
    "usage: rehome verify [OPTION]... PAIR\n"
    "       rehome verify [OPTION]... [--pair PAIR] DISK [DISK]\n"
    "       rehome verify [OPTION]... PAIR --against OTHER\n"
    "\n"
    "The first: is the folder PAIR what its checksums say? The second: does every byte that rehome\n"
    "write has written lie on these disks? They must not have been booted or mounted since. The\n"
    "third: are two pairs the same: partition tables, boot areas, EFI system partitions and md\n"
    "metadata bit by bit; volumes, filesystems and every file in them by content?\n"
    "\n"
    "      --pair PAIR          what was written; not needed where it was written here\n"
    "      --against OTHER      the folder of another pair\n"
    "      --json               print one JSON document\n"
    "      --progress-fd N      write progress as JSON lines to descriptor N\n"
    "  -q, --quiet              no progress\n"
    "\n"
    "exit status: 0 yes; 1 no, and what differs is named; 2 wrong usage\n"
    "\n"
    "examples:\n"
    "  rehome verify build/z440\n"
    "  rehome verify --pair build/z440 /dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0123456\n"
    "  rehome build --force -o /tmp/again small\n"
    "  rehome verify build/small --against /tmp/again\n";

struct options {
	const char *against, *pair;
	char **args;
	int n_args, progress_fd;
	bool json, quiet;
};

struct job {
	const struct options *o;
	struct rh_source *source;
	struct rh_disk disk[2];
	struct rh_write w;
	struct rh_meter meter;
	char *state, *found; /* folder of the journal; the pair that it names */
};

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"against", required_argument, NULL, 'a'},
					      {"pair", required_argument, NULL, 'p'},
					      {"json", no_argument, NULL, 'j'},
					      {"progress-fd", required_argument, NULL, 'f'},
					      {"quiet", no_argument, NULL, 'q'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "q", longs, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->against = optarg;
			break;
		case 'p':
			o->pair = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'f':
			o->progress_fd = rh_descriptor_option("rehome verify", optarg);
			if (o->progress_fd < 0)
				return -EINVAL;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			return 1;
		default:
			return -EINVAL;
		}
	}
	o->args = argv + optind;
	o->n_args = argc - optind;
	if (o->against)
		return o->n_args == 1 && !o->pair ? 0 : -EINVAL;
	return o->n_args == 1 || o->n_args == 2 ? 0 : -EINVAL;
}

/* What the journal knows of a disk; false: nothing. */
static bool known(const struct job *j, const struct rh_disk *d, struct rh_journal *out)
{
	struct rh_err ignored;

	return j->state && rh_journal_load(j->state, d->serial, out, &ignored) == 0;
}

/* Which pair was written to these disks, where the user does not say. */
static int find_pair(struct job *j, struct rh_err *err)
{
	for (unsigned i = 0; i < j->w.n; i++) {
		struct rh_journal e = {0};
		int r = 0;

		if (!known(j, &j->disk[i], &e))
			return rh_err_set(err, ENOENT,
					  "nothing is noted here of a disk with the serial %s: "
					  "name what was written to it by --pair PAIR",
					  j->disk[i].serial);
		if (j->found && strcmp(j->found, e.source) != 0)
			r = rh_err_set(err, EINVAL,
				       "the disks were written from two pairs, %s and %s: verify "
				       "one after the other",
				       j->found, e.source);
		else if (!is_folder(e.source))
			r = rh_err_set(err, ENOENT,
				       "the disk with the serial %s was written from %s, which is "
				       "not there any more: name a copy of it by --pair PAIR",
				       j->disk[i].serial, e.source);
		if (r == 0 && !j->found)
			j->found = rh_xstrdup(e.source);
		rh_journal_free(&e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Which half is on each disk: by the journal, so that a damaged first MiB is told with its place,
 * else by that MiB. */
static int find_members(struct job *j, struct rh_err *err)
{
	for (unsigned i = 0; i < j->w.n; i++) {
		struct rh_journal e = {0};
		int m;

		if (known(j, &j->disk[i], &e) && !strcmp(e.pair, j->source->id))
			m = (int)e.member;
		else
			m = rh_write_member(j->source, &j->disk[i], err);
		rh_journal_free(&e);
		if (m < 0)
			return m;
		j->w.target[i].disk = &j->disk[i];
		j->w.target[i].member = (unsigned)m;
	}
	if (j->w.n == 2 && j->w.target[0].member == j->w.target[1].member)
		return rh_err_set(err, EINVAL,
				  "both disks hold disk %c of the pair: a pair has one of each; "
				  "write one of them again",
				  'a' + (int)j->w.target[0].member);
	return 0;
}

static int open_disks(struct job *j, struct rh_err *err)
{
	struct rh_probe_options p = {.any_name = true, .allow_loop = true, .reading = true};
	bool good = true;

	for (unsigned i = 0; i < j->w.n; i++)
		rh_probe_disk(&p, j->o->args[i], &j->disk[i]);
	if (j->w.n == 2)
		rh_probe_twins(&j->disk[0], &j->disk[1]);
	for (unsigned i = 0; i < j->w.n; i++) {
		rh_disk_print_refused(stderr, &j->disk[i]);
		good = good && j->disk[i].n_refused == 0;
	}
	return good ? 0 : rh_err_set(err, EINVAL, "see above");
}

static int check_source(struct job *j, const char *dir, struct rh_err *err)
{
	int r = rh_source_pair(dir, &j->source, err);

	if (r < 0)
		return r;
	rh_progress_plan(j->meter.progress, "check", "checking the images",
			 (double)j->source->size / 400e6 + 0.1);
	if (j->w.n)
		rh_progress_plan(j->meter.progress, "verify", "reading the disks back",
				 (double)j->source->size / 120e6 + 0.1);
	r = rh_source_check(j->source, rh_meter_check, &j->meter, err);
	rh_meter_end(&j->meter, r == 0);
	return r;
}

static int verify_disks(struct job *j, struct rh_err *err)
{
	const char *pair = j->o->pair;
	int r = 0;

	j->w.n = (unsigned)j->o->n_args;
	r = open_disks(j, err);
	if (r == 0 && !pair) {
		r = find_pair(j, err);
		pair = j->found;
	}
	if (r == 0)
		r = check_source(j, pair, err);
	for (unsigned i = 0; r == 0 && i < j->w.n; i++)
		if (j->disk[i].size < j->source->size)
			r = rh_err_set(err, EINVAL,
				       "the disk with the serial %s is smaller than the pair %s: "
				       "it was not written with it",
				       j->disk[i].serial, pair);
	if (r == 0)
		r = find_members(j, err);
	if (r < 0)
		return r;
	j->w.source = j->source;
	j->w.state_dir = j->state;
	j->w.progress = rh_meter_at;
	j->w.say = rh_meter_say;
	j->w.arg = &j->meter;
	r = rh_write_verify(&j->w, err);
	rh_meter_end(&j->meter, r == 0);
	return r;
}

static void print_json(struct job *j, int r, const struct rh_err *err)
{
	struct json_object *o = json_object_new_object(), *disks = json_object_new_array();

	json_object_object_add(o, "ok", json_object_new_boolean(r == 0));
	if (j->source) {
		json_object_object_add(o, "pair", json_object_new_string(j->source->name));
		json_object_object_add(o, "recipe", json_object_new_string(j->source->recipe));
		json_object_object_add(o, "size", json_object_new_int64((int64_t)j->source->size));
	}
	for (unsigned i = 0; i < j->w.n && j->disk[i].asked; i++) {
		struct json_object *d = rh_disk_json(&j->disk[i]);

		if (j->w.target[i].disk)
			rh_target_add_json(d, &j->w.target[i]);
		json_object_array_add(disks, d);
	}
	json_object_object_add(o, "disks", disks);
	json_object_object_add(o, "seconds", json_object_new_double(j->w.seconds[RH_WRITE_VERIFY]));
	json_object_object_add(o, "error",
			       r < 0 && *err->text ? json_object_new_string(err->text) : NULL);
	rh_json_print(o);
}

static void print_done(const struct job *j)
{
	if (j->w.n == 0)
		printf("%s: both images are what SHA256SUMS says\n", j->source->name);
	for (unsigned i = 0; i < j->w.n; i++)
		printf("%s, serial %s: holds disk %c of %s, no difference\n", j->disk[i].path,
		       j->disk[i].serial, 'a' + (int)j->w.target[i].member, j->source->name);
}

static int run(struct job *j)
{
	struct rh_err err = {""};
	int r;

	j->meter.progress = rh_progress_new(j->o->progress_fd, j->o->quiet);
	j->meter.names[RH_WRITE_CHECK] = "check";
	j->meter.names[RH_WRITE_VERIFY] = "verify";
	j->state = rh_state_dir();
	if (!j->o->pair && j->o->n_args == 1 && is_folder(j->o->args[0]))
		r = check_source(j, j->o->args[0], &err);
	else
		r = verify_disks(j, &err);
	rh_progress_free(&j->meter.progress);
	if (r < 0)
		fprintf(stderr, "rehome verify: %s\n", err.text);
	if (j->o->json)
		print_json(j, r, &err);
	else if (r == 0)
		print_done(j);
	for (int i = 0; i < 2; i++)
		rh_disk_free(&j->disk[i]);
	rh_source_free(&j->source);
	free(j->state);
	free(j->found);
	return r == 0 ? 0 : 1;
}

int rh_cmd_verify(int argc, char **argv)
{
	struct options o = {.progress_fd = -1};
	struct job j = {.o = &o, .disk = {{.fd = -1}, {.fd = -1}}};
	int r = parse(argc, argv, &o);

	if (r) {
		fputs(usage, r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	if (o.against)
		return rh_cmd_against(o.args[0], o.against, o.json, o.quiet);
	return run(&j);
}

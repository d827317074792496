// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehome write: the pair onto two disks.
 *
 * Everything that speaks against it is told at once, before anything is asked. What is asked for is
 * the serial number on the disk's label, not "yes": only who has looked at the disk can answer.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "builder/cmd.h"
#include "builder/cmd_disks.h"
#include "lib/core/proc.h"

#define REFUSED 3 /* exit status: nothing was written */

static const char usage[] =
    "usage: rehome write [OPTION]... PAIR DISK-A DISK-B\n"
    "\n"
    "Write the pair of images in the folder PAIR onto two disks, and read them back. Everything\n"
    "on both disks is lost. Disks are named as in /dev/disk/by-id. Run it again after a cut: it\n"
    "goes on where it was.\n"
    "\n"
    "      --yes-erase SERIAL   do not ask for this disk's serial number; give it for each disk\n"
    "      --no-verify          do not read the disks back (rehome verify does it later)\n"
    "      --restart            from the start, even if a run before this one was cut\n"
    "      --checkpoint MIB     flush and note the place every MIB MiB (default: 256)\n"
    "      --allow-loop         take loop devices too, to try it out\n"
    "      --json               print one JSON document\n"
    "      --progress-fd N      write progress as JSON lines to descriptor N\n"
    "  -q, --quiet              no progress\n"
    "\n"
    "exit status: 0 written and read back; 1 failed or interrupted; 2 wrong usage; 3 refused:\n"
    "nothing was written\n"
    "\n"
    "examples:\n"
    "  ls /dev/disk/by-id\n"
    "  rehome write build/z440 /dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0123456 \\\n"
    "    /dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0123457\n";

struct options {
	const char *pair, *disks[2];
	struct rh_strv erase; /* serials */
	uint64_t checkpoint;  /* bytes */
	int progress_fd;
	bool no_verify, restart, allow_loop, json, quiet;
};

struct job {
	const struct options *o;
	struct rh_source *source;
	struct rh_disk disk[2];
	struct rh_write w;
	struct rh_meter meter;
	char *state;
	bool begun;    /* something may have been written */
	bool verified; /* both read back */
};

static int set_flag(struct options *o, int c)
{
	bool *flag = c == 'n'	? &o->no_verify
		     : c == 'r' ? &o->restart
		     : c == 'l' ? &o->allow_loop
		     : c == 'j' ? &o->json
		     : c == 'q' ? &o->quiet
				: NULL;

	if (!flag)
		return -EINVAL;
	*flag = true;
	return 0;
}

/* Bytes; 0 with a message when TEXT is no number of MiB. */
static uint64_t checkpoint(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end != text && !*end && n > 0 && n <= 65536)
		return (uint64_t)n << 20;
	fprintf(stderr, "rehome write: --checkpoint %s: give MiB, from 1 to 65536\n", text);
	return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"yes-erase", required_argument, NULL, 'y'},
					      {"no-verify", no_argument, NULL, 'n'},
					      {"restart", no_argument, NULL, 'r'},
					      {"checkpoint", required_argument, NULL, 'c'},
					      {"allow-loop", no_argument, NULL, 'l'},
					      {"json", no_argument, NULL, 'j'},
					      {"progress-fd", required_argument, NULL, 'p'},
					      {"quiet", no_argument, NULL, 'q'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "q", longs, NULL)) != -1) {
		if (c == 'h')
			return 1;
		if (c == 'y') {
			rh_strv_add(&o->erase, optarg);
		} else if (c == 'c') {
			o->checkpoint = checkpoint(optarg);
			if (o->checkpoint == 0)
				return -EINVAL;
		} else if (c == 'p') {
			o->progress_fd = rh_descriptor_option("rehome write", optarg);
			if (o->progress_fd < 0)
				return -EINVAL;
		} else if (set_flag(o, c) < 0) {
			return -EINVAL;
		}
	}
	if (argc - optind != 3)
		return -EINVAL;
	o->pair = argv[optind];
	o->disks[0] = argv[optind + 1];
	o->disks[1] = argv[optind + 2];
	return 0;
}

static bool listed(const struct rh_strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

/* One line from the terminal without its end; false at the end of it or when interrupted. A plain
 * read(), because stdio goes on after a signal. */
static bool read_line(char *out, size_t size)
{
	size_t n = 0;
	char c;

	for (;;) {
		ssize_t got = read(STDIN_FILENO, &c, 1);

		if (got < 0 && errno == EINTR && !rh_interrupted())
			continue;
		if (got <= 0 || rh_interrupted())
			return false;
		if (c == '\n')
			break;
		if (n + 1 < size)
			out[n++] = c;
	}
	while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\r'))
		n--;
	out[n] = '\0';
	return true;
}

/* Look at both disks; false when one is refused. */
static bool look(struct job *j)
{
	struct rh_probe_options p = {.need = j->source ? j->source->size : 0,
				     .allow_loop = j->o->allow_loop};
	bool good = true;

	for (int i = 0; i < 2; i++)
		rh_probe_disk(&p, j->o->disks[i], &j->disk[i]);
	rh_probe_twins(&j->disk[0], &j->disk[1]);
	for (int i = 0; i < 2; i++) {
		if (!j->o->quiet)
			rh_disk_print(stderr, i ? "disk b" : "disk a", &j->disk[i]);
		rh_disk_print_refused(stderr, &j->disk[i]);
		good = good && j->disk[i].n_refused == 0;
	}
	return good;
}

/* The user's word for each disk. */
static int confirm(const struct job *j, struct rh_err *err)
{
	char line[256];

	for (size_t i = 0; i < j->o->erase.n; i++) {
		const char *s = j->o->erase.v[i];

		if (strcmp(s, j->disk[0].serial) != 0 && strcmp(s, j->disk[1].serial) != 0)
			return rh_err_set(err, EPERM,
					  "--yes-erase %s: neither disk has this serial number; "
					  "they have %s and %s",
					  s, j->disk[0].serial, j->disk[1].serial);
	}
	for (int i = 0; i < 2; i++) {
		const struct rh_disk *d = &j->disk[i];

		if (listed(&j->o->erase, d->serial))
			continue;
		if (!isatty(STDIN_FILENO))
			return rh_err_set(err, EPERM,
					  "nobody is here to confirm that %s (serial %s) may be "
					  "erased: run it on a terminal, or add --yes-erase for "
					  "each disk",
					  d->path, d->serial);
		fprintf(stderr,
			"Everything on disk %c will be lost. Type its serial number to go on: ",
			'a' + i);
		if (!read_line(line, sizeof line))
			return rh_err_set(err, EINTR, "interrupted");
		if (strcmp(line, d->serial) != 0)
			return rh_err_set(err, EPERM,
					  "\"%s\" is not the serial number of disk %c, which is %s",
					  line, 'a' + i, d->serial);
	}
	return 0;
}

static void plan_steps(struct job *j)
{
	/* Seconds, roughly, at the rates of a present disk and of SHA-256. */
	static const double rates[3] = {400e6, 100e6, 120e6};
	static const char *const texts[3] = {"checking the images", "writing both disks",
					     "reading both disks back"};
	static const char *const names[3] = {"check", "write", "verify"};

	for (int i = 0; i < (j->o->no_verify ? 2 : 3); i++)
		rh_progress_plan(j->meter.progress, names[i], texts[i],
				 (double)j->source->size / rates[i] + 0.1);
	memcpy(j->meter.names, names, sizeof names);
}

static int write_disks(struct job *j, struct rh_err *err)
{
	int r;

	j->state = rh_state_dir();
	j->w.source = j->source;
	j->w.n = 2;
	j->w.state_dir = j->state;
	j->w.restart = j->o->restart;
	j->w.checkpoint = j->o->checkpoint;
	j->w.progress = rh_meter_at;
	j->w.say = rh_meter_say;
	j->w.arg = &j->meter;
	for (unsigned i = 0; i < 2; i++) {
		j->w.target[i].disk = &j->disk[i];
		j->w.target[i].member = i;
	}
	plan_steps(j);
	if (!j->state)
		rh_meter_say(&j->meter, "note: neither XDG_STATE_HOME nor HOME is set: after a "
					"cut this begins anew");
	r = rh_write_run(&j->w, err);
	j->begun = j->source->checked;
	rh_meter_end(&j->meter, r == 0);
	if (r < 0 || j->o->no_verify)
		return r;
	r = rh_write_verify(&j->w, err);
	rh_meter_end(&j->meter, r == 0);
	j->verified = r == 0;
	return r;
}

/* Of this process alone. */
static long peak_mib(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss / 1024 : -1;
}

static void add_seconds(const struct job *j, struct json_object *o)
{
	static const char *const names[3] = {"check", "write", "verify"};
	struct json_object *s = json_object_new_object();

	for (int i = 0; i < 3; i++)
		json_object_object_add(s, names[i], json_object_new_double(j->w.seconds[i]));
	json_object_object_add(o, "seconds", s);
}

static void print_json(struct job *j, int r, const struct rh_err *err)
{
	struct json_object *o = json_object_new_object(), *disks = json_object_new_array();

	json_object_object_add(o, "ok", json_object_new_boolean(r == 0));
	json_object_object_add(o, "pair", json_object_new_string(j->o->pair));
	if (j->source) {
		json_object_object_add(o, "recipe", json_object_new_string(j->source->recipe));
		json_object_object_add(o, "size", json_object_new_int64((int64_t)j->source->size));
	}
	for (int i = 0; i < 2 && j->disk[i].asked; i++) {
		struct json_object *d = rh_disk_json(&j->disk[i]);

		if (j->w.target[i].disk)
			rh_target_add_json(d, &j->w.target[i]);
		json_object_array_add(disks, d);
	}
	json_object_object_add(o, "disks", disks);
	json_object_object_add(o, "written", json_object_new_boolean(j->begun));
	json_object_object_add(o, "verified", json_object_new_boolean(j->verified));
	json_object_object_add(o, "said", json_object_get(j->meter.said));
	add_seconds(j, o);
	json_object_object_add(o, "peak_mib", json_object_new_int64(peak_mib()));
	json_object_object_add(o, "error",
			       r < 0 && *err->text ? json_object_new_string(err->text) : NULL);
	rh_json_print(o);
}

static void print_done(const struct job *j)
{
	double t = j->w.seconds[RH_WRITE_DATA];
	char rate[24];

	printf("%s: written to %s (disk a) and %s (disk b)", j->source->name, j->disk[0].serial,
	       j->disk[1].serial);
	printf(j->verified ? ", read back, no difference\n" : "; not read back\n");
	printf("checking %.1f s, writing %.1f s (%s/s to each disk)", j->w.seconds[RH_WRITE_CHECK],
	       t, rh_bytes_text((uint64_t)((double)j->source->size / t), rate, sizeof rate));
	if (j->verified)
		printf(", reading back %.1f s", j->w.seconds[RH_WRITE_VERIFY]);
	printf("; peak memory %ld MiB\n", peak_mib());
}

static int run(struct job *j, struct rh_err *err)
{
	int r = rh_source_pair(j->o->pair, &j->source, err);
	bool good = look(j); /* a bad pair is no reason to keep quiet about the disks */

	if (r == 0 && !good)
		return rh_err_set(err, EPERM, "refused, see above; nothing was written");
	if (r == 0)
		r = confirm(j, err);
	if (r < 0)
		return rh_err_prefix(err, r, "nothing was written");
	return write_disks(j, err);
}

int rh_cmd_write(int argc, char **argv)
{
	struct options o = {.progress_fd = -1};
	struct job j = {.o = &o, .disk = {{.fd = -1}, {.fd = -1}}};
	struct rh_err err = {""};
	int r = parse(argc, argv, &o);

	if (r) {
		fputs(usage, r > 0 ? stdout : stderr);
		rh_strv_free(&o.erase);
		return r > 0 ? 0 : 2;
	}
	j.meter.progress = rh_progress_new(o.progress_fd, o.quiet);
	j.meter.quiet = o.quiet;
	j.meter.said = json_object_new_array();
	r = run(&j, &err);
	rh_progress_free(&j.meter.progress);
	if (r < 0)
		fprintf(stderr, "rehome write: %s\n", err.text);
	if (o.json)
		print_json(&j, r, &err);
	else if (r == 0)
		print_done(&j);
	json_object_put(j.meter.said);
	for (int i = 0; i < 2; i++)
		rh_disk_free(&j.disk[i]);
	rh_source_free(&j.source);
	free(j.state);
	rh_strv_free(&o.erase);
	return r == 0 ? 0 : j.begun ? 1 : REFUSED;
}

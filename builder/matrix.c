// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running the boot matrix: one machine after the other. See matrix.h.
 *
 * Invariants: the images are only ever backing files; each start has a new copy-on-write and new
 * variables, so that no cell sees what another left; after rh_matrix_free() no machine and no
 * scratch is left. A cell that cannot be started (no firmware, QEMU ends) is a fault of that cell,
 * and the next one runs.
 */
#include "builder/matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "builder/console.h"
#include "builder/pair.h"
#include "builder/preflight.h"
#include "builder/report.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/json.h"

#define MIN_MEMORY_MIB 2048
#define MIN_SPACE      (3ull << 30)
#define BOOT_S	       600
#define TICK_MS	       100
#define STARTS	       2 /* at most, of a cell that fails by its time alone */
#define LOG_MAX	       (64u << 20)

struct rh_matrix {
	struct rh_matrix_options o;
	struct rh_progress *progress; /* borrowed */
	struct rh_pair pair;
	struct rh_vm vm; /* what all cells share */
	struct rh_matrix_result cell[RH_MATRIX_CELLS];
	struct rh_scratch scratch;
	time_t started;
};

/* One start of a machine. */
struct start {
	const struct rh_matrix_cell *cell;
	char *serial; /* path of the log */
	double login_s;
	struct rh_matrix_seen seen;
	struct rh_strv faults;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static char *cell_name(const struct rh_matrix_cell *c)
{
	return rh_xasprintf("%s-%s", rh_vm_firmware_name(c->firmware),
			    rh_matrix_disks_name[c->disks]);
}

/* --- prepare --- */

static void preflight(const struct rh_matrix *m, struct rh_diags *d)
{
	const char *tmp = getenv("TMPDIR");
	struct rh_preflight want = {
	    .firmware = RH_FIRMWARE_BIOS, /* a missing one is its cell's fault */
	    .kvm = m->vm.kvm,
	    .scratch = tmp && *tmp ? tmp : "/var/tmp",
	    .space = MIN_SPACE,
	    .memory_mib = m->vm.memory_mib,
	};

	rh_preflight_check(&want, d);
	if (!rh_report_allowed(m->o.report))
		rh_diag_add(d, m->o.report, 0, "", "give another folder with --report",
			    "this folder is there and holds no report");
}

static void describe_vm(struct rh_matrix *m)
{
	const struct rh_pair *p = &m->pair;
	unsigned memory = p->memory_mib > MIN_MEMORY_MIB ? p->memory_mib : MIN_MEMORY_MIB;

	m->vm = (struct rh_vm){
	    .kvm = rh_vm_have_kvm(),
	    .memory_mib = m->o.memory_mib ? m->o.memory_mib : memory,
	    .cpus = p->cpus == 1 ? 1 : 2,
	    .vendor = p->vendor,
	    .model = p->model,
	    .disk_model = p->disk_model,
	    .nic = p->nic,
	};
}

int rh_matrix_prepare(const struct rh_matrix_options *o, struct rh_progress *p,
		      struct rh_matrix **out, struct rh_diags *d, struct rh_err *err)
{
	struct rh_matrix *m = rh_xalloc(sizeof *m);
	bool wanted[RH_MATRIX_CELLS];

	*m = (struct rh_matrix){
	    .o = *o, .progress = p, .scratch = RH_SCRATCH_INIT, .started = time(NULL)};
	if (rh_matrix_select(o->cells, wanted, err) < 0)
		rh_diag_add(d, "--cells", 0, "", "such as bios:a,uefi:b", "%s", err->text);
	if (rh_pair_load(o->pair, o->recipe, &m->pair, d) == 0) {
		describe_vm(m);
		preflight(m, d);
	}
	if (d->n > 0) {
		rh_matrix_free(&m);
		return rh_err_set(err, EINVAL, "the boot matrix cannot begin");
	}
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++) {
		RH_FREE char *name = cell_name(&rh_matrix_cells[i]);

		m->cell[i].wanted = wanted[i];
		if (wanted[i])
			rh_progress_plan(p, name, name, m->vm.kvm ? 15 : 70);
	}
	*out = m;
	return 0;
}

/* --- a start --- */

/* Why the login prompt will not come, to be freed; NULL while it may. */
static char *hopeless(const struct rh_matrix *m, const struct rh_console *c, pid_t *qemu,
		      double since)
{
	int limit = m->o.boot_s > 0 ? m->o.boot_s : BOOT_S, status = 0;

	if (c->dead)
		return rh_xstrdup(c->dead);
	if (rh_proc_poll(*qemu, &status)) {
		*qemu = 0;
		return rh_xasprintf("QEMU ended (status %d); see its log in the report", status);
	}
	if (now() - since > limit)
		return rh_xasprintf("no login prompt within %d s; the last line was: %s", limit,
				    c->last ? c->last : "(none)");
	return NULL;
}

static void read_console(int fd, struct rh_console *c)
{
	char data[4096];
	ssize_t n;

	while ((n = read(fd, data, sizeof data)) > 0)
		rh_console_feed(c, data, (size_t)n);
}

static int wait_for_login(struct rh_matrix *m, int fd, pid_t *qemu, struct start *s,
			  struct rh_err *err)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	RH_FREE char *why = NULL;
	struct rh_console c;
	double since = now();

	rh_console_init(&c);
	for (;;) {
		read_console(fd, &c);
		/* A kernel that oopsed may still come to the prompt: that is no good start. */
		if (c.login && !c.dead)
			s->login_s = now() - since;
		else
			why = hopeless(m, &c, qemu, since);
		if (s->login_s > 0 || why || rh_interrupted())
			break;
		rh_progress_at(m->progress, 0, 0, c.last);
		nanosleep(&tick, NULL);
	}
	if (why)
		rh_strv_add(&s->faults, why);
	rh_console_free(&c);
	return s->login_s > 0 || why ? 0 : rh_err_set(err, EINTR, "interrupted");
}

/* Disks and variables as if never used. The paths are the caller's. */
static int make_files(struct rh_matrix *m, const struct rh_matrix_cell *cell, char *disk[2],
		      const char *vars, struct rh_vm *vm, struct rh_err *err)
{
	int k = 0;

	for (int i = 0; k == 0 && i < 2; i++) {
		disk[i] = rh_xasprintf("%s/%c.qcow2", m->scratch.path, "ab"[i]);
		if (cell->disks != RH_MATRIX_BOTH && (int)cell->disks - 1 != i)
			continue;
		k = rh_vm_make_overlay(m->pair.image[i], disk[i], err);
		vm->disk[i] = disk[i];
	}
	if (k == 0 && vm->ovmf_vars) {
		k = rh_vm_copy_vars(vm->ovmf_vars, vars, err);
		vm->ovmf_vars = vars;
	}
	return k;
}

static int run_machine(struct rh_matrix *m, const struct rh_vm *vm, struct start *s,
		       struct rh_err *err)
{
	RH_FREE char *log = rh_xasprintf("%s.qemu", s->serial);
	RH_CLOSE int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	RH_CLOSE int serial = open(s->serial, O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	RH_STRV struct rh_strv argv = {0};
	struct rh_proc proc = {.out = out};
	pid_t qemu = 0;
	int k;

	if (out < 0 || serial < 0)
		return rh_err_errno(err, errno, "cannot write %s", log);
	rh_vm_argv(vm, &argv);
	proc.argv = (const char *const *)argv.v;
	k = rh_proc_start(&proc, &qemu, err);
	if (k == 0)
		k = wait_for_login(m, serial, &qemu, s, err);
	rh_proc_stop(&qemu, 2000);
	return k;
}

static void read_evidence(struct start *s)
{
	RH_STR struct rh_str text = {0};
	struct rh_err err;

	if (rh_file_read(AT_FDCWD, s->serial, LOG_MAX, &text, &err) < 0) {
		rh_strv_add(&s->faults, err.text);
		return;
	}
	rh_matrix_read(rh_str_text(&text), text.len, &s->seen);
	/* A machine that did not come up lacks everything; one reason is enough. */
	if (s->login_s > 0)
		rh_matrix_judge(s->cell, &s->seen, &s->faults);
}

static int one_start(struct rh_matrix *m, struct start *s, struct rh_err *err)
{
	RH_FREE char *vars = rh_xasprintf("%s/vars.fd", m->scratch.path);
	char *disk[2] = {NULL, NULL};
	struct rh_vm vm = m->vm;
	int k;

	vm.firmware = s->cell->firmware;
	if (!rh_vm_find_firmware(vm.firmware, &vm.ovmf_code, &vm.ovmf_vars)) {
		rh_strv_add(&s->faults, "could not run: the firmware is missing on this "
					"workstation (apt-get install ovmf)");
		return 0;
	}
	vm.serial_log = s->serial;
	k = make_files(m, s->cell, disk, vars, &vm, err);
	if (k == 0)
		k = run_machine(m, &vm, s, err);
	for (int i = 0; i < 2; i++) {
		if (disk[i])
			unlink(disk[i]);
		free(disk[i]);
	}
	if (k == 0)
		read_evidence(s);
	return k;
}

/* --- cells --- */

/* How much longer than with both disks, the worse of the two measures. */
static void compare(struct rh_matrix_result *r, const struct rh_matrix_result *both)
{
	double wait = rh_matrix_wait(&r->seen), both_wait = rh_matrix_wait(&both->seen);

	r->have_extra = both->login_s > 0 && r->login_s > 0;
	if (!r->have_extra) {
		rh_strv_add(&r->faults, "the start with both disks gave no time to compare with");
		return;
	}
	r->extra_s = r->login_s - both->login_s;
	if (r->extra_s >= RH_MATRIX_GOAL_S)
		rh_strv_addf(&r->faults,
			     "the login prompt came %.1f s later than with both disks; less than "
			     "%d s is the goal",
			     r->extra_s, RH_MATRIX_GOAL_S);
	if (wait >= 0 && both_wait >= 0 && wait - both_wait >= RH_MATRIX_GOAL_S)
		rh_strv_addf(&r->faults,
			     "the arrays waited %.1f s longer for a disk than with both; less than "
			     "%d s is the goal",
			     wait - both_wait, RH_MATRIX_GOAL_S);
}

static void take(struct rh_matrix_result *r, struct start *s)
{
	rh_strv_free(&r->faults);
	r->faults = s->faults;
	s->faults = (struct rh_strv){0};
	r->login_s = s->login_s;
	r->seen = s->seen;
}

static int run_cell(struct rh_matrix *m, size_t i, struct rh_err *err)
{
	const struct rh_matrix_cell *cell = &rh_matrix_cells[i];
	struct rh_matrix_result *r = &m->cell[i];
	RH_FREE char *name = cell_name(cell);
	bool again = true;
	int k = 0;

	rh_progress_begin(m->progress, name);
	while (k == 0 && again) {
		struct start s = {.cell = cell};

		s.serial = rh_xasprintf("%s/cells/%s.log", m->scratch.path, name);
		k = one_start(m, &s, err);
		if (k == 0) {
			r->starts++;
			take(r, &s);
			r->ok = r->faults.n == 0;
			again = r->ok && cell->disks != RH_MATRIX_BOTH;
		}
		if (k == 0 && again) {
			compare(r, &m->cell[i - (size_t)cell->disks]);
			again = r->have_extra && r->faults.n > 0 && r->starts < STARTS;
			r->ok = r->faults.n == 0;
		}
		rh_strv_free(&s.faults);
		free(s.serial);
	}
	rh_progress_end(m->progress, k == 0 && r->ok);
	return k;
}

int rh_matrix_run(struct rh_matrix *m, struct rh_err *err)
{
	RH_FREE char *cells = NULL;
	const char *changed;
	int k = rh_vm_scratch("rehome-matrix", &m->scratch, err);

	if (k < 0)
		return k;
	if (!m->vm.kvm)
		rh_progress_say(m->progress,
				"No /dev/kvm here: QEMU emulates the processor, 10 to 18 times "
				"slower than the machine itself. Each start takes minutes.");
	cells = rh_xasprintf("%s/cells", m->scratch.path);
	k = rh_mkdirs(AT_FDCWD, cells, 0700, err);
	for (size_t i = 0; k == 0 && i < RH_MATRIX_CELLS; i++)
		if (m->cell[i].wanted)
			k = run_cell(m, i, err);
	if (k < 0)
		return k;
	changed = rh_pair_changed(&m->pair);
	return changed ? rh_err_set(err, EIO, "%s was changed while it was started from", changed)
		       : 0;
}

/* --- results --- */

const struct rh_matrix_result *rh_matrix_result(const struct rh_matrix *m, size_t cell)
{
	return &m->cell[cell];
}

bool rh_matrix_go(const struct rh_matrix *m)
{
	size_t fine = 0;

	for (size_t i = 0; i < RH_MATRIX_CELLS; i++) {
		if (m->cell[i].wanted && !m->cell[i].ok)
			return false;
		fine += m->cell[i].wanted;
	}
	return fine > 0;
}

static void add_seconds(struct json_object *o, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.1f", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

static struct json_object *arrays_json(const struct rh_matrix_seen *s)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < s->n_arrays; i++) {
		struct json_object *o = json_object_new_object();

		rh_json_add_str(o, "name", s->array[i].name);
		json_object_object_add(o, "active", json_object_new_int64(s->array[i].active));
		json_object_object_add(o, "of", json_object_new_int64(s->array[i].of));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *cell_json(const struct rh_matrix_cell *c,
				     const struct rh_matrix_result *r)
{
	static const char *const secure[] = {"unsaid", "disabled", "enabled"};
	struct json_object *o = json_object_new_object(), *faults = json_object_new_array();
	double wait = rh_matrix_wait(&r->seen);

	rh_json_add_str(o, "firmware", rh_vm_firmware_name(c->firmware));
	rh_json_add_str(o, "disks", rh_matrix_disks_name[c->disks]);
	json_object_object_add(o, "ok", json_object_new_boolean(r->ok));
	json_object_object_add(o, "starts", json_object_new_int64(r->starts));
	if (r->login_s > 0)
		add_seconds(o, "login", r->login_s);
	if (r->have_extra)
		add_seconds(o, "extra", r->extra_s);
	if (wait >= 0)
		add_seconds(o, "wait", wait);
	json_object_object_add(o, "attached", json_object_new_int64(r->seen.disks));
	json_object_object_add(o, "arrays", arrays_json(&r->seen));
	rh_json_add_str(o, "secure_boot", secure[r->seen.secure]);
	for (size_t i = 0; i < r->faults.n; i++)
		json_object_array_add(faults, json_object_new_string(r->faults.v[i]));
	json_object_object_add(o, "faults", faults);
	return o;
}

struct json_object *rh_matrix_json(const struct rh_matrix *m)
{
	struct json_object *o = json_object_new_object(), *cells = json_object_new_array();
	char started[32] = "";
	struct tm tm;

	if (gmtime_r(&m->started, &tm))
		strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_object_add(o, "version", json_object_new_int(1));
	rh_json_add_str(o, "verdict", rh_matrix_go(m) ? "GO" : "NO-GO");
	rh_json_add_str(o, "pair", m->pair.dir);
	rh_json_add_str(o, "recipe", m->pair.recipe);
	rh_json_add_str(o, "accelerator", m->vm.kvm ? "kvm" : "tcg");
	rh_json_add_str(o, "started", started);
	json_object_object_add(o, "goal", json_object_new_int(RH_MATRIX_GOAL_S));
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++)
		if (m->cell[i].wanted)
			json_object_array_add(cells, cell_json(&rh_matrix_cells[i], &m->cell[i]));
	json_object_object_add(o, "cells", cells);
	return o;
}

int rh_matrix_report(const struct rh_matrix *m, struct rh_err *err)
{
	struct json_object *doc = rh_matrix_json(m);
	int k = rh_report_write(m->o.report, doc, m->scratch.path, err);

	json_object_put(doc);
	return k;
}

void rh_matrix_free(struct rh_matrix **m)
{
	struct rh_err ignored;

	if (!*m)
		return;
	if (rh_scratch_drop(&(*m)->scratch, &ignored) < 0)
		rh_progress_say((*m)->progress, "left behind: %s", ignored.text);
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++)
		rh_strv_free(&(*m)->cell[i].faults);
	rh_pair_free(&(*m)->pair);
	free(*m);
	*m = NULL;
}

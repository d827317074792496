// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rehome rehearse --boot-matrix: what it prints. The options are cmd_rehearse.c's.
 *
 * Invariant: the last line on stdout is GO (exit 0) or NO-GO (exit 1), except with --json, where
 * stdout is one JSON document.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "builder/cmd.h"
#include "builder/matrix.h"

static void print_mirrors(const struct rh_matrix_seen *s)
{
	RH_STR struct rh_str text = {0};

	for (unsigned i = 0; i < s->n_arrays; i++)
		rh_str_addf(&text, "%s%u of %u", i ? ", " : "", s->array[i].active, s->array[i].of);
	printf("%-18s", text.len ? text.data : "-");
}

static void print_cell(const struct rh_matrix_cell *c, const struct rh_matrix_result *r,
		       bool colour)
{
	static const char *const secure[] = {"-", "disabled", "enabled"};
	const char *green = colour ? "\033[32m" : "", *red = colour ? "\033[1;31m" : "";
	double wait = rh_matrix_wait(&r->seen);

	printf("%-12s%-7s", rh_vm_firmware_name(c->firmware), rh_matrix_disks_name[c->disks]);
	if (r->login_s > 0)
		printf("%6.1f s", r->login_s);
	else
		printf("%8s", "-");
	if (r->have_extra)
		printf("%+8.1f s", r->extra_s);
	else
		printf("%10s", "-");
	if (wait >= 0)
		printf("%8.1f s   ", wait);
	else
		printf("%10s   ", "-");
	print_mirrors(&r->seen);
	printf("%-13s%s%s%s\n", secure[r->seen.secure], r->ok ? green : red,
	       r->ok ? "ok" : "FAILED", colour ? "\033[0m" : "");
	for (size_t i = 0; i < r->faults.n; i++)
		printf("    %s\n", r->faults.v[i]);
}

static void print_result(const struct rh_matrix *m, const char *report, bool json)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	struct json_object *doc;

	if (json) {
		doc = rh_matrix_json(m);
		puts(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(doc);
		return;
	}
	puts("firmware    disks     login     extra  to arrays   mirrors           secure boot  "
	     "result");
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++)
		if (rh_matrix_result(m, i)->wanted)
			print_cell(&rh_matrix_cells[i], rh_matrix_result(m, i), colour);
	if (!rh_vm_have_kvm())
		puts("Under emulation; expect the real machine to be faster.");
	printf("report: %s\n", report);
}

int rh_cmd_matrix(const struct rh_matrix_options *o, bool json, int progress_fd)
{
	struct rh_progress *progress = rh_progress_new(progress_fd, false);
	struct rh_matrix *m = NULL;
	struct rh_diags d = {0};
	struct rh_err err = {""};
	int k = rh_matrix_prepare(o, progress, &m, &d, &err);
	bool go = false;

	rh_diags_sort(&d);
	rh_diags_print(&d, stderr);
	if (k == 0)
		k = rh_matrix_run(m, &err);
	if (k == 0)
		k = rh_matrix_report(m, &err);
	if (k == 0) {
		print_result(m, o->report, json);
		go = rh_matrix_go(m);
	}
	rh_matrix_free(&m);
	rh_progress_free(&progress);
	rh_diags_free(&d);
	if (k < 0)
		fprintf(stderr, "rehome rehearse: %s\n", err.text);
	if (!json)
		puts(go ? "GO" : "NO-GO");
	return go ? 0 : 1;
}

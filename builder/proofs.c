// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runner of proofs. See proofs.h.
 *
 * Invariant: whatever a proof does (hangs, dies, prints garbage, cannot be started), it leaves at
 * least one check in the verdict.
 */
#include "builder/proofs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"

static int compare(const void *a, const void *b)
{
	const struct rh_proof *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Editors' and packagers' leftovers are no proofs. */
static bool is_leftover(const char *name)
{
	size_t n = strlen(name);

	return *name == '.' || name[n - 1] == '~' || name[n - 1] == '#';
}

static int collect_one(const char *data_dir, const char *overlay, size_t place,
		       struct rh_proofs *out, struct rh_diags *d)
{
	RH_FREE char *folder = rh_xasprintf("%s/overlays/%s", data_dir, overlay);
	RH_FREE char *dir = rh_xasprintf("%s/proofs", folder);
	RH_STRV struct rh_strv names = {0};
	struct rh_err err;
	int r = 0;

	if (!rh_exists(AT_FDCWD, folder)) {
		rh_diag_add(d, folder, 0, "", "rehearse with the tree that the pair was built from",
			    "the overlay \"%s\" of the pair is not here", overlay);
		return -EINVAL;
	}
	if (!rh_exists(AT_FDCWD, dir))
		return 0;
	if (rh_list_dir(AT_FDCWD, dir, &names, &err) < 0) {
		rh_diag_add(d, dir, 0, "", "", "%s", err.text);
		return -EINVAL;
	}
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *path = rh_xasprintf("%s/%s", dir, names.v[i]);

		if (is_leftover(names.v[i]))
			continue;
		if (access(path, X_OK) < 0) {
			rh_diag_add(d, path, 0, "", "chmod +x", "a proof must be executable");
			r = -EINVAL;
			continue;
		}
		RH_GROW(out->v, out->n, out->cap);
		out->v[out->n++] = (struct rh_proof){
		    .overlay = rh_xstrdup(overlay),
		    .name = rh_xstrdup(names.v[i]),
		    .path = rh_xstrdup(path),
		    .number = isdigit((unsigned char)names.v[i][0]) ? strtoul(names.v[i], NULL, 10)
								    : (unsigned long)-1,
		    .place = place,
		};
	}
	return r;
}

int rh_proofs_collect(const char *data_dir, const struct rh_strv *overlays, struct rh_proofs *out,
		      struct rh_diags *d)
{
	int r = 0;

	for (size_t i = 0; i < overlays->n; i++)
		if (collect_one(data_dir, overlays->v[i], i, out, d) < 0)
			r = -EINVAL;
	if (out->n)
		qsort(out->v, out->n, sizeof *out->v, compare);
	return r;
}

static void keep_line(void *arg, const char *line)
{
	struct rh_str *log = arg;

	if (log->len < 4 * 1024 * 1024)
		rh_str_addf(log, "%s\n", line);
}

static int run_one(const struct rh_proof *proof, const struct rh_proofs_run *run, int timeout_s,
		   struct rh_verdict *v, struct rh_err *err)
{
	RH_STR struct rh_str output = {0}, log = {0};
	RH_FREE char *path =
	    rh_xasprintf("%s/%s-%s.log", run->log_dir, proof->overlay, proof->name);
	struct rh_proc proc = {
	    .argv = (const char *const[]){proof->path, NULL},
	    .env = (const char *const *)run->env->v,
	    .capture = &output,
	    .line = keep_line,
	    .arg = &log,
	    .timeout_s = timeout_s,
	};
	struct rh_err why;
	int status = 0, r = rh_proc_run(&proc, &status, &why);

	if (r == -EINTR) {
		*err = why;
		return r;
	}
	rh_verdict_add_output(v, proof->overlay, proof->name, rh_str_text(&output), output.len,
			      status, r < 0 && r != -ECHILD ? why.text : NULL);
	if (log.len && rh_file_write(AT_FDCWD, path, 0600, log.data, log.len, &why) < 0)
		rh_verdict_add(v, proof->overlay, proof->name, "log", false, "could not run: %s",
			       why.text);
	return 0;
}

int rh_proofs_run(const struct rh_proofs *p, const struct rh_proofs_run *run, struct rh_verdict *v,
		  struct rh_err *err)
{
	time_t end;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + run->total_s;
	for (size_t i = 0; i < p->n; i++) {
		const struct rh_proof *proof = &p->v[i];
		RH_FREE char *note = rh_xasprintf("%s/%s", proof->overlay, proof->name);
		time_t left;
		int r;

		clock_gettime(CLOCK_MONOTONIC, &now);
		left = end - now.tv_sec;
		rh_progress_at(run->progress, i, p->n, note);
		if (left <= 0) {
			rh_verdict_add(v, proof->overlay, proof->name, "run", false,
				       "could not run: the proofs' %d s were used up",
				       run->total_s);
			continue;
		}
		r = run_one(proof, run, left < run->timeout_s ? (int)left : run->timeout_s, v, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void rh_proofs_free(struct rh_proofs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].overlay);
		free(p->v[i].name);
		free(p->v[i].path);
	}
	free(p->v);
	*p = (struct rh_proofs){0};
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Life of a rehearsal: prepare, run, report, keep, free. See rehearse.h.
 *
 * Invariant: after rh_rehearse_free() nothing of the run is left but the report: QEMU and the name
 * server have been reaped and the scratch folder is gone, whatever happened before.
 */
#include "builder/rehearse_p.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "builder/importcheck.h"
#include "builder/preflight.h"
#include "builder/report.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/json.h"

#define MIN_MEMORY_MIB 2048
#define MIN_SPACE      (3ull << 30)
#define EXPECT_MAX     (512u << 20)
#define DEFAULT_DOMAIN "example.org"

/* A domain of the old server may be used only when the answers' schema would take it. */
static bool usable_domain(const char *name)
{
	return name && strlen(name) < 60 && strchr(name, '.') &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0';
}

static int read_expect(struct rh_rehearsal *r, char **domain, struct rh_diags *d)
{
	RH_STR struct rh_str text = {0};
	struct rh_err err;

	r->expected = -1;
	if (!r->o.expect)
		return 0;
	if (rh_file_read(AT_FDCWD, r->o.expect, EXPECT_MAX, &text, &err) < 0) {
		rh_diag_add(d, r->o.expect, 0, "", "make it with rh-probe record", "%s", err.text);
		return -EINVAL;
	}
	r->expected = rh_importcheck_expected(rh_str_text(&text), domain);
	if (r->expected >= 0)
		return 0;
	rh_diag_add(d, r->o.expect, 0, "totals.messages", "make it with rh-probe record",
		    "this is not what rh-probe recorded of an old server");
	return -EINVAL;
}

/* Replace *PATH, if given, by its absolute form: proofs run elsewhere, QEMU stores it. */
static int make_absolute(const char **path, struct rh_diags *d)
{
	char *full;

	if (!*path)
		return 0;
	full = realpath(*path, NULL);
	if (!full || access(full, R_OK) < 0) {
		rh_diag_add(d, *path, 0, "", "", "cannot be read: %s", strerror(errno));
		free(full);
		return -EINVAL;
	}
	*path = full;
	return 0;
}

static int load_answers(struct rh_rehearsal *r, const char *domain, struct rh_diags *d,
			struct rh_err *err)
{
	RH_FREE char *schema = rh_xasprintf("%s/recipes/answers.schema.json", r->o.data_dir);
	struct rh_answers_wish wish = {
	    .file = r->o.answers,
	    .schema = schema,
	    .domain = usable_domain(domain) ? domain : DEFAULT_DOMAIN,
	    .old_data = r->o.old_data != NULL,
	    .no_import = r->o.no_import,
	    .label = r->o.label ? r->o.label : "OLDMAIL",
	};

	return rh_answers_load(&wish, &r->answers, d, err);
}

static void describe_vm(struct rh_rehearsal *r)
{
	const struct rh_pair *p = &r->pair;
	unsigned memory = p->memory_mib > MIN_MEMORY_MIB ? p->memory_mib : MIN_MEMORY_MIB;

	r->vm = (struct rh_vm){
	    .firmware = r->o.firmware,
	    .kvm = rh_vm_have_kvm(),
	    .memory_mib = r->o.memory_mib ? r->o.memory_mib : memory,
	    .cpus = p->cpus == 1 ? 1 : 2,
	    .vendor = p->vendor,
	    .model = p->model,
	    .disk_model = p->disk_model,
	    .nic = p->nic,
	    .tap = RH_NETNS_TAP,
	};
	rh_vm_find_firmware(r->o.firmware, &r->vm.ovmf_code, &r->vm.ovmf_vars);
}

static void preflight(struct rh_rehearsal *r, struct rh_diags *d)
{
	const char *tmp = getenv("TMPDIR");
	struct rh_preflight want = {
	    .firmware = r->o.firmware,
	    .kvm = r->vm.kvm,
	    .scratch = tmp && *tmp ? tmp : "/var/tmp",
	    /* What is imported lands on both disks. */
	    .space = MIN_SPACE + (uint64_t)r->old_st.st_blocks * 512 * 2,
	    .memory_mib = r->vm.memory_mib,
	    .probe = r->o.probe,
	};

	rh_preflight_check(&want, d);
	if (!rh_report_allowed(r->o.report))
		rh_diag_add(d, r->o.report, 0, "", "give another folder with --report",
			    "this folder is there and holds no report");
}

static void plan_progress(struct rh_rehearsal *r)
{
	double slow = r->vm.kvm ? 0.15 : 1;

	rh_progress_plan(r->progress, "world", "network, overlays, answers", 2);
	rh_progress_plan(r->progress, "boot", "boot", 100 * slow);
	rh_progress_plan(r->progress, "setup", "set-up in the appliance", 150 * slow);
	if (r->answers.label)
		rh_progress_plan(r->progress, "import", "import", 120 * slow);
	rh_progress_plan(r->progress, "identity", "certificate and host key", 5);
	rh_progress_plan(r->progress, "proofs", "proofs", 120 * slow);
}

int rh_rehearse_prepare(const struct rh_rehearse_options *o, struct rh_progress *p,
			struct rh_rehearsal **out, struct rh_diags *d, struct rh_err *err)
{
	struct rh_rehearsal *r = rh_xalloc(sizeof *r);
	RH_FREE char *domain = NULL;
	const char *old_data = o->old_data, *old_tree = o->old_tree, *expect = o->expect;
	bool bad;

	*r = (struct rh_rehearsal){
	    .o = *o, .progress = p, .serial = -1, .own = RH_SCRATCH_INIT, .started = time(NULL)};
	rh_console_init(&r->console);
	r->o.old_data = r->o.old_tree = r->o.expect = NULL;
	if (make_absolute(&old_data, d) == 0)
		r->o.old_data = old_data;
	if (make_absolute(&old_tree, d) == 0)
		r->o.old_tree = old_tree;
	if (make_absolute(&expect, d) == 0)
		r->o.expect = expect;
	if (r->o.old_data && (stat(r->o.old_data, &r->old_st) < 0 || !S_ISREG(r->old_st.st_mode)))
		rh_diag_add(d, o->old_data, 0, "", "make an image of the volume first",
			    "old data must be an image in a regular file");
	bad = rh_pair_load(o->pair, o->recipe, &r->pair, d) < 0;
	if (rh_proofs_collect(o->data_dir, &r->pair.overlays, &r->proofs, d) == 0)
		r->n_ports =
		    rh_pair_ports(&r->pair, o->data_dir, r->ports, RH_REHEARSE_PORTS - 1, d);
	r->ports[r->n_ports++] = 22;
	err->text[0] = '\0';
	bad |= read_expect(r, &domain, d) < 0;
	bad |= load_answers(r, domain, d, err) < 0;
	if (bad && d->n == 0) { /* not the input's fault */
		rh_rehearse_free(&r);
		return -EIO;
	}
	describe_vm(r);
	preflight(r, d);
	if (d->n > 0) {
		rh_rehearse_free(&r);
		return rh_err_set(err, EINVAL, "the rehearsal cannot begin");
	}
	plan_progress(r);
	*out = r;
	return 0;
}

int rh_rehearse_run(struct rh_rehearsal *r, struct rh_err *err)
{
	int k;

	if (!r->vm.kvm)
		rh_progress_say(r->progress,
				"No /dev/kvm here: QEMU emulates the processor, 10 to 18 times "
				"slower than the machine itself. Boot and set-up take minutes.");
	if (r->answers.was_dhcp)
		rh_progress_say(r->progress,
				"The answers ask for DHCP: here the appliance gets %s instead.",
				r->answers.addr);
	rh_progress_begin(r->progress, "world");
	k = rh_rehearse_make_world(r, err);
	if (k == 0)
		k = rh_rehearse_start_vm(r, err);
	rh_progress_end(r->progress, k == 0);
	if (k < 0)
		return k;
	k = rh_rehearse_follow(r, err);
	if (k == 0)
		k = rh_rehearse_prove(r, err);
	r->total_s = rh_rehearse_now() - r->begun;
	return k < 0 ? k : 0;
}

const struct rh_verdict *rh_rehearse_verdict(const struct rh_rehearsal *r)
{
	return &r->verdict;
}

const char *rh_rehearse_tail(const struct rh_rehearsal *r)
{
	return rh_str_text(&r->tail);
}

void rh_rehearse_times(const struct rh_rehearsal *r, struct rh_str *out)
{
	struct json_object *totals = r->import ? rh_json_get(r->import, "totals") : NULL;
	double bytes = totals ? (double)rh_json_int(totals, "bytes", 0) : 0;
	double messages = totals ? (double)rh_json_int(totals, "messages", 0) : 0;

	if (r->login_s > 0)
		rh_str_addf(out, "login prompt after %.0f s", r->login_s);
	if (r->closed_s > 0)
		rh_str_addf(out, ", set up after %.0f s", r->closed_s);
	if (r->import_s > 0)
		rh_str_addf(out, ", import %.0f s", r->import_s);
	if (r->import_s > 0 && messages > 0)
		rh_str_addf(out, " (%.0f messages/s, %.1f MiB/s)", messages / r->import_s,
			    bytes / r->import_s / (1 << 20));
	if (out->len && !r->vm.kvm)
		rh_str_add(out, "; under emulation, expect the real machine to be faster");
}

static void add_seconds(struct json_object *o, const char *key, double value)
{
	char text[32];

	if (value <= 0)
		return;
	snprintf(text, sizeof text, "%.1f", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

struct json_object *rh_rehearse_json(const struct rh_rehearsal *r)
{
	struct json_object *o = json_object_new_object(), *s = json_object_new_object();
	char started[32] = "";
	struct tm tm;

	if (gmtime_r(&r->started, &tm))
		strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_object_add(o, "version", json_object_new_int(1));
	rh_json_add_str(o, "verdict", rh_verdict_go(&r->verdict) ? "GO" : "NO-GO");
	rh_json_add_str(o, "pair", r->pair.dir);
	rh_json_add_str(o, "recipe", r->pair.recipe);
	rh_json_add_str(o, "firmware", rh_vm_firmware_name(r->o.firmware));
	rh_json_add_str(o, "accelerator", r->vm.kvm ? "kvm" : "tcg");
	rh_json_add_str(o, "started", started);
	add_seconds(s, "login", r->login_s);
	add_seconds(s, "closed", r->closed_s);
	add_seconds(s, "import", r->import_s);
	add_seconds(s, "total", r->total_s);
	json_object_object_add(o, "seconds", s);
	json_object_object_add(o, "checks", rh_verdict_json(&r->verdict));
	if (r->tail.len)
		rh_json_add_str(o, "console", rh_str_text(&r->tail));
	if (r->import)
		json_object_object_add(o, "import", json_object_get(r->import));
	return o;
}

int rh_rehearse_report(const struct rh_rehearsal *r, struct rh_err *err)
{
	struct json_object *doc = rh_rehearse_json(r);
	int k = rh_report_write(r->o.report, doc, r->scratch, err);

	json_object_put(doc);
	return k;
}

bool rh_rehearse_alive(const struct rh_rehearsal *r)
{
	return r->qemu > 0;
}

void rh_rehearse_describe(const struct rh_rehearsal *r, struct rh_str *out)
{
	const struct rh_answers *a = &r->answers;
	uint16_t web = rh_forward_port(r->forward, 443), ssh = rh_forward_port(r->forward, 22);

	rh_str_add(out, "The appliance is still running. Look inside:\n");
	if (web)
		rh_str_addf(
		    out,
		    "  webmail         https://127.0.0.1:%u/\n"
		    "  administration  https://127.0.0.1:%u/postfixadmin/  (%s, password %s)\n",
		    web, web, a->email, a->password);
	rh_str_addf(out,
		    "  shell           ssh -p %u -i %s/id -o UserKnownHostsFile=%s/known_hosts "
		    "-o HostKeyAlias=%s root@127.0.0.1\n",
		    ssh, r->scratch, r->scratch, a->addr);
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i] != 443 && r->ports[i] != 22)
			rh_str_addf(out, "  port %-10u 127.0.0.1:%u\n", r->ports[i],
				    rh_forward_port(r->forward, r->ports[i]));
	rh_str_addf(out, "Ctrl-C, or kill %ld, ends it and removes everything but the report.\n",
		    (long)getpid());
}

int rh_rehearse_keep(struct rh_rehearsal *r, struct rh_err *err)
{
	int status = 0, k = 0;

	while (!rh_interrupted() && k == 0) {
		if (rh_proc_poll(r->qemu, &status)) {
			r->qemu = 0;
			break;
		}
		k = rh_forward_step(r->forward, r->answers.addr, 500, err);
	}
	return k;
}

void rh_rehearse_free(struct rh_rehearsal **rp)
{
	struct rh_rehearsal *r = *rp;
	struct rh_err ignored;

	if (!r)
		return;
	rh_proc_stop(&r->qemu, 5000);
	rh_proc_stop(&r->dns, 1000);
	if (rh_scratch_drop(&r->own, &ignored) < 0)
		rh_progress_say(r->progress, "%s", ignored.text);
	if (r->serial >= 0)
		close(r->serial);
	rh_forward_free(&r->forward);
	rh_console_free(&r->console);
	rh_str_free(&r->tail);
	rh_verdict_free(&r->verdict);
	json_object_put(r->import);
	rh_proofs_free(&r->proofs);
	rh_answers_free(&r->answers);
	rh_pair_free(&r->pair);
	free(r->cafile);
	free((char *)r->o.old_data);
	free((char *)r->o.old_tree);
	free((char *)r->o.expect);
	free(r);
	*rp = NULL;
}

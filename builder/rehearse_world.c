// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The world of a rehearsal: scratch folder, overlays, answers volume, namespace, name server, QEMU.
 *
 * Invariant: the images and the old data are only ever backing files; every file that QEMU writes
 * is in the scratch folder. Trap: the forwarder's sockets must be made before the namespace is
 * entered.
 */
#include "builder/rehearse_p.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/dns.h"
#include "builder/fatvol.h"
#include "builder/guestssh.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

#define SCRATCH_NAME "rehome-rehearse"

char *rh_rehearse_path(const struct rh_rehearsal *r, const char *name)
{
	return rh_xasprintf("%s/%s", r->scratch, name);
}

static int make_overlay(const struct rh_rehearsal *r, const char *backing, const char *name,
			struct rh_err *err)
{
	RH_FREE char *path = rh_rehearse_path(r, name);

	return rh_vm_make_overlay(backing, path, err);
}

static int copy_vars(const struct rh_rehearsal *r, struct rh_err *err)
{
	RH_FREE char *to = rh_rehearse_path(r, "vars.fd");

	return r->vm.ovmf_vars ? rh_vm_copy_vars(r->vm.ovmf_vars, to, err) : 0;
}

static int make_answers(struct rh_rehearsal *r, struct rh_err *err)
{
	RH_FREE char *json = rh_rehearse_path(r, "rehome-answers.json");
	RH_FREE char *image = rh_rehearse_path(r, "answers.img");
	RH_FREE char *password = rh_rehearse_path(r, "admin-password");
	RH_STR struct rh_str key = {0};
	int k = rh_guestssh_keygen(r->scratch, &key, err);

	if (k < 0)
		return k;
	rh_answers_add_key(&r->answers, rh_str_text(&key));
	k = rh_answers_write(&r->answers, json, err);
	if (k < 0)
		return k;
	k = rh_file_write(AT_FDCWD, password, 0600, r->answers.password,
			  strlen(r->answers.password), err);
	if (k < 0)
		return k;
	return rh_fatvol_make(image, "REHOME", json, "rehome-answers.json", err);
}

static int make_scratch(struct rh_rehearsal *r, struct rh_err *err)
{
	static const char *const folders[] = {"work", "proofs"};
	int k = rh_vm_scratch(SCRATCH_NAME, &r->own, err);

	if (k < 0)
		return k;
	r->scratch = r->own.path;
	for (size_t i = 0; k == 0 && i < 2; i++) {
		RH_FREE char *path = rh_rehearse_path(r, folders[i]);

		k = rh_mkdirs(AT_FDCWD, path, 0700, err);
	}
	return k;
}

static int make_files(struct rh_rehearsal *r, struct rh_err *err)
{
	int k = make_scratch(r, err);

	if (k == 0)
		k = make_overlay(r, r->pair.image[0], "a.qcow2", err);
	if (k == 0)
		k = make_overlay(r, r->pair.image[1], "b.qcow2", err);
	if (k == 0 && r->o.old_data)
		k = make_overlay(r, r->o.old_data, "old.qcow2", err);
	if (k == 0)
		k = copy_vars(r, err);
	return k == 0 ? make_answers(r, err) : k;
}

/* The names of this small world: the appliance, its parties, and some foreign domains. */
static void make_zone(const struct rh_rehearsal *r, struct rh_dns_zone *z)
{
	static const char *const foreign[] = {"example.net", "example.com"};
	const struct rh_answers *a = &r->answers;

	rh_dns_add_host(z, a->hostname, a->addr);
	rh_dns_add(z, a->domain, RH_DNS_MX, a->hostname);
	rh_dns_add_host(z, "client.rehearsal.test", a->admin);
	rh_dns_add_host(z, "gateway.rehearsal.test", a->gateway);
	if (*a->outside)
		rh_dns_add_host(z, "outside.rehearsal.test", a->outside);
	for (size_t i = 0; i < 2; i++)
		if (strcmp(foreign[i], a->domain) != 0) {
			rh_dns_add(z, foreign[i], RH_DNS_A, a->gateway);
			rh_dns_add(z, foreign[i], RH_DNS_MX, "gateway.rehearsal.test");
		}
}

int rh_rehearse_make_world(struct rh_rehearsal *r, struct rh_err *err)
{
	struct rh_dns_zone zone = {0};
	int k = make_files(r, err);

	if (k == 0 && r->o.keep)
		k = rh_forward_open(r->ports, r->n_ports, &r->forward, err);
	if (k == 0)
		k = rh_netns_enter(&r->answers.net, err);
	if (k < 0)
		return k;
	make_zone(r, &zone);
	k = rh_dns_start(&zone, &r->answers.dns, &r->dns, err);
	rh_dns_zone_free(&zone);
	return k;
}

int rh_rehearse_start_vm(struct rh_rehearsal *r, struct rh_err *err)
{
	RH_FREE char *a = rh_rehearse_path(r, "a.qcow2"), *b = rh_rehearse_path(r, "b.qcow2");
	RH_FREE char *old = rh_rehearse_path(r, "old.qcow2");
	RH_FREE char *vars = rh_rehearse_path(r, "vars.fd");
	RH_FREE char *answers = rh_rehearse_path(r, "answers.img");
	RH_FREE char *serial = rh_rehearse_path(r, "serial.log");
	RH_FREE char *log = rh_rehearse_path(r, "qemu.log");
	RH_STRV struct rh_strv argv = {0};
	RH_CLOSE int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct rh_vm vm = r->vm;
	struct rh_proc proc = {.out = fd};

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot write %s", log);
	r->serial = open(serial, O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (r->serial < 0)
		return rh_err_errno(err, errno, "cannot write %s", serial);
	vm.disk[0] = a;
	vm.disk[1] = b;
	vm.old_data = r->o.old_data ? old : NULL;
	vm.ovmf_vars = vars;
	vm.answers = answers;
	vm.serial_log = serial;
	rh_vm_argv(&vm, &argv);
	proc.argv = (const char *const *)argv.v;
	r->begun = rh_rehearse_now();
	return rh_proc_start(&proc, &r->qemu, err);
}

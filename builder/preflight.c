// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of the workstation. See preflight.h.
 *
 * Trap: QEMU 7.2's TCG (Debian 12's own) crashes a guest with two CPUs, some minutes into the boot;
 * it is refused here unless KVM does the work.
 */
#include "builder/preflight.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "builder/netns.h"
#include "lib/core/proc.h"

#define HERE "this workstation"

static const struct {
	const char *program, *package;
	bool network; /* only for a machine that is spoken to */
} tools[] = {
    {RH_VM_QEMU, "qemu-system-x86", false},
    {"qemu-img", "qemu-utils", false},
    {"ip", "iproute2", true},
    {"mformat", "mtools", true},
    {"mcopy", "mtools", true},
    {"ssh", "openssh-client", true},
    {"ssh-keygen", "openssh-client", true},
    {"ssh-keyscan", "openssh-client", true},
};

static void check_tools(const struct rh_preflight *want, struct rh_diags *d)
{
	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
		RH_FREE char *hint = rh_xasprintf("apt-get install %s", tools[i].package);

		if ((want->probe || !tools[i].network) && !rh_proc_find(tools[i].program))
			rh_diag_add(d, HERE, 0, "", hint, "the program %s is missing",
				    tools[i].program);
	}
}

static void check_qemu(const struct rh_preflight *want, struct rh_diags *d)
{
	RH_STR struct rh_str text = {0};
	struct rh_proc proc = {
	    .argv = (const char *const[]){RH_VM_QEMU, "--version", NULL},
	    .capture = &text,
	    .timeout_s = 20,
	};
	struct rh_err err;
	unsigned version;

	if (!rh_proc_find(RH_VM_QEMU))
		return;
	if (rh_proc_run(&proc, NULL, &err) < 0) {
		rh_diag_add(d, HERE, 0, "", "apt-get install --reinstall qemu-system-x86", "%s",
			    err.text);
		return;
	}
	version = rh_vm_qemu_version(rh_str_text(&text));
	if (version < 8 && !want->kvm)
		rh_diag_add(d, HERE, 0, "",
			    "apt-get install -t bookworm-backports qemu-system-x86 qemu-utils",
			    "without KVM, QEMU %u crashes a guest with two CPUs: 8 or newer is "
			    "needed",
			    version);
}

static void check_space(const struct rh_preflight *want, struct rh_diags *d)
{
	struct statvfs vfs;
	uint64_t have;

	if (access(want->scratch, W_OK | X_OK) < 0 || statvfs(want->scratch, &vfs) < 0) {
		rh_diag_add(d, want->scratch, 0, "", "set TMPDIR to a folder on a disk",
			    "cannot write there");
		return;
	}
	have = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (have < want->space)
		rh_diag_add(d, want->scratch, 0, "", "free some, or set TMPDIR to another disk",
			    "%llu MiB are free, up to %llu MiB are needed",
			    (unsigned long long)(have >> 20),
			    (unsigned long long)(want->space >> 20));
}

static void check_memory(const struct rh_preflight *want, struct rh_diags *d)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %lu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	if (kib && kib / 1024 < want->memory_mib)
		rh_diag_add(d, HERE, 0, "", "end some programs, or give --memory",
			    "%lu MiB of memory are free, the appliance gets %u MiB", kib / 1024,
			    want->memory_mib);
}

static void check_network(const struct rh_preflight *want, struct rh_diags *d)
{
	struct rh_err err;

	if (access(want->probe, X_OK) < 0)
		rh_diag_add(d, want->probe, 0, "", "make", "the mail client rh-probe is missing");
	if (rh_netns_possible(&err) < 0)
		rh_diag_add(d, HERE, 0, "",
			    "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
			    "kernel.apparmor_restrict_unprivileged_userns=0; modprobe tun), or "
			    "run as root",
			    "a network namespace cannot be made: %s", err.text);
}

size_t rh_preflight_check(const struct rh_preflight *want, struct rh_diags *d)
{
	const char *code, *vars;
	size_t before = d->n;

	check_tools(want, d);
	check_qemu(want, d);
	if (!rh_vm_find_firmware(want->firmware, &code, &vars))
		rh_diag_add(d, HERE, 0, "", "apt-get install ovmf",
			    "the UEFI firmware for QEMU is missing");
	if (want->probe)
		check_network(want, d);
	check_space(want, d);
	check_memory(want, d);
	return d->n - before;
}

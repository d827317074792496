/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine of a rehearsal: a description, and the QEMU command line that follows from
 * it.
 *
 * rh_vm_argv() is pure. The machine looks like the target: q35, each disk on an AHCI controller of
 * its own, its network card, its SMBIOS names, USB for what the administrator plugs in.
 */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

enum rh_firmware { RH_FIRMWARE_UEFI, RH_FIRMWARE_BIOS };

struct rh_vm {
	enum rh_firmware firmware;
	bool kvm;
	unsigned memory_mib, cpus;
	const char *vendor, *model, *disk_model; /* as SMBIOS and the disks tell them */
	const char *nic;			 /* QEMU's device name, e.g. "e1000e" */
	const char *tap;			 /* interface; NULL: no network */
	const char *ovmf_code, *ovmf_vars;	 /* UEFI only; vars are written */
	const char *disk[2];			 /* qcow2; NULL: that bay is empty */
	const char *answers;			 /* raw, NULL: none */
	const char *old_data;			 /* qcow2, NULL: none */
	const char *serial_log;
};

#define RH_VM_QEMU "qemu-system-x86_64"

void rh_vm_argv(const struct rh_vm *vm, struct rh_strv *argv);

/* The major version in the output of "qemu-system-x86_64 --version", 0 when it is not there. */
unsigned rh_vm_qemu_version(const char *text);

/* The OVMF firmware and its template of variables; false when it is not installed. */
bool rh_vm_find_ovmf(const char **code, const char **vars);

bool rh_vm_have_kvm(void);

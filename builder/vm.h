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
#include "lib/core/scratch.h"

enum rh_firmware { RH_FIRMWARE_UEFI, RH_FIRMWARE_BIOS, RH_FIRMWARE_SECURE };
/* SECURE: UEFI with Secure Boot, the well-known keys enrolled */

struct rh_vm {
	enum rh_firmware firmware;
	bool kvm;
	unsigned memory_mib, cpus;
	const char *vendor, *model, *disk_model; /* as SMBIOS and the disks tell them */
	const char *nic;			 /* QEMU's device name, e.g. "e1000e" */
	const char *tap;			 /* interface; NULL: no network */
	const char *ovmf_code, *ovmf_vars;	 /* not for BIOS; vars are written */
	const char *disk[2];			 /* qcow2; NULL: that bay is empty */
	const char *answers;			 /* raw, NULL: none */
	const char *old_data;			 /* qcow2, NULL: none */
	const char *serial_log;
};

#define RH_VM_QEMU "qemu-system-x86_64"

void rh_vm_argv(const struct rh_vm *vm, struct rh_strv *argv);

/* The major version in the output of "qemu-system-x86_64 --version", 0 when it is not there. */
unsigned rh_vm_qemu_version(const char *text);

/* "uefi", "bios", "secureboot", and back; false when TEXT is none of them. */
const char *rh_vm_firmware_name(enum rh_firmware firmware);
bool rh_vm_firmware_of(const char *text, enum rh_firmware *out);

/* The firmware's code and its template of variables; false when it is not installed. For BIOS both
 * are NULL: QEMU brings its own. */
bool rh_vm_find_firmware(enum rh_firmware firmware, const char **code, const char **vars);

bool rh_vm_have_kvm(void);

/* What a machine writes to, made anew: a folder NAME.XXXXXX below TMPDIR, a copy-on-write of an
 * image, variables from their template. */
RH_CHECKED int rh_vm_scratch(const char *name, struct rh_scratch *out, struct rh_err *err);
RH_CHECKED int rh_vm_make_overlay(const char *backing, const char *path, struct rh_err *err);
RH_CHECKED int rh_vm_copy_vars(const char *vars, const char *path, struct rh_err *err);

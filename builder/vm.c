// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's command line. See vm.h.
 *
 * Invariant: every value that comes from outside has its commas doubled (QEMU's own quoting).
 * Traps: OVMF honours bootindex only across separate PCI controllers, so each disk has one; QEMU's
 * TCG before 8 crashes a guest with two CPUs (the caller refuses it); the serial log is a file
 * because a socket that nobody reads would stop the guest.
 */
#include "builder/vm.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "lib/core/proc.h"

static const struct {
	enum rh_firmware firmware;
	const char *code, *vars;
} ovmf[] = {
    {RH_FIRMWARE_UEFI, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
    {RH_FIRMWARE_UEFI, "/usr/share/edk2/ovmf/OVMF_CODE_4M.fd",
     "/usr/share/edk2/ovmf/OVMF_VARS_4M.fd"},
    {RH_FIRMWARE_UEFI, "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
     "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},
    {RH_FIRMWARE_UEFI, "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
    /* Secure Boot wants variables with keys in them: those of Microsoft, which signed the shim. */
    {RH_FIRMWARE_SECURE, "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
     "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"},
    {RH_FIRMWARE_SECURE, "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
     "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"},
};

static const char *const firmware_names[] = {
    [RH_FIRMWARE_UEFI] = "uefi",
    [RH_FIRMWARE_BIOS] = "bios",
    [RH_FIRMWARE_SECURE] = "secureboot",
};

const char *rh_vm_firmware_name(enum rh_firmware firmware)
{
	return firmware_names[firmware];
}

bool rh_vm_firmware_of(const char *text, enum rh_firmware *out)
{
	for (size_t i = 0; i < sizeof firmware_names / sizeof *firmware_names; i++)
		if (strcmp(text, firmware_names[i]) == 0) {
			*out = (enum rh_firmware)i;
			return true;
		}
	return false;
}

bool rh_vm_find_firmware(enum rh_firmware firmware, const char **code, const char **vars)
{
	*code = *vars = NULL;
	if (firmware == RH_FIRMWARE_BIOS)
		return true;
	for (size_t i = 0; i < sizeof ovmf / sizeof *ovmf; i++)
		if (ovmf[i].firmware == firmware && access(ovmf[i].code, R_OK) == 0 &&
		    access(ovmf[i].vars, R_OK) == 0) {
			*code = ovmf[i].code;
			*vars = ovmf[i].vars;
			return true;
		}
	return false;
}

bool rh_vm_have_kvm(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0;
}

unsigned rh_vm_qemu_version(const char *text)
{
	static const char key[] = "version ";
	const char *at = strstr(text, key);
	unsigned long v;

	if (!at || !isdigit((unsigned char)at[sizeof key - 1]))
		return 0;
	v = strtoul(at + sizeof key - 1, NULL, 10);
	return v < 10000 ? (unsigned)v : 0;
}

static void add2(struct rh_strv *argv, const char *option, const char *value)
{
	rh_strv_add(argv, option);
	rh_strv_add(argv, value);
}

/* "key=value" appended to a QEMU option list. */
static void kv(struct rh_str *s, const char *key, const char *value)
{
	rh_str_addf(s, ",%s=", key);
	for (; *value; value++) {
		if (*value == ',')
			rh_str_addc(s, ',');
		rh_str_addc(s, *value);
	}
}

static void add_drive(struct rh_strv *argv, const char *id, const char *format, const char *path)
{
	RH_STR struct rh_str s = {0};

	rh_str_addf(&s, "if=none,id=%s,format=%s,cache=unsafe,discard=unmap", id, format);
	kv(&s, "file", path);
	add2(argv, "-drive", s.data);
}

static void add_disk(const struct rh_vm *vm, unsigned i, struct rh_strv *argv)
{
	RH_STR struct rh_str dev = {0};
	RH_FREE char *id = rh_xasprintf("disk%u", i);

	rh_strv_add(argv, "-device");
	rh_strv_addf(argv, "ich9-ahci,id=ahci%u", i);
	if (!vm->disk[i])
		return;
	add_drive(argv, id, "qcow2", vm->disk[i]);
	rh_str_addf(&dev, "ide-hd,bus=ahci%u.0,drive=%s,serial=WD-RH00000%u,bootindex=%u", i, id,
		    i + 1, i + 1);
	kv(&dev, "model", vm->disk_model);
	add2(argv, "-device", dev.data);
}

static void add_usb(struct rh_strv *argv, const char *id, const char *format, const char *path)
{
	if (!path)
		return;
	add_drive(argv, id, format, path);
	rh_strv_add(argv, "-device");
	rh_strv_addf(argv, "usb-storage,bus=usb.0,drive=%s,removable=on,serial=RH-%s", id, id);
}

static void add_machine(const struct rh_vm *vm, struct rh_strv *argv)
{
	switch (vm->firmware) {
	case RH_FIRMWARE_BIOS:
		/* Without a screen SeaBIOS speaks on the serial port only when told so. */
		add2(argv, "-machine", "q35,graphics=off");
		break;
	case RH_FIRMWARE_SECURE:
		/* Secure Boot is only real when nothing but the firmware in system management mode
		 * can write its variables; OVMF cannot come back from S3 in that mode. */
		add2(argv, "-machine", "q35,smm=on");
		add2(argv, "-global", "driver=cfi.pflash01,property=secure,value=on");
		add2(argv, "-global", "ICH9-LPC.disable_s3=1");
		break;
	case RH_FIRMWARE_UEFI:
	default:
		add2(argv, "-machine", "q35");
	}
}

static void add_firmware(const struct rh_vm *vm, struct rh_strv *argv)
{
	RH_STR struct rh_str code = {0}, vars = {0};

	if (vm->firmware == RH_FIRMWARE_BIOS)
		return; /* SeaBIOS is QEMU's own */
	rh_str_add(&code, "if=pflash,unit=0,format=raw,readonly=on");
	kv(&code, "file", vm->ovmf_code);
	add2(argv, "-drive", code.data);
	rh_str_add(&vars, "if=pflash,unit=1,format=raw");
	kv(&vars, "file", vm->ovmf_vars);
	add2(argv, "-drive", vars.data);
}

static void add_names(const struct rh_vm *vm, struct rh_strv *argv)
{
	RH_STR struct rh_str s = {0};

	rh_str_add(&s, "type=1");
	if (vm->vendor)
		kv(&s, "manufacturer", vm->vendor);
	if (vm->model)
		kv(&s, "product", vm->model);
	add2(argv, "-smbios", s.data);
}

static void add_network(const struct rh_vm *vm, struct rh_strv *argv)
{
	RH_STR struct rh_str net = {0}, dev = {0};

	if (!vm->tap)
		return;
	rh_str_add(&net, "tap,id=net0,script=no,downscript=no");
	kv(&net, "ifname", vm->tap);
	add2(argv, "-netdev", net.data);
	/* No boot ROM: it would look for a server before the disks are tried, or after. */
	rh_str_addf(&dev, "%s,netdev=net0,mac=52:54:00:72:68:01,romfile=", vm->nic);
	add2(argv, "-device", dev.data);
}

void rh_vm_argv(const struct rh_vm *vm, struct rh_strv *argv)
{
	RH_STR struct rh_str serial = {0};

	rh_strv_add(argv, RH_VM_QEMU);
	add_machine(vm, argv);
	add2(argv, "-accel", vm->kvm ? "kvm" : "tcg,thread=multi");
	add2(argv, "-cpu", vm->kvm ? "host" : "max");
	rh_strv_add(argv, "-smp");
	rh_strv_addf(argv, "%u", vm->cpus);
	rh_strv_add(argv, "-m");
	rh_strv_addf(argv, "%u", vm->memory_mib);
	rh_strv_add(argv, "-nodefaults");
	rh_strv_add(argv, "-no-user-config");
	add2(argv, "-display", "none");
	add2(argv, "-monitor", "none");
	add2(argv, "-rtc", "base=utc");
	add_names(vm, argv);
	add_firmware(vm, argv);
	rh_str_add(&serial, "file,id=serial0");
	kv(&serial, "path", vm->serial_log);
	add2(argv, "-chardev", serial.data);
	add2(argv, "-serial", "chardev:serial0");
	for (unsigned i = 0; i < 2; i++)
		add_disk(vm, i, argv);
	add_network(vm, argv);
	add2(argv, "-device", "qemu-xhci,id=usb");
	add_usb(argv, "answers", "raw", vm->answers);
	add_usb(argv, "olddata", "qcow2", vm->old_data);
}

int rh_vm_scratch(const char *name, struct rh_scratch *out, struct rh_err *err)
{
	const char *tmp = getenv("TMPDIR"), *base = tmp && *tmp ? tmp : "/var/tmp";
	RH_FREE char *full = realpath(base, NULL), *prefix = NULL;

	if (!full)
		return rh_err_errno(err, errno, "cannot use %s", base);
	prefix = rh_xasprintf("%s/%s.", full, name);
	return rh_scratch_make(out, prefix, err);
}

int rh_vm_make_overlay(const char *backing, const char *path, struct rh_err *err)
{
	return rh_proc_call(err, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b",
			    backing, path, NULL);
}

int rh_vm_copy_vars(const char *vars, const char *path, struct rh_err *err)
{
	RH_STR struct rh_str data = {0};
	int k = rh_file_read(AT_FDCWD, vars, 64u << 20, &data, err);

	return k < 0 ? k : rh_file_write(AT_FDCWD, path, 0600, data.data, data.len, err);
}

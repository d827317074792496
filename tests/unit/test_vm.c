// SPDX-License-Identifier: GPL-2.0-or-later
/* QEMU's command line from descriptions, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "builder/vm.h"

static const struct rh_vm z440 = {
    .firmware = RH_FIRMWARE_UEFI,
    .memory_mib = 4096,
    .cpus = 2,
    .vendor = "HP",
    .model = "HP Z440 Workstation",
    .disk_model = "WDC WD40EFRX",
    .nic = "e1000e",
    .tap = "rhtap0",
    .ovmf_code = "/o/CODE.fd",
    .ovmf_vars = "/s/vars.fd",
    .disk = {"/s/a.qcow2", "/s/b.qcow2"},
    .answers = "/s/answers.img",
    .old_data = "/s/old.qcow2",
    .serial_log = "/s/serial.log",
};

static void expect(const struct rh_vm *vm, const char *wanted)
{
	RH_STRV struct rh_strv argv = {0};
	RH_STR struct rh_str text = {0};

	rh_vm_argv(vm, &argv);
	for (size_t i = 0; i < argv.n; i++)
		rh_str_addf(&text, "%s%s", argv.v[i],
			    i && argv.v[i][0] == '-' && i + 1 < argv.n && argv.v[i + 1][0] != '-'
				? " "
				: "\n");
	assert_string_equal(text.data, wanted);
}

static void test_uefi(void **state)
{
	(void)state;
	expect(&z440,
	       "qemu-system-x86_64\n"
	       "-machine q35\n"
	       "-accel tcg,thread=multi\n"
	       "-cpu max\n"
	       "-smp 2\n"
	       "-m 4096\n"
	       "-nodefaults\n"
	       "-no-user-config\n"
	       "-display none\n"
	       "-monitor none\n"
	       "-rtc base=utc\n"
	       "-smbios type=1,manufacturer=HP,product=HP Z440 Workstation\n"
	       "-drive if=pflash,unit=0,format=raw,readonly=on,file=/o/CODE.fd\n"
	       "-drive if=pflash,unit=1,format=raw,file=/s/vars.fd\n"
	       "-chardev file,id=serial0,path=/s/serial.log\n"
	       "-serial chardev:serial0\n"
	       "-device ich9-ahci,id=ahci0\n"
	       "-drive if=none,id=disk0,format=qcow2,cache=unsafe,discard=unmap,file=/s/a.qcow2\n"
	       "-device ide-hd,bus=ahci0.0,drive=disk0,serial=WD-RH000001,bootindex=1,"
	       "model=WDC WD40EFRX\n"
	       "-device ich9-ahci,id=ahci1\n"
	       "-drive if=none,id=disk1,format=qcow2,cache=unsafe,discard=unmap,file=/s/b.qcow2\n"
	       "-device ide-hd,bus=ahci1.0,drive=disk1,serial=WD-RH000002,bootindex=2,"
	       "model=WDC WD40EFRX\n"
	       "-netdev tap,id=net0,script=no,downscript=no,ifname=rhtap0\n"
	       "-device e1000e,netdev=net0,mac=52:54:00:72:68:01,romfile=\n"
	       "-device qemu-xhci,id=usb\n"
	       "-drive if=none,id=answers,format=raw,cache=unsafe,discard=unmap,"
	       "file=/s/answers.img\n"
	       "-device usb-storage,bus=usb.0,drive=answers,removable=on,serial=RH-answers\n"
	       "-drive if=none,id=olddata,format=qcow2,cache=unsafe,discard=unmap,"
	       "file=/s/old.qcow2\n"
	       "-device usb-storage,bus=usb.0,drive=olddata,removable=on,serial=RH-olddata\n");
}

static void test_bios_one_disk(void **state)
{
	struct rh_vm vm = z440;

	(void)state;
	vm.firmware = RH_FIRMWARE_BIOS;
	vm.kvm = true;
	vm.disk[0] = NULL;
	vm.answers = vm.old_data = vm.tap = NULL;
	expect(&vm,
	       "qemu-system-x86_64\n"
	       "-machine q35,graphics=off\n"
	       "-accel kvm\n"
	       "-cpu host\n"
	       "-smp 2\n"
	       "-m 4096\n"
	       "-nodefaults\n"
	       "-no-user-config\n"
	       "-display none\n"
	       "-monitor none\n"
	       "-rtc base=utc\n"
	       "-smbios type=1,manufacturer=HP,product=HP Z440 Workstation\n"
	       "-chardev file,id=serial0,path=/s/serial.log\n"
	       "-serial chardev:serial0\n"
	       "-device ich9-ahci,id=ahci0\n"
	       "-device ich9-ahci,id=ahci1\n"
	       "-drive if=none,id=disk1,format=qcow2,cache=unsafe,discard=unmap,file=/s/b.qcow2\n"
	       "-device ide-hd,bus=ahci1.0,drive=disk1,serial=WD-RH000002,bootindex=2,"
	       "model=WDC WD40EFRX\n"
	       "-device qemu-xhci,id=usb\n");
}

/* Secure Boot: only the firmware in system management mode may write the variables. */
static void test_secure(void **state)
{
	RH_STRV struct rh_strv argv = {0};
	struct rh_vm vm = z440;
	size_t seen = 0;

	(void)state;
	vm.firmware = RH_FIRMWARE_SECURE;
	rh_vm_argv(&vm, &argv);
	for (size_t i = 0; i + 1 < argv.n; i++)
		seen += (!strcmp(argv.v[i], "-machine") && !strcmp(argv.v[i + 1], "q35,smm=on")) ||
			(!strcmp(argv.v[i], "-global") &&
			 !strcmp(argv.v[i + 1], "driver=cfi.pflash01,property=secure,value=on")) ||
			!strcmp(argv.v[i], "if=pflash,unit=1,format=raw,file=/s/vars.fd");
	assert_int_equal(seen, 3);
}

static void test_firmware_names(void **state)
{
	static const enum rh_firmware all[] = {RH_FIRMWARE_UEFI, RH_FIRMWARE_BIOS,
					       RH_FIRMWARE_SECURE};
	enum rh_firmware got;
	const char *code = "x", *vars = "x";

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(rh_vm_firmware_of(rh_vm_firmware_name(all[i]), &got));
		assert_int_equal(got, all[i]);
	}
	assert_false(rh_vm_firmware_of("efi", &got));
	assert_true(rh_vm_find_firmware(RH_FIRMWARE_BIOS, &code, &vars));
	assert_null(code);
	assert_null(vars);
}

static void test_commas(void **state)
{
	RH_STRV struct rh_strv argv = {0};
	struct rh_vm vm = z440;
	size_t seen = 0;

	(void)state;
	vm.vendor = "A,format=x";
	vm.serial_log = "/s,1/serial.log";
	vm.answers = "/s,,2/a";
	rh_vm_argv(&vm, &argv);
	for (size_t i = 0; i < argv.n; i++)
		seen += strstr(argv.v[i], "manufacturer=A,,format=x") != NULL ||
			strstr(argv.v[i], "path=/s,,1/serial.log") != NULL ||
			strstr(argv.v[i], "file=/s,,,,2/a") != NULL;
	assert_int_equal(seen, 3);
}

static void test_version(void **state)
{
	(void)state;
	assert_int_equal(rh_vm_qemu_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2)\n"),
			 10);
	assert_int_equal(rh_vm_qemu_version("QEMU emulator version 7.2.22\n"), 7);
	assert_int_equal(rh_vm_qemu_version("QEMU emulator version x"), 0);
	assert_int_equal(rh_vm_qemu_version(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_uefi),   cmocka_unit_test(test_bios_one_disk),
	    cmocka_unit_test(test_secure), cmocka_unit_test(test_firmware_names),
	    cmocka_unit_test(test_commas), cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

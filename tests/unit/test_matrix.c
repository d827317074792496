// SPDX-License-Identifier: GPL-2.0-or-later
/* The boot matrix: which cells, what a console says, and what is held against a cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "builder/matrix.h"

/* Pieces of consoles, as QEMU's firmware and Debian's kernel 6.12 write them. */
#define SEABIOS "SeaBIOS (version 1.16.3-debian-1.16.3-2)\r\n"
#define UEFI                                                                             \
	"\033[2J\033[01;01H\033[=3hBdsDxe: starting Boot0001 \"UEFI QEMU HARDDISK\"\r\n" \
	"[    0.000000] efi: EFI v2.7 by EDK II\r\n"
#define SECURE_OFF "[    0.000000] secureboot: Secure boot disabled\r\n"
#define SECURE_ON                                                             \
	"[    0.000000] Kernel is locked down from EFI Secure Boot; see man " \
	"kernel_lockdown.7\r\n"                                               \
	"[    0.000000] secureboot: Secure boot enabled\r\n"
#define SDA "[   34.905693] sd 6:0:0:0: [sda] Attached SCSI disk\r\n"
#define SDB "[\033[0;32m  OK  \033[0m] x [   35.100000] sd 9:0:0:0: [sdb] Attached SCSI disk\r\n"
#define ARRAYS(n)                                                               \
	"[   39.399088] md/raid1:md126: active with " n " out of 2 mirrors\r\n" \
	"[   39.634474] md/raid1:md127: active with " n " out of 2 mirrors\r\n"
#define LOGIN "\r\nrehome login: "

static void faults_are(enum rh_firmware firmware, enum rh_matrix_disks disks, const char *console,
		       const char *wanted)
{
	const struct rh_matrix_cell cell = {firmware, disks};
	RH_STRV struct rh_strv faults = {0};
	RH_STR struct rh_str text = {0};
	struct rh_matrix_seen seen;

	rh_matrix_read(console, strlen(console), &seen);
	rh_matrix_judge(&cell, &seen, &faults);
	for (size_t i = 0; i < faults.n; i++)
		rh_str_addf(&text, "%s\n", faults.v[i]);
	assert_string_equal(rh_str_text(&text), wanted);
}

static void test_cells(void **state)
{
	bool wanted[RH_MATRIX_CELLS];
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_matrix_select(NULL, wanted, &err), 0);
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++)
		assert_true(wanted[i]);
	assert_int_equal(rh_matrix_select("uefi:b", wanted, &err), 0);
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++) {
		const struct rh_matrix_cell *c = &rh_matrix_cells[i];

		/* the one asked for, and what it is compared with */
		assert_int_equal(wanted[i],
				 c->firmware == RH_FIRMWARE_UEFI && c->disks != RH_MATRIX_A);
	}
	assert_int_equal(rh_matrix_select("bios:both,secureboot:both", wanted, &err), 0);
	assert_true(wanted[0] && wanted[6]);
	assert_false(wanted[1] || wanted[2] || wanted[3] || wanted[7]);
}

static void test_cells_refused(void **state)
{
	static const char *const lists[] = {
	    "",	       "bios",	"bios:",	 "bios:c", "bios:a,",
	    ",uefi:a", "efi:a", "bios:a uefi:a", "bios:ab"};
	bool wanted[RH_MATRIX_CELLS];
	struct rh_err err;

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		assert_int_not_equal(rh_matrix_select(lists[i], wanted, &err), 0);
	assert_int_not_equal(rh_matrix_select("uefi:a,bios:x", wanted, &err), 0);
	assert_non_null(strstr(err.text, "\"bios:x\""));
}

static void test_read(void **state)
{
	static const char text[] = UEFI SECURE_ON SDA SDB ARRAYS("2") LOGIN;
	struct rh_matrix_seen s;

	(void)state;
	rh_matrix_read(text, sizeof text - 1, &s);
	assert_true(s.efi && s.lockdown && !s.seabios && !s.copying);
	assert_int_equal(s.secure, RH_MATRIX_ENABLED);
	assert_int_equal(s.disks, 2);
	assert_int_equal(s.n_arrays, 2);
	assert_string_equal(s.array[0].name, "md126");
	assert_int_equal(s.array[1].active, 2);
	assert_int_equal(s.array[1].of, 2);
	assert_true(s.attached_s > 35.09 && s.attached_s < 35.11);
	assert_true(rh_matrix_wait(&s) > 4.5 && rh_matrix_wait(&s) < 4.6);
}

/* Whatever the console is cut to or filled with, reading it must end well. */
static void test_read_odd(void **state)
{
	static const char text[] =
	    UEFI SECURE_ON SDA SDB ARRAYS("1") "md/raid1: md/raid1:: [.] [] [";
	char noise[5000];
	struct rh_matrix_seen s;

	(void)state;
	for (size_t n = 0; n < sizeof text; n++)
		rh_matrix_read(text, n, &s);
	memset(noise, '[', sizeof noise);
	rh_matrix_read(noise, sizeof noise, &s);
	assert_int_equal(s.n_arrays, 0);
	assert_true(rh_matrix_wait(&s) < 0);
	memset(noise, 0, sizeof noise);
	rh_matrix_read(noise, sizeof noise, &s);
	assert_int_equal(s.disks, 0);
	/* A name that is too long is no array; one that is started again counts once. */
	rh_matrix_read("md/raid1:md12345678901234567: active with 1 out of 2 mirrors", 61, &s);
	assert_int_equal(s.n_arrays, 0);
	rh_matrix_read(ARRAYS("1") ARRAYS("2"), strlen(ARRAYS("1") ARRAYS("2")), &s);
	assert_int_equal(s.n_arrays, 2);
	assert_int_equal(s.array[0].active, 2);
}

static void test_good(void **state)
{
	(void)state;
	faults_are(RH_FIRMWARE_BIOS, RH_MATRIX_BOTH, SEABIOS SDA SDB ARRAYS("2") LOGIN, "");
	faults_are(RH_FIRMWARE_BIOS, RH_MATRIX_B, SEABIOS SDA ARRAYS("1") LOGIN, "");
	faults_are(RH_FIRMWARE_UEFI, RH_MATRIX_A, UEFI SECURE_OFF SDA ARRAYS("1") LOGIN, "");
	faults_are(RH_FIRMWARE_SECURE, RH_MATRIX_A, UEFI SECURE_ON SDA ARRAYS("1") LOGIN, "");
}

static void test_faults(void **state)
{
	(void)state;
	faults_are(RH_FIRMWARE_BIOS, RH_MATRIX_A, "",
		   "the console shows no BIOS\n"
		   "the kernel attached 0 disks, not 1\n"
		   "the kernel started 0 arrays, not 2\n");
	faults_are(RH_FIRMWARE_BIOS, RH_MATRIX_A, SEABIOS UEFI SDA ARRAYS("1"),
		   "the kernel says that it was started by an EFI\n");
	faults_are(RH_FIRMWARE_UEFI, RH_MATRIX_A, UEFI SDA ARRAYS("1"),
		   "the kernel says nothing about Secure Boot\n");
	faults_are(RH_FIRMWARE_UEFI, RH_MATRIX_A, UEFI SECURE_ON SDA ARRAYS("1"),
		   "the kernel says that Secure Boot is enabled\n");
	faults_are(RH_FIRMWARE_SECURE, RH_MATRIX_A, UEFI SECURE_OFF SDA ARRAYS("1"),
		   "the kernel says that Secure Boot is disabled\n"
		   "the kernel has not locked itself down as under Secure Boot\n");
	faults_are(RH_FIRMWARE_BIOS, RH_MATRIX_A, SEABIOS SDA SDB ARRAYS("2"),
		   "the kernel attached 2 disks, not 1\n"
		   "md126 is active with 2 of 2 mirrors, not 1 of 2\n"
		   "md127 is active with 2 of 2 mirrors, not 1 of 2\n");
	faults_are(RH_FIRMWARE_BIOS, RH_MATRIX_BOTH,
		   SEABIOS SDA SDB ARRAYS("2") "[   40.1] md: resync of RAID array md127\r\n",
		   "the kernel copies an array that was born in sync\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cells), cmocka_unit_test(test_cells_refused),
	    cmocka_unit_test(test_read),  cmocka_unit_test(test_read_odd),
	    cmocka_unit_test(test_good),  cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

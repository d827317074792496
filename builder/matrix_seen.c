// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pure half of the boot matrix: which cells, what a console says, what is missing. See
 * matrix.h.
 *
 * Traps: firmware and GRUB write without newlines and with escape sequences, and systemd's status
 * may stand before a line of the kernel; so each sign is looked for anywhere in a line, and the
 * kernel's time is the last "[ seconds]" before it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/matrix.h"

#define LINE_MAX_BYTES 1024

const struct rh_matrix_cell rh_matrix_cells[RH_MATRIX_CELLS] = {
    {RH_FIRMWARE_BIOS, RH_MATRIX_BOTH},	  {RH_FIRMWARE_BIOS, RH_MATRIX_A},
    {RH_FIRMWARE_BIOS, RH_MATRIX_B},	  {RH_FIRMWARE_UEFI, RH_MATRIX_BOTH},
    {RH_FIRMWARE_UEFI, RH_MATRIX_A},	  {RH_FIRMWARE_UEFI, RH_MATRIX_B},
    {RH_FIRMWARE_SECURE, RH_MATRIX_BOTH}, {RH_FIRMWARE_SECURE, RH_MATRIX_A},
    {RH_FIRMWARE_SECURE, RH_MATRIX_B},
};

const char *const rh_matrix_disks_name[3] = {"both", "a", "b"};

/* --- cells --- */

static int select_one(const char *word, size_t n, bool wanted[RH_MATRIX_CELLS], struct rh_err *err)
{
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++) {
		const struct rh_matrix_cell *c = &rh_matrix_cells[i];
		RH_FREE char *name = rh_xasprintf("%s:%s", rh_vm_firmware_name(c->firmware),
						  rh_matrix_disks_name[c->disks]);

		if (strlen(name) == n && memcmp(name, word, n) == 0) {
			wanted[i] = true;
			wanted[i - (size_t)c->disks] = true;
			return 0;
		}
	}
	return rh_err_set(err, EINVAL,
			  "\"%.*s\" is no cell: it is bios, uefi or secureboot, a colon, and both, "
			  "a or b",
			  (int)n, word);
}

int rh_matrix_select(const char *list, bool wanted[RH_MATRIX_CELLS], struct rh_err *err)
{
	for (size_t i = 0; i < RH_MATRIX_CELLS; i++)
		wanted[i] = !list;
	while (list) {
		const char *comma = strchr(list, ',');
		size_t n = comma ? (size_t)(comma - list) : strlen(list);
		int r = select_one(list, n, wanted, err);

		if (r < 0)
			return r;
		list = comma ? comma + 1 : NULL;
	}
	return 0;
}

/* --- the console --- */

/* The last kernel time in the first N bytes of LINE; 0 when there is none. */
static double kernel_time(const char *line, size_t n)
{
	while (n-- > 0) {
		char *end;
		double t;

		if (line[n] != '[')
			continue;
		t = strtod(line + n + 1, &end);
		if (end != line + n + 1 && *end == ']' && t > 0)
			return t;
	}
	return 0;
}

static struct rh_matrix_array *array_named(struct rh_matrix_seen *s, const char *name, size_t n)
{
	struct rh_matrix_array *a;

	for (unsigned i = 0; i < s->n_arrays; i++)
		if (strlen(s->array[i].name) == n && memcmp(s->array[i].name, name, n) == 0)
			return &s->array[i];
	if (s->n_arrays == RH_MATRIX_ARRAYS || n >= sizeof s->array[0].name)
		return NULL;
	a = &s->array[s->n_arrays++];
	memcpy(a->name, name, n);
	return a;
}

/* "md/raid1:md127: active with 2 out of 2 mirrors". An array that is started again counts once. */
static void read_array(const char *line, struct rh_matrix_seen *s)
{
	static const char sign[] = "md/raid1:";
	const char *at = strstr(line, sign), *name, *colon;
	struct rh_matrix_array *a;
	unsigned active, of;
	double t;

	if (!at)
		return;
	name = at + sizeof sign - 1;
	colon = strchr(name, ':');
	if (!colon || colon == name ||
	    sscanf(colon, ": active with %5u out of %5u mirrors", &active, &of) != 2)
		return;
	a = array_named(s, name, (size_t)(colon - name));
	if (!a)
		return;
	a->active = active;
	a->of = of;
	t = kernel_time(line, (size_t)(at - line));
	if (t > s->assembled_s)
		s->assembled_s = t;
}

static void read_disk(const char *line, struct rh_matrix_seen *s)
{
	const char *at = strstr(line, "] Attached SCSI disk");
	double t;

	if (!at)
		return;
	s->disks++;
	/* "[   34.9] sd 6:0:0:0: [sda] Attached SCSI disk": the name is no number. */
	t = kernel_time(line, (size_t)(at - line));
	if (t > s->attached_s)
		s->attached_s = t;
}

static void read_line(const char *line, struct rh_matrix_seen *s)
{
	if (strstr(line, "SeaBIOS (version "))
		s->seabios = true;
	if (strstr(line, "] efi: EFI v"))
		s->efi = true;
	if (strstr(line, "] secureboot: Secure boot enabled"))
		s->secure = RH_MATRIX_ENABLED;
	else if (strstr(line, "] secureboot: Secure boot disabled"))
		s->secure = RH_MATRIX_DISABLED;
	if (strstr(line, "] Kernel is locked down from EFI Secure Boot"))
		s->lockdown = true;
	if (strstr(line, "] md: resync of RAID array") ||
	    strstr(line, "] md: recovery of RAID array") ||
	    strstr(line, "starting background reconstruction"))
		s->copying = true;
	read_array(line, s);
	read_disk(line, s);
}

void rh_matrix_read(const char *text, size_t n, struct rh_matrix_seen *out)
{
	char line[LINE_MAX_BYTES + 1];
	size_t len = 0;

	*out = (struct rh_matrix_seen){0};
	for (size_t i = 0; i <= n; i++) {
		char c = i < n ? text[i] : '\n';

		if (c == '\n' || c == '\r' || len == LINE_MAX_BYTES) {
			line[len] = '\0';
			read_line(line, out);
			len = 0;
		}
		if (c && c != '\n' && c != '\r')
			line[len++] = c;
	}
}

double rh_matrix_wait(const struct rh_matrix_seen *seen)
{
	if (seen->attached_s <= 0 || seen->assembled_s <= 0)
		return -1;
	/* Arrays are assembled as disks come; the last disk may be a stranger to them. */
	return seen->assembled_s > seen->attached_s ? seen->assembled_s - seen->attached_s : 0;
}

/* --- the judge --- */

static void judge_firmware(enum rh_firmware firmware, const struct rh_matrix_seen *s,
			   struct rh_strv *faults)
{
	if (firmware == RH_FIRMWARE_BIOS) {
		if (!s->seabios)
			rh_strv_add(faults, "the console shows no BIOS");
		if (s->efi || s->secure != RH_MATRIX_UNSAID)
			rh_strv_add(faults, "the kernel says that it was started by an EFI");
		return;
	}
	if (!s->efi)
		rh_strv_add(faults, "the kernel does not say that it was started by an EFI");
	if (s->secure == RH_MATRIX_UNSAID)
		rh_strv_add(faults, "the kernel says nothing about Secure Boot");
	else if (firmware == RH_FIRMWARE_SECURE && s->secure != RH_MATRIX_ENABLED)
		rh_strv_add(faults, "the kernel says that Secure Boot is disabled");
	else if (firmware == RH_FIRMWARE_UEFI && s->secure == RH_MATRIX_ENABLED)
		rh_strv_add(faults, "the kernel says that Secure Boot is enabled");
	if (firmware == RH_FIRMWARE_SECURE && !s->lockdown)
		rh_strv_add(faults, "the kernel has not locked itself down as under Secure Boot");
}

void rh_matrix_judge(const struct rh_matrix_cell *cell, const struct rh_matrix_seen *s,
		     struct rh_strv *faults)
{
	unsigned disks = cell->disks == RH_MATRIX_BOTH ? 2 : 1;

	judge_firmware(cell->firmware, s, faults);
	if (s->disks != disks)
		rh_strv_addf(faults, "the kernel attached %u disks, not %u", s->disks, disks);
	if (s->n_arrays != 2)
		rh_strv_addf(faults, "the kernel started %u arrays, not 2", s->n_arrays);
	for (unsigned i = 0; i < s->n_arrays; i++)
		if (s->array[i].active != disks || s->array[i].of != 2)
			rh_strv_addf(faults, "%s is active with %u of %u mirrors, not %u of 2",
				     s->array[i].name, s->array[i].active, s->array[i].of, disks);
	if (s->copying)
		rh_strv_add(faults, "the kernel copies an array that was born in sync");
}

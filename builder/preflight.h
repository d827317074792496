/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this workstation must have before a rehearsal begins: everything that is missing at once. */
#pragma once

#include <stdint.h>

#include "builder/vm.h"
#include "lib/core/diag.h"

struct rh_preflight {
	enum rh_firmware firmware;
	bool kvm;
	const char *scratch; /* folder for overlays */
	uint64_t space;	     /* bytes needed there */
	unsigned memory_mib; /* of the guest */
	const char *probe;   /* path of rh-probe; NULL: no network and no mail client are wanted */
};

/* Adds a fault with the remedy for each thing that is missing; returns how many. */
size_t rh_preflight_check(const struct rh_preflight *want, struct rh_diags *d);

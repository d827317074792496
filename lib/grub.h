/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB for BIOS, put into place without grub-install: on the workstation and in the appliance.
 * Pure: no I/O.
 *
 * boot.img goes into the MBR's code area and loads the core image's first sector from a given
 * place; that sector (diskboot.img) loads the rest by a block list at its end. Offsets:
 * include/grub/i386/pc/boot.h and util/setup.c of GRUB 2.12.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"

#define RH_GRUB_CODE 440 /* bytes of boot code in an MBR */

/* Patch BOOT (512 bytes of boot.img) and CORE (LEN bytes, its first sector is diskboot.img) for a
 * core image that starts at sector START and may use ROOM sectors. */
RH_CHECKED int rh_grub_embed(uint8_t boot[512], uint8_t *core, size_t len, uint64_t start,
			     uint64_t room, struct rh_err *err);

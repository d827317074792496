// SPDX-License-Identifier: GPL-2.0-or-later
/* Embedding GRUB's images; the contract is in grub.h. */
#include "lib/grub.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define KERNEL_SECTOR	 0x5c /* GRUB_BOOT_MACHINE_KERNEL_SECTOR: where the core starts */
#define DRIVE_CHECK	 0x66 /* GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump that hard disks replace */
#define BLOCK_LIST	 (512 - 12)
#define KERNEL_SEGMENT	 0x800 /* GRUB_BOOT_I386_PC_KERNEL_SEG */
#define SIGNATURE_OFFSET 510

int rh_grub_embed(uint8_t boot[512], uint8_t *core, size_t len, uint64_t start, uint64_t room,
		  struct rh_err *err)
{
	uint64_t sectors = (len + 511) / 512, le_start = htole64(start),
		 le_rest = htole64(start + 1);
	uint16_t le_count, le_segment = htole16(KERNEL_SEGMENT + (512 >> 4));

	if (boot[SIGNATURE_OFFSET] != 0x55 || boot[SIGNATURE_OFFSET + 1] != 0xaa)
		return rh_err_set(err, EINVAL, "GRUB's boot.img is not a boot sector");
	if (sectors < 2 || sectors > room || sectors - 1 > 0xffff)
		return rh_err_set(err, EFBIG,
				  "GRUB's core image (%zu bytes) does not fit into %llu sectors",
				  len, (unsigned long long)room);
	memcpy(boot + KERNEL_SECTOR, &le_start, 8);
	/* Some firmware passes a wrong drive number; for hard disks GRUB sets two nops here, which
	 * makes it trust 0x80 instead (util/setup.c). */
	boot[DRIVE_CHECK] = boot[DRIVE_CHECK + 1] = 0x90;
	le_count = htole16((uint16_t)(sectors - 1));
	memcpy(core + BLOCK_LIST, &le_rest, 8);
	memcpy(core + BLOCK_LIST + 8, &le_count, 2);
	memcpy(core + BLOCK_LIST + 10, &le_segment, 2);
	return 0;
}

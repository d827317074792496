// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FAT volumes through mtools, which need neither root nor a mount. See fatvol.h.
 *
 * Trap: mtools read ~/.mtoolsrc, where a drive letter may be bound; "-i IMAGE ::" is independent of
 * it.
 */
#include "builder/fatvol.h"

#include "lib/core/mem.h"
#include "lib/core/proc.h"

#define SECTORS "32768" /* of 512 bytes */

int rh_fatvol_make(const char *image, const char *label, const char *source, const char *name,
		   struct rh_err *err)
{
	RH_FREE char *target = rh_xasprintf("::%s", name);
	int r = rh_proc_call(err, "mformat", "-i", image, "-C", "-T", SECTORS, "-h", "16", "-s",
			     "32", "-v", label, "::", NULL);

	if (r < 0)
		return rh_err_prefix(err, r, "answers volume");
	r = rh_proc_call(err, "mcopy", "-i", image, source, target, NULL);
	return rh_err_prefix(err, r, "answers volume");
}

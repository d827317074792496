/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small FAT volume in a file, made with mtools: what an administrator brings on a USB stick. */
#pragma once

#include "lib/core/err.h"

/* Make IMAGE (16 MiB, no partition table), labelled LABEL, with the file SOURCE in it as NAME. */
RH_CHECKED int rh_fatvol_make(const char *image, const char *label, const char *source,
			      const char *name, struct rh_err *err);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates: text with @{NAME} in it. Pure: no file is opened here.
 *
 *     @{NAME}          replaced by the value of NAME
 *     @{NAME|FILTER}   the same; FILTER says how a list is joined: space or comma (", ", the
 * default)
 *     @@{              a literal @{
 *
 * NAME consists of letters, digits and . _ - [ ]. All faults of a template are reported, each with
 * its line.
 */
#pragma once

#include <stddef.h>

#include "lib/core/diag.h"
#include "lib/core/mem.h"

/* Add the value of NAME, lists joined by JOIN, to OUT and return 0; or return -ENOENT and say in
 * WHY (a sentence without the name) what is wrong. */
typedef int (*rh_template_lookup)(void *arg, const char *name, const char *join, struct rh_str *out,
				  struct rh_str *why);

/* FILE is what diagnostics call the template. -EINVAL with diagnostics in D; OUT then holds what
 * could be rendered. */
RH_CHECKED int rh_template_render(const char *text, size_t n, const char *file,
				  rh_template_lookup lookup, void *arg, struct rh_str *out,
				  struct rh_diags *d);

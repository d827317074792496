/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Public ssh keys as text: is one well formed, and its fingerprint. Pure. */
#pragma once

#include "lib/core/mem.h"

/* NULL when TEXT ("TYPE BASE64 [COMMENT]") is a public key, else what is wrong with it. */
const char *rh_ssh_key_fault(const char *text);
/* Adds "TYPE SHA256:…" as ssh-keygen -l shows it; nothing when TEXT is no key. */
void rh_ssh_fingerprint(const char *text, struct rh_str *out);

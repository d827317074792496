/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The step "secrets": what makes two machines different. Overlays' secrets, the TLS key with its
 * certificate, ssh host keys. What exists is kept; only the certificate is made anew when its names
 * changed or it runs out.
 */
#pragma once

#include "rootfs/setup/setup.h"

RH_CHECKED int rh_secrets_make(struct rh_setup *s, struct rh_err *err);
/* Add secret NAME to OUT. -ENOENT when it has not been made. */
RH_CHECKED int rh_secret_value(struct rh_setup *s, const char *name, struct rh_str *out,
			       struct rh_err *err);
/* Must the certificate be made (none, other names, soon out of date)? */
bool rh_certificate_due(struct rh_setup *s);
/* "AA:BB:…" of the certificate; "ssh-ed25519 SHA256:…" of the host key. "" when there is none. */
void rh_certificate_print(struct rh_setup *s, struct rh_str *out);
void rh_host_key_print(struct rh_setup *s, struct rh_str *out);

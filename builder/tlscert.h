/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The certificate that a TLS port shows, fetched without trusting it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Room for the SHA-256 of a certificate as "AA:BB:…" and the NUL. */
#define RH_TLSCERT_PRINT (32 * 3)

/* Shake hands with ADDR:PORT (TLS from the first byte). PEM gets the chain as shown, FINGERPRINT
 * the SHA-256 of the first certificate in it. */
RH_CHECKED int rh_tlscert_fetch(const char *addr, uint16_t port, struct rh_str *pem,
				char fingerprint[RH_TLSCERT_PRINT], struct rh_err *err);

/* SHA-256 of the first certificate in the PEM text. */
RH_CHECKED int rh_tlscert_fingerprint(const char *pem, char fingerprint[RH_TLSCERT_PRINT],
				      struct rh_err *err);

/* Are they the same, whatever the case of the digits and with or without colons? */
bool rh_tlscert_same(const char *a, const char *b);

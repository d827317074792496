/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's own certificate: EC P-256, self-signed, valid for 825 days. Pure: PEM in, PEM out.
 *
 * Why an end-entity certificate (CA:FALSE, serverAuth) and no CA: OpenSSL and GnuTLS accept it when
 * it is in their trust file (a chain of length one), browsers accept it as an exception, and nobody
 * who trusts it trusts the machine to vouch for other names; Firefox refuses a CA certificate that
 * a server presents as its own. Why 825 days: Apple's systems refuse server certificates that live
 * longer, even trusted ones; apply makes a new one in time (rehome-renew.timer), from the same key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

#define RH_TLS_DAYS	  825
#define RH_TLS_RENEW_DAYS 60 /* renewed when fewer are left */

RH_CHECKED int rh_tls_make_key(struct rh_str *pem, struct rh_err *err);
bool rh_tls_key_usable(const char *key_pem);
/* NAMES[0] is the subject's common name; all of them are alternative names. */
RH_CHECKED int rh_tls_make_cert(const char *key_pem, const char *const *names, size_t n, time_t now,
				struct rh_str *pem, struct rh_err *err);
/* Does CERT belong to the key, bear exactly these names, and have time left at NOW? */
bool rh_tls_good(const char *cert_pem, const char *key_pem, const char *const *names, size_t n,
		 time_t now);
/* SHA-256 of the certificate as "AA:BB:…"; nothing is added when CERT cannot be read. */
void rh_tls_fingerprint(const char *cert_pem, struct rh_str *out);

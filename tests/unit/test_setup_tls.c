// SPDX-License-Identifier: GPL-2.0-or-later
/* The certificate as clients judge it: OpenSSL with the certificate itself as its trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "rootfs/setup/tls.h"

#define DAY 86400L

static const char *const names[] = {"mail.example.org", "example.org"};
static const char *const others[] = {"mail.example.org", "example.net"};

static void make(time_t now, struct rh_str *key, struct rh_str *cert)
{
	assert_int_equal(rh_tls_make_key(key, NULL), 0);
	assert_int_equal(rh_tls_make_cert(key->data, names, 2, now, cert, NULL), 0);
}

static X509 *parse(const struct rh_str *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

/* What a TLS client does with CAFILE = the certificate, for HOST at time WHEN. */
static int verify(const struct rh_str *pem, const char *host, time_t when)
{
	X509 *x = parse(pem);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *p;
	int r;

	X509_STORE_add_cert(store, x);
	X509_STORE_CTX_init(ctx, store, x, NULL);
	p = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_auth_level(p, 2);
	X509_VERIFY_PARAM_set1_host(p, host, 0);
	X509_VERIFY_PARAM_set_time(p, when);
	r = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(x);
	return r;
}

static void test_clients_accept_it(void **state)
{
	RH_STR struct rh_str key = {0}, cert = {0};
	time_t now = time(NULL);

	(void)state;
	make(now, &key, &cert);
	assert_int_equal(verify(&cert, "mail.example.org", now), X509_V_OK);
	assert_int_equal(verify(&cert, "example.org", now), X509_V_OK);
	assert_int_equal(verify(&cert, "mail.example.org", now + 800 * DAY), X509_V_OK);
	assert_int_equal(verify(&cert, "www.example.org", now), X509_V_ERR_HOSTNAME_MISMATCH);
	assert_int_equal(verify(&cert, "mail.example.org", now + 826 * DAY),
			 X509_V_ERR_CERT_HAS_EXPIRED);
}

static void test_shape(void **state)
{
	RH_STR struct rh_str key = {0}, cert = {0};
	int days, seconds;
	X509 *x;

	(void)state;
	make(time(NULL), &key, &cert);
	x = parse(&cert);
	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_self_signed(x, 1), 1);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
	assert_true(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)));
	assert_true(days < RH_TLS_DAYS);
	X509_free(x);
}

static void test_good(void **state)
{
	RH_STR struct rh_str key = {0}, cert = {0}, key2 = {0};
	time_t now = time(NULL);

	(void)state;
	make(now, &key, &cert);
	assert_int_equal(rh_tls_make_key(&key2, NULL), 0);
	assert_true(rh_tls_key_usable(key.data));
	assert_false(rh_tls_key_usable("nonsense"));
	assert_true(rh_tls_good(cert.data, key.data, names, 2, now));
	assert_true(rh_tls_good(cert.data, key.data, names, 2, now + 760 * DAY));
	assert_false(rh_tls_good(cert.data, key.data, names, 2, now + 770 * DAY));
	assert_false(rh_tls_good(cert.data, key.data, names, 2, now - 2 * DAY));
	assert_false(rh_tls_good(cert.data, key.data, names, 1, now));
	assert_false(rh_tls_good(cert.data, key.data, others, 2, now));
	assert_false(rh_tls_good(cert.data, key2.data, names, 2, now));
	assert_false(rh_tls_good("nonsense", key.data, names, 2, now));
	assert_false(rh_tls_good(key.data, cert.data, names, 2, now));
}

static void test_two_machines_differ(void **state)
{
	RH_STR struct rh_str key = {0}, cert = {0}, key2 = {0}, cert2 = {0}, a = {0}, b = {0};
	time_t now = time(NULL);

	(void)state;
	make(now, &key, &cert);
	make(now, &key2, &cert2);
	rh_tls_fingerprint(cert.data, &a);
	rh_tls_fingerprint(cert2.data, &b);
	assert_int_equal(a.len, 32 * 3 - 1);
	assert_string_not_equal(a.data, b.data);
	rh_str_free(&b);
	rh_tls_fingerprint("nonsense", &b);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clients_accept_it),
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_two_machines_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The certificate; contract and reasons are in tls.h. */
#include "rootfs/setup/tls.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define DAY 86400L

static int ssl_fail(struct rh_err *err, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_get_error());

	ERR_clear_error();
	return rh_err_set(err, EIO, "%s: %s", what, why ? why : "OpenSSL refused");
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!key)
		ERR_clear_error();
	return key;
}

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!cert)
		ERR_clear_error();
	return cert;
}

static void take_bio(BIO *bio, struct rh_str *out)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	rh_str_addn(out, data, (size_t)n);
}

int rh_tls_make_key(struct rh_str *pem, struct rh_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	int r = 0;

	if (key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		take_bio(bio, pem);
	else
		r = ssl_fail(err, "cannot make a TLS key");
	BIO_free(bio);
	EVP_PKEY_free(key);
	return r;
}

bool rh_tls_key_usable(const char *key_pem)
{
	EVP_PKEY *key = read_key(key_pem);
	bool ok = key && EVP_PKEY_is_a(key, "EC");

	EVP_PKEY_free(key);
	return ok;
}

/* A random positive serial number of 159 bits: two machines' certificates never share one. */
static bool set_serial(X509 *cert)
{
	BIGNUM *bn = BN_new();
	bool ok = bn && BN_rand(bn, 159, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
		  BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));

	BN_free(bn);
	return ok;
}

static bool add_ext(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_extensions(X509 *cert, const char *const *names, size_t n)
{
	RH_STR struct rh_str san = {0};

	for (size_t i = 0; i < n; i++)
		rh_str_addf(&san, "%sDNS:%s", i ? "," : "", names[i]);
	return add_ext(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_ext(cert, NID_key_usage, "critical,digitalSignature") &&
	       add_ext(cert, NID_ext_key_usage, "serverAuth") &&
	       add_ext(cert, NID_subject_key_identifier, "hash") &&
	       add_ext(cert, NID_subject_alt_name, rh_str_text(&san));
}

static bool set_subject(X509 *cert, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
					  -1, -1, 0) &&
	       X509_set_issuer_name(cert, subject);
}

int rh_tls_make_cert(const char *key_pem, const char *const *names, size_t n, time_t now,
		     struct rh_str *pem, struct rh_err *err)
{
	EVP_PKEY *key = read_key(key_pem);
	X509 *cert = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	time_t from = now - DAY, to = from + RH_TLS_DAYS * DAY - 1;
	int r = 0;

	/* It begins a day ago: clients whose clock is behind must not refuse a fresh machine. */
	if (key && cert && bio && X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
	    ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	    ASN1_TIME_set(X509_getm_notAfter(cert), to) && set_subject(cert, names[0]) &&
	    X509_set_pubkey(cert, key) && add_extensions(cert, names, n) &&
	    X509_sign(cert, key, EVP_sha256()) && PEM_write_bio_X509(bio, cert))
		take_bio(bio, pem);
	else
		r = ssl_fail(err, "cannot make the TLS certificate");
	BIO_free(bio);
	X509_free(cert);
	EVP_PKEY_free(key);
	return r;
}

/* Each wanted name is in the certificate, and it has no others. */
static bool same_names(X509 *cert, const char *const *names, size_t n)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool ok = san && (size_t)sk_GENERAL_NAME_num(san) == n;

	GENERAL_NAMES_free(san);
	for (size_t i = 0; ok && i < n; i++)
		ok = X509_check_host(cert, names[i], 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
	return ok;
}

bool rh_tls_good(const char *cert_pem, const char *key_pem, const char *const *names, size_t n,
		 time_t now)
{
	EVP_PKEY *key = read_key(key_pem);
	X509 *cert = read_cert(cert_pem);
	time_t later = now + RH_TLS_RENEW_DAYS * DAY;
	bool ok = key && cert && X509_check_private_key(cert, key) == 1 &&
		  same_names(cert, names, n) &&
		  X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 &&
		  X509_cmp_time(X509_get0_notAfter(cert), &later) > 0;

	ERR_clear_error();
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok;
}

void rh_tls_fingerprint(const char *cert_pem, struct rh_str *out)
{
	X509 *cert = read_cert(cert_pem);
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (cert && X509_digest(cert, EVP_sha256(), md, &n))
		for (unsigned i = 0; i < n; i++)
			rh_str_addf(out, "%s%02X", i ? ":" : "", md[i]);
	X509_free(cert);
}

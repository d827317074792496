// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TLS handshake for the certificate's sake. See tlscert.h.
 *
 * Trap: libcurl's CONNECT_ONLY on an https URL stops after the handshake, whatever protocol the
 * port speaks inside; ALPN is off because mail servers may refuse a protocol that they do not know.
 */
#include "builder/tlscert.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

int rh_tlscert_fingerprint(const char *pem, char fingerprint[RH_TLSCERT_PRINT], struct rh_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int ok = cert && X509_digest(cert, EVP_sha256(), md, &n) && n == 32;

	for (unsigned i = 0; ok && i < n; i++)
		snprintf(fingerprint + 3 * (size_t)i, 4, "%02X%s", md[i], i + 1 < n ? ":" : "");
	X509_free(cert);
	BIO_free(bio);
	return ok ? 0 : rh_err_set(err, EBADMSG, "not a certificate in PEM");
}

/* Each certificate of the chain is a list of "NAME:value" lines, one of which is its PEM. */
static void add_chain(CURL *curl, struct rh_str *pem)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || !info)
		return;
	for (int i = 0; i < info->num_of_certs; i++)
		for (struct curl_slist *l = info->certinfo[i]; l; l = l->next)
			if (strncmp(l->data, "Cert:", 5) == 0) {
				rh_str_add(pem, l->data + 5);
				if (pem->len && pem->data[pem->len - 1] != '\n')
					rh_str_addc(pem, '\n');
			}
}

int rh_tlscert_fetch(const char *addr, uint16_t port, struct rh_str *pem,
		     char fingerprint[RH_TLSCERT_PRINT], struct rh_err *err)
{
	RH_FREE char *url = rh_xasprintf("https://%s:%u/", addr, port);
	CURL *curl = curl_easy_init();
	CURLcode code;

	if (!curl)
		return rh_err_set(err, ENOMEM, "libcurl gives no handle");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		add_chain(curl, pem);
	curl_easy_cleanup(curl);
	if (code != CURLE_OK)
		return rh_err_set(err, EAGAIN, "no TLS on %s port %u: %s", addr, port,
				  curl_easy_strerror(code));
	return rh_err_prefix(err, rh_tlscert_fingerprint(rh_str_text(pem), fingerprint, err),
			     "%s port %u", addr, port);
}

bool rh_tlscert_same(const char *a, const char *b)
{
	size_t digits = 0;

	for (;; a++, b++, digits++) {
		while (*a == ':')
			a++;
		while (*b == ':')
			b++;
		if (!*a || !*b)
			return !*a && !*b && digits == 64;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
	}
}

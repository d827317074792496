/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ordinary libcurl with a cookie jar in memory.
 *
 * Trap: CURLOPT_RESOLVE wants the port of the URL, so the base is taken apart once at the start.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/probe/http.h"

#define BODY_MAX (16ul * 1024 * 1024)

struct rh_http {
	CURL *easy;
	struct curl_slist *resolve;
	char *base;
	struct rh_target target;
	char *host;
	struct rh_str body, headers;
	char text[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct rh_http *h = arg;

	if (h->body.len + size * n > BODY_MAX)
		return 0;
	rh_str_addn(&h->body, data, size * n);
	return size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct rh_http *h = arg;

	if (size * n >= 5 && !strncmp(data, "HTTP/", 5))
		h->headers.len = 0;
	if (h->headers.len < BODY_MAX)
		rh_str_addn(&h->headers, data, size * n);
	return size * n;
}

/* Host and port of BASE. */
static int take_apart(struct rh_http *h, unsigned *port, struct rh_err *err)
{
	CURLU *u = curl_url();
	char *host = NULL, *p = NULL;
	int r = 0;

	if (curl_url_set(u, CURLUPART_URL, h->base, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &p, CURLU_DEFAULT_PORT))
		r = rh_err_set(err, EINVAL, "\"%s\" is not an address of a page", h->base);
	else
		h->host = rh_xstrdup(host);
	*port = p ? (unsigned)atoi(p) : 0;
	curl_free(host);
	curl_free(p);
	curl_url_cleanup(u);
	return r;
}

int rh_http_open(struct rh_http **ret, const struct rh_target *t, const char *base,
		 struct rh_err *err)
{
	RH_HTTP struct rh_http *h = rh_xalloc(sizeof *h);
	unsigned port;

	h->base = rh_xstrdup(base);
	h->easy = curl_easy_init();
	if (!h->easy)
		return rh_err_errno(err, ENOMEM, "curl_easy_init");
	int r = take_apart(h, &port, err);
	if (r < 0)
		return r;
	h->target = *t;
	h->target.host = h->host;
	r = rh_conn_setup(h->easy, &h->target, port, &h->resolve, err);
	if (r < 0)
		return r;
	curl_easy_setopt(h->easy, CURLOPT_COOKIEFILE, "");
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->text);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h->easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(h->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(h->easy, CURLOPT_MAXREDIRS, 10L);
	curl_easy_setopt(h->easy, CURLOPT_TIMEOUT, (long)t->timeout_s * 2);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h->easy, CURLOPT_HEADERDATA, h);
	rh_http_follow(h, true);
	if (!strncmp(base, "http://", 7)) /* asked for by name: only to see what it says */
		curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http");
	*ret = h;
	h = NULL;
	return 0;
}

void rh_http_close(struct rh_http **h)
{
	if (!*h)
		return;
	curl_easy_cleanup((*h)->easy);
	curl_slist_free_all((*h)->resolve);
	rh_str_free(&(*h)->body);
	rh_str_free(&(*h)->headers);
	free((*h)->base);
	free((*h)->host);
	free(*h);
	*h = NULL;
}

void rh_http_follow(struct rh_http *h, bool follow)
{
	curl_easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, (long)follow);
}

int rh_http_get(struct rh_http *h, const char *path, const char *form, const char *header,
		struct rh_err *err)
{
	RH_FREE char *url = rh_xasprintf("%s%s", h->base, path);
	struct curl_slist *list = header ? curl_slist_append(NULL, header) : NULL;
	long code = 0;

	h->body.len = h->headers.len = 0;
	rh_str_add(&h->body, "");
	rh_str_add(&h->headers, "");
	curl_easy_setopt(h->easy, CURLOPT_URL, url);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, list);
	if (form)
		curl_easy_setopt(h->easy, CURLOPT_COPYPOSTFIELDS, form);
	else
		curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
	CURLcode c = curl_easy_perform(h->easy);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(list);
	if (c != CURLE_OK)
		return rh_err_set(err,
				  c == CURLE_COULDNT_CONNECT	  ? ECONNREFUSED
				  : c == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT
								  : EPROTO,
				  "%s: %s", url, h->text[0] ? h->text : curl_easy_strerror(c));
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &code);
	return (int)code;
}

const char *rh_http_body(const struct rh_http *h)
{
	return rh_str_text(&h->body);
}

const char *rh_http_headers(const struct rh_http *h)
{
	return rh_str_text(&h->headers);
}

const char *rh_http_url(const struct rh_http *h)
{
	char *url = NULL;

	curl_easy_getinfo(h->easy, CURLINFO_EFFECTIVE_URL, &url);
	return url ? url : "";
}

void rh_http_field(struct rh_http *h, struct rh_str *form, const char *name, const char *value)
{
	char *v = curl_easy_escape(h->easy, value, (int)strlen(value));

	rh_str_addf(form, "%s%s=%s", form->len ? "&" : "", name, v ? v : "");
	curl_free(v);
}

/* --- HTML --- */

static void add_code(struct rh_str *out, unsigned long c)
{
	if (c < 0x80) {
		rh_str_addc(out, (char)c);
	} else if (c < 0x800) {
		rh_str_addf(out, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		rh_str_addf(out, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)),
			    (int)(0x80 | (c & 0x3f)));
	} else {
		rh_str_addf(out, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)),
			    (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
	}
}

/* The entity at P ("&…;"); the byte after it, or P + 1 when it is none that is known. */
static const char *entity(const char *p, struct rh_str *out)
{
	static const struct {
		const char *name, *text;
	} named[] = {{"&amp;", "&"},   {"&lt;", "<"},	{"&gt;", ">"},
		     {"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", " "}};
	char *end;

	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		size_t n = strlen(named[i].name);
		if (!strncmp(p, named[i].name, n)) {
			rh_str_add(out, named[i].text);
			return p + n;
		}
	}
	if (p[1] == '#') {
		bool hex = p[2] == 'x' || p[2] == 'X';
		unsigned long c = strtoul(p + 2 + hex, &end, hex ? 16 : 10);
		if (*end == ';' && c > 0 && c < 0x110000) {
			add_code(out, c);
			return end + 1;
		}
	}
	rh_str_addc(out, '&');
	return p + 1;
}

static void decode(const char *p, const char *end, struct rh_str *out)
{
	while (p < end) {
		if (*p == '&')
			p = entity(p, out);
		else
			rh_str_addc(out, *p++);
	}
}

/* The value of attribute NAME inside the tag that ends at END. */
static char *attribute(const char *tag, const char *end, const char *name)
{
	RH_STR struct rh_str out = {0};
	size_t n = strlen(name);

	for (const char *p = tag; p + n + 2 < end; p++) {
		if ((p[-1] != ' ' && p[-1] != '\n' && p[-1] != '\t') || strncasecmp(p, name, n) ||
		    p[n] != '=' || (p[n + 1] != '"' && p[n + 1] != '\''))
			continue;
		const char *v = p + n + 2, *q = memchr(v, p[n + 1], (size_t)(end - v));
		if (!q)
			return NULL;
		decode(v, q, &out);
		return rh_xstrdup(rh_str_text(&out));
	}
	return NULL;
}

char *rh_html_field(const char *html, const char *name)
{
	for (const char *p = html; (p = strcasestr(p, "<input")); p++) {
		const char *end = strchr(p, '>');
		if (!end)
			return NULL;
		RH_FREE char *got = attribute(p + 1, end, "name");
		if (got && !strcmp(got, name))
			return attribute(p + 1, end, "value");
	}
	return NULL;
}

void rh_html_text(const char *html, struct rh_str *out)
{
	for (const char *p = html; *p;) {
		if (*p == '<') {
			const char *end = strchr(p, '>');
			p = end ? end + 1 : p + strlen(p);
			continue;
		}
		if (*p == '&') {
			p = entity(p, out);
			continue;
		}
		char c = *p++;
		if (c == '\n' || c == '\r' || c == '\t')
			c = ' ';
		if (c != ' ' || out->len == 0 || out->data[out->len - 1] != ' ')
			rh_str_addc(out, c);
	}
}

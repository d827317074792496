/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A web client with cookies, HTTPS only unless said otherwise, and what little of HTML a check
 * needs.
 */
#pragma once

#include "builder/probe/conn.h"

struct rh_http;

/* BASE: "https://HOST[:PORT]/PATH/"; HOST becomes the target's name. */
RH_CHECKED int rh_http_open(struct rh_http **ret, const struct rh_target *t, const char *base,
			    struct rh_err *err);
void rh_http_close(struct rh_http **h);
#define RH_HTTP __attribute__((cleanup(rh_http_close)))

/* Fetch BASE + PATH. FORM: "a=b&c=d" already encoded, or NULL for GET. HEADER: one more line or
 * NULL. The status code, or a negative errno. At most 10 redirections, HTTPS only. */
RH_CHECKED int rh_http_get(struct rh_http *h, const char *path, const char *form,
			   const char *header, struct rh_err *err);
const char *rh_http_body(const struct rh_http *h);
const char *rh_http_headers(const struct rh_http *h); /* of the last response */
const char *rh_http_url(const struct rh_http *h);     /* where it ended */
void rh_http_follow(struct rh_http *h, bool follow);
/* "NAME=VALUE" with the value percent-encoded, "&" before it when FORM is not empty. */
void rh_http_field(struct rh_http *h, struct rh_str *form, const char *name, const char *value);

/* The value of the form's hidden field NAME, decoded, to be freed; NULL when it is absent. */
char *rh_html_field(const char *html, const char *name);
/* HTML without tags, entities decoded, white space folded, appended to OUT. */
void rh_html_text(const char *html, struct rh_str *out);

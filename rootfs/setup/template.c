// SPDX-License-Identifier: GPL-2.0-or-later
/* The renderer; grammar and contract are in template.h. */
#include "rootfs/setup/template.h"

#include <errno.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-[]"

struct render {
	const char *file;
	unsigned line;
	rh_template_lookup lookup;
	void *arg;
	struct rh_str *out;
	struct rh_diags *d;
};

/* The text that joins the members of a list, NULL when FILTER is unknown. */
static const char *join_of(const char *filter)
{
	if (!*filter || !strcmp(filter, "comma"))
		return ", ";
	if (!strcmp(filter, "space"))
		return " ";
	return NULL;
}

/* What stands between the braces. */
static void render_field(struct render *r, const char *field)
{
	RH_STR struct rh_str why = {0}, value = {0};
	const char *bar = strchr(field, '|');
	RH_FREE char *name =
	    bar ? rh_xasprintf("%.*s", (int)(bar - field), field) : rh_xstrdup(field);
	const char *join = join_of(bar ? bar + 1 : "");

	if (!*name || strspn(name, NAME_CHARS) != strlen(name)) {
		rh_diag_add(r->d, r->file, r->line, "",
			    "write @{answers.NAME}, or @@{ for @{ itself", "@{%s} holds no name",
			    field);
		return;
	}
	if (!join || (bar && !bar[1])) {
		rh_diag_add(r->d, r->file, r->line, "", "the filters are space and comma",
			    "@{%s}: there is no such filter", field);
		return;
	}
	if (r->lookup(r->arg, name, join, &value, &why) < 0) {
		rh_diag_add(r->d, r->file, r->line, "", "", "@{%s}: %s", name, rh_str_text(&why));
		return;
	}
	if (value.len)
		rh_str_addn(r->out, value.data, value.len);
}

/* P stands at "@{". Returns the first byte after the field. */
static const char *field_at(struct render *r, const char *p, const char *end)
{
	const char *stop = p + 2;
	RH_FREE char *field = NULL;

	while (stop < end && *stop != '}' && *stop != '\n')
		stop++;
	if (stop == end || *stop == '\n') {
		rh_diag_add(r->d, r->file, r->line, "",
			    "close it with }, or write @@{ for @{ itself",
			    "@{ has no end in this line");
		return p + 2;
	}
	field = rh_xasprintf("%.*s", (int)(stop - p - 2), p + 2);
	render_field(r, field);
	return stop + 1;
}

int rh_template_render(const char *text, size_t n, const char *file, rh_template_lookup lookup,
		       void *arg, struct rh_str *out, struct rh_diags *d)
{
	struct render r = {file, 1, lookup, arg, out, d};
	const char *p = text, *end = text + n;
	size_t before = d->n;

	rh_str_addn(out, "", 0);
	while (p < end) {
		size_t left = (size_t)(end - p);

		if (left >= 3 && !memcmp(p, "@@{", 3)) {
			rh_str_add(out, "@{");
			p += 3;
		} else if (left >= 2 && !memcmp(p, "@{", 2)) {
			p = field_at(&r, p, end);
		} else {
			r.line += *p == '\n';
			rh_str_addc(out, *p++);
		}
	}
	return d->n > before ? -EINVAL : 0;
}

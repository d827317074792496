/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report. Paths and reasons can hold bytes of any old charset, so every string passes
 * rh_text_printable() before it becomes JSON or meets a terminal.
 */
#include "rootfs/import/report.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "rootfs/mail/text.h"

void rh_report_init(struct rh_report *r)
{
	*r = (struct rh_report){.arena = rh_arena_new(), .source = ""};
}

void rh_report_free(struct rh_report *r)
{
	free(r->entry);
	free(r->account);
	rh_arena_free(&r->arena);
	*r = (struct rh_report){0};
}

void rh_report_add(struct rh_report *r, enum rh_entry_kind kind, const char *file, unsigned line,
		   const char *fmt, ...)
{
	struct rh_entry e = {.kind = kind, .line = line};
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	e.reason = rh_text_printable(r->arena, text ? text : fmt);
	e.file = rh_text_printable(r->arena, file);
	free(text);
	RH_GROW(r->entry, r->nentry, r->entry_cap);
	r->entry[r->nentry++] = e;
}

void rh_report_diags(struct rh_report *r, const struct rh_diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		rh_report_add(r, strcmp(d->v[i].where, RH_NOTE) == 0 ? RH_REMARK : RH_LOST,
			      d->v[i].file, d->v[i].line, "%s", d->v[i].text);
}

struct rh_account_line *rh_report_account(struct rh_report *r, const char *address)
{
	RH_GROW(r->account, r->naccount, r->account_cap);
	struct rh_account_line *a = &r->account[r->naccount++];
	*a = (struct rh_account_line){.address = rh_text_printable(r->arena, address),
				      .result = "carried"};
	return a;
}

size_t rh_report_count(const struct rh_report *r, enum rh_entry_kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < r->nentry; i++)
		n += r->entry[i].kind == kind;
	return n;
}

static void print_kind(const struct rh_report *r, FILE *out, enum rh_entry_kind kind,
		       const char *title, size_t limit)
{
	size_t n = rh_report_count(r, kind), shown = 0;
	if (n == 0)
		return;
	fprintf(out, "\n%s: %zu\n", title, n);
	for (size_t i = 0; i < r->nentry; i++) {
		const struct rh_entry *e = &r->entry[i];
		if (e->kind != kind)
			continue;
		if (limit && shown++ == limit) {
			fprintf(out, "  … and %zu more in the JSON report\n", n - limit);
			break;
		}
		if (e->line)
			fprintf(out, "  %s:%u: %s\n", e->file, e->line, e->reason);
		else
			fprintf(out, "  %s: %s\n", e->file, e->reason);
	}
}

void rh_report_print(const struct rh_report *r, FILE *out, size_t limit)
{
	fprintf(out, "%-40s %8s %9s %9s %9s %9s  %s\n", "account", "folders", "messages", "copied",
		"renamed", "MiB", "result");
	for (size_t i = 0; i < r->naccount; i++) {
		const struct rh_account_line *a = &r->account[i];
		fprintf(out, "%-40s %8ju %9ju %9ju %9ju %9.1f  %s\n", a->address, a->folders,
			a->messages, a->copied, a->renamed, (double)a->bytes / 1048576, a->result);
	}
	print_kind(r, out, RH_LOST, "Not carried", limit);
	print_kind(r, out, RH_REMARK, "Remarks", limit);
	fprintf(out,
		"\n%s%ju domains, %zu accounts, %ju folders, %ju messages; %ju messages copied "
		"(%.1f MiB), %ju renamed, %ju rows written; %zu not carried, %zu remarks; %.1f s\n",
		r->dry_run ? "Plan (nothing was written): " : "", r->domains, r->naccount,
		r->folders, r->messages, r->copied, (double)r->bytes / 1048576, r->renamed, r->rows,
		rh_report_count(r, RH_LOST), rh_report_count(r, RH_REMARK), r->seconds);
}

static void put_int(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)v));
}

static struct json_object *entries(const struct rh_report *r, enum rh_entry_kind kind)
{
	struct json_object *list = json_object_new_array();
	for (size_t i = 0; i < r->nentry; i++) {
		const struct rh_entry *e = &r->entry[i];
		if (e->kind != kind)
			continue;
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "file", json_object_new_string(e->file));
		put_int(o, "line", e->line);
		json_object_object_add(o, "reason", json_object_new_string(e->reason));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *accounts(const struct rh_report *r)
{
	struct json_object *list = json_object_new_array();
	for (size_t i = 0; i < r->naccount; i++) {
		const struct rh_account_line *a = &r->account[i];
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "address", json_object_new_string(a->address));
		json_object_object_add(o, "result", json_object_new_string(a->result));
		put_int(o, "folders", a->folders);
		put_int(o, "messages", a->messages);
		put_int(o, "copied", a->copied);
		put_int(o, "renamed", a->renamed);
		put_int(o, "bytes", a->bytes);
		json_object_array_add(list, o);
	}
	return list;
}

void rh_report_json(const struct rh_report *r, struct rh_str *out)
{
	struct json_object *root = json_object_new_object(), *t = json_object_new_object();
	put_int(root, "version", 1);
	json_object_object_add(root, "dry_run", json_object_new_boolean(r->dry_run));
	json_object_object_add(root, "source", json_object_new_string(r->source));
	put_int(t, "domains", r->domains);
	put_int(t, "accounts", r->naccount);
	put_int(t, "folders", r->folders);
	put_int(t, "messages", r->messages);
	put_int(t, "copied", r->copied);
	put_int(t, "renamed", r->renamed);
	put_int(t, "bytes", r->bytes);
	put_int(t, "rows", r->rows);
	put_int(t, "wrong_sizes", r->wrong_sizes);
	json_object_object_add(t, "seconds", json_object_new_double(r->seconds));
	json_object_object_add(root, "totals", t);
	json_object_object_add(root, "accounts", accounts(r));
	json_object_object_add(root, "not_carried", entries(r, RH_LOST));
	json_object_object_add(root, "remarks", entries(r, RH_REMARK));
	rh_str_add(out, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	rh_str_addc(out, '\n');
	json_object_put(root);
}

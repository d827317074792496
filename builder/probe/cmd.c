/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs share: options, passwords from files, check lines.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/probe/cmd.h"
#include "lib/core/file.h"

#define OPTS_MAX 32

static unsigned checks, failed;

void rh_cmd_check(const char *name, bool ok, const char *fmt, ...)
{
	struct json_object *o = json_object_new_object();
	RH_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	checks++;
	failed += !ok;
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "ok", json_object_new_boolean(ok));
	json_object_object_add(o, "text", json_object_new_string(n < 0 ? "" : text));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(o);
}

int rh_cmd_status(void)
{
	return checks == 0 ? RH_EXIT_BROKEN : failed ? RH_EXIT_FAILED : RH_EXIT_OK;
}

int rh_cmd_broken(const struct rh_err *err)
{
	fprintf(stderr, "rh-probe: %s\n", err->text);
	return RH_EXIT_BROKEN;
}

static int put_option(const char *verb, const struct rh_opt *o, const char *value)
{
	char *end;

	if (o->flag) {
		*o->flag = true;
		return 0;
	}
	if (o->str) {
		*o->str = value;
		return 0;
	}
	unsigned long n = strtoul(value, &end, 10);
	if (*end || end == value || n == 0 || n > 65535) {
		fprintf(stderr, "rh-probe %s: --%s %s: a number from 1 to 65535 is needed\n", verb,
			o->name, value);
		return -EINVAL;
	}
	*o->num = (unsigned)n;
	return 0;
}

static bool is_set(const struct rh_opt *o)
{
	return o->str ? *o->str != NULL : *o->num != 0;
}

static int check_required(const char *verb, const struct rh_opt *opts)
{
	for (; opts->name; opts++)
		if (opts->required && !is_set(opts)) {
			fprintf(stderr, "rh-probe %s: --%s is missing\n", verb, opts->name);
			return -EINVAL;
		}
	return 0;
}

int rh_cmd_options(int argc, char **argv, const struct rh_opt *opts, struct rh_target *t)
{
	struct option longs[OPTS_MAX] = {0};
	const struct rh_opt *table[OPTS_MAX];
	unsigned timeout = 60;
	const struct rh_opt common[] = {
	    {.name = "host", .str = &t->host},	   {.name = "addr", .str = &t->addr},
	    {.name = "cafile", .str = &t->cafile}, {.name = "from", .str = &t->from},
	    {.name = "timeout", .num = &timeout},  {0}};
	const struct rh_opt *sets[] = {opts, common};
	int n = 0, c, at = 0, r = 0;

	for (size_t s = 0; s < 2; s++)
		for (const struct rh_opt *o = sets[s]; o->name && n < OPTS_MAX - 1; o++) {
			table[n] = o;
			longs[n++] = (struct option){
			    o->name, o->flag ? no_argument : required_argument, NULL, 1};
		}
	while (r == 0 && (c = getopt_long(argc, argv, "o:", longs, &at)) != -1) {
		if (c == 'o')
			for (at = 0; at < n && strcmp(table[at]->name, "output") != 0;)
				at++;
		r = c == '?' || at >= n ? -EINVAL : put_option(argv[0], table[at], optarg);
	}
	if (r == 0 && optind < argc) {
		fprintf(stderr, "rh-probe %s: %s is not an option\n", argv[0], argv[optind]);
		r = -EINVAL;
	}
	t->timeout_s = (int)timeout;
	if (!t->host)
		t->host = t->addr;
	return r < 0 ? r : check_required(argv[0], opts);
}

int rh_cmd_endpoint(const char *text, struct rh_target *t, unsigned *port, struct rh_err *err)
{
	const char *colon = strrchr(text, ':');
	char *end;
	unsigned long n = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || colon == text || *end || n == 0 || n > 65535)
		return rh_err_set(err, EINVAL, "\"%s\" is not ADDRESS:PORT", text);
	/* Lives as long as the program. */
	char *addr = rh_xasprintf("%.*s", (int)(colon - text), text);
	*port = (unsigned)n;
	t->addr = addr;
	if (!t->host)
		t->host = addr;
	return 0;
}

int rh_cmd_password(const char *path, char **ret, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(AT_FDCWD, path, 4096, &text, err);

	if (r < 0)
		return r;
	size_t n = strcspn(rh_str_text(&text), "\r\n");
	if (n == 0)
		return rh_err_set(err, EINVAL, "%s holds no password", path);
	*ret = rh_xasprintf("%.*s", (int)n, text.data);
	return 0;
}

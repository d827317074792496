/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rh-probe: the outside view of a mail server.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "builder/probe/cmd.h"

static const struct rh_verb *const verbs[] = {
    &rh_verb_record,	&rh_verb_compare,      &rh_verb_tls,	       &rh_verb_cleartext,
    &rh_verb_closed,	&rh_verb_submit,       &rh_verb_relay,	       &rh_verb_auth_required,
    &rh_verb_roundcube, &rh_verb_postfixadmin, &rh_verb_http_redirect,
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

static void usage(FILE *out)
{
	fprintf(out, "usage: rh-probe VERB [OPTION...]\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %s %s\n        %s\n", verbs[i]->name, verbs[i]->args,
			verbs[i]->summary);
	fprintf(out, "\nCommon options: --host NAME --addr ADDRESS --cafile FILE --from ADDRESS "
		     "--timeout SECONDS\nSee rh-probe(1).\n");
}

int main(int argc, char **argv)
{
	if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return RH_EXIT_OK;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		fprintf(stderr, "rh-probe: libcurl does not start\n");
		return RH_EXIT_BROKEN;
	}
	for (size_t i = 0; argc >= 2 && i < N_VERBS; i++)
		if (!strcmp(argv[1], verbs[i]->name)) {
			if (argc >= 3 && !strcmp(argv[2], "--help")) {
				printf("usage: rh-probe %s %s\n%s\n", verbs[i]->name,
				       verbs[i]->args, verbs[i]->summary);
				return RH_EXIT_OK;
			}
			int r = verbs[i]->run(argc - 1, argv + 1);
			curl_global_cleanup();
			return r;
		}
	if (argc >= 2)
		fprintf(stderr, "rh-probe: there is no verb \"%s\"; see rh-probe --help\n",
			argv[1]);
	else
		usage(stderr);
	return RH_EXIT_USAGE;
}

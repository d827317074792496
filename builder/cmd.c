// SPDX-License-Identifier: GPL-2.0-or-later
/* What several verbs read in their options; the contract is in cmd.h. */
#include "builder/cmd.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

int rh_descriptor_option(const char *verb, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end != text && !*end && n > 0 && n <= INT_MAX && fcntl((int)n, F_GETFD) >= 0)
		return (int)n;
	fprintf(stderr, "%s: --progress-fd %s: give an open descriptor, such as 3\n", verb, text);
	return -1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One console of the stick, on standard input and output: a screen, or a serial line. */
#pragma once

#include <stdbool.h>

#include "lib/core/err.h"

struct rh_console {
	const char *dir;  /* of state and request */
	const char *name; /* tty1, ttyS0: told with a request */
	bool menu;	  /* begin with the full-screen menu, not with plain text */
};

enum rh_console_end { RH_CONSOLE_ENDED, RH_CONSOLE_TO_PLAIN, RH_CONSOLE_TO_MENU };

/* Until interrupted, or standard input ends (-EPIPE). */
RH_CHECKED int rh_console_run(const struct rh_console *c, struct rh_err *err);
/* The full-screen menu (libnewt); >= 0: a rh_console_end. */
RH_CHECKED int rh_console_menu(const struct rh_console *c, struct rh_err *err);

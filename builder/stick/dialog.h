/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The questions in plain text, a line at a time, for a terminal that can do nothing else. Pure: the
 * state and what was typed in, text and perhaps a request out.
 */
#pragma once

#include "builder/stick/state.h"

enum rh_dialog_step { RH_ASK_FIRST, RH_ASK_SECOND, RH_ASK_SERIAL_1, RH_ASK_SERIAL_2, RH_ASK_SURE };

struct rh_dialog {
	enum rh_dialog_step step;
	uint64_t number; /* of the state that the answers so far belong to */
	size_t pick[2];	 /* indices into the state's disks */
};

enum rh_dialog_result { RH_DIALOG_GOES_ON, RH_DIALOG_REQUEST, RH_DIALOG_MENU };

/* What to print when the state is new; forgets the answers so far. */
void rh_dialog_show(struct rh_dialog *g, const struct rh_stick_state *s, struct rh_str *out);
/* A line (without its end) was typed. REQUEST: *Q is to be sent, the caller frees it. */
enum rh_dialog_result rh_dialog_line(struct rh_dialog *g, const struct rh_stick_state *s,
				     const char *line, struct rh_str *out,
				     struct rh_stick_request *q);

/* One line about a disk, without its end, for lists. */
void rh_dialog_disk(const struct rh_offer *d, struct rh_str *out);
/* "42 % of 6.4 GB, 38 MB/s, 2 min 10 s left" */
void rh_dialog_progress(const struct rh_stick_state *s, struct rh_str *out);

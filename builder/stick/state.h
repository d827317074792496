/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the service and the consoles tell each other: two files in one folder.
 *
 * The service alone acts. It tells where it stands in the file "state", which is always whole
 * (written aside and renamed). A console shows that, and asks by making the file "request": only
 * one can be there, so the console that asks first wins. A request answers one state, whose number
 * it carries; when the service has moved on meanwhile, it is dropped. So two people at two consoles
 * cannot start two things, and a console that dies takes nothing with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "builder/stick/choice.h"
#include "lib/core/err.h"

#define RH_STICK_DIR "/run/rehome-stick"

#define RH_STICK_PHASES(X)                                              \
	X(START, "start")   /* waiting for the stick's own partition */ \
	X(CHECK, "check")   /* of the archive */                        \
	X(CHOOSE, "choose") /* asks for two disks */                    \
	X(WRITE, "write")                                               \
	X(VERIFY, "verify")                                             \
	X(DONE, "done")                                                 \
	X(FAILED, "failed") /* writing, or the stick itself */

enum rh_stick_phase {
#define X(id, name) RH_STICK_##id,
	RH_STICK_PHASES(X)
#undef X
	    RH_STICK_PHASE_COUNT
};
const char *rh_stick_phase_name(enum rh_stick_phase p);

struct rh_stick_state {
	uint64_t number; /* grows with each change but progress */
	enum rh_stick_phase phase;
	char *recipe;	       /* of the pair; "" before it is known */
	char *text;	       /* one line: what is going on */
	struct rh_strv faults; /* all that is wrong */
	uint64_t need;	       /* bytes that a disk must have */
	uint64_t pos, total;   /* bytes; total 0: unknown */
	uint64_t rate;	       /* bytes a second; 0: unknown */
	unsigned left;	       /* seconds; 0: unknown */
	unsigned reboot_in;    /* seconds; 0: it waits for somebody */
	bool again;	       /* disks of this very pair may be written */
	struct rh_offers disks;
};
void rh_stick_state_free(struct rh_stick_state *s);

RH_CHECKED int rh_stick_state_write(const char *dir, const struct rh_stick_state *s,
				    struct rh_err *err);
/* -ENOENT when there is none yet. */
RH_CHECKED int rh_stick_state_read(const char *dir, struct rh_stick_state *out, struct rh_err *err);
/* The same from text; any text may be given. */
RH_CHECKED int rh_stick_state_parse(const char *text, size_t len, struct rh_stick_state *out,
				    struct rh_err *err);

enum rh_stick_wish { RH_WISH_WRITE, RH_WISH_LOOK, RH_WISH_REBOOT };
struct rh_stick_request {
	enum rh_stick_wish wish;
	uint64_t number; /* of the state that it answers */
	char *serial[2]; /* WRITE */
	char *from;	 /* the console */
};
void rh_stick_request_free(struct rh_stick_request *q);

/* -EEXIST when another console has asked first. */
RH_CHECKED int rh_stick_request_put(const char *dir, const struct rh_stick_request *q,
				    struct rh_err *err);
/* 1: *OUT is the request, which is gone from the folder; 0: there is none; one that cannot be
 * understood is an error, and gone too. */
RH_CHECKED int rh_stick_request_take(const char *dir, struct rh_stick_request *out,
				     struct rh_err *err);

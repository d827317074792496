/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to rehearse*.c: the rehearsal from inside. */
#pragma once

#include <sys/stat.h>

#include "builder/answers.h"
#include "builder/console.h"
#include "builder/forward.h"
#include "builder/pair.h"
#include "builder/proofs.h"
#include "builder/rehearse.h"
#include "lib/core/scratch.h"

#define RH_REHEARSE_PORTS 16

struct rh_rehearsal {
	struct rh_rehearse_options o;
	struct rh_progress *progress; /* borrowed */
	struct rh_pair pair;
	struct rh_answers answers;
	struct rh_proofs proofs;
	struct rh_vm vm;
	struct stat old_st;
	uint16_t ports[RH_REHEARSE_PORTS];
	size_t n_ports;
	int64_t expected; /* messages, -1 unknown */

	struct rh_scratch own; /* folder of this run */
	const char *scratch;   /* its path; NULL before */
	struct rh_forward *forward;
	pid_t qemu, dns; /* 0: not running */
	int qemu_status; /* when it ended by itself */
	int serial;	 /* the log, read as it grows */
	struct rh_console console;
	struct rh_str tail;
	struct rh_verdict verdict;
	struct json_object *import;			    /* the appliance's report */
	char *cafile;					    /* path, NULL: no TLS */
	bool ssh;					    /* pinned and usable */
	double begun, login_s, closed_s, import_s, total_s; /* seconds; 0: never */
	double import_begun;
	time_t started;
};

double rh_rehearse_now(void);
char *rh_rehearse_path(const struct rh_rehearsal *r, const char *name);

/* rehearse_world.c: scratch, volumes, namespace, name server, machine. */
RH_CHECKED int rh_rehearse_make_world(struct rh_rehearsal *r, struct rh_err *err);
RH_CHECKED int rh_rehearse_start_vm(struct rh_rehearsal *r, struct rh_err *err);

/* rehearse_follow.c: read the console until the machine is ready. 0 ready; 1 it will not be (checks
 * have been added); negative: the workstation or the user. */
RH_CHECKED int rh_rehearse_follow(struct rh_rehearsal *r, struct rh_err *err);

/* Take in what the machine has said since. */
void rh_rehearse_read_console(struct rh_rehearsal *r);

/* rehearse_prove.c: certificate, ssh, import report, proofs, images. */
RH_CHECKED int rh_rehearse_prove(struct rh_rehearsal *r, struct rh_err *err);

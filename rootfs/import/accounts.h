/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows for PostfixAdmin's tables, and where they go: its MariaDB database, or a JSON file.
 */
#pragma once

#include "rootfs/import/run.h"

struct rh_mailbox_row {
	const char *username, *password, *name, *maildir, *local_part, *domain;
	uint64_t quota; /* bytes; 0: no limit */
	bool active;
	/* SHA-256 of the password that an earlier run wrote, or NULL */
	const char *written;
};

enum rh_put { RH_PUT_NOTHING, RH_PUT_ROW, RH_PUT_KEPT /* its user changed the password */ };

/* One destination of rows. The put functions return enum rh_put or a negative errno. Rows of a
 * domain become visible together, at commit. */
struct rh_sink {
	int (*check)(struct rh_sink *s, struct rh_err *err);
	int (*begin)(struct rh_sink *s, struct rh_err *err);
	int (*domain)(struct rh_sink *s, const char *name, const char *description,
		      struct rh_err *err);
	int (*alias_domain)(struct rh_sink *s, const char *name, const char *target,
			    struct rh_err *err);
	int (*mailbox)(struct rh_sink *s, const struct rh_mailbox_row *row, struct rh_err *err);
	int (*alias)(struct rh_sink *s, const char *address, const char *domain,
		     struct rh_err *err);
	int (*admin)(struct rh_sink *s, const char *username, const char *password,
		     const char *domain, struct rh_err *err);
	/* What the mailbox holds, for PostfixAdmin's list, until Dovecot's own first count. */
	int (*usage)(struct rh_sink *s, const char *username, uint64_t bytes, uint64_t messages,
		     struct rh_err *err);
	int (*log)(struct rh_sink *s, const char *domain, const char *data, struct rh_err *err);
	int (*commit)(struct rh_sink *s, struct rh_err *err);
	void (*rollback)(struct rh_sink *s);
	void (*free)(struct rh_sink *s);
	bool remembers; /* passwords written are recorded in the mail root */
};

struct rh_sink *rh_sink_json(const char *file);
/* PostfixAdmin 3.3's schema in DATABASE over the unix socket SOCKET, as the user that we are. */
struct rh_sink *rh_sink_db(const char *database, const char *socket);

/* Write all domains and accounts of the plan. One failed domain is rolled back and stops the run.
 */
RH_CHECKED int rh_accounts_write(struct rh_run *run, struct rh_sink *sink, struct rh_err *err);

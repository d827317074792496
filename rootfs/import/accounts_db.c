/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PostfixAdmin's database (3.3, schema versions 1844 to 1848), through prepared statements only.
 *
 * Every insert is "… SELECT … WHERE NOT EXISTS": it writes one row or none, whatever keys the table
 * has (domain_admins has none), and leaves rows alone that an administrator changed. All parameters
 * are bound as text; the server converts. A statement is prepared at its first use and kept;
 * check() prepares all, so a column that this schema lacks is found before any mail is copied.
 */
#include <errno.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>

#include "rootfs/import/accounts.h"

enum {
	VERSION,
	DOMAIN,
	ALIAS_DOMAIN,
	HAS_MAILBOX,
	SAME_PASSWORD,
	OUR_PASSWORD,
	MAILBOX,
	PASSWORD,
	ALIAS,
	ADMIN,
	DOMAIN_ADMIN,
	USAGE,
	LOG,
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [VERSION] = "SELECT COUNT(*) FROM config WHERE name = 'version' AND "
		"CAST(value AS UNSIGNED) BETWEEN 1844 AND 1848",
    [DOMAIN] = "INSERT INTO domain (domain, description, aliases, mailboxes, maxquota, quota, "
	       "transport, backupmx, created, modified, active, password_expiry) "
	       "SELECT ?, ?, 0, 0, 0, 0, 'virtual', 0, NOW(), NOW(), 1, 0 FROM DUAL "
	       "WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = ?)",
    [ALIAS_DOMAIN] = "INSERT INTO alias_domain (alias_domain, target_domain, created, modified, "
		     "active) SELECT ?, ?, NOW(), NOW(), 1 FROM DUAL "
		     "WHERE NOT EXISTS (SELECT 1 FROM alias_domain WHERE alias_domain = ?)",
    [HAS_MAILBOX] = "SELECT COUNT(*) FROM mailbox WHERE username = ?",
    [SAME_PASSWORD] = "SELECT COUNT(*) FROM mailbox WHERE username = ? AND BINARY password = ?",
    [OUR_PASSWORD] = "SELECT COUNT(*) FROM mailbox WHERE username = ? AND SHA2(password, 256) = ?",
    [MAILBOX] =
	"INSERT INTO mailbox (username, password, name, maildir, quota, local_part, domain, "
	"active, created, modified, phone, email_other, token, token_validity, "
	"password_expiry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NOW(), NOW(), '', '', '', "
	"'2000-01-01 00:00:00', '2099-12-31 00:00:00')",
    [PASSWORD] = "UPDATE mailbox SET password = ?, modified = NOW() WHERE username = ?",
    [ALIAS] = "INSERT INTO alias (address, goto, domain, created, modified, active) "
	      "SELECT ?, ?, ?, NOW(), NOW(), 1 FROM DUAL "
	      "WHERE NOT EXISTS (SELECT 1 FROM alias WHERE address = ?)",
    [ADMIN] =
	"INSERT INTO admin (username, password, superadmin, created, modified, active, phone, "
	"email_other, token, token_validity) "
	"SELECT ?, ?, 0, NOW(), NOW(), 1, '', '', '', '2000-01-01 00:00:00' FROM DUAL "
	"WHERE NOT EXISTS (SELECT 1 FROM admin WHERE username = ?)",
    [DOMAIN_ADMIN] = "INSERT INTO domain_admins (username, domain, created, active) "
		     "SELECT ?, ?, NOW(), 1 FROM DUAL WHERE NOT EXISTS "
		     "(SELECT 1 FROM domain_admins WHERE username = ? AND domain = ?)",
    [USAGE] = "INSERT INTO quota2 (username, bytes, messages) VALUES (?, ?, ?) "
	      "ON DUPLICATE KEY UPDATE bytes = VALUES(bytes), messages = VALUES(messages)",
    [LOG] = "INSERT INTO log (timestamp, username, domain, action, data) "
	    "VALUES (NOW(), 'rehome-import', ?, 'import', ?)",
};

#define MAX_PARAMS 8

struct db_sink {
	struct rh_sink s;
	const char *database, *socket;
	MYSQL *db;
	MYSQL_STMT *stmt[STATEMENTS];
};

static int fail(MYSQL_STMT *st, struct rh_err *err)
{
	return rh_err_set(err, EIO, "the database says: %s", mysql_stmt_error(st));
}

static int prepare(struct db_sink *d, int which, struct rh_err *err)
{
	if (d->stmt[which])
		return 0;
	d->stmt[which] = mysql_stmt_init(d->db);
	if (!d->stmt[which])
		return rh_err_set(err, ENOMEM, "the database client has no memory");
	if (mysql_stmt_prepare(d->stmt[which], sql[which], strlen(sql[which])) != 0)
		return fail(d->stmt[which], err);
	return 0;
}

/* Runs statement WHICH with N text parameters. */
static int execute(struct db_sink *d, int which, size_t n, const char *const *params,
		   struct rh_err *err)
{
	MYSQL_BIND bind[MAX_PARAMS];
	unsigned long len[MAX_PARAMS];
	int r = prepare(d, which, err);
	if (r < 0)
		return r;
	memset(bind, 0, sizeof bind);
	for (size_t i = 0; i < n; i++) {
		len[i] = strlen(params[i]);
		bind[i].buffer_type = MYSQL_TYPE_STRING;
		bind[i].buffer = (char *)(uintptr_t)params[i];
		bind[i].buffer_length = len[i];
		bind[i].length = &len[i];
	}
	if ((n && mysql_stmt_bind_param(d->stmt[which], bind) != 0) ||
	    mysql_stmt_execute(d->stmt[which]) != 0)
		return fail(d->stmt[which], err);
	return 0;
}

/* An insert or update: RH_PUT_ROW when it changed something. */
static int change(struct db_sink *d, int which, size_t n, const char *const *params,
		  struct rh_err *err)
{
	int r = execute(d, which, n, params, err);
	if (r < 0)
		return r;
	return mysql_stmt_affected_rows(d->stmt[which]) ? RH_PUT_ROW : RH_PUT_NOTHING;
}

/* A SELECT COUNT(*): 1 when there is such a row. */
static int exists(struct db_sink *d, int which, size_t n, const char *const *params,
		  struct rh_err *err)
{
	long long value = 0;
	MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &value};
	int r = execute(d, which, n, params, err);
	if (r < 0)
		return r;
	MYSQL_STMT *st = d->stmt[which];
	if (mysql_stmt_bind_result(st, &bind) != 0 || mysql_stmt_fetch(st) != 0)
		return fail(st, err);
	mysql_stmt_free_result(st);
	return value > 0;
}

static int connect_db(struct db_sink *d, struct rh_err *err)
{
	d->db = mysql_init(NULL);
	if (!d->db)
		return rh_err_set(err, ENOMEM, "the database client has no memory");
	mysql_options(d->db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* Between the check and the rows all mail is copied: the server's eight hours may not do.
	 */
	mysql_options(d->db, MYSQL_INIT_COMMAND, "SET SESSION wait_timeout = 31536000");
	if (!mysql_real_connect(d->db, NULL, NULL, NULL, d->database, 0, d->socket, 0))
		return rh_err_set(err, EIO, "cannot open the database %s at %s: %s", d->database,
				  d->socket, mysql_error(d->db));
	return 0;
}

static int check(struct rh_sink *s, struct rh_err *err)
{
	struct db_sink *d = (struct db_sink *)s;
	int r = connect_db(d, err);
	if (r == 0)
		r = exists(d, VERSION, 0, NULL, err);
	if (r == 0)
		return rh_err_set(
		    err, EPROTO,
		    "the database %s is not of a PostfixAdmin that this program knows "
		    "(schema 1844 to 1848); run PostfixAdmin's upgrade.php first",
		    d->database);
	for (int i = 0; r >= 0 && i < STATEMENTS; i++)
		r = prepare(d, i, err);
	return r < 0 ? r : 0;
}

static int begin(struct rh_sink *s, struct rh_err *err)
{
	struct db_sink *d = (struct db_sink *)s;
	if (mysql_autocommit(d->db, 0) != 0)
		return rh_err_set(err, EIO, "the database says: %s", mysql_error(d->db));
	return 0;
}

static int put_domain(struct rh_sink *s, const char *name, const char *description,
		      struct rh_err *err)
{
	const char *p[] = {name, description, name};
	return change((struct db_sink *)s, DOMAIN, 3, p, err);
}

static int put_alias_domain(struct rh_sink *s, const char *name, const char *target,
			    struct rh_err *err)
{
	const char *p[] = {name, target, name};
	return change((struct db_sink *)s, ALIAS_DOMAIN, 3, p, err);
}

static int insert_mailbox(struct db_sink *d, const struct rh_mailbox_row *m, struct rh_err *err)
{
	char *quota RH_FREE = rh_xasprintf("%ju", m->quota);
	const char *p[] = {m->username, m->password,   m->name,	  m->maildir,
			   quota,	m->local_part, m->domain, m->active ? "1" : "0"};
	return change(d, MAILBOX, 8, p, err);
}

static int put_mailbox(struct rh_sink *s, const struct rh_mailbox_row *m, struct rh_err *err)
{
	struct db_sink *d = (struct db_sink *)s;
	const char *same[] = {m->username, m->password}, *ours[] = {m->username, m->written};
	const char *set[] = {m->password, m->username};
	int r = exists(d, HAS_MAILBOX, 1, same, err);
	if (r <= 0)
		return r < 0 ? r : insert_mailbox(d, m, err);
	r = exists(d, SAME_PASSWORD, 2, same, err);
	if (r != 0)
		return r < 0 ? r : RH_PUT_NOTHING;
	r = m->written ? exists(d, OUR_PASSWORD, 2, ours, err) : 0;
	if (r <= 0)
		return r < 0 ? r : RH_PUT_KEPT;
	return change(d, PASSWORD, 2, set, err);
}

static int put_alias(struct rh_sink *s, const char *address, const char *domain, struct rh_err *err)
{
	const char *p[] = {address, address, domain, address};
	return change((struct db_sink *)s, ALIAS, 4, p, err);
}

static int put_admin(struct rh_sink *s, const char *username, const char *password,
		     const char *domain, struct rh_err *err)
{
	const char *p[] = {username, password, username};
	const char *q[] = {username, domain, username, domain};
	int r = change((struct db_sink *)s, ADMIN, 3, p, err);
	int r2 = r < 0 ? r : change((struct db_sink *)s, DOMAIN_ADMIN, 4, q, err);
	return r2 < 0 ? r2 : r | r2;
}

static int put_usage(struct rh_sink *s, const char *username, uint64_t bytes, uint64_t messages,
		     struct rh_err *err)
{
	char *nbytes RH_FREE = rh_xasprintf("%ju", bytes);
	char *nmessages RH_FREE = rh_xasprintf("%ju", messages);
	const char *p[] = {username, nbytes, nmessages};
	return change((struct db_sink *)s, USAGE, 3, p, err);
}

static int put_log(struct rh_sink *s, const char *domain, const char *data, struct rh_err *err)
{
	const char *p[] = {domain, data};
	return change((struct db_sink *)s, LOG, 2, p, err);
}

static int commit(struct rh_sink *s, struct rh_err *err)
{
	struct db_sink *d = (struct db_sink *)s;
	if (mysql_commit(d->db) != 0)
		return rh_err_set(err, EIO, "the database says: %s", mysql_error(d->db));
	return 0;
}

static void rollback(struct rh_sink *s)
{
	mysql_rollback(((struct db_sink *)s)->db);
}

static void release(struct rh_sink *s)
{
	struct db_sink *d = (struct db_sink *)s;
	for (int i = 0; i < STATEMENTS; i++)
		if (d->stmt[i])
			mysql_stmt_close(d->stmt[i]);
	if (d->db)
		mysql_close(d->db);
	mysql_library_end();
	free(d);
}

struct rh_sink *rh_sink_db(const char *database, const char *socket)
{
	struct db_sink *d = rh_xalloc(sizeof *d);
	d->s = (struct rh_sink){
	    .check = check,
	    .begin = begin,
	    .domain = put_domain,
	    .alias_domain = put_alias_domain,
	    .mailbox = put_mailbox,
	    .alias = put_alias,
	    .admin = put_admin,
	    .usage = put_usage,
	    .log = put_log,
	    .commit = commit,
	    .rollback = rollback,
	    .free = release,
	    .remembers = true,
	};
	d->database = database;
	d->socket = socket;
	return &d->s;
}

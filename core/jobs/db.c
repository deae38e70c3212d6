/* The database: see db.h. Any thread; each connection belongs to who holds its lock.
 *
 * SQLite's own words name tables and columns: they go to the log, and the caller's errinfo gets
 * words for a client. Only the text of a trigger's RAISE, which is written for people, is passed
 * on. */
#include "jobs/db.h"

#include "base/embedded.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT_MS = 5000 }; /* for a backup that holds the lock */

struct stmt {
	struct db *db;
	struct conn *conn;
	sqlite3_stmt *st;
	int bound;   /* parameters so far */
	bool busy;   /* between db_begin and db_end */
	bool locked; /* db_end has to unlock the connection */
};

struct conn {
	sqlite3 *handle;
	pthread_mutex_t lock;
	struct stmt stmts[N_STATEMENTS];
};

struct db {
	struct conn writer, reader; /* reader.handle is NULL in memory: the writer reads */
	atomic_bool ailing;	    /* the last write failed for a reason outside the program */
};

static const char *const sql_texts[] = {
#define X(name, sql) sql,
	STATEMENTS(X)
#undef X
};

/* The database on which this thread holds a transaction. */
static _Thread_local const struct db *transaction_of;

static enum err fail(struct db *db, sqlite3 *h, struct errinfo *ei)
{
	int rc = sqlite3_extended_errcode(h);

	if (rc == SQLITE_CONSTRAINT_TRIGGER)
		return err_set(ei, ERR_CONFLICT, "%s", sqlite3_errmsg(h));
	if ((rc & 0xff) == SQLITE_CONSTRAINT) {
		log_warn("db_conflict", "code=%d text=%s", rc, log_q(sqlite3_errmsg(h)));
		return err_set(ei, ERR_CONFLICT, "conflicts with what is stored already");
	}
	atomic_store(&db->ailing, true);
	log_error("db_failed", "code=%d text=%s", rc, log_q(sqlite3_errmsg(h)));
	if (rc == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && sqlite3_system_errno(h) == ENOSPC))
		return err_set(ei, ERR_DISK_FULL, "the disk of the database is full");
	return err_set(ei, ERR_DB, "the database failed");
}

/* As fail, at the start of the program: the operator gets SQLite's words. */
static enum err fail_open(sqlite3 *h, const char *what, struct errinfo *ei)
{
	return err_set(ei, ERR_DB, "the database cannot be opened: %s: %s", what,
		       sqlite3_errmsg(h));
}

static enum err setup(sqlite3 *h, const char *sql, struct errinfo *ei)
{
	return sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : fail_open(h, sql, ei);
}

static enum err pragma_int(sqlite3 *h, const char *sql, int *out, struct errinfo *ei)
{
	sqlite3_stmt *st = NULL;
	enum err e = OK;

	if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		e = fail_open(h, sql, ei);
	else
		*out = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return e;
}

static enum err use_wal(sqlite3 *h, struct errinfo *ei)
{
	const char *sql = "PRAGMA journal_mode = WAL";
	sqlite3_stmt *st = NULL;
	enum err e = OK;

	if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		e = fail_open(h, sql, ei);
	else if (strcmp((const char *)sqlite3_column_text(st, 0), "wal") != 0)
		e = err_set(ei, ERR_DB,
			    "the database cannot be opened: no write-ahead log is possible "
			    "on this file system");
	sqlite3_finalize(st);
	return e;
}

static enum err conn_open(struct conn *c, const char *path, int flags, struct errinfo *ei)
{
	int rc = sqlite3_open_v2(path, &c->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		return err_set(ei, ERR_DB, "the database cannot be opened: %s", sqlite3_errstr(rc));
	sqlite3_extended_result_codes(c->handle, 1);
	sqlite3_busy_timeout(c->handle, BUSY_TIMEOUT_MS);
	sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return setup(c->handle,
		     "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
		     "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
		     ei);
}

/* Prepares the statements that can run on this connection. */
static enum err conn_prepare(struct db *db, struct conn *c, bool reads_only, struct errinfo *ei)
{
	for (int i = 0; i < N_STATEMENTS; i++) {
		struct stmt *s = &c->stmts[i];
		s->db = db;
		s->conn = c;
		if (reads_only && !sqlite3_stmt_readonly(db->writer.stmts[i].st))
			continue;
		if (sqlite3_prepare_v3(c->handle, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->st, NULL) != SQLITE_OK)
			return fail_open(c->handle, sql_texts[i], ei);
	}
	return OK;
}

static enum err reader_open(struct db *db, const char *path, struct errinfo *ei)
{
	enum err e = conn_open(&db->reader, path, SQLITE_OPEN_READWRITE, ei);

	if (e == OK) {
		sqlite3_db_config(db->reader.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		e = setup(db->reader.handle,
			  "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0", ei);
	}
	return e == OK ? conn_prepare(db, &db->reader, true, ei) : e;
}

static enum err migrate_one(sqlite3 *h, const struct embedded *file, int version,
			    struct errinfo *ei)
{
	char *mark = mem_printf("PRAGMA user_version = %d", version);
	enum err e = setup(h, "BEGIN IMMEDIATE", ei);

	if (e == OK && sqlite3_exec(h, (const char *)file->data, NULL, NULL, NULL) != SQLITE_OK)
		e = fail_open(h, file->path, ei);
	if (e == OK)
		e = setup(h, mark, ei);
	if (e == OK)
		e = setup(h, "COMMIT", ei);
	if (!sqlite3_get_autocommit(h))
		sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
	free(mark);
	return e;
}

static bool is_migration(const struct embedded *file)
{
	return strncmp(file->path, "migrations/", 11) == 0;
}

static int known_version(void)
{
	int known = 0;

	for (const struct embedded *f = embedded_files; f->path; f++)
		known += is_migration(f);
	return known;
}

static enum err migrate(sqlite3 *h, struct errinfo *ei)
{
	int have, known = known_version(), version = 0;
	enum err e = pragma_int(h, "PRAGMA user_version", &have, ei);

	if (e == OK && (have > known || have < 0))
		return err_set(ei, ERR_DB,
			       "the database has version %d of its tables, this program knows "
			       "versions up to %d: it was written by a newer program",
			       have, known);
	for (const struct embedded *f = embedded_files; e == OK && f->path; f++) {
		if (!is_migration(f))
			continue;
		BUG_ON(atoi(f->path + 11) != ++version);
		if (version > have)
			e = migrate_one(h, f, version, ei);
	}
	return e;
}

enum err db_open(const char *path, struct db **out, struct errinfo *ei)
{
	struct db *db = mem_zalloc(1, sizeof(*db));
	bool in_memory = strcmp(path, ":memory:") == 0;
	enum err e;

	pthread_mutex_init(&db->writer.lock, NULL);
	pthread_mutex_init(&db->reader.lock, NULL);
	e = conn_open(&db->writer, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ei);
	if (e == OK && !in_memory)
		e = use_wal(db->writer.handle, ei);
	if (e == OK)
		e = migrate(db->writer.handle, ei);
	if (e == OK)
		e = conn_prepare(db, &db->writer, false, ei);
	if (e == OK && !in_memory)
		e = reader_open(db, path, ei);
	if (e != OK) {
		db_close(db);
		return e;
	}
	*out = db;
	return OK;
}

/* For the operator's commands */

static enum err check_version(sqlite3 *h, struct errinfo *ei)
{
	int have;
	enum err e = pragma_int(h, "PRAGMA user_version", &have, ei);

	if (e == OK && have != known_version())
		return err_set(ei, ERR_DB,
			       "the database has version %d of its tables, this program reads "
			       "version %d",
			       have, known_version());
	return e;
}

enum err db_open_readonly(const char *path, struct db **out, struct errinfo *ei)
{
	struct db *db = mem_zalloc(1, sizeof(*db));

	pthread_mutex_init(&db->writer.lock, NULL);
	pthread_mutex_init(&db->reader.lock, NULL);
	enum err e = conn_open(&db->writer, path, SQLITE_OPEN_READONLY, ei);
	if (e == OK)
		e = check_version(db->writer.handle, ei);
	if (e == OK)
		e = conn_prepare(db, &db->writer, false, ei);
	if (e == OK)
		*out = db;
	else
		db_close(db);
	return e;
}

enum err db_copy(const char *path, const char *to, struct errinfo *ei)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *h;
	int rc = sqlite3_open_v2(path, &h, SQLITE_OPEN_READONLY, NULL);

	sqlite3_busy_timeout(h, BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(h, "VACUUM INTO ?1", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(st, 1, to, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	enum err e = OK;
	if (rc != SQLITE_DONE)
		e = err_set(ei, rc == SQLITE_FULL ? ERR_DISK_FULL : ERR_DB,
			    "the database %s cannot be copied: %s", path, sqlite3_errmsg(h));
	sqlite3_finalize(st);
	sqlite3_close(h);
	return e;
}

/* Tells the columns of each row but the row "ok". */
static enum err tell_rows(sqlite3 *h, const char *sql, void (*tell)(void *ctx, const char *line),
			  void *ctx, struct errinfo *ei)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(h, sql, -1, &st, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *words = (const char *)sqlite3_column_text(st, 0);
		if (words && strcmp(words, "ok") != 0)
			tell(ctx, words);
		rc = SQLITE_OK;
	}
	enum err e = OK;
	if (rc != SQLITE_DONE)
		e = err_set(ei, ERR_DB, "the database cannot be checked: %s", sqlite3_errmsg(h));
	sqlite3_finalize(st);
	return e;
}

enum err db_check(struct db *db, void (*tell)(void *ctx, const char *line), void *ctx,
		  struct errinfo *ei)
{
	struct conn *c = db->reader.handle ? &db->reader : &db->writer;

	pthread_mutex_lock(&c->lock);
	enum err e = tell_rows(c->handle, "SELECT integrity_check FROM pragma_integrity_check",
			       tell, ctx, ei);
	if (e == OK)
		e = tell_rows(c->handle,
			      "SELECT 'a row of ' || \"table\" || ' names a row of ' || parent || "
			      "' that is not there' FROM pragma_foreign_key_check",
			      tell, ctx, ei);
	pthread_mutex_unlock(&c->lock);
	return e;
}

static void conn_close(struct conn *c)
{
	for (int i = 0; i < N_STATEMENTS; i++) {
		BUG_ON(c->stmts[i].busy);
		sqlite3_finalize(c->stmts[i].st);
	}
	BUG_ON(sqlite3_close(c->handle) != SQLITE_OK);
	pthread_mutex_destroy(&c->lock);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	conn_close(&db->reader);
	conn_close(&db->writer); /* last: it moves the log into the file */
	free(db);
}

bool db_writable(struct db *db)
{
	sqlite3 *h = db->writer.handle;
	bool ok;

	pthread_mutex_lock(&db->writer.lock);
	ok = sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
	/* After a failure only a commit that reaches the disk tells that the cause is gone. */
	if (ok && atomic_load(&db->ailing)) {
		int version;
		ok = pragma_int(h, "PRAGMA user_version", &version, NULL) == OK;
		char *touch = mem_printf("PRAGMA user_version = %d; COMMIT", version);
		ok = ok && sqlite3_exec(h, touch, NULL, NULL, NULL) == SQLITE_OK;
		free(touch);
	}
	if (!sqlite3_get_autocommit(h))
		sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
	atomic_store(&db->ailing, !ok);
	pthread_mutex_unlock(&db->writer.lock);
	return ok;
}

enum err db_transaction(struct db *db, struct errinfo *ei)
{
	BUG_ON(transaction_of);
	pthread_mutex_lock(&db->writer.lock);
	if (sqlite3_exec(db->writer.handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
		enum err e = fail(db, db->writer.handle, ei);
		pthread_mutex_unlock(&db->writer.lock);
		return e;
	}
	transaction_of = db;
	return OK;
}

enum err db_commit(struct db *db, struct errinfo *ei)
{
	BUG_ON(transaction_of != db);
	if (sqlite3_exec(db->writer.handle, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		enum err e = fail(db, db->writer.handle, ei);
		db_rollback(db);
		return e;
	}
	atomic_store(&db->ailing, false);
	transaction_of = NULL;
	pthread_mutex_unlock(&db->writer.lock);
	return OK;
}

void db_rollback(struct db *db)
{
	BUG_ON(transaction_of != db);
	/* A full disk has rolled it back already. */
	if (!sqlite3_get_autocommit(db->writer.handle))
		sqlite3_exec(db->writer.handle, "ROLLBACK", NULL, NULL, NULL);
	transaction_of = NULL;
	pthread_mutex_unlock(&db->writer.lock);
}

enum err db_finish(struct db *db, enum err e, struct errinfo *ei)
{
	if (e == OK)
		return db_commit(db, ei);
	db_rollback(db);
	return e;
}

struct stmt *db_begin(struct db *db, enum statement id)
{
	bool inside = transaction_of == db;
	bool reads = db->reader.handle && db->reader.stmts[id].st;
	struct conn *c = reads && !inside ? &db->reader : &db->writer;
	struct stmt *s = &c->stmts[id];

	if (!inside)
		pthread_mutex_lock(&c->lock);
	BUG_ON(s->busy);
	s->busy = true;
	s->locked = !inside;
	s->bound = 0;
	return s;
}

void stmt_text(struct stmt *s, const char *v)
{
	BUG_ON(sqlite3_bind_text(s->st, ++s->bound, v, -1, SQLITE_TRANSIENT) != SQLITE_OK);
}

void stmt_int(struct stmt *s, int64_t v)
{
	BUG_ON(sqlite3_bind_int64(s->st, ++s->bound, v) != SQLITE_OK);
}

void stmt_real(struct stmt *s, double v)
{
	BUG_ON(sqlite3_bind_double(s->st, ++s->bound, v) != SQLITE_OK);
}

enum err stmt_step(struct stmt *s, struct errinfo *ei)
{
	BUG_ON(s->bound != sqlite3_bind_parameter_count(s->st));
	int rc = sqlite3_step(s->st);

	if (rc == SQLITE_ROW)
		return OK;
	if (rc == SQLITE_DONE)
		return err_set(ei, ERR_NOT_FOUND, "no such object");
	return fail(s->db, s->conn->handle, ei);
}

int64_t stmt_get_int(struct stmt *s, int column)
{
	return sqlite3_column_int64(s->st, column);
}

double stmt_get_real(struct stmt *s, int column)
{
	if (sqlite3_column_type(s->st, column) == SQLITE_NULL)
		return __builtin_nan("");
	return sqlite3_column_double(s->st, column);
}

const char *stmt_get_text(struct stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s->st, column);
}

enum err db_end(struct stmt *s, enum err e, struct errinfo *ei)
{
	struct conn *c = s->conn;

	/* A statement with RETURNING gives its row first and commits here. */
	if (sqlite3_reset(s->st) != SQLITE_OK && (e == OK || e == ERR_NOT_FOUND))
		e = fail(s->db, c->handle, ei);
	sqlite3_clear_bindings(s->st);
	s->busy = false;
	if (s->locked)
		pthread_mutex_unlock(&c->lock);
	return e;
}

enum err db_run(struct stmt *s, struct errinfo *ei)
{
	enum err e = stmt_step(s, ei);

	return db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
}

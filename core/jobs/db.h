/* The database: the only file that includes sqlite3.h is db.c.
 *
 * One connection writes, under one mutex; a second one reads (query_only), under its own. All
 * statements stand in one table (statements.h) and are prepared when the database opens, so a typo
 * fails at boot. From any thread. */
#ifndef BERTD_JOBS_DB_H
#define BERTD_JOBS_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "jobs/statements.h"

struct db;
struct stmt;

/* Opens path (":memory:" for tests: then one connection does both), makes it WAL/FULL and migrates
 * it from the embedded migrations/, each with its user_version in one transaction. ERR_DB; a newer
 * database than the binary is refused with both numbers. */
enum err db_open(const char *path, struct db **out, struct errinfo *ei) MUST_USE;
/* As db_open for reading only: nothing is migrated, so the database must have this program's
 * version. May be in use by a daemon. */
enum err db_open_readonly(const char *path, struct db **out, struct errinfo *ei) MUST_USE;
void db_close(struct db *db);
/* Writes what is committed in the database at path, which may be in use by a daemon, into the new
 * file to, as of one moment and without its log. ERR_DB with SQLite's words, ERR_DISK_FULL. */
enum err db_copy(const char *path, const char *to, struct errinfo *ei) MUST_USE;
/* SQLite's integrity_check and foreign_key_check; tell gets one line a fault. ERR_DB when they
 * cannot run. */
enum err db_check(struct db *db, void (*tell)(void *ctx, const char *line), void *ctx,
		  struct errinfo *ei) MUST_USE;
/* Whether a transaction can be written now; for /readyz. */
bool db_writable(struct db *db);

/* Several statements in one BEGIN IMMEDIATE: holds the writer until db_commit or db_rollback,
 * whatever they return. What this thread begins in between runs on the writer and sees its own
 * changes; transactions do not nest. */
enum err db_transaction(struct db *db, struct errinfo *ei) MUST_USE;
enum err db_commit(struct db *db, struct errinfo *ei) MUST_USE;
void db_rollback(struct db *db);
/* The end of a transaction whose work gave e: commits when it is OK, else rolls back and passes it
 * on. */
enum err db_finish(struct db *db, enum err e, struct errinfo *ei) MUST_USE;

/* Begins a statement: locks its connection (the reader for SELECT, unless this thread holds a
 * transaction) until db_end. Outside a transaction a thread begins no second one before that. */
struct stmt *db_begin(struct db *db, enum statement id);
void stmt_text(struct stmt *s, const char *v); /* binds the next ?; NULL binds null */
void stmt_int(struct stmt *s, int64_t v);
void stmt_real(struct stmt *s, double v); /* NaN binds null */
/* Steps once: OK with a row, ERR_NOT_FOUND at the end, ERR_CONFLICT for a constraint or a trigger's
 * RAISE (with its words), ERR_DISK_FULL, ERR_DB. Every parameter must be bound. */
enum err stmt_step(struct stmt *s, struct errinfo *ei) MUST_USE;
int64_t stmt_get_int(struct stmt *s, int column);      /* 0 for null */
double stmt_get_real(struct stmt *s, int column);      /* NaN for null */
const char *stmt_get_text(struct stmt *s, int column); /* NULL for null; until the next step */
/* Resets, unlocks, and passes e on, or the error that the reset reports. */
enum err db_end(struct stmt *s, enum err e, struct errinfo *ei) MUST_USE;
/* Begin-step-end of a statement that gives no rows: after db_begin and the binds. OK also when
 * nothing changed. */
enum err db_run(struct stmt *s, struct errinfo *ei) MUST_USE;

#endif

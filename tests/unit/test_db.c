/* The database: opening, migrating, transactions across threads, and a disk that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/embedded.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mem.h"
#include "fault_vfs.h"
#include "jobs/db.h"
#include "jobs/event.h"
#include "jobs/job.h"
#include "jobs/rows.h"

struct fixture {
	char dir[64];
	char *path;
	struct errinfo ei;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	sprintf(f->dir, "%s/bertd-test-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(f->dir));
	f->path = mem_printf("%s/bertd.db", f->dir);
	fault_vfs.fail_at = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fault_vfs.fail_at = 0;
	assert_int_equal(files_remove(f->dir, &f->ei), OK);
	free(f->path);
	free(f);
	return 0;
}

static struct db *opened(struct fixture *f)
{
	struct db *db = NULL;

	assert_int_equal(db_open(f->path, &db, &f->ei), OK);
	return db;
}

/* Runs SQL on the file past the program, and gives the first column of its first row as a number.
 */
static int raw(struct fixture *f, const char *sql)
{
	sqlite3 *h;
	sqlite3_stmt *st;
	int v = 0;

	assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(h, sql, -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(h), SQLITE_OK);
	return v;
}

static enum err queue(struct db *db, struct errinfo *ei)
{
	struct job_new n = { .spec = "{}", .report = "{}", .body_sha256 = "", .max_queued = 999 };
	struct job j = { 0 };
	bool repeated;
	enum err e = job_create(db, &n, &j, &repeated, ei);

	job_clear(&j);
	return e;
}

static int64_t n_queued(struct db *db)
{
	int64_t counts[N_JOB_STATES];

	assert_int_equal(job_counts(db, counts, NULL), OK);
	return counts[JOB_QUEUED];
}

static void a_new_file_is_migrated_and_opens_again(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);

	assert_int_equal(queue(db, &f->ei), OK);
	db_close(db);
	assert_true(raw(f, "PRAGMA user_version") >= 1);
	db = opened(f);
	assert_int_equal(n_queued(db), 1);
	db_close(db);
}

static void a_newer_database_is_refused_with_both_numbers(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);
	char mine[32];

	db_close(db);
	snprintf(mine, sizeof(mine), "versions up to %d", raw(f, "PRAGMA user_version"));
	raw(f, "PRAGMA user_version = 99");
	assert_int_equal(db_open(f->path, &db, &f->ei), ERR_DB);
	assert_non_null(strstr(f->ei.msg, "version 99"));
	assert_non_null(strstr(f->ei.msg, mine));
}

static void what_is_no_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct db *db;

	char text[4096];
	memset(text, 'x', sizeof(text));
	assert_int_equal(files_write(f->path, text, sizeof(text), &f->ei), OK);
	assert_int_equal(db_open(f->path, &db, &f->ei), ERR_DB);
	assert_non_null(strstr(f->ei.msg, "not a database"));
}

static void a_migration_that_fails_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct db *db;

	raw(f, "CREATE TABLE models (in_the_way)");
	assert_int_equal(db_open(f->path, &db, &f->ei), ERR_DB);
	assert_int_equal(raw(f, "PRAGMA user_version"), 0);
	assert_int_equal(raw(f, "SELECT count(*) FROM sqlite_schema"), 1);
}

/* Runs the statements of a text on the file past the program. */
static void run(struct fixture *f, const char *sql)
{
	sqlite3 *h;

	assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(h), SQLITE_OK);
}

static void a_model_of_the_first_schema_keeps_its_job_and_gets_its_name(void **state)
{
	struct fixture *f = *state;
	struct model_row m;

	run(f, (const char *)embedded_files[0].data);
	run(f, "INSERT INTO jobs (id, state, name, spec, report, attempt, created_ms, epoch, step, "
	       "total_steps, body_sha256) VALUES ('job_1', 'queued', 'imdb', "
	       "'{\"model\": \"tiny\"}', '{}', 0, 1, 0, 0, 0, '');"
	       "INSERT INTO models VALUES ('mdl_1', 'job_1', '[\"a\"]', NULL, 'ff', 5, 6);"
	       "PRAGMA user_version = 1");
	struct db *db = opened(f);
	assert_int_equal(model_row_by_name(db, "imdb", &m, &f->ei), OK);
	assert_string_equal(m.id, "mdl_1");
	assert_string_equal(m.job_id, "job_1");
	assert_string_equal(m.base, "tiny");
	assert_true(m.bytes == 5 && m.created_ms == 6 && !m.metrics && !m.tar_sha256);
	model_row_clear(&m);
	db_close(db);
	/* The row still goes with its job. */
	run(f, "PRAGMA foreign_keys = ON; UPDATE jobs SET state = 'cancelled'; DELETE FROM jobs");
	assert_int_equal(raw(f, "SELECT count(*) FROM models"), 0);
}

/* SQLite keeps the text of CREATE TABLE with its comments: a column's line or the one behind it has
 * one. */
static void every_column_has_a_comment(void **state)
{
	struct fixture *f = *state;

	db_close(opened(f));
	int columns = raw(f, "SELECT count(*) FROM sqlite_schema s, pragma_table_info(s.name) "
			     "WHERE s.type = 'table'");
	int comments = raw(f, "SELECT sum((length(sql) - length(replace(sql, '--', ''))) / 2) "
			      "FROM sqlite_schema WHERE type = 'table'");
	assert_true(columns > 40);
	assert_int_equal(comments, columns);
}

static void a_read_sees_what_was_committed_and_not_what_was_not(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);

	assert_int_equal(queue(db, &f->ei), OK);
	assert_int_equal(n_queued(db), 1);
	assert_int_equal(db_transaction(db, &f->ei), OK);
	struct stmt *s = db_begin(db, SQL_JOB_CLAIM);
	stmt_int(s, 1);
	assert_int_equal(db_end(s, stmt_step(s, &f->ei), &f->ei), OK);
	assert_int_equal(n_queued(db), 0); /* inside: its own change */
	db_rollback(db);
	assert_int_equal(n_queued(db), 1);
	db_close(db);
}

static void *claim_all(void *arg)
{
	struct db *db = arg;
	struct job j;
	intptr_t n = 0;

	while (job_claim(db, &j, NULL) == OK) {
		n++;
		job_clear(&j);
	}
	return (void *)n;
}

static void two_threads_claim_each_job_once(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);
	pthread_t threads[2];
	void *n[2];

	for (int i = 0; i < 20; i++)
		assert_int_equal(queue(db, &f->ei), OK);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, claim_all, db);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], &n[i]);
	assert_int_equal((intptr_t)n[0] + (intptr_t)n[1], 20);
	db_close(db);
}

static void *read_queued(void *db)
{
	return (void *)(intptr_t)n_queued(db);
}

static void reads_go_on_while_a_transaction_is_open(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);
	pthread_t thread;
	void *queued_then;

	assert_int_equal(queue(db, &f->ei), OK);
	assert_int_equal(db_transaction(db, &f->ei), OK);
	pthread_create(&thread, NULL, read_queued, db);
	pthread_join(thread, &queued_then);
	assert_int_equal((intptr_t)queued_then, 1);
	db_rollback(db);
	db_close(db);
}

/* Fails the k-th write of queueing a job, for every k there is: it must be there with its record or
 * not at all. */
static void fail_each_write(struct fixture *f, int code, enum err want)
{
	struct event *events;
	struct job *jobs;
	bool more;
	int failed = 0, n, n_events;

	for (int k = 1;; k++) {
		struct db *db = opened(f);
		int64_t before = n_queued(db);
		fault_vfs.code = code;
		fault_vfs.fail_at = fault_vfs.calls + k;
		enum err e = queue(db, &f->ei);
		fault_vfs.fail_at = 0;
		if (e != OK) {
			failed++;
			assert_int_equal(e, want);
			assert_int_equal(n_queued(db), before);
			assert_null(strstr(f->ei.msg, f->dir));
		}
		assert_true(db_writable(db));
		db_close(db);
		db = opened(f);
		assert_int_equal(n_queued(db), before + (e == OK));
		struct job_page page = { -1, NULL, 1 };
		assert_int_equal(job_list(db, &page, &jobs, &n, &more, &f->ei), OK);
		for (int i = 0; i < n; i++) {
			assert_int_equal(
				event_list(db, jobs[i].id, 0, 9, &events, &n_events, &f->ei), OK);
			assert_int_equal(n_events, 1);
			event_clear(events);
			free(events);
			job_clear(&jobs[i]);
		}
		free(jobs);
		db_close(db);
		if (e == OK)
			break;
	}
	assert_true(failed >= 2); /* the log's pages and its sync */
}

static void a_full_disk_is_reported_and_leaves_nothing_half_written(void **state)
{
	fail_each_write(*state, SQLITE_FULL, ERR_DISK_FULL);
}

static void a_failing_disk_is_reported_and_leaves_nothing_half_written(void **state)
{
	fail_each_write(*state, SQLITE_IOERR_WRITE, ERR_DB);
}

static void a_claim_whose_commit_fails_gives_no_job(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);
	struct job j;

	assert_int_equal(queue(db, &f->ei), OK);
	fault_vfs.code = SQLITE_IOERR_FSYNC;
	fault_vfs.fail_at = fault_vfs.calls + 1;
	assert_int_equal(job_claim(db, &j, &f->ei), ERR_DB);
	fault_vfs.fail_at = 0;
	assert_int_equal(n_queued(db), 1);
	db_close(db);
}

static void a_row_of_returning_whose_commit_fails_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);
	struct stmt *s;

	assert_int_equal(queue(db, &f->ei), OK);
	s = db_begin(db, SQL_JOB_CLAIM);
	stmt_int(s, 1);
	assert_int_equal(stmt_step(s, &f->ei), OK); /* the row is there */
	fault_vfs.code = SQLITE_FULL;
	fault_vfs.fail_at = fault_vfs.calls + 1;
	assert_int_equal(db_end(s, OK, &f->ei), ERR_DISK_FULL);
	fault_vfs.fail_at = 0;
	assert_int_equal(n_queued(db), 1);
	db_close(db);
}

static void a_database_that_failed_is_not_writable_until_a_commit_works(void **state)
{
	struct fixture *f = *state;
	struct db *db = opened(f);

	assert_true(db_writable(db));
	fault_vfs.code = SQLITE_FULL;
	fault_vfs.fail_at = 1;
	assert_int_equal(queue(db, &f->ei), ERR_DISK_FULL);
	assert_false(db_writable(db));
	fault_vfs.fail_at = 0;
	assert_true(db_writable(db));
	db_close(db);
}

static void memory_databases_need_no_file(void **state)
{
	struct fixture *f = *state;
	struct db *db;

	assert_int_equal(db_open(":memory:", &db, &f->ei), OK);
	assert_int_equal(queue(db, &f->ei), OK);
	assert_int_equal(n_queued(db), 1);
	assert_true(db_writable(db));
	db_close(db);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_is_migrated_and_opens_again),
		TEST(a_newer_database_is_refused_with_both_numbers),
		TEST(what_is_no_database_is_refused),
		TEST(a_migration_that_fails_leaves_nothing_behind),
		TEST(a_model_of_the_first_schema_keeps_its_job_and_gets_its_name),
		TEST(every_column_has_a_comment),
		TEST(a_read_sees_what_was_committed_and_not_what_was_not),
		TEST(two_threads_claim_each_job_once),
		TEST(reads_go_on_while_a_transaction_is_open),
		TEST(a_full_disk_is_reported_and_leaves_nothing_half_written),
		TEST(a_failing_disk_is_reported_and_leaves_nothing_half_written),
		TEST(a_claim_whose_commit_fails_gives_no_job),
		TEST(a_row_of_returning_whose_commit_fails_is_an_error),
		TEST(a_database_that_failed_is_not_writable_until_a_commit_works),
		TEST(memory_databases_need_no_file),
	};
	log_set_level(LOG_ERROR + 1); /* the failures are wanted here */
	fault_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

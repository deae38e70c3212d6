/* Backup and check of a data directory, by the database and files alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/mem.h"
#include "jobs/backup.h"
#include "jobs/check.h"
#include "jobs/job.h"
#include "jobs/places.h"
#include "jobs/rows.h"

struct fixture {
	char dir[64];
	char *data, *copy;
	struct places p;
	struct db *db;
	int lock;
	struct buf told; /* lines */
	struct errinfo ei;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->data = mem_printf("%s/data", f->dir);
	f->copy = mem_printf("%s/copy", f->dir);
	f->p = (struct places){ f->data, NULL, NULL, NULL };
	char *path = mem_printf("%s/bertd.db", f->data);
	assert_int_equal(places_open(&f->p, &f->lock, &f->ei), OK);
	assert_int_equal(db_open(path, &f->db, &f->ei), OK);
	free(path);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	db_close(f->db);
	close(f->lock);
	assert_int_equal(files_remove(f->dir, &f->ei), OK);
	buf_clear(&f->told);
	free(f->data);
	free(f->copy);
	free(f);
	return 0;
}

static void tell(void *ctx, const char *line)
{
	struct fixture *f = ctx;

	buf_printf(&f->told, "%s\n", line);
}

static enum err backup(struct fixture *f)
{
	buf_reset(&f->told);
	return backup_run(f->data, f->copy, tell, f, &f->ei);
}

static int faults_in(struct fixture *f, const char *data_dir)
{
	struct check_counts n;

	buf_reset(&f->told);
	assert_int_equal(check_run(data_dir, &n, tell, f, &f->ei), OK);
	return n.faults;
}

/* A data set of that content, with its file unless lost. */
static void make_dataset(struct fixture *f, const char *content, bool lost, char *id)
{
	struct dataset_row d = { .format = "csv", .columns = "[]" };
	bool existed;

	strcpy(d.id, "ds_");
	hash_hex(content, strlen(content), d.id + 3);
	d.bytes = (int64_t)strlen(content);
	assert_int_equal(dataset_row_put(f->db, &d, &existed, &f->ei), OK);
	char *path = places_dataset(&f->p, d.id + 3);
	if (!lost)
		assert_int_equal(files_write(path, content, strlen(content), &f->ei), OK);
	free(path);
	strcpy(id, d.id);
}

static void queue_job(struct fixture *f, const char *dataset, char *id)
{
	char *spec = mem_printf("{\"model\":\"tiny\",\"dataset\":{\"train\":{\"file\":\"%s\"}}}",
				dataset);
	struct job_new n = { .spec = spec, .report = "{}", .body_sha256 = "", .max_queued = 9 };
	struct job j;
	bool repeated;

	assert_int_equal(job_create(f->db, &n, &j, &repeated, &f->ei), OK);
	strcpy(id, j.id);
	job_clear(&j);
	free(spec);
}

static void a_copy_is_made_beside_an_open_database(void **state)
{
	struct fixture *f = *state;
	char id[72], path[256], line[80], job[ID_SIZE];

	make_dataset(f, "text,label\n", false, id);
	queue_job(f, id, job);
	assert_int_equal(backup(f), OK);
	snprintf(line, sizeof(line), "%s: queued; the copy starts it from the beginning\n", job);
	assert_string_equal(f->told.data, line);
	snprintf(path, sizeof(path), "%s/datasets/%s", f->copy, id + 3);
	assert_true(files_exist(path));
	assert_int_equal(faults_in(f, f->copy), 0);
	snprintf(path, sizeof(path), "%s/bertd.db-wal", f->copy);
	assert_false(files_exist(path));
}

static void every_row_of_many_pages_is_copied(void **state)
{
	struct fixture *f = *state;
	struct check_counts n;
	char id[72], text[16];

	for (int i = 0; i < 230; i++) {
		snprintf(text, sizeof(text), "%d", i);
		make_dataset(f, text, i % 100 == 0, id);
	}
	assert_int_equal(backup(f), OK);
	assert_int_equal(check_run(f->copy, &n, tell, f, &f->ei), OK);
	assert_int_equal(n.faults, 0);
	assert_int_equal(n.datasets, 227);
}

static void a_deleted_data_set_that_a_job_needs_asks_for_another_try(void **state)
{
	struct fixture *f = *state;
	char id[72], job[ID_SIZE];

	make_dataset(f, "text,label\n", true, id);
	queue_job(f, id, job);
	assert_int_equal(backup(f), ERR_CONFLICT);
	assert_non_null(strstr(f->ei.msg, "was deleted meanwhile; try again"));
	assert_false(files_exist(f->copy));
}

static void a_checkpoint_without_files_leaves_its_job_to_start_again(void **state)
{
	struct fixture *f = *state;
	char id[72], job[ID_SIZE], *dir;
	int64_t *steps;
	int n;

	make_dataset(f, "text,label\n", false, id);
	queue_job(f, id, job);
	assert_int_equal(checkpoint_row_put(f->db, job, 8, 1, NULL, "00", 1, &f->ei), OK);
	dir = mem_printf("%s/jobs/%s/checkpoint-8", f->data, job);
	assert_int_equal(files_make_dirs(dir, &f->ei), OK);
	assert_int_equal(backup(f), OK);
	assert_non_null(strstr(f->told.data, "checkpoint-8: its files are gone"));
	assert_non_null(strstr(f->told.data, "starts it from the beginning"));
	assert_int_equal(checkpoint_row_steps(f->db, job, &steps, &n, &f->ei), OK);
	assert_int_equal(n, 1); /* the original is as it was */
	free(steps);
	free(dir);
}

static void a_folder_that_is_not_empty_is_refused_and_kept(void **state)
{
	struct fixture *f = *state;
	char *path = mem_printf("%s/mine", f->copy);

	assert_int_equal(files_make_dirs(f->copy, &f->ei), OK);
	assert_int_equal(backup(f), OK); /* into an empty one */
	assert_int_equal(files_remove(f->copy, &f->ei), OK);
	assert_int_equal(files_make_dirs(path, &f->ei), OK);
	assert_int_equal(backup(f), ERR_CONFLICT);
	assert_true(files_exist(path));
	free(path);
}

static void check_tells_a_fault_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct dataset_row d = { 0 };
	char id[72];

	make_dataset(f, "text,label\n", true, id);
	assert_int_equal(faults_in(f, f->data), 1);
	assert_ptr_equal(strstr(f->told.data, id), f->told.data);
	assert_int_equal(dataset_row_get(f->db, id, &d, &f->ei), OK);
	dataset_row_clear(&d);
}

static void a_checkpoint_without_files_is_a_fault_once_its_job_has_ended(void **state)
{
	struct fixture *f = *state;
	char id[72], job[ID_SIZE];
	struct job j;

	make_dataset(f, "text,label\n", false, id);
	queue_job(f, id, job);
	assert_int_equal(checkpoint_row_put(f->db, job, 8, 1, NULL, "00", 1, &f->ei), OK);
	assert_int_equal(faults_in(f, f->data), 0);
	assert_int_equal(job_cancel(f->db, job, &j, &f->ei), OK);
	job_clear(&j);
	assert_int_equal(faults_in(f, f->data), 1);
	assert_non_null(strstr(f->told.data, "/checkpoint-8: "));
}

static void a_folder_without_a_database_is_refused_by_both(void **state)
{
	struct fixture *f = *state;
	struct check_counts n;

	assert_int_equal(check_run(f->dir, &n, tell, f, &f->ei), ERR_NOT_FOUND);
	assert_int_equal(backup_run(f->dir, f->copy, tell, f, &f->ei), ERR_NOT_FOUND);
	assert_false(files_exist(f->copy));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(a_copy_is_made_beside_an_open_database),
		T(every_row_of_many_pages_is_copied),
		T(a_deleted_data_set_that_a_job_needs_asks_for_another_try),
		T(a_checkpoint_without_files_leaves_its_job_to_start_again),
		T(a_folder_that_is_not_empty_is_refused_and_kept),
		T(check_tells_a_fault_and_changes_nothing),
		T(a_checkpoint_without_files_is_a_fault_once_its_job_has_ended),
		T(a_folder_without_a_database_is_refused_by_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

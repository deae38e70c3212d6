/* Retention: which ended jobs go, what stays, and that rows and files go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/prune.h"
#include "jobs/rows.h"

/* jobs: newest first, a letter of 10 bytes each; capital: in use. left: those that stay. */
static void the_plan_takes_the_oldest_and_spares_the_newest_and_what_is_in_use(void **state)
{
	static const struct {
		const char *jobs;
		int64_t keep_jobs, keep_bytes;
		const char *left;
	} cases[] = {
		{ "", 1, 1, "" },
		{ "abcde", 0, 0, "abcde" },
		{ "abcde", 5, 0, "abcde" },
		{ "abcde", 2, 0, "ab" },
		{ "abcdE", 2, 0, "abE" },
		{ "abCdE", 1, 0, "aCE" },
		{ "abcde", 0, 50, "abcde" },
		{ "abcde", 0, 49, "abcd" },
		{ "abcde", 0, 20, "ab" },
		{ "abcDE", 0, 30, "aDE" },
		{ "abcdE", 0, 25, "aE" },
		{ "ABCDE", 1, 1, "ABCDE" },
		{ "abcde", 0, 1, "a" }, /* the newest stays, however big it is */
		{ "abcde", 3, 20, "ab" },
		{ "abcde", 2, 40, "ab" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *names = cases[i].jobs;
		struct prune_job jobs[8] = { 0 };
		char left[8] = "";
		int n = (int)strlen(names);
		for (int k = 0; k < n; k++)
			jobs[k] = (struct prune_job){ .bytes = 10, .in_use = names[k] < 'a' };
		prune_plan(jobs, n, cases[i].keep_jobs, cases[i].keep_bytes);
		for (int k = 0; k < n; k++)
			if (!jobs[k].gone)
				strncat(left, &names[k], 1);
		assert_string_equal(left, cases[i].left);
	}
}

/* Jobs with files, and what serving says of them. */

#define MAX_JOBS 6

struct fixture {
	char dir[64];
	struct places p;
	struct db *db;
	int lock;
	struct errinfo ei;
	char jobs[MAX_JOBS][ID_SIZE], models[MAX_JOBS][ID_SIZE]; /* oldest first */
	const char *loaded;					 /* an id, or NULL */
	const char *late_base; /* the model of a job that is queued while prune_run looks */
	char dropped[256];
};

static void queue(struct fixture *f, const char *name, const char *base, char *id)
{
	char spec[128];
	struct job_new n = {
		.name = name, .spec = spec, .report = "{}", .body_sha256 = "", .max_queued = 99
	};
	struct job j;
	bool repeated;

	snprintf(spec, sizeof(spec), "{\"model\":\"%s\"}", base);
	assert_int_equal(job_create(f->db, &n, &j, &repeated, &f->ei), OK);
	if (id)
		strcpy(id, j.id);
	job_clear(&j);
}

static void put_file(char *folder, const char *name)
{
	char *path = mem_printf("%s/%s", folder, name);

	assert_int_equal(files_make_dirs(folder, NULL), OK);
	assert_int_equal(files_write(path, "0123456789", 10, NULL), OK);
	free(path);
	free(folder);
}

/* A job that succeeded, with a checkpoint at step 5 and a model: 20 bytes. */
static void finish(struct fixture *f, int i, const char *name)
{
	struct job j;

	queue(f, name, "tiny", f->jobs[i]);
	assert_int_equal(job_claim(f->db, &j, &f->ei), OK);
	job_clear(&j);
	assert_int_equal(job_move(f->db, f->jobs[i], JOB_RUNNING, NULL, &f->ei), OK);
	assert_int_equal(checkpoint_row_put(f->db, f->jobs[i], 5, 1, NULL, "00", 10, &f->ei), OK);
	ids_new("mdl_", f->models[i]);
	struct job_result r = { .model_id = f->models[i], .labels = "[\"a\"]", .sha256 = "00" };
	assert_int_equal(job_succeed(f->db, f->jobs[i], &r, &f->ei), OK);
	put_file(places_model_dir(&f->p, f->models[i]), "model.safetensors");
	put_file(places_job_dir(&f->p, f->jobs[i]), "model.safetensors");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->p = (struct places){ .data_dir = f->dir };
	assert_int_equal(places_open(&f->p, &f->lock, &f->ei), OK);
	assert_int_equal(db_open(":memory:", &f->db, &f->ei), OK);
	for (int i = 0; i < MAX_JOBS; i++)
		finish(f, i, i == 2 ? "named" : NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	db_close(f->db);
	close(f->lock);
	assert_int_equal(files_remove(f->dir, &f->ei), OK);
	free(f);
	return 0;
}

static bool is_loaded(void *ctx, const char *id)
{
	struct fixture *f = ctx;

	if (f->late_base)
		queue(f, NULL, f->late_base, NULL);
	f->late_base = NULL;
	return f->loaded && strcmp(f->loaded, id) == 0;
}

static void drop(void *ctx, const char *id)
{
	struct fixture *f = ctx;

	strncat(f->dropped, id, sizeof(f->dropped) - strlen(f->dropped) - 1);
}

static void run(struct fixture *f, int64_t keep_jobs, int64_t keep_bytes, const char *def)
{
	struct prune p = { f->db, &f->p, keep_jobs, keep_bytes, def, is_loaded, drop, f };

	assert_int_equal(prune_run(&p, &f->ei), OK);
}

/* Which jobs are left, oldest first as digits; rows and folders must agree. */
static const char *left(struct fixture *f)
{
	static char digits[MAX_JOBS + 1];
	int n = 0;

	for (int i = 0; i < MAX_JOBS; i++) {
		char *job_dir = places_job_dir(&f->p, f->jobs[i]);
		char *model_dir = places_model_dir(&f->p, f->models[i]);
		struct model_row m = { 0 };
		struct job j = { 0 };
		bool row = job_get(f->db, f->jobs[i], &j, NULL) == OK;
		assert_int_equal(row, model_row_get(f->db, f->models[i], &m, NULL) == OK);
		assert_int_equal(row, checkpoint_row_find(f->db, f->jobs[i], 5, NULL) == OK);
		assert_int_equal(row, files_exist(job_dir));
		assert_int_equal(row, files_exist(model_dir));
		if (row)
			digits[n++] = (char)('0' + i);
		job_clear(&j);
		model_row_clear(&m);
		free(job_dir);
		free(model_dir);
	}
	digits[n] = '\0';
	return digits;
}

static void jobs_beyond_the_number_go_with_rows_and_files(void **state)
{
	struct fixture *f = *state;
	int64_t before = prune_total();

	run(f, 4, 0, NULL);
	assert_string_equal(left(f), "2345");
	assert_int_equal(prune_total() - before, 2);
	char *dropped = mem_printf("%s%s", f->models[0], f->models[1]);
	assert_string_equal(f->dropped, dropped); /* the oldest first */
	free(dropped);
}

static void jobs_beyond_the_room_go(void **state)
{
	struct fixture *f = *state;

	run(f, 0, 65, NULL);
	assert_string_equal(left(f), "345");
}

static void without_limits_nothing_goes(void **state)
{
	struct fixture *f = *state;

	run(f, 0, 0, NULL);
	assert_string_equal(left(f), "012345");
}

static void a_loaded_model_stays_as_long_as_it_is_loaded(void **state)
{
	struct fixture *f = *state;

	f->loaded = f->models[0];
	run(f, 2, 0, NULL);
	assert_string_equal(left(f), "045");
	f->loaded = NULL;
	run(f, 2, 0, NULL);
	assert_string_equal(left(f), "45");
}

static void a_loaded_checkpoint_keeps_its_job(void **state)
{
	struct fixture *f = *state;
	char *checkpoint = mem_printf("%s/checkpoint-5", f->jobs[1]);

	f->loaded = checkpoint;
	run(f, 1, 0, NULL);
	assert_string_equal(left(f), "15");
	free(checkpoint);
}

static void the_default_model_stays_by_any_of_its_names(void **state)
{
	struct fixture *f = *state;

	run(f, 3, 0, "named");
	assert_string_equal(left(f), "2345");
	run(f, 2, 0, f->jobs[3]);
	assert_string_equal(left(f), "345");
	run(f, 1, 0, "nothing of this name");
	assert_string_equal(left(f), "5");
}

static void the_base_of_a_waiting_job_stays_by_any_of_its_names(void **state)
{
	struct fixture *f = *state;
	char *checkpoint = mem_printf("%s/checkpoint-5", f->jobs[3]);
	struct job j;

	queue(f, NULL, f->models[0], NULL);
	queue(f, NULL, f->jobs[1], NULL);
	queue(f, NULL, "named", NULL);
	queue(f, NULL, checkpoint, NULL);
	run(f, 1, 0, NULL);
	assert_string_equal(left(f), "01235");
	for (int i = 0; i < 4; i++) { /* with the end of the job its base may go */
		assert_int_equal(job_claim(f->db, &j, &f->ei), OK);
		assert_int_equal(job_move(f->db, j.id, JOB_FAILED, NULL, &f->ei), OK);
		job_clear(&j);
	}
	run(f, 4, 0, NULL);
	assert_string_equal(left(f), "");
	free(checkpoint);
}

static void the_base_of_a_job_that_is_queued_meanwhile_stays(void **state)
{
	struct fixture *f = *state;

	f->late_base = f->models[1];
	run(f, 2, 0, NULL);
	assert_string_equal(left(f), "145");
}

static void waiting_jobs_are_not_counted_and_stay(void **state)
{
	struct fixture *f = *state;
	struct job j;
	char id[ID_SIZE];

	queue(f, NULL, "tiny", id);
	run(f, 6, 1000, NULL);
	assert_string_equal(left(f), "012345");
	run(f, 1, 1, NULL);
	assert_string_equal(left(f), "5");
	assert_int_equal(job_get(f->db, id, &j, &f->ei), OK);
	job_clear(&j);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_plan_takes_the_oldest_and_spares_the_newest_and_what_is_in_use),
		TEST(jobs_beyond_the_number_go_with_rows_and_files),
		TEST(jobs_beyond_the_room_go),
		TEST(without_limits_nothing_goes),
		TEST(a_loaded_model_stays_as_long_as_it_is_loaded),
		TEST(a_loaded_checkpoint_keeps_its_job),
		TEST(the_default_model_stays_by_any_of_its_names),
		TEST(the_base_of_a_waiting_job_stays_by_any_of_its_names),
		TEST(the_base_of_a_job_that_is_queued_meanwhile_stays),
		TEST(waiting_jobs_are_not_counted_and_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

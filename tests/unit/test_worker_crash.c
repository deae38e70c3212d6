/* The worker: daemons that are killed in the middle of a job, and those that come after them. */
#include <sys/wait.h>

#include "base/log.h"
#include "worker_fixture.h"

/* Runs the worker in a process of its own, until that ends. Gives its exit status. */
static int run_in_child(const char *device)
{
	db_close(f.db);
	f.db = NULL;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (db_open(f.db_path, &f.db, NULL) != OK)
			_exit(1);
		struct worker_config c = { .db = f.db,
					   .hub = f.hub,
					   .places = &f.p,
					   .downloads = f.downloads,
					   .device = device,
					   .threads = 1,
					   .version = "0.0.0" };
		if (worker_start(&c, &f.w, NULL) != OK)
			_exit(2);
		sleep(PATIENCE);
		_exit(3);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	open_db();
	return WEXITSTATUS(status);
}

static void die_at_step_nine(int64_t step)
{
	if (step == 9)
		_exit(9);
}

/* A job that has died in its third epoch; checkpoints 4 and 8 are there. */
static void crash(void)
{
	int n;

	queue("");
	fake_bert.on_step = die_at_step_nine;
	assert_int_equal(run_in_child("cpu"), 9);
	fake_bert_reset();
	assert_int_equal(job_requeue_orphans(f.db, &n, &f.ei), OK);
	assert_int_equal(n, 1);
	assert_string_equal(checkpoints(), "4 8");
}

static void a_killed_job_goes_on_from_its_last_checkpoint(void **state)
{
	(void)state;
	crash();
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_int_equal(j.attempt, 2);
	assert_int_equal(fake_bert.steps, 4);
	assert_non_null(strstr(history(), "running(checkpoint-8)"));
	assert_string_equal(checkpoints(), "4 8 12");
	job_clear(&j);
	expect_the_undisturbed_result();
}

static void rows_and_folders_of_checkpoints_agree_after_a_crash(void **state)
{
	(void)state;
	crash();
	assert_int_equal(checkpoint_row_delete(f.db, f.id, 8, &f.ei), OK);
	assert_int_equal(checkpoint_row_put(f.db, f.id, 6, 1.5, NULL, "00", 1, &f.ei), OK);
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_string_equal(checkpoints(), "4 8 12");
	json_t *rows;
	assert_int_equal(checkpoint_rows_json(f.db, f.id, &rows, &f.ei), OK);
	json_t *healed = json_array_get(rows, 1);
	assert_true(json_number_value(json_object_get(healed, "epoch")) == 2);
	json_decref(rows);
	job_clear(&j);
}

static void a_damaged_checkpoint_is_passed_over(void **state)
{
	static const char *const files[] = { "config.json", "optimizer.safetensors" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		crash();
		char *dir = mem_printf("%s/jobs/%s/checkpoint-8", f.data, f.id);
		model_folder_file(dir, files[i], "{");
		free(dir);
		struct job j = run_to_end();
		assert_int_equal(j.state, JOB_SUCCEEDED);
		assert_int_equal(fake_bert.steps, 8);
		assert_string_equal(checkpoints(), "4 8 12");
		job_clear(&j);
	}
	expect_the_undisturbed_result();
}

static void die_at_step_one(int64_t step)
{
	if (step == 1)
		_exit(9);
}

static void a_job_that_kills_the_daemon_three_times_is_poison(void **state)
{
	int n;

	(void)state;
	queue("");
	fake_bert.on_step = die_at_step_one;
	for (int i = 0; i < JOB_MAX_ATTEMPTS; i++) {
		assert_int_equal(run_in_child("cpu"), 9);
		assert_int_equal(job_requeue_orphans(f.db, &n, &f.ei), OK);
		assert_int_equal(n, 1);
	}
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_FAILED);
	assert_string_equal(j.error_code, "poison");
	assert_int_equal(fake_bert.steps, 0); /* in this process */
	job_clear(&j);
}

static void a_lost_cuda_device_ends_the_process_and_keeps_the_job(void **state)
{
	(void)state;
	queue("");
	for (int i = 0; i < JOB_MAX_ATTEMPTS; i++) {
		struct job j = job();
		assert_int_equal(j.state, JOB_QUEUED);
		job_clear(&j);
		assert_int_equal(run_in_child("cuda:0"), WORKER_EXIT_DEVICE);
	}
	struct job j = job();
	assert_int_equal(j.state, JOB_FAILED);
	assert_string_equal(j.error_code, "device");
	job_clear(&j);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_killed_job_goes_on_from_its_last_checkpoint),
		TEST(rows_and_folders_of_checkpoints_agree_after_a_crash),
		TEST(a_damaged_checkpoint_is_passed_over),
		TEST(a_job_that_kills_the_daemon_three_times_is_poison),
		TEST(a_lost_cuda_device_ends_the_process_and_keeps_the_job),
	};
	log_set_level(LOG_ERROR + 1); /* the failures are wanted here */
	fault_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

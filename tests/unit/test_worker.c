/* The worker: jobs that succeed, are cancelled, are stopped, and fail. */
#include <sched.h>

#include "base/log.h"
#include "jobs/run.h"
#include "worker_fixture.h"

static void a_job_runs_to_success_with_records_and_checkpoints(void **state)
{
	(void)state;
	queue("");
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_int_equal(j.attempt, 1);
	assert_int_equal(j.step, 12);
	assert_int_equal(j.total_steps, 12);
	assert_true(j.epoch == 3);
	assert_string_equal(history(), "queued preparing running running(new) "
				       "log log eval checkpoint log log eval checkpoint "
				       "log log eval checkpoint train test succeeded succeeded");
	assert_string_equal(checkpoints(), "4 8 12");
	assert_non_null(strstr(j.report, "\"rows\":{\"train\":16"));
	assert_non_null(strstr(j.best, "\"metric\":\"eval_loss\""));
	json_t *metrics = json_loads(j.metrics, 0, NULL);
	assert_true(json_number_value(json_object_get(metrics, "eval_accuracy")) == 1);
	assert_true(json_is_object(json_object_get(metrics, "test")));
	json_decref(metrics);
	job_clear(&j);
}

static void a_result_is_a_whole_folder_and_tmp_is_empty(void **state)
{
	static const char *const files[] = { "config.json", "model.safetensors", "vocab.txt",
					     "tokenizer.json" };
	(void)state;
	queue("\"max_steps\": 2");
	struct job j = run_to_end();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char *path = mem_printf("%s/models/%s/%s", f.data, j.model_id, files[i]);
		assert_true(files_exist(path));
		free(path);
	}
	assert_int_equal(count_entries("tmp"), 0);
	char *optimizer = mem_printf("%s/jobs/%s/checkpoint-2/optimizer.safetensors", f.data, f.id);
	assert_false(files_exist(optimizer));
	free(optimizer);
	job_clear(&j);
}

static void an_idle_worker_wakes_for_a_new_job(void **state)
{
	(void)state;
	start_worker();
	assert_true(worker_alive(f.w));
	for (int i = 0; i < 3; i++) {
		queue("\"max_steps\": 1");
		worker_notify(f.w);
		wait_until(is_over);
	}
	struct job j = job();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	job_clear(&j);
}

static void cancel_at_step_three(int64_t step)
{
	struct job j;

	if (step != 3 || job_cancel(f.db, f.id, &j, NULL) != OK)
		return;
	job_clear(&j);
	worker_notify(f.w);
}

static void cancel_ends_a_running_job_within_one_step(void **state)
{
	(void)state;
	queue("\"num_train_epochs\": 100");
	fake_bert.on_step = cancel_at_step_three;
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_CANCELLED);
	assert_int_equal(fake_bert.steps, 4);
	assert_non_null(strstr(history(), " cancelling "));
	assert_non_null(strstr(history(), " cancelled cancelled"));
	assert_int_equal(count_entries("models"), 0);
	job_clear(&j);
}

/* On the worker's thread: what is wrong is not counted, for cmocka asserts on its own thread only.
 */
static void look_at_progress(int64_t step)
{
	struct trainer_progress p;

	if (worker_progress(f.w, f.id, &p) && p.step == step && p.total_steps == 12 &&
	    !worker_progress(f.w, "job_other", &p))
		sem_post(&f.reached);
}

static void progress_is_live_between_the_records(void **state)
{
	struct trainer_progress p;
	int seen;

	(void)state;
	queue("");
	fake_bert.on_step = look_at_progress;
	start_worker();
	wait_until(is_over);
	sem_getvalue(&f.reached, &seen);
	assert_int_equal(seen, 12);
	stop_worker();
	start_worker();
	assert_false(worker_progress(f.w, f.id, &p));
}

static void post_at_step_five(int64_t step)
{
	if (step == 5)
		sem_post(&f.reached);
}

static void a_stopped_job_is_continued_by_the_next_worker(void **state)
{
	(void)state;
	queue("");
	fake_bert.on_step = post_at_step_five;
	fake_bert.step_ms = 50; /* so that the stop comes before the end */
	start_worker();
	wait_reached();
	stop_worker();
	struct job j = job();
	assert_int_equal(j.state, JOB_QUEUED);
	assert_int_equal(j.attempt, 0);
	assert_int_equal(j.queue_position, 1);
	job_clear(&j);
	fake_bert_reset();
	j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_int_equal(j.attempt, 1);
	assert_true(fake_bert.steps < 8);
	assert_non_null(strstr(history(), "queued preparing running running(checkpoint-"));
	job_clear(&j);
	expect_the_undisturbed_result();
}

static void failures_of_a_step_have_codes(void **state)
{
	static const struct {
		enum err e;
		const char *code;
	} cases[] = {
		{ ERR_DEVICE_MEMORY, "out_of_memory" },
		{ ERR_NETWORK, "download_failed" },
		{ ERR_DENIED, "access_denied" },
		{ ERR_DISK_FULL, "disk_full" },
		{ ERR_DEVICE, "device" },
		{ ERR_MODEL, "internal" },
		{ ERR_IO, "io" },
		{ ERR_INVALID, "internal" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fake_bert_reset();
		fake_bert.fail_at_step = 2;
		fake_bert.fail_with = cases[i].e;
		queue("");
		struct job j = run_to_end();
		assert_int_equal(j.state, JOB_FAILED);
		assert_string_equal(j.error_code, cases[i].code);
		assert_true(*j.error_message != '\0');
		assert_int_equal(count_entries("models"), 0);
		job_clear(&j);
	}
}

static void a_loss_that_is_not_finite_is_divergence(void **state)
{
	(void)state;
	fake_bert.nan_at_step = 6;
	queue("");
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_FAILED);
	assert_string_equal(j.error_code, "diverged");
	assert_non_null(strstr(j.error_message, "step 7"));
	assert_non_null(j.error_hint);
	assert_string_equal(checkpoints(), "4");
	job_clear(&j);
}

static void a_model_that_does_not_open_is_named_as_the_cause(void **state)
{
	(void)state;
	fake_bert.fail_open = ERR_INVALID;
	queue("");
	struct job j = run_to_end();
	assert_string_equal(j.error_code, "model_invalid");
	job_clear(&j);
}

static void data_that_is_gone_fails_the_job_without_folders_in_its_words(void **state)
{
	static const struct {
		const char *file, *code;
	} cases[] = {
		{ "root/train.csv", "data_changed" },
		{ "base/tiny/config.json", "model_invalid" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		queue("");
		char *path = mem_printf("%s/%s", f.dir, cases[i].file);
		assert_int_equal(files_remove(path, &f.ei), OK);
		free(path);
		struct job j = run_to_end();
		assert_int_equal(j.state, JOB_FAILED);
		assert_string_equal(j.error_code, cases[i].code);
		assert_null(strstr(j.error_message, f.dir));
		job_clear(&j);
	}
}

static void a_result_that_cannot_be_saved_leaves_nothing(void **state)
{
	(void)state;
	fake_bert.fail_save = ERR_DISK_FULL;
	queue("\"save_strategy\": \"no\"");
	struct job j = run_to_end();
	assert_string_equal(j.error_code, "disk_full");
	assert_int_equal(count_entries("models"), 0);
	assert_int_equal(count_entries("tmp"), 0);
	job_clear(&j);
}

static enum trainer_verdict cancel_in_between(void *ctx)
{
	struct job j = { 0 };

	(void)ctx;
	assert_int_equal(job_cancel(f.db, f.id, &j, NULL), OK);
	job_clear(&j);
	return TRAINER_GO;
}

static void no_progress(void *ctx, const struct trainer_progress *p)
{
	(void)ctx;
	(void)p;
}

static void a_cancel_between_preparing_and_running_wins(void **state)
{
	struct run_env env = { .db = f.db,
			       .hub = f.hub,
			       .places = &f.p,
			       .downloads = f.downloads,
			       .device = "cpu",
			       .verdict = cancel_in_between,
			       .progress = no_progress,
			       .version = "0.0.0" };
	const char *code;
	struct job j;

	(void)state;
	queue("");
	assert_int_equal(job_claim(f.db, &j, &f.ei), OK);
	assert_int_equal(run_job(&env, &j, &code, &f.ei), ERR_CANCELLED);
	assert_int_equal(fake_bert.opens, 0);
	job_clear(&j);
	j = job();
	assert_int_equal(j.state, JOB_CANCELLING);
	job_clear(&j);
}

static int cancels_after;

static enum trainer_verdict cancel_late(void *ctx)
{
	return cancels_after-- == 0 ? cancel_in_between(ctx) : TRAINER_GO;
}

static void a_cancel_behind_the_last_step_leaves_no_model(void **state)
{
	struct run_env env = { .db = f.db,
			       .hub = f.hub,
			       .places = &f.p,
			       .downloads = f.downloads,
			       .device = "cpu",
			       .verdict = cancel_late,
			       .progress = no_progress,
			       .version = "0.0.0" };
	const char *code;
	struct job j;

	(void)state;
	queue("\"max_steps\": 1, \"eval_strategy\": \"no\"");
	cancels_after = 3; /* preparing, opening, step 0, then the test split */
	assert_int_equal(job_claim(f.db, &j, &f.ei), OK);
	assert_int_equal(run_job(&env, &j, &code, &f.ei), ERR_CANCELLED);
	assert_int_equal(fake_bert.steps, 1);
	assert_int_equal(count_entries("models"), 0);
	job_clear(&j);
}

static void break_the_disk(int64_t step)
{
	if (step != 4)
		return;
	fault_vfs.code = SQLITE_FULL;
	fault_vfs.fail_at = 1;
	sem_post(&f.reached);
}

static bool seems_dead(void)
{
	return !worker_alive(f.w);
}

static void a_database_that_fails_is_waited_for(void **state)
{
	(void)state;
	queue("");
	fake_bert.on_step = break_the_disk;
	start_worker();
	wait_reached();
	while (!seems_dead())
		sched_yield();
	fault_vfs.fail_at = 0;
	worker_notify(f.w);
	wait_until(is_over);
	struct job j = job();
	assert_int_equal(j.state, JOB_FAILED);
	assert_string_equal(j.error_code, "disk_full");
	job_clear(&j);
	fake_bert.on_step = NULL;
	queue("");
	worker_notify(f.w);
	wait_until(is_over);
	assert_true(worker_alive(f.w));
}

/* Trains a model, then one on top of it with more members of dataset; the history of the second. */
static const char *history_on_top(const char *data)
{
	char model[ID_SIZE];

	queue("\"max_steps\": 1");
	struct job first = run_to_end();
	strcpy(model, first.model_id);
	job_clear(&first);
	queue_on(model, data, "\"max_steps\": 1");
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	job_clear(&j);
	return history();
}

static void a_finished_model_is_trained_further_without_new_weights(void **state)
{
	(void)state;
	assert_null(strstr(history_on_top(""), "(new)"));
}

static void a_finished_model_gets_a_new_head_for_other_labels(void **state)
{
	(void)state;
	assert_non_null(strstr(history_on_top("\"labels\": [\"good\", \"bad\"]"), "(new)"));
}

static void the_head_of_a_base_model_is_kept_whatever_its_labels_are_called(void **state)
{
	char *tiny = mem_printf("%s/tiny", f.models);

	(void)state;
	model_folder_weights(tiny);
	free(tiny);
	queue_on("tiny", "\"labels\": [\"good\", \"bad\"]", "\"max_steps\": 1");
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_null(strstr(history(), "(new)"));
	job_clear(&j);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_job_runs_to_success_with_records_and_checkpoints),
		TEST(a_result_is_a_whole_folder_and_tmp_is_empty),
		TEST(an_idle_worker_wakes_for_a_new_job),
		TEST(cancel_ends_a_running_job_within_one_step),
		TEST(progress_is_live_between_the_records),
		TEST(a_stopped_job_is_continued_by_the_next_worker),
		TEST(failures_of_a_step_have_codes),
		TEST(a_loss_that_is_not_finite_is_divergence),
		TEST(a_model_that_does_not_open_is_named_as_the_cause),
		TEST(data_that_is_gone_fails_the_job_without_folders_in_its_words),
		TEST(a_result_that_cannot_be_saved_leaves_nothing),
		TEST(a_cancel_between_preparing_and_running_wins),
		TEST(a_cancel_behind_the_last_step_leaves_no_model),
		TEST(a_database_that_fails_is_waited_for),
		TEST(a_finished_model_is_trained_further_without_new_weights),
		TEST(a_finished_model_gets_a_new_head_for_other_labels),
		TEST(the_head_of_a_base_model_is_kept_whatever_its_labels_are_called),
	};
	log_set_level(LOG_ERROR + 1); /* the failures are wanted here */
	fault_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The worker: whole jobs with a fake model, a real database file and real folders. Waiting is for
 * records of the job, through the hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "../fakes/fake_bert.h"
#include "fault_vfs.h"
#include "jobs/event.h"
#include "jobs/job.h"
#include "jobs/rows.h"
#include "jobs/run.h"
#include "jobs/spec.h"
#include "jobs/worker.h"
#include "model_folder.h"

#define PATIENCE 60 /* seconds until a wait counts as a failure */

static struct fixture {
	char dir[64];
	char *data, *root, *models, *db_path;
	struct places p;
	struct db *db;
	struct hub *hub;
	struct worker *w;
	int lock;
	char id[ID_SIZE]; /* of the job that the hooks below are about */
	sem_t reached;
	struct errinfo ei;
} f;

static void open_db(void)
{
	assert_int_equal(db_open(f.db_path, &f.db, &f.ei), OK);
}

static void start_worker(void)
{
	struct worker_config c = { f.db, f.hub, &f.p, "cpu", 1 };

	assert_int_equal(worker_start(&c, &f.w, &f.ei), OK);
}

static void stop_worker(void)
{
	worker_stop(f.w);
	f.w = NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	/* In memory where that is possible: each job syncs its files a hundred times. */
	sprintf(f.dir, "%s/bertd-test-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(f.dir));
	f.data = mem_printf("%s/data", f.dir);
	f.root = mem_printf("%s/root", f.dir);
	f.models = mem_printf("%s/base", f.dir);
	f.db_path = mem_printf("%s/bertd.db", f.data);
	f.p = (struct places){ f.data, f.root, f.models };
	assert_int_equal(files_make_dirs(f.root, &f.ei), OK);
	char *tiny = model_folder_new(f.models, "tiny");
	char *weights = mem_printf("%s/model.safetensors", tiny);
	assert_int_equal(files_remove(weights, &f.ei), OK); /* all of them are new */
	free(weights);
	free(tiny);
	assert_int_equal(places_open(&f.p, &f.lock, &f.ei), OK);
	open_db();
	f.hub = hub_new();
	sem_init(&f.reached, 0, 0);
	fake_bert_reset();
	fault_vfs.fail_at = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fault_vfs.fail_at = 0;
	fake_bert.step_ms = 0;
	stop_worker();
	assert_int_equal(fake_bert.open_models, 0);
	hub_free(f.hub);
	db_close(f.db);
	close(f.lock);
	sem_destroy(&f.reached);
	assert_int_equal(files_remove(f.dir, &f.ei), OK);
	free(f.data);
	free(f.root);
	free(f.models);
	free(f.db_path);
	return 0;
}

/* --- jobs --- */

/* 16 rows of which the letter tells the label. */
static void write_rows(const char *name)
{
	char text[512] = "text,label\n";

	for (int i = 0; i < 16; i++)
		sprintf(text + strlen(text), "%c %c %c,%s\n", i % 2 ? 'g' : 'b', 'h' + i % 5,
			'n' + i % 7, i % 2 ? "good" : "bad");
	model_folder_file(f.root, name, text);
}

/* Queues a job of 16 rows in batches of 4 (4 steps an epoch); more are members of args. */
static void queue(const char *more)
{
	struct faults faults = { 0 };
	struct job_spec spec;
	struct buf text = { 0 };
	struct job j;
	bool repeated;
	char *body = mem_printf(
		"{\"model\": \"tiny\", \"max_length\": 8, \"dataset\": {\"train\": \"train.csv\", "
		"\"validation\": \"validation.csv\", \"test\": \"test.csv\"}, \"args\": "
		"{\"per_device_train_batch_size\": 4, \"logging_steps\": 2%s%s}}",
		*more ? ", " : "", more);
	json_t *v = json_loads(body, 0, NULL);

	write_rows("train.csv");
	write_rows("validation.csv");
	write_rows("test.csv");
	assert_true(job_spec_read(v, &spec, &faults));
	json_t *resolved = job_spec_write(&spec);
	json_print(resolved, &text);
	struct job_new n = {
		.spec = text.data, .report = "{}", .body_sha256 = "", .max_queued = 9
	};
	assert_int_equal(job_create(f.db, &n, &j, &repeated, &f.ei), OK);
	strcpy(f.id, j.id);
	job_clear(&j);
	job_spec_clear(&spec);
	buf_clear(&text);
	json_decref(resolved);
	json_decref(v);
	free(body);
}

static struct job job(void)
{
	struct job j;

	assert_int_equal(job_get(f.db, f.id, &j, &f.ei), OK);
	return j;
}

static bool is_over(void)
{
	struct job j = job();
	bool over = job_state_final(j.state);

	job_clear(&j);
	return over;
}

static void post(void *ctx)
{
	sem_post(ctx);
}

/* Waits for records of the job until the condition holds. */
static void wait_until(bool (*holds)(void))
{
	struct timespec until;
	sem_t news;

	sem_init(&news, 0, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	struct subscription *s = hub_subscribe(f.hub, f.id, post, &news);
	while (!holds())
		assert_int_equal(sem_timedwait(&news, &until), 0);
	hub_unsubscribe(f.hub, s);
	sem_destroy(&news);
}

static void wait_reached(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	assert_int_equal(sem_timedwait(&f.reached, &until), 0);
}

/* Runs the queued job to its end with a worker of its own, and gives the end. */
static struct job run_to_end(void)
{
	start_worker();
	wait_until(is_over);
	stop_worker();
	return job();
}

/* The records as "type" or "status:<status>" words. */
static const char *history(void)
{
	static char out[4096];
	struct event *list;
	int n;

	out[0] = '\0';
	assert_int_equal(event_list(f.db, f.id, 0, 200, &list, &n, &f.ei), OK);
	for (int i = 0; i < n; i++) {
		json_t *v = json_loads(list[i].members, 0, NULL);
		const char *status = json_string_value(json_object_get(v, "status"));
		const char *from = json_string_value(json_object_get(v, "resumed_from"));
		assert_int_equal(list[i].seq, i + 1);
		sprintf(out + strlen(out), "%s%s", i ? " " : "", status ? status : list[i].type);
		if (from)
			sprintf(out + strlen(out), "(%s)", from);
		if (json_object_get(v, "newly_initialised"))
			strcat(out, "(new)");
		json_decref(v);
		event_clear(&list[i]);
	}
	free(list);
	return out;
}

/* The steps of the checkpoint rows, each with a folder: "4 8 12". */
static const char *checkpoints(void)
{
	static char out[256];
	int64_t *steps;
	int n;

	out[0] = '\0';
	assert_int_equal(checkpoint_row_steps(f.db, f.id, &steps, &n, &f.ei), OK);
	for (int i = 0; i < n; i++) {
		char *path = mem_printf("%s/jobs/%s/checkpoint-%d/model.safetensors", f.data, f.id,
					(int)steps[i]);
		sprintf(out + strlen(out), "%s%d%s", i ? " " : "", (int)steps[i],
			files_exist(path) ? "" : "?");
		free(path);
	}
	free(steps);
	return out;
}

/* The digest of the weights of the job's model. */
static const char *result_sha256(void)
{
	static char out[80];
	struct job j = job();
	struct model_row m;

	assert_int_equal(model_row_get(f.db, j.model_id, &m, &f.ei), OK);
	strcpy(out, m.sha256);
	model_row_clear(&m);
	job_clear(&j);
	return out;
}

/* What three epochs without any trouble come to. */
static void expect_the_undisturbed_result(void)
{
	char disturbed[80];

	strcpy(disturbed, result_sha256());
	fake_bert_reset();
	queue("");
	struct job j = run_to_end();
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_string_equal(disturbed, result_sha256());
	job_clear(&j);
}

static int count_entries(const char *folder)
{
	char *command = mem_printf("test $(ls %s/%s | wc -l) -eq 0", f.data, folder);
	int rc = system(command);

	free(command);
	return rc;
}

/* --- the tests --- */

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
		struct worker_config c = { f.db, f.hub, &f.p, device, 1 };
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

static void failures_of_a_step_have_codes(void **state)
{
	static const struct {
		enum err e;
		const char *code;
	} cases[] = {
		{ ERR_DEVICE_MEMORY, "out_of_memory" },
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
	struct run_env env = { f.db, f.hub, &f.p, "cpu", cancel_in_between, no_progress, NULL };
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
	struct run_env env = { f.db, f.hub, &f.p, "cpu", cancel_late, no_progress, NULL };
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

static void a_finished_model_is_trained_further_without_new_weights(void **state)
{
	(void)state;
	queue("\"max_steps\": 1");
	struct job first = run_to_end();
	char *dir = mem_printf("%s/models/%s", f.data, first.model_id);
	char *base = mem_printf("%s/again", f.models);
	assert_int_equal(rename(dir, base), 0);
	free(dir);
	free(base);
	job_clear(&first);
	char *tiny = mem_printf("%s/tiny", f.models), *again = mem_printf("%s/again", f.models);
	assert_int_equal(files_remove(tiny, &f.ei), OK);
	assert_int_equal(rename(again, tiny), 0);
	free(tiny);
	free(again);
	queue("\"max_steps\": 1");
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
		TEST(a_killed_job_goes_on_from_its_last_checkpoint),
		TEST(rows_and_folders_of_checkpoints_agree_after_a_crash),
		TEST(a_damaged_checkpoint_is_passed_over),
		TEST(a_job_that_kills_the_daemon_three_times_is_poison),
		TEST(a_lost_cuda_device_ends_the_process_and_keeps_the_job),
		TEST(failures_of_a_step_have_codes),
		TEST(a_loss_that_is_not_finite_is_divergence),
		TEST(a_model_that_does_not_open_is_named_as_the_cause),
		TEST(data_that_is_gone_fails_the_job_without_folders_in_its_words),
		TEST(a_result_that_cannot_be_saved_leaves_nothing),
		TEST(a_cancel_between_preparing_and_running_wins),
		TEST(a_cancel_behind_the_last_step_leaves_no_model),
		TEST(a_database_that_fails_is_waited_for),
		TEST(a_finished_model_is_trained_further_without_new_weights),
	};
	log_set_level(LOG_ERROR + 1); /* the failures are wanted here */
	fault_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole jobs with a fake model, a real database file and real folders. Waiting is for records of
 * the job, through the hub. */
#ifndef BERTD_TESTS_WORKER_FIXTURE_H
#define BERTD_TESTS_WORKER_FIXTURE_H

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../fakes/fake_bert.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault_vfs.h"
#include "jobs/event.h"
#include "jobs/job.h"
#include "jobs/rows.h"
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
	struct downloads *downloads;
	struct worker *w;
	int lock;
	char id[ID_SIZE]; /* of the job that the hooks below are about */
	sem_t reached;
	struct errinfo ei;
} f;

static inline void open_db(void)
{
	assert_int_equal(db_open(f.db_path, &f.db, &f.ei), OK);
}

static inline void start_worker(void)
{
	struct worker_config c = { .db = f.db,
				   .hub = f.hub,
				   .places = &f.p,
				   .downloads = f.downloads,
				   .device = "cpu",
				   .threads = 1,
				   .version = "0.0.0" };

	assert_int_equal(worker_start(&c, &f.w, &f.ei), OK);
}

static inline void stop_worker(void)
{
	worker_stop(f.w);
	f.w = NULL;
}

static inline int setup(void **state)
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
	f.p = (struct places){ f.data, f.root, f.models, NULL };
	assert_int_equal(files_make_dirs(f.root, &f.ei), OK);
	char *tiny = model_folder_new(f.models, "tiny");
	char *weights = mem_printf("%s/model.safetensors", tiny);
	assert_int_equal(files_remove(weights, &f.ei), OK); /* all of them are new */
	free(weights);
	free(tiny);
	assert_int_equal(places_open(&f.p, &f.lock, &f.ei), OK);
	open_db();
	f.hub = hub_new();
	f.downloads = downloads_new();
	sem_init(&f.reached, 0, 0);
	fake_bert_reset();
	fault_vfs.fail_at = 0;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fault_vfs.fail_at = 0;
	fake_bert.step_ms = 0;
	stop_worker();
	assert_int_equal(fake_bert.open_models, 0);
	hub_free(f.hub);
	downloads_free(f.downloads);
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
static inline void write_rows(const char *name)
{
	char text[512] = "text,label\n";

	for (int i = 0; i < 16; i++)
		sprintf(text + strlen(text), "%c %c %c,%s\n", i % 2 ? 'g' : 'b', 'h' + i % 5,
			'n' + i % 7, i % 2 ? "good" : "bad");
	model_folder_file(f.root, name, text);
}

/* Queues a job of 16 rows in batches of 4 (4 steps an epoch) on a model; data are more members of
 * dataset, more those of args. */
static inline void queue_on(const char *model, const char *data, const char *more)
{
	struct faults faults = { 0 };
	struct job_spec spec;
	struct buf text = { 0 };
	struct job j;
	bool repeated;
	char *body = mem_printf(
		"{\"model\": \"%s\", \"max_length\": 8, \"dataset\": {\"train\": \"train.csv\", "
		"\"validation\": \"validation.csv\", \"test\": \"test.csv\"%s%s}, \"args\": "
		"{\"per_device_train_batch_size\": 4, \"logging_steps\": 2%s%s}}",
		model, *data ? ", " : "", data, *more ? ", " : "", more);
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

static inline void queue(const char *more)
{
	queue_on("tiny", "", more);
}

static inline struct job job(void)
{
	struct job j;

	assert_int_equal(job_get(f.db, f.id, &j, &f.ei), OK);
	return j;
}

static inline bool is_over(void)
{
	struct job j = job();
	bool over = job_state_final(j.state);

	job_clear(&j);
	return over;
}

static inline void post(void *ctx)
{
	sem_post(ctx);
}

/* Waits for records of the job until the condition holds. */
static inline void wait_until(bool (*holds)(void))
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

static inline void wait_reached(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	assert_int_equal(sem_timedwait(&f.reached, &until), 0);
}

/* Runs the queued job to its end with a worker of its own, and gives the end. */
static inline struct job run_to_end(void)
{
	start_worker();
	wait_until(is_over);
	stop_worker();
	return job();
}

/* The records as "type" or "status:<status>" words. */
static inline const char *history(void)
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
static inline const char *checkpoints(void)
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
static inline const char *result_sha256(void)
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
static inline void expect_the_undisturbed_result(void)
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

static inline int count_entries(const char *folder)
{
	char *command = mem_printf("test $(ls %s/%s | wc -l) -eq 0", f.data, folder);
	int rc = system(command);

	free(command);
	return rc;
}

#endif

/* Fetching without a network: threads, cancelling, waiting, and what is opened with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"
#include "fake_http.h"
#include "hub/fetch.h"

#define N(array)  (sizeof(array) / sizeof(*(array)))
#define COMMIT	  "0123456789abcdef0123456789abcdef01234567"
#define CONFIG	  "{\"model_type\": \"bert\"}"
#define WEIGHTS	  "weights"
#define N_THREADS 8

static const char repo_answer[] =
	"{\"sha\": \"" COMMIT "\", \"siblings\": [{\"rfilename\": \"config.json\"},"
	"{\"rfilename\": \"vocab.txt\"}, {\"rfilename\": \"model.safetensors\"}]}";

struct fixture {
	char dir[64];
	struct fetch_config config;
	struct fetch *f;
	struct errinfo ei;
};

static atomic_int slept_ms;

static void count_sleep(int ms)
{
	atomic_fetch_add(&slept_ms, ms);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	log_set_level(LOG_ERROR);
	strcpy(x->dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	x->config = (struct fetch_config){ .dir = x->dir,
					   .endpoint = "https://hub",
					   .data_hosts = "files",
					   .max_file_bytes = 1 << 20,
					   .max_cache_bytes = 1 << 20,
					   .sleep_ms = count_sleep };
	assert_int_equal(fetch_open(&x->config, &x->f, &x->ei), OK);
	atomic_store(&slept_ms, 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	fetch_close(x->f);
	assert_int_equal(files_remove(x->dir, &x->ei), OK);
	free(x);
	return 0;
}

/* A whole model; each file is asked for once to look and once to get it. */
enum { API, CONFIG_FILE, VOCAB, WEIGHTS_FILE, N_ANSWERS };

static void answer_model(struct fake_answer a[N_ANSWERS + 1])
{
	const struct fake_answer model[N_ANSWERS + 1] = {
		[API] = { .url = "/api/models/a/b/", .status = 200, .body = repo_answer },
		[CONFIG_FILE] = { .url = "config.json", .status = 200, .body = CONFIG },
		[VOCAB] = { .url = "vocab.txt", .status = 200, .body = "[PAD]" },
		[WEIGHTS_FILE] = { .url = "model.safetensors", .status = 200, .body = WEIGHTS },
	};

	memcpy(a, model, sizeof(model));
	fake_answers = a;
}

static void *fetch_in_thread(void *arg)
{
	struct fixture *x = arg;
	char *dir = NULL;

	if (fetch_model(x->f, "a/b", NULL, &dir, NULL, NULL) != OK)
		return NULL;
	return dir;
}

static void many_threads_download_a_model_once(void **state)
{
	struct fake_answer answers[N_ANSWERS + 1];
	pthread_t threads[N_THREADS];
	char *dirs[N_THREADS];

	answer_model(answers);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fetch_in_thread, *state), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], (void **)&dirs[i]);
	for (int i = 0; i < N_THREADS; i++) {
		assert_non_null(dirs[i]);
		assert_string_equal(dirs[i], dirs[0]);
	}
	assert_int_equal(answers[API].asked, N_THREADS);
	assert_int_equal(answers[WEIGHTS_FILE].asked, 2);
	for (int i = 0; i < N_THREADS; i++)
		free(dirs[i]);
}

static void a_part_does_not_make_a_dead_server_busy(void **state)
{
	struct fixture *x = *state;
	struct fake_answer answers[] = { { .url = "x.csv",
					   .times = 1,
					   .status = 200,
					   .body = "a,b",
					   .head = { .etag = "v1" } },
					 { .url = "x.csv",
					   .times = 1,
					   .status = 200,
					   .body = "a,b",
					   .head = { .etag = "v1" },
					   .cut = 2 },
					 { .url = "x.csv", .status = 0 },
					 { 0 } };
	char *path, sha256[SHA256_HEX_SIZE];

	fake_answers = answers;
	assert_int_equal(fetch_file(x->f, "https://files/x.csv", NULL, &path, sha256, &x->ei),
			 ERR_NETWORK);
	assert_int_equal(atomic_load(&slept_ms), 2000 + 4000 + 8000);
}

static bool always(void *ctx)
{
	(void)ctx;
	return true;
}

static void a_download_can_be_cancelled_and_done_later(void **state)
{
	struct fixture *x = *state;
	struct fetch_how how = { .cancelled = always };
	struct fake_answer answers[] = { { .url = "https://files/x.csv",
					   .status = 200,
					   .body = "rows",
					   .head = { .etag = "v1" } },
					 { 0 } };
	char *path, sha256[SHA256_HEX_SIZE];

	fake_answers = answers;
	assert_int_equal(fetch_file(x->f, "https://files/x.csv", &how, &path, sha256, &x->ei),
			 ERR_CANCELLED);
	assert_int_equal(fetch_file(x->f, "https://files/x.csv", NULL, &path, sha256, &x->ei), OK);
	free(path);
}

static bool after_three_seconds(void *ctx)
{
	(void)ctx;
	return atomic_load(&slept_ms) >= 3000;
}

static void waiting_can_be_cancelled(void **state)
{
	struct fixture *x = *state;
	struct fetch_how how = { .cancelled = after_three_seconds };
	struct fake_answer answers[] = {
		{ .url = "/api/", .status = 429, .head = { .retry_after_s = 60 } }, { 0 }
	};
	char *dir;

	fake_answers = answers;
	assert_int_equal(fetch_model(x->f, "a/b", &how, &dir, NULL, &x->ei), ERR_CANCELLED);
	assert_int_equal(atomic_load(&slept_ms), 3000);
}

static void a_connection_that_breaks_is_tried_five_times(void **state)
{
	struct fixture *x = *state;
	struct fake_answer answers[] = { { .url = "/api/", .status = 0 }, { 0 } };
	char *dir;

	fake_answers = answers;
	assert_int_equal(fetch_model(x->f, "a/b", NULL, &dir, NULL, &x->ei), ERR_NETWORK);
	assert_int_equal(answers[0].asked, 5);
	assert_int_equal(atomic_load(&slept_ms), 15000);
}

static void a_connection_that_is_cut_goes_on_at_once(void **state)
{
	struct fixture *x = *state;
	struct fake_answer answers[] = {
		{ .url = "x.csv",
		  .times = 1,
		  .status = 200,
		  .body = "a,b,c,d",
		  .head = { .etag = "v1" } },
		{ .url = "x.csv",
		  .times = 3,
		  .status = 200,
		  .body = "a,b,c,d",
		  .head = { .etag = "v1" },
		  .cut = 2 },
		{ .url = "x.csv", .status = 200, .body = "a,b,c,d", .head = { .etag = "v1" } },
		{ 0 }
	};
	struct buf content = { 0 };
	char *path, sha256[SHA256_HEX_SIZE];

	fake_answers = answers;
	assert_int_equal(fetch_file(x->f, "https://files/x.csv", NULL, &path, sha256, &x->ei), OK);
	assert_int_equal(files_read(path, 100, &content, &x->ei), OK);
	assert_string_equal(content.data, "a,b,c,d");
	assert_int_equal(atomic_load(&slept_ms), 0);
	buf_clear(&content);
	free(path);
}

struct seen {
	int n;
	int64_t bytes, total;
};

static void see(void *ctx, const struct fetch_progress *p)
{
	struct seen *seen = ctx;

	assert_string_equal(p->source, "https://files/d/x.csv?key=1");
	assert_string_equal(p->file, "x.csv");
	seen->n++;
	seen->bytes = p->bytes;
	seen->total = p->total;
}

static void progress_begins_and_ends_each_file(void **state)
{
	struct fixture *x = *state;
	struct seen seen = { 0 };
	struct fetch_how how = { .progress = see, .ctx = &seen };
	struct fake_answer answers[] = { { .url = "x.csv", .status = 200, .body = "text" }, { 0 } };
	char *path, sha256[SHA256_HEX_SIZE];

	fake_answers = answers;
	assert_int_equal(
		fetch_file(x->f, "https://files/d/x.csv?key=1", &how, &path, sha256, &x->ei), OK);
	assert_true(seen.n >= 2);
	assert_int_equal(seen.bytes, 4);
	assert_int_equal(seen.total, 4);
	free(path);
}

static void what_is_a_url_is_told_by_its_scheme(void **state)
{
	static const struct {
		const char *file;
		bool url;
		enum err e; /* of fetch_check_url */
	} cases[] = {
		{ "hf://datasets/a/b/c.csv", true, OK },
		{ "hf://datasets/a/b", true, ERR_INVALID },
		{ "https://files/c.csv", true, OK },
		{ "https://other/c.csv", true, ERR_DENIED },
		{ "http://files/c.csv", true, ERR_INVALID },
		{ "s3://a/b", true, ERR_UNSUPPORTED },
		{ "file:///etc/passwd", true, ERR_UNSUPPORTED },
		{ "reviews.csv", false, OK },
		{ "a/b://c", false, OK },
		{ "://x", false, OK },
		{ "", false, OK },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < N(cases); i++) {
		assert_int_equal(fetch_is_url(cases[i].file), cases[i].url);
		if (cases[i].url)
			assert_int_equal(fetch_check_url(x->f, cases[i].file, &x->ei), cases[i].e);
	}
}

static void an_endpoint_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "", "hub", "http://hub", "https://hub/", "https://h?x" };
	struct fixture *x = *state;
	struct fetch *f;

	for (size_t i = 0; i < N(bad); i++) {
		struct fetch_config c = x->config;
		c.endpoint = bad[i];
		assert_int_equal(fetch_open(&c, &f, &x->ei), ERR_INVALID);
		assert_non_null(strstr(x->ei.msg, "hf_endpoint"));
	}
	struct fetch_config c = x->config;
	c.data_hosts = "https://files";
	assert_int_equal(fetch_open(&c, &f, &x->ei), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_threads_download_a_model_once),
		TEST(a_download_can_be_cancelled_and_done_later),
		TEST(waiting_can_be_cancelled),
		TEST(a_connection_that_breaks_is_tried_five_times),
		TEST(a_connection_that_is_cut_goes_on_at_once),
		TEST(a_part_does_not_make_a_dead_server_busy),
		TEST(progress_begins_and_ends_each_file),
		TEST(what_is_a_url_is_told_by_its_scheme),
		TEST(an_endpoint_that_is_none_is_refused),
	};

	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}

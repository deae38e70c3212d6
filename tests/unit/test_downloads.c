/* Downloads under way: what is noted of them, and which records a job's readers get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/downloads.h"
#include "jobs/event.h"
#include "jobs/job.h"

#define MB (1 << 20)

struct fixture {
	struct db *db;
	struct hub *hub;
	struct downloads *downloads;
	struct download_watch watch;
	char id[ID_SIZE];
	bool cancelled;
	struct errinfo ei;
};

static bool is_cancelled(void *ctx)
{
	return ((struct fixture *)ctx)->cancelled;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct job_new n = { .spec = "{}", .report = "{}", .body_sha256 = "", .max_queued = 9 };
	struct job j;
	bool repeated;

	assert_int_equal(db_open(":memory:", &f->db, &f->ei), OK);
	assert_int_equal(job_create(f->db, &n, &j, &repeated, &f->ei), OK);
	strcpy(f->id, j.id);
	job_clear(&j);
	f->hub = hub_new();
	f->downloads = downloads_new();
	f->watch = (struct download_watch){ .db = f->db,
					    .hub = f->hub,
					    .downloads = f->downloads,
					    .job_id = f->id,
					    .status = "preparing",
					    .cancelled = is_cancelled,
					    .ctx = f };
	download_watch_begin(&f->watch);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	download_watch_end(&f->watch);
	downloads_free(f->downloads);
	hub_free(f->hub);
	db_close(f->db);
	free(f);
	return 0;
}

static void progress(struct fixture *f, const char *file, int64_t bytes, int64_t total)
{
	struct fetch_progress p = { "org/model", file, bytes, total };

	f->watch.how.progress(f->watch.how.ctx, &p);
}

/* Records behind the first, which says that the job is queued. */
static int n_records(struct fixture *f)
{
	struct event *list;
	int n;

	assert_int_equal(event_list(f->db, f->id, 1, 100, &list, &n, &f->ei), OK);
	for (int i = 0; i < n; i++)
		event_clear(&list[i]);
	free(list);
	return n;
}

static void a_download_is_shown_until_it_ends(void **state)
{
	struct fixture *f = *state;

	assert_null(downloads_json(f->downloads, f->id));
	progress(f, "model.safetensors", 3 * MB, 9 * MB);
	json_t *o = downloads_json(f->downloads, f->id);
	assert_string_equal(json_string_value(json_object_get(o, "source")), "org/model");
	assert_string_equal(json_string_value(json_object_get(o, "file")), "model.safetensors");
	assert_int_equal(json_integer_value(json_object_get(o, "bytes")), 3 * MB);
	assert_int_equal(json_integer_value(json_object_get(o, "total_bytes")), 9 * MB);
	json_decref(o);
	download_watch_end(&f->watch);
	assert_null(downloads_json(f->downloads, f->id));
}

static void downloads_of_two_owners_are_apart(void **state)
{
	struct fixture *f = *state;
	struct fetch_progress p = { "a/b", "config.json", 1, -1 };

	downloads_note(f->downloads, "a/b", &p);
	assert_null(downloads_json(f->downloads, f->id));
	json_t *o = downloads_json(f->downloads, "a/b");
	assert_true(json_is_null(json_object_get(o, "total_bytes")));
	json_decref(o);
	downloads_end(f->downloads, "a/b");
	assert_null(downloads_json(f->downloads, "a/b"));
	downloads_end(f->downloads, "a/b");
}

static void small_files_are_not_told(void **state)
{
	struct fixture *f = *state;

	progress(f, "config.json", 0, 600);
	progress(f, "config.json", 600, 600);
	assert_int_equal(n_records(f), 0);
}

static void a_large_file_is_told_at_its_beginning_and_its_end(void **state)
{
	struct fixture *f = *state;

	progress(f, "model.safetensors", 0, 9 * MB);
	assert_int_equal(n_records(f), 1);
	progress(f, "model.safetensors", 4 * MB, 9 * MB);
	assert_int_equal(n_records(f), 1);
	progress(f, "model.safetensors", 9 * MB, 9 * MB);
	assert_int_equal(n_records(f), 2);
	progress(f, "second.safetensors", 0, 9 * MB);
	assert_int_equal(n_records(f), 3);
}

static void a_cancel_reaches_the_download(void **state)
{
	struct fixture *f = *state;

	assert_false(f->watch.how.cancelled(f->watch.how.ctx));
	f->cancelled = true;
	assert_true(f->watch.how.cancelled(f->watch.how.ctx));
}

static void a_job_that_is_gone_stops_nothing(void **state)
{
	struct fixture *f = *state;
	struct job j = { 0 };

	assert_int_equal(job_cancel(f->db, f->id, &j, &f->ei), OK);
	job_clear(&j);
	int n = n_records(f);
	progress(f, "model.safetensors", 0, 9 * MB);
	assert_int_equal(n_records(f), n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_download_is_shown_until_it_ends),
		T(downloads_of_two_owners_are_apart),
		T(small_files_are_not_told),
		T(a_large_file_is_told_at_its_beginning_and_its_end),
		T(a_cancel_reaches_the_download),
		T(a_job_that_is_gone_stops_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

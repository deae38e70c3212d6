/* The records of a job: numbering, paging, the encoder, and what the job's row takes over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/event.h"
#include "jobs/job.h"

struct fixture {
	struct db *db;
	char id[ID_SIZE];
	struct errinfo ei;
};

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
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	db_close(f->db);
	free(f);
	return 0;
}

static enum err add(struct fixture *f, const char *type, const char *members, int64_t *seq)
{
	json_t *v = json_loads(members, 0, NULL);
	enum err e = event_add(f->db, f->id, type, v, seq, &f->ei);

	json_decref(v);
	return e;
}

/* The records behind after, one a line, without their times. */
static const char *lines(struct fixture *f, int64_t after, int limit)
{
	static char out[4096];
	struct buf text = { 0 };
	struct event *list;
	int n;

	out[0] = '\0';
	assert_int_equal(event_list(f->db, f->id, after, limit, &list, &n, &f->ei), OK);
	for (int i = 0; i < n; i++) {
		event_print(&list[i], &text);
		char *time = strstr(text.data, ",\"time\":\"");
		assert_non_null(time);
		memmove(time, time + 34, strlen(time + 34) + 1);
		strcat(strcat(out, text.data), "\n");
		buf_reset(&text);
		event_clear(&list[i]);
	}
	free(list);
	buf_clear(&text);
	return out;
}

static void records_are_numbered_from_one_without_a_gap(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 0;

	for (int64_t i = 2; i <= 5; i++) {
		assert_int_equal(add(f, "log", "{}", &seq), OK);
		assert_int_equal(seq, i);
	}
}

static void a_record_prints_its_members_behind_the_time(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "log", "{\"epoch\": 1.0, \"step\": 79, \"loss\": 0.5}", NULL), OK);
	assert_int_equal(add(f, "log", "{}", NULL), OK);
	assert_string_equal(lines(f, 0, 10),
			    "{\"seq\":1,\"type\":\"status\",\"status\":\"queued\"}\n"
			    "{\"seq\":2,\"type\":\"log\",\"epoch\":1.0,\"step\":79,\"loss\":0.5}\n"
			    "{\"seq\":3,\"type\":\"log\"}\n");
}

static void a_list_starts_behind_after_and_ends_at_limit(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		assert_int_equal(add(f, "log", "{}", NULL), OK);
	assert_string_equal(lines(f, 2, 2),
			    "{\"seq\":3,\"type\":\"log\"}\n{\"seq\":4,\"type\":\"log\"}\n");
	assert_string_equal(lines(f, 5, 2), "");
}

static void the_job_takes_over_progress_and_the_last_evaluation(void **state)
{
	struct fixture *f = *state;
	struct job j;

	assert_int_equal(add(f, "status", "{\"total_steps\": 237}", NULL), OK);
	assert_int_equal(add(f, "eval", "{\"epoch\": 1.0, \"step\": 79, \"eval_loss\": 0.5}", NULL),
			 OK);
	assert_int_equal(add(f, "log", "{\"epoch\": 1.5, \"step\": 118}", NULL), OK);
	assert_int_equal(job_get(f->db, f->id, &j, &f->ei), OK);
	assert_true(j.epoch == 1.5);
	assert_int_equal(j.step, 118);
	assert_int_equal(j.total_steps, 237);
	assert_string_equal(j.metrics, "{\"epoch\":1.0,\"step\":79,\"eval_loss\":0.5}");
	job_clear(&j);
}

static void nothing_follows_done(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "done", "{\"status\": \"failed\"}", NULL), OK);
	assert_int_equal(add(f, "log", "{}", NULL), ERR_CONFLICT);
	assert_string_equal(f->ei.msg, "nothing follows the record \"done\"");
}

static void unknown_jobs_and_unknown_types_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "gossip", "{}", NULL), ERR_CONFLICT);
	strcpy(f->id, "job_nobody");
	assert_int_equal(add(f, "log", "{}", NULL), ERR_CONFLICT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(records_are_numbered_from_one_without_a_gap),
		TEST(a_record_prints_its_members_behind_the_time),
		TEST(a_list_starts_behind_after_and_ends_at_limit),
		TEST(the_job_takes_over_progress_and_the_last_evaluation),
		TEST(nothing_follows_done),
		TEST(unknown_jobs_and_unknown_types_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

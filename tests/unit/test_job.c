/* Job rows: queueing, the state machine, claims, orphans, lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jobs/event.h"
#include "jobs/job.h"
#include "jobs/rows.h"

struct fixture {
	struct db *db;
	struct errinfo ei;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(db_open(":memory:", &f->db, &f->ei), OK);
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

#define SPEC "{\"model\":\"tiny\",\"dataset\":{\"train\":{\"file\":\"ds_1\"}},\"max_length\":64}"

static enum err queue(struct fixture *f, const char *name, const char *key, const char *body,
		      char *id, bool *repeated)
{
	struct job_new n = { .name = name,
			     .spec = SPEC,
			     .report = "{\"rows\":{}}",
			     .idempotency_key = key,
			     .body_sha256 = body,
			     .max_queued = 20 };
	struct job j = { 0 };
	enum err e = job_create(f->db, &n, &j, repeated, &f->ei);

	strcpy(id, j.id);
	job_clear(&j);
	return e;
}

static void queued(struct fixture *f, char *id)
{
	bool repeated;

	assert_int_equal(queue(f, NULL, NULL, "", id, &repeated), OK);
	assert_false(repeated);
}

static const char *state_of(struct fixture *f, const char *id)
{
	struct job j;

	assert_int_equal(job_get(f->db, id, &j, &f->ei), OK);
	const char *name = job_state_name(j.state);
	job_clear(&j);
	return name;
}

static enum err move(struct fixture *f, const char *id, enum job_state to)
{
	return job_move(f->db, id, to, NULL, &f->ei);
}

static void claimed(struct fixture *f, char *id)
{
	struct job j;

	assert_int_equal(job_claim(f->db, &j, &f->ei), OK);
	strcpy(id, j.id);
	job_clear(&j);
}

static enum err succeed(struct fixture *f, const char *id, char *model_id)
{
	struct job_result r = { .labels = "[\"a\",\"b\"]",
				.metrics = "{\"eval_loss\":0.5}",
				.sha256 = "00",
				.bytes = 7,
				.step = 12 };

	ids_new("mdl_", model_id);
	r.model_id = model_id;
	return job_succeed(f->db, id, &r, &f->ei);
}

/* Leads a new job to the state by the shortest way. */
static void reach(struct fixture *f, enum job_state to, char *id)
{
	char other[ID_SIZE], model[ID_SIZE];

	queued(f, id);
	if (to == JOB_QUEUED)
		return;
	claimed(f, other);
	assert_string_equal(other, id);
	if (to == JOB_PREPARING)
		return;
	assert_int_equal(move(f, id, JOB_RUNNING), OK);
	if (to == JOB_CANCELLED)
		assert_int_equal(move(f, id, JOB_CANCELLING), OK);
	if (to == JOB_SUCCEEDED)
		assert_int_equal(succeed(f, id, model), OK);
	else if (to != JOB_RUNNING)
		assert_int_equal(move(f, id, to), OK);
}

/* The types of a job's records, with the status of those that have one. */
static const char *history(struct fixture *f, const char *id)
{
	static char out[1024];
	struct event *list;
	int n;

	out[0] = '\0';
	assert_int_equal(event_list(f->db, id, 0, 50, &list, &n, &f->ei), OK);
	for (int i = 0; i < n; i++) {
		json_t *v = json_loads(list[i].members, 0, NULL);
		const char *status = json_string_value(json_object_get(v, "status"));
		sprintf(out + strlen(out), "%s%s:%s", i ? " " : "", list[i].type, status);
		json_decref(v);
		event_clear(&list[i]);
	}
	free(list);
	return out;
}

/* Tries the edge in SQL alone, past the table in C. */
static enum err force(struct fixture *f, const char *id, enum job_state to)
{
	struct stmt *s = db_begin(f->db, SQL_JOB_ENTER);

	stmt_text(s, job_state_name(to));
	stmt_int(s, 0);
	stmt_int(s, 0);
	stmt_text(s, NULL);
	stmt_text(s, NULL);
	stmt_text(s, NULL);
	stmt_text(s, id);
	return db_run(s, &f->ei);
}

static void the_table_and_the_trigger_allow_the_same_edges(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE];

	for (int from = 0; from < N_JOB_STATES; from++) {
		for (int to = 0; to < N_JOB_STATES; to++) {
			bool can = job_state_can((enum job_state)from, (enum job_state)to);
			reach(f, (enum job_state)from, id);
			assert_int_equal(force(f, id, (enum job_state)to), can ? OK : ERR_CONFLICT);
			if (from == JOB_QUEUED && !can) /* out of the way of the next claim */
				assert_int_equal(force(f, id, JOB_CANCELLED), OK);
			else if (can && to == JOB_QUEUED)
				assert_int_equal(force(f, id, JOB_CANCELLED), OK);
		}
	}
}

static void every_edge_taken_through_job_move_agrees_with_the_table(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE];

	for (int from = 0; from < N_JOB_STATES; from++) {
		for (int to = 0; to < N_JOB_STATES; to++) {
			bool can = job_state_can((enum job_state)from, (enum job_state)to);
			reach(f, (enum job_state)from, id);
			assert_int_equal(move(f, id, (enum job_state)to), can ? OK : ERR_CONFLICT);
			if (strcmp(state_of(f, id), "queued") == 0)
				assert_int_equal(move(f, id, JOB_CANCELLED), OK);
		}
	}
}

static void an_ended_job_does_not_change_at_all(void **state)
{
	static const enum job_state ends[] = { JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED };
	struct fixture *f = *state;
	char id[ID_SIZE];

	for (int i = 0; i < 3; i++) {
		reach(f, ends[i], id);
		assert_true(job_state_final(ends[i]));
		assert_int_equal(job_set_report(f->db, id, "{}", &f->ei), ERR_CONFLICT);
		assert_int_equal(job_set_best(f->db, id, "{}", &f->ei), ERR_CONFLICT);
	}
}

static void state_names_parse_back(void **state)
{
	enum job_state s;

	(void)state;
	for (int i = 0; i < N_JOB_STATES; i++) {
		assert_true(job_state_parse(job_state_name((enum job_state)i), &s));
		assert_int_equal(s, i);
	}
	assert_false(job_state_parse("paused", &s));
}

static void claim_takes_oldest_then_reports_empty(void **state)
{
	struct fixture *f = *state;
	char a[ID_SIZE], b[ID_SIZE], got[ID_SIZE];
	struct job j;

	queued(f, a);
	queued(f, b);
	claimed(f, got);
	assert_string_equal(got, a);
	claimed(f, got);
	assert_string_equal(got, b);
	assert_int_equal(job_claim(f->db, &j, &f->ei), ERR_NOT_FOUND);
}

static void a_claim_counts_the_attempt_and_a_clean_stop_gives_it_back(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE];
	struct job j;

	queued(f, id);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(job_claim(f->db, &j, &f->ei), OK);
		assert_int_equal(j.attempt, 1);
		assert_true(j.started_ms > 0 && j.queue_position == 0);
		job_clear(&j);
		assert_int_equal(job_move(f->db, id, JOB_QUEUED,
					  &(struct job_end){ .give_back = true }, &f->ei),
				 OK);
	}
}

static void orphans_go_back_to_the_queue_and_keep_their_place(void **state)
{
	struct fixture *f = *state;
	char running[ID_SIZE], behind[ID_SIZE], got[ID_SIZE];
	int n;

	reach(f, JOB_RUNNING, running);
	queued(f, behind);
	assert_int_equal(job_requeue_orphans(f->db, &n, &f->ei), OK);
	assert_int_equal(n, 1);
	assert_string_equal(history(f, running),
			    "status:queued status:preparing status:running status:queued");
	claimed(f, got);
	assert_string_equal(got, running);
}

static void a_cancelling_orphan_is_cancelled(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE];
	int n;

	reach(f, JOB_CANCELLING, id);
	assert_int_equal(job_requeue_orphans(f->db, &n, &f->ei), OK);
	assert_string_equal(state_of(f, id), "cancelled");
}

static void a_job_that_ends_the_daemon_three_times_is_poison(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], got[ID_SIZE];
	struct job j;
	int n;

	queued(f, id);
	for (int i = 0; i < JOB_MAX_ATTEMPTS; i++) {
		assert_string_equal(state_of(f, id), "queued");
		claimed(f, got);
		assert_int_equal(job_requeue_orphans(f->db, &n, &f->ei), OK);
	}
	assert_int_equal(job_get(f->db, id, &j, &f->ei), OK);
	assert_int_equal(j.state, JOB_FAILED);
	assert_string_equal(j.error_code, "poison");
	assert_non_null(j.error_hint);
	assert_true(j.ended_ms >= j.started_ms);
	job_clear(&j);
}

static void cancel_ends_what_waits_and_marks_what_runs(void **state)
{
	static const struct {
		enum job_state from;
		enum err want;
		const char *then;
	} cases[] = {
		{ JOB_PREPARING, OK, "cancelling" },
		{ JOB_RUNNING, OK, "cancelling" },
		{ JOB_CANCELLING, OK, "cancelling" },
		{ JOB_CANCELLED, OK, "cancelled" },
		{ JOB_FAILED, ERR_CONFLICT, "failed" },
		{ JOB_SUCCEEDED, ERR_CONFLICT, "succeeded" },
		{ JOB_QUEUED, OK, "cancelled" },
	};
	struct fixture *f = *state;
	char id[ID_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct job j = { 0 };
		reach(f, cases[i].from, id);
		assert_int_equal(job_cancel(f->db, id, &j, &f->ei), cases[i].want);
		if (cases[i].want != OK)
			assert_non_null(strstr(f->ei.msg, cases[i].then));
		assert_string_equal(state_of(f, id), cases[i].then);
		job_clear(&j);
	}
	assert_int_equal(job_cancel(f->db, "job_nobody", &(struct job){ 0 }, &f->ei),
			 ERR_NOT_FOUND);
}

static void a_failure_is_told_by_row_and_records(void **state)
{
	struct fixture *f = *state;
	struct job_end end = { .code = "diverged", .message = "the loss is not finite" };
	char id[ID_SIZE];
	struct event *list;
	int n;

	reach(f, JOB_RUNNING, id);
	assert_int_equal(job_move(f->db, id, JOB_FAILED, &end, &f->ei), OK);
	assert_string_equal(history(f, id), "status:queued status:preparing status:running "
					    "status:failed done:failed");
	assert_int_equal(event_list(f->db, id, 3, 1, &list, &n, &f->ei), OK);
	assert_string_equal(list[0].members,
			    "{\"status\":\"failed\",\"error\":{\"code\":\"diverged\",\"message\":"
			    "\"the loss is not finite\",\"hint\":null}}");
	event_clear(list);
	free(list);
}

static void a_result_is_model_row_state_and_records_at_once(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], model[ID_SIZE];
	struct model_row m;
	struct job j;

	reach(f, JOB_RUNNING, id);
	assert_int_equal(succeed(f, id, model), OK);
	assert_int_equal(job_get(f->db, id, &j, &f->ei), OK);
	assert_int_equal(j.state, JOB_SUCCEEDED);
	assert_string_equal(j.model_id, model);
	assert_int_equal(j.step, 12);
	job_clear(&j);
	assert_int_equal(model_row_get(f->db, model, &m, &f->ei), OK);
	assert_string_equal(m.base, "tiny");
	model_row_clear(&m);
	assert_non_null(strstr(history(f, id), "status:succeeded done:succeeded"));
}

static void a_cancelled_job_gets_no_result(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], model[ID_SIZE];
	struct model_row m;

	reach(f, JOB_CANCELLING, id);
	assert_int_equal(succeed(f, id, model), ERR_CONFLICT);
	assert_int_equal(model_row_get(f->db, model, &m, &f->ei), ERR_NOT_FOUND);
	assert_string_equal(state_of(f, id), "cancelling");
}

static void a_repeated_key_gives_the_first_job_and_another_body_a_conflict(void **state)
{
	struct fixture *f = *state;
	char first[ID_SIZE], again[ID_SIZE];
	bool repeated;
	struct job j;

	assert_int_equal(queue(f, NULL, "k", "aa", first, &repeated), OK);
	assert_false(repeated);
	assert_int_equal(queue(f, NULL, "k", "aa", again, &repeated), OK);
	assert_true(repeated);
	assert_string_equal(first, again);
	assert_int_equal(queue(f, NULL, "k", "bb", again, &repeated), ERR_CONFLICT);
	assert_int_equal(job_find_repeat(f->db, "k", "aa", &j, &f->ei), OK);
	assert_string_equal(j.id, first);
	job_clear(&j);
	assert_int_equal(job_find_repeat(f->db, "other", "aa", &j, &f->ei), ERR_NOT_FOUND);
}

static void a_full_queue_is_busy_until_one_is_claimed(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE];
	bool repeated;

	for (int i = 0; i < 20; i++)
		queued(f, id);
	assert_int_equal(queue(f, NULL, NULL, "", id, &repeated), ERR_BUSY);
	claimed(f, id);
	assert_int_equal(queue(f, NULL, NULL, "", id, &repeated), OK);
}

static void queue_positions_count_from_one(void **state)
{
	struct fixture *f = *state;
	char id[3][ID_SIZE], got[ID_SIZE];
	struct job j;

	for (int i = 0; i < 3; i++)
		queued(f, id[i]);
	claimed(f, got);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(job_get(f->db, id[i], &j, &f->ei), OK);
		assert_int_equal(j.queue_position, i);
		job_clear(&j);
	}
}

/* The ids of one page, as indices into ids: "43". */
static const char *page(struct fixture *f, char ids[][ID_SIZE], int n_ids, int state,
			const char *after, int limit, bool *more)
{
	static char out[32];
	struct job_page p = { state, after, limit };
	struct job *list;
	int n;

	out[0] = '\0';
	assert_int_equal(job_list(f->db, &p, &list, &n, more, &f->ei), OK);
	for (int i = 0; i < n; i++) {
		for (int k = 0; k < n_ids; k++)
			if (strcmp(list[i].id, ids[k]) == 0)
				sprintf(out + strlen(out), "%d", k);
		job_clear(&list[i]);
	}
	free(list);
	return out;
}

static void lists_are_newest_first_and_page_by_after(void **state)
{
	struct fixture *f = *state;
	char ids[5][ID_SIZE], got[ID_SIZE];
	bool more;

	for (int i = 0; i < 5; i++)
		queued(f, ids[i]);
	claimed(f, got);
	assert_string_equal(page(f, ids, 5, -1, NULL, 2, &more), "43");
	assert_true(more);
	assert_string_equal(page(f, ids, 5, -1, ids[3], 2, &more), "21");
	assert_string_equal(page(f, ids, 5, -1, ids[1], 2, &more), "0");
	assert_false(more);
	assert_string_equal(page(f, ids, 5, JOB_QUEUED, ids[2], 9, &more), "1");
	assert_string_equal(page(f, ids, 5, JOB_PREPARING, NULL, 9, &more), "0");
}

static void counts_are_by_state(void **state)
{
	struct fixture *f = *state;
	int64_t counts[N_JOB_STATES];
	char id[ID_SIZE];

	reach(f, JOB_FAILED, id);
	reach(f, JOB_RUNNING, id);
	queued(f, id);
	queued(f, id);
	assert_int_equal(job_counts(f->db, counts, &f->ei), OK);
	assert_int_equal(counts[JOB_QUEUED], 2);
	assert_int_equal(counts[JOB_RUNNING], 1);
	assert_int_equal(counts[JOB_FAILED], 1);
	assert_int_equal(counts[JOB_SUCCEEDED], 0);
}

static void delete_takes_records_checkpoints_and_model_along(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], model[ID_SIZE];
	struct model_row m;
	json_t *checkpoints;

	reach(f, JOB_RUNNING, id);
	assert_int_equal(job_delete(f->db, id, &f->ei), ERR_CONFLICT);
	assert_non_null(strstr(f->ei.msg, "running"));
	assert_int_equal(checkpoint_row_put(f->db, id, 79, 1, NULL, "00", 5, &f->ei), OK);
	assert_int_equal(succeed(f, id, model), OK);
	assert_int_equal(job_delete(f->db, id, &f->ei), OK);
	assert_int_equal(job_delete(f->db, id, &f->ei), ERR_NOT_FOUND);
	assert_int_equal(model_row_get(f->db, model, &m, &f->ei), ERR_NOT_FOUND);
	assert_int_equal(checkpoint_rows_json(f->db, id, &checkpoints, &f->ei), OK);
	assert_int_equal(json_array_size(checkpoints), 0);
	json_decref(checkpoints);
	assert_string_equal(history(f, id), "");
}

static void the_newest_success_of_a_name_is_found(void **state)
{
	struct fixture *f = *state;
	char ids[3][ID_SIZE], got[ID_SIZE], model[ID_SIZE];
	struct model_row m;
	bool repeated;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(queue(f, "imdb", NULL, "", ids[i], &repeated), OK);
		claimed(f, got);
		assert_int_equal(move(f, got, JOB_RUNNING), OK);
	}
	assert_int_equal(model_row_by_name(f->db, "imdb", &m, &f->ei), ERR_NOT_FOUND);
	assert_int_equal(succeed(f, ids[0], model), OK);
	assert_int_equal(succeed(f, ids[1], model), OK);
	assert_int_equal(move(f, ids[2], JOB_FAILED), OK);
	assert_int_equal(model_row_by_name(f->db, "imdb", &m, &f->ei), OK);
	assert_string_equal(m.job_id, ids[1]);
	model_row_clear(&m);
	assert_int_equal(model_row_delete(f->db, model, &f->ei), OK);
	assert_int_equal(model_row_by_name(f->db, "imdb", &m, &f->ei), OK);
	assert_string_equal(m.job_id, ids[0]);
	model_row_clear(&m);
}

static void the_resource_shows_the_request_beside_the_state(void **state)
{
	static const char *const members[] = {
		"id",	       "object",     "name",	 "status",	"queue_position",
		"created_at",  "started_at", "ended_at", "progress",	"metrics",
		"best_metric", "model_id",   "error",	 "data_report", "max_length",
		"model",       "dataset",
	};
	struct fixture *f = *state;
	char id[ID_SIZE];
	struct job j;

	queued(f, id);
	assert_int_equal(job_get(f->db, id, &j, &f->ei), OK);
	json_t *o = job_json(&j);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		assert_non_null(json_object_get(o, members[i]));
	assert_string_equal(json_string_value(json_object_get(o, "status")), "queued");
	assert_string_equal(json_string_value(json_object_get(o, "model")), "tiny");
	assert_int_equal(json_integer_value(json_object_get(o, "queue_position")), 1);
	assert_true(json_is_null(json_object_get(o, "started_at")));
	assert_int_equal(json_object_size(json_object_get(o, "progress")), 4);
	json_decref(o);
	job_clear(&j);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_table_and_the_trigger_allow_the_same_edges),
		TEST(every_edge_taken_through_job_move_agrees_with_the_table),
		TEST(an_ended_job_does_not_change_at_all),
		TEST(state_names_parse_back),
		TEST(claim_takes_oldest_then_reports_empty),
		TEST(a_claim_counts_the_attempt_and_a_clean_stop_gives_it_back),
		TEST(orphans_go_back_to_the_queue_and_keep_their_place),
		TEST(a_cancelling_orphan_is_cancelled),
		TEST(a_job_that_ends_the_daemon_three_times_is_poison),
		TEST(cancel_ends_what_waits_and_marks_what_runs),
		TEST(a_failure_is_told_by_row_and_records),
		TEST(a_result_is_model_row_state_and_records_at_once),
		TEST(a_cancelled_job_gets_no_result),
		TEST(a_repeated_key_gives_the_first_job_and_another_body_a_conflict),
		TEST(a_full_queue_is_busy_until_one_is_claimed),
		TEST(queue_positions_count_from_one),
		TEST(lists_are_newest_first_and_page_by_after),
		TEST(counts_are_by_state),
		TEST(delete_takes_records_checkpoints_and_model_along),
		TEST(the_newest_success_of_a_name_is_found),
		TEST(the_resource_shows_the_request_beside_the_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

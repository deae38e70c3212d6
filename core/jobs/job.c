/* Job rows: see job.h. How they move from state to state is in job_moves.c. */
#include "jobs/job.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/columns.h"
#include "jobs/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void job_clear(struct job *j)
{
	free(j->name);
	free(j->spec);
	free(j->report);
	free(j->best);
	free(j->metrics);
	free(j->error_code);
	free(j->error_message);
	free(j->error_hint);
	memset(j, 0, sizeof(*j));
}

/* Reads a row of JOB_COLS. */
static void job_row(struct stmt *s, struct job *j)
{
	const char *model = stmt_get_text(s, 17);

	snprintf(j->id, sizeof(j->id), "%s", stmt_get_text(s, 0));
	BUG_ON(!job_state_parse(stmt_get_text(s, 1), &j->state));
	j->name = column_copy(s, 2);
	j->spec = column_copy(s, 3);
	j->report = column_copy(s, 4);
	j->best = column_copy(s, 5);
	j->metrics = column_copy(s, 6);
	j->attempt = (int)stmt_get_int(s, 7);
	j->created_ms = stmt_get_int(s, 8);
	j->started_ms = stmt_get_int(s, 9);
	j->ended_ms = stmt_get_int(s, 10);
	j->epoch = stmt_get_real(s, 11);
	j->step = stmt_get_int(s, 12);
	j->total_steps = stmt_get_int(s, 13);
	j->error_code = column_copy(s, 14);
	j->error_message = column_copy(s, 15);
	j->error_hint = column_copy(s, 16);
	snprintf(j->model_id, sizeof(j->model_id), "%s", model ? model : "");
	j->queue_position = stmt_get_int(s, 18);
}

/* Ends a SELECT of at most one job. */
static enum err one_job(struct stmt *s, struct job *out, struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = stmt_step(s, ei);

	if (e == OK)
		job_row(s, &j);
	e = db_end(s, e, ei);
	if (e == OK)
		*out = j;
	else
		job_clear(&j);
	return e;
}

enum err job_get(struct db *db, const char *id, struct job *out, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_BY_ID);

	stmt_text(s, id);
	enum err e = one_job(s, out, ei);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such job") : e;
}

enum err job_find_repeat(struct db *db, const char *idempotency_key, const char *body_sha256,
			 struct job *out, struct errinfo *ei)
{
	char id[ID_SIZE] = "";
	bool same = false;
	struct stmt *s = db_begin(db, SQL_JOB_BY_KEY);

	stmt_text(s, idempotency_key);
	enum err e = stmt_step(s, ei);
	if (e == OK) {
		snprintf(id, sizeof(id), "%s", stmt_get_text(s, 0));
		same = strcmp(stmt_get_text(s, 1), body_sha256) == 0;
	}
	e = db_end(s, e, ei);
	if (e != OK)
		return e;
	if (!same)
		return err_set(ei, ERR_CONFLICT,
			       "this Idempotency-Key was used before, with another body");
	return job_get(db, id, out, ei);
}

static enum err queue_has_room(struct db *db, int64_t max, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_COUNT_QUEUED);
	enum err e = stmt_step(s, ei);
	int64_t queued = e == OK ? stmt_get_int(s, 0) : 0;

	e = db_end(s, e, ei);
	if (e == OK && queued >= max)
		return err_set(ei, ERR_BUSY, "the queue is full: %lld jobs wait",
			       (long long)queued);
	return e;
}

static enum err job_insert(struct db *db, const char *id, const struct job_new *n,
			   struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_INSERT);

	stmt_text(s, id);
	stmt_text(s, n->name);
	stmt_text(s, n->spec);
	stmt_text(s, n->report);
	stmt_int(s, clock_now_ms());
	stmt_text(s, n->idempotency_key);
	stmt_text(s, n->body_sha256);
	enum err e = db_run(s, ei);
	if (e != OK)
		return e;
	json_t *members = json_pack("{ss}", "status", "queued");
	e = event_insert(db, id, "status", members, NULL, ei);
	json_decref(members);
	return e;
}

static enum err create(struct db *db, const struct job_new *n, struct job *out, bool *repeated,
		       struct errinfo *ei)
{
	char id[ID_SIZE];
	enum err e = ERR_NOT_FOUND;

	if (n->idempotency_key)
		e = job_find_repeat(db, n->idempotency_key, n->body_sha256, out, ei);
	*repeated = e == OK;
	if (e != ERR_NOT_FOUND)
		return e;
	e = queue_has_room(db, n->max_queued, ei);
	if (e != OK)
		return e;
	ids_new("job_", id);
	e = job_insert(db, id, n, ei);
	return e == OK ? job_get(db, id, out, ei) : e;
}

enum err job_create(struct db *db, const struct job_new *n, struct job *out, bool *repeated,
		    struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = db_transaction(db, ei);

	if (e != OK)
		return e;
	e = db_finish(db, create(db, n, &j, repeated, ei), ei);
	if (e == OK)
		*out = j;
	else
		job_clear(&j);
	return e;
}

enum err job_list(struct db *db, const struct job_page *page, struct job **out, int *n, bool *more,
		  struct errinfo *ei)
{
	struct job *list = mem_zalloc((size_t)page->limit + 1, sizeof(*list));
	struct stmt *s = db_begin(db, page->state < 0 ? SQL_JOB_LIST : SQL_JOB_LIST_IN_STATE);
	int got = 0;
	enum err e;

	stmt_text(s, page->after);
	stmt_int(s, (int64_t)page->limit + 1);
	if (page->state >= 0)
		stmt_text(s, job_state_name((enum job_state)page->state));
	while ((e = stmt_step(s, ei)) == OK)
		job_row(s, &list[got++]);
	e = db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
	bool over = got > page->limit;
	while (got && (e != OK || got > page->limit))
		job_clear(&list[--got]);
	if (e != OK) {
		free(list);
		return e;
	}
	*out = list;
	*n = got;
	*more = over;
	return OK;
}

enum err job_counts(struct db *db, int64_t *counts, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_COUNTS);
	enum job_state state;
	enum err e;

	memset(counts, 0, N_JOB_STATES * sizeof(*counts));
	while ((e = stmt_step(s, ei)) == OK) {
		BUG_ON(!job_state_parse(stmt_get_text(s, 0), &state));
		counts[state] = stmt_get_int(s, 1);
	}
	return db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
}

enum err job_next_queued(struct db *db, struct job *out, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_NEXT);
	enum err e = stmt_step(s, ei);

	if (e == OK)
		job_row(s, out);
	return db_end(s, e, ei);
}

enum err job_oldest_queued(struct db *db, int64_t *created_ms, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_OLDEST_QUEUED);
	enum err e = stmt_step(s, ei);

	*created_ms = e == OK ? stmt_get_int(s, 0) : 0;
	return db_end(s, e, ei);
}

static enum err delete_ended(struct db *db, const char *id, struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = job_get(db, id, &j, ei);

	if (e == OK && !job_state_final(j.state))
		e = err_set(ei, ERR_CONFLICT,
			    "the job is %s: only a job that has ended can be deleted",
			    job_state_name(j.state));
	job_clear(&j);
	if (e != OK)
		return e;
	struct stmt *s = db_begin(db, SQL_JOB_DELETE);
	stmt_text(s, id);
	return db_run(s, ei);
}

enum err job_delete(struct db *db, const char *id, struct errinfo *ei)
{
	enum err e = db_transaction(db, ei);

	return e == OK ? db_finish(db, delete_ended(db, id, ei), ei) : e;
}

/* Ends an UPDATE … RETURNING of one job's column. */
static enum err set_column(struct db *db, enum statement id, const char *job_id, const char *value,
			   struct errinfo *ei)
{
	struct stmt *s = db_begin(db, id);

	stmt_text(s, value);
	stmt_text(s, job_id);
	return db_end(s, stmt_step(s, ei), ei);
}

enum err job_set_report(struct db *db, const char *id, const char *report, struct errinfo *ei)
{
	return set_column(db, SQL_JOB_SET_REPORT, id, report, ei);
}

enum err job_set_best(struct db *db, const char *id, const char *best, struct errinfo *ei)
{
	return set_column(db, SQL_JOB_SET_BEST, id, best, ei);
}

enum err job_set_total_steps(struct db *db, const char *id, int64_t n, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_SET_TOTAL);

	stmt_int(s, n);
	stmt_text(s, id);
	return db_end(s, stmt_step(s, ei), ei);
}

static json_t *progress_json(const struct job *j)
{
	return json_pack("{s:o,s:I,s:I,s:n}", "epoch", json_number(j->epoch), "step",
			 (json_int_t)j->step, "total_steps", (json_int_t)j->total_steps,
			 "seconds_remaining");
}

static json_t *error_json(const struct job *j)
{
	if (!j->error_code)
		return json_null();
	return json_pack("{s:s,s:s?,s:s?}", "code", j->error_code, "message", j->error_message,
			 "hint", j->error_hint);
}

json_t *job_json(const struct job *j)
{
	json_t *o = json_object();
	json_t *spec = column_json(j->spec);

	json_object_set_new(o, "id", json_string(j->id));
	json_object_set_new(o, "object", json_string("job"));
	json_object_set_new(o, "name", column_string(j->name));
	json_object_set_new(o, "status", json_string(job_state_name(j->state)));
	json_object_set_new(o, "queue_position",
			    j->queue_position ? json_integer(j->queue_position) : json_null());
	json_object_set_new(o, "attempt", json_integer(j->attempt));
	json_object_set_new(o, "created_at", column_time(j->created_ms));
	json_object_set_new(o, "started_at", column_time(j->started_ms));
	json_object_set_new(o, "ended_at", column_time(j->ended_ms));
	json_object_set_new(o, "progress", progress_json(j));
	json_object_set_new(o, "best_metric", column_json(j->best));
	json_object_set_new(o, "metrics", column_json(j->metrics));
	json_object_set_new(o, "model_id", *j->model_id ? json_string(j->model_id) : json_null());
	json_object_set_new(o, "error", error_json(j));
	json_object_set_new(o, "data_report", column_json(j->report));
	json_object_update_missing(o, spec);
	json_decref(spec);
	return o;
}

/* How a job moves from state to state: see job.h. Each move and its records are one transaction. */
#include "jobs/job.h"

#include "base/clock.h"
#include "base/mem.h"
#include "jobs/event.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define X(code, text) text,
	JOB_STATES(X)
#undef X
};

/* The trigger jobs_edges of migrations/ holds the same table. */
static const bool edges[N_JOB_STATES][N_JOB_STATES] = {
	[JOB_QUEUED] = { [JOB_PREPARING] = true, [JOB_CANCELLED] = true },
	[JOB_PREPARING] = { [JOB_RUNNING] = true,
			    [JOB_QUEUED] = true,
			    [JOB_CANCELLING] = true,
			    [JOB_FAILED] = true },
	[JOB_RUNNING] = { [JOB_SUCCEEDED] = true,
			  [JOB_FAILED] = true,
			  [JOB_CANCELLING] = true,
			  [JOB_QUEUED] = true },
	[JOB_CANCELLING] = { [JOB_CANCELLED] = true },
};

const char *job_state_name(enum job_state s)
{
	BUG_ON((unsigned)s >= N_JOB_STATES);
	return state_names[s];
}

bool job_state_parse(const char *name, enum job_state *out)
{
	for (int i = 0; i < N_JOB_STATES; i++) {
		if (strcmp(name, state_names[i]) == 0) {
			*out = (enum job_state)i;
			return true;
		}
	}
	return false;
}

bool job_state_final(enum job_state s)
{
	return s == JOB_SUCCEEDED || s == JOB_FAILED || s == JOB_CANCELLED;
}

bool job_state_can(enum job_state from, enum job_state to)
{
	return edges[from][to];
}

static atomic_llong ended[N_JOB_STATES];

int64_t job_ended(enum job_state s)
{
	return atomic_load(&ended[s]);
}

static enum err add(struct db *db, const char *id, const char *type, json_t *members,
		    struct errinfo *ei)
{
	enum err e = event_insert(db, id, type, members, NULL, ei);

	json_decref(members);
	return e;
}

/* The record(s) of a move: "status", and behind a final state "done". */
static enum err announce(struct db *db, const char *id, enum job_state to, int attempt,
			 const struct job_end *end, const char *model_id, struct errinfo *ei)
{
	json_t *status = json_pack("{ss}", "status", job_state_name(to));
	json_t *done = json_pack("{ss}", "status", job_state_name(to));
	enum err e;

	if (to == JOB_PREPARING)
		json_object_set_new(status, "attempt", json_integer(attempt));
	if (end && end->code)
		json_object_set_new(status, "error",
				    json_pack("{s:s,s:s?,s:s?}", "code", end->code, "message",
					      end->message, "hint", end->hint));
	if (model_id)
		json_object_set_new(done, "model", json_string(model_id));
	e = add(db, id, "status", status, ei);
	if (e != OK || !job_state_final(to)) {
		json_decref(done);
		return e;
	}
	/* Before the commit: a count that is one too high after a full disk hurts nobody. */
	atomic_fetch_add(&ended[to], 1);
	return add(db, id, "done", done, ei);
}

static enum err check_edge(const struct job *j, enum job_state to, struct errinfo *ei)
{
	if (job_state_can(j->state, to))
		return OK;
	return err_set(ei, ERR_CONFLICT, "the job is %s and cannot become %s",
		       job_state_name(j->state), job_state_name(to));
}

/* Takes an edge; inside a transaction. */
static enum err enter(struct db *db, const struct job *j, enum job_state to,
		      const struct job_end *end, struct errinfo *ei)
{
	static const struct job_end none;
	enum err e = check_edge(j, to, ei);

	if (e != OK)
		return e;
	if (!end)
		end = &none;
	struct stmt *s = db_begin(db, SQL_JOB_ENTER);
	stmt_text(s, job_state_name(to));
	stmt_int(s, end->give_back);
	stmt_int(s, job_state_final(to) ? clock_now_ms() : 0);
	stmt_text(s, end->code);
	stmt_text(s, end->message);
	stmt_text(s, end->hint);
	stmt_text(s, j->id);
	e = db_run(s, ei);
	return e == OK ? announce(db, j->id, to, j->attempt, end, NULL, ei) : e;
}

static enum err move(struct db *db, const char *id, enum job_state to, const struct job_end *end,
		     struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = job_get(db, id, &j, ei);

	if (e == OK)
		e = enter(db, &j, to, end, ei);
	job_clear(&j);
	return e;
}

enum err job_move(struct db *db, const char *id, enum job_state to, const struct job_end *end,
		  struct errinfo *ei)
{
	enum err e = db_transaction(db, ei);

	return e == OK ? db_finish(db, move(db, id, to, end, ei), ei) : e;
}

static enum err cancel(struct db *db, const char *id, struct job *out, struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = job_get(db, id, &j, ei);

	if (e != OK)
		return e;
	if (j.state == JOB_QUEUED)
		e = enter(db, &j, JOB_CANCELLED, NULL, ei);
	else if (j.state == JOB_PREPARING || j.state == JOB_RUNNING)
		e = enter(db, &j, JOB_CANCELLING, NULL, ei);
	else if (j.state != JOB_CANCELLING && j.state != JOB_CANCELLED)
		e = err_set(ei, ERR_CONFLICT, "the job has %s: it cannot be cancelled any more",
			    job_state_name(j.state));
	job_clear(&j);
	return e == OK ? job_get(db, id, out, ei) : e;
}

enum err job_cancel(struct db *db, const char *id, struct job *out, struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = db_transaction(db, ei);

	if (e != OK)
		return e;
	e = db_finish(db, cancel(db, id, &j, ei), ei);
	if (e == OK)
		*out = j;
	else
		job_clear(&j);
	return e;
}

static enum err claim(struct db *db, struct job *out, struct errinfo *ei)
{
	char id[ID_SIZE] = "";
	struct stmt *s = db_begin(db, SQL_JOB_CLAIM);

	stmt_int(s, clock_now_ms());
	enum err e = stmt_step(s, ei);
	if (e == OK)
		snprintf(id, sizeof(id), "%s", stmt_get_text(s, 0));
	e = db_end(s, e, ei);
	if (e == OK)
		e = job_get(db, id, out, ei);
	return e == OK ? announce(db, id, JOB_PREPARING, out->attempt, NULL, NULL, ei) : e;
}

enum err job_claim(struct db *db, struct job *out, struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = db_transaction(db, ei);

	if (e != OK)
		return e;
	e = db_finish(db, claim(db, &j, ei), ei);
	if (e == OK)
		*out = j;
	else
		job_clear(&j);
	return e;
}

static enum err requeue_one(struct db *db, const char *id, struct errinfo *ei)
{
	static const struct job_end poison = {
		.code = "poison",
		.message = "the server ended each time it ran this job",
		.hint = "a smaller batch or max_length may help; the log of the server says more",
	};
	struct job j = { 0 };
	enum err e = job_get(db, id, &j, ei);

	if (e != OK)
		return e;
	if (j.state == JOB_CANCELLING)
		e = enter(db, &j, JOB_CANCELLED, NULL, ei);
	else if (j.attempt >= JOB_MAX_ATTEMPTS)
		e = enter(db, &j, JOB_FAILED, &poison, ei);
	else
		e = enter(db, &j, JOB_QUEUED, NULL, ei);
	job_clear(&j);
	return e;
}

/* The ids are gathered first: a SELECT must not run over rows that are being changed. */
static enum err orphan_ids(struct db *db, char (**ids)[ID_SIZE], int *n, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_ORPHANS);
	enum err e;

	while ((e = stmt_step(s, ei)) == OK) {
		*ids = mem_resize(*ids, (size_t)*n + 1, sizeof(**ids));
		snprintf((*ids)[(*n)++], ID_SIZE, "%s", stmt_get_text(s, 0));
	}
	return db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
}

enum err job_requeue_orphans(struct db *db, int *n, struct errinfo *ei)
{
	char(*ids)[ID_SIZE] = NULL;
	int count = 0;
	enum err e = db_transaction(db, ei);

	if (e != OK)
		return e;
	e = orphan_ids(db, &ids, &count, ei);
	for (int i = 0; e == OK && i < count; i++)
		e = requeue_one(db, ids[i], ei);
	free(ids);
	e = db_finish(db, e, ei);
	if (e == OK)
		*n = count;
	return e;
}

static enum err insert_model(struct db *db, const char *id, const struct job_result *r,
			     struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_INSERT);

	stmt_text(s, r->model_id);
	stmt_text(s, id);
	stmt_text(s, r->labels);
	stmt_text(s, r->metrics);
	stmt_text(s, r->sha256);
	stmt_int(s, r->bytes);
	stmt_int(s, clock_now_ms());
	return db_run(s, ei);
}

static enum err succeed(struct db *db, const char *id, const struct job_result *r,
			struct errinfo *ei)
{
	struct job j = { 0 };
	enum err e = job_get(db, id, &j, ei);

	if (e == OK)
		e = check_edge(&j, JOB_SUCCEEDED, ei);
	job_clear(&j);
	if (e == OK)
		e = insert_model(db, id, r, ei);
	if (e != OK)
		return e;
	struct stmt *s = db_begin(db, SQL_JOB_RESULT);
	stmt_int(s, clock_now_ms());
	stmt_text(s, r->metrics);
	stmt_int(s, r->step);
	stmt_text(s, id);
	e = db_run(s, ei);
	return e == OK ? announce(db, id, JOB_SUCCEEDED, 0, NULL, r->model_id, ei) : e;
}

enum err job_succeed(struct db *db, const char *id, const struct job_result *r, struct errinfo *ei)
{
	enum err e = db_transaction(db, ei);

	return e == OK ? db_finish(db, succeed(db, id, r, ei), ei) : e;
}

/* Job rows and their state machine (DESIGN 5). From any thread. */
#ifndef BERTD_JOBS_JOB_H
#define BERTD_JOBS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/ids.h"
#include "jobs/db.h"

#define JOB_STATES(X) \
	X(JOB_QUEUED, "queued") \
	X(JOB_PREPARING, "preparing") \
	X(JOB_RUNNING, "running") \
	X(JOB_CANCELLING, "cancelling") \
	X(JOB_SUCCEEDED, "succeeded") \
	X(JOB_FAILED, "failed") \
	X(JOB_CANCELLED, "cancelled")
enum job_state {
#define X(code, text) code,
	JOB_STATES(X)
#undef X
		N_JOB_STATES
};
const char *job_state_name(enum job_state s);
bool job_state_parse(const char *name, enum job_state *out);
bool job_state_final(enum job_state s);
/* The one table of allowed edges; a trigger in SQL refuses every other one too. Pure. */
bool job_state_can(enum job_state from, enum job_state to);

#define JOB_MAX_ATTEMPTS 3
#define JOB_NO_REPORT	 "null" /* the data has to be downloaded before it can be checked */

struct job {
	char id[ID_SIZE];
	enum job_state state;
	char *name;    /* NULL: none */
	char *spec;    /* JSON text: the request as resolved (jobs/spec.h) */
	char *report;  /* JSON text: the data report, or JOB_NO_REPORT */
	char *best;    /* JSON text or NULL: {"metric", "value", "step"} */
	char *metrics; /* JSON text or NULL: last evaluation, then the result's */
	int attempt;   /* times it was claimed and not given back in order */
	int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
	double epoch;
	int64_t step, total_steps;
	char *error_code, *error_message, *error_hint; /* NULL: none */
	char model_id[ID_SIZE];			       /* "" until succeeded */
	int64_t queue_position;			       /* 1: next; 0: not queued */
};
void job_clear(struct job *j);

struct job_new {
	const char *name;	     /* or NULL */
	const char *spec, *report;   /* JSON texts */
	const char *idempotency_key; /* or NULL */
	const char *body_sha256; /* of the request, to tell a repeat from a different request under
				    the same key */
	int64_t max_queued;	 /* ERR_BUSY when as many wait */
};
/* Queues a job. With a known idempotency key: *repeated is true and out the job of the first
 * request; ERR_CONFLICT when that had another body. Also stores the first event (status queued). */
enum err job_create(struct db *db, const struct job_new *n, struct job *out, bool *repeated,
		    struct errinfo *ei) MUST_USE;
/* The job of an earlier request under that key: ERR_NOT_FOUND when the key is new, ERR_CONFLICT
 * when that request had another body. */
enum err job_find_repeat(struct db *db, const char *idempotency_key, const char *body_sha256,
			 struct job *out, struct errinfo *ei) MUST_USE;
enum err job_get(struct db *db, const char *id, struct job *out, struct errinfo *ei) MUST_USE;

struct job_page {
	int state;	   /* enum job_state, or -1: all */
	const char *after; /* id, or NULL */
	int limit;
};
/* Newest first. *out is an array of *n jobs that the caller clears and frees; *more: there are
 * others behind it. */
enum err job_list(struct db *db, const struct job_page *page, struct job **out, int *n, bool *more,
		  struct errinfo *ei) MUST_USE;
/* Counts by state into counts[N_JOB_STATES]. */
enum err job_counts(struct db *db, int64_t *counts, struct errinfo *ei) MUST_USE;
/* When the oldest of the queued jobs was created; 0: none is queued. */
enum err job_oldest_queued(struct db *db, int64_t *created_ms, struct errinfo *ei) MUST_USE;
/* The job that would be claimed next; ERR_NOT_FOUND: none is queued. */
enum err job_next_queued(struct db *db, struct job *out, struct errinfo *ei) MUST_USE;
/* Jobs that have come to this final state since the process started. */
int64_t job_ended(enum job_state s);

/* queued → cancelled at once; preparing, running → cancelling (the worker ends it); cancelling,
 * cancelled: as it is. ERR_CONFLICT naming the state for the other final ones. Stores the status
 * event. */
enum err job_cancel(struct db *db, const char *id, struct job *out, struct errinfo *ei) MUST_USE;
/* Ended jobs only, with their events, checkpoints and model rows; ERR_CONFLICT otherwise. The
 * caller removes the files. */
enum err job_delete(struct db *db, const char *id, struct errinfo *ei) MUST_USE;

/* The oldest queued job becomes preparing and its attempt is counted, in one UPDATE … RETURNING.
 * ERR_NOT_FOUND: none. */
enum err job_claim(struct db *db, struct job *out, struct errinfo *ei) MUST_USE;
/* At start: what was preparing or running goes back to queued (cancelling: to cancelled;
 * JOB_MAX_ATTEMPTS reached: to failed with the code "poison"). Status events are stored. *n: how
 * many rows. */
enum err job_requeue_orphans(struct db *db, int *n, struct errinfo *ei) MUST_USE;
/* Moves the job along one allowed edge; stores the status event. ERR_CONFLICT when the edge is not
 * allowed from where the job is now (a cancel got in between). error members may be NULL.
 * give_back: the attempt is not counted (clean stop). */
struct job_end {
	const char *code, *message, *hint;
	bool give_back;
};
enum err job_move(struct db *db, const char *id, enum job_state to, const struct job_end *end,
		  struct errinfo *ei) MUST_USE;
/* The result in one transaction: model row, metrics, state succeeded, events. */
struct job_result {
	const char *model_id, *labels, *metrics,
		*sha256; /* labels, metrics: JSON texts; sha256 of model.safetensors */
	int64_t bytes;
	int64_t step;
};
enum err job_succeed(struct db *db, const char *id, const struct job_result *r,
		     struct errinfo *ei) MUST_USE;
enum err job_set_report(struct db *db, const char *id, const char *report,
			struct errinfo *ei) MUST_USE;
/* best: JSON text, as in struct job. Works inside a transaction of the caller too. */
enum err job_set_best(struct db *db, const char *id, const char *best, struct errinfo *ei) MUST_USE;
enum err job_set_total_steps(struct db *db, const char *id, int64_t n, struct errinfo *ei) MUST_USE;

/* The resource as GET /jobs/{id} shows it, a new object: id, object "job", status, queue_position
 * (null unless queued), attempt, created_at, started_at, ended_at, progress {epoch, step,
 * total_steps, seconds_remaining}, best_metric, metrics, model_id (of the result, or null), error
 * {code, message, hint} or null, data_report, and the request's members as resolved: model (its
 * base), dataset, max_length, args, name, metadata. */
json_t *job_json(const struct job *j);

#endif

/* The records of a job's metrics stream: stored, numbered by seq from 1 without a gap. From any
 * thread. */
#ifndef BERTD_JOBS_EVENT_H
#define BERTD_JOBS_EVENT_H

#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "jobs/db.h"

struct event {
	int64_t seq;
	int64_t time_ms;
	char type[16]; /* "log", "eval", "train", "test", "checkpoint", "status", "done" */
	char *members; /* JSON text of an object: what stands behind time in the record */
};
void event_clear(struct event *e);

/* Appends a record; in the same transaction the row of a job that has not ended takes over the
 * members epoch, step and total_steps, and a whole "eval" record as its metrics. *seq may be NULL.
 * ERR_CONFLICT: no such job, or behind "done". */
enum err event_add(struct db *db, const char *job_id, const char *type, const json_t *members,
		   int64_t *seq, struct errinfo *ei) MUST_USE;
/* As event_add, inside the caller's transaction. */
enum err event_insert(struct db *db, const char *job_id, const char *type, const json_t *members,
		      int64_t *seq, struct errinfo *ei) MUST_USE;
/* Up to limit records with seq > after, in order; *out is an array of *n that the caller clears and
 * frees. */
enum err event_list(struct db *db, const char *job_id, int64_t after, int limit, struct event **out,
		    int *n, struct errinfo *ei) MUST_USE;
/* The one encoder: {"seq": 3, "type": "log", "time": "…", …members} as compact JSON without
 * newline. */
void event_print(const struct event *e, struct buf *out);

#endif

/* Downloads under way, and what the readers of a job are told of them. From any thread.
 *
 * What is noted lives in memory only: after a restart a download goes on where it was cut, and is
 * noted again. */
#ifndef BERTD_JOBS_DOWNLOADS_H
#define BERTD_JOBS_DOWNLOADS_H

#include <stdbool.h>

#include <jansson.h>

#include "hub/fetch.h"
#include "jobs/db.h"
#include "jobs/hub.h"

struct downloads;

struct downloads *downloads_new(void);
void downloads_free(struct downloads *d);

/* owner: the id of a job, or the name of a model. */
void downloads_note(struct downloads *d, const char *owner, const struct fetch_progress *p);
void downloads_end(struct downloads *d, const char *owner);
/* {"source", "file", "bytes", "total_bytes"} as a new object, or NULL: owner waits for none. */
json_t *downloads_json(struct downloads *d, const char *owner);

/* What watches the downloads of one job: notes them, and stores a "status" record with a member
 * "download" when one of at least a megabyte begins and ends, and every few seconds between.
 * Belongs to the thread that prepares. */
struct download_watch {
	struct db *db;
	struct hub *hub;
	struct downloads *downloads;
	const char *job_id;
	const char *status; /* of the job, for the record */
	bool (*cancelled)(void *ctx);
	void *ctx;
	double told; /* clock_monotonic of the last record */
	struct fetch_how how;
};

/* Fills how, which is then good for calls of fetch.h. The other members are set. */
void download_watch_begin(struct download_watch *w);
void download_watch_end(struct download_watch *w);

#endif

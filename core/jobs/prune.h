/* Retention: which ended jobs go, with their records, checkpoints and models. Any thread, one at a
 * time. */
#ifndef BERTD_JOBS_PRUNE_H
#define BERTD_JOBS_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ids.h"
#include "jobs/db.h"
#include "jobs/places.h"

struct prune_job {
	char id[ID_SIZE];
	char model_id[ID_SIZE]; /* ""; none */
	int64_t bytes;		/* of its folders */
	bool in_use;
	bool gone;
};
/* Sets gone in the ended jobs (n, newest first) that go: from the oldest on those behind the
 * keep_jobs newest, and more until what stays has at most keep_bytes. 0 is no limit. What is in use
 * stays, and so does the newest, or a result could vanish before anybody saw it. Pure. */
void prune_plan(struct prune_job *jobs, int n, int64_t keep_jobs, int64_t keep_bytes);

struct prune {
	struct db *db;
	const struct places *places;
	int64_t keep_jobs, keep_bytes;
	const char *default_model; /* any name of a model, or NULL: none */
	/* Of a model or checkpoint by its id ("mdl_…", "job_…/checkpoint-79"): whether it is
	 * loaded, and that its folder goes away. */
	bool (*loaded)(void *ctx, const char *id);
	void (*drop)(void *ctx, const char *id);
	void *ctx;
};
/* Removes what is beyond the limits, with a line in the log for each job. In use is a job whose
 * model or checkpoint is loaded, is the default, or is what a job that has not ended starts from;
 * the last of these is looked at again in the statement that deletes the row. Rows go before files,
 * so that a crash in between leaves folders that places_sweep removes. Models without a job are not
 * touched. */
enum err prune_run(const struct prune *p, struct errinfo *ei) MUST_USE;

/* Jobs removed since the process started. */
int64_t prune_total(void);

#endif

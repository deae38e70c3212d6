/* One attempt at one job: prepare, train, publish. On the worker thread. Knows nothing of threads,
 * claims and waiting: what to do next is asked from the caller, and how the job's row ends is the
 * caller's too (worker.c). */
#ifndef BERTD_JOBS_RUN_H
#define BERTD_JOBS_RUN_H

#include "base/err.h"
#include "jobs/ahead.h"
#include "jobs/db.h"
#include "jobs/downloads.h"
#include "jobs/hub.h"
#include "jobs/job.h"
#include "jobs/places.h"
#include "train/trainer.h"

struct run_env {
	struct db *db;
	struct hub *hub;
	const struct places *places;
	struct downloads *downloads;
	struct ahead *ahead; /* told when training begins; or NULL */
	const char *device;
	/* As the Trainer's hooks; verdict is asked between the other stages as well. */
	enum trainer_verdict (*verdict)(void *ctx);
	void (*progress)(void *ctx, const struct trainer_progress *p);
	void *ctx;
	const char *version; /* of this program */
};

/* Runs a job that has just been claimed, from its last checkpoint if it has one.
 *
 * OK: it has succeeded, its model is published and its row says so. The checkpoints stay servable,
 * but the optimizer states in them, which only a resumed run would read, are removed.
 * ERR_CANCELLED: asked for, or the row is "cancelling" by now. ERR_BUSY: stopped, to be continued
 * from the checkpoint that was written. Anything else is the failure of the attempt. *code is its
 * name for programs where the error alone does not tell ("data_changed", "data_invalid",
 * "model_invalid"), else NULL. The message holds no folders of the machine. */
enum err run_job(const struct run_env *env, const struct job *job, const char **code,
		 struct errinfo *ei) MUST_USE;

#endif

/* The worker thread of one device: claims jobs, trains them, publishes what comes out. */
#ifndef BERTD_JOBS_WORKER_H
#define BERTD_JOBS_WORKER_H

#include <stdbool.h>

#include "base/err.h"
#include "jobs/ahead.h"
#include "jobs/db.h"
#include "jobs/downloads.h"
#include "jobs/hub.h"
#include "jobs/places.h"
#include "train/trainer.h"

#define WORKER_EXIT_DEVICE 75 /* EX_TEMPFAIL */

struct worker;
struct worker_config {
	struct db *db;
	struct hub *hub;
	const struct places *places;
	struct downloads *downloads;
	struct ahead *ahead; /* works ahead while a job trains; or NULL */
	const char *device;  /* "cpu", "cuda:0" */
	int threads;	     /* of one operation on the CPU; 0: all cores */
	const char *version; /* of this program, for model cards */
};

/* Starts the thread (niced, so that serving goes first). Orphans must have been requeued before,
 * and the device looked at (bert_device_info).
 *
 * A fault of a CUDA device sticks to the process: the job goes back to the queue, or fails at its
 * last attempt, and the process ends with WORKER_EXIT_DEVICE, for the supervisor to start it again.
 */
enum err worker_start(const struct worker_config *c, struct worker **out,
		      struct errinfo *ei) MUST_USE;
/* There is something new: a queued job, or a cancel of the running one. From any thread; never
 * blocks. */
void worker_notify(struct worker *w);
/* Clean stop: no new claims; the running job writes a checkpoint at its next step and goes back to
 * queued with its attempt given back. Waits for the thread, then frees. */
void worker_stop(struct worker *w);
/* Whether the thread lives and the database takes what it has to say, for /readyz. */
bool worker_alive(struct worker *w);
/* Live progress of job_id; false when it is not the one running here. From any thread. */
bool worker_progress(struct worker *w, const char *job_id, struct trainer_progress *out);

#endif

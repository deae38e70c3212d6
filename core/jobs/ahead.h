/* The thread that works ahead: what the next queued job needs is downloaded and encoded while
 * another job trains, and models are fetched that somebody asked for by name.
 *
 * It changes no job. It only fills caches, and what goes wrong for a job is left for the worker,
 * who meets it again and says so. */
#ifndef BERTD_JOBS_AHEAD_H
#define BERTD_JOBS_AHEAD_H

#include <jansson.h>

#include "base/err.h"
#include "jobs/db.h"
#include "jobs/downloads.h"
#include "jobs/hub.h"
#include "jobs/places.h"

#define AHEAD_MAX_MODELS 64 /* asked for by name, waiting or failed */

struct ahead;
struct ahead_config {
	struct db *db;
	struct hub *hub;
	const struct places *places;
	struct downloads *downloads;
};

/* Starts the thread, niced as the worker's. */
enum err ahead_start(const struct ahead_config *c, struct ahead **out, struct errinfo *ei) MUST_USE;
/* Breaks off what it does, without waiting; nothing is begun any more. */
void ahead_end(struct ahead *a);
/* Ends it, waits for the thread and frees. NULL is fine. */
void ahead_stop(struct ahead *a);
/* The queue has changed. From any thread; never blocks. */
void ahead_notify(struct ahead *a);

/* Asks for a model of the Hub; one that waits or is being fetched stays as it is, one that failed
 * is tried again. Held in memory only: after a restart somebody has to ask again, and what had come
 * is kept. ERR_BUSY when AHEAD_MAX_MODELS wait. From any thread. */
enum err ahead_fetch(struct ahead *a, const char *name, struct errinfo *ei) MUST_USE;
/* {"id", "object": "model", "base": true, "status": "waiting" | "downloading" | "failed",
 * "download": {…} or null, "error": {"code", "message", "hint"} or null} of a model that was asked
 * for and is not there yet, a new object; NULL: nobody asked, or it is there. */
json_t *ahead_model_json(struct ahead *a, const char *name);

#endif

/* What the handlers work with. Filled by main.c before the first request, read-only afterwards but
 * for the atomics. */
#ifndef BERTD_SERVER_APP_H
#define BERTD_SERVER_APP_H

#include <stdatomic.h>

#include "config.h"
#include "jobs/ahead.h"
#include "jobs/db.h"
#include "jobs/downloads.h"
#include "jobs/hub.h"
#include "jobs/places.h"
#include "jobs/worker.h"
#include "model/bert.h"
#include "serve/serve.h"

struct keys;

struct app {
	/* Both are replaced as a whole by a reload; what was there before stays until the end. */
	_Atomic(const struct config *) config;
	_Atomic(struct keys *) keys; /* NULL: no key is asked for */
	struct places places;
	struct db *db;
	struct hub *hub;
	struct downloads *downloads; /* NULL in unit tests that need none; and the next three */
	struct ahead *ahead;
	struct worker *worker; /* NULL in unit tests that need none */
	struct serve *serve;   /* NULL in unit tests that need none */
	int64_t started_ms;
	struct bert_device_info device; /* at the start */
	atomic_bool draining;		/* TERM has come: /readyz is 503, no new jobs */
};

#endif

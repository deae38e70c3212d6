/* The house keeper: see keeper.h. */
#include "keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/prune.h"
#include "jobs/uploads.h"

#define LOOK_SECONDS 1
#define WORK_SECONDS 3600

struct keeper {
	struct app *app;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	bool stop;
	/* As of the last work: */
	const struct config *config;
	int64_t ended;
	double at;
};

static bool is_loaded(void *ctx, const char *id)
{
	return serve_loaded(ctx, id);
}

static void drop(void *ctx, const char *id)
{
	serve_drop(ctx, id);
}

static void prune(struct keeper *k)
{
	const struct config *c = k->config;
	struct errinfo ei;
	struct prune p = { .db = k->app->db,
			   .places = &k->app->places,
			   .keep_jobs = c->keep_jobs,
			   .keep_bytes = c->keep_bytes,
			   .default_model = c->default_model,
			   .loaded = is_loaded,
			   .drop = drop,
			   .ctx = k->app->serve };

	if (prune_run(&p, &ei) != OK)
		log_error("prune_failed", "error=%s", log_q(ei.msg));
}

static void sweep(struct keeper *k)
{
	int64_t before_ms = clock_now_ms() - UPLOADS_KEEP_SECONDS * 1000LL;
	struct errinfo ei;
	int n;

	if (uploads_sweep(&k->app->places, before_ms, &n, &ei) != OK)
		log_error("sweep_failed", "error=%s", log_q(ei.msg));
}

/* Whether there may be something to do; notes what it was seen by. */
static bool has_news(struct keeper *k)
{
	const struct config *config = k->app->config;
	double now = clock_monotonic();
	int64_t ended = 0;

	for (int i = 0; i < N_JOB_STATES; i++)
		ended += job_ended((enum job_state)i);
	if (config == k->config && ended == k->ended && now - k->at < WORK_SECONDS)
		return false;
	k->config = config;
	k->ended = ended;
	k->at = now;
	return true;
}

static void *keep(void *ctx)
{
	struct keeper *k = ctx;
	struct timespec until;

	pthread_setname_np(pthread_self(), "bertd-keeper");
	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		pthread_mutex_unlock(&k->lock);
		if (has_news(k)) {
			prune(k);
			sweep(k);
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += LOOK_SECONDS;
		pthread_mutex_lock(&k->lock);
		while (!k->stop && pthread_cond_timedwait(&k->stopped, &k->lock, &until) == 0)
			;
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static void keeper_free(struct keeper *k)
{
	pthread_cond_destroy(&k->stopped);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

enum err keeper_start(struct app *app, struct keeper **out, struct errinfo *ei)
{
	struct keeper *k = mem_zalloc(1, sizeof(*k));
	pthread_condattr_t attr;

	k->app = app;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->stopped, &attr);
	pthread_condattr_destroy(&attr);
	int rc = pthread_create(&k->thread, NULL, keep, k);
	if (rc != 0) {
		keeper_free(k);
		return err_set(ei, ERR_IO, "the keeper thread cannot be started: %s", strerror(rc));
	}
	*out = k;
	return OK;
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->stopped);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	keeper_free(k);
}

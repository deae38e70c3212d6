/* The thread that works ahead: see ahead.h. */
#include "jobs/ahead.h"

#include "base/log.h"
#include "base/mem.h"
#include "jobs/failure.h"
#include "jobs/job.h"
#include "jobs/spec.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICE = 10 };

enum wish_state { WISH_WAITS, WISH_RUNS, WISH_FAILED };
static const char *const wish_states[] = { "waiting", "downloading", "failed" };

/* A model that somebody asked for by name. */
struct wish {
	char *name;
	enum wish_state state;
	enum err error; /* of WISH_FAILED */
	struct errinfo why;
	struct wish *next;
};

struct ahead {
	struct ahead_config config;
	pthread_t thread;
	atomic_bool stop;
	char done[ID_SIZE]; /* the job that was looked at last; the thread's own */

	pthread_mutex_t lock; /* of what stands below */
	pthread_cond_t wake;
	bool notified;
	struct wish *wishes; /* in the order they came */
	int n_wishes;
};

/* --- models by name --- */

/* Under the lock. */
static struct wish *find_wish(struct ahead *a, const char *name)
{
	struct wish *w = a->wishes;

	while (w && strcmp(w->name, name) != 0)
		w = w->next;
	return w;
}

static void add_wish(struct ahead *a, const char *name)
{
	struct wish **end = &a->wishes, *w = mem_zalloc(1, sizeof(*w));

	w->name = mem_strdup(name);
	while (*end)
		end = &(*end)->next;
	*end = w;
	a->n_wishes++;
}

static void drop_wish(struct ahead *a, struct wish *w)
{
	struct wish **at = &a->wishes;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	a->n_wishes--;
	free(w->name);
	free(w);
}

/* Makes room for one more, at the cost of the oldest that failed. */
static bool make_room(struct ahead *a)
{
	struct wish *w = a->wishes;

	if (a->n_wishes < AHEAD_MAX_MODELS)
		return true;
	while (w && w->state != WISH_FAILED)
		w = w->next;
	if (w)
		drop_wish(a, w);
	return w != NULL;
}

static void wake(struct ahead *a)
{
	a->notified = true;
	pthread_cond_signal(&a->wake);
}

enum err ahead_fetch(struct ahead *a, const char *name, struct errinfo *ei)
{
	enum err e = OK;

	pthread_mutex_lock(&a->lock);
	struct wish *w = find_wish(a, name);
	if (w && w->state == WISH_FAILED)
		w->state = WISH_WAITS;
	else if (!w && make_room(a))
		add_wish(a, name);
	else if (!w)
		e = err_set(ei, ERR_BUSY, "%d models wait to be downloaded already",
			    AHEAD_MAX_MODELS);
	wake(a);
	pthread_mutex_unlock(&a->lock);
	return e;
}

static json_t *error_json(const struct wish *w)
{
	struct job_end end = failure_describe(w->error, "model_invalid", &w->why);

	return w->state != WISH_FAILED ? json_null()
				       : json_pack("{s:s, s:s, s:s*}", "code", end.code, "message",
						   end.message, "hint", end.hint);
}

json_t *ahead_model_json(struct ahead *a, const char *name)
{
	json_t *o = NULL;

	pthread_mutex_lock(&a->lock);
	const struct wish *w = find_wish(a, name);
	if (w) {
		json_t *download = downloads_json(a->config.downloads, name);
		o = json_pack("{s:s, s:s, s:b, s:s, s:o, s:o}", "id", name, "object", "model",
			      "base", 1, "status", wish_states[w->state], "download",
			      download ? download : json_null(), "error", error_json(w));
	}
	pthread_mutex_unlock(&a->lock);
	return o;
}

/* --- the thread --- */

static bool stopped(void *ctx)
{
	struct ahead *a = ctx;

	return atomic_load(&a->stop);
}

struct wish_watch {
	struct ahead *a;
	const char *name;
};

static bool wish_cancelled(void *ctx)
{
	struct wish_watch *w = ctx;

	return stopped(w->a);
}

static void wish_progress(void *ctx, const struct fetch_progress *p)
{
	struct wish_watch *w = ctx;

	downloads_note(w->a->config.downloads, w->name, p);
}

static struct wish *next_wish(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	struct wish *w = a->wishes;
	while (w && w->state != WISH_WAITS)
		w = w->next;
	if (w)
		w->state = WISH_RUNS;
	pthread_mutex_unlock(&a->lock);
	return w;
}

/* w stays in the list while it runs: only failed ones are dropped by others. */
static void grant(struct ahead *a, struct wish *w)
{
	struct wish_watch watch = { a, w->name };
	struct fetch_how how = { .cancelled = wish_cancelled,
				 .progress = wish_progress,
				 .ctx = &watch };
	struct errinfo why = { "" };
	char *dir = NULL;
	enum err e = fetch_model(a->config.places->fetch, w->name, &how, &dir, NULL, &why);

	free(dir);
	downloads_end(a->config.downloads, w->name);
	places_redact(a->config.places, &why);
	if (e == OK)
		log_info("model_fetched", "model=%s", log_q(w->name));
	else
		log_warn("model_not_fetched", "model=%s error=%s", log_q(w->name), log_q(why.msg));
	pthread_mutex_lock(&a->lock);
	w->state = WISH_FAILED;
	w->error = e;
	w->why = why;
	if (e == OK)
		drop_wish(a, w);
	pthread_mutex_unlock(&a->lock);
}

struct job_watch {
	struct ahead *a;
	const char *id;
};

/* Once the worker has claimed the job, it waits for what is made here. */
static bool job_cancelled(void *ctx)
{
	struct job_watch *w = ctx;
	struct job j = { 0 };

	if (stopped(w->a))
		return true;
	enum err e = job_get(w->a->config.db, w->id, &j, NULL);
	bool gone = e == ERR_NOT_FOUND ||
		    (e == OK && (job_state_final(j.state) || j.state == JOB_CANCELLING));
	job_clear(&j);
	return gone;
}

static void prepare(struct ahead *a, const struct job *j)
{
	struct job_watch job = { a, j->id };
	struct download_watch watch = { .db = a->config.db,
					.hub = a->config.hub,
					.downloads = a->config.downloads,
					.job_id = j->id,
					.status = job_state_name(JOB_QUEUED),
					.cancelled = job_cancelled,
					.ctx = &job };
	struct prepare_env env = { a->config.places, a->config.db, &watch.how, NULL };
	struct prepared prepared = { 0 };
	struct faults faults = { 0 };
	struct job_spec spec = { 0 };
	struct errinfo ei = { "" };

	download_watch_begin(&watch);
	enum err e = job_spec_parse(j->spec, &spec, &ei);
	if (e == OK)
		e = job_prepare(&spec, &env, &prepared, &faults, &ei);
	download_watch_end(&watch);
	log_info("prepared_ahead", "job=%s result=%s", j->id, err_name(e));
	prepared_clear(&prepared);
	job_spec_clear(&spec);
	faults_clear(&faults);
}

/* Whether a job trains: else the worker is about to take the next one itself. */
static bool worker_is_busy(struct ahead *a, enum err *e, struct errinfo *ei)
{
	int64_t counts[N_JOB_STATES] = { 0 };

	*e = job_counts(a->config.db, counts, ei);
	return *e == OK && counts[JOB_RUNNING] + counts[JOB_CANCELLING] > 0;
}

static bool prepare_next(struct ahead *a)
{
	struct job j = { 0 };
	struct errinfo ei;
	enum err e = OK;

	if (worker_is_busy(a, &e, &ei))
		e = job_next_queued(a->config.db, &j, &ei);
	bool is_new = e == OK && *j.id && strcmp(j.id, a->done) != 0;

	if (is_new) {
		strcpy(a->done, j.id);
		prepare(a, &j);
	} else if (e != OK && e != ERR_NOT_FOUND) {
		log_error("look_ahead_failed", "error=%s", log_q(ei.msg));
	}
	job_clear(&j);
	return is_new;
}

static void wait_for_news(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->notified && !stopped(a))
		pthread_cond_wait(&a->wake, &a->lock);
	a->notified = false;
	pthread_mutex_unlock(&a->lock);
}

static void *work(void *arg)
{
	struct ahead *a = arg;

	pthread_setname_np(pthread_self(), "bertd-ahead");
	if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE) != 0)
		log_warn("ahead_not_niced", "nice=%d", NICE);
	while (!stopped(a)) {
		struct wish *w = next_wish(a);
		if (w)
			grant(a, w);
		else if (!prepare_next(a))
			wait_for_news(a);
	}
	return NULL;
}

/* --- start and stop --- */

void ahead_notify(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	wake(a);
	pthread_mutex_unlock(&a->lock);
}

static void ahead_free(struct ahead *a)
{
	while (a->wishes)
		drop_wish(a, a->wishes);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

enum err ahead_start(const struct ahead_config *c, struct ahead **out, struct errinfo *ei)
{
	struct ahead *a = mem_zalloc(1, sizeof(*a));
	sigset_t all, before;

	a->config = *c;
	a->notified = true;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->wake, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&a->thread, NULL, work, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		ahead_free(a);
		return err_set(ei, ERR_IO, "the thread that works ahead cannot be started: %s",
			       strerror(rc));
	}
	*out = a;
	return OK;
}

void ahead_end(struct ahead *a)
{
	atomic_store(&a->stop, true);
	ahead_notify(a);
}

void ahead_stop(struct ahead *a)
{
	if (!a)
		return;
	ahead_end(a);
	pthread_join(a->thread, NULL);
	ahead_free(a);
}

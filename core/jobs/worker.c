/* The worker thread: see worker.h. It claims jobs, has them run (run.c) and writes how they ended.
 */
#include "jobs/worker.h"

#include "base/log.h"
#include "base/mem.h"
#include "jobs/failure.h"
#include "jobs/job.h"
#include "jobs/run.h"
#include "model/bert.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NICE = 10, RETRY_SECONDS = 5 };

struct worker {
	struct worker_config config;
	pthread_t thread;
	atomic_bool stop;
	atomic_bool alive;
	atomic_bool look; /* the running job's row may have changed */
	bool cancelled;	  /* the running job is; worker thread only */

	pthread_mutex_t lock; /* of what stands below */
	pthread_cond_t wake;
	bool notified;
	char job_id[ID_SIZE]; /* of the running job; "" */
	bool has_progress;
	struct trainer_progress progress;
};

/* --- what others ask for --- */

void worker_notify(struct worker *w)
{
	atomic_store(&w->look, true);
	pthread_mutex_lock(&w->lock);
	w->notified = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool worker_alive(struct worker *w)
{
	return atomic_load(&w->alive);
}

bool worker_progress(struct worker *w, const char *job_id, struct trainer_progress *out)
{
	pthread_mutex_lock(&w->lock);
	bool is = w->has_progress && strcmp(w->job_id, job_id) == 0;
	if (is)
		*out = w->progress;
	pthread_mutex_unlock(&w->lock);
	return is;
}

/* --- waiting --- */

/* Until somebody notifies or stops, or, with seconds above 0, until they are over. */
static void wait_for_news(struct worker *w, int seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&w->lock);
	int rc = 0;
	while (!w->notified && !atomic_load(&w->stop) && rc == 0)
		rc = seconds ? pthread_cond_timedwait(&w->wake, &w->lock, &until)
			     : pthread_cond_wait(&w->wake, &w->lock);
	w->notified = false;
	pthread_mutex_unlock(&w->lock);
}

/* --- the running job --- */

static bool is_cancelling(struct worker *w)
{
	struct job j = { 0 };
	enum err e = job_get(w->config.db, w->job_id, &j, NULL);
	bool cancelling = e == OK && j.state == JOB_CANCELLING;

	if (e != OK)
		atomic_store(&w->look, true);
	job_clear(&j);
	return cancelling;
}

static enum trainer_verdict verdict(void *ctx)
{
	struct worker *w = ctx;

	if (atomic_exchange(&w->look, false))
		w->cancelled |= is_cancelling(w);
	if (w->cancelled)
		return TRAINER_CANCEL;
	return atomic_load(&w->stop) ? TRAINER_STOP : TRAINER_GO;
}

static void take_progress(void *ctx, const struct trainer_progress *p)
{
	struct worker *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->progress = *p;
	w->has_progress = true;
	pthread_mutex_unlock(&w->lock);
}

static void set_running(struct worker *w, const char *job_id)
{
	pthread_mutex_lock(&w->lock);
	strcpy(w->job_id, job_id);
	w->has_progress = false;
	pthread_mutex_unlock(&w->lock);
	w->cancelled = false;
	/* Also for what was asked between the claim and now. */
	atomic_store(&w->look, true);
}

/* --- how it ended --- */

/* Writes the state, over and over while the database fails: a row that says "running" would wait
 * for the next start. A job that was cancelled meanwhile refuses every other state. */
static void settle(struct worker *w, const char *id, enum job_state to, const struct job_end *end)
{
	struct errinfo ei;
	enum err e;

	while ((e = job_move(w->config.db, id, to, end, &ei)) != OK) {
		if (e == ERR_CONFLICT && to != JOB_CANCELLED) {
			to = JOB_CANCELLED;
			end = NULL;
			continue;
		}
		log_error("job_unsettled", "job=%s state=%s error=%s", id, job_state_name(to),
			  log_q(ei.msg));
		if (e == ERR_CONFLICT || atomic_load(&w->stop))
			return;
		atomic_store(&w->alive, false);
		wait_for_news(w, RETRY_SECONDS);
	}
	atomic_store(&w->alive, true);
	hub_publish(w->config.hub, id);
	log_info("job_ended", "job=%s state=%s", id, job_state_name(to));
}

static void settle_failure(struct worker *w, const struct job *j, enum err e, const char *code,
			   const struct errinfo *ei)
{
	struct job_end end = failure_describe(e, code, ei);

	log_error("job_failed", "job=%s code=%s error=%s text=%s", j->id, end.code, err_name(e),
		  log_q(ei->msg));
	settle(w, j->id, JOB_FAILED, &end);
}

static bool is_cuda(const struct worker *w)
{
	return strncmp(w->config.device, "cuda", 4) == 0;
}

/* The device is lost for this process; the job is not, unless it does this every time. */
static void give_up_process(struct worker *w, const struct job *j, const char *code,
			    const struct errinfo *ei)
{
	if (j->attempt >= JOB_MAX_ATTEMPTS)
		settle_failure(w, j, ERR_DEVICE, code, ei);
	else
		settle(w, j->id, JOB_QUEUED, NULL);
	log_error("device_lost", "device=%s error=%s", w->config.device, log_q(ei->msg));
	_exit(WORKER_EXIT_DEVICE);
}

static void settle_by(struct worker *w, const struct job *j, enum err e, const char *code,
		      const struct errinfo *ei)
{
	static const struct job_end give_back = { .give_back = true };

	if (e == ERR_CANCELLED)
		settle(w, j->id, JOB_CANCELLED, NULL);
	else if (e == ERR_BUSY)
		settle(w, j->id, JOB_QUEUED, &give_back);
	else if (e == ERR_DEVICE && is_cuda(w))
		give_up_process(w, j, code, ei);
	else
		settle_failure(w, j, e, code, ei);
}

static void run_one(struct worker *w, const struct job *j)
{
	struct run_env env = { .db = w->config.db,
			       .hub = w->config.hub,
			       .places = w->config.places,
			       .downloads = w->config.downloads,
			       .ahead = w->config.ahead,
			       .device = w->config.device,
			       .verdict = verdict,
			       .progress = take_progress,
			       .ctx = w,
			       .version = w->config.version };
	struct errinfo ei = { "" };
	const char *code = NULL;

	set_running(w, j->id);
	log_info("job_claimed", "job=%s attempt=%d", j->id, j->attempt);
	hub_publish(w->config.hub, j->id);
	enum err e = run_job(&env, j, &code, &ei);
	if (e == OK) {
		log_info("job_ended", "job=%s state=succeeded", j->id);
		hub_publish(w->config.hub, j->id);
	} else {
		settle_by(w, j, e, code, &ei);
	}
	set_running(w, "");
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct errinfo ei;
	struct job j;

	pthread_setname_np(pthread_self(), "bertd-worker");
	if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE) != 0)
		log_warn("worker_not_niced", "nice=%d", NICE);
	bert_set_threads(w->config.threads);
	while (!atomic_load(&w->stop)) {
		enum err e = job_claim(w->config.db, &j, &ei);
		if (e == OK) {
			run_one(w, &j);
			job_clear(&j);
			continue;
		}
		if (e != ERR_NOT_FOUND)
			log_error("claim_failed", "error=%s", log_q(ei.msg));
		atomic_store(&w->alive, e == ERR_NOT_FOUND);
		wait_for_news(w, e == ERR_NOT_FOUND ? 0 : RETRY_SECONDS);
	}
	atomic_store(&w->alive, false);
	return NULL;
}

/* --- start and stop --- */

static void worker_free(struct worker *w)
{
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static struct worker *worker_new(const struct worker_config *c)
{
	struct worker *w = mem_zalloc(1, sizeof(*w));
	pthread_condattr_t attr;

	w->config = *c;
	w->alive = true;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

enum err worker_start(const struct worker_config *c, struct worker **out, struct errinfo *ei)
{
	struct worker *w = worker_new(c);
	sigset_t all, before;

	/* Before the thread runs: what its first job calls may already want to notify it. */
	*out = w;
	/* Signals are the main thread's; the new one inherits the mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		*out = NULL;
		worker_free(w);
		return err_set(ei, ERR_IO, "the worker thread cannot be started: %s", strerror(rc));
	}
	return OK;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	atomic_store(&w->stop, true);
	worker_notify(w);
	pthread_join(w->thread, NULL);
	worker_free(w);
}

/* Serving: see serve.h.
 *
 * Submitters put encoded requests into the inbox; the inference thread moves them to its own queue
 * and owns everything behind it. It never waits for a batch to fill: what is there when the device
 * becomes free is the batch. Knows no HTTP and no database. */
#include "serve/serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/batch.h"
#include "serve/models.h"
#include "serve/tokenizers.h"
#include "serve/work.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_TOKENIZERS 16

const char *const serve_rejections[] = {
	[SERVE_QUEUE_FULL] = "queue_full",
	[SERVE_STOPPING] = "stopping",
	[SERVE_TOO_MANY_TEXTS] = "too_many_texts",
	[SERVE_BAD_TEXT] = "bad_text",
};

struct serve {
	struct serve_config config;
	char *device;
	pthread_t thread;
	struct tokenizers *tokenizers; /* locks itself */
	struct models *models;	       /* locks itself */

	pthread_mutex_t lock; /* of what follows up to the blank line */
	pthread_cond_t wake;
	struct work_list inbox;
	struct serve_stats stats; /* queued_texts counts from before tokenizing until taken */
	bool stopping, unhealthy;
	bool poked; /* there is a model to close */

	struct work_list queue; /* the inference thread's */
	struct batch batch;
};

/* Errors name files by their path; a client must only see the name inside the model's folder. */
static void hide_folder(struct errinfo *ei, const char *dir)
{
	size_t n = strlen(dir);

	for (char *p; n > 0 && (p = strstr(ei->msg, dir));) {
		char *rest = p + n;
		rest += *rest == '/';
		memmove(p, rest, strlen(rest) + 1);
	}
}

/* --- the inference thread --- */

/* The answer: w is freed, and the request the caller's again. */
static void finish(struct serve *s, struct work *w)
{
	struct serve_request *rq = w->rq;

	if (rq->error == OK) {
		const struct bert_config *config = bert_get_config(w->model->bert);
		rq->num_labels = config->num_labels;
		rq->labels = mem_zalloc((size_t)rq->num_labels, sizeof(char *));
		for (int i = 0; i < rq->num_labels; i++)
			rq->labels[i] = mem_strdup(config->labels[i]);
		rq->default_function = w->model->function;
	}
	pthread_mutex_lock(&s->lock);
	s->stats.queued_texts -= rq->n_texts - w->next;
	s->stats.requests++;
	histogram_observe(&s->stats.queue_seconds, &histogram_seconds, rq->seconds_queued);
	s->unhealthy |= rq->error == ERR_DEVICE;
	pthread_mutex_unlock(&s->lock);
	models_release(s->models, w->model);
	work_free(w);
	rq->done(rq->ctx, rq);
}

/* Answers a request that is still in the queue with an error. */
static void refuse(struct serve *s, struct work *w, enum err e, const struct errinfo *ei)
{
	TAILQ_REMOVE(&s->queue, w, link);
	work_fail(w, e, ei);
	finish(s, w);
}

static void refuse_all(struct serve *s, const struct model *m, enum err e, const struct errinfo *ei)
{
	struct work *w, *next;

	for (w = TAILQ_FIRST(&s->queue); w; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->model == m)
			refuse(s, w, e, ei);
	}
}

static enum err encode(struct serve *s, struct work *w, const struct tokenizers_entry *e,
		       struct errinfo *ei)
{
	double start = clock_monotonic();
	enum err rc = work_encode(w, e, ei);

	pthread_mutex_lock(&s->lock);
	histogram_observe(&s->stats.tokenize_seconds, &histogram_seconds,
			  clock_monotonic() - start);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* Encodes the requests that came before the tokenizer was there. */
static enum err encode_waiting(struct serve *s, const struct model *m, struct errinfo *ei)
{
	const struct tokenizers_entry *e = NULL;
	struct work *w, *next;
	struct errinfo why;
	enum err rc = OK;

	for (w = TAILQ_FIRST(&s->queue); w; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->model != m || w->offsets)
			continue;
		if (!e)
			rc = tokenizers_open(s->tokenizers, m->id, m->dir, &e, ei);
		if (rc != OK)
			return rc;
		enum err fault = encode(s, w, e, &why);
		if (fault != OK)
			refuse(s, w, fault, &why);
	}
	if (e)
		tokenizers_release(s->tokenizers, e->tokenizer);
	return OK;
}

/* Before the pass: the time in the queue ends. */
static void begin_pass(struct serve *s, double now)
{
	const struct batch *b = &s->batch;

	for (int i = 0; i < b->n_works; i++) {
		struct work *w = b->works[i];
		if (w->n_done == 0)
			w->rq->seconds_queued = now - w->submitted;
	}
	pthread_mutex_lock(&s->lock);
	s->stats.queued_texts -= b->n;
	pthread_mutex_unlock(&s->lock);
}

/* After the pass: answers whoever has all texts done, or failed. */
static void end_pass(struct serve *s, int passes, double seconds)
{
	const struct batch *b = &s->batch;

	pthread_mutex_lock(&s->lock);
	s->stats.batches += passes;
	s->stats.texts += b->n;
	s->stats.tokens += b->n_tokens;
	histogram_observe(&s->stats.inference_seconds, &histogram_seconds, seconds);
	histogram_observe(&s->stats.batch_texts, &histogram_texts, b->n);
	histogram_observe(&s->stats.batch_tokens, &histogram_tokens, (double)b->n_tokens);
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < b->n_works; i++) {
		struct work *w = b->works[i];
		bool queued = w->next < w->rq->n_texts;
		w->rq->seconds_inference += seconds;
		w->n_done += w->taken;
		w->taken = 0;
		if (w->rq->error != OK && queued)
			TAILQ_REMOVE(&s->queue, w, link);
		if (w->rq->error != OK || !queued)
			finish(s, w);
	}
}

/* One turn: the model of the oldest request, and what waits for the same model. */
static void serve_once(struct serve *s, struct model *m)
{
	struct errinfo ei;
	enum err rc = models_load(s->models, m, &ei);

	if (rc == OK)
		rc = encode_waiting(s, m, &ei);
	if (rc != OK) {
		hide_folder(&ei, m->dir);
		refuse_all(s, m, rc, &ei);
		return;
	}
	batch_take(&s->batch, &s->queue, m, s->config.max_batch_tokens);
	if (s->batch.n == 0)
		return;
	double start = clock_monotonic();
	begin_pass(s, start);
	int passes =
		batch_run(&s->batch, m->bert, bert_get_config(m->bert)->num_labels, bert_forward);
	end_pass(s, passes, clock_monotonic() - start);
}

/* Moves the inbox to the queue, first waiting until there is something to do. False when the thread
 * is to end: stopping, and nothing queued or on its way into the inbox. */
static bool receive(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	while (TAILQ_EMPTY(&s->inbox) && TAILQ_EMPTY(&s->queue) && !s->poked &&
	       !(s->stopping && s->stats.queued_texts == 0))
		pthread_cond_wait(&s->wake, &s->lock);
	TAILQ_CONCAT(&s->queue, &s->inbox, link);
	s->poked = false;
	bool more = !TAILQ_EMPTY(&s->queue) || !s->stopping || s->stats.queued_texts > 0;
	pthread_mutex_unlock(&s->lock);
	return more;
}

static void *inference_main(void *arg)
{
	struct serve *s = arg;

	bert_set_threads(s->config.threads);
	while (receive(s)) {
		struct work *w = TAILQ_FIRST(&s->queue);
		if (w)
			serve_once(s, w->model);
		models_reap(s->models);
	}
	models_free(s->models);
	return NULL;
}

/* --- start and stop --- */

enum err serve_start(const struct serve_config *c, struct serve **out, struct errinfo *ei)
{
	struct bert_device_info info;
	enum err rc = bert_device_info(c->device, &info, ei);

	if (rc != OK)
		return rc;
	struct serve *s = mem_zalloc(1, sizeof(*s));
	s->config = *c;
	s->config.device = s->device = mem_strdup(c->device);
	s->tokenizers = tokenizers_new(IDLE_TOKENIZERS);
	s->models = models_new(s->device, c->bf16, c->max_model_bytes);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	TAILQ_INIT(&s->inbox);
	TAILQ_INIT(&s->queue);
	BUG_ON(pthread_create(&s->thread, NULL, inference_main, s) != 0);
	*out = s;
	return OK;
}

void serve_stop(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	tokenizers_free(s->tokenizers);
	batch_clear(&s->batch);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->device);
	free(s);
}

/* --- submitting, any thread --- */

static enum err reject_locked(struct serve *s, enum serve_rejection why, enum err e)
{
	s->stats.rejected[why]++;
	return e;
}

static enum err reserve_locked(struct serve *s, int n_texts, struct errinfo *ei)
{
	int64_t max = s->config.max_queue_texts;

	if (n_texts < 1)
		return reject_locked(s, SERVE_BAD_TEXT,
				     err_set(ei, ERR_INVALID, "input has no text"));
	if (n_texts > max)
		return reject_locked(s, SERVE_TOO_MANY_TEXTS,
				     err_set(ei, ERR_TOO_LARGE,
					     "input has %d texts; the queue holds %lld", n_texts,
					     (long long)max));
	if (s->stopping)
		return reject_locked(s, SERVE_STOPPING,
				     err_set(ei, ERR_BUSY, "the server is stopping"));
	if (s->stats.queued_texts + n_texts > max)
		return reject_locked(s, SERVE_QUEUE_FULL,
				     err_set(ei, ERR_BUSY, "%lld texts are waiting already",
					     (long long)s->stats.queued_texts));
	s->stats.queued_texts += n_texts;
	return OK;
}

/* Takes room in the queue before the work of tokenizing is done. */
static enum err reserve(struct serve *s, int n_texts, struct errinfo *ei)
{
	pthread_mutex_lock(&s->lock);
	enum err rc = reserve_locked(s, n_texts, ei);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* The texts are not queued after all. */
static void give_room_back(struct serve *s, int n_texts)
{
	pthread_mutex_lock(&s->lock);
	s->stats.queued_texts -= n_texts;
	s->stats.rejected[SERVE_BAD_TEXT]++;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

enum err serve_submit(struct serve *s, struct serve_request *rq, struct errinfo *ei)
{
	enum err rc = reserve(s, rq->n_texts, ei);

	if (rc != OK)
		return rc;
	struct work *w = work_new(rq);
	const struct tokenizers_entry *e = tokenizers_find(s->tokenizers, rq->model_id);
	if (e) {
		rc = encode(s, w, e, ei);
		tokenizers_release(s->tokenizers, e->tokenizer);
	}
	if (rc != OK) {
		give_room_back(s, rq->n_texts);
		work_free(w);
		return rc;
	}
	w->model = models_hold(s->models, rq->model_id, rq->dir);
	pthread_mutex_lock(&s->lock);
	TAILQ_INSERT_TAIL(&s->inbox, w, link);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return OK;
}

/* --- the rest --- */

enum err serve_tokenizer(struct serve *s, const char *model_id, const char *dir,
			 const struct tokenizer **out, struct errinfo *ei)
{
	const struct tokenizers_entry *e;
	struct errinfo why;
	enum err rc = tokenizers_open(s->tokenizers, model_id, dir, &e, &why);

	if (rc == OK) {
		*out = e->tokenizer;
		return OK;
	}
	hide_folder(&why, dir);
	return err_set(ei, rc, "%s", why.msg);
}

void serve_tokenizer_release(struct serve *s, const struct tokenizer *t)
{
	tokenizers_release(s->tokenizers, t);
}

bool serve_loaded(struct serve *s, const char *model_id)
{
	return models_loaded(s->models, model_id);
}

bool serve_healthy(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	bool healthy = !s->unhealthy;
	pthread_mutex_unlock(&s->lock);
	return healthy;
}

void serve_drop(struct serve *s, const char *model_id)
{
	tokenizers_drop(s->tokenizers, model_id);
	models_drop(s->models, model_id);
	pthread_mutex_lock(&s->lock);
	s->poked = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void serve_get_stats(struct serve *s, struct serve_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
	models_stats(s->models, out);
}

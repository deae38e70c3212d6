/* A served model on a labelled data set: see trial.h. */
#include "serve/trial.h"

#include "base/clock.h"
#include "base/mem.h"
#include "train/evaluate.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_NS (20 * 1000 * 1000) /* between two tries at a full queue */

struct run {
	const struct trial *t;
	struct evaluation sum;
	struct serve_request *rq; /* being filled; NULL: none */
	int32_t *labels;	  /* (batch_size) of its texts */
	int64_t n_requests;

	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool answered;
};

/* On the inference thread. */
static void on_done(void *ctx, struct serve_request *rq)
{
	struct run *r = ctx;

	(void)rq;
	pthread_mutex_lock(&r->lock);
	r->answered = true;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

static void wait_for_answer(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->answered)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

static enum err submit(struct run *r, struct errinfo *ei)
{
	const struct timespec pause = { 0, RETRY_NS };
	enum err e = ERR_BUSY;

	r->answered = false;
	while (e == ERR_BUSY) {
		if (!r->t->go_on(r->t->ctx))
			return err_set(ei, ERR_CANCELLED, "the evaluation was stopped");
		e = serve_submit(r->t->serve, r->rq, ei);
		if (e == ERR_BUSY)
			nanosleep(&pause, NULL);
	}
	return e;
}

static enum err count(struct run *r, struct errinfo *ei)
{
	const struct serve_request *rq = r->rq;

	if (rq->error != OK)
		return err_set(ei, rq->error, "%s", rq->ei.msg);
	if (rq->num_labels != r->sum.num_labels)
		return err_set(ei, ERR_CONFLICT, "the model has other labels by now");
	for (int i = 0; i < rq->n_texts; i++)
		evaluation_add(&r->sum, rq->texts[i].logits, r->labels[i]);
	return OK;
}

/* Sends the texts that have been gathered, and adds up what comes back. */
static enum err flush(struct run *r, struct errinfo *ei)
{
	if (!r->rq)
		return OK;
	enum err e = submit(r, ei);
	if (e == OK) {
		wait_for_answer(r);
		e = count(r, ei);
		r->n_requests++;
	}
	serve_request_free(r->rq);
	r->rq = NULL;
	return e;
}

static void begin_request(struct run *r)
{
	struct serve_request *rq = serve_request_new((int)r->t->batch_size);

	snprintf(rq->model_id, sizeof(rq->model_id), "%s", r->t->model_id);
	rq->dir = mem_strdup(r->t->dir);
	rq->max_length = r->t->max_length;
	rq->n_texts = 0;
	rq->done = on_done;
	rq->ctx = r;
	r->rq = rq;
}

/* A dataset_taker. */
static enum err take(void *ctx, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	struct run *r = ctx;

	(void)s;
	(void)place;
	if (!r->rq)
		begin_request(r);
	struct serve_text *text = &r->rq->texts[r->rq->n_texts];
	text->text = mem_dup(x->text, x->text_len);
	text->len = x->text_len;
	if (x->pair) {
		text->pair = mem_dup(x->pair, x->pair_len);
		text->pair_len = x->pair_len;
	}
	r->labels[r->rq->n_texts++] = x->label;
	return r->rq->n_texts == r->t->batch_size ? flush(r, ei) : OK;
}

enum err trial_run(const struct trial *t, json_t **metrics, struct faults *faults,
		   struct errinfo *ei)
{
	struct run r = { .t = t,
			 .labels = mem_zalloc((size_t)t->batch_size, sizeof(*r.labels)),
			 .lock = PTHREAD_MUTEX_INITIALIZER,
			 .cond = PTHREAD_COND_INITIALIZER };
	double start = clock_monotonic();

	evaluation_init(&r.sum, dataset_n_labels(t->data));
	enum err e = dataset_read(t->data, take, &r, faults, ei);
	if (e == OK)
		e = flush(&r, ei);
	if (e == OK)
		*metrics = evaluation_metrics(&r.sum, (const char *const *)dataset_labels(t->data),
					      r.n_requests, clock_monotonic() - start);
	serve_request_free(r.rq);
	evaluation_clear(&r.sum);
	free(r.labels);
	return e;
}

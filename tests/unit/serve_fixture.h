/* What the tests of serving share: a server with the fake model, two model folders, and a way to
 * wait for answers. */
#ifndef BERTD_TESTS_SERVE_FIXTURE_H
#define BERTD_TESTS_SERVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "model_folder.h"
#include "serve/serve.h"

#define MODEL_BYTES  (2 * (FAKE_BERT_FEATURES + 1) * 4)
#define BATCH_TOKENS 40
#define QUEUE_TEXTS  300

static char *root, *dir_a, *dir_b;
static struct serve *serve;
static struct errinfo ei;

static inline void start(int64_t max_model_bytes)
{
	const struct serve_config c = { .device = "cpu",
					.threads = 1,
					.max_model_bytes = max_model_bytes,
					.max_batch_tokens = BATCH_TOKENS,
					.max_queue_texts = QUEUE_TEXTS };

	BUG_ON(serve_start(&c, &serve, &ei) != OK);
}

static inline int setup(void **state)
{
	char path[] = "/tmp/bertd-test-XXXXXX";

	(void)state;
	root = mem_strdup(mkdtemp(path));
	dir_a = model_folder_new(root, "a");
	dir_b = model_folder_new(root, "b");
	fake_bert_reset();
	start(1 << 20);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	if (serve)
		serve_stop(serve);
	serve = NULL;
	BUG_ON(fake_bert.open_models != 0);
	BUG_ON(files_remove(root, NULL) != OK);
	free(dir_a);
	free(dir_b);
	free(root);
	return 0;
}

/* --- waiting for answers --- */

/* Counts answers. While shut, the callback holds the inference thread. */
struct answers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int n;
	bool shut;
	struct serve_request *order[QUEUE_TEXTS]; /* as they came */
};
#define ANSWERS(name) \
	struct answers name = { .lock = PTHREAD_MUTEX_INITIALIZER, \
				.changed = PTHREAD_COND_INITIALIZER }

static inline void answered(void *ctx, struct serve_request *rq)
{
	struct answers *a = ctx;

	pthread_mutex_lock(&a->lock);
	a->order[a->n++ % QUEUE_TEXTS] = rq;
	pthread_cond_broadcast(&a->changed);
	while (a->shut)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static inline void await(struct answers *a, int n)
{
	pthread_mutex_lock(&a->lock);
	while (a->n < n)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static inline void open_gate(struct answers *a)
{
	pthread_mutex_lock(&a->lock);
	a->shut = false;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* "c d e …": n letters from a on, so that texts of different n or first differ. */
static inline char *letters(int first, int n)
{
	char *s = mem_zalloc((size_t)n * 2 + 1, 1);

	for (int i = 0; i < n; i++) {
		s[2 * i] = (char)('a' + (first + i * i) % 26);
		s[2 * i + 1] = i + 1 < n ? ' ' : '\0';
	}
	return s;
}

static inline void set_text(struct serve_request *rq, int i, char *text)
{
	rq->texts[i].text = text;
	rq->texts[i].len = strlen(text);
}

static inline struct serve_request *request(const char *id, const char *dir, int n,
					    struct answers *a)
{
	struct serve_request *rq = serve_request_new(n);

	snprintf(rq->model_id, sizeof(rq->model_id), "%s", id);
	rq->dir = mem_strdup(dir);
	rq->done = answered;
	rq->ctx = a;
	for (int i = 0; i < n; i++)
		set_text(rq, i, letters(i, 1 + i * 5 % 11));
	return rq;
}

static inline struct serve_request *one_text(const char *text, struct answers *a)
{
	struct serve_request *rq = request("a", dir_a, 1, a);

	free(rq->texts[0].text);
	set_text(rq, 0, mem_strdup(text));
	return rq;
}

static inline void submit(struct serve_request *rq)
{
	assert_int_equal(serve_submit(serve, rq, &ei), OK);
}

/* The answer of one request; the caller frees it. */
static inline struct serve_request *ask(struct serve_request *rq)
{
	ANSWERS(a);

	rq->ctx = &a;
	submit(rq);
	await(&a, 1);
	return rq;
}

/* Loads model a and its tokenizer. */
static inline void warm_up(void)
{
	serve_request_free(ask(request("a", dir_a, 1, NULL)));
}

/* A request whose callback holds the inference thread until open_gate. */
static inline struct serve_request *hold_thread(struct answers *gate)
{
	struct serve_request *rq = request("a", dir_a, 1, gate);

	gate->shut = true;
	submit(rq);
	await(gate, 1);
	return rq;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif

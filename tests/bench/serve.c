/* Serves a model folder without HTTP, for tests/golden/interchange_parity.py and for measurements:
 *
 *     serve [-d DEVICE] [-t THREADS] [-b MAX_BATCH_TOKENS] DIR score < TEXTS
 *         one JSON line for each text: {"label", "score", "scores", "tokens", "truncated"}, by the
 *         function that the model's own pipeline applies; all texts are queued at once
 *     serve … DIR bench N < TEXTS
 *         N requests of one text each at several concurrencies: texts/s, latencies, batch sizes
 *     serve DIR save OUT
 *         the folder as bertd writes it
 *
 * TEXTS are JSON lines {"text": …, "text_pair": …}. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/bert.h"
#include "serve/serve.h"
#include "text/tokenizer.h"

static const int concurrencies[] = { 1, 4, 16, 64 };

static const char *dir;
static struct serve *serve;
static struct errinfo ei;
static json_t *texts; /* array of {"text", "text_pair"} */

static int fail(enum err e)
{
	fprintf(stderr, "%s: %s\n", err_name(e), ei.msg);
	return 1;
}

static enum err read_texts(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	enum err rc = OK;

	texts = json_array();
	while (rc == OK && (n = getline(&line, &cap, stdin)) > 0) {
		json_t *o = NULL;
		rc = json_parse(line, (size_t)n, &o, &ei);
		if (rc == OK && !json_is_string(json_object_get(o, "text")))
			rc = err_set(&ei, ERR_INVALID, "a line without \"text\"");
		json_array_append_new(texts, o);
	}
	free(line);
	if (rc == OK && json_array_size(texts) == 0)
		rc = err_set(&ei, ERR_INVALID, "no texts");
	return rc;
}

/* One text of the input, from a copy: text may hold NUL. */
static char *copy(const json_t *s, size_t *len)
{
	*len = json_string_length(s);
	char *text = mem_alloc(*len + 1);
	memcpy(text, json_string_value(s), *len + 1);
	return text;
}

static struct serve_request *request(size_t i)
{
	const json_t *o = json_array_get(texts, i % json_array_size(texts));
	const json_t *pair = json_object_get(o, "text_pair");
	struct serve_request *rq = serve_request_new(1);

	snprintf(rq->model_id, sizeof(rq->model_id), "model");
	rq->dir = mem_strdup(dir);
	rq->texts[0].text = copy(json_object_get(o, "text"), &rq->texts[0].len);
	if (json_is_string(pair))
		rq->texts[0].pair = copy(pair, &rq->texts[0].pair_len);
	return rq;
}

/* --- score --- */

static void answered(void *ctx, struct serve_request *rq)
{
	(void)rq;
	sem_post(ctx);
}

static json_t *answer(const struct serve_request *rq)
{
	const struct serve_text *t = &rq->texts[0];
	float *scores = mem_alloc((size_t)rq->num_labels * sizeof(*scores));
	json_t *list = json_array();
	int best = 0;

	serve_scores(t->logits, rq->num_labels, rq->default_function, scores);
	for (int i = 0; i < rq->num_labels; i++) {
		best = scores[i] > scores[best] ? i : best;
		json_array_append_new(list, json_pack("{s:s, s:f}", "label", rq->labels[i], "score",
						      (double)scores[i]));
	}
	json_t *o = json_pack("{s:s, s:f, s:o, s:i, s:b}", "label", rq->labels[best], "score",
			      (double)scores[best], "scores", list, "tokens", t->tokens,
			      "truncated", t->truncated);
	free(scores);
	return o;
}

static enum err print_answer(const struct serve_request *rq)
{
	struct buf line = { 0 };

	if (rq->error != OK) {
		ei = rq->ei;
		return rq->error;
	}
	json_t *o = answer(rq);
	json_print(o, &line);
	puts(line.data);
	buf_clear(&line);
	json_decref(o);
	return OK;
}

static enum err score(void)
{
	size_t n = json_array_size(texts);
	struct serve_request **rqs = mem_zalloc(n, sizeof(*rqs));
	size_t n_queued = 0;
	enum err rc = OK;
	sem_t done;

	sem_init(&done, 0, 0);
	for (size_t i = 0; i < n && rc == OK; i++) {
		rqs[i] = request(i);
		rqs[i]->done = answered;
		rqs[i]->ctx = &done;
		rc = serve_submit(serve, rqs[i], &ei);
		n_queued += rc == OK;
	}
	for (size_t i = 0; i < n_queued; i++)
		sem_wait(&done);
	for (size_t i = 0; i < n && rc == OK; i++)
		rc = print_answer(rqs[i]);
	for (size_t i = 0; i < n; i++)
		serve_request_free(rqs[i]);
	sem_destroy(&done);
	free(rqs);
	return rc;
}

/* --- bench --- */

struct sample {
	double start, seconds;
	sem_t *slots;
	enum err error;
};

static void measured(void *ctx, struct serve_request *rq)
{
	struct sample *s = ctx;

	s->seconds = clock_monotonic() - s->start;
	s->error = s->error != OK ? s->error : rq->error;
	serve_request_free(rq);
	sem_post(s->slots);
}

static int by_seconds(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

/* Keeps so many requests under way until n have been answered; the time of all. */
static enum err measure(int concurrency, struct sample *samples, int n, double *seconds)
{
	double start = clock_monotonic();
	enum err rc = OK;
	sem_t slots;

	sem_init(&slots, 0, (unsigned)concurrency);
	for (int i = 0; i < n; i++) {
		struct serve_request *rq = request((size_t)i);
		sem_wait(&slots);
		samples[i] = (struct sample){ .start = clock_monotonic(), .slots = &slots };
		rq->done = measured;
		rq->ctx = &samples[i];
		samples[i].error = serve_submit(serve, rq, &ei);
		if (samples[i].error != OK)
			measured(&samples[i], rq);
	}
	for (int i = 0; i < concurrency; i++)
		sem_wait(&slots);
	*seconds = clock_monotonic() - start;
	for (int i = 0; i < n && rc == OK; i++)
		if (samples[i].error != OK)
			rc = err_set(&ei, samples[i].error, "request %d failed", i);
	sem_destroy(&slots);
	return rc;
}

static enum err print_row(int concurrency, struct sample *samples, int n)
{
	struct serve_stats before, after;
	double seconds;

	serve_get_stats(serve, &before);
	enum err rc = measure(concurrency, samples, n, &seconds);
	serve_get_stats(serve, &after);
	qsort(samples, (size_t)n, sizeof(*samples), by_seconds);
	if (rc == OK)
		printf("%11d %10.1f %9.2f %9.2f %12.1f\n", concurrency, n / seconds,
		       samples[n / 2].seconds * 1e3, samples[(n - 1) * 99 / 100].seconds * 1e3,
		       (double)n / (double)(after.batches - before.batches));
	return rc;
}

static enum err bench(int n)
{
	if (n < 1)
		return err_set(&ei, ERR_INVALID, "bench wants a number of requests");
	struct sample *samples = mem_zalloc((size_t)n, sizeof(*samples));
	double loading;
	enum err rc = measure(1, samples, 1, &loading);
	if (rc == OK)
		printf("concurrency    texts/s    p50 ms    p99 ms  texts/batch\n");
	for (size_t i = 0; i < sizeof(concurrencies) / sizeof(concurrencies[0]) && rc == OK; i++)
		rc = print_row(concurrencies[i], samples, n);
	free(samples);
	return rc;
}

/* --- save --- */

static enum err save(const char *out, const char *device)
{
	const struct bert_open_args args = { .dir = dir, .device = device, .dropout = -1 };
	struct bert *bert = NULL;
	struct tokenizer *tokenizer = NULL;
	enum err rc = files_make_dirs(out, &ei);

	if (rc == OK)
		rc = tokenizer_open(dir, &tokenizer, &ei);
	if (rc == OK)
		rc = bert_open(&args, &bert, &ei);
	if (rc == OK)
		rc = bert_save(bert, out, &ei);
	if (rc == OK)
		rc = tokenizer_save(tokenizer, out, &ei);
	bert_close(bert);
	tokenizer_free(tokenizer);
	return rc;
}

static enum err serve_texts(const struct serve_config *c, const char *mode, const char *n)
{
	enum err rc = read_texts();

	if (rc == OK)
		rc = serve_start(c, &serve, &ei);
	if (rc == OK) {
		rc = strcmp(mode, "score") == 0 ? score() : bench(n ? atoi(n) : 0);
		serve_stop(serve);
	}
	json_decref(texts);
	return rc;
}

static int usage(void)
{
	fprintf(stderr, "usage: serve [-d DEVICE] [-t THREADS] [-b MAX_BATCH_TOKENS] DIR "
			"score|bench N|save OUT\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct serve_config c = { .device = "cpu",
				  .max_model_bytes = (int64_t)1 << 40,
				  .max_batch_tokens = 8192,
				  .max_queue_texts = 1 << 20 };

	for (int o; (o = getopt(argc, argv, "d:t:b:")) != -1;) {
		if (o == 'd')
			c.device = optarg;
		else if (o == 't')
			c.threads = atoi(optarg);
		else if (o == 'b')
			c.max_batch_tokens = atoll(optarg);
		else
			return usage();
	}
	if (argc - optind < 2)
		return usage();
	const char *mode = argv[optind + 1], *more = argv[optind + 2];
	dir = argv[optind];
	log_set_level(LOG_WARN);
	enum err rc;
	if (strcmp(mode, "save") == 0 && more)
		rc = save(more, c.device);
	else if (strcmp(mode, "score") == 0 || strcmp(mode, "bench") == 0)
		rc = serve_texts(&c, mode, more);
	else
		return usage();
	return rc == OK ? 0 : fail(rc);
}

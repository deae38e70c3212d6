/* A trainer_run over a made-up data set and the fake model in a folder of its own, and a note of
 * all it says. */
#ifndef BERTD_TRAINER_FIXTURE_H
#define BERTD_TRAINER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/mem.h"
#include "../fakes/fake_bert.h"
#include "train/trainer.h"

enum { FIXTURE_LENGTH = 6, FIXTURE_LABELS = 2 };

struct fixture {
	char root[64]; /* base/ the model that a run starts from, job/ its checkpoints */
	char base[80], job[80];
	struct examples splits[N_SPLITS];
	struct tokenizer *tokenizer;
	struct train_args args;
	struct bert *model;
	struct trainer_result result;
	struct errinfo ei;
	/* What happened. */
	struct buf trace;  /* "log@2 eval@3 saved@3 checkpoint@3 removed@1 …" */
	json_t *records;   /* [[type, record], …] without times */
	int64_t n_asked;   /* times that the verdict was asked for */
	int64_t stop_when; /* n_asked at which the verdict is `verdict`; 0: never */
	enum trainer_verdict verdict;
	enum err record_fails; /* what the record hook returns */
	struct trainer_progress progress;
};

static const char *const fixture_labels[FIXTURE_LABELS] = { "negative", "positive" };

static inline void fixture_write(const char *dir, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);

	assert_int_equal(files_write(path, text, strlen(text), NULL), OK);
	free(path);
}

static inline void fixture_base(struct fixture *f)
{
	assert_int_equal(files_make_dirs(f->base, NULL), OK);
	fixture_write(f->base, "config.json",
		      "{\"model_type\": \"bert\", \"vocab_size\": 100, \"hidden_size\": 8, "
		      "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, "
		      "\"intermediate_size\": 16, \"max_position_embeddings\": 16, "
		      "\"type_vocab_size\": 2, \"hidden_act\": \"gelu\", "
		      "\"hidden_dropout_prob\": 0.1, \"attention_probs_dropout_prob\": 0.1, "
		      "\"layer_norm_eps\": 1e-12, \"initializer_range\": 0.02, "
		      "\"pad_token_id\": 0}");
	fixture_write(f->base, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n");
	assert_int_equal(tokenizer_open(f->base, &f->tokenizer, &f->ei), OK);
}

/* n rows of 3 … FIXTURE_LENGTH tokens; the label shows in the tokens, but not in every row. */
static inline struct examples fixture_examples(int64_t n, uint32_t seed)
{
	size_t room = (size_t)n + 1;
	int64_t *starts = mem_zalloc(room, sizeof(*starts)), at = 0;
	int32_t *lengths = mem_zalloc(room, sizeof(*lengths));
	int32_t *labels = mem_zalloc(room, sizeof(*labels));
	int32_t *ids = mem_zalloc(room, FIXTURE_LENGTH * sizeof(*ids));

	for (int64_t i = 0; i < n; i++) {
		starts[i] = at;
		lengths[i] = (int32_t)(3 + (i + seed) % (FIXTURE_LENGTH - 2));
		labels[i] = (int32_t)(i % FIXTURE_LABELS);
		for (int64_t t = 0; t < lengths[i]; t++)
			ids[at + t] = (int32_t)((i * 7 + t * 3 + seed * 5) % 90 + 5);
		if (i % 5)
			ids[at + 1] = 95 + labels[i];
		at += lengths[i];
	}
	return (struct examples){ n, starts, lengths, lengths, labels, ids };
}

static inline void fixture_free_examples(const struct examples *x)
{
	free((void *)x->starts);
	free((void *)x->lengths);
	free((void *)x->labels);
	free((void *)x->input_ids);
}

static inline void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .records = json_array(), .verdict = TRAINER_STOP };
	fake_bert_reset();
	/* In memory where that is possible: a run syncs every file it writes. */
	snprintf(f->root, sizeof(f->root), "%s/bertd-trainer-XXXXXX",
		 files_exist("/dev/shm") ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->base, sizeof(f->base), "%s/base", f->root);
	snprintf(f->job, sizeof(f->job), "%s/job", f->root);
	train_args_init(&f->args);
	fixture_base(f);
	f->splits[SPLIT_TRAIN] = fixture_examples(21, 1);
	f->splits[SPLIT_VALIDATION] = fixture_examples(10, 2);
	f->splits[SPLIT_TEST] = fixture_examples(9, 3);
}

/* Forgets what happened, but keeps the folder. */
static inline void fixture_forget(struct fixture *f)
{
	bert_close(f->model);
	f->model = NULL;
	trainer_result_clear(&f->result);
	buf_reset(&f->trace);
	buf_puts(&f->trace, "");
	json_array_clear(f->records);
	f->n_asked = f->stop_when = 0;
}

static inline void fixture_clear(struct fixture *f)
{
	fixture_forget(f);
	for (int s = 0; s < N_SPLITS; s++)
		fixture_free_examples(&f->splits[s]);
	tokenizer_free(f->tokenizer);
	train_args_clear(&f->args);
	buf_clear(&f->trace);
	json_decref(f->records);
	assert_int_equal(files_remove(f->root, NULL), OK);
}

static inline void fixture_no_times(json_t *record)
{
	static const char *const times[] = {
		"eval_runtime",	 "eval_samples_per_second",  "eval_steps_per_second",
		"train_runtime", "train_samples_per_second", "train_steps_per_second"
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		json_object_del(record, times[i]);
}

static inline enum err fixture_record(void *ctx, const char *type, const json_t *record,
				      struct errinfo *ei)
{
	struct fixture *f = ctx;
	json_t *copy = json_deep_copy(record);

	buf_printf(&f->trace, "%s@%lld ", type,
		   (long long)json_integer_value(json_object_get(record, "step")));
	fixture_no_times(copy);
	json_array_append_new(f->records, json_pack("[s, o]", type, copy));
	return f->record_fails == OK ? OK : err_set(ei, f->record_fails, "as the test wants");
}

static inline enum err fixture_saved(void *ctx, int64_t step, double epoch, const json_t *metrics,
				     struct errinfo *ei)
{
	struct fixture *f = ctx;

	(void)ei;
	assert_true(epoch > 0);
	buf_printf(&f->trace, "%s@%lld ", metrics ? "saved+" : "saved", (long long)step);
	return OK;
}

static inline enum err fixture_removed(void *ctx, int64_t step, struct errinfo *ei)
{
	(void)ei;
	buf_printf(&((struct fixture *)ctx)->trace, "removed@%lld ", (long long)step);
	return OK;
}

static inline enum trainer_verdict fixture_verdict(void *ctx)
{
	struct fixture *f = ctx;

	return ++f->n_asked == f->stop_when ? f->verdict : TRAINER_GO;
}

static inline void fixture_progress(void *ctx, const struct trainer_progress *p)
{
	((struct fixture *)ctx)->progress = *p;
}

/* Opens the model from `from` (NULL: the base) and runs; resumes when from is given. */
static inline enum err fixture_run_from(struct fixture *f, const char *from)
{
	struct bert_open_args open = { .dir = from ? from : f->base,
				       .num_labels = FIXTURE_LABELS,
				       .labels = fixture_labels,
				       .device = "cpu",
				       .train = true,
				       .seed = (uint64_t)f->args.seed,
				       .dropout = -1 };
	struct trainer_run run = { .tokenizer = f->tokenizer,
				   .splits = f->splits,
				   .labels = fixture_labels,
				   .num_labels = FIXTURE_LABELS,
				   .max_length = FIXTURE_LENGTH,
				   .args = &f->args,
				   .dir = f->job,
				   .resume = from,
				   .hooks = { f, fixture_record, fixture_saved, fixture_removed,
					      fixture_verdict, fixture_progress } };

	bert_close(f->model);
	f->model = NULL;
	trainer_result_clear(&f->result);
	assert_int_equal(bert_open(&open, &f->model, &f->ei), OK);
	run.model = f->model;
	return trainer_run(&run, &f->result, &f->ei);
}

static inline enum err fixture_run(struct fixture *f)
{
	return fixture_run_from(f, NULL);
}

/* Continues from the newest checkpoint, or from the beginning when there is none. */
static inline enum err fixture_resume(struct fixture *f)
{
	int64_t step;
	char *path;

	assert_int_equal(trainer_last_checkpoint(f->job, &step, &path, &f->ei), OK);
	enum err e = fixture_run_from(f, path);
	free(path);
	return e;
}

/* The weights of the model as bytes; the caller frees. */
static inline char *fixture_weights(struct fixture *f, size_t *n)
{
	char *dir = mem_printf("%s/weights", f->root);
	char *path = mem_printf("%s/model.safetensors", dir);
	struct buf bytes = { 0 };

	assert_int_equal(files_make_dirs(dir, NULL), OK);
	assert_int_equal(bert_save(f->model, dir, &f->ei), OK);
	assert_int_equal(files_read(path, 1 << 20, &bytes, &f->ei), OK);
	free(dir);
	free(path);
	*n = bytes.len;
	return buf_take(&bytes);
}

/* Member of the i-th record of a type (i below 0: from the end); NaN when there is none. */
static inline double fixture_number(const struct fixture *f, const char *type, int i,
				    const char *member)
{
	json_t *found[256];
	int n = 0;
	size_t k;
	json_t *pair;

	json_array_foreach(f->records, k, pair)
		if (strcmp(json_string_value(json_array_get(pair, 0)), type) == 0 && n < 256)
			found[n++] = json_array_get(pair, 1);
	i = i < 0 ? n + i : i;
	if (i < 0 || i >= n)
		return __builtin_nan("");
	return json_number_value(json_object_get(found[i], member));
}

/* --- for cmocka --- */

static inline int set_up(void **state)
{
	struct fixture *f = mem_zalloc(1, sizeof(*f));

	fixture_init(f);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	fixture_clear(*state);
	free(*state);
	return 0;
}

static inline bool has_checkpoint(const struct fixture *f, int64_t step)
{
	char *path = mem_printf("%s/checkpoint-%lld/model.safetensors", f->job, (long long)step);
	bool there = files_exist(path);

	free(path);
	return there;
}

static inline void assert_trace(const struct fixture *f, const char *want)
{
	assert_string_equal(f->trace.data ? f->trace.data : "", want);
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif

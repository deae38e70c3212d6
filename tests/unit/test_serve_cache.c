/* The caches behind serving: tokenizers and models, without a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/log.h"
#include "model_folder.h"
#include "serve/models.h"
#include "serve/tokenizers.h"

static char *root, *dir_a, *dir_b;
static struct tokenizers *tokenizers;
static struct models *models;
static struct errinfo ei;

/* bytes of one fake model */
#define MODEL_BYTES (2 * (FAKE_BERT_FEATURES + 1) * 4)

static int setup(void **state)
{
	(void)state;
	char path[] = "/tmp/bertd-test-XXXXXX";
	root = mem_strdup(mkdtemp(path));
	dir_a = model_folder_new(root, "a");
	dir_b = model_folder_new(root, "b");
	tokenizers = tokenizers_new(1);
	models = models_new("cpu", false, MODEL_BYTES + MODEL_BYTES / 2);
	fake_bert_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tokenizers_free(tokenizers);
	models_free(models);
	BUG_ON(fake_bert.open_models != 0);
	BUG_ON(files_remove(root, NULL) != OK);
	free(dir_a);
	free(dir_b);
	free(root);
	return 0;
}

/* --- tokenizers --- */

static const struct tokenizers_entry *opened(const char *id, const char *dir)
{
	const struct tokenizers_entry *e;

	assert_int_equal(tokenizers_open(tokenizers, id, dir, &e, &ei), OK);
	return e;
}

static void a_tokenizer_is_opened_once(void **state)
{
	const struct tokenizers_entry *first = opened("a", dir_a), *second = opened("a", dir_a);

	(void)state;
	assert_ptr_equal(first, second);
	assert_ptr_equal(tokenizers_find(tokenizers, "a"), first);
	for (int i = 0; i < 3; i++)
		tokenizers_release(tokenizers, first->tokenizer);
}

static void the_idle_tokenizer_used_last_is_kept(void **state)
{
	(void)state;
	tokenizers_release(tokenizers, opened("a", dir_a)->tokenizer);
	tokenizers_release(tokenizers, opened("b", dir_b)->tokenizer);
	assert_null(tokenizers_find(tokenizers, "a"));
	const struct tokenizers_entry *b = tokenizers_find(tokenizers, "b");
	assert_non_null(b);
	tokenizers_release(tokenizers, b->tokenizer);
}

static void a_held_tokenizer_outlives_drop_and_others(void **state)
{
	const struct tokenizers_entry *a = opened("a", dir_a);

	(void)state;
	tokenizers_drop(tokenizers, "a");
	tokenizers_release(tokenizers, opened("b", dir_b)->tokenizer);
	assert_null(tokenizers_find(tokenizers, "a"));
	assert_int_equal(tokenizer_vocab_size(a->tokenizer), 31);
	tokenizers_release(tokenizers, a->tokenizer);
}

static void max_length_is_the_smaller_of_positions_and_tokenizer(void **state)
{
	const struct tokenizers_entry *a = opened("a", dir_a);

	(void)state;
	assert_int_equal(a->max_length, MODEL_FOLDER_POSITIONS);
	tokenizers_release(tokenizers, a->tokenizer);
	model_folder_file(dir_b, "tokenizer_config.json", "{\"model_max_length\": 16}");
	const struct tokenizers_entry *b = opened("b", dir_b);
	assert_int_equal(b->max_length, 16);
	tokenizers_release(tokenizers, b->tokenizer);
}

static void a_vocabulary_beyond_the_embeddings_is_refused(void **state)
{
	const struct tokenizers_entry *e;

	(void)state;
	model_folder_file(dir_a, "config.json", "{\"model_type\": \"bert\", \"vocab_size\": 30}");
	assert_int_equal(tokenizers_open(tokenizers, "a", dir_a, &e, &ei), ERR_INVALID);
	assert_string_equal(ei.msg,
			    "the tokenizer has 31 tokens, but vocab_size in config.json is 30");
}

/* --- models --- */

static struct model *loaded(const char *id, const char *dir)
{
	struct model *m = models_hold(models, id, dir);

	assert_int_equal(models_load(models, m, &ei), OK);
	return m;
}

static void the_model_used_least_recently_makes_room(void **state)
{
	struct model *a = loaded("a", dir_a), *b = loaded("b", dir_b);
	struct serve_stats stats;

	(void)state;
	models_stats(models, &stats);
	assert_null(a->bert);
	assert_true(models_loaded(models, "b"));
	assert_int_equal(stats.loaded_bytes, MODEL_BYTES);
	assert_int_equal(stats.evictions, 1);
	models_release(models, a);
	models_release(models, b);
}

static void a_model_larger_than_the_limit_is_loaded_alone(void **state)
{
	struct models *small = models_new("cpu", false, 1);
	struct model *a = models_hold(small, "a", dir_a), *b = models_hold(small, "b", dir_b);

	(void)state;
	assert_int_equal(models_load(small, a, &ei), OK);
	assert_int_equal(models_load(small, b, &ei), OK);
	assert_int_equal(fake_bert.open_models, 1);
	models_release(small, a);
	models_release(small, b);
	models_free(small);
}

static void out_of_device_memory_closes_the_others_first(void **state)
{
	struct model *a = loaded("a", dir_a), *b = models_hold(models, "b", dir_b);

	(void)state;
	model_folder_file(dir_b, "model.safetensors", "");
	fake_bert.fail_open = ERR_DEVICE_MEMORY;
	assert_int_equal(models_load(models, b, &ei), ERR_DEVICE_MEMORY);
	assert_int_equal(fake_bert.opens, 3);
	assert_null(a->bert);
	models_release(models, a);
	models_release(models, b);
}

static void a_checkpoint_without_a_classifier_is_refused(void **state)
{
	struct model *a = models_hold(models, "a", dir_a);

	(void)state;
	model_folder_file(dir_a, "model.safetensors", "");
	assert_int_equal(models_load(models, a, &ei), ERR_INVALID);
	assert_string_equal(ei.msg, "the model has no trained head (classifier.bias is not in the "
				    "checkpoint): fine-tune it first");
	assert_int_equal(fake_bert.open_models, 0);
	models_release(models, a);
}

static void a_dropped_model_is_closed_when_nobody_holds_it(void **state)
{
	struct model *a = loaded("a", dir_a);

	(void)state;
	models_drop(models, "a");
	models_reap(models);
	assert_int_equal(fake_bert.open_models, 1);
	assert_false(models_loaded(models, "a"));
	models_release(models, a);
	models_reap(models);
	assert_int_equal(fake_bert.open_models, 0);
}

static void a_name_that_was_dropped_means_a_new_model(void **state)
{
	struct model *old = loaded("a", dir_a);

	(void)state;
	models_drop(models, "a");
	struct model *new = models_hold(models, "a", dir_b);
	assert_ptr_not_equal(old, new);
	assert_string_equal(new->dir, dir_b);
	models_release(models, old);
	models_release(models, new);
}

static void the_default_function_is_the_pipelines(void **state)
{
	static const struct {
		const char *config;
		int num_labels;
		enum serve_function want;
	} cases[] = {
		{ "{}", 2, SERVE_SOFTMAX },
		{ "{}", 1, SERVE_SIGMOID },
		{ "{\"problem_type\": null}", 3, SERVE_SOFTMAX },
		{ "{\"problem_type\": \"single_label_classification\"}", 2, SERVE_SOFTMAX },
		{ "{\"problem_type\": \"multi_label_classification\"}", 3, SERVE_SIGMOID },
		{ "{\"problem_type\": \"regression\"}", 1, SERVE_NONE },
		{ "{\"problem_type\": 7}", 2, SERVE_SOFTMAX },
		{ "damaged", 2, SERVE_SOFTMAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		model_folder_file(dir_a, "config.json", cases[i].config);
		assert_int_equal(models_function(dir_a, cases[i].num_labels), cases[i].want);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tokenizer_is_opened_once),
		TEST(the_idle_tokenizer_used_last_is_kept),
		TEST(a_held_tokenizer_outlives_drop_and_others),
		TEST(max_length_is_the_smaller_of_positions_and_tokenizer),
		TEST(a_vocabulary_beyond_the_embeddings_is_refused),
		TEST(the_model_used_least_recently_makes_room),
		TEST(a_model_larger_than_the_limit_is_loaded_alone),
		TEST(out_of_device_memory_closes_the_others_first),
		TEST(a_checkpoint_without_a_classifier_is_refused),
		TEST(a_dropped_model_is_closed_when_nobody_holds_it),
		TEST(a_name_that_was_dropped_means_a_new_model),
		TEST(the_default_function_is_the_pipelines),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

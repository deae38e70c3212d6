/* Time, memory and operations of jobs that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/estimate.h"
#include "train/trainer.h"

static const struct bert_config base = { .vocab_size = 30522,
					 .hidden_size = 768,
					 .num_hidden_layers = 12,
					 .num_attention_heads = 12,
					 .intermediate_size = 3072,
					 .max_position_embeddings = 512,
					 .type_vocab_size = 2,
					 .hidden_dropout_prob = 0.1,
					 .attention_probs_dropout_prob = 0.1,
					 .num_labels = 2 };
static const struct bert_config minilm = { .vocab_size = 30522,
					   .hidden_size = 384,
					   .num_hidden_layers = 6,
					   .num_attention_heads = 12,
					   .intermediate_size = 1536,
					   .max_position_embeddings = 512,
					   .type_vocab_size = 2,
					   .hidden_dropout_prob = 0.1,
					   .attention_probs_dropout_prob = 0.1,
					   .num_labels = 2 };

static struct estimate_split rows_of(int64_t n, int32_t length)
{
	struct row_fact *facts = mem_zalloc((size_t)n, sizeof(*facts));

	for (int64_t i = 0; i < n; i++)
		facts[i].n_tokens = length;
	struct estimate_split s = estimate_split_of(facts, n, 8);
	free(facts);
	return s;
}

struct estimate {
	double seconds, bytes, flos;
};

/* n_train rows of that length; change is applied to the arguments first. */
static struct estimate estimate_of(struct estimate_input in, int64_t n_train, int32_t length,
				   void (*change)(struct train_args *a))
{
	struct train_args args;
	struct estimate e;

	train_args_init(&args);
	args.eval_strategy = args.save_strategy = STRATEGY_NO;
	if (change)
		change(&args);
	in.args = &args;
	in.splits[SPLIT_TRAIN] = rows_of(n_train, length);
	in.max_length = in.max_length ? in.max_length : length;
	json_t *object = estimate_job(&in);
	assert_int_equal(json_unpack(object, "{s:F, s:F, s:F !}", "seconds", &e.seconds,
				     "peak_memory_bytes", &e.bytes, "total_flos", &e.flos),
			 0);
	json_decref(object);
	train_args_clear(&args);
	return e;
}

static struct estimate_input input_of(const struct bert_config *config)
{
	return (struct estimate_input){
		.config = config,
		.speed = { .flops = 1e11, .bytes_per_second = 5e9, .call_seconds = 1e-6 }
	};
}

/* "Fine-Tuning BERT Models for Text Classification": total_flos of its log. */
static void total_flos_are_those_of_the_tutorial(void **state)
{
	struct estimate_input in = input_of(&base);

	(void)state;
	in.max_length = 64;
	assert_true(estimate_of(in, 625, 50, NULL).flos == 61666653600000.0);
}

static void stop_in_mid_epoch(struct train_args *a)
{
	a->max_steps = 100;
	a->gradient_accumulation_steps = 2;
}

/* An epoch of 625 rows in batches of 8 × 2 has 40 steps, the last one with a row: 2 epochs and 20
 * steps. */
static void max_steps_train_on_part_of_an_epoch(void **state)
{
	double whole = trainer_flos(&base, bert_config_n_parameters(&base), 1, 64);

	(void)state;
	assert_true(estimate_of(input_of(&base), 625, 64, stop_in_mid_epoch).flos ==
		    (2 * 625 + 20 * 16) * whole);
}

static void bert_base_has_its_parameters(void **state)
{
	(void)state;
	assert_int_equal(bert_config_n_parameters(&base), 109483778);
	assert_int_equal(bert_config_n_parameters(&minilm), 22713986);
}

static void one_epoch(struct train_args *a)
{
	a->num_train_epochs = 1;
}

static void longer_texts_and_more_epochs_take_longer(void **state)
{
	struct estimate_input in = input_of(&base);
	double one = estimate_of(in, 625, 64, one_epoch).seconds;
	double three = estimate_of(in, 625, 64, NULL).seconds;
	double longer = estimate_of(in, 625, 128, one_epoch).seconds;

	(void)state;
	assert_in_range((int)(100 * three / one), 280, 300);
	assert_in_range((int)(100 * longer / one), 150, 200);
}

/* Without padding only the tokens that are there cost time, whatever max_length says. */
static void max_length_alone_costs_nothing(void **state)
{
	struct estimate_input in = input_of(&base);
	struct estimate narrow = estimate_of(in, 625, 64, NULL);

	(void)state;
	in.max_length = 512;
	struct estimate wide = estimate_of(in, 625, 64, NULL);
	assert_true(wide.seconds == narrow.seconds);
	assert_true(wide.bytes == narrow.bytes);
	assert_true(wide.flos == 8 * narrow.flos);
}

static void evaluate_each_epoch(struct train_args *a)
{
	a->eval_strategy = STRATEGY_EPOCH;
}

static void evaluate_each_ten_steps(struct train_args *a)
{
	a->eval_strategy = STRATEGY_STEPS;
	a->eval_steps = 10;
}

static void evaluations_are_counted(void **state)
{
	struct estimate_input in = input_of(&base), tested = in;

	(void)state;
	in.splits[SPLIT_VALIDATION] = tested.splits[SPLIT_TEST] = rows_of(625, 64);
	double none = estimate_of(in, 625, 64, NULL).seconds;
	double once = estimate_of(tested, 625, 64, NULL).seconds - none;
	double epochs = estimate_of(in, 625, 64, evaluate_each_epoch).seconds - none;
	double steps = estimate_of(in, 625, 64, evaluate_each_ten_steps).seconds - none;

	assert_in_range((int)(10 * none / once), 80, 130); /* three epochs, three times the work */
	assert_in_range((int)round(epochs / once), 3, 3);
	assert_in_range((int)round(steps / once), 24, 24);
}

static void save_each_epoch(struct train_args *a)
{
	a->save_strategy = STRATEGY_EPOCH;
}

static void checkpoints_are_counted(void **state)
{
	struct estimate_input in = input_of(&base);

	(void)state;
	assert_true(estimate_of(in, 625, 64, save_each_epoch).seconds >
		    estimate_of(in, 625, 64, NULL).seconds + 3);
}

static void a_slower_device_takes_longer(void **state)
{
	struct estimate_input fast = input_of(&base), slow = fast;

	(void)state;
	slow.speed = (struct bert_speed){ 1e10, 5e8, 1e-5 };
	double ratio =
		estimate_of(slow, 625, 64, NULL).seconds / estimate_of(fast, 625, 64, NULL).seconds;
	assert_in_range((int)(10 * ratio), 95, 100);
}

static void batch_of_32(struct train_args *a)
{
	a->per_device_train_batch_size = 32;
}

/* Peaks of tests/bench/train on a CPU, in MB: rows of one length stand for the ones that were
 * trained on, which had that mean. */
static void memory_is_near_what_runs_took(void **state)
{
	static const struct {
		const struct bert_config *config;
		int32_t length;
		void (*change)(struct train_args *a);
		double peak;
	} runs[] = {
		{ &minilm, 63, NULL, 518 },   { &minilm, 12, NULL, 421 },
		{ &minilm, 210, NULL, 1154 }, { &minilm, 270, batch_of_32, 4684 },
		{ &base, 63, NULL, 2020 },    { &base, 12, NULL, 1741 },
		{ &base, 210, NULL, 3402 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		double estimate =
			estimate_of(input_of(runs[i].config), 625, runs[i].length, runs[i].change)
				.bytes;
		assert_in_range((int)(100 * estimate / 1e6 / runs[i].peak), 67, 150);
	}
}

static void evaluate_with_1024(struct train_args *a)
{
	a->per_device_eval_batch_size = 1024;
}

static void a_large_evaluation_batch_takes_memory(void **state)
{
	struct estimate_input in = input_of(&base);

	(void)state;
	in.splits[SPLIT_TEST] = rows_of(4096, 512);
	double small = estimate_of(in, 625, 64, NULL).bytes;
	double large = estimate_of(in, 625, 64, evaluate_with_1024).bytes;
	assert_true(large > small + 1024 * 512 * 768 * 4.0);
}

/* --- what batches are like --- */

static void a_split_is_summed_up(void **state)
{
	const struct row_fact facts[] = {
		{ .n_tokens = 4 }, { .n_tokens = 10 }, { .n_tokens = 4 }, { .n_tokens = 2 }
	};
	struct estimate_split s = estimate_split_of(facts, 4, 1);

	(void)state;
	assert_int_equal(s.n, 4);
	assert_true(s.tokens == 20 && s.squares == 136);
	assert_int_equal(s.longest, 10);
	assert_float_equal(s.lengths, 1, 1e-12);
	s = estimate_split_of(facts, 4, 2);
	assert_float_equal(s.lengths, 1 - 0.25 + 2 * (1 - 0.5625), 1e-12);
	assert_true(estimate_split_of(facts, 0, 8).lengths == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(total_flos_are_those_of_the_tutorial),
		cmocka_unit_test(max_steps_train_on_part_of_an_epoch),
		cmocka_unit_test(bert_base_has_its_parameters),
		cmocka_unit_test(longer_texts_and_more_epochs_take_longer),
		cmocka_unit_test(max_length_alone_costs_nothing),
		cmocka_unit_test(evaluations_are_counted),
		cmocka_unit_test(checkpoints_are_counted),
		cmocka_unit_test(a_slower_device_takes_longer),
		cmocka_unit_test(memory_is_near_what_runs_took),
		cmocka_unit_test(a_large_evaluation_batch_takes_memory),
		cmocka_unit_test(a_split_is_summed_up),
	};

	return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}

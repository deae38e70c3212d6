/* Training arguments: defaults, bounds, and what depends on several members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "train/args.h"

static json_t *parse(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);

	assert_non_null(v);
	return v;
}

/* The first fault of reading text, as "pointer: detail"; "" for none. */
static const char *fault_of(const char *text, bool has_validation)
{
	static char out[400];
	struct faults faults = { 0 };
	struct train_args a;
	json_t *object = parse(text);
	bool ok = train_args_read(object, "#/args", has_validation, &a, &faults);
	const json_t *first = json_array_get(faults.list, 0);

	assert_int_equal(ok, !first);
	out[0] = '\0';
	if (first)
		snprintf(out, sizeof(out), "%s: %s",
			 json_string_value(json_object_get(first, "pointer")),
			 json_string_value(json_object_get(first, "detail")));
	json_decref(object);
	train_args_clear(&a);
	faults_clear(&faults);
	return out;
}

static void defaults_are_those_of_the_trainer_with_epoch_strategies(void **state)
{
	struct train_args a;

	(void)state;
	assert_true(train_args_read(NULL, "#/args", true, &a, &(struct faults){ 0 }));
	assert_true(a.num_train_epochs == 3 && a.learning_rate == 5e-5 && a.max_grad_norm == 1);
	assert_true(a.adam_beta1 == 0.9 && a.adam_beta2 == 0.999 && a.adam_epsilon == 1e-8);
	assert_int_equal(a.per_device_train_batch_size, 8);
	assert_int_equal(a.max_steps, -1);
	assert_int_equal(a.logging_steps, 500);
	assert_int_equal(a.seed, 42);
	assert_int_equal(a.eval_strategy, STRATEGY_EPOCH);
	assert_int_equal(a.save_strategy, STRATEGY_EPOCH);
	train_args_clear(&a);
}

static void without_validation_the_default_is_no_evaluation(void **state)
{
	struct train_args a;

	(void)state;
	assert_true(train_args_read(NULL, "#/args", false, &a, &(struct faults){ 0 }));
	assert_int_equal(a.eval_strategy, STRATEGY_NO);
	assert_int_equal(a.save_strategy, STRATEGY_EPOCH);
	train_args_clear(&a);
}

static const struct {
	const char *text;
	bool has_validation;
	const char *fault; /* its beginning; "" for none */
} cases[] = {
	{ "{}", true, "" },
	{ "{\"num_train_epochs\": 0}", true, "#/args/num_train_epochs: must be above 0" },
	{ "{\"num_train_epochs\": 0.25}", true, "" },
	{ "{\"num_train_epochs\": 10001}", true, "#/args/num_train_epochs: must be above 0" },
	{ "{\"max_steps\": 0}", true, "#/args/max_steps: must be -1" },
	{ "{\"max_steps\": -2}", true, "#/args/max_steps: must be at least -1" },
	{ "{\"max_steps\": -1}", true, "" },
	{ "{\"per_device_train_batch_size\": 0}", true, "#/args/per_device_train_batch_size" },
	{ "{\"per_device_train_batch_size\": 8.5}", true, "#/args/per_device_train_batch_size" },
	{ "{\"per_device_eval_batch_size\": 1025}", true, "#/args/per_device_eval_batch_size" },
	{ "{\"gradient_accumulation_steps\": 0}", true, "#/args/gradient_accumulation_steps" },
	{ "{\"learning_rate\": -1e-5}", true, "#/args/learning_rate: must be at least 0" },
	{ "{\"learning_rate\": \"5e-5\"}", true, "#/args/learning_rate: must be a number" },
	{ "{\"learning_rat\": 1}", true, "#/args/learning_rat: unknown field; did you mean" },
	{ "{\"adam_beta1\": 1}", true, "#/args/adam_beta1: must be below 1" },
	{ "{\"adam_beta2\": 1.0}", true, "#/args/adam_beta2: must be below 1" },
	{ "{\"adam_epsilon\": 0}", true, "#/args/adam_epsilon: must be above 0" },
	{ "{\"weight_decay\": 1.5}", true, "#/args/weight_decay" },
	{ "{\"warmup_ratio\": 1.01}", true, "#/args/warmup_ratio" },
	{ "{\"lr_scheduler_type\": \"polynomial\"}", true,
	  "#/args/lr_scheduler_type: must be one" },
	{ "{\"seed\": -1}", true, "#/args/seed" },
	{ "{\"seed\": 4294967296}", true, "#/args/seed" },
	{ "{\"seed\": 4294967295}", true, "" },
	{ "{\"logging_steps\": 0}", true, "#/args/logging_steps" },
	{ "{\"bf16\": 1}", true, "#/args/bf16: must be true or false" },
	{ "{\"greater_is_better\": 1}", true, "#/args/greater_is_better: must be true, false" },
	{ "{\"greater_is_better\": null, \"save_total_limit\": null}", true, "" },
	{ "{\"metric_for_best_model\": \"rouge\"}", true, "#/args/metric_for_best_model: must be" },
	{ "{\"metric_for_best_model\": \"eval_f1\"}", true, "" },
	{ "{\"eval_strategy\": \"epoch\"}", false, "#/args/eval_strategy: needs a validation" },
	{ "{\"eval_strategy\": \"no\"}", false, "" },
	{ "{\"early_stopping_patience\": 2}", false, "#/args/early_stopping_patience: needs eval" },
	{ "{\"early_stopping_patience\": 2}", true, "" },
	{ "{\"load_best_model_at_end\": true}", true, "" },
	{ "{\"load_best_model_at_end\": true}", false,
	  "#/args/load_best_model_at_end: needs eval" },
	{ "{\"load_best_model_at_end\": true, \"save_strategy\": \"no\"}", true,
	  "#/args/load_best_model_at_end: needs eval_strategy and save_strategy" },
	{ "{\"load_best_model_at_end\": true, \"save_strategy\": \"steps\", \"eval_strategy\": "
	  "\"steps\", \"save_steps\": 30, \"eval_steps\": 20}",
	  true, "#/args/save_steps: must be a multiple of eval_steps" },
	{ "{\"load_best_model_at_end\": true, \"save_strategy\": \"steps\", \"eval_strategy\": "
	  "\"steps\", \"save_steps\": 40, \"eval_steps\": 20}",
	  true, "" },
	{ "{\"load_best_model_at_end\": true, \"save_strategy\": \"steps\", \"eval_strategy\": "
	  "\"steps\", \"save_steps\": 30, \"logging_steps\": 15}",
	  true, "" },
	{ "[]", true, "#/args: must be an object" },
};

static void each_fault_is_named_with_its_pointer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *got = fault_of(cases[i].text, cases[i].has_validation);
		size_t n = strlen(cases[i].fault);

		if (n ? strncmp(got, cases[i].fault, n) != 0 : got[0] != '\0')
			fail_msg("%s gave \"%s\"", cases[i].text, got);
	}
}

static void all_faults_of_an_object_are_told_at_once(void **state)
{
	struct faults faults = { 0 };
	struct train_args a;
	json_t *object = parse("{\"max_steps\": 0, \"seed\": -1, \"adam_beta1\": 1, \"x\": 1}");

	(void)state;
	assert_false(train_args_read(object, "#/args", true, &a, &faults));
	assert_int_equal(json_array_size(faults.list), 4);
	json_decref(object);
	train_args_clear(&a);
	faults_clear(&faults);
}

static void what_is_written_reads_back_the_same(void **state)
{
	json_t *object = parse("{\"learning_rate\": 3e-5, \"metric_for_best_model\": \"f1\", "
			       "\"greater_is_better\": true, \"eval_strategy\": \"steps\", "
			       "\"lr_scheduler_type\": \"cosine\", \"seed\": 4294967295}");
	struct train_args a, b;

	(void)state;
	assert_true(train_args_read(object, "#/args", true, &a, &(struct faults){ 0 }));
	json_t *written = train_args_write(&a);
	assert_true(train_args_read(written, "#/args", true, &b, &(struct faults){ 0 }));
	json_t *again = train_args_write(&b);
	assert_true(json_equal(written, again));
	assert_true(json_number_value(json_object_get(again, "learning_rate")) == 3e-5);
	assert_string_equal(json_string_value(json_object_get(again, "lr_scheduler_type")),
			    "cosine");
	train_args_clear(&a);
	train_args_clear(&b);
	json_decref(object);
	json_decref(written);
	json_decref(again);
}

static void the_deciding_metric_is_loss_downwards_unless_told_otherwise(void **state)
{
	static const struct {
		const char *text, *metric;
		bool greater;
	} rows[] = {
		{ "{}", "eval_loss", false },
		{ "{\"metric_for_best_model\": \"loss\"}", "eval_loss", false },
		{ "{\"metric_for_best_model\": \"accuracy\"}", "eval_accuracy", true },
		{ "{\"metric_for_best_model\": \"eval_f1\"}", "eval_f1", true },
		{ "{\"metric_for_best_model\": \"f1\", \"greater_is_better\": false}", "eval_f1",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *object = parse(rows[i].text);
		char name[TRAIN_METRIC_SIZE];
		struct train_args a;

		assert_true(train_args_read(object, "#", true, &a, &(struct faults){ 0 }));
		assert_string_equal(train_args_metric(&a, name), rows[i].metric);
		assert_int_equal(train_args_greater_is_better(&a), rows[i].greater);
		train_args_clear(&a);
		json_decref(object);
	}
}

static void every_field_has_a_sentence_of_help(void **state)
{
	(void)state;
	for (const struct field *f = train_args_fields; f->name; f++) {
		assert_non_null(f->help);
		assert_int_equal(f->help[strlen(f->help) - 1], '.');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_trainer_with_epoch_strategies),
		cmocka_unit_test(without_validation_the_default_is_no_evaluation),
		cmocka_unit_test(each_fault_is_named_with_its_pointer),
		cmocka_unit_test(all_faults_of_an_object_are_told_at_once),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(the_deciding_metric_is_loss_downwards_unless_told_otherwise),
		cmocka_unit_test(every_field_has_a_sentence_of_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

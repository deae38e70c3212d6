/* The Trainer's loop over the fake model: what it says, what it keeps, and that a cut run continues
 * bit for bit. */
#include "trainer_fixture.h"

#include <math.h>
#include <unistd.h>

/* --- the course of a run --- */

static void steps_are_counted_as_by_the_trainer(void **state)
{
	static const struct {
		int64_t n, batch, accumulate, max_steps;
		double epochs;
		int64_t per_epoch, total;
	} cases[] = {
		{ 625, 8, 1, -1, 3, 79, 237 }, { 21, 8, 1, -1, 3, 3, 9 },
		{ 21, 4, 4, -1, 3, 2, 6 },     { 21, 8, 2, -1, 1.5, 2, 3 },
		{ 21, 8, 1, -1, 0.5, 3, 2 },   { 21, 8, 1, 5, 3, 3, 5 },
		{ 1, 8, 1, -1, 1, 1, 1 },      { 8, 8, 64, -1, 2, 1, 2 },
		{ 21, 8, 1, -1, 0.001, 3, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct train_args a;

		train_args_init(&a);
		a.per_device_train_batch_size = cases[i].batch;
		a.gradient_accumulation_steps = cases[i].accumulate;
		a.max_steps = cases[i].max_steps;
		a.num_train_epochs = cases[i].epochs;
		assert_int_equal(trainer_epoch_steps(&a, cases[i].n), cases[i].per_epoch);
		assert_int_equal(trainer_total_steps(&a, cases[i].n), cases[i].total);
	}
}

static void a_plain_run_evaluates_and_saves_after_each_epoch(void **state)
{
	struct fixture *f = *state;

	f->args.logging_steps = 4;
	assert_int_equal(fixture_run(f), OK);
	assert_trace(f, "eval@3 saved+@3 checkpoint@3 log@4 eval@6 saved+@6 checkpoint@6 log@8 "
			"eval@9 saved+@9 checkpoint@9 train@9 test@9 ");
	assert_int_equal(f->result.global_step, 9);
	assert_true(f->result.epoch == 3);
	assert_non_null(f->result.eval_metrics);
	assert_non_null(f->result.test_metrics);
}

static void a_run_learns(void **state)
{
	struct fixture *f = *state;

	f->args.num_train_epochs = 8;
	f->args.logging_steps = 1;
	assert_int_equal(fixture_run(f), OK);
	assert_true(fixture_number(f, "log", -1, "loss") <
		    0.8 * fixture_number(f, "log", 0, "loss"));
	assert_true(fixture_number(f, "eval", -1, "eval_loss") <
		    fixture_number(f, "eval", 0, "eval_loss"));
}

static void a_log_record_averages_the_steps_since_the_last_one(void **state)
{
	struct fixture *f = *state;

	f->args.logging_steps = 1;
	assert_int_equal(fixture_run(f), OK);
	double sum = 0;
	for (int i = 0; i < 9; i++)
		sum += fixture_number(f, "log", i, "loss");
	double last = fixture_number(f, "log", 7, "loss") + fixture_number(f, "log", 6, "loss") +
		      fixture_number(f, "log", 5, "loss") + fixture_number(f, "log", 4, "loss");
	assert_true(fabs(fixture_number(f, "train", 0, "train_loss") - sum / 9) < 1e-12);

	fixture_forget(f);
	f->args.logging_steps = 4;
	assert_int_equal(fixture_run(f), OK);
	assert_true(fabs(fixture_number(f, "log", 1, "loss") - last / 4) < 1e-12);
	assert_true(fabs(f->result.training_loss - sum / 9) < 1e-12);
}

static void a_log_record_has_the_rate_and_epoch_of_its_step(void **state)
{
	struct fixture *f = *state;

	f->args.logging_steps = 1;
	assert_int_equal(fixture_run(f), OK);
	for (int i = 0; i < 9; i++) {
		assert_true(fixture_number(f, "log", i, "learning_rate") == 5e-5 * ((9.0 - i) / 9));
		assert_true(fixture_number(f, "log", i, "epoch") == i / 3 + (i % 3 + 1) / 3.0);
	}
}

static void flos_count_padded_rows_and_no_embedding_tables(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_run(f), OK);
	const struct bert_config *c = bert_get_config(f->model);
	double tables = (double)((c->vocab_size + c->max_position_embeddings + c->type_vocab_size) *
				 c->hidden_size);
	double parameters = (double)bert_n_parameters(f->model) - tables;

	assert_true(parameters > 0);
	assert_true(fixture_number(f, "train", 0, "total_flos") ==
		    6 * (3 * 21 * FIXTURE_LENGTH) * parameters);
}

static void micro_batches_give_the_gradient_of_the_whole_batch(void **state)
{
	struct fixture *f = *state;

	fixture_write(f->base, "config.json",
		      "{\"model_type\": \"bert\", \"vocab_size\": 100, \"hidden_size\": 8, "
		      "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, "
		      "\"intermediate_size\": 16, \"max_position_embeddings\": 16, "
		      "\"type_vocab_size\": 2, \"hidden_act\": \"gelu\", "
		      "\"hidden_dropout_prob\": 0, \"attention_probs_dropout_prob\": 0}");
	f->args.logging_steps = 1;
	f->args.max_steps = 2;
	assert_int_equal(fixture_run(f), OK);
	double loss = fixture_number(f, "log", 1, "loss"),
	       norm = fixture_number(f, "log", 1, "grad_norm");

	fixture_forget(f);
	f->args.per_device_train_batch_size = 4;
	f->args.gradient_accumulation_steps = 2;
	assert_int_equal(fixture_run(f), OK);
	assert_true(fabs(fixture_number(f, "log", 1, "loss") - loss) < 1e-6);
	assert_true(fabs(fixture_number(f, "log", 1, "grad_norm") - norm) < 1e-6);
}

static void without_a_test_split_there_is_no_test_record(void **state)
{
	struct fixture *f = *state;

	f->splits[SPLIT_TEST].n = 0;
	f->args.max_steps = 1;
	assert_int_equal(fixture_run(f), OK);
	assert_trace(f, "eval@1 saved+@1 checkpoint@1 train@1 ");
	assert_null(f->result.test_metrics);
}

static void progress_ends_at_the_last_step(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_run(f), OK);
	assert_int_equal(f->progress.step, 9);
	assert_int_equal(f->progress.total_steps, 9);
	assert_true(f->progress.epoch == 3 && f->progress.seconds_remaining == 0);
	assert_true(f->progress.samples_per_second > 0);
}

static void the_same_seed_gives_the_same_run_and_another_does_not(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_run(f), OK);
	json_t *first = json_deep_copy(f->records);
	fixture_forget(f);
	assert_int_equal(fixture_run(f), OK);
	assert_true(json_equal(first, f->records));
	fixture_forget(f);
	f->args.seed = 43;
	assert_int_equal(fixture_run(f), OK);
	assert_false(json_equal(first, f->records));
	json_decref(first);
}

/* --- the best model --- */

static void the_best_model_is_loaded_at_the_end(void **state)
{
	struct fixture *f = *state;
	size_t n, m;

	f->args.load_best_model_at_end = true;
	f->args.metric_for_best_model = mem_strdup("loss");
	f->args.greater_is_better =
		json_true(); /* so that the first evaluation, the worst, is the best */
	assert_int_equal(fixture_run(f), OK);
	assert_int_equal(f->result.best_step, 3);
	assert_true(f->result.best_metric == fixture_number(f, "eval", 0, "eval_loss"));
	assert_int_equal(json_integer_value(json_object_get(f->result.eval_metrics, "step")), 3);
	char *got = fixture_weights(f, &n);
	char *path = mem_printf("%s/checkpoint-3", f->job);
	assert_int_equal(bert_restore(f->model, path, &f->ei), OK);
	char *want = fixture_weights(f, &m);
	assert_memory_equal(got, want, n);
	free(got);
	free(want);
	free(path);
}

static void the_last_weights_stay_when_the_best_is_not_asked_for(void **state)
{
	struct fixture *f = *state;
	size_t n, m;

	f->args.greater_is_better = json_true();
	assert_int_equal(fixture_run(f), OK);
	char *got = fixture_weights(f, &n);
	char *path = mem_printf("%s/checkpoint-9", f->job);
	assert_int_equal(bert_restore(f->model, path, &f->ei), OK);
	char *want = fixture_weights(f, &m);
	assert_memory_equal(got, want, n);
	assert_int_equal(json_integer_value(json_object_get(f->result.eval_metrics, "step")), 9);
	free(got);
	free(want);
	free(path);
}

static void save_total_limit_keeps_the_newest_and_the_best(void **state)
{
	struct fixture *f = *state;

	f->args.num_train_epochs = 5;
	f->args.save_total_limit = 2;
	f->args.metric_for_best_model = mem_strdup("loss");
	f->args.greater_is_better = json_true();
	assert_int_equal(fixture_run(f), OK);
	assert_true(has_checkpoint(f, 3) && has_checkpoint(f, 15));
	assert_false(has_checkpoint(f, 6) || has_checkpoint(f, 9) || has_checkpoint(f, 12));
	assert_non_null(strstr(f->trace.data, "checkpoint@9 removed@6 "));
}

static void save_total_limit_without_a_best_keeps_the_newest(void **state)
{
	struct fixture *f = *state;

	f->args.save_total_limit = 1;
	assert_int_equal(fixture_run(f), OK);
	assert_false(has_checkpoint(f, 3) || has_checkpoint(f, 6));
	assert_true(has_checkpoint(f, 9));
}

static void a_limit_of_one_ends_with_the_best_alone(void **state)
{
	struct fixture *f = *state;

	f->args.save_total_limit = 1;
	f->args.load_best_model_at_end = true;
	f->args.greater_is_better = json_true();
	assert_int_equal(fixture_run(f), OK);
	assert_true(has_checkpoint(f, 3));
	assert_false(has_checkpoint(f, 6) || has_checkpoint(f, 9));
	assert_non_null(strstr(f->trace.data, "test@9 removed@9 "));
}

static void early_stopping_counts_evaluations_without_a_gain(void **state)
{
	struct fixture *f = *state;

	f->args.num_train_epochs = 10;
	f->args.early_stopping_patience = 2;
	f->args.greater_is_better = json_true(); /* the loss falls: no gain after the first */
	assert_int_equal(fixture_run(f), OK);
	assert_int_equal(f->result.global_step, 9);
	assert_non_null(strstr(f->trace.data, "eval@9 saved+@9 checkpoint@9 train@9 test@9 "));
}

static void a_gain_below_the_threshold_is_none(void **state)
{
	struct fixture *f = *state;

	f->args.num_train_epochs = 10;
	f->args.early_stopping_patience = 1;
	f->args.early_stopping_threshold = 10;
	assert_int_equal(fixture_run(f), OK);
	assert_int_equal(f->result.global_step, 6);
	assert_int_equal(f->result.best_step, 6);
}

/* --- what goes wrong --- */

static void a_loss_that_is_not_finite_ends_the_run_with_a_hint(void **state)
{
	struct fixture *f = *state;

	fake_bert.nan_at_step = 4;
	assert_int_equal(fixture_run(f), ERR_MODEL);
	assert_non_null(strstr(f->ei.msg, "diverged: the loss of step 5"));
	assert_non_null(strstr(f->ei.msg, "learning_rate"));
}

static void an_error_of_the_model_ends_the_run_with_it(void **state)
{
	struct fixture *f = *state;

	fake_bert.fail_at_step = 2;
	fake_bert.fail_with = ERR_DEVICE_MEMORY;
	assert_int_equal(fixture_run(f), ERR_DEVICE_MEMORY);
	fake_bert_reset();
	fixture_forget(f);
	fake_bert.fail_forward = ERR_DEVICE;
	assert_int_equal(fixture_run(f), ERR_DEVICE);
}

static void a_full_disk_leaves_no_part_of_a_checkpoint(void **state)
{
	struct fixture *f = *state;
	int64_t step;
	char *path;

	fake_bert.fail_save = ERR_DISK_FULL;
	assert_int_equal(fixture_run(f), ERR_DISK_FULL);
	assert_trace(f, "eval@3 ");
	assert_int_equal(files_tree_bytes(f->job), 0);
	assert_int_equal(trainer_last_checkpoint(f->job, &step, &path, &f->ei), OK);
	assert_int_equal(step, 0);
	assert_null(path);
}

static void an_error_of_a_hook_ends_the_run_with_it(void **state)
{
	struct fixture *f = *state;

	f->record_fails = ERR_DB;
	assert_int_equal(fixture_run(f), ERR_DB);
	assert_trace(f, "eval@3 ");
}

static void the_last_checkpoint_is_the_newest_complete_one(void **state)
{
	struct fixture *f = *state;
	char *broken = mem_printf("%s/checkpoint-9/trainer_state.json", f->job);
	char *path;
	int64_t step;

	assert_int_equal(fixture_run(f), OK);
	assert_int_equal(trainer_last_checkpoint(f->job, &step, &path, &f->ei), OK);
	assert_int_equal(step, 9);
	free(path);
	assert_int_equal(truncate(broken, 100), 0);
	assert_int_equal(trainer_last_checkpoint(f->job, &step, &path, &f->ei), OK);
	assert_int_equal(step, 6);
	assert_non_null(strstr(path, "/job/checkpoint-6"));
	free(path);
	free(broken);
}

static void a_folder_that_is_not_there_has_no_checkpoint(void **state)
{
	struct fixture *f = *state;
	int64_t step = 1;
	char *path;

	assert_int_equal(trainer_last_checkpoint("/nonexistent/job", &step, &path, &f->ei), OK);
	assert_int_equal(step, 0);
	assert_null(path);
}

static void unfinished_folders_are_removed_at_the_start(void **state)
{
	struct fixture *f = *state;
	char *tmp = mem_printf("%s/tmp-checkpoint-3", f->job);

	assert_int_equal(files_make_dirs(tmp, NULL), OK);
	fixture_write(tmp, "config.json", "{}");
	f->args.save_strategy = STRATEGY_NO;
	assert_int_equal(fixture_run(f), OK);
	assert_false(files_exist(tmp));
	free(tmp);
}

static void a_checkpoint_is_a_directory_that_transformers_knows(void **state)
{
	static const char *const names[] = { "config.json",	      "model.safetensors",
					     "optimizer.safetensors", "trainer_state.json",
					     "training_args.json",    "vocab.txt",
					     "tokenizer.json",	      "tokenizer_config.json" };
	struct fixture *f = *state;

	assert_int_equal(fixture_run(f), OK);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *path = mem_printf("%s/checkpoint-3/%s", f->job, names[i]);

		if (!files_exist(path))
			fail_msg("%s is missing", names[i]);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(steps_are_counted_as_by_the_trainer),
		RUN(a_plain_run_evaluates_and_saves_after_each_epoch),
		RUN(a_run_learns),
		RUN(a_log_record_averages_the_steps_since_the_last_one),
		RUN(a_log_record_has_the_rate_and_epoch_of_its_step),
		RUN(flos_count_padded_rows_and_no_embedding_tables),
		RUN(micro_batches_give_the_gradient_of_the_whole_batch),
		RUN(without_a_test_split_there_is_no_test_record),
		RUN(progress_ends_at_the_last_step),
		RUN(the_same_seed_gives_the_same_run_and_another_does_not),
		RUN(the_best_model_is_loaded_at_the_end),
		RUN(the_last_weights_stay_when_the_best_is_not_asked_for),
		RUN(save_total_limit_keeps_the_newest_and_the_best),
		RUN(save_total_limit_without_a_best_keeps_the_newest),
		RUN(a_limit_of_one_ends_with_the_best_alone),
		RUN(early_stopping_counts_evaluations_without_a_gain),
		RUN(a_gain_below_the_threshold_is_none),
		RUN(a_loss_that_is_not_finite_ends_the_run_with_a_hint),
		RUN(an_error_of_the_model_ends_the_run_with_it),
		RUN(a_full_disk_leaves_no_part_of_a_checkpoint),
		RUN(an_error_of_a_hook_ends_the_run_with_it),
		RUN(the_last_checkpoint_is_the_newest_complete_one),
		RUN(a_folder_that_is_not_there_has_no_checkpoint),
		RUN(unfinished_folders_are_removed_at_the_start),
		RUN(a_checkpoint_is_a_directory_that_transformers_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

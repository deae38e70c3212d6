/* A run that was stopped, killed or cancelled over the fake model: it continues bit for bit. */
#include "trainer_fixture.h"

/* Makes arguments under which logs, evaluations and checkpoints fall on different steps. */
static void uneven(struct fixture *f)
{
	f->args.num_train_epochs = 4;
	f->args.logging_steps = 5;
	f->args.eval_strategy = STRATEGY_STEPS;
	f->args.eval_steps = 2;
	f->args.save_strategy = STRATEGY_STEPS;
	f->args.save_steps = 4;
	f->args.load_best_model_at_end = true;
	f->args.gradient_accumulation_steps = 2;
	f->args.per_device_train_batch_size = 3;
}

/* Runs uncut, then stops at each question in turn and resumes: records and weights must not differ.
 */
static void cut_everywhere(struct fixture *f)
{
	size_t n, m;

	assert_int_equal(fixture_run(f), OK);
	json_t *whole = json_deep_copy(f->records);
	char *weights = fixture_weights(f, &n);
	int64_t questions = f->n_asked;

	assert_true(questions > 10);
	for (int64_t q = 1; q <= questions; q++) {
		fixture_forget(f);
		assert_int_equal(files_remove(f->job, NULL), OK);
		f->stop_when = q;
		assert_int_equal(fixture_run(f), ERR_BUSY);
		assert_int_equal(fixture_resume(f), OK);
		char *again = fixture_weights(f, &m);
		if (!json_equal(whole, f->records))
			fail_msg("stopped at question %lld: %s", (long long)q, f->trace.data);
		assert_int_equal(m, n);
		assert_memory_equal(again, weights, n);
		free(again);
	}
	free(weights);
	json_decref(whole);
}

static void a_run_stopped_anywhere_continues_bit_for_bit(void **state)
{
	struct fixture *f = *state;

	cut_everywhere(f);
}

static void uneven_strategies_continue_bit_for_bit_too(void **state)
{
	struct fixture *f = *state;

	uneven(f);
	cut_everywhere(f);
}

static void epoch_checkpoints_between_step_evaluations_continue_too(void **state)
{
	struct fixture *f = *state;

	f->args.logging_steps = 2;
	f->args.eval_strategy = STRATEGY_STEPS;
	f->args.early_stopping_patience = 3;
	f->args.max_steps = 8;
	cut_everywhere(f);
}

static void step_checkpoints_before_epoch_evaluations_continue_too(void **state)
{
	struct fixture *f = *state;

	f->args.save_strategy = STRATEGY_STEPS;
	f->args.save_steps = 3;
	f->args.metric_for_best_model = mem_strdup("f1");
	cut_everywhere(f);
}

static void a_killed_run_continues_from_its_last_checkpoint(void **state)
{
	struct fixture *f = *state;
	size_t n, m;

	uneven(f);
	assert_int_equal(fixture_run(f), OK);
	char *weights = fixture_weights(f, &n), *again;
	json_t *whole = json_deep_copy(f->records),
	       *last = json_array_get(whole, json_array_size(whole) - 1);
	for (int64_t step = 4; step <= 12; step += 4) {
		char *path = mem_printf("%s/checkpoint-%lld", f->job, (long long)step);

		fixture_forget(f);
		assert_int_equal(fixture_run_from(f, path), OK);
		again = fixture_weights(f, &m);
		assert_memory_equal(again, weights, n);
		size_t k = json_array_size(f->records);
		assert_true(json_equal(json_array_get(f->records, k - 1), last));
		free(again);
		free(path);
	}
	free(weights);
	json_decref(whole);
}

static void resuming_removes_the_checkpoints_that_it_will_write_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_run(f), OK);
	fixture_forget(f);
	char *path = mem_printf("%s/checkpoint-3", f->job);
	assert_int_equal(fixture_run_from(f, path), OK);
	free(path);
	assert_memory_equal(f->trace.data, "removed@6 removed@9 eval@6 ", 27);
	assert_true(has_checkpoint(f, 9));
}

static void stopping_before_the_first_step_writes_nothing(void **state)
{
	struct fixture *f = *state;

	f->stop_when = 1;
	assert_int_equal(fixture_run(f), ERR_BUSY);
	assert_trace(f, "");
	assert_int_equal(fake_bert.saves, 0);
}

static void cancelling_stops_at_once_without_a_checkpoint(void **state)
{
	struct fixture *f = *state;

	f->verdict = TRAINER_CANCEL;
	f->stop_when = 3;
	assert_int_equal(fixture_run(f), ERR_CANCELLED);
	assert_int_equal(fake_bert.steps, 2);
	assert_trace(f, "");
}

static void cancelling_is_heard_during_an_evaluation(void **state)
{
	struct fixture *f = *state;

	f->verdict = TRAINER_CANCEL;
	f->stop_when = 5; /* three steps, then the second batch of the first evaluation */
	assert_int_equal(fixture_run(f), ERR_CANCELLED);
	assert_int_equal(fake_bert.forwards, 1);
	assert_trace(f, "");
}

static void a_checkpoint_of_another_run_is_refused(void **state)
{
	struct fixture *f = *state;
	char *path = mem_printf("%s/checkpoint-3", f->job);

	assert_int_equal(fixture_run(f), OK);
	f->args.num_train_epochs = 4;
	assert_int_equal(fixture_run_from(f, path), ERR_INVALID);
	assert_non_null(strstr(f->ei.msg, "another run"));
	free(path);
}

static void a_damaged_state_is_refused_with_its_member(void **state)
{
	struct fixture *f = *state;
	char *path = mem_printf("%s/checkpoint-3", f->job);

	assert_int_equal(fixture_run(f), OK);
	fixture_write(path, "trainer_state.json",
		      "{\"log_history\": [], \"stateful_callbacks\": {\"bertd\": {\"todo\": 64}}}");
	assert_int_equal(fixture_run_from(f, path), ERR_INVALID);
	assert_non_null(strstr(f->ei.msg, "bertd/todo must be at least 0"));
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(a_run_stopped_anywhere_continues_bit_for_bit),
		RUN(uneven_strategies_continue_bit_for_bit_too),
		RUN(epoch_checkpoints_between_step_evaluations_continue_too),
		RUN(step_checkpoints_before_epoch_evaluations_continue_too),
		RUN(a_killed_run_continues_from_its_last_checkpoint),
		RUN(resuming_removes_the_checkpoints_that_it_will_write_again),
		RUN(stopping_before_the_first_step_writes_nothing),
		RUN(cancelling_stops_at_once_without_a_checkpoint),
		RUN(cancelling_is_heard_during_an_evaluation),
		RUN(a_checkpoint_of_another_run_is_refused),
		RUN(a_damaged_state_is_refused_with_its_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

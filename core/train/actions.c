/* What the Trainer does between two steps: logging, evaluation, early stopping, checkpoints, and
 * the end of the run, in the order of transformers.Trainer._maybe_log_save_evaluate and
 * DefaultFlowCallback. */
#include "train/loop.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"

bool loop_keeps_best(const struct loop *l)
{
	return l->args->load_best_model_at_end || l->args->metric_for_best_model ||
	       l->args->early_stopping_patience > 0;
}

/* --- records --- */

/* Hands the record to the hook with epoch and step added; takes it. */
static enum err emit(struct loop *l, const char *type, json_t *record, struct errinfo *ei)
{
	const struct trainer_hooks *h = &l->run->hooks;
	enum err e = OK;

	json_object_set_new(record, "epoch", json_real(l->s.epoch));
	json_object_set_new(record, "step", json_integer(l->s.global_step));
	if (h->record)
		e = h->record(h->ctx, type, record, ei);
	json_decref(record);
	return e;
}

/* As emit, for a record that the Trainer keeps in its log history. */
static enum err emit_history(struct loop *l, const char *type, json_t *record, struct errinfo *ei)
{
	json_array_append(l->s.log_history, record);
	return emit(l, type, record, ei);
}

static enum err log_step(struct loop *l, struct errinfo *ei)
{
	double mean = l->s.window_loss / (double)(l->s.global_step - l->s.last_logged);

	l->s.todo &= ~TODO_LOG;
	l->s.total_loss += l->s.window_loss;
	l->s.window_loss = 0;
	l->s.last_logged = l->s.global_step;
	return emit_history(l, "log",
			    json_pack("{s:f, s:f, s:f}", "loss", mean, "grad_norm", l->grad_norm,
				      "learning_rate", l->learning_rate),
			    ei);
}

/* --- checkpoints --- */

enum err loop_remove_checkpoint(struct loop *l, int64_t step, struct errinfo *ei)
{
	const struct trainer_hooks *h = &l->run->hooks;
	enum err e = checkpoint_remove(l->run->dir, step, ei);

	return e == OK && h->removed ? h->removed(h->ctx, step, ei) : e;
}

static bool is_saved(const struct loop *l, int64_t step)
{
	char *path = checkpoint_path(l->run->dir, step);
	bool there = files_exist(path);

	free(path);
	return there;
}

static int64_t epochs_of_run(const struct loop *l)
{
	if (l->args->max_steps > 0)
		return (l->s.max_steps + l->epoch_steps - 1) / l->epoch_steps;
	return (int64_t)ceil(l->args->num_train_epochs);
}

/* Writes the checkpoint of this step, or its state alone where the weights are there already. */
static enum err write_checkpoint(struct loop *l, struct errinfo *ei)
{
	const struct trainer_hooks *h = &l->run->hooks;
	double seconds = loop_seconds(l), before = l->s.seconds;
	json_t *args = train_args_write(l->args);

	l->s.seconds = seconds;
	json_t *state = trainer_state_write(&l->s, l->args, epochs_of_run(l));
	l->s.seconds = before;
	struct checkpoint c = { l->run->model, l->run->tokenizer, state, args };
	enum err e = is_saved(l, l->s.global_step)
			     ? checkpoint_write_state(l->run->dir, l->s.global_step, state, ei)
			     : checkpoint_write(l->run->dir, l->s.global_step, &c, ei);
	json_decref(args);
	json_decref(state);
	if (e == OK && h->saved)
		e = h->saved(h->ctx, l->s.global_step, l->s.epoch,
			     trainer_state_evaluation(&l->s, l->s.global_step), ei);
	return e;
}

/* Removes the oldest checkpoints beyond save_total_limit, but neither the newest nor the best. */
static enum err rotate(struct loop *l, struct errinfo *ei)
{
	int64_t best = loop_keeps_best(l) ? l->s.best_checkpoint : 0;
	int64_t limit = l->args->save_total_limit, *steps;
	int n;

	if (limit == 0)
		return OK;
	enum err e = checkpoint_list(l->run->dir, &steps, &n, ei);
	int left = n;
	if (best && best != l->s.global_step && limit < 2)
		limit = 2;
	for (int i = 0; e == OK && i < n - 1 && left > limit; i++) {
		if (steps[i] == best)
			continue;
		e = loop_remove_checkpoint(l, steps[i], ei);
		left--;
	}
	free(steps);
	return e;
}

static enum err save(struct loop *l, struct errinfo *ei)
{
	l->s.todo &= ~TODO_SAVE;
	if (l->s.best_step == l->s.global_step ||
	    (l->s.best_is_saved && is_saved(l, l->s.best_step)))
		l->s.best_checkpoint = l->s.best_step;
	l->s.last_saved = l->s.global_step;
	enum err e = write_checkpoint(l, ei);
	if (e == OK)
		e = emit(l, "checkpoint",
			 json_pack("{s:o}", "checkpoint",
				   json_sprintf("checkpoint-%lld", (long long)l->s.global_step)),
			 ei);
	return e == OK ? rotate(l, ei) : e;
}

/* --- being stopped --- */

static enum trainer_verdict ask(struct loop *l)
{
	const struct trainer_hooks *h = &l->run->hooks;

	l->verdict = h->verdict ? h->verdict(h->ctx) : TRAINER_GO;
	return l->verdict;
}

static bool go_on(void *ctx)
{
	return ask(ctx) == TRAINER_GO;
}

static enum err halt(struct loop *l, struct errinfo *ei)
{
	if (l->verdict == TRAINER_CANCEL)
		return err_set(ei, ERR_CANCELLED, "cancelled at step %lld",
			       (long long)l->s.global_step);
	enum err e = l->s.global_step > 0 ? write_checkpoint(l, ei) : OK;
	return e == OK ? err_set(ei, ERR_BUSY, "stopped at step %lld, to be continued",
				 (long long)l->s.global_step)
		       : e;
}

enum err loop_ask(struct loop *l, struct errinfo *ei)
{
	return ask(l) == TRAINER_GO ? OK : halt(l, ei);
}

/* --- evaluation --- */

static enum err evaluate_split(struct loop *l, const struct examples *x, json_t **metrics,
			       struct errinfo *ei)
{
	enum err e = evaluate(l->run->model, x, l->args->per_device_eval_batch_size, l->run->labels,
			      l->run->num_labels, go_on, l, metrics, ei);

	return e == ERR_CANCELLED ? halt(l, ei) : e;
}

static void end_training(struct loop *l)
{
	l->s.stop = true;
	l->s.todo |= TODO_END_TRAINING | TODO_TEST;
}

static bool better(const struct loop *l, double value)
{
	return train_args_greater_is_better(l->args) ? value > l->s.best_metric
						     : value < l->s.best_metric;
}

/* EarlyStoppingCallback: compared with the best before this evaluation. */
static void count_patience(struct loop *l, double value)
{
	bool gain = isnan(l->s.best_metric) ||
		    (better(l, value) &&
		     fabs(value - l->s.best_metric) > l->args->early_stopping_threshold);

	l->s.bad_evaluations = gain ? 0 : l->s.bad_evaluations + 1;
	if (l->args->early_stopping_patience == 0 ||
	    l->s.bad_evaluations < l->args->early_stopping_patience)
		return;
	end_training(l);
	if (l->args->eval_strategy == STRATEGY_STEPS)
		l->s.todo |= TODO_END_EPOCH;
}

static void note_best(struct loop *l, double value)
{
	if (isnan(value) || !(isnan(l->s.best_metric) || better(l, value)))
		return;
	l->s.best_metric = value;
	l->s.best_step = l->s.global_step;
	l->s.best_is_saved = l->s.last_saved == l->s.global_step;
}

static enum err evaluate_validation(struct loop *l, struct errinfo *ei)
{
	char name[TRAIN_METRIC_SIZE];
	json_t *metrics;
	enum err e = evaluate_split(l, l->validation, &metrics, ei);

	if (e != OK)
		return e;
	l->s.todo &= ~TODO_EVALUATE;
	const json_t *found = json_object_get(metrics, train_args_metric(l->args, name));
	double value = json_is_number(found) ? json_number_value(found) : NAN;
	count_patience(l, value);
	note_best(l, value);
	l->s.last_evaluated = l->s.global_step;
	return emit_history(l, "eval", metrics, ei);
}

/* --- the end of an epoch and of the run --- */

static enum err end_epoch(struct loop *l, struct errinfo *ei)
{
	(void)ei;
	l->s.todo &= ~TODO_END_EPOCH;
	if (l->args->eval_strategy == STRATEGY_EPOCH && l->evaluates)
		l->s.todo |= TODO_EVALUATE;
	if (l->args->save_strategy == STRATEGY_EPOCH)
		l->s.todo |= TODO_SAVE;
	return OK;
}

/* The samples of the whole plan, of which the run has done the share of its steps. */
static double samples_trained(const struct loop *l)
{
	const struct train_args *a = l->args;
	double planned = a->max_steps > 0 ? (double)(a->max_steps * a->per_device_train_batch_size *
						     a->gradient_accumulation_steps)
					  : (double)l->train->n * a->num_train_epochs;

	return planned * (double)l->s.global_step / (double)l->s.max_steps;
}

static enum err end_training_record(struct loop *l, struct errinfo *ei)
{
	double seconds = loop_seconds(l), per_second = seconds > 0 ? 1 / seconds : 0;

	l->s.todo &= ~TODO_END_TRAINING;
	return emit_history(l, "train",
			    json_pack("{s:f, s:f, s:f, s:f, s:f}", "train_runtime",
				      evaluate_round(seconds, 4), "train_samples_per_second",
				      evaluate_round(samples_trained(l) * per_second, 3),
				      "train_steps_per_second",
				      evaluate_round((double)l->s.global_step * per_second, 3),
				      "total_flos", l->s.total_flos, "train_loss",
				      loop_training_loss(l)),
			    ei);
}

static enum err load_best(struct loop *l, struct errinfo *ei)
{
	if (!l->args->load_best_model_at_end || l->s.best_checkpoint == 0 ||
	    l->s.best_checkpoint == l->s.global_step)
		return OK;
	char *path = checkpoint_path(l->run->dir, l->s.best_checkpoint);
	enum err e = bert_restore(l->run->model, path, ei);
	free(path);
	return e;
}

/* With room for one checkpoint, the best one is what stays of the run. */
static enum err keep_only_best(struct loop *l, struct errinfo *ei)
{
	int64_t *steps;
	int n;

	if (l->args->save_total_limit != 1 || !loop_keeps_best(l) || l->s.best_checkpoint == 0)
		return OK;
	enum err e = checkpoint_list(l->run->dir, &steps, &n, ei);
	for (int i = 0; e == OK && i < n; i++)
		if (steps[i] != l->s.best_checkpoint)
			e = loop_remove_checkpoint(l, steps[i], ei);
	free(steps);
	return e;
}

static enum err finish(struct loop *l, struct errinfo *ei)
{
	enum err e = load_best(l, ei);

	if (e == OK && l->test->n > 0)
		e = evaluate_split(l, l->test, &l->test_metrics, ei);
	if (e == OK && l->test->n > 0)
		e = emit(l, "test", json_incref(l->test_metrics), ei);
	if (e == OK)
		e = keep_only_best(l, ei);
	l->s.todo &= ~TODO_TEST;
	return e;
}

/* --- the order of it all --- */

void loop_plan(struct loop *l)
{
	const struct train_args *a = l->args;
	int64_t step = l->s.global_step;
	bool last = step >= l->s.max_steps;

	if (step % a->logging_steps == 0)
		l->s.todo |= TODO_LOG;
	if (l->evaluates && a->eval_strategy == STRATEGY_STEPS &&
	    (last || step % train_args_eval_steps(a) == 0))
		l->s.todo |= TODO_EVALUATE;
	if (a->save_strategy == STRATEGY_STEPS && (last || step % a->save_steps == 0))
		l->s.todo |= TODO_SAVE;
	if (last || step % l->epoch_steps == 0)
		l->s.todo |= TODO_END_EPOCH;
	if (last)
		end_training(l);
}

enum err loop_settle(struct loop *l, struct errinfo *ei)
{
	static const struct {
		enum todo bit;
		enum err (*act)(struct loop *l, struct errinfo *ei);
	} actions[] = {
		{ TODO_LOG, log_step },
		{ TODO_EVALUATE, evaluate_validation },
		{ TODO_SAVE, save },
		{ TODO_END_EPOCH, end_epoch },
		{ TODO_END_TRAINING, end_training_record },
		{ TODO_TEST, finish },
	};
	enum err e = OK;

	while (e == OK && l->s.todo) {
		int i = 0;

		while (!(l->s.todo & actions[i].bit))
			i++;
		e = actions[i].act(l, ei);
	}
	return e;
}

/* The state of a training run: see state.h. */
#include "train/state.h"

#include <math.h>

#include "base/fields.h"
#include "base/json.h"

#define STATE(member, kind_of) #member, kind_of, offsetof(struct trainer_state, member)
#define OWN_POINTER	       "#/stateful_callbacks/bertd"
#define MAX_COUNT	       1e15

static const struct field state_fields[] = {
	{ STATE(global_step, F_INT), .min = 1, .max = MAX_COUNT, .required = true },
	{ STATE(max_steps, F_INT), .min = 1, .max = MAX_COUNT, .required = true },
	{ STATE(n_train, F_INT), .min = 1, .max = MAX_COUNT, .required = true },
	{ STATE(epoch, F_DOUBLE), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(total_flos, F_DOUBLE), .required = true },
	{ STATE(best_metric, F_DOUBLE), .nullable = true },
	{ STATE(best_step, F_INT), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(best_checkpoint, F_INT), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(best_is_saved, F_BOOL), .required = true },
	{ STATE(last_evaluated, F_INT), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(last_saved, F_INT), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(bad_evaluations, F_INT), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(window_loss, F_DOUBLE), .required = true },
	{ STATE(total_loss, F_DOUBLE), .required = true },
	{ STATE(last_logged, F_INT), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(seconds, F_DOUBLE), .min = 0, .max = MAX_COUNT, .required = true },
	{ STATE(todo, F_INT), .min = 0, .max = 2 * TODO_TEST - 1, .required = true },
	{ STATE(stop, F_BOOL), .required = true },
	{ 0 },
};

void trainer_state_init(struct trainer_state *s)
{
	*s = (struct trainer_state){ .best_metric = NAN, .log_history = json_array() };
}

void trainer_state_clear(struct trainer_state *s)
{
	json_decref(s->log_history);
	*s = (struct trainer_state){ 0 };
}

static json_t *step_or_null(int64_t step)
{
	return step > 0 ? json_integer(step) : json_null();
}

static json_t *checkpoint_or_null(int64_t step)
{
	return step > 0 ? json_sprintf("checkpoint-%lld", (long long)step) : json_null();
}

static json_t *write_best(const struct trainer_state *s)
{
	return json_pack("{s:o, s:o, s:o}", "best_global_step", step_or_null(s->best_step),
			 "best_metric", json_number(s->best_metric), "best_model_checkpoint",
			 checkpoint_or_null(s->best_checkpoint));
}

static json_t *write_progress(const struct trainer_state *s, int64_t num_train_epochs)
{
	return json_pack("{s:f, s:I, s:I, s:I, s:f, s:O, s:{s:o}}", "epoch", s->epoch,
			 "global_step", (json_int_t)s->global_step, "max_steps",
			 (json_int_t)s->max_steps, "num_train_epochs", (json_int_t)num_train_epochs,
			 "total_flos", s->total_flos, "log_history", s->log_history,
			 "stateful_callbacks", "bertd", fields_write(state_fields, s));
}

static json_t *write_settings(const struct train_args *a)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "logging_steps", (json_int_t)a->logging_steps,
			 "eval_steps", (json_int_t)train_args_eval_steps(a), "save_steps",
			 (json_int_t)a->save_steps, "train_batch_size",
			 (json_int_t)a->per_device_train_batch_size);
}

/* What transformers writes about features that bertd does not have. */
static json_t *write_rest(void)
{
	return json_pack("{s:b, s:b, s:b, s:i, s:n, s:n}", "is_hyper_param_search", 0,
			 "is_local_process_zero", 1, "is_world_process_zero", 1,
			 "num_input_tokens_seen", 0, "trial_name", "trial_params");
}

json_t *trainer_state_write(const struct trainer_state *s, const struct train_args *a,
			    int64_t num_train_epochs)
{
	json_t *object = write_progress(s, num_train_epochs);

	json_object_update_new(object, write_best(s));
	json_object_update_new(object, write_settings(a));
	json_object_update_new(object, write_rest());
	return object;
}

/* What no single bound says. */
static enum err check(const struct trainer_state *s, struct errinfo *ei)
{
	if (s->global_step > s->max_steps)
		return err_set(ei, ERR_INVALID, "global_step is larger than max_steps");
	if (s->last_logged > s->global_step || s->best_step > s->global_step ||
	    s->best_checkpoint > s->global_step || s->last_saved > s->global_step)
		return err_set(ei, ERR_INVALID, "a step is larger than global_step");
	return OK;
}

enum err trainer_state_read(const json_t *object, struct trainer_state *s, struct errinfo *ei)
{
	json_t *history = json_object_get(object, "log_history");
	struct faults faults = { 0 };
	enum err e = OK;

	const json_t *own = json_object_get(json_object_get(object, "stateful_callbacks"), "bertd");
	if (!fields_read(state_fields, own, OWN_POINTER, s, &faults)) {
		const json_t *first = json_array_get(faults.list, 0);
		e = err_set(ei, ERR_INVALID, "%s %s",
			    json_string_value(json_object_get(first, "pointer")),
			    json_string_value(json_object_get(first, "detail")));
	}
	faults_clear(&faults);
	if (e == OK && !json_is_array(history))
		e = err_set(ei, ERR_INVALID, "#/log_history must be an array");
	if (e == OK)
		e = check(s, ei);
	if (e != OK)
		return e;
	json_decref(s->log_history);
	s->log_history = json_incref(history);
	return OK;
}

const json_t *trainer_state_evaluation(const struct trainer_state *s, int64_t step)
{
	for (size_t i = json_array_size(s->log_history); i > 0; i--) {
		const json_t *record = json_array_get(s->log_history, i - 1);

		if (json_object_get(record, "eval_loss") &&
		    json_integer_value(json_object_get(record, "step")) == step)
			return record;
	}
	return NULL;
}

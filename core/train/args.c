/* Training arguments: see args.h. */
#include "train/args.h"

#include <stdio.h>
#include <string.h>

static const char *const strategy_names[] = { "no", "steps", "epoch", NULL };
static const char *const schedule_names[] = { "linear", "cosine", "constant",
					      "constant_with_warmup", NULL };
static const char *const metric_names[] = { "loss", "accuracy", "f1", "precision", "recall", NULL };

#define MAX_STEPS 1e9
#define MAX_BATCH 1024
#define MAX_SEED  4294967295.0 /* what numpy.random.seed, and so transformers.set_seed, takes */

#define ROW(member, what) #member, what, offsetof(struct train_args, member)

const struct field train_args_fields[] = {
	{ ROW(num_train_epochs, F_DOUBLE), .min = 0, .max = 10000, .above_min = true,
	  .help = "Passes over the training rows; the last one may be partial, as in 2.5." },
	{ ROW(max_steps, F_INT), .min = -1, .max = MAX_STEPS,
	  .help = "Optimizer steps of the run; overrides num_train_epochs unless it is -1." },
	{ ROW(per_device_train_batch_size, F_INT), .min = 1, .max = MAX_BATCH,
	  .help = "Rows of one training batch." },
	{ ROW(per_device_eval_batch_size, F_INT), .min = 1, .max = MAX_BATCH,
	  .help = "Rows of one evaluation batch." },
	{ ROW(gradient_accumulation_steps, F_INT), .min = 1, .max = MAX_BATCH,
	  .help = "Batches whose gradients are averaged for one optimizer step." },
	{ ROW(learning_rate, F_DOUBLE), .min = 0, .max = 1,
	  .help = "The highest learning rate of AdamW." },
	{ ROW(weight_decay, F_DOUBLE), .min = 0, .max = 1,
	  .help = "Decoupled weight decay of AdamW; never on biases and LayerNorm." },
	{ ROW(adam_beta1, F_DOUBLE), .min = 0, .max = 1,
	  .help = "Decay of AdamW's mean of the gradients; below 1." },
	{ ROW(adam_beta2, F_DOUBLE), .min = 0, .max = 1,
	  .help = "Decay of AdamW's mean of the squared gradients; below 1." },
	{ ROW(adam_epsilon, F_DOUBLE), .min = 0, .max = 1, .above_min = true,
	  .help = "Added to AdamW's denominator." },
	{ ROW(max_grad_norm, F_DOUBLE), .min = 0, .max = 1e6,
	  .help = "Gradients are scaled down to this 2-norm; 0 leaves them as they are." },
	{ ROW(lr_scheduler_type, F_ENUM), .names = schedule_names,
	  .help = "How the learning rate changes over the run." },
	{ ROW(warmup_steps, F_INT), .min = 0, .max = MAX_STEPS,
	  .help = "Steps over which the learning rate rises from 0." },
	{ ROW(warmup_ratio, F_DOUBLE), .min = 0, .max = 1,
	  .help = "The same as a share of all steps; used when warmup_steps is 0." },
	{ ROW(logging_steps, F_INT), .min = 1, .max = MAX_STEPS,
	  .help = "Steps between two log records; a larger value than the run has steps logs "
		  "none." },
	{ ROW(eval_strategy, F_ENUM), .names = strategy_names,
	  .help = "When the validation split is evaluated: never, every eval_steps, or after each "
		  "epoch." },
	{ ROW(save_strategy, F_ENUM), .names = strategy_names,
	  .help = "When a checkpoint is written: never, every save_steps, or after each epoch." },
	{ ROW(eval_steps, F_INT), .min = 0, .max = MAX_STEPS, .nullable = true,
	  .help = "Steps between two evaluations; 0 means logging_steps." },
	{ ROW(save_steps, F_INT), .min = 1, .max = MAX_STEPS,
	  .help = "Steps between two checkpoints." },
	{ ROW(save_total_limit, F_INT), .min = 0, .max = 1e6, .nullable = true,
	  .help = "Checkpoints that are kept, the newest and the best always among them; 0 keeps "
		  "all." },
	{ ROW(load_best_model_at_end, F_BOOL), .help = "The result is the checkpoint with the best "
						       "metric instead of the last weights." },
	{ ROW(metric_for_best_model, F_STRING), .min = 1, .max = 64, .nullable = true,
	  .help = "The metric that decides what is best: loss, accuracy, f1, precision or "
		  "recall." },
	{ ROW(greater_is_better, F_ANY), .nullable = true,
	  .help = "Whether a higher metric is better; null: yes unless its name ends in "
		  "\"loss\"." },
	{ ROW(early_stopping_patience, F_INT), .min = 0, .max = 1e6,
	  .help = "Evaluations in a row without a better metric that end the run; 0 never does." },
	{ ROW(early_stopping_threshold, F_DOUBLE), .min = 0, .max = 1e6,
	  .help = "How much the metric must change to count as better for early stopping." },
	{ ROW(seed, F_INT), .min = 0, .max = MAX_SEED,
	  .help = "Of the new weights, the order of the rows and dropout." },
	{ ROW(bf16, F_BOOL), .help = "Compute in bfloat16, with float32 master weights." },
	{ 0 },
};

void train_args_init(struct train_args *a)
{
	*a = (struct train_args){
		.num_train_epochs = 3,
		.max_steps = -1,
		.per_device_train_batch_size = 8,
		.per_device_eval_batch_size = 8,
		.gradient_accumulation_steps = 1,
		.learning_rate = 5e-5,
		.adam_beta1 = 0.9,
		.adam_beta2 = 0.999,
		.adam_epsilon = 1e-8,
		.max_grad_norm = 1,
		.lr_scheduler_type = SCHEDULE_LINEAR,
		.logging_steps = 500,
		.eval_strategy = STRATEGY_EPOCH,
		.save_strategy = STRATEGY_EPOCH,
		.save_steps = 500,
		.seed = 42,
	};
}

void train_args_clear(struct train_args *a)
{
	fields_clear(train_args_fields, a);
}

int64_t train_args_eval_steps(const struct train_args *a)
{
	return a->eval_steps > 0 ? a->eval_steps : a->logging_steps;
}

/* The name without "eval_". */
static const char *metric_name(const struct train_args *a)
{
	const char *name = a->metric_for_best_model ? a->metric_for_best_model : "loss";

	return strncmp(name, "eval_", 5) == 0 ? name + 5 : name;
}

const char *train_args_metric(const struct train_args *a, char *out)
{
	snprintf(out, TRAIN_METRIC_SIZE, "eval_%s", metric_name(a));
	return out;
}

bool train_args_greater_is_better(const struct train_args *a)
{
	if (a->greater_is_better)
		return json_is_true(a->greater_is_better);
	const char *name = metric_name(a);
	size_t n = strlen(name);

	return n < 4 || strcmp(name + n - 4, "loss") != 0;
}

static bool one_of(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* What each check below gets: the arguments and where their faults go. */
struct check {
	const struct train_args *a;
	const char *pointer;
	struct faults *faults;
	bool has_validation;
	bool ok;
};

static void refuse(struct check *c, const char *name, const char *words)
{
	char where[FIELDS_POINTER_SIZE];

	faults_add(c->faults, fields_pointer(c->pointer, name, where), "%s", words);
	c->ok = false;
}

static void check_numbers(struct check *c)
{
	if (c->a->max_steps == 0)
		refuse(c, "max_steps",
		       "must be -1 (as many as num_train_epochs gives) or at least 1");
	if (c->a->adam_beta1 >= 1)
		refuse(c, "adam_beta1", "must be below 1");
	if (c->a->adam_beta2 >= 1)
		refuse(c, "adam_beta2", "must be below 1");
}

static void check_metric(struct check *c)
{
	if (c->a->greater_is_better && !json_is_boolean(c->a->greater_is_better))
		refuse(c, "greater_is_better", "must be true, false or null");
	if (!one_of(metric_names, metric_name(c->a)))
		refuse(c, "metric_for_best_model",
		       "must be one of \"loss\", \"accuracy\", \"f1\", \"precision\", \"recall\"");
}

static void check_evaluation(struct check *c)
{
	bool evaluates = c->a->eval_strategy != STRATEGY_NO;

	if (evaluates && !c->has_validation)
		refuse(c, "eval_strategy", "needs a validation split in the data set, or \"no\"");
	if (c->a->early_stopping_patience > 0 && !evaluates)
		refuse(c, "early_stopping_patience",
		       "needs evaluations: eval_strategy \"steps\" or \"epoch\"");
}

static void check_best(struct check *c)
{
	const struct train_args *a = c->a;

	if (!a->load_best_model_at_end)
		return;
	if (a->eval_strategy == STRATEGY_NO)
		refuse(c, "load_best_model_at_end",
		       "needs evaluations: eval_strategy \"steps\" or \"epoch\"");
	else if (a->eval_strategy != a->save_strategy)
		refuse(c, "load_best_model_at_end",
		       "needs eval_strategy and save_strategy to be the same");
	else if (a->save_strategy == STRATEGY_STEPS &&
		 a->save_steps % train_args_eval_steps(a) != 0)
		refuse(c, "save_steps",
		       "must be a multiple of eval_steps (logging_steps where that is 0) when "
		       "load_best_model_at_end is set");
}

bool train_args_read(const json_t *object, const char *pointer, bool has_validation,
		     struct train_args *a, struct faults *faults)
{
	struct check c = { a, pointer, faults, has_validation, true };

	train_args_init(a);
	if (object && !fields_read(train_args_fields, object, pointer, a, faults))
		c.ok = false;
	if (!has_validation && !json_object_get(object, "eval_strategy"))
		a->eval_strategy = STRATEGY_NO;
	check_numbers(&c);
	check_metric(&c);
	check_evaluation(&c);
	check_best(&c);
	return c.ok;
}

json_t *train_args_write(const struct train_args *a)
{
	return fields_write(train_args_fields, a);
}

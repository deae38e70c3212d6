/* Training arguments: the members of transformers.TrainingArguments that bertd knows, under their
 * own names. */
#ifndef BERTD_TRAIN_ARGS_H
#define BERTD_TRAIN_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fields.h"

enum strategy { STRATEGY_NO, STRATEGY_STEPS, STRATEGY_EPOCH };
enum schedule {
	SCHEDULE_LINEAR,
	SCHEDULE_COSINE,
	SCHEDULE_CONSTANT,
	SCHEDULE_CONSTANT_WITH_WARMUP
};

struct train_args {
	double num_train_epochs;
	int64_t max_steps; /* -1: from num_train_epochs */
	int64_t per_device_train_batch_size, per_device_eval_batch_size;
	int64_t gradient_accumulation_steps;
	double learning_rate, weight_decay;
	double adam_beta1, adam_beta2, adam_epsilon;
	double max_grad_norm;  /* 0: no clipping */
	int lr_scheduler_type; /* enum schedule */
	int64_t warmup_steps;
	double warmup_ratio; /* of all steps; used when warmup_steps is 0 */
	int64_t logging_steps;
	int eval_strategy, save_strategy; /* enum strategy */
	int64_t eval_steps;		  /* 0: logging_steps, as the Trainer */
	int64_t save_steps;
	int64_t save_total_limit; /* 0: all are kept */
	bool load_best_model_at_end;
	char *metric_for_best_model; /* NULL: "loss"; with or without "eval_" */
	json_t *greater_is_better;   /* true, false, or NULL: true unless the metric's name ends in
					"loss" */
	int64_t early_stopping_patience; /* 0: off; counts evaluations */
	double early_stopping_threshold;
	int64_t seed;
	bool bf16;
};
extern const struct field train_args_fields[];

/* The defaults of transformers.TrainingArguments, but for eval_strategy and save_strategy, which
 * are "epoch" as in the tutorial, so that a plain job is evaluated and can be resumed. */
void train_args_init(struct train_args *a);
void train_args_clear(struct train_args *a);

/* Reads the "args" object (NULL: {}) over the defaults and checks what depends on several members
 * (early stopping needs evaluation, load_best_model_at_end needs save and eval to match, …).
 * has_validation: whether the job has a validation split; without one an eval_strategy that was not
 * asked for becomes "no", and one that was is a fault. */
bool train_args_read(const json_t *object, const char *pointer, bool has_validation,
		     struct train_args *a, struct faults *faults);
/* Every member, resolved; train_args_read takes it back. */
json_t *train_args_write(const struct train_args *a);

/* Steps between two evaluations under STRATEGY_STEPS. */
int64_t train_args_eval_steps(const struct train_args *a);
/* The key of the deciding metric in an evaluation, as in "eval_loss", into out[TRAIN_METRIC_SIZE];
 * returns out. */
const char *train_args_metric(const struct train_args *a, char *out);
#define TRAIN_METRIC_SIZE 80
bool train_args_greater_is_better(const struct train_args *a);

#endif

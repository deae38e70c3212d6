/* The state of a training run: all that a checkpoint must hold beside the weights and the
 * optimizer, so that the run goes on as if it had not been cut. Written as the Trainer's
 * trainer_state.json, which transformers.TrainerState.load_from_json reads, with what is ours as
 * one more of its "stateful_callbacks". */
#ifndef BERTD_TRAIN_STATE_H
#define BERTD_TRAIN_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "train/args.h"

/* What is still to be done at the current step, in this order. */
enum todo {
	TODO_LOG = 1,
	TODO_EVALUATE = 2,
	TODO_SAVE = 4,
	TODO_END_EPOCH = 8, /* adds what the strategies want after an epoch */
	TODO_END_TRAINING = 16,
	TODO_TEST = 32,
};

struct trainer_state {
	int64_t global_step, max_steps;
	int64_t n_train; /* rows of the training split */
	double epoch;
	double total_flos;
	double best_metric;	 /* NaN: none yet */
	int64_t best_step;	 /* 0: none yet */
	int64_t best_checkpoint; /* the step whose checkpoint counts as the best one; 0: none */
	bool best_is_saved;	 /* best_step had been saved before it was evaluated */
	int64_t last_evaluated;	 /* step of the last evaluation; 0: none */
	int64_t last_saved; /* step of the last checkpoint that the strategy asked for; 0: none */
	int64_t bad_evaluations; /* in a row, for early stopping */
	double window_loss;	 /* sum of the step losses since the last log record */
	double total_loss;	 /* sum up to the last log record */
	int64_t last_logged;	 /* its step */
	double seconds;		 /* of training up to the checkpoint */
	int64_t todo;		 /* bits of enum todo */
	bool stop;		 /* no further steps */
	json_t *log_history;	 /* the records so far */
};

void trainer_state_init(struct trainer_state *s);
void trainer_state_clear(struct trainer_state *s);

/* A new object in the layout of transformers.TrainerState. num_train_epochs is the number of epochs
 * begun. */
json_t *trainer_state_write(const struct trainer_state *s, const struct train_args *a,
			    int64_t num_train_epochs);
/* The inverse, into an initialised state. ERR_INVALID naming the member. */
enum err trainer_state_read(const json_t *object, struct trainer_state *s,
			    struct errinfo *ei) MUST_USE;

/* The last record of an evaluation at that step, borrowed from the history; NULL: none. */
const json_t *trainer_state_evaluation(const struct trainer_state *s, int64_t step);

#endif

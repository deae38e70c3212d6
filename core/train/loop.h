/* The parts of a running Trainer that its files share: trainer.c (steps), actions.c (what follows a
 * step). */
#ifndef BERTD_TRAIN_LOOP_H
#define BERTD_TRAIN_LOOP_H

#include "base/spool.h"
#include "train/pack.h"
#include "train/state.h"
#include "train/trainer.h"

struct loop {
	const struct trainer_run *run;
	const struct train_args *args;
	const struct examples *train, *validation, *test;
	struct trainer_state s;
	int64_t epoch_batches; /* of one epoch, before accumulation */
	int64_t epoch_steps;   /* of one epoch */
	bool evaluates;
	struct spool order;		 /* (train->n) int64_t: rows of epoch order_of */
	int64_t order_of;		 /* -1: none drawn yet */
	struct packer *packers;		 /* (gradient_accumulation_steps) */
	struct bert_batch *micro;	 /* (gradient_accumulation_steps) views of the packers */
	double grad_norm, learning_rate; /* of the last step */
	double started;			 /* clock_monotonic of this part of the run */
	int64_t first_step, rows;	 /* where this part began; rows trained on since */
	enum trainer_verdict verdict;	 /* the last one that was asked for */
	json_t *test_metrics;		 /* NULL: none */
};

/* Seconds of training, earlier parts of the run included. */
double loop_seconds(const struct loop *l);
/* Mean loss of all steps so far. */
double loop_training_loss(const struct loop *l);
/* Whether the best checkpoint is kept whatever save_total_limit says: somebody asked for a best
 * one. */
bool loop_keeps_best(const struct loop *l);

/* Asks the hook: OK, ERR_CANCELLED, or ERR_BUSY after a checkpoint was written. */
enum err loop_ask(struct loop *l, struct errinfo *ei) MUST_USE;
/* Marks what is to be done after the step that has just been counted. */
void loop_plan(struct loop *l);
/* Does all that is marked. */
enum err loop_settle(struct loop *l, struct errinfo *ei) MUST_USE;
/* Removes a checkpoint and tells the hook. */
enum err loop_remove_checkpoint(struct loop *l, int64_t step, struct errinfo *ei) MUST_USE;

#endif

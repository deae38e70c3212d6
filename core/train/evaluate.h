/* Evaluation of labelled rows, as trainer.evaluate() with the tutorial's compute_metrics, and
 * more. */
#ifndef BERTD_TRAIN_EVALUATE_H
#define BERTD_TRAIN_EVALUATE_H

#include <jansson.h>

#include "base/err.h"
#include "data/examples.h"
#include "model/bert.h"

/* What the rows of an evaluation add up to. */
struct evaluation {
	int num_labels;
	int64_t n;	    /* rows so far */
	double loss;	    /* sum over the rows */
	int64_t *confusion; /* (num_labels, num_labels), row = true class */
};
void evaluation_init(struct evaluation *v, int num_labels);
void evaluation_clear(struct evaluation *v);
/* One row; logits (num_labels), label in [0, num_labels). */
void evaluation_add(struct evaluation *v, const float *logits, int label);
/* The metrics as evaluate() gives them, of n_steps batches in so many seconds. */
json_t *evaluation_metrics(const struct evaluation *v, const char *const *labels, int64_t n_steps,
			   double seconds);

/* Runs the split in batches of batch_size sequences. *metrics is a new object with eval_loss,
 * eval_accuracy, eval_f1 (macro), eval_precision and eval_recall (macro), eval_runtime,
 * eval_samples_per_second, eval_steps_per_second, and "per_class": [{"label", "precision",
 * "recall", "f1", "support"}, …], "confusion_matrix": [[…], …] (row = true class; left out for
 * more than EVALUATE_MAX_MATRIX classes, whose square would fill the record). go_on is asked before
 * each batch; false gives ERR_CANCELLED. NULL: never stopped. */
#define EVALUATE_MAX_MATRIX 200
enum err evaluate(struct bert *b, const struct examples *x, int64_t batch_size,
		  const char *const *labels, int num_labels, bool (*go_on)(void *ctx), void *ctx,
		  json_t **metrics, struct errinfo *ei) MUST_USE;

/* v to so many decimal digits, as the times and rates of the Trainer's records. Pure. */
double evaluate_round(double v, int digits);

#endif

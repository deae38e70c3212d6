/* Classification metrics from a confusion matrix, as sklearn.metrics with zero_division=0, and the
 * cross-entropy. Pure.
 *
 * A confusion matrix is n × n counts, row = true class, column = predicted class. */
#ifndef BERTD_TRAIN_METRICS_H
#define BERTD_TRAIN_METRICS_H

#include <stdint.h>

struct metrics_class {
	double precision, recall, f1; /* 0 where the denominator is 0 */
	int64_t support;	      /* rows whose true class it is */
};

struct metrics_summary {
	double accuracy;
	double precision, recall, f1; /* macro: the unweighted mean over the classes that occur as
					 label or prediction */
};

/* The index of the largest logit, the first of several; logits (n). */
int metrics_argmax(const float *logits, int n);

/* -log softmax(logits)[label], computed in double as torch.nn.functional.cross_entropy defines it;
 * logits (n). */
double metrics_cross_entropy(const float *logits, int n, int label);

/* classes (n), as precision_recall_fscore_support(labels=range(n), average=None). */
void metrics_classes(const int64_t *confusion, int n, struct metrics_class *classes);

/* accuracy_score and the average="macro" scores; all 0 for a matrix without counts. */
struct metrics_summary metrics_summarize(const int64_t *confusion, int n);

#endif

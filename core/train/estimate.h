/* What a job will take, before it starts: time, memory, operations. Pure. */
#ifndef BERTD_TRAIN_ESTIMATE_H
#define BERTD_TRAIN_ESTIMATE_H

#include <jansson.h>
#include <stdbool.h>

#include "data/dataset.h"
#include "data/facts.h"
#include "model/bert.h"
#include "train/args.h"

/* What batches of a split are like. */
struct estimate_split {
	int64_t n;
	double tokens;	/* of all rows, after the cut */
	double squares; /* the sum of their squares: what attention costs */
	int64_t longest;
	double lengths; /* different ones in a random batch, expected: each is one attention call */
};

/* Of n rows in batches of batch_size. */
struct estimate_split estimate_split_of(const struct row_fact *facts, int64_t n,
					int64_t batch_size);

struct estimate_input {
	const struct bert_config *config; /* num_labels as the job has it */
	const struct train_args *args;
	struct estimate_split splits[N_SPLITS]; /* train in per_device_train_batch_size, the others
						   in per_device_eval_batch_size; n is 0: none */
	int max_length;
	struct bert_speed speed; /* bert_device_speed(device, args->bf16) */
	bool cuda;
};

/* A new object:
 *
 * - "seconds": from opening the model to the last checkpoint, all steps, evaluations and the test
 *   included; no early stopping. Work divided by speed: the operations of the packed batches (real
 *   tokens, the last layer's short cut, backward twice forward), the memory that parameters,
 *   optimizer and activations move, and a time for each call. It is meant to be right within a
 *   factor of two on a machine that does nothing else.
 * - "peak_memory_bytes": of the process where the device is the CPU, else of the device: weights,
 *   gradients, AdamW's moments (of the word embeddings only rows that occur, guessed from the
 * number of tokens), the activations of the largest batch that is likely, and what libtorch itself
 * takes.
 * - "total_flos": what the "train" record will say: transformers' floating_point_ops. */
json_t *estimate_job(const struct estimate_input *in);

#endif

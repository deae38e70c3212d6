/* Packed batches from encoded examples: rows laid end to end, as bert.h wants them. */
#ifndef BERTD_TRAIN_PACK_H
#define BERTD_TRAIN_PACK_H

#include <stdint.h>

#include "data/examples.h"
#include "model/bert.h"

/* The memory of one batch, kept from one use to the next. Zero-initialised it is empty. */
struct packer {
	int32_t *input_ids, *token_type_ids; /* (cap_tokens) */
	int32_t *cu_seqlens;		     /* (cap_seqs + 1) */
	int32_t *labels;		     /* (cap_seqs) */
	int64_t cap_tokens, cap_seqs;
};

/* Fills p with the n rows order[0 … n) of x (order NULL: rows first … first + n) and returns a view
 * of it, valid until the next call. n and its tokens fit an int: batch sizes and lengths are
 * bounded where they are read. */
struct bert_batch packer_batch(struct packer *p, const struct examples *x, const int64_t *order,
			       int64_t first, int64_t n, double loss_scale);
void packer_clear(struct packer *p);

#endif

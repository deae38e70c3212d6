/* Packed batches: see pack.h. */
#include "train/pack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int64_t row_of(const int64_t *order, int64_t first, int64_t i)
{
	return order ? order[i] : first + i;
}

static int64_t length_of(const struct examples *x, int64_t row)
{
	BUG_ON(row < 0 || row >= x->n);
	return x->lengths[row];
}

static void make_room(struct packer *p, int64_t n_seqs, int64_t n_tokens)
{
	if (n_seqs > p->cap_seqs) {
		p->cap_seqs = n_seqs;
		p->cu_seqlens = mem_resize(p->cu_seqlens, (size_t)n_seqs + 1, sizeof(int32_t));
		p->labels = mem_resize(p->labels, (size_t)n_seqs, sizeof(int32_t));
	}
	if (n_tokens > p->cap_tokens) {
		p->cap_tokens = n_tokens;
		p->input_ids = mem_resize(p->input_ids, (size_t)n_tokens, sizeof(int32_t));
		p->token_type_ids =
			mem_resize(p->token_type_ids, (size_t)n_tokens, sizeof(int32_t));
	}
}

struct bert_batch packer_batch(struct packer *p, const struct examples *x, const int64_t *order,
			       int64_t first, int64_t n, double loss_scale)
{
	int64_t n_tokens = 0, at = 0;

	for (int64_t i = 0; i < n; i++)
		n_tokens += length_of(x, row_of(order, first, i));
	BUG_ON(n > INT_MAX || n_tokens > INT_MAX);
	make_room(p, n, n_tokens);
	p->cu_seqlens[0] = 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t row = row_of(order, first, i), length = length_of(x, row);

		memcpy(p->input_ids + at, x->input_ids + x->starts[row],
		       (size_t)length * sizeof(int32_t));
		for (int64_t t = 0; t < length; t++)
			p->token_type_ids[at + t] = t >= x->n_first[row];
		at += length;
		p->cu_seqlens[i + 1] = (int32_t)at;
		p->labels[i] = x->labels[row];
	}
	return (struct bert_batch){ .n_seqs = (int)n,
				    .n_tokens = (int)n_tokens,
				    .input_ids = p->input_ids,
				    .token_type_ids = p->token_type_ids,
				    .cu_seqlens = p->cu_seqlens,
				    .labels = p->labels,
				    .loss_scale = loss_scale };
}

void packer_clear(struct packer *p)
{
	free(p->input_ids);
	free(p->token_type_ids);
	free(p->cu_seqlens);
	free(p->labels);
	*p = (struct packer){ 0 };
}

/* Batches: which waiting texts go through the model together, and the pass itself.
 *
 * The inference thread's. Knows the queue as a list, and the model as a function. */
#ifndef BERTD_SERVE_BATCH_H
#define BERTD_SERVE_BATCH_H

#include <stdint.h>

#include "model/bert.h"
#include "serve/work.h"

struct batch_slot {
	struct work *work;
	int text; /* index in its request */
	int n_tokens;
	int position; /* in the order they were taken */
};

/* Zero-initialised it is empty; it may be used again for the next batch, keeping its memory. */
struct batch {
	struct batch_slot *slots; /* (n), shorter texts first once taken */
	int n;
	int64_t n_tokens;
	struct work **works; /* (n_works): whose texts these are */
	int n_works;

	/* Room for the packed form of the slots: */
	int slots_cap, works_cap, seqs_cap;
	int64_t tokens_cap, logits_cap;
	int32_t *input_ids, *token_type_ids, *cu_seqlens;
	float *logits;
};
void batch_clear(struct batch *b);

/* Takes texts of the encoded works of one model, at most max_tokens tokens but one text at least if
 * there is any.
 *
 * The works give one text each in turn, the first in the queue first, until the batch is full.
 * Those that gave go behind the others if they have more, so that a request of many texts delays a
 * small one by one pass at most for each request before it; those that gave all leave the queue. */
void batch_take(struct batch *b, struct work_list *queue, const struct model *m,
		int64_t max_tokens);

/* bert_forward, or what a test puts in its place. */
typedef enum err batch_forward(struct bert *bert, const struct bert_batch *batch, float *logits,
			       struct errinfo *ei);

/* Runs the slots through the model and gives each text its logits (num_labels). Texts of one length
 * stand next to one another. When the device has no memory for a batch, its halves are tried, down
 * to single texts. A text that fails fails its request (work_fail), not the others. Returns the
 * number of passes that succeeded. */
int batch_run(struct batch *b, struct bert *bert, int num_labels, batch_forward *forward);

#endif

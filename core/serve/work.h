/* A request on its way through the queue: its token ids, and how many of its texts have been
 * through the model.
 *
 * Belongs to one thread at a time: the submitter's, then the inference thread. Knows neither queue
 * nor device. */
#ifndef BERTD_SERVE_WORK_H
#define BERTD_SERVE_WORK_H

#include <stdint.h>
#include <sys/queue.h>

#include "serve/serve.h"
#include "serve/tokenizers.h"

struct model;

struct work {
	TAILQ_ENTRY(work) link;
	struct serve_request *rq; /* borrowed */
	struct model *model;	  /* held */
	double submitted;	  /* clock_monotonic() */

	int64_t *offsets;	 /* (n_texts + 1) into the two arrays below; NULL until encoded */
	int32_t *input_ids;	 /* (offsets[n_texts]) */
	int32_t *token_type_ids; /* (offsets[n_texts]) */

	int next;   /* the first text that no batch has taken yet */
	int taken;  /* texts in the batch that is being made or run */
	int n_done; /* texts whose batch has run */
};
TAILQ_HEAD(work_list, work);

struct work *work_new(struct serve_request *rq);
void work_free(struct work *w);

/* Encodes all texts and fills tokens and truncated of each. ERR_INVALID as serve_submit says; w is
 * then still without ids. */
enum err work_encode(struct work *w, const struct tokenizers_entry *e, struct errinfo *ei) MUST_USE;

/* Keeps the first error of the request. */
void work_fail(struct work *w, enum err e, const struct errinfo *ei);

/* Token count of text i. */
static inline int work_tokens(const struct work *w, int i)
{
	return (int)(w->offsets[i + 1] - w->offsets[i]);
}

#endif

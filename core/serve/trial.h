/* A served model on a labelled data set: trainer.evaluate(test) beside everybody else's requests.
 *
 * The rows go through the batcher, one request of batch_size texts after the other, so there is one
 * copy of the model in memory, and other requests wait for one pass of it at most. */
#ifndef BERTD_SERVE_TRIAL_H
#define BERTD_SERVE_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "data/dataset.h"
#include "serve/serve.h"

struct trial {
	struct serve *serve;
	const char *model_id, *dir;
	struct dataset
		*data;	    /* open; its test split is what is taken, its labels are the model's */
	int64_t batch_size; /* texts of one request */
	int max_length;	    /* as serve_request's */
	bool (*go_on)(void *ctx); /* asked before each request */
	void *ctx;
};

/* Runs it, on the caller's thread, which waits for the inference thread. *metrics is a new object
 * as evaluate() gives it. The loss sums up in the order of the file. What is wrong with the rows
 * goes to faults: ERR_INVALID; ERR_CANCELLED when go_on is false; ERR_CONFLICT when the model has
 * other labels; else what serve_submit and done give, but for a full queue, which is waited for. */
enum err trial_run(const struct trial *t, json_t **metrics, struct faults *faults,
		   struct errinfo *ei) MUST_USE;

#endif

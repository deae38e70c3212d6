/* Serving: loaded models, and one inference thread that batches what waits.
 *
 * A request names a model by its canonical id and folder; the model is loaded on demand by the inference thread and kept
 * until others need its room. Texts are tokenized by the caller's thread when the tokenizer is there already. */
#ifndef BERTD_SERVE_SERVE_H
#define BERTD_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/tokenizer.h"

struct serve;

struct serve_config {
	const char *device;
	int threads;		  /* of one operation on the CPU; 0: all cores */
	bool bf16;
	int64_t max_model_bytes;  /* weights of all loaded models; the least recently used go first */
	int64_t max_batch_tokens; /* packed tokens of one forward pass */
	int64_t max_queue_texts;  /* waiting texts; more are ERR_BUSY */
};
enum err serve_start(const struct serve_config *c, struct serve **out, struct errinfo *ei) MUST_USE;
/* Finishes what is queued, then ends the thread and frees. */
void serve_stop(struct serve *s);

struct serve_text {
	char *text, *pair; /* UTF-8; pair NULL for a single text. Owned by the request */
	size_t len, pair_len;
	/* results: */
	float *logits; /* (num_labels) of the model */
	int tokens;
	bool truncated;
};

struct serve_request {
	char model_id[160];
	char *dir; /* the model's folder */
	struct serve_text *texts;
	int n_texts;
	int max_length; /* 0: the smaller of the model's positions and the tokenizer's model_max_length */
	bool truncate;	/* false: a text that is too long is ERR_INVALID, with its index in the message */
	/* results: */
	int num_labels;
	char **labels; /* (num_labels), owned by the request */
	enum err error;
	struct errinfo ei;
	double seconds_queued, seconds_inference;
	int batch_texts; /* of the forward pass that held the first text */

	/* Called once, from the inference thread, when everything above is filled. Must not block. */
	void (*done)(void *ctx, struct serve_request *rq);
	void *ctx;
};
struct serve_request *serve_request_new(int n_texts);
void serve_request_free(struct serve_request *rq);

/* Queues the request; on OK done will be called. Else it is not called and the request stays the caller's:
 * ERR_BUSY (queue full or stopping), ERR_INVALID (not UTF-8 with the index and byte offset, too long). Never blocks on
 * inference. */
enum err serve_submit(struct serve *s, struct serve_request *rq, struct errinfo *ei) MUST_USE;

/* The tokenizer of a model, from the cache or opened now (tens of milliseconds: not on an HTTP thread). Give it back with
 * serve_tokenizer_release. */
enum err serve_tokenizer(struct serve *s, const char *model_id, const char *dir, const struct tokenizer **out,
			 struct errinfo *ei) MUST_USE;
void serve_tokenizer_release(struct serve *s, const struct tokenizer *t);

bool serve_loaded(struct serve *s, const char *model_id);
/* Forgets a model that was deleted; requests that hold it finish. */
void serve_drop(struct serve *s, const char *model_id);

struct serve_stats {
	int64_t requests, texts, tokens, batches, rejected, loads, evictions;
	int64_t queued_texts, loaded_models, loaded_bytes;
	double seconds_inference, seconds_queued, seconds_tokenize;
};
void serve_get_stats(struct serve *s, struct serve_stats *out);

/* The scores of one text by function_to_apply. Pure. out (n): softmax, sigmoid, or the logits themselves, in float
 * arithmetic as transformers' text-classification pipeline. */
enum serve_function { SERVE_SOFTMAX, SERVE_SIGMOID, SERVE_NONE };
extern const char *const serve_functions[]; /* "softmax", "sigmoid", "none"; NULL ends it */
void serve_scores(const float *logits, int n, enum serve_function f, float *out);

#endif

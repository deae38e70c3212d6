/* Serving: loaded models, and one inference thread that batches what waits.
 *
 * A request names a model by its canonical id and folder; the model is loaded on demand by the
 * inference thread and kept until others need its room. Texts are tokenized by the caller's thread
 * when the tokenizer is there already. Every function but serve_stop may be called from any thread,
 * also from a done callback. */
#ifndef BERTD_SERVE_SERVE_H
#define BERTD_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/histogram.h"
#include "text/tokenizer.h"

struct serve;

struct serve_config {
	const char *device;
	int threads; /* of one operation on the CPU; 0: all cores */
	bool bf16;
	int64_t max_model_bytes;  /* weights of all loaded models; the least recently used go */
	int64_t max_batch_tokens; /* packed tokens of one forward pass */
	int64_t max_queue_texts;  /* waiting texts; more are ERR_BUSY */
};
/* Starts the inference thread of one device. ERR_DEVICE when there is no such device. */
enum err serve_start(const struct serve_config *c, struct serve **out, struct errinfo *ei) MUST_USE;
/* Refuses what comes from now on, finishes what is queued, then ends the thread and frees. No other
 * call may be under way when it returns, and every tokenizer must have been given back. */
void serve_stop(struct serve *s);

enum serve_function { SERVE_SOFTMAX, SERVE_SIGMOID, SERVE_NONE };
extern const char *const serve_functions[]; /* "softmax", "sigmoid", "none"; NULL ends it */

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
	int max_length; /* 0: the smaller of the model's positions and tokenizer_model_max_length */
	bool truncate;	/* false: a text that is too long is ERR_INVALID */
	/* results: */
	int num_labels;
	char **labels; /* (num_labels), owned by the request */
	/* What transformers' pipeline applies to the model's logits when it is told nothing. */
	enum serve_function default_function;
	enum err error;
	struct errinfo ei;
	double seconds_queued;	  /* until its first forward pass began */
	double seconds_inference; /* of the passes that held its texts */
	int batch_texts;	  /* of the forward pass that held the first text */

	/* Called once, from the inference thread, when everything above is filled; the request is
	 * the caller's again. Must not block. */
	void (*done)(void *ctx, struct serve_request *rq);
	void *ctx;
};
/* n_texts empty texts, everything else 0; truncate is true. The caller fills in texts and dir with
 * memory of malloc. */
struct serve_request *serve_request_new(int n_texts);
/* With its texts, results and dir. NULL is fine. */
void serve_request_free(struct serve_request *rq);

/* Queues the request; on OK done will be called. Else it is not called and the request stays the
 * caller's: ERR_BUSY (queue full or stopping), ERR_TOO_LARGE (more texts than the queue ever
 * holds), ERR_INVALID (no text, not UTF-8, too long, a max_length that the model does not have; the
 * message names the text as input[i], i from 0). While the tokenizer is not in the cache, faults of
 * the texts arrive by done instead, in the same words; errors of loading the model always do, for
 * every request that waits for it: those of bert_open and tokenizer_open, and ERR_INVALID for a
 * checkpoint without a trained head. ERR_DEVICE, ERR_DEVICE_MEMORY (after trying ever smaller
 * batches) and ERR_MODEL (logits that are not finite) come from the forward pass. Never blocks on
 * inference. */
enum err serve_submit(struct serve *s, struct serve_request *rq, struct errinfo *ei) MUST_USE;

/* The tokenizer of a model, from the cache or opened now (tens of milliseconds: not on an HTTP
 * thread). Give it back with serve_tokenizer_release. Errors as tokenizer_open and
 * bert_config_read; ERR_INVALID when it has tokens that the model has no embedding for. */
enum err serve_tokenizer(struct serve *s, const char *model_id, const char *dir,
			 const struct tokenizer **out, struct errinfo *ei) MUST_USE;
void serve_tokenizer_release(struct serve *s, const struct tokenizer *t);

bool serve_loaded(struct serve *s, const char *model_id);
/* False once the device answered ERR_DEVICE: a CUDA process does not recover from that. */
bool serve_healthy(struct serve *s);
/* Forgets a model that was deleted; requests that hold it finish. */
void serve_drop(struct serve *s, const char *model_id);

enum serve_rejection { SERVE_QUEUE_FULL, SERVE_STOPPING, SERVE_TOO_MANY_TEXTS, SERVE_BAD_TEXT };
#define N_SERVE_REJECTIONS 4
extern const char *const serve_rejections[]; /* "queue_full", … */

struct serve_stats {
	/* Since the start: */
	int64_t requests;		      /* answered by done, with an error or without */
	int64_t texts, tokens, batches;	      /* that went through a model */
	int64_t rejected[N_SERVE_REJECTIONS]; /* requests, by serve_submit */
	int64_t loads, evictions;	      /* of models */
	struct histogram tokenize_seconds;    /* of each request (histogram_seconds) */
	struct histogram queue_seconds;	      /* of each request (histogram_seconds) */
	struct histogram inference_seconds;   /* of each batch (histogram_seconds) */
	struct histogram batch_texts;	      /* histogram_texts */
	struct histogram batch_tokens;	      /* histogram_tokens */
	/* Now: */
	int64_t queued_texts, loaded_models, loaded_bytes;
};
void serve_get_stats(struct serve *s, struct serve_stats *out);

/* The scores of one text by function_to_apply. Pure. out (n): softmax, sigmoid, or the logits
 * themselves, in float arithmetic as transformers' text-classification pipeline. */
void serve_scores(const float *logits, int n, enum serve_function f, float *out);

#endif

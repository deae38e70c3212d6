/* The models that requests name, loaded while there is room.
 *
 * An entry exists while a request holds it or its weights are loaded. Entries are named by any
 * thread; weights are loaded, used and closed by the inference thread only. */
#ifndef BERTD_SERVE_MODELS_H
#define BERTD_SERVE_MODELS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "model/bert.h"
#include "serve/serve.h"

struct models;

struct model {
	TAILQ_ENTRY(model) link;
	char *id, *dir;
	int holders;	   /* requests */
	bool dropped;	   /* found no more, closed when nobody holds it */
	struct bert *bert; /* NULL until loaded; the inference thread's */
	int64_t bytes;	   /* of its weights */
	enum serve_function function;
};

/* device is borrowed. */
struct models *models_new(const char *device, bool bf16, int64_t max_bytes);
/* Closes all; none may be held. */
void models_free(struct models *ms);

/* The entry of a model, new if it has none. Any thread. */
struct model *models_hold(struct models *ms, const char *id, const char *dir);
void models_release(struct models *ms, struct model *m);

/* Loads the weights if they are not, and makes m the most recently used. The least recently used
 * others are closed first, until it fits into max_bytes or is alone; when the device has no memory
 * for it, the others are closed one by one too. Errors as bert_open; ERR_INVALID for a checkpoint
 * whose classifier is not trained. Inference thread. */
enum err models_load(struct models *ms, struct model *m, struct errinfo *ei) MUST_USE;

/* Closes and frees what was dropped or never loaded and is not held. Inference thread. */
void models_reap(struct models *ms);

/* Any thread. */
void models_drop(struct models *ms, const char *id);
bool models_loaded(struct models *ms, const char *id);
/* Fills loads, evictions, loaded_models and loaded_bytes. */
void models_stats(struct models *ms, struct serve_stats *out);

/* What transformers' text-classification pipeline applies to the logits of the model in dir when it
 * is told nothing: by problem_type of its config.json, else sigmoid for one label and softmax for
 * more. SERVE_SOFTMAX or SERVE_SIGMOID by num_labels when the file cannot be read. */
enum serve_function models_function(const char *dir, int num_labels);

#endif

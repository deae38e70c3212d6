/* The cache of tokenizers, one for each model that was asked for, with what the model's config.json
 * says about its input.
 *
 * Any thread. A tokenizer that is held is never freed; those that are not are kept up to a number,
 * the least recently used go first. */
#ifndef BERTD_SERVE_TOKENIZERS_H
#define BERTD_SERVE_TOKENIZERS_H

#include <stdint.h>

#include "base/err.h"
#include "text/tokenizer.h"

struct tokenizers_entry {
	struct tokenizer *tokenizer;
	int max_length; /* the smaller of the model's positions and the tokenizer's own limit */
	int64_t type_vocab_size; /* 1: the model takes no pairs */
};

struct tokenizers;

/* Keeps at most max_idle tokenizers that nobody holds. */
struct tokenizers *tokenizers_new(int max_idle);
/* All must have been released. */
void tokenizers_free(struct tokenizers *ts);

/* The entry of a model, held, or NULL when it is not in the cache. Fast. */
const struct tokenizers_entry *tokenizers_find(struct tokenizers *ts, const char *model_id);

/* The entry of a model, held, from the cache or opened now. Errors as serve_tokenizer. */
enum err tokenizers_open(struct tokenizers *ts, const char *model_id, const char *dir,
			 const struct tokenizers_entry **out, struct errinfo *ei) MUST_USE;

void tokenizers_release(struct tokenizers *ts, const struct tokenizer *t);

/* The next one who asks for this model opens it anew. */
void tokenizers_drop(struct tokenizers *ts, const char *model_id);

#endif

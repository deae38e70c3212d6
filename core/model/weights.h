/* The weight files of a checkpoint directory, one or in shards, as one set of named tensors. */
#ifndef BERTD_MODEL_WEIGHTS_H
#define BERTD_MODEL_WEIGHTS_H

#include "base/err.h"
#include "model/config.h"
#include "model/safetensors.h"

struct weights;

/* Opens dir/model.safetensors, else the shards that dir/model.safetensors.index.json names.
 * ERR_NOT_FOUND; ERR_UNSUPPORTED when there are only pickled weights; ERR_INVALID for a damaged
 * file, an index that names a file outside the directory, or a tensor that is not in its shard. */
enum err weights_open(const char *dir, struct weights **out, struct errinfo *ei) MUST_USE;
/* NULL is fine. */
void weights_close(struct weights *w);

/* The tensor of that name under any of the names it has had: with and without the prefix "bert.",
 * and LayerNorm's gamma and beta for weight and bias. *st is the file that holds it. NULL when
 * there is none. */
const struct safetensors_tensor *weights_find(const struct weights *w, const char *name,
					      struct safetensors **st);

/* Whether they are all that BertForSequenceClassification of this configuration needs, pooler and
 * classifier included: each tensor there, in its shape, of a type that is read (F32, F16, BF16).
 * Reads headers only. ERR_INVALID naming the first tensor that is not. (weights_check.c) */
enum err weights_check(const struct weights *w, const struct bert_config *c,
		       struct errinfo *ei) MUST_USE;

#endif

/* Which tensors a classifier has: see weights.h. Names: transformers, modeling_bert.py. */
#include "model/weights.h"

#include <inttypes.h>
#include <stdio.h>

enum dim { NONE, VOCAB, POSITIONS, TYPES, HIDDEN, INNER, LABELS };

struct wanted {
	const char *name;
	enum dim shape[2];
};

static const struct wanted embeddings[] = {
	{ "word_embeddings.weight", { VOCAB, HIDDEN } },
	{ "position_embeddings.weight", { POSITIONS, HIDDEN } },
	{ "token_type_embeddings.weight", { TYPES, HIDDEN } },
	{ "LayerNorm.weight", { HIDDEN } },
	{ "LayerNorm.bias", { HIDDEN } },
	{ 0 },
};

static const struct wanted layer[] = {
	{ "attention.self.query.weight", { HIDDEN, HIDDEN } },
	{ "attention.self.query.bias", { HIDDEN } },
	{ "attention.self.key.weight", { HIDDEN, HIDDEN } },
	{ "attention.self.key.bias", { HIDDEN } },
	{ "attention.self.value.weight", { HIDDEN, HIDDEN } },
	{ "attention.self.value.bias", { HIDDEN } },
	{ "attention.output.dense.weight", { HIDDEN, HIDDEN } },
	{ "attention.output.dense.bias", { HIDDEN } },
	{ "attention.output.LayerNorm.weight", { HIDDEN } },
	{ "attention.output.LayerNorm.bias", { HIDDEN } },
	{ "intermediate.dense.weight", { INNER, HIDDEN } },
	{ "intermediate.dense.bias", { INNER } },
	{ "output.dense.weight", { HIDDEN, INNER } },
	{ "output.dense.bias", { HIDDEN } },
	{ "output.LayerNorm.weight", { HIDDEN } },
	{ "output.LayerNorm.bias", { HIDDEN } },
	{ 0 },
};

static const struct wanted head[] = {
	{ "bert.pooler.dense.weight", { HIDDEN, HIDDEN } },
	{ "bert.pooler.dense.bias", { HIDDEN } },
	{ "classifier.weight", { LABELS, HIDDEN } },
	{ "classifier.bias", { LABELS } },
	{ 0 },
};

static int64_t size_of(const struct bert_config *c, enum dim d)
{
	switch (d) {
	case VOCAB:
		return c->vocab_size;
	case POSITIONS:
		return c->max_position_embeddings;
	case TYPES:
		return c->type_vocab_size;
	case HIDDEN:
		return c->hidden_size;
	case INNER:
		return c->intermediate_size;
	case LABELS:
		return c->num_labels;
	case NONE:
		break;
	}
	return 0;
}

static bool has_shape(const struct safetensors_tensor *t, const struct wanted *want,
		      const struct bert_config *c)
{
	int n_dims = want->shape[1] == NONE ? 1 : 2;

	if (t->n_dims != n_dims)
		return false;
	for (int i = 0; i < n_dims; i++)
		if (t->shape[i] != size_of(c, want->shape[i]))
			return false;
	return true;
}

static enum err check_one(const struct weights *w, const struct bert_config *c, const char *prefix,
			  const struct wanted *want, struct errinfo *ei)
{
	struct safetensors *st;
	char name[128];

	snprintf(name, sizeof(name), "%s%s", prefix, want->name);
	const struct safetensors_tensor *t = weights_find(w, name, &st);
	if (!t)
		return err_set(ei, ERR_INVALID, "the weights have no %s", name);
	if (!has_shape(t, want, c))
		return err_set(ei, ERR_INVALID, "%s does not have the shape that config.json says",
			       name);
	if (t->dtype != SAFETENSORS_F32 && t->dtype != SAFETENSORS_F16 &&
	    t->dtype != SAFETENSORS_BF16)
		return err_set(ei, ERR_INVALID, "%s is %s; F32, F16 and BF16 are read", name,
			       safetensors_dtype_name(t->dtype));
	return OK;
}

static enum err check_all(const struct weights *w, const struct bert_config *c, const char *prefix,
			  const struct wanted *table, struct errinfo *ei)
{
	enum err e = OK;

	for (; e == OK && table->name; table++)
		e = check_one(w, c, prefix, table, ei);
	return e;
}

enum err weights_check(const struct weights *w, const struct bert_config *c, struct errinfo *ei)
{
	enum err e = check_all(w, c, "bert.embeddings.", embeddings, ei);
	char prefix[64];

	for (int64_t i = 0; e == OK && i < c->num_hidden_layers; i++) {
		snprintf(prefix, sizeof(prefix), "bert.encoder.layer.%" PRId64 ".", i);
		e = check_all(w, c, prefix, layer, ei);
	}
	return e == OK ? check_all(w, c, "", head, ei) : e;
}

/* config.json of a BERT checkpoint. */
#ifndef BERTD_MODEL_CONFIG_H
#define BERTD_MODEL_CONFIG_H

#include <stdint.h>

#include <jansson.h>

#include "base/err.h"

struct bert_config {
	int64_t vocab_size;
	int64_t hidden_size;
	int64_t num_hidden_layers;
	int64_t num_attention_heads;
	int64_t intermediate_size;
	int64_t max_position_embeddings;
	int64_t type_vocab_size;
	int64_t pad_token_id;
	double layer_norm_eps;
	double hidden_dropout_prob;
	double attention_probs_dropout_prob;
	double classifier_dropout; /* below 0: hidden_dropout_prob, as null in the file */
	double initializer_range;
	int hidden_act; /* index into bert_hidden_acts */
	int num_labels;
	char **labels; /* (num_labels) from id2label */
	json_t *rest;  /* members of the file that bertd does not use, kept for bert_config_write */
};
extern const char *const
	bert_hidden_acts[]; /* "gelu", "gelu_new", "gelu_pytorch_tanh", "relu"; NULL ends it */

/* Reads dir/config.json. ERR_NOT_FOUND; ERR_SYNTAX and ERR_INVALID naming the member;
 * ERR_UNSUPPORTED for a model_type other than "bert" or a relative position embedding. */
enum err bert_config_read(const char *dir, struct bert_config *out, struct errinfo *ei) MUST_USE;
/* Writes dir/config.json as transformers does for BertForSequenceClassification (architectures,
 * id2label, label2id). */
enum err bert_config_write(const struct bert_config *c, const char *dir,
			   struct errinfo *ei) MUST_USE;
/* Sets num_labels and copies the names; NULL names become LABEL_0 …. */
void bert_config_set_labels(struct bert_config *c, int num_labels, const char *const *labels);
/* The names as a new array. */
json_t *bert_config_labels(const struct bert_config *c);
/* Parameters of BertForSequenceClassification with this configuration, as bert_n_parameters of the
 * open model. */
int64_t bert_config_n_parameters(const struct bert_config *c);
void bert_config_clear(struct bert_config *c);

#endif

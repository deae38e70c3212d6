/* A tiny model folder for tests with the fake model: config.json, a vocabulary of single letters,
 * and trained weights. A text of n letters set apart by blanks has n + 2 tokens. */
#ifndef BERTD_TESTS_MODEL_FOLDER_H
#define BERTD_TESTS_MODEL_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/files.h"
#include "base/mem.h"
#include "../fakes/fake_bert.h"
#include "model/safetensors.h"

#define MODEL_FOLDER_POSITIONS 32

static inline void model_folder_file(const char *dir, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);

	BUG_ON(files_write(path, text, strlen(text), NULL) != OK);
	free(path);
}

/* config.json with two labels and more members, as in "\"type_vocab_size\": 1". */
static inline void model_folder_config(const char *dir, const char *more)
{
	char *text = mem_printf("{\"model_type\": \"bert\", \"vocab_size\": 40, "
				"\"hidden_size\": 8, \"num_attention_heads\": 2, "
				"\"max_position_embeddings\": %d, "
				"\"id2label\": {\"0\": \"bad\", \"1\": \"good\"}%s%s}",
				MODEL_FOLDER_POSITIONS, *more ? ", " : "", more);

	model_folder_file(dir, "config.json", text);
	free(text);
}

static inline void model_folder_weights(const char *dir)
{
	enum { N = 2 * (FAKE_BERT_FEATURES + 1) };
	char *path = mem_printf("%s/model.safetensors", dir);
	struct safetensors_item item = { .name = "fake.weight", .n_dims = 1, .shape = { N } };
	struct safetensors_writer *w;
	float *v = mem_alloc(N * sizeof(*v));

	for (int i = 0; i < N; i++)
		v[i] = (float)(i * 7919 % 1009) / 500 - 1;
	BUG_ON(safetensors_create(path, &item, 1, &w, NULL) != OK);
	BUG_ON(safetensors_put(w, v, N, NULL) != OK || safetensors_finish(w, NULL) != OK);
	free(v);
	free(path);
}

/* parent/name, complete; the caller frees the path. */
static inline char *model_folder_new(const char *parent, const char *name)
{
	char *dir = mem_printf("%s/%s", parent, name);
	char vocab[256] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";

	BUG_ON(files_make_dirs(dir, NULL) != OK);
	for (char c = 'a'; c <= 'z'; c++)
		snprintf(vocab + strlen(vocab), 3, "%c\n", c);
	model_folder_file(dir, "vocab.txt", vocab);
	model_folder_config(dir, "");
	model_folder_weights(dir);
	return dir;
}

#endif

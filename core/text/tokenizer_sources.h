/* The files of a tokenizer's directory as JSON values and vocabularies, with every fault named by
 * file, field and place. What they mean together is decided in tokenizer_open.c. */
#ifndef BERTD_TEXT_TOKENIZER_SOURCES_H
#define BERTD_TEXT_TOKENIZER_SOURCES_H

#include <jansson.h>

#include "text/tokenizer_parts.h"

/* An object that is being read, and the name it has in messages. */
struct source {
	json_t *json; /* NULL: the file is not there */
	const char *name;
};

/* Reads the JSON object DIR/name into src; a missing file gives json NULL. Integers become reals,
 * because transformers writes ones that fit no integer type (model_max_length: 1e30). ERR_INVALID,
 * ERR_TOO_LARGE, ERR_IO. */
enum err source_read(const char *dir, const char *name, struct source *src,
		     struct errinfo *ei) MUST_USE;
void source_clear(struct source *src);

/* The member key of src as the type that is asked for; absent (and null) leaves *out as it is.
 * ERR_INVALID. */
enum err source_bool(const struct source *src, const char *key, bool *out,
		     struct errinfo *ei) MUST_USE;
enum err source_string(const struct source *src, const char *key, const char **out,
		       struct errinfo *ei) MUST_USE;
/* An object in src, to be read like a file; out->json is borrowed, NULL when absent. */
enum err source_object(const struct source *src, const char *key, struct source *out,
		       struct errinfo *ei) MUST_USE;

/* A token as a string, which makes it special, or as an object with content and flags. content is
 * borrowed from value. */
enum err source_token(const struct source *src, const char *key, const json_t *value,
		      struct added_token *out, struct errinfo *ei) MUST_USE;

/* Reads DIR/vocab.txt, one token a line, id = line from 0, white space at the end of a line left
 * out. ERR_NOT_FOUND, ERR_INVALID, ERR_TOO_LARGE, ERR_IO. */
enum err source_vocab_txt(const char *dir, struct vocab *v, struct errinfo *ei) MUST_USE;

/* Reads the tokens and ids of tokenizer.json's model. ERR_INVALID, ERR_UNSUPPORTED. */
enum err source_vocab_json(const struct source *model, struct vocab *v,
			   struct errinfo *ei) MUST_USE;

#endif

/* tokenizer.json, the serialised pipeline of the tokenizers library: each of its parts must be the
 * one that BERT has. The fast argument is the whole file. ERR_UNSUPPORTED names the type of a part
 * that is another. */
#ifndef BERTD_TEXT_TOKENIZER_FAST_H
#define BERTD_TEXT_TOKENIZER_FAST_H

#include "text/tokenizer_sources.h"

/* The model, which must be a WordPiece; *model is borrowed from fast. */
enum err fast_check_model(const struct source *fast, struct source *model,
			  struct errinfo *ei) MUST_USE;

/* The switches of the normaliser, into t. */
enum err fast_read_normalizer(const struct source *fast, struct tokenizer *t,
			      struct errinfo *ei) MUST_USE;
enum err fast_check_pre_tokenizer(const struct source *fast, struct errinfo *ei) MUST_USE;

/* The names of the special tokens that the post-processor puts around texts; borrowed from fast. */
enum err fast_read_post_processor(const struct source *fast, const char **cls, const char **sep,
				  struct errinfo *ei) MUST_USE;

/* unk_token, continuing_subword_prefix and max_input_chars_per_word, into v. */
enum err fast_read_limits(const struct source *model, struct vocab *v, struct errinfo *ei) MUST_USE;

#endif

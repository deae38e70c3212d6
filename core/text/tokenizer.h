/* BERT's tokenizer: text to WordPiece ids, id for id what transformers' BertTokenizer gives.
 *
 * A tokenizer is read-only once open and may be used by any number of threads at once. */
#ifndef BERTD_TEXT_TOKENIZER_H
#define BERTD_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tokenizer;

/* Opens the tokenizer of a Hugging Face directory as AutoTokenizer of transformers 5 does:
 *
 * - The vocabulary is tokenizer.json's when there is one, else vocab.txt's.
 * - tokenizer_config.json, where it says BertTokenizer (or no class), has every switch:
 * do_lower_case (true when absent), strip_accents, tokenize_chinese_chars, the special tokens. The
 * normaliser in tokenizer.json then does not count.
 * - tokenizer.json is taken as it is when tokenizer_config.json says PreTrainedTokenizerFast or is
 * not there at all. (AutoTokenizer does the latter only where config.json is missing too; where it
 * is there, it lower-cases.)
 * - special_tokens_map.json and added_tokens.json are read where tokenizer_config.json has no
 * added_tokens_decoder.
 *
 * ERR_NOT_FOUND when neither vocabulary is there; ERR_INVALID for a damaged file, naming it and the
 * field; ERR_UNSUPPORTED for a tokenizer.json that is not BERT's WordPiece (the message names its
 * type) and for the class of another model; ERR_TOO_LARGE, ERR_IO. */
enum err tokenizer_open(const char *dir, struct tokenizer **out, struct errinfo *ei) MUST_USE;
void tokenizer_free(struct tokenizer *t);

/* The highest id plus one, added tokens included. */
int tokenizer_vocab_size(const struct tokenizer *t);
/* The token of an id as its vocabulary spells it ("##ing"), or NULL outside [0, vocab_size) and for
 * an id in it that no token has (a vocab.txt with the same token twice: the last one counts).
 * Borrowed. */
const char *tokenizer_token(const struct tokenizer *t, int32_t id);
/* model_max_length of tokenizer_config.json; 512 when absent or absurdly large. */
int tokenizer_model_max_length(const struct tokenizer *t);
/* The id that padding uses ([PAD]), and the one of words that have none ([UNK]). */
int32_t tokenizer_pad_id(const struct tokenizer *t);
int32_t tokenizer_unknown_id(const struct tokenizer *t);

/* One encoded text or pair, with special tokens, without padding. Zero-initialised it is empty; it
 * may be used again for the next text, keeping its memory. */
struct encoding {
	int32_t *input_ids;	 /* (n) */
	int32_t *token_type_ids; /* (n): 0 for the first text and its specials, 1 for the second and
				    its [SEP] */
	int n;
	int64_t n_untruncated; /* what n would have been without max_length */
	bool truncated;
	int cap;
};
void encoding_clear(struct encoding *enc);

/* Encodes `[CLS] text [SEP]`, or `[CLS] text [SEP] pair [SEP]` when pair is not NULL, cut to
 * max_length tokens with the specials (from 2, with a pair from 3; 0: no limit), pairs by
 * longest_first as transformers does. Lengths in bytes. ERR_INVALID with the byte offset for text
 * that is not UTF-8 (surrogates and overlong forms are not) and for a max_length below that;
 * ERR_TOO_LARGE above 256 MiB. On an error out is as it was. */
enum err tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, const char *pair,
			  size_t pair_len, int max_length, struct encoding *out,
			  struct errinfo *ei) MUST_USE;

/* Writes vocab.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json into dir, so
 * that transformers' AutoTokenizer.from_pretrained(dir) gives the same tokenizer. ERR_IO,
 * ERR_DISK_FULL. */
enum err tokenizer_save(const struct tokenizer *t, const char *dir, struct errinfo *ei) MUST_USE;

#endif

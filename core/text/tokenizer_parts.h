/* The inside of a tokenizer, for the files that read, use and write it (tokenizer_*.c) and nobody
 * else. */
#ifndef BERTD_TEXT_TOKENIZER_PARTS_H
#define BERTD_TEXT_TOKENIZER_PARTS_H

#include "text/added.h"
#include "text/normalize.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

/* The named special tokens, in the order in which transformers adds them to a vocabulary that lacks
 * them. */
#define TOKENIZER_ROLES(X) \
	X(ROLE_BOS, "bos_token") \
	X(ROLE_EOS, "eos_token") \
	X(ROLE_UNK, "unk_token") \
	X(ROLE_SEP, "sep_token") \
	X(ROLE_PAD, "pad_token") \
	X(ROLE_CLS, "cls_token") \
	X(ROLE_MASK, "mask_token")

enum tokenizer_role {
#define X(role, key) role,
	TOKENIZER_ROLES(X)
#undef X
		N_ROLES
};

/* The key of a role in tokenizer_config.json. */
extern const char *const tokenizer_role_keys[N_ROLES];

struct tokenizer {
	struct vocab vocab;
	struct normalizer normalizer;
	int strip_accents; /* as written: 0, 1, or -1 for null, which follows lowercase */
	struct added added;
	const char **
		names; /* (n_names): the token of each id, borrowed from added and vocab, or NULL */
	int n_names;
	char *roles[N_ROLES]; /* the tokens' contents, owned, or NULL */
	int32_t cls, sep, pad;
	int model_max_length;
};

#define MODEL_MAX_LENGTH_DEFAULT 512
#define MODEL_MAX_LENGTH_LIMIT	 1000000 /* more is transformers' way to say "not known" */
#define BERT_PREFIX		 "##"
#define BERT_MAX_CHARS		 100

#endif

/* A WordPiece vocabulary: tokens by id, and ids by longest match. Read-only once built. */
#ifndef BERTD_TEXT_VOCAB_H
#define BERTD_TEXT_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/trie.h"

#define VOCAB_MAX_IDS  4000000
#define VOCAB_MAX_WORD 1000 /* upper bound of max_input_chars_per_word */

struct vocab {
	char **tokens; /* (n_ids), owned; NULL where an id has no token */
	int n_ids;     /* highest id + 1 */
	int cap_ids;
	int n_tokens; /* distinct tokens of the model, what the reference counts new ids from */

	char *unk_token;
	char *prefix;  /* of a piece that continues a word: "##" */
	int max_chars; /* a longer word is unknown */

	/* From vocab_index(): */
	struct trie trie;
	int32_t unk;
	int32_t continuation; /* the trie's node behind the prefix, or TRIE_NONE */
};

/* Gives id the token, copied. A token that had that id is replaced. */
void vocab_put(struct vocab *v, int32_t id, const char *token, size_t len);

/* Builds the trie from the tokens; of ids with the same token the highest counts, and the others
 * keep none. ERR_INVALID when unk_token is not among them. */
enum err vocab_index(struct vocab *v, struct errinfo *ei) MUST_USE;
void vocab_clear(struct vocab *v);

/* The id of a token, or -1. */
int32_t vocab_id(const struct vocab *v, const char *token);

#endif

/* Added tokens: strings such as [SEP] that are found in the text as a whole, before it is cut into
 * words. Those with normalized are looked for in normalised text, by their own normal form; the
 * others in the text as it came. */
#ifndef BERTD_TEXT_ADDED_H
#define BERTD_TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "text/normalize.h"
#include "text/trie.h"
#include "text/vocab.h"

#define ADDED_MAX 10000

struct added_token {
	char *content; /* owned */
	int32_t id;
	bool in_model;	  /* the model's vocabulary has it too */
	bool single_word; /* not inside a word */
	bool lstrip; /* takes the blanks before it: no difference to BERT, where blanks give no ids
		      */
	bool rstrip;
	bool normalized;
	bool special;
};

/* Patterns that are searched for at once; a pattern's value is its place in added.tokens. */
struct matcher {
	struct trie trie;
	bool first[256]; /* bytes that a pattern starts with */
	int only_first;	 /* the only such byte, or -1 */
	bool empty;
};

struct added {
	struct added_token *tokens; /* in the order they were added */
	int n, cap;
	struct matcher raw, normal; /* from added_index() */
};

/* Adds a token (content is copied) as tokenizers' add_tokens: one that is there gets the new flags,
 * one of the vocabulary its id, any other the next free id. ERR_INVALID when there are too many. */
enum err added_put(struct added *a, const struct vocab *v, const struct added_token *token,
		   struct errinfo *ei) MUST_USE;
const struct added_token *added_find(const struct added *a, const char *content);

/* Prepares the search. */
void added_index(struct added *a, const struct normalizer *nz);
void added_clear(struct added *a);

struct added_match {
	size_t start, end;
	int32_t id;
};

/* The first added token at or after from in text, leftmost then longest; false when there is none.
 */
bool added_search(const struct added *a, const struct matcher *m, const char *text, size_t len,
		  size_t from, struct added_match *match);

#endif

/* Normalised text to ids: words at white space and punctuation (BertPreTokenizer), each word cut
 * into the longest pieces of the vocabulary from the left (WordPiece). Pure. */
#ifndef BERTD_TEXT_WORDS_H
#define BERTD_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "text/vocab.h"

/* Where ids go. It counts all of them and stores the first ones only. */
struct id_sink {
	int32_t *ids;
	size_t n, cap; /* stored, room */
	size_t keep;   /* no more than this are stored */
	int64_t total; /* pushed */
};
void id_sink_push(struct id_sink *sink, int32_t id);

/* Appends the ids of a stretch of normalised text, which must be valid UTF-8. A word of more than
 * max_chars code points, or one that cannot be cut into pieces, is one unknown token. Needs
 * unicode_init(). */
void words_encode(const struct vocab *v, const char *text, size_t len, struct id_sink *sink);

#endif

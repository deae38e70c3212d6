/* BERT's text normalisation, as the BertNormalizer of the tokenizers library: in this order,
 * cleaning (control characters go, white space becomes a blank), blanks around ideographs, NFD
 * without Mn, lower case. Pure. */
#ifndef BERTD_TEXT_NORMALIZE_H
#define BERTD_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct normalizer {
	bool clean_text;
	bool handle_chinese_chars;
	bool strip_accents;
	bool lowercase;
	unsigned char ascii[128]; /* what a byte becomes; NORMALIZE_DROPPED: nothing */
};
#define NORMALIZE_DROPPED 0xFF

/* Fills ascii from the four switches. Needs unicode_init(). */
void normalizer_prepare(struct normalizer *nz);

/* Appends the normal form of the text, which must be valid UTF-8, to out; terminates it. */
void normalize(const struct normalizer *nz, const char *text, size_t len, struct buf *out);

#endif

/* What the reference tokenizer thinks of a code point, and UTF-8.
 *
 * libutf8proc is the base; where the reference (the Rust crates behind transformers' tokenizers)
 * knows another version of Unicode, unicode_differences.h says so. All of it may be called from any
 * thread once unicode_init() has returned. */
#ifndef BERTD_TEXT_UNICODE_H
#define BERTD_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNI_LIMIT 0x110000u

enum uni_flag {
	UNI_DROP = 1 << 0,  /* cleaning removes it: Cc, Cf and Co but tab, LF, CR; U+0000; U+FFFD */
	UNI_SPACE = 1 << 1, /* White_Space; what is dropped too is a blank only for a tokenizer that
			       does not clean */
	UNI_PUNCT = 1 << 2, /* P*, and ASCII's S*: a word of its own */
	UNI_MARK = 1 << 3,  /* Mn: what accent stripping removes */
	UNI_REORDER = 1 << 4,	 /* its canonical combining class is not 0 */
	UNI_DECOMPOSES = 1 << 5, /* NFD changes it; UNI_MARK and UNI_REORDER are then not set */
	UNI_UPPER = 1 << 6,	 /* lower-casing changes it */
	UNI_WORD = 1 << 7,	 /* \w of a regular expression */
	UNI_CJK =
		1 << 8, /* an ideograph that stands alone (the blocks BERT lists, not the script) */
};

/* Builds the tables, once in the process; some 20 ms. */
void unicode_init(void);

/* The flags of 256 code points each; for uni_flags() only. */
extern const uint16_t *uni_pages[UNI_LIMIT >> 8];

/* The flags of c, which is below UNI_LIMIT. */
static inline unsigned uni_flags(uint32_t c)
{
	return uni_pages[c >> 8][c & 0xFF];
}

/* The full canonical decomposition of c into out, without reordering; returns its length. */
#define UNI_MAX_DECOMPOSITION 4
int uni_decompose(uint32_t c, uint32_t out[UNI_MAX_DECOMPOSITION]);

/* Lower case without context (no final sigma) into out; returns its length, 1 or 2. */
int uni_lower(uint32_t c, uint32_t out[2]);

/* Canonical combining class, 0 to 254. */
int uni_combining_class(uint32_t c);

/* The length of the longest valid beginning of text: len when all of it is UTF-8 (no overlong
 * forms, no surrogates, nothing above U+10FFFF), else the byte offset of the first sequence that is
 * wrong. */
size_t utf8_valid_length(const char *text, size_t len);

/* The code point at p, which must be valid UTF-8, and the place behind it. */
static inline const unsigned char *utf8_next(const unsigned char *p, uint32_t *c)
{
	if (p[0] < 0x80) {
		*c = p[0];
		return p + 1;
	}
	if (p[0] < 0xE0) {
		*c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
		return p + 2;
	}
	if (p[0] < 0xF0) {
		*c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
		return p + 3;
	}
	*c = (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
	return p + 4;
}

/* The code point that ends before p in valid UTF-8; start < p. */
uint32_t utf8_before(const unsigned char *start, const unsigned char *p);

/* Writes c at p, 1 to 4 bytes; returns the place behind it. */
unsigned char *utf8_put(unsigned char *p, uint32_t c);

#endif

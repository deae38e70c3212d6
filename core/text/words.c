/* Words and pieces: see words.h. */
#include "text/words.h"

#include "base/mem.h"
#include "text/unicode.h"

/* What ASCII is to the splitter; the first byte of anything else needs a look at the code point. */
enum { C_WORD, C_SPACE, C_PUNCT, C_MULTI };
static const unsigned char byte_class[256] = {
	['\t' ... '\r'] = C_SPACE, [' '] = C_SPACE,	    ['!' ... '/'] = C_PUNCT,
	[':' ... '@'] = C_PUNCT,   ['[' ... '`'] = C_PUNCT, ['{' ... '~'] = C_PUNCT,
	[0x80 ... 0xFF] = C_MULTI,
};

void id_sink_push(struct id_sink *sink, int32_t id)
{
	sink->total++;
	if (sink->n >= sink->keep)
		return;
	if (sink->n == sink->cap) {
		sink->cap = sink->cap ? 2 * sink->cap : 64;
		sink->ids = mem_resize(sink->ids, sink->cap, sizeof *sink->ids);
	}
	sink->ids[sink->n++] = id;
}

/* Takes back everything that was pushed after the sink was as in mark; only the counts of mark are
 * looked at. */
static void take_back(struct id_sink *sink, const struct id_sink *mark)
{
	sink->n = mark->n;
	sink->total = mark->total;
}

static void encode_word(const struct vocab *v, const unsigned char *word, size_t len,
			size_t n_chars, struct id_sink *sink)
{
	struct id_sink mark = *sink;
	int32_t node = TRIE_ROOT;

	if (n_chars > (size_t)v->max_chars) {
		id_sink_push(sink, v->unk);
		return;
	}
	while (len) {
		size_t matched = 0;
		int32_t id =
			node == TRIE_NONE ? -1 : trie_longest(&v->trie, node, word, len, &matched);
		if (id < 0) {
			take_back(sink, &mark);
			id_sink_push(sink, v->unk);
			return;
		}
		id_sink_push(sink, id);
		word += matched;
		len -= matched;
		node = v->continuation;
	}
}

/* The end of the word that starts at p: the first blank or punctuation. */
static const unsigned char *word_end(const unsigned char *p, const unsigned char *end,
				     size_t *n_chars)
{
	size_t continuation_bytes = 0;
	const unsigned char *start = p;
	uint32_t c;

	for (;;) {
		while (p < end && byte_class[*p] == C_WORD)
			p++;
		if (p == end || byte_class[*p] != C_MULTI)
			break;
		const unsigned char *next = utf8_next(p, &c);
		if (uni_flags(c) & (UNI_SPACE | UNI_PUNCT))
			break;
		continuation_bytes += (size_t)(next - p) - 1;
		p = next;
	}
	*n_chars = (size_t)(p - start) - continuation_bytes;
	return p;
}

void words_encode(const struct vocab *v, const char *text, size_t len, struct id_sink *sink)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	size_t n_chars;

	while (p < end) {
		const unsigned char *next = word_end(p, end, &n_chars);
		if (next > p)
			encode_word(v, p, (size_t)(next - p), n_chars, sink);
		if (next == end)
			break;
		uint32_t c;
		p = utf8_next(next, &c);
		if (uni_flags(c) & UNI_PUNCT)
			encode_word(v, next, (size_t)(p - next), 1, sink);
	}
}

/* Encoding: see tokenizer.h. A text is cut at the added tokens, each stretch between them is
 * normalised, cut at the normalised added tokens, and what is left goes to words.c. All state of a
 * call is on its stack. */
#include "text/tokenizer.h"

#include "base/mem.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "text/words.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX \
	(256u << 20) /* bytes: there are no more ids than those, so a pair's can be counted with \
			an int */

const char *const tokenizer_role_keys[N_ROLES] = {
#define X(role, key) [role] = key,
	TOKENIZER_ROLES(X)
#undef X
};

static void encode_normal(const struct tokenizer *t, const char *text, size_t len,
			  struct id_sink *sink)
{
	struct added_match match;
	size_t from = 0;

	while (added_search(&t->added, &t->added.normal, text, len, from, &match)) {
		words_encode(&t->vocab, text + from, match.start - from, sink);
		id_sink_push(sink, match.id);
		from = match.end;
	}
	words_encode(&t->vocab, text + from, len - from, sink);
}

static void encode_stretch(const struct tokenizer *t, const char *text, size_t len,
			   struct buf *normal, struct id_sink *sink)
{
	if (!len)
		return;
	buf_reset(normal);
	normalize(&t->normalizer, text, len, normal);
	encode_normal(t, normal->data, normal->len, sink);
}

/* The ids of text without specials, appended to the sink; returns how many there are with those
 * that were not kept. */
static int64_t encode_text(const struct tokenizer *t, const char *text, size_t len, size_t keep,
			   struct id_sink *sink)
{
	struct buf normal = { 0 };
	struct added_match match;
	size_t from = 0;

	sink->keep = keep > SIZE_MAX - sink->n ? SIZE_MAX : sink->n + keep;
	sink->total = 0;
	while (added_search(&t->added, &t->added.raw, text, len, from, &match)) {
		encode_stretch(t, text + from, match.start - from, &normal, sink);
		id_sink_push(sink, match.id);
		from = match.end;
	}
	encode_stretch(t, text + from, len - from, &normal, sink);
	buf_clear(&normal);
	return sink->total;
}

static enum err check_text(const char *text, size_t len, const char *what, struct errinfo *ei)
{
	if (len > TEXT_MAX)
		return err_set(ei, ERR_TOO_LARGE, "%s has %zu bytes, more than %u", what, len,
			       TEXT_MAX);
	size_t valid = utf8_valid_length(text, len);
	if (valid < len)
		return err_set(ei, ERR_INVALID, "%s is not valid UTF-8 at byte %zu", what, valid);
	return OK;
}

/* longest_first as tokenizers does it: the shorter text stays whole when it leaves room, else both
 * get half, and the odd one goes to the longer. */
static void truncate_pair(int64_t n[2], int64_t room)
{
	int shorter = n[0] > n[1] ? 1 : 0;
	int64_t *a = &n[shorter], *b = &n[1 - shorter];

	if (*a + *b <= room)
		return;
	if (*a > room / 2)
		*a = room / 2;
	*b = room - *a;
}

static void push_special(struct id_sink *sink, int32_t id)
{
	sink->keep = SIZE_MAX;
	id_sink_push(sink, id);
}

/* Gives the ids to the encoding; the first n_first belong to the first text. */
static void finish(struct encoding *enc, struct id_sink *sink, size_t n_first,
		   int64_t n_untruncated)
{
	if (sink->cap > (size_t)enc->cap || !enc->token_type_ids)
		enc->token_type_ids =
			mem_resize(enc->token_type_ids, sink->cap, sizeof *enc->token_type_ids);
	enc->input_ids = sink->ids;
	enc->cap = (int)sink->cap;
	enc->n = (int)sink->n;
	for (size_t i = 0; i < sink->n; i++)
		enc->token_type_ids[i] = i >= n_first;
	enc->n_untruncated = n_untruncated;
	enc->truncated = enc->n < n_untruncated;
}

static void encode_single(const struct tokenizer *t, const char *text, size_t len, size_t room,
			  struct encoding *out)
{
	struct id_sink sink = { .ids = out->input_ids, .cap = (size_t)out->cap };

	push_special(&sink, t->cls);
	int64_t n = encode_text(t, text, len, room, &sink);
	push_special(&sink, t->sep);
	finish(out, &sink, sink.n, n + 2);
}

static void encode_pair(const struct tokenizer *t, const char *const text[2], const size_t len[2],
			size_t room, struct encoding *out)
{
	struct id_sink sink = { .ids = out->input_ids, .cap = (size_t)out->cap };
	int64_t n[2];

	push_special(&sink, t->cls);
	n[0] = encode_text(t, text[0], len[0], room, &sink);
	size_t second = sink.n;
	n[1] = encode_text(t, text[1], len[1], room, &sink);
	int64_t n_untruncated = n[0] + n[1] + 3;
	if (room != SIZE_MAX)
		truncate_pair(n, (int64_t)room);
	push_special(&sink, t->sep); /* makes room for both, and is then overwritten */
	push_special(&sink, t->sep);
	size_t first_end = 1 + (size_t)n[0];
	memmove(sink.ids + first_end + 1, sink.ids + second, (size_t)n[1] * sizeof *sink.ids);
	sink.ids[first_end] = t->sep;
	sink.n = first_end + 1 + (size_t)n[1];
	sink.ids[sink.n++] = t->sep;
	finish(out, &sink, first_end + 1, n_untruncated);
}

enum err tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, const char *pair,
			  size_t pair_len, int max_length, struct encoding *out, struct errinfo *ei)
{
	int n_specials = pair ? 3 : 2;
	enum err e;

	if (max_length != 0 && max_length < n_specials)
		return err_set(ei, ERR_INVALID,
			       "max_length is %d, but the special tokens alone are %d", max_length,
			       n_specials);
	if ((e = check_text(text, len, "the text", ei)) != OK)
		return e;
	if (pair && (e = check_text(pair, pair_len, "the second text", ei)) != OK)
		return e;
	size_t room = max_length ? (size_t)(max_length - n_specials) : SIZE_MAX;
	if (pair)
		encode_pair(t, (const char *[]){ text, pair }, (size_t[]){ len, pair_len }, room,
			    out);
	else
		encode_single(t, text, len, room, out);
	return OK;
}

void encoding_clear(struct encoding *enc)
{
	free(enc->input_ids);
	free(enc->token_type_ids);
	*enc = (struct encoding){ 0 };
}

int tokenizer_vocab_size(const struct tokenizer *t)
{
	return t->n_names;
}

const char *tokenizer_token(const struct tokenizer *t, int32_t id)
{
	return id < 0 || id >= t->n_names ? NULL : t->names[id];
}

int tokenizer_model_max_length(const struct tokenizer *t)
{
	return t->model_max_length;
}

int32_t tokenizer_pad_id(const struct tokenizer *t)
{
	return t->pad;
}

int32_t tokenizer_unknown_id(const struct tokenizer *t)
{
	return t->vocab.unk;
}

void tokenizer_free(struct tokenizer *t)
{
	if (!t)
		return;
	vocab_clear(&t->vocab);
	added_clear(&t->added);
	free(t->names);
	for (int i = 0; i < N_ROLES; i++)
		free(t->roles[i]);
	free(t);
}

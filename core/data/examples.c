/* Encoding of a split: see examples.h. */
#include "data/examples.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TOKENS 4096

/* Appends one encoded row to the arrays of x, which have room for *cap tokens. */
static void append(struct examples *x, const struct encoding *enc, int64_t *cap)
{
	int64_t at = x->offsets[x->n], n = at + enc->n;

	if (n > *cap) {
		while (n > *cap)
			*cap *= 2;
		x->input_ids = mem_resize(x->input_ids, (size_t)*cap, sizeof(*x->input_ids));
		x->token_type_ids =
			mem_resize(x->token_type_ids, (size_t)*cap, sizeof(*x->token_type_ids));
	}
	memcpy(x->input_ids + at, enc->input_ids, (size_t)enc->n * sizeof(*x->input_ids));
	memcpy(x->token_type_ids + at, enc->token_type_ids,
	       (size_t)enc->n * sizeof(*x->token_type_ids));
	x->truncated[x->n] = enc->truncated;
	x->offsets[++x->n] = n;
}

enum err examples_encode(const struct tokenizer *t, const struct example *rows, int64_t n,
			 int max_length, struct examples *out, struct errinfo *ei)
{
	struct encoding enc = { 0 };
	struct errinfo why;
	int64_t cap = FIRST_TOKENS;
	enum err e = OK;

	*out = (struct examples){
		.offsets = mem_zalloc((size_t)n + 1, sizeof(*out->offsets)),
		.input_ids = mem_alloc((size_t)cap * sizeof(*out->input_ids)),
		.token_type_ids = mem_alloc((size_t)cap * sizeof(*out->token_type_ids)),
		.labels = mem_zalloc((size_t)n, sizeof(*out->labels)),
		.truncated = mem_zalloc((size_t)n, sizeof(*out->truncated)),
	};
	for (int64_t i = 0; i < n && e == OK; i++) {
		const struct example *row = &rows[i];
		e = tokenizer_encode(t, row->text, row->text_len, row->pair, row->pair_len,
				     max_length, &enc, &why);
		if (e != OK) {
			err_set(ei, e, "line %" PRId64 ": %s", row->line, why.msg);
			break;
		}
		out->labels[i] = row->label;
		append(out, &enc, &cap);
	}
	encoding_clear(&enc);
	if (e != OK)
		examples_clear(out);
	return e;
}

void examples_clear(struct examples *x)
{
	free(x->offsets);
	free(x->input_ids);
	free(x->token_type_ids);
	free(x->labels);
	free(x->truncated);
	*x = (struct examples){ 0 };
}

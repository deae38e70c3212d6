/* A request on its way through the queue: see work.h. */
#include "serve/work.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct serve_request *serve_request_new(int n_texts)
{
	struct serve_request *rq = mem_zalloc(1, sizeof(*rq));

	rq->n_texts = n_texts;
	rq->texts = mem_zalloc((size_t)n_texts, sizeof(*rq->texts));
	rq->truncate = true;
	return rq;
}

void serve_request_free(struct serve_request *rq)
{
	if (!rq)
		return;
	for (int i = 0; i < rq->n_texts; i++) {
		free(rq->texts[i].text);
		free(rq->texts[i].pair);
		free(rq->texts[i].logits);
	}
	for (int i = 0; i < rq->num_labels; i++)
		free(rq->labels[i]);
	free(rq->labels);
	free(rq->texts);
	free(rq->dir);
	free(rq);
}

struct work *work_new(struct serve_request *rq)
{
	struct work *w = mem_zalloc(1, sizeof(*w));

	w->rq = rq;
	w->submitted = clock_monotonic();
	return w;
}

static void forget_ids(struct work *w)
{
	free(w->offsets);
	free(w->input_ids);
	free(w->token_type_ids);
	w->offsets = NULL;
	w->input_ids = w->token_type_ids = NULL;
}

void work_free(struct work *w)
{
	forget_ids(w);
	free(w);
}

void work_fail(struct work *w, enum err e, const struct errinfo *ei)
{
	if (w->rq->error != OK)
		return;
	w->rq->error = e;
	w->rq->ei = *ei;
}

/* The specials of a single text are 2, of a pair 3. */
static enum err check_max_length(const struct serve_request *rq, int limit, struct errinfo *ei)
{
	int least = 2;

	for (int i = 0; i < rq->n_texts; i++)
		least = rq->texts[i].pair ? 3 : least;
	if (rq->max_length > limit)
		return err_set(ei, ERR_INVALID,
			       "max_length %d is more than the %d tokens that the model can take",
			       rq->max_length, limit);
	if (rq->max_length != 0 && rq->max_length < least)
		return err_set(ei, ERR_INVALID,
			       "max_length %d leaves no room for %d special tokens", rq->max_length,
			       least);
	return OK;
}

static enum err encode_one(const struct serve_request *rq, int i, const struct tokenizers_entry *e,
			   struct encoding *enc, struct errinfo *ei)
{
	struct serve_text *t = &rq->texts[i];
	int max_length = rq->max_length ? rq->max_length : e->max_length;
	struct errinfo why;

	if (t->pair && e->type_vocab_size < 2)
		return err_set(ei, ERR_INVALID, "input[%d]: the model does not take text pairs", i);
	enum err rc = tokenizer_encode(e->tokenizer, t->text, t->len, t->pair, t->pair_len,
				       max_length, enc, &why);
	if (rc != OK)
		return err_set(ei, rc, "input[%d]: %.400s", i, why.msg);
	if (enc->truncated && !rq->truncate)
		return err_set(
			ei, ERR_INVALID,
			"input[%d]: %lld tokens, more than max_length %d and truncation is off", i,
			(long long)enc->n_untruncated, max_length);
	t->tokens = enc->n;
	t->truncated = enc->truncated;
	return OK;
}

static void append(struct work *w, int i, const struct encoding *enc, int64_t *cap)
{
	int64_t at = w->offsets[i], end = at + enc->n;

	if (end > *cap) {
		*cap = end + end / 2 + 64;
		w->input_ids = mem_resize(w->input_ids, (size_t)*cap, sizeof(int32_t));
		w->token_type_ids = mem_resize(w->token_type_ids, (size_t)*cap, sizeof(int32_t));
	}
	memcpy(w->input_ids + at, enc->input_ids, (size_t)enc->n * sizeof(int32_t));
	memcpy(w->token_type_ids + at, enc->token_type_ids, (size_t)enc->n * sizeof(int32_t));
	w->offsets[i + 1] = end;
}

enum err work_encode(struct work *w, const struct tokenizers_entry *e, struct errinfo *ei)
{
	const struct serve_request *rq = w->rq;
	struct encoding enc = { 0 };
	int64_t cap = 0;
	enum err rc = check_max_length(rq, e->max_length, ei);

	if (rc != OK)
		return rc;
	w->offsets = mem_zalloc((size_t)rq->n_texts + 1, sizeof(*w->offsets));
	for (int i = 0; i < rq->n_texts && rc == OK; i++) {
		rc = encode_one(rq, i, e, &enc, ei);
		if (rc == OK)
			append(w, i, &enc, &cap);
	}
	encoding_clear(&enc);
	if (rc != OK)
		forget_ids(w);
	return rc;
}

/* Batches: see batch.h. */
#include "serve/batch.h"

#include "base/log.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void batch_clear(struct batch *b)
{
	free(b->slots);
	free(b->works);
	free(b->input_ids);
	free(b->token_type_ids);
	free(b->cu_seqlens);
	free(b->logits);
	*b = (struct batch){ 0 };
}

/* --- taking --- */

static void note_work(struct batch *b, struct work *w)
{
	if (b->n_works == b->works_cap) {
		b->works_cap = b->works_cap * 2 + 16;
		b->works = mem_resize(b->works, (size_t)b->works_cap, sizeof(struct work *));
	}
	b->works[b->n_works++] = w;
}

/* Takes the next text of w, or returns false when the batch has no room for it. */
static bool take_text(struct batch *b, struct work *w, int64_t max_tokens)
{
	int n_tokens = work_tokens(w, w->next);

	if (b->n > 0 && b->n_tokens + n_tokens > max_tokens)
		return false;
	if (b->n == b->slots_cap) {
		b->slots_cap = b->slots_cap * 2 + 64;
		b->slots = mem_resize(b->slots, (size_t)b->slots_cap, sizeof(*b->slots));
	}
	b->slots[b->n] = (struct batch_slot){ w, w->next++, n_tokens, b->n };
	b->n++;
	b->n_tokens += n_tokens;
	if (w->taken++ == 0)
		note_work(b, w);
	return true;
}

/* One text of each work. Returns how many of them have more; 0 when the batch is full. */
static int take_round(struct batch *b, struct work **works, int n, int64_t max_tokens)
{
	int left = 0;

	for (int i = 0; i < n; i++) {
		if (!take_text(b, works[i], max_tokens))
			return 0;
		if (works[i]->next < works[i]->rq->n_texts)
			works[left++] = works[i];
	}
	return left;
}

static struct work **works_of(const struct work_list *queue, const struct model *m, int *n)
{
	struct work **works, *w;

	*n = 0;
	TAILQ_FOREACH(w, queue, link)
	*n += w->model == m && w->offsets;
	works = mem_alloc(((size_t)*n + 1) * sizeof(struct work *));
	*n = 0;
	TAILQ_FOREACH(w, queue, link)
	{
		if (w->model == m && w->offsets)
			works[(*n)++] = w;
	}
	return works;
}

static int by_length(const void *a, const void *b)
{
	const struct batch_slot *x = a, *y = b;

	if (x->n_tokens != y->n_tokens)
		return x->n_tokens < y->n_tokens ? -1 : 1;
	return x->position < y->position ? -1 : 1;
}

void batch_take(struct batch *b, struct work_list *queue, const struct model *m, int64_t max_tokens)
{
	int n;
	struct work **works = works_of(queue, m, &n);

	b->n = b->n_works = 0;
	b->n_tokens = 0;
	while (n > 0)
		n = take_round(b, works, n, max_tokens);
	free(works);
	for (int i = 0; i < b->n_works; i++) {
		struct work *w = b->works[i];
		TAILQ_REMOVE(queue, w, link);
		if (w->next < w->rq->n_texts)
			TAILQ_INSERT_TAIL(queue, w, link);
	}
	if (b->n > 0)
		qsort(b->slots, (size_t)b->n, sizeof(*b->slots), by_length);
}

/* --- running --- */

static void make_room(struct batch *b, int num_labels)
{
	int64_t n_logits = (int64_t)b->n * num_labels;

	if (b->n_tokens > b->tokens_cap) {
		b->tokens_cap = b->n_tokens;
		b->input_ids = mem_resize(b->input_ids, (size_t)b->n_tokens, sizeof(int32_t));
		b->token_type_ids =
			mem_resize(b->token_type_ids, (size_t)b->n_tokens, sizeof(int32_t));
	}
	if (b->n >= b->seqs_cap) {
		b->seqs_cap = b->n + 1;
		b->cu_seqlens = mem_resize(b->cu_seqlens, (size_t)b->n + 1, sizeof(int32_t));
	}
	if (n_logits > b->logits_cap) {
		b->logits_cap = n_logits;
		b->logits = mem_resize(b->logits, (size_t)n_logits, sizeof(float));
	}
}

/* The slots [first, first + n) end to end. */
static struct bert_batch pack(struct batch *b, int first, int n)
{
	int32_t at = 0;

	for (int i = 0; i < n; i++) {
		const struct batch_slot *s = &b->slots[first + i];
		const int64_t from = s->work->offsets[s->text];
		const size_t bytes = (size_t)s->n_tokens * sizeof(int32_t);
		b->cu_seqlens[i] = at;
		memcpy(b->input_ids + at, s->work->input_ids + from, bytes);
		memcpy(b->token_type_ids + at, s->work->token_type_ids + from, bytes);
		at += s->n_tokens;
	}
	b->cu_seqlens[n] = at;
	return (struct bert_batch){ .n_seqs = n,
				    .n_tokens = at,
				    .input_ids = b->input_ids,
				    .token_type_ids = b->token_type_ids,
				    .cu_seqlens = b->cu_seqlens };
}

static bool all_finite(const float *v, int n)
{
	for (int i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			return false;
	}
	return true;
}

static void give_logits(const struct batch_slot *s, const float *logits, int num_labels,
			int n_together)
{
	struct serve_text *t = &s->work->rq->texts[s->text];
	struct errinfo ei;

	t->logits = mem_alloc((size_t)num_labels * sizeof(float));
	memcpy(t->logits, logits, (size_t)num_labels * sizeof(float));
	if (s->text == 0)
		s->work->rq->batch_texts = n_together;
	if (!all_finite(logits, num_labels))
		work_fail(s->work,
			  err_set(&ei, ERR_MODEL, "input[%d]: the model's logits are not finite",
				  s->text),
			  &ei);
}

static int run_range(struct batch *b, int first, int n, struct bert *bert, int num_labels,
		     batch_forward *forward)
{
	struct bert_batch packed = pack(b, first, n);
	struct errinfo ei;
	enum err rc = forward(bert, &packed, b->logits, &ei);

	if (rc == ERR_DEVICE_MEMORY && n > 1)
		return run_range(b, first, n / 2, bert, num_labels, forward) +
		       run_range(b, first + n / 2, n - n / 2, bert, num_labels, forward);
	if (rc != OK)
		log_warn("forward_failed", "error=%s texts=%d tokens=%d reason=%s", err_name(rc), n,
			 packed.n_tokens, log_q(ei.msg));
	for (int i = 0; i < n; i++) {
		const struct batch_slot *s = &b->slots[first + i];
		if (rc == OK)
			give_logits(s, b->logits + (int64_t)i * num_labels, num_labels, n);
		else
			work_fail(s->work, rc, &ei);
	}
	return rc == OK;
}

int batch_run(struct batch *b, struct bert *bert, int num_labels, batch_forward *forward)
{
	make_room(b, num_labels);
	return run_range(b, 0, b->n, bert, num_labels, forward);
}

/* Which texts share a pass, and the pass itself, with a model that is a function of this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/batch.h"
#include "serve/models.h"

static struct model model_a, model_b;

/* A work of n texts whose ids are all `id`, of the given lengths. */
static struct work *work_of(struct model *m, int32_t id, int n, const int *lengths)
{
	struct work *w = work_new(serve_request_new(n));

	w->model = m;
	w->offsets = mem_zalloc((size_t)n + 1, sizeof(int64_t));
	for (int i = 0; i < n; i++)
		w->offsets[i + 1] = w->offsets[i] + lengths[i];
	w->input_ids = mem_zalloc((size_t)w->offsets[n] + 1, sizeof(int32_t));
	w->token_type_ids = mem_zalloc((size_t)w->offsets[n] + 1, sizeof(int32_t));
	for (int64_t i = 0; i < w->offsets[n]; i++)
		w->input_ids[i] = id;
	return w;
}

static struct work *equal_work(struct model *m, int n, int length)
{
	int *lengths = mem_alloc((size_t)n * sizeof(int));

	for (int i = 0; i < n; i++)
		lengths[i] = length;
	struct work *w = work_of(m, 1, n, lengths);
	free(lengths);
	return w;
}

static void work_done(struct work *w)
{
	serve_request_free(w->rq);
	work_free(w);
}

#define QUEUE(name) struct work_list name = TAILQ_HEAD_INITIALIZER(name)

/* --- taking --- */

static void takes_up_to_max_tokens_and_leaves_the_rest(void **state)
{
	QUEUE(queue);
	struct batch b = { 0 };
	struct work *w = equal_work(&model_a, 10, 4);

	(void)state;
	TAILQ_INSERT_TAIL(&queue, w, link);
	batch_take(&b, &queue, &model_a, 13);
	assert_int_equal(b.n, 3);
	assert_int_equal(b.n_tokens, 12);
	assert_ptr_equal(TAILQ_FIRST(&queue), w);
	assert_int_equal(w->next, 3);
	batch_clear(&b);
	work_done(w);
}

static void takes_one_text_that_is_longer_than_max_tokens(void **state)
{
	QUEUE(queue);
	struct batch b = { 0 };
	struct work *w = equal_work(&model_a, 2, 100);

	(void)state;
	TAILQ_INSERT_TAIL(&queue, w, link);
	batch_take(&b, &queue, &model_a, 10);
	assert_int_equal(b.n, 1);
	batch_clear(&b);
	work_done(w);
}

static void passes_over_other_models_and_texts_without_ids(void **state)
{
	QUEUE(queue);
	struct batch b = { 0 };
	struct work *other = equal_work(&model_b, 1, 3), *mine = equal_work(&model_a, 1, 3);
	struct work *raw = work_new(serve_request_new(1));

	(void)state;
	raw->model = &model_a;
	TAILQ_INSERT_TAIL(&queue, other, link);
	TAILQ_INSERT_TAIL(&queue, raw, link);
	TAILQ_INSERT_TAIL(&queue, mine, link);
	batch_take(&b, &queue, &model_a, 100);
	assert_int_equal(b.n, 1);
	assert_ptr_equal(b.slots[0].work, mine);
	assert_ptr_equal(TAILQ_FIRST(&queue), other);
	assert_ptr_equal(TAILQ_LAST(&queue, work_list), raw);
	batch_clear(&b);
	work_done(other);
	work_done(mine);
	work_done(raw);
}

static void a_small_request_shares_the_pass_of_a_huge_one(void **state)
{
	QUEUE(queue);
	struct batch b = { 0 };
	struct work *huge = equal_work(&model_a, 1000, 5), *small = equal_work(&model_a, 2, 5);

	(void)state;
	TAILQ_INSERT_TAIL(&queue, huge, link);
	TAILQ_INSERT_TAIL(&queue, small, link);
	batch_take(&b, &queue, &model_a, 50);
	assert_int_equal(b.n, 10);
	assert_int_equal(small->taken, 2);
	assert_int_equal(huge->taken, 8);
	assert_ptr_equal(TAILQ_FIRST(&queue), huge);
	assert_null(TAILQ_NEXT(huge, link));
	batch_clear(&b);
	work_done(huge);
	work_done(small);
}

static void who_gave_goes_behind_who_found_no_room(void **state)
{
	QUEUE(queue);
	struct batch b = { 0 };
	struct work *w[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		w[i] = equal_work(i == 3 ? &model_b : &model_a, 2, 5);
		TAILQ_INSERT_TAIL(&queue, w[i], link);
	}
	batch_take(&b, &queue, &model_a, 10);
	assert_ptr_equal(TAILQ_FIRST(&queue), w[2]);
	assert_ptr_equal(TAILQ_NEXT(w[2], link), w[3]);
	assert_ptr_equal(TAILQ_NEXT(w[3], link), w[0]);
	assert_ptr_equal(TAILQ_NEXT(w[0], link), w[1]);
	batch_clear(&b);
	for (int i = 0; i < 4; i++)
		work_done(w[i]);
}

static void shorter_texts_come_first_and_equal_ones_in_turn(void **state)
{
	QUEUE(queue);
	struct batch b = { 0 };
	struct work *w = work_of(&model_a, 1, 5, (const int[]){ 7, 3, 7, 2, 3 });
	const int want[] = { 3, 1, 4, 0, 2 };

	(void)state;
	TAILQ_INSERT_TAIL(&queue, w, link);
	batch_take(&b, &queue, &model_a, 100);
	for (int i = 0; i < 5; i++)
		assert_int_equal(b.slots[i].text, want[i]);
	assert_true(TAILQ_EMPTY(&queue));
	batch_clear(&b);
	work_done(w);
}

/* --- running --- */

static struct {
	int max_seqs; /* more are ERR_DEVICE_MEMORY */
	int32_t broken_id, nan_id;
	int calls;
} fake;

/* Logits: the sum of the ids, and the number of tokens. */
static enum err sum_forward(struct bert *bert, const struct bert_batch *batch, float *logits,
			    struct errinfo *ei)
{
	(void)bert;
	fake.calls++;
	if (batch->n_seqs > fake.max_seqs)
		return err_set(ei, ERR_DEVICE_MEMORY, "more than %d sequences", fake.max_seqs);
	assert_int_equal(batch->cu_seqlens[batch->n_seqs], batch->n_tokens);
	for (int s = 0; s < batch->n_seqs; s++) {
		int32_t sum = 0;
		for (int t = batch->cu_seqlens[s]; t < batch->cu_seqlens[s + 1]; t++)
			sum += batch->input_ids[t];
		logits[2 * s] = sum == fake.nan_id ? NAN : (float)sum;
		logits[2 * s + 1] = (float)(batch->cu_seqlens[s + 1] - batch->cu_seqlens[s]);
		if (batch->input_ids[batch->cu_seqlens[s]] == fake.broken_id)
			return err_set(ei, ERR_MODEL, "broken");
	}
	return OK;
}

static int fake_reset(void **state)
{
	(void)state;
	fake.max_seqs = 1000;
	fake.broken_id = fake.nan_id = -1;
	fake.calls = 0;
	return 0;
}

/* Two requests of texts with 1 … 5 and 5 … 1 tokens, taken as one batch and run. */
static int run_two(struct batch *b, struct work **x, struct work **y)
{
	QUEUE(queue);

	*x = work_of(&model_a, 10, 5, (const int[]){ 1, 2, 3, 4, 5 });
	*y = work_of(&model_a, 11, 5, (const int[]){ 5, 4, 3, 2, 1 });
	TAILQ_INSERT_TAIL(&queue, *x, link);
	TAILQ_INSERT_TAIL(&queue, *y, link);
	batch_take(b, &queue, &model_a, 1000);
	return batch_run(b, NULL, 2, sum_forward);
}

static void assert_answers_in_order(const struct work *x, const struct work *y)
{
	for (int i = 0; i < 5; i++) {
		assert_float_equal(x->rq->texts[i].logits[0], 10 * (i + 1), 0);
		assert_float_equal(y->rq->texts[i].logits[0], 11 * (5 - i), 0);
		assert_float_equal(y->rq->texts[i].logits[1], 5 - i, 0);
	}
}

static void done_with(struct batch *b, struct work *x, struct work *y)
{
	batch_clear(b);
	work_done(x);
	work_done(y);
}

static void every_text_gets_its_own_logits(void **state)
{
	struct batch b = { 0 };
	struct work *x, *y;

	(void)state;
	assert_int_equal(run_two(&b, &x, &y), 1);
	assert_answers_in_order(x, y);
	assert_int_equal(x->rq->batch_texts, 10);
	done_with(&b, x, y);
}

static void a_batch_beyond_the_memory_is_halved_until_it_fits(void **state)
{
	struct batch b = { 0 };
	struct work *x, *y;

	(void)state;
	fake.max_seqs = 3;
	assert_int_equal(run_two(&b, &x, &y), 4);
	assert_int_equal(fake.calls, 7);
	assert_int_equal(x->rq->error, OK);
	assert_answers_in_order(x, y);
	assert_in_range(x->rq->batch_texts, 1, 3);
	done_with(&b, x, y);
}

static void a_single_text_beyond_the_memory_fails_its_request(void **state)
{
	struct batch b = { 0 };
	struct work *x, *y;

	(void)state;
	fake.max_seqs = 0;
	assert_int_equal(run_two(&b, &x, &y), 0);
	assert_int_equal(fake.calls, 19);
	assert_int_equal(x->rq->error, ERR_DEVICE_MEMORY);
	assert_string_equal(y->rq->ei.msg, "more than 0 sequences");
	done_with(&b, x, y);
}

static void an_error_of_the_pass_fails_all_its_requests(void **state)
{
	struct batch b = { 0 };
	struct work *x, *y;

	(void)state;
	fake.broken_id = 11;
	assert_int_equal(run_two(&b, &x, &y), 0);
	assert_int_equal(x->rq->error, ERR_MODEL);
	assert_int_equal(y->rq->error, ERR_MODEL);
	done_with(&b, x, y);
}

static void logits_that_are_not_finite_fail_only_their_request(void **state)
{
	struct batch b = { 0 };
	struct work *x, *y;

	(void)state;
	fake.nan_id = 33;
	run_two(&b, &x, &y);
	assert_int_equal(x->rq->error, OK);
	assert_int_equal(y->rq->error, ERR_MODEL);
	assert_string_equal(y->rq->ei.msg, "input[2]: the model's logits are not finite");
	done_with(&b, x, y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_up_to_max_tokens_and_leaves_the_rest),
		cmocka_unit_test(takes_one_text_that_is_longer_than_max_tokens),
		cmocka_unit_test(passes_over_other_models_and_texts_without_ids),
		cmocka_unit_test(a_small_request_shares_the_pass_of_a_huge_one),
		cmocka_unit_test(who_gave_goes_behind_who_found_no_room),
		cmocka_unit_test(shorter_texts_come_first_and_equal_ones_in_turn),
		cmocka_unit_test_setup(every_text_gets_its_own_logits, fake_reset),
		cmocka_unit_test_setup(a_batch_beyond_the_memory_is_halved_until_it_fits,
				       fake_reset),
		cmocka_unit_test_setup(a_single_text_beyond_the_memory_fails_its_request,
				       fake_reset),
		cmocka_unit_test_setup(an_error_of_the_pass_fails_all_its_requests, fake_reset),
		cmocka_unit_test_setup(logits_that_are_not_finite_fail_only_their_request,
				       fake_reset),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

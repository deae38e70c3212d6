/* Serving from end to end with the fake model: answers, many callers, the device, the end. */
#include "serve_fixture.h"

#define N_THREADS    8
#define N_PER_THREAD 40

/* --- answers --- */

static void an_answer_has_labels_tokens_and_times(void **state)
{
	struct serve_request *rq = ask(one_text("a b c", NULL));

	(void)state;
	assert_int_equal(rq->error, OK);
	assert_int_equal(rq->num_labels, 2);
	assert_string_equal(rq->labels[1], "good");
	assert_int_equal(rq->default_function, SERVE_SOFTMAX);
	assert_int_equal(rq->texts[0].tokens, 5);
	assert_false(rq->texts[0].truncated);
	assert_int_equal(rq->batch_texts, 1);
	assert_true(rq->seconds_queued > 0 && rq->seconds_inference > 0);
	serve_request_free(rq);
}

static void many_texts_are_split_over_passes_and_put_back_in_order(void **state)
{
	struct serve_request *rq = ask(request("a", dir_a, 60, NULL));

	(void)state;
	assert_true(fake_bert.forwards > 5);
	for (int i = 0; i < 60; i++) {
		struct serve_request *alone = ask(one_text(rq->texts[i].text, NULL));
		assert_memory_equal(rq->texts[i].logits, alone->texts[0].logits, 8);
		serve_request_free(alone);
	}
	serve_request_free(rq);
}

static void a_pair_has_its_own_tokens(void **state)
{
	struct serve_request *rq = one_text("a b", NULL);

	(void)state;
	rq->texts[0].pair = mem_strdup("c");
	rq->texts[0].pair_len = 1;
	ask(rq);
	assert_int_equal(rq->error, OK);
	assert_int_equal(rq->texts[0].tokens, 6);
	serve_request_free(rq);
}

static void a_small_request_does_not_wait_for_a_huge_one(void **state)
{
	ANSWERS(gate);
	ANSWERS(a);
	struct serve_request *held = hold_thread(&gate);
	struct serve_request *huge = request("a", dir_a, 200, &a), *small = one_text("a", &a);

	(void)state;
	submit(huge);
	submit(small);
	open_gate(&gate);
	await(&a, 2);
	assert_ptr_equal(a.order[0], small);
	assert_true(small->seconds_inference < huge->seconds_inference);
	serve_request_free(held);
	serve_request_free(huge);
	serve_request_free(small);
}

/* --- many callers --- */

struct caller {
	pthread_t thread;
	int first, n_wrong;
	const struct serve_request *want; /* texts and their logits */
};

static void *call(void *arg)
{
	struct caller *c = arg;

	for (int k = 0; k < N_PER_THREAD; k++) {
		ANSWERS(a);
		struct errinfo why;
		int i = (c->first + k) % c->want->n_texts;
		bool to_b = k % 7 == 3;
		struct serve_request *rq = request(to_b ? "b" : "a", to_b ? dir_b : dir_a, 3, &a);
		free(rq->texts[1].text);
		set_text(rq, 1, mem_strdup(c->want->texts[i].text));
		BUG_ON(serve_submit(serve, rq, &why) != OK);
		await(&a, 1);
		c->n_wrong += rq->error != OK ||
			      memcmp(rq->texts[1].logits, c->want->texts[i].logits, 8) != 0;
		serve_request_free(rq);
	}
	return NULL;
}

static void parallel_callers_each_get_their_own_answers(void **state)
{
	struct caller callers[N_THREADS];
	struct serve_request *want = ask(request("a", dir_a, 20, NULL));

	(void)state;
	for (int i = 0; i < N_THREADS; i++) {
		callers[i] = (struct caller){ .first = i * 3, .want = want };
		BUG_ON(pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].n_wrong, 0);
	}
	serve_request_free(want);
}

static void resubmit(void *ctx, struct serve_request *rq)
{
	struct serve_request *next = request("a", dir_a, 2, ctx);

	BUG_ON(serve_submit(serve, next, &rq->ei) != OK);
	serve_request_free(rq);
}

static void a_callback_may_submit(void **state)
{
	ANSWERS(a);
	struct serve_request *rq = one_text("a", &a);

	(void)state;
	rq->done = resubmit;
	submit(rq);
	await(&a, 1);
	assert_int_equal(a.order[0]->n_texts, 2);
	serve_request_free(a.order[0]);
}

/* --- the device, the end --- */

static void a_device_error_is_reported_and_remembered(void **state)
{
	struct serve_request *rq;

	(void)state;
	assert_true(serve_healthy(serve));
	fake_bert.fail_forward = ERR_DEVICE;
	rq = ask(request("a", dir_a, 30, NULL));
	assert_int_equal(rq->error, ERR_DEVICE);
	assert_int_equal(fake_bert.forwards, 1);
	assert_false(serve_healthy(serve));
	serve_request_free(rq);
}

static void a_device_that_is_not_there_stops_the_start(void **state)
{
	const struct serve_config c = { .device = "cuda:7" };
	struct serve *none;

	(void)state;
	assert_int_equal(serve_start(&c, &none, &ei), ERR_DEVICE);
}

static void stop_answers_everything_that_waits(void **state)
{
	ANSWERS(gate);
	ANSWERS(a);
	struct serve_request *held = hold_thread(&gate), *rq[10];

	(void)state;
	for (int i = 0; i < 10; i++) {
		rq[i] = request(i % 2 ? "b" : "a", i % 2 ? dir_b : dir_a, 20, &a);
		submit(rq[i]);
	}
	open_gate(&gate);
	serve_stop(serve);
	serve = NULL;
	assert_int_equal(a.n, 10);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(rq[i]->error, OK);
		serve_request_free(rq[i]);
	}
	serve_request_free(held);
}

static void statistics_count_what_went_through(void **state)
{
	struct serve_stats stats;

	(void)state;
	serve_request_free(ask(request("a", dir_a, 60, NULL)));
	warm_up();
	serve_get_stats(serve, &stats);
	assert_int_equal(stats.requests, 2);
	assert_int_equal(stats.texts, 61);
	assert_int_equal(stats.tokens, fake_bert.forward_tokens);
	assert_int_equal(stats.batches, fake_bert.forwards);
	assert_int_equal(stats.queued_texts, 0);
	assert_int_equal(stats.queue_seconds.count, 2);
	assert_true(stats.batch_texts.sum == 61 && stats.batch_tokens.sum == (double)stats.tokens);
	assert_true(stats.inference_seconds.sum > 0 && stats.tokenize_seconds.sum > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_has_labels_tokens_and_times),
		TEST(many_texts_are_split_over_passes_and_put_back_in_order),
		TEST(a_pair_has_its_own_tokens),
		TEST(a_small_request_does_not_wait_for_a_huge_one),
		TEST(parallel_callers_each_get_their_own_answers),
		TEST(a_callback_may_submit),
		TEST(a_device_error_is_reported_and_remembered),
		TEST(a_device_that_is_not_there_stops_the_start),
		TEST(stop_answers_everything_that_waits),
		TEST(statistics_count_what_went_through),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Serving from end to end with the fake model: the inference thread, its queue, what callers see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "model_folder.h"
#include "serve/serve.h"

#define MODEL_BYTES  (2 * (FAKE_BERT_FEATURES + 1) * 4)
#define BATCH_TOKENS 40
#define QUEUE_TEXTS  300
#define N_THREADS    8
#define N_PER_THREAD 40

static char *root, *dir_a, *dir_b;
static struct serve *serve;
static struct errinfo ei;

static void start(int64_t max_model_bytes)
{
	const struct serve_config c = { .device = "cpu",
					.threads = 1,
					.max_model_bytes = max_model_bytes,
					.max_batch_tokens = BATCH_TOKENS,
					.max_queue_texts = QUEUE_TEXTS };

	BUG_ON(serve_start(&c, &serve, &ei) != OK);
}

static int setup(void **state)
{
	char path[] = "/tmp/bertd-test-XXXXXX";

	(void)state;
	root = mem_strdup(mkdtemp(path));
	dir_a = model_folder_new(root, "a");
	dir_b = model_folder_new(root, "b");
	fake_bert_reset();
	start(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (serve)
		serve_stop(serve);
	serve = NULL;
	BUG_ON(fake_bert.open_models != 0);
	BUG_ON(files_remove(root, NULL) != OK);
	free(dir_a);
	free(dir_b);
	free(root);
	return 0;
}

/* --- waiting for answers --- */

/* Counts answers. While shut, the callback holds the inference thread. */
struct answers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int n;
	bool shut;
	struct serve_request *order[QUEUE_TEXTS]; /* as they came */
};
#define ANSWERS(name) \
	struct answers name = { .lock = PTHREAD_MUTEX_INITIALIZER, \
				.changed = PTHREAD_COND_INITIALIZER }

static void answered(void *ctx, struct serve_request *rq)
{
	struct answers *a = ctx;

	pthread_mutex_lock(&a->lock);
	a->order[a->n++ % QUEUE_TEXTS] = rq;
	pthread_cond_broadcast(&a->changed);
	while (a->shut)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static void await(struct answers *a, int n)
{
	pthread_mutex_lock(&a->lock);
	while (a->n < n)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static void open_gate(struct answers *a)
{
	pthread_mutex_lock(&a->lock);
	a->shut = false;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* "c d e …": n letters from a on, so that texts of different n or first differ. */
static char *letters(int first, int n)
{
	char *s = mem_zalloc((size_t)n * 2 + 1, 1);

	for (int i = 0; i < n; i++) {
		s[2 * i] = (char)('a' + (first + i * i) % 26);
		s[2 * i + 1] = i + 1 < n ? ' ' : '\0';
	}
	return s;
}

static void set_text(struct serve_request *rq, int i, char *text)
{
	rq->texts[i].text = text;
	rq->texts[i].len = strlen(text);
}

static struct serve_request *request(const char *id, const char *dir, int n, struct answers *a)
{
	struct serve_request *rq = serve_request_new(n);

	snprintf(rq->model_id, sizeof(rq->model_id), "%s", id);
	rq->dir = mem_strdup(dir);
	rq->done = answered;
	rq->ctx = a;
	for (int i = 0; i < n; i++)
		set_text(rq, i, letters(i, 1 + i * 5 % 11));
	return rq;
}

static struct serve_request *one_text(const char *text, struct answers *a)
{
	struct serve_request *rq = request("a", dir_a, 1, a);

	free(rq->texts[0].text);
	set_text(rq, 0, mem_strdup(text));
	return rq;
}

static void submit(struct serve_request *rq)
{
	assert_int_equal(serve_submit(serve, rq, &ei), OK);
}

/* The answer of one request; the caller frees it. */
static struct serve_request *ask(struct serve_request *rq)
{
	ANSWERS(a);

	rq->ctx = &a;
	submit(rq);
	await(&a, 1);
	return rq;
}

/* Loads model a and its tokenizer. */
static void warm_up(void)
{
	serve_request_free(ask(request("a", dir_a, 1, NULL)));
}

/* A request whose callback holds the inference thread until open_gate. */
static struct serve_request *hold_thread(struct answers *gate)
{
	struct serve_request *rq = request("a", dir_a, 1, gate);

	gate->shut = true;
	submit(rq);
	await(gate, 1);
	return rq;
}

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

/* --- refusals --- */

static void a_full_queue_is_busy_and_an_empty_one_is_not(void **state)
{
	ANSWERS(gate);
	ANSWERS(a);
	struct serve_request *held = hold_thread(&gate);
	struct serve_request *most = request("a", dir_a, QUEUE_TEXTS - 1, &a);
	struct serve_request *two = request("a", dir_a, 2, &a), *one = one_text("a", &a);
	struct serve_stats stats;

	(void)state;
	submit(most);
	assert_int_equal(serve_submit(serve, two, &ei), ERR_BUSY);
	submit(one);
	serve_get_stats(serve, &stats);
	assert_int_equal(stats.queued_texts, QUEUE_TEXTS);
	assert_int_equal(stats.rejected, 1);
	open_gate(&gate);
	await(&a, 2);
	serve_request_free(ask(two));
	serve_request_free(held);
	serve_request_free(most);
	serve_request_free(one);
}

static void no_texts_and_too_many_are_refused(void **state)
{
	struct serve_request *none = request("a", dir_a, 0, NULL);
	struct serve_request *many = request("a", dir_a, QUEUE_TEXTS + 1, NULL);

	(void)state;
	assert_int_equal(serve_submit(serve, none, &ei), ERR_INVALID);
	assert_int_equal(serve_submit(serve, many, &ei), ERR_TOO_LARGE);
	assert_string_equal(ei.msg, "input has 301 texts; the queue holds 300");
	serve_request_free(none);
	serve_request_free(many);
}

static struct serve_request *not_utf8(void)
{
	struct serve_request *rq = request("a", dir_a, 3, NULL);

	rq->texts[2].text[2] = (char)0xff;
	return rq;
}

static void text_that_is_not_utf8_is_named_with_its_offset(void **state)
{
	struct serve_request *rq = not_utf8();

	(void)state;
	warm_up();
	assert_int_equal(serve_submit(serve, rq, &ei), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "input[2]"));
	assert_non_null(strstr(ei.msg, "byte 2"));
	serve_request_free(rq);
}

static void without_a_tokenizer_the_same_fault_comes_by_done(void **state)
{
	struct serve_request *late = ask(not_utf8()), *early = not_utf8();

	(void)state;
	assert_int_equal(late->error, ERR_INVALID);
	assert_int_equal(serve_submit(serve, early, &ei), ERR_INVALID);
	assert_string_equal(late->ei.msg, ei.msg);
	serve_request_free(late);
	serve_request_free(early);
}

static struct serve_request *long_text(int max_length, bool truncate)
{
	struct serve_request *rq = request("a", dir_a, 2, NULL);

	free(rq->texts[1].text);
	set_text(rq, 1, letters(0, 50));
	rq->max_length = max_length;
	rq->truncate = truncate;
	return rq;
}

static void a_long_text_is_cut_to_the_models_positions(void **state)
{
	struct serve_request *rq = ask(long_text(0, true));

	(void)state;
	assert_int_equal(rq->error, OK);
	assert_int_equal(rq->texts[1].tokens, MODEL_FOLDER_POSITIONS);
	assert_true(rq->texts[1].truncated);
	serve_request_free(rq);
}

static void lengths_that_do_not_fit_are_refused_with_words(void **state)
{
	static const struct {
		int max_length;
		bool truncate;
		const char *msg;
	} cases[] = {
		{ 0, false, "input[1]: 52 tokens, more than max_length 32 and truncation is off" },
		{ 8, false, "input[1]: 52 tokens, more than max_length 8 and truncation is off" },
		{ 33, true, "max_length 33 is more than the 32 tokens that the model can take" },
		{ 1, true, "max_length 1 leaves no room for 2 special tokens" },
		{ -1, true, "max_length -1 leaves no room for 2 special tokens" },
	};

	(void)state;
	warm_up();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct serve_request *rq = long_text(cases[i].max_length, cases[i].truncate);
		assert_int_equal(serve_submit(serve, rq, &ei), ERR_INVALID);
		assert_string_equal(ei.msg, cases[i].msg);
		serve_request_free(rq);
	}
}

static void a_refused_request_leaves_no_room_taken(void **state)
{
	struct serve_request *rq = not_utf8();
	struct serve_stats stats;

	(void)state;
	warm_up();
	assert_int_equal(serve_submit(serve, rq, &ei), ERR_INVALID);
	serve_get_stats(serve, &stats);
	assert_int_equal(stats.queued_texts, 0);
	serve_request_free(rq);
}

static void a_model_of_one_segment_refuses_pairs(void **state)
{
	struct serve_request *rq = one_text("a", NULL);

	(void)state;
	model_folder_config(dir_a, "\"type_vocab_size\": 1");
	rq->texts[0].pair = mem_strdup("b");
	rq->texts[0].pair_len = 1;
	ask(rq);
	assert_int_equal(rq->error, ERR_INVALID);
	assert_string_equal(rq->ei.msg, "input[0]: the model does not take text pairs");
	serve_request_free(rq);
}

/* --- models come and go --- */

static void a_failing_load_answers_everyone_who_waits(void **state)
{
	ANSWERS(gate);
	ANSWERS(a);
	struct serve_request *held = hold_thread(&gate), *rq[4];

	(void)state;
	fake_bert.fail_open = ERR_UNSUPPORTED;
	for (int i = 0; i < 4; i++) {
		rq[i] = request(i == 2 ? "a" : "b", i == 2 ? dir_a : dir_b, 3, &a);
		submit(rq[i]);
	}
	open_gate(&gate);
	await(&a, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(rq[i]->error, i == 2 ? OK : ERR_UNSUPPORTED);
		serve_request_free(rq[i]);
	}
	assert_int_equal(fake_bert.opens, 2);
	serve_request_free(held);
}

static void a_load_that_failed_is_tried_again_by_the_next_request(void **state)
{
	(void)state;
	fake_bert.fail_open = ERR_IO;
	struct serve_request *first = ask(one_text("a", NULL));
	fake_bert.fail_open = OK;
	struct serve_request *second = ask(one_text("a", NULL));
	assert_int_equal(first->error, ERR_IO);
	assert_int_equal(second->error, OK);
	serve_request_free(first);
	serve_request_free(second);
}

static void errors_do_not_show_where_models_are_kept(void **state)
{
	struct serve_request *rq = one_text("a", NULL);
	const struct tokenizer *t;

	(void)state;
	BUG_ON(files_remove(dir_a, NULL) != OK);
	ask(rq);
	assert_int_equal(rq->error, ERR_NOT_FOUND);
	assert_null(strstr(rq->ei.msg, root));
	assert_non_null(strstr(rq->ei.msg, "config.json"));
	assert_int_equal(serve_tokenizer(serve, "a", dir_a, &t, &ei), ERR_NOT_FOUND);
	assert_null(strstr(ei.msg, root));
	serve_request_free(rq);
}

static void the_least_recently_used_model_makes_room(void **state)
{
	struct serve_stats stats;

	(void)state;
	serve_stop(serve);
	start(MODEL_BYTES);
	warm_up();
	serve_request_free(ask(request("b", dir_b, 3, NULL)));
	assert_false(serve_loaded(serve, "a"));
	assert_true(serve_loaded(serve, "b"));
	warm_up();
	serve_get_stats(serve, &stats);
	assert_int_equal(stats.loads, 3);
	assert_int_equal(stats.evictions, 2);
	assert_int_equal(stats.loaded_models, 1);
	assert_int_equal(stats.loaded_bytes, MODEL_BYTES);
}

static void a_request_finishes_with_the_model_that_was_dropped(void **state)
{
	ANSWERS(gate);
	ANSWERS(a);
	struct serve_request *held = hold_thread(&gate), *rq = request("a", dir_a, 30, &a);

	(void)state;
	submit(rq);
	serve_drop(serve, "a");
	BUG_ON(files_remove(dir_a, NULL) != OK);
	assert_false(serve_loaded(serve, "a"));
	open_gate(&gate);
	await(&a, 1);
	assert_int_equal(rq->error, OK);
	assert_int_equal(fake_bert.opens, 1);
	serve_request_free(held);
	serve_request_free(rq);
}

static void a_dropped_model_is_loaded_anew_when_asked_for(void **state)
{
	(void)state;
	warm_up();
	serve_drop(serve, "a");
	serve_drop(serve, "never heard of");
	warm_up();
	assert_int_equal(fake_bert.opens, 2);
	assert_true(serve_loaded(serve, "a"));
}

static void a_tokenizer_outlives_its_model(void **state)
{
	const struct tokenizer *t;

	(void)state;
	assert_int_equal(serve_tokenizer(serve, "a", dir_a, &t, &ei), OK);
	warm_up();
	serve_drop(serve, "a");
	warm_up();
	assert_string_equal(tokenizer_token(t, 5), "a");
	serve_tokenizer_release(serve, t);
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
	assert_true(stats.seconds_inference > 0 && stats.seconds_tokenize > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_has_labels_tokens_and_times),
		TEST(many_texts_are_split_over_passes_and_put_back_in_order),
		TEST(a_pair_has_its_own_tokens),
		TEST(a_small_request_does_not_wait_for_a_huge_one),
		TEST(parallel_callers_each_get_their_own_answers),
		TEST(a_callback_may_submit),
		TEST(a_full_queue_is_busy_and_an_empty_one_is_not),
		TEST(no_texts_and_too_many_are_refused),
		TEST(text_that_is_not_utf8_is_named_with_its_offset),
		TEST(without_a_tokenizer_the_same_fault_comes_by_done),
		TEST(a_long_text_is_cut_to_the_models_positions),
		TEST(lengths_that_do_not_fit_are_refused_with_words),
		TEST(a_refused_request_leaves_no_room_taken),
		TEST(a_model_of_one_segment_refuses_pairs),
		TEST(a_failing_load_answers_everyone_who_waits),
		TEST(a_load_that_failed_is_tried_again_by_the_next_request),
		TEST(errors_do_not_show_where_models_are_kept),
		TEST(the_least_recently_used_model_makes_room),
		TEST(a_request_finishes_with_the_model_that_was_dropped),
		TEST(a_dropped_model_is_loaded_anew_when_asked_for),
		TEST(a_tokenizer_outlives_its_model),
		TEST(a_device_error_is_reported_and_remembered),
		TEST(a_device_that_is_not_there_stops_the_start),
		TEST(stop_answers_everything_that_waits),
		TEST(statistics_count_what_went_through),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

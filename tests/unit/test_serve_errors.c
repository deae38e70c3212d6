/* Serving from end to end with the fake model: what is refused, and models that come and go. */
#include "serve_fixture.h"

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
	assert_int_equal(stats.rejected[SERVE_QUEUE_FULL], 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

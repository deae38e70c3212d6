/* Encoding of rows on threads, with a tokenizer of a dozen words. */
#include "rows_fixture.h"

#include "data/scripts.h"

struct fixture {
	struct tokenizer *tokenizer;
	struct encoded_row *rows; /* (n) what came out, their ids in ids */
	int64_t n;
	int32_t *ids;
	int64_t n_ids;
	int64_t fail_at; /* row that take refuses; -1: none */
	struct errinfo ei;
};

static int set_up(void **state)
{
	struct fixture *f = mem_zalloc(1, sizeof(*f));

	f->tokenizer = rows_tokenizer();
	f->fail_at = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tokenizer_free(f->tokenizer);
	free(f->rows);
	free(f->ids);
	free(f);
	return 0;
}

static enum err take(void *ctx, const struct encoded_row *x, struct errinfo *ei)
{
	struct fixture *f = ctx;

	if (f->n == f->fail_at)
		return err_set(ei, ERR_DISK_FULL, "as the test wants");
	f->rows = mem_resize(f->rows, (size_t)f->n + 1, sizeof(*f->rows));
	f->ids = mem_resize(f->ids, (size_t)(f->n_ids + x->length), sizeof(*f->ids));
	memcpy(f->ids + f->n_ids, x->input_ids, (size_t)x->length * sizeof(*f->ids));
	f->rows[f->n++] = *x;
	f->n_ids += x->length;
	return OK;
}

static enum err encode(struct fixture *f, const struct example *rows, int64_t n, int max_length,
		       int threads)
{
	struct encoder *e = rows_encoder(f->tokenizer, max_length, threads, take, f);
	enum err err = OK;

	f->n = f->n_ids = 0;
	for (int64_t i = 0; err == OK && i < n; i++)
		err = encoder_add(e, (enum split)(i % N_SPLITS), i, &rows[i], &f->ei);
	if (err == OK)
		err = encoder_finish(e, &f->ei);
	encoder_free(e);
	return err;
}

static void rows_come_out_in_the_order_in_which_they_went_in(void **state)
{
	const struct example rows[] = { row("good films", 1, 2), row("", 0, 3), row("bad", 0, 4) };
	static const int32_t ids[] = { CLS, GOOD, FILM, S, SEP, CLS, SEP, CLS, BAD, SEP };
	struct fixture *f = *state;

	assert_int_equal(encode(f, rows, 3, 8, 1), OK);
	assert_int_equal(f->n, 3);
	assert_int_equal(f->n_ids, 10);
	assert_memory_equal(f->ids, ids, sizeof(ids));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f->rows[i].place, i);
		assert_int_equal(f->rows[i].split, i);
		assert_int_equal(f->rows[i].n_first, f->rows[i].length);
		assert_int_equal(f->rows[i].fact.label, rows[i].label);
		assert_int_equal(f->rows[i].fact.line, rows[i].line);
		assert_int_equal(f->rows[i].fact.empty, i == 1);
	}
}

static void pairs_say_how_much_belongs_to_the_first_text(void **state)
{
	const struct example rows[] = { pair("good", "bad film", 1, 2) };
	static const int32_t ids[] = { CLS, GOOD, SEP, BAD, FILM, SEP };
	struct fixture *f = *state;

	assert_int_equal(encode(f, rows, 1, 8, 1), OK);
	assert_int_equal(f->rows[0].length, 6);
	assert_int_equal(f->rows[0].n_first, 3);
	assert_memory_equal(f->ids, ids, sizeof(ids));
}

static void long_rows_are_cut_and_their_length_is_known(void **state)
{
	const struct example rows[] = { row("good good good", 0, 2), row("good", 0, 3) };
	struct fixture *f = *state;

	assert_int_equal(encode(f, rows, 2, 4, 1), OK);
	assert_int_equal(f->rows[0].fact.n_tokens, 4);
	assert_int_equal(f->rows[0].fact.n_untruncated, 5);
	assert_int_equal(f->rows[1].fact.n_untruncated, 3);
	assert_int_equal(f->ids[3], SEP);
}

static void unknown_words_and_scripts_are_counted(void **state)
{
	const struct example rows[] = { row("good x y", 0, 2), row("фильм", 0, 3) };
	struct fixture *f = *state;

	assert_int_equal(encode(f, rows, 2, 8, 1), OK);
	assert_int_equal(f->rows[0].fact.n_unknown, 2);
	assert_int_equal(f->rows[0].fact.script, SCRIPT_LATIN);
	assert_int_equal(f->rows[1].fact.n_unknown, 1);
	assert_int_equal(f->rows[1].fact.script, SCRIPT_CYRILLIC);
}

static bool same_hash(const struct fixture *f, int a, int b)
{
	return memcmp(f->rows[a].fact.hash, f->rows[b].fact.hash, sizeof(f->rows[a].fact.hash)) ==
	       0;
}

static void equal_texts_have_equal_hashes_and_others_have_not(void **state)
{
	const struct example rows[] = { row("good", 0, 2),	    row("good", 1, 3),
					pair("good", "", 0, 4),	    pair("go", "od", 0, 5),
					pair("goo", "d", 0, 6),	    row("good ", 0, 7),
					row("a good film", 0, 8),   row("a good fiml", 0, 9),
					pair("good", "bad", 0, 10), pair("good", "bad", 1, 11) };
	struct fixture *f = *state;

	assert_int_equal(encode(f, rows, 10, 8, 1), OK);
	for (int i = 0; i < 10; i++)
		for (int j = 0; j < i; j++)
			assert_int_equal(same_hash(f, i, j),
					 (i == 1 && j == 0) || (i == 9 && j == 8));
}

/* n rows of a few words each, the texts in *texts. */
static struct example *many_rows(int n, struct buf *texts)
{
	static const char *const words[] = { "good ", "bad ", "film ", "films ", "other " };
	struct example *rows = mem_zalloc((size_t)n, sizeof(*rows));
	uint32_t random = 1;

	for (int i = 0; i < n; i++) {
		size_t at = texts->len;

		for (uint32_t left = (random >> 16) % 40; left > 0; left--)
			buf_puts(texts, words[(random = random * 1664525 + 1013904223) >> 16 & 3]);
		random = random * 1664525 + 1013904223;
		rows[i] = (struct example){ .text_len = (uint32_t)(texts->len - at),
					    .label = i % 2,
					    .line = i + 2 };
	}
	const char *p = texts->data;
	for (int i = 0; i < n; p += rows[i++].text_len)
		rows[i].text = p;
	return rows;
}

static void any_number_of_threads_gives_the_same(void **state)
{
	enum { N = 5000 };
	struct buf texts = { 0 };
	struct example *rows = many_rows(N, &texts);
	struct fixture *f = *state, g = { .tokenizer = f->tokenizer, .fail_at = -1 };

	assert_int_equal(encode(f, rows, N, 20, 1), OK);
	for (int threads = 2; threads <= 4; threads++) {
		assert_int_equal(encode(&g, rows, N, 20, threads), OK);
		assert_int_equal(g.n, N);
		assert_int_equal(g.n_ids, f->n_ids);
		assert_memory_equal(g.ids, f->ids, (size_t)f->n_ids * sizeof(*f->ids));
		for (int i = 0; i < N; i++)
			assert_memory_equal(&g.rows[i].fact, &f->rows[i].fact,
					    sizeof(struct row_fact));
	}
	free(g.rows);
	free(g.ids);
	free(rows);
	buf_clear(&texts);
}

static void one_very_long_row_is_kept_without_a_limit(void **state)
{
	struct buf text = { 0 };
	struct fixture *f = *state;

	for (int i = 0; i < 20000; i++)
		buf_puts(&text, "film ");
	const struct example rows[] = { row(text.data, 0, 2), row("good", 0, 3) };
	assert_int_equal(encode(f, rows, 2, 0, 2), OK);
	assert_int_equal(f->rows[0].length, 20002);
	assert_int_equal(f->ids[20000], FILM);
	assert_int_equal(f->rows[1].length, 3);
	buf_clear(&text);
}

static void the_first_text_that_is_not_utf8_is_named_by_its_line(void **state)
{
	struct example rows[2000];
	struct fixture *f = *state;

	for (int i = 0; i < 2000; i++)
		rows[i] = row(i == 700 || i == 1700 ? "bad \xff" : "good", 0, i + 2);
	assert_int_equal(encode(f, rows, 2000, 64, 3), ERR_INVALID);
	assert_memory_equal(f->ei.msg, "line 702: ", 10);
	assert_true(f->n <= 700);
}

static void an_error_of_the_taker_ends_it(void **state)
{
	struct buf texts = { 0 };
	struct example *rows = many_rows(3000, &texts);
	struct fixture *f = *state;

	f->fail_at = 10;
	assert_int_equal(encode(f, rows, 3000, 20, 2), ERR_DISK_FULL);
	assert_int_equal(f->n, 10);
	free(rows);
	buf_clear(&texts);
}

static void it_can_be_left_in_the_middle(void **state)
{
	struct buf texts = { 0 };
	struct example *rows = many_rows(3000, &texts);
	struct fixture *f = *state;
	struct encoder *e = rows_encoder(f->tokenizer, 20, 2, take, f);

	for (int i = 0; i < 3000; i++)
		assert_int_equal(encoder_add(e, SPLIT_TRAIN, i, &rows[i], &f->ei), OK);
	encoder_free(e);
	free(rows);
	buf_clear(&texts);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(rows_come_out_in_the_order_in_which_they_went_in),
		TEST(pairs_say_how_much_belongs_to_the_first_text),
		TEST(long_rows_are_cut_and_their_length_is_known),
		TEST(unknown_words_and_scripts_are_counted),
		TEST(equal_texts_have_equal_hashes_and_others_have_not),
		TEST(any_number_of_threads_gives_the_same),
		TEST(one_very_long_row_is_kept_without_a_limit),
		TEST(the_first_text_that_is_not_utf8_is_named_by_its_line),
		TEST(an_error_of_the_taker_ends_it),
		TEST(it_can_be_left_in_the_middle),
	};
	return cmocka_run_group_tests_name("encoder", tests, NULL, NULL);
}

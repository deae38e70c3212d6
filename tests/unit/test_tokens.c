/* Files of encoded rows: written, mapped, and damaged in every way. */
#include "rows_fixture.h"

#include <unistd.h>

#include "data/tokens.h"
#include "data/tokens_writer.h"

struct fixture {
	char dir[64];
	char *path;
	struct tokenizer *tokenizer;
	struct errinfo ei;
};

static int set_up(void **state)
{
	struct fixture *f = mem_zalloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/bertd-tokens-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = mem_printf("%s/file", f->dir);
	f->tokenizer = rows_tokenizer();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tokenizer_free(f->tokenizer);
	assert_int_equal(files_remove(f->dir, &f->ei), OK);
	free(f->path);
	free(f);
	return 0;
}

static char *names[] = { "no", "yes" };

/* Four training rows, the last place first, and a test row. */
static void write_small(struct fixture *f, int threads)
{
	static const int64_t n[N_SPLITS] = { 4, 0, 1 };
	const struct example rows[] = { row("good film", 1, 2), row("bad", 0, 3), row("", 0, 4),
					pair("good", "bad films", 1, 5) };
	const struct example last = row("film", 1, 2);
	struct tokens_writer *w;

	assert_int_equal(tokens_writer_open(f->path, n, N_VOCABULARY, &w, &f->ei), OK);
	struct encoder *e = rows_encoder(f->tokenizer, 8, threads, tokens_writer_put, w);
	for (int i = 0; i < 4; i++)
		assert_int_equal(encoder_add(e, SPLIT_TRAIN, 3 - i, &rows[i], &f->ei), OK);
	assert_int_equal(encoder_add(e, SPLIT_TEST, 0, &last, &f->ei), OK);
	assert_int_equal(encoder_finish(e, &f->ei), OK);
	assert_int_equal(tokens_writer_facts(w, SPLIT_TRAIN)[3].line, 2);
	json_t *report = json_pack("{s:i}", "max_length", 8);
	assert_int_equal(tokens_writer_finish(w, names, 2, report, &f->ei), OK);
	json_decref(report);
	encoder_free(e);
	tokens_writer_free(w);
}

static struct buf content(struct fixture *f)
{
	struct buf bytes = { 0 };

	assert_int_equal(files_read(f->path, 1 << 20, &bytes, &f->ei), OK);
	return bytes;
}

static void what_was_written_is_read_by_place(void **state)
{
	static const int32_t first[] = { CLS, GOOD, SEP, BAD, FILM, S, SEP };
	struct fixture *f = *state;
	struct tokens t;

	write_small(f, 1);
	assert_int_equal(tokens_open(f->path, &t, &f->ei), OK);
	const struct examples *x = &t.splits[SPLIT_TRAIN];
	assert_int_equal(x->n, 4);
	assert_int_equal(x->lengths[0], 7);
	assert_int_equal(x->n_first[0], 3);
	assert_int_equal(x->labels[0], 1);
	assert_memory_equal(x->input_ids + x->starts[0], first, sizeof(first));
	assert_int_equal(x->starts[3], 0);
	assert_int_equal(x->labels[2], 0);
	assert_int_equal(t.facts[SPLIT_TRAIN][1].empty, 1);
	assert_int_equal(t.splits[SPLIT_VALIDATION].n, 0);
	assert_int_equal(t.splits[SPLIT_TEST].input_ids[t.splits[SPLIT_TEST].starts[0] + 1], FILM);
	assert_int_equal(t.n_labels, 2);
	assert_string_equal(t.labels[1], "yes");
	assert_int_equal(json_integer_value(json_object_get(t.report, "max_length")), 8);
	tokens_close(&t);
}

static void the_number_of_threads_does_not_show_in_the_file(void **state)
{
	struct fixture *f = *state;

	write_small(f, 1);
	struct buf one = content(f);
	assert_int_equal(unlink(f->path), 0);
	write_small(f, 4);
	struct buf four = content(f);
	assert_int_equal(one.len, four.len);
	assert_memory_equal(one.data, four.data, one.len);
	buf_clear(&one);
	buf_clear(&four);
}

static void a_mapping_outlives_its_file(void **state)
{
	struct fixture *f = *state;
	struct tokens t;

	write_small(f, 1);
	assert_int_equal(tokens_open(f->path, &t, &f->ei), OK);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(t.splits[SPLIT_TRAIN].input_ids[0], CLS);
	tokens_close(&t);
	assert_int_equal(tokens_open(f->path, &t, &f->ei), ERR_NOT_FOUND);
}

static void every_changed_byte_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct tokens t;

	write_small(f, 1);
	struct buf bytes = content(f);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= (char)(1 << i % 8);
		FILE *file = fopen(f->path, "r+b");
		fseek(file, (long)i, SEEK_SET);
		fputc(bytes.data[i], file);
		fclose(file);
		if (tokens_open(f->path, &t, &f->ei) != ERR_INVALID)
			fail_msg("byte %zu may be anything", i);
		bytes.data[i] ^= (char)(1 << i % 8);
		file = fopen(f->path, "r+b");
		fseek(file, (long)i, SEEK_SET);
		fputc(bytes.data[i], file);
		fclose(file);
	}
	assert_int_equal(tokens_open(f->path, &t, &f->ei), OK);
	tokens_close(&t);
	buf_clear(&bytes);
}

static void every_other_length_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct tokens t;

	write_small(f, 1);
	struct buf bytes = content(f);
	assert_int_equal(truncate(f->path, (off_t)bytes.len + 1), 0);
	assert_int_equal(tokens_open(f->path, &t, &f->ei), ERR_INVALID);
	for (size_t n = bytes.len; n-- > 0;) {
		assert_int_equal(truncate(f->path, (off_t)n), 0);
		assert_int_equal(tokens_open(f->path, &t, &f->ei), ERR_INVALID);
	}
	buf_clear(&bytes);
}

/* Writes the small file with one row that no checksum can find fault with. */
static enum err open_with(struct fixture *f, struct encoded_row x)
{
	static const int64_t n[N_SPLITS] = { 1 };
	struct tokens_writer *w;
	struct tokens t;
	json_t *report = json_object();

	unlink(f->path);
	assert_int_equal(tokens_writer_open(f->path, n, N_VOCABULARY, &w, &f->ei), OK);
	assert_int_equal(tokens_writer_put(w, &x, &f->ei), OK);
	assert_int_equal(tokens_writer_finish(w, names, 2, report, &f->ei), OK);
	tokens_writer_free(w);
	json_decref(report);
	enum err e = tokens_open(f->path, &t, &f->ei);
	if (e == OK)
		tokens_close(&t);
	return e;
}

static void numbers_out_of_bounds_are_refused_whatever_the_checksum(void **state)
{
	const int32_t good[] = { CLS, SEP }, high[] = { CLS, N_VOCABULARY }, low[] = { -1, SEP };
	struct encoded_row x = { .input_ids = good, .length = 2, .n_first = 2 };
	struct fixture *f = *state;

	assert_int_equal(open_with(f, x), OK);
	x.n_first = 3;
	assert_int_equal(open_with(f, x), ERR_INVALID);
	x.n_first = 2;
	x.fact.label = 2;
	assert_int_equal(open_with(f, x), ERR_INVALID);
	x.fact.label = 0;
	x.fact.script = 255;
	assert_int_equal(open_with(f, x), ERR_INVALID);
	x.fact.script = 0;
	x.input_ids = high;
	assert_int_equal(open_with(f, x), ERR_INVALID);
	x.input_ids = low;
	assert_int_equal(open_with(f, x), ERR_INVALID);
}

static void what_was_not_finished_is_removed(void **state)
{
	static const int64_t n[N_SPLITS] = { 3 };
	struct fixture *f = *state;
	struct tokens_writer *w;

	assert_int_equal(tokens_writer_open(f->path, n, N_VOCABULARY, &w, &f->ei), OK);
	assert_true(files_exist(f->path));
	tokens_writer_free(w);
	assert_false(files_exist(f->path));
}

static void nothing_is_written_over(void **state)
{
	static const int64_t n[N_SPLITS] = { 1 };
	struct fixture *f = *state;
	struct tokens_writer *w;

	assert_int_equal(files_write(f->path, "mine", 4, &f->ei), OK);
	assert_int_equal(tokens_writer_open(f->path, n, N_VOCABULARY, &w, &f->ei), ERR_IO);
	struct buf bytes = content(f);
	assert_string_equal(bytes.data, "mine");
	buf_clear(&bytes);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read_by_place),
		TEST(the_number_of_threads_does_not_show_in_the_file),
		TEST(a_mapping_outlives_its_file),
		TEST(every_changed_byte_is_noticed),
		TEST(every_other_length_is_noticed),
		TEST(numbers_out_of_bounds_are_refused_whatever_the_checksum),
		TEST(what_was_not_finished_is_removed),
		TEST(nothing_is_written_over),
	};
	return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}

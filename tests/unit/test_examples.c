/* Encoding of splits and the data report, with a tokenizer of a dozen words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/json.h"
#include "data/examples.h"

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm\n##s\n";
enum { CLS = 2, SEP, GOOD = 5, BAD, FILM, S };

static int open_tokenizer(void **state)
{
	char dir[] = "/tmp/bertd-examples-XXXXXX", path[64];
	struct tokenizer *t = NULL;
	struct errinfo ei = { "no folder" };

	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/vocab.txt", dir);
	enum err e = files_write(path, vocabulary, strlen(vocabulary), &ei);
	if (e == OK)
		e = tokenizer_open(dir, &t, &ei);
	if (e != OK)
		fprintf(stderr, "%s\n", ei.msg);
	*state = t;
	return files_remove(dir, &ei) == OK && e == OK ? 0 : -1;
}

static int drop_tokenizer(void **state)
{
	tokenizer_free(*state);
	return 0;
}

static struct example row(const char *text, int label, int64_t line)
{
	return (struct example){
		.text = text, .text_len = (uint32_t)strlen(text), .label = label, .line = line
	};
}

static struct example pair(const char *text, const char *second, int label, int64_t line)
{
	struct example x = row(text, label, line);

	x.pair = second;
	x.pair_len = (uint32_t)strlen(second);
	return x;
}

static void rows_lie_end_to_end(void **state)
{
	const struct example rows[] = { row("good films", 1, 2), row("", 0, 3), row("bad", 0, 4) };
	static const int32_t ids[] = { CLS, GOOD, FILM, S, SEP, CLS, SEP, CLS, BAD, SEP };
	static const int64_t offsets[] = { 0, 5, 7, 10 };
	static const int32_t labels[] = { 1, 0, 0 }, types[10] = { 0 };
	struct examples x;
	struct errinfo ei;

	assert_int_equal(examples_encode(*state, rows, 3, 8, &x, &ei), OK);
	assert_int_equal(x.n, 3);
	assert_memory_equal(x.offsets, offsets, sizeof(offsets));
	assert_memory_equal(x.input_ids, ids, sizeof(ids));
	assert_memory_equal(x.token_type_ids, types, sizeof(types));
	assert_memory_equal(x.labels, labels, sizeof(labels));
	assert_false(x.truncated[0] || x.truncated[1] || x.truncated[2]);
	examples_clear(&x);
}

static void pairs_carry_token_types(void **state)
{
	const struct example rows[] = { pair("good", "bad film", 1, 2) };
	static const int32_t ids[] = { CLS, GOOD, SEP, BAD, FILM, SEP };
	static const int32_t types[] = { 0, 0, 0, 1, 1, 1 };
	struct examples x;
	struct errinfo ei;

	assert_int_equal(examples_encode(*state, rows, 1, 8, &x, &ei), OK);
	assert_int_equal(x.offsets[1], 6);
	assert_memory_equal(x.input_ids, ids, sizeof(ids));
	assert_memory_equal(x.token_type_ids, types, sizeof(types));
	examples_clear(&x);
}

static void long_rows_are_cut_and_marked(void **state)
{
	const struct example rows[] = { row("good good good", 0, 2), row("good", 0, 3) };
	struct examples x;
	struct errinfo ei;

	assert_int_equal(examples_encode(*state, rows, 2, 4, &x, &ei), OK);
	assert_int_equal(x.offsets[1], 4);
	assert_int_equal(x.input_ids[3], SEP);
	assert_true(x.truncated[0]);
	assert_false(x.truncated[1]);
	examples_clear(&x);
}

static void many_rows_grow_the_arrays(void **state)
{
	enum { N = 5000 };
	struct example *rows = calloc(N, sizeof(*rows));
	struct examples x;
	struct errinfo ei;

	for (int i = 0; i < N; i++)
		rows[i] = row("good bad", i % 2, i + 2);
	assert_int_equal(examples_encode(*state, rows, N, 64, &x, &ei), OK);
	assert_int_equal(x.offsets[N], 4 * N);
	for (int i = 0; i < N; i++)
		assert_int_equal(x.input_ids[4 * i + 2], BAD);
	examples_clear(&x);
	free(rows);
}

static void one_very_long_row_is_kept_without_a_limit(void **state)
{
	struct buf text = { 0 };
	struct examples x;
	struct errinfo ei;

	for (int i = 0; i < 20000; i++)
		buf_puts(&text, "film ");
	const struct example rows[] = { row(text.data, 0, 2) };
	assert_int_equal(examples_encode(*state, rows, 1, 0, &x, &ei), OK);
	assert_int_equal(x.offsets[1], 20002);
	assert_int_equal(x.input_ids[20000], FILM);
	assert_false(x.truncated[0]);
	examples_clear(&x);
	buf_clear(&text);
}

static void a_text_that_is_not_utf8_is_named_by_its_line(void **state)
{
	const struct example rows[] = { row("good", 0, 2), row("bad \xff", 0, 17) };
	struct examples x;
	struct errinfo ei;

	assert_int_equal(examples_encode(*state, rows, 2, 64, &x, &ei), ERR_INVALID);
	assert_memory_equal(ei.msg, "line 17: ", 9);
	assert_null(x.input_ids);
}

/* The report of a data set with the classes "no" and "yes", as text; rows may be NULL. */
static char *report_of(const struct tokenizer *t, struct example *rows[N_SPLITS],
		       const int64_t n[N_SPLITS])
{
	char *labels[] = { "no", "yes" };
	struct loaded d = { .labels = labels, .n_labels = 2 };
	struct examples encoded[N_SPLITS] = { 0 };
	struct errinfo ei;
	struct buf text = { 0 };

	for (int s = 0; s < N_SPLITS; s++) {
		d.examples[s] = rows[s];
		d.n[s] = n[s];
		assert_int_equal(examples_encode(t, rows[s], n[s], 4, &encoded[s], &ei), OK);
	}
	json_t *report = report_of_examples(&d, encoded, 4);
	json_print(report, &text);
	json_decref(report);
	for (int s = 0; s < N_SPLITS; s++)
		examples_clear(&encoded[s]);
	return buf_take(&text);
}

static void a_clean_data_set_has_no_warnings(void **state)
{
	struct example train[] = { row("good", 1, 2), row("bad", 0, 3) };
	struct example *rows[N_SPLITS] = { train };
	const int64_t n[N_SPLITS] = { 2 };
	char *report = report_of(*state, rows, n);

	assert_string_equal(report, "{\"rows\":{\"train\":2},\"empty_texts\":{\"train\":0},"
				    "\"duplicates\":{\"train\":0},\"overlap\":{},"
				    "\"contradictions\":{\"texts\":0,\"lines\":[]},"
				    "\"label_counts\":{\"train\":{\"no\":1,\"yes\":1}},"
				    "\"truncated_share\":{\"train\":0.0},\"max_length\":4,"
				    "\"warnings\":[]}");
	free(report);
}

static void everything_suspicious_is_counted_and_told(void **state)
{
	struct example train[] = { row("good", 1, 2), row("good", 0, 3), row("good", 0, 4),
				   row("", 1, 5),     row("bad", 1, 6),	 row("bad", 0, 9) };
	struct example validation[] = { row("bad bad bad", 0, 2), row("good", 0, 3),
					row("film film film", 0, 4) };
	struct example test[] = { row("film", 1, 2), row("film", 1, 3) };
	struct example *rows[N_SPLITS] = { train, validation, test };
	const int64_t n[N_SPLITS] = { 6, 3, 2 };
	char *report = report_of(*state, rows, n);

	assert_string_equal(
		report,
		"{\"rows\":{\"train\":6,\"validation\":3,\"test\":2},"
		"\"empty_texts\":{\"train\":1,\"validation\":0,\"test\":0},"
		"\"duplicates\":{\"train\":3,\"validation\":0,\"test\":1},"
		"\"overlap\":{\"train_validation\":1,\"train_test\":0},"
		"\"contradictions\":{\"texts\":2,\"lines\":[3,4,9]},"
		"\"label_counts\":{\"train\":{\"no\":3,\"yes\":3},\"validation\":{\"no\":3,"
		"\"yes\":0},\"test\":{\"no\":0,\"yes\":2}},"
		"\"truncated_share\":{\"train\":0.0,\"validation\":0.6666666666666666,\"test\":0."
		"0},\"max_length\":4,\"warnings\":["
		"\"1 of 6 train rows have an empty text.\","
		"\"No validation row has the label \\\"yes\\\".\","
		"\"1 of 3 validation rows have a text that is in the training rows too: their "
		"metrics flatter the model.\","
		"\"67 % of the validation rows are longer than max_length and are cut.\","
		"\"2 training texts have more than one label, the first on line 3.\"]}");
	free(report);
}

static void imbalance_above_ten_to_one_is_told(void **state)
{
	struct example train[12];
	struct example *rows[N_SPLITS] = { train };
	char texts[12][16];

	for (int i = 0; i < 12; i++) {
		snprintf(texts[i], sizeof(texts[i]), "good %d", i);
		train[i] = row(texts[i], i > 0, i + 2);
	}
	for (int64_t n = 11; n <= 12; n++) {
		const int64_t counts[N_SPLITS] = { n };
		char *report = report_of(*state, rows, counts);
		assert_non_null(
			strstr(report, n == 12 ? "[\"The classes are unbalanced: 11 training rows "
						 "are \\\"yes\\\", 1 are \\\"no\\\".\"]"
					       : "\"warnings\":[]"));
		free(report);
	}
}

static void a_pair_is_compared_with_its_pair(void **state)
{
	struct example train[] = { pair("good", "film", 1, 2), pair("good", "bad", 0, 3),
				   pair("good", "film", 1, 4), pair("goodb", "ad", 1, 5) };
	struct example test[] = { pair("good", "", 1, 2), pair("good", "bad", 1, 3) };
	struct example *rows[N_SPLITS] = { train, NULL, test };
	const int64_t n[N_SPLITS] = { 4, 0, 2 };
	char *report = report_of(*state, rows, n);

	assert_non_null(strstr(report, "\"duplicates\":{\"train\":1,\"test\":0}"));
	assert_non_null(strstr(report, "\"overlap\":{\"train_test\":1}"));
	assert_non_null(strstr(report, "\"contradictions\":{\"texts\":0,"));
	free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_lie_end_to_end),
		cmocka_unit_test(pairs_carry_token_types),
		cmocka_unit_test(long_rows_are_cut_and_marked),
		cmocka_unit_test(many_rows_grow_the_arrays),
		cmocka_unit_test(one_very_long_row_is_kept_without_a_limit),
		cmocka_unit_test(a_text_that_is_not_utf8_is_named_by_its_line),
		cmocka_unit_test(a_clean_data_set_has_no_warnings),
		cmocka_unit_test(everything_suspicious_is_counted_and_told),
		cmocka_unit_test(imbalance_above_ten_to_one_is_told),
		cmocka_unit_test(a_pair_is_compared_with_its_pair),
	};

	return cmocka_run_group_tests_name("examples", tests, open_tokenizer, drop_tokenizer);
}

/* The data report, from facts made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/factset.h"
#include "data/lengths.h"
#include "data/report.h"
#include "data/scripts.h"

enum { NO, YES };

/* A row of `words` tokens without the special ones, all known; text stands for the text. */
static struct row_fact row(uint64_t text, int label, int64_t line, int words)
{
	return (struct row_fact){ .hash = { text * 0x9e3779b97f4a7c15u, text },
				  .line = line,
				  .label = label,
				  .n_untruncated = words + 2,
				  .n_tokens = words + 2,
				  .script = SCRIPT_LATIN,
				  .empty = words == 0 };
}

static struct row_fact cut_row(uint64_t text, int label, int64_t line, int words, int max_length)
{
	struct row_fact f = row(text, label, line, words);

	f.n_tokens = f.n_tokens < max_length ? f.n_tokens : max_length;
	return f;
}

static struct row_fact foreign_row(uint64_t text, enum script script, int words, int unknown)
{
	struct row_fact f = row(text, (int)(text % 2), (int64_t)text, words);

	f.script = (uint8_t)script;
	f.n_unknown = unknown;
	return f;
}

/* Of the classes "no" and "yes". */
static json_t *report_with(const struct row_fact *const facts[N_SPLITS], const int64_t n[N_SPLITS],
			   int max_length)
{
	char *labels[] = { "no", "yes" };
	struct report_input in = { .labels = labels,
				   .n_labels = 2,
				   .max_length = max_length,
				   .model_max_length = 512,
				   .n_special = 2 };

	for (int s = 0; s < N_SPLITS; s++) {
		in.facts[s] = facts[s];
		in.n[s] = n[s];
	}
	return data_report(&in);
}

static json_t *report_of_train(const struct row_fact *train, int64_t n, int max_length)
{
	return report_with((const struct row_fact *[N_SPLITS]){ train }, (int64_t[N_SPLITS]){ n },
			   max_length);
}

/* Compares a member, as text. */
static void assert_member(json_t *report, const char *name, const char *expected)
{
	struct buf text = { 0 };

	json_print(json_object_get(report, name), &text);
	assert_string_equal(text.data, expected);
	buf_clear(&text);
}

static void a_clean_data_set_has_no_warnings(void **state)
{
	const struct row_fact train[] = { row(1, YES, 2, 1), row(2, NO, 3, 3) };
	struct buf text = { 0 };
	json_t *report = report_of_train(train, 2, 64);

	(void)state;
	json_print(report, &text);
	assert_string_equal(
		text.data,
		"{\"rows\":{\"train\":2},\"empty_texts\":{\"train\":0},\"duplicates\":{\"train\":0}"
		",\"duplicate_lines\":{\"train\":[]},\"overlap\":{},\"overlap_lines\":{},"
		"\"contradictions\":{\"texts\":0,\"lines\":[],\"examples\":[]},"
		"\"label_counts\":{\"train\":{\"no\":1,\"yes\":1}},\"imbalance\":1.0,"
		"\"tokens\":{\"train\":8},\"token_lengths\":{\"train\":{\"min\":3,\"p50\":3,"
		"\"p90\":3,\"p95\":3,\"p99\":3,\"max\":5,\"mean\":4.0}},\"max_length\":64,"
		"\"truncated_share\":{\"train\":0.0},\"recommended_max_length\":8,"
		"\"unknown_share\":{\"train\":0.0},\"scripts\":{\"train\":{\"Latin\":{\"rows\":2,"
		"\"unknown_share\":0.0}}},\"warnings\":[]}");
	buf_clear(&text);
	json_decref(report);
}

static void everything_suspicious_is_counted_and_told(void **state)
{
	const struct row_fact train[] = { row(1, YES, 2, 1), row(1, NO, 3, 1),	row(1, NO, 4, 1),
					  row(2, YES, 5, 0), row(3, YES, 6, 1), row(3, NO, 9, 1) };
	const struct row_fact validation[] = { cut_row(4, NO, 2, 3, 4), row(1, NO, 3, 1),
					       cut_row(5, NO, 4, 3, 4) };
	const struct row_fact test[] = { row(6, YES, 2, 1), row(6, YES, 3, 1) };
	json_t *report = report_with((const struct row_fact *[]){ train, validation, test },
				     (int64_t[]){ 6, 3, 2 }, 4);

	(void)state;
	assert_member(report, "rows", "{\"train\":6,\"validation\":3,\"test\":2}");
	assert_member(report, "empty_texts", "{\"train\":1,\"validation\":0,\"test\":0}");
	assert_member(report, "duplicates", "{\"train\":3,\"validation\":0,\"test\":1}");
	assert_member(report, "duplicate_lines",
		      "{\"train\":[[3,2],[4,2],[9,6]],\"validation\":[],\"test\":[[3,2]]}");
	assert_member(report, "overlap", "{\"train_validation\":1,\"train_test\":0}");
	assert_member(report, "overlap_lines", "{\"train_validation\":[[3,2]],\"train_test\":[]}");
	assert_member(report, "contradictions",
		      "{\"texts\":2,\"lines\":[3,4,9],\"examples\":["
		      "{\"line\":3,\"label\":\"no\",\"first_line\":2,\"first_label\":\"yes\"},"
		      "{\"line\":4,\"label\":\"no\",\"first_line\":2,\"first_label\":\"yes\"},"
		      "{\"line\":9,\"label\":\"no\",\"first_line\":6,\"first_label\":\"yes\"}]}");
	assert_member(report, "label_counts",
		      "{\"train\":{\"no\":3,\"yes\":3},\"validation\":{\"no\":3,\"yes\":0},"
		      "\"test\":{\"no\":0,\"yes\":2}}");
	assert_member(report, "truncated_share",
		      "{\"train\":0.0,\"validation\":0.6666666666666666,\"test\":0.0}");
	assert_member(
		report, "warnings",
		"[\"1 of 6 train rows have an empty text.\","
		"\"No validation row has the label \\\"yes\\\".\","
		"\"1 of 3 validation rows have a text that is in the training rows too: their "
		"metrics flatter the model.\","
		"\"67 % of the validation rows are longer than max_length and are cut.\","
		"\"2 training texts have more than one label, the first on line 3.\"]");
	json_decref(report);
}

static void at_most_five_lines_are_shown(void **state)
{
	struct row_fact train[20], test[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		train[i] = row((uint64_t)i / 2, i % 2, i + 2, 1);
		test[i] = row((uint64_t)i / 2 + 5, YES, i + 102, 1);
	}
	json_t *report = report_with((const struct row_fact *[]){ train, NULL, test },
				     (int64_t[]){ 20, 0, 20 }, 64);
	assert_member(report, "duplicates", "{\"train\":10,\"test\":10}");
	assert_member(report, "duplicate_lines",
		      "{\"train\":[[3,2],[5,4],[7,6],[9,8],[11,10]],"
		      "\"test\":[[103,102],[105,104],[107,106],[109,108],[111,110]]}");
	assert_member(report, "overlap", "{\"train_test\":10}");
	assert_member(report, "overlap_lines",
		      "{\"train_test\":[[102,12],[103,12],[104,14],[105,14],[106,16]]}");
	json_t *contradictions = json_object_get(report, "contradictions");
	assert_member(contradictions, "texts", "10");
	assert_member(contradictions, "lines", "[3,5,7,9,11]");
	assert_int_equal(json_array_size(json_object_get(contradictions, "examples")), 5);
	json_decref(report);
}

static void an_evaluation_without_training_rows_has_a_report(void **state)
{
	const struct row_fact test[] = { row(1, YES, 2, 1), row(2, NO, 3, 1) };
	json_t *report = report_with((const struct row_fact *[]){ NULL, NULL, test },
				     (int64_t[]){ 0, 0, 2 }, 64);

	(void)state;
	assert_member(report, "rows", "{\"test\":2}");
	assert_member(report, "overlap", "{}");
	assert_member(report, "imbalance", "null");
	assert_member(report, "recommended_max_length", "null");
	assert_member(report, "warnings", "[]");
	json_decref(report);
}

static void imbalance_above_ten_to_one_is_told(void **state)
{
	struct row_fact train[12];

	(void)state;
	for (int i = 0; i < 12; i++)
		train[i] = row((uint64_t)i, i > 0, i + 2, 1);
	json_t *report = report_of_train(train, 11, 64);
	assert_member(report, "imbalance", "10.0");
	assert_member(report, "warnings", "[]");
	json_decref(report);
	report = report_of_train(train, 12, 64);
	assert_member(report, "imbalance", "11.0");
	assert_member(report, "warnings",
		      "[\"The classes are unbalanced: 11 training rows are \\\"yes\\\", 1 are "
		      "\\\"no\\\".\"]");
	json_decref(report);
}

static void a_class_without_training_rows_has_no_ratio(void **state)
{
	const struct row_fact train[] = { row(1, NO, 2, 1), row(2, NO, 3, 1) };
	json_t *report = report_of_train(train, 2, 64);

	(void)state;
	assert_member(report, "imbalance", "null");
	assert_member(report, "warnings", "[\"No train row has the label \\\"yes\\\".\"]");
	json_decref(report);
}

static void equal_halves_of_a_hash_are_no_equal_texts(void **state)
{
	struct row_fact train[] = { row(1, NO, 2, 1), row(1, YES, 3, 1), row(1, YES, 4, 1) };

	(void)state;
	train[1].hash[1]++;
	train[2].hash[0]++;
	json_t *report = report_of_train(train, 3, 64);
	assert_member(report, "duplicates", "{\"train\":0}");
	json_decref(report);
}

/* --- lengths --- */

/* numpy 2.4.6: i = numpy.arange(n); a = (i * i * 7919 + i * 104729) % modulus + 3;
 * numpy.percentile(a, q, method="lower"), a.mean(). */
static void percentiles_are_those_of_numpy(void **state)
{
	static const struct {
		int64_t n, modulus, at[6];
		double mean;
	} cases[] = {
		{ 1, 997, { 3, 3, 3, 3, 3, 3 }, 3.0 },
		{ 2, 997, { 3, 3, 3, 3, 3, 987 }, 495.0 },
		{ 20, 997, { 3, 509, 860, 912, 912, 987 }, 510.05 },
		{ 101, 997, { 3, 509, 874, 949, 981, 987 }, 505.3168316831683 },
		{ 1000, 70000, { 3, 36011, 62971, 66401, 69321, 69863 }, 35465.0 },
		{ 100001, 997, { 3, 500, 905, 949, 988, 995 }, 499.0062299377006 },
	};
	static const int q[] = { 0, 50, 90, 95, 99, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = cases[i].n;
		struct row_fact *facts = mem_zalloc((size_t)n, sizeof(*facts));
		struct lengths l;

		for (int64_t k = 0; k < n; k++)
			facts[k].n_untruncated =
				(int32_t)((k * k * 7919 + k * 104729) % cases[i].modulus) + 3;
		lengths_init(&l, facts, n);
		for (int k = 0; k < 6; k++)
			assert_int_equal(lengths_percentile(&l, q[k]), cases[i].at[k]);
		assert_float_equal(l.sum / (double)n, cases[i].mean, 1e-9);
		lengths_clear(&l);
		free(facts);
	}
}

static void lengths_beyond_the_counted_ones_are_kept(void **state)
{
	static const int32_t long_ones[] = { INT32_MAX, LENGTHS_COUNTED, LENGTHS_COUNTED - 1, 4,
					     LENGTHS_COUNTED + 1 };
	struct row_fact facts[5] = { 0 };
	struct lengths l;
	int64_t cut;

	(void)state;
	for (int i = 0; i < 5; i++)
		facts[i].n_untruncated = long_ones[i];
	lengths_init(&l, facts, 5);
	assert_int_equal(lengths_at(&l, 0), 4);
	assert_int_equal(lengths_at(&l, 1), LENGTHS_COUNTED - 1);
	assert_int_equal(lengths_at(&l, 2), LENGTHS_COUNTED);
	assert_int_equal(lengths_at(&l, 4), INT32_MAX);
	assert_int_equal(lengths_cut(&l, LENGTHS_COUNTED, &cut), 4 * LENGTHS_COUNTED + 3);
	assert_int_equal(cut, 2);
	assert_int_equal(lengths_cut(&l, 8, &cut), 36);
	assert_int_equal(cut, 4);
	lengths_clear(&l);
}

/* 100 rows of which the longest `n_long` have 98 words, the others 9. */
static json_t *report_of_lengths(int n_long, int max_length)
{
	struct row_fact train[100];

	for (int i = 0; i < 100; i++)
		train[i] = cut_row((uint64_t)i, i % 2, i + 2, i < n_long ? 98 : 9, max_length);
	return report_of_train(train, 100, max_length);
}

static void the_recommended_length_cuts_at_most_one_row_of_twenty(void **state)
{
	json_t *report = report_of_lengths(5, 64);

	(void)state;
	assert_member(report, "recommended_max_length", "16");
	json_decref(report);
	report = report_of_lengths(6, 64);
	assert_member(report, "recommended_max_length", "104");
	json_decref(report);
}

static void the_recommended_length_is_one_the_model_has(void **state)
{
	struct row_fact train[] = { cut_row(1, NO, 2, 2000, 64), cut_row(2, YES, 3, 2000, 64) };
	json_t *report = report_of_train(train, 2, 64);

	(void)state;
	assert_member(report, "recommended_max_length", "512");
	json_decref(report);
}

static void a_max_length_that_is_too_long_costs_nothing_and_warns_of_nothing(void **state)
{
	json_t *report = report_of_lengths(0, 512);

	(void)state;
	assert_member(report, "recommended_max_length", "16");
	assert_member(report, "tokens", "{\"train\":1100}");
	assert_member(report, "warnings", "[]");
	json_decref(report);
}

static void a_short_max_length_is_told_with_what_a_longer_one_costs(void **state)
{
	json_t *report = report_of_lengths(60, 20);

	(void)state;
	assert_member(report, "truncated_share", "{\"train\":0.6}");
	assert_member(report, "warnings",
		      "[\"60 % of the train rows are longer than max_length and are cut. A "
		      "max_length of 104 would cut 0 % of the training rows and read 3.9 times as "
		      "many tokens.\"]");
	json_decref(report);
}

static void texts_longer_than_the_model_get_no_advice(void **state)
{
	struct row_fact train[] = { cut_row(1, NO, 2, 2000, 512), cut_row(2, YES, 3, 2000, 512) };
	json_t *report = report_of_train(train, 2, 512);

	(void)state;
	assert_member(report, "warnings",
		      "[\"100 % of the train rows are longer than max_length and are cut. The "
		      "model reads no more.\"]");
	json_decref(report);
}

/* --- words and scripts --- */

static void special_tokens_are_no_words(void **state)
{
	struct row_fact train[] = { foreign_row(1, SCRIPT_LATIN, 4, 1),
				    foreign_row(2, SCRIPT_LATIN, 0, 0) };
	json_t *report = report_of_train(train, 2, 64);

	(void)state;
	assert_member(report, "unknown_share", "{\"train\":0.25}");
	json_decref(report);
}

static void scripts_are_told_by_the_rows_they_have(void **state)
{
	struct row_fact train[] = { foreign_row(1, SCRIPT_CYRILLIC, 4, 1),
				    foreign_row(2, SCRIPT_LATIN, 5, 0),
				    foreign_row(3, SCRIPT_CYRILLIC, 4, 3) };
	struct row_fact test[] = { foreign_row(4, SCRIPT_EMOJI, 1, 1) };
	json_t *report = report_with((const struct row_fact *[]){ train, NULL, test },
				     (int64_t[]){ 3, 0, 1 }, 64);

	(void)state;
	assert_member(report, "scripts",
		      "{\"train\":{\"Latin\":{\"rows\":1,\"unknown_share\":0.0},"
		      "\"Cyrillic\":{\"rows\":2,\"unknown_share\":0.5}},"
		      "\"test\":{\"emoji\":{\"rows\":1,\"unknown_share\":1.0}}}");
	json_decref(report);
}

/* n rows of which n_foreign have four unknown words of five; the warnings, as text. */
static char *warnings_of_script(enum script s, int n_foreign, int n)
{
	struct row_fact *train = mem_zalloc((size_t)n, sizeof(*train));
	struct buf text = { 0 };

	for (int i = 0; i < n; i++)
		train[i] = i < n_foreign ? foreign_row((uint64_t)i, s, 5, 4)
					 : foreign_row((uint64_t)i, SCRIPT_LATIN, 5, 0);
	json_t *report = report_of_train(train, n, 64);
	json_print(json_object_get(report, "warnings"), &text);
	json_decref(report);
	free(train);
	return buf_take(&text);
}

static void a_script_the_vocabulary_does_not_know_is_told(void **state)
{
	static const struct {
		enum script script;
		int n_foreign;
		const char *warnings;
	} cases[] = {
		{ SCRIPT_CYRILLIC, 1200,
		  "[\"1,200 of 5,000 training rows are Cyrillic, and 80 % of their tokens are "
		  "unknown to this model's vocabulary: choose a multilingual model.\"]" },
		{ SCRIPT_EMOJI, 50,
		  "[\"50 of 5,000 training rows are mostly emoji, and 80 % of their tokens are "
		  "unknown to this model's vocabulary.\"]" },
		{ SCRIPT_NONE, 5000,
		  "[\"5,000 of 5,000 training rows have no letters, and 80 % of their tokens are "
		  "unknown to this model's vocabulary.\"]" },
		{ SCRIPT_OTHER, 999,
		  "[\"999 of 5,000 training rows are in a rarer script, and 80 % of their tokens "
		  "are unknown to this model's vocabulary: choose a multilingual model.\"]" },
		{ SCRIPT_HAN, 49, "[]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *warnings = warnings_of_script(cases[i].script, cases[i].n_foreign, 5000);
		assert_string_equal(warnings, cases[i].warnings);
		free(warnings);
	}
}

/* --- the table of texts --- */

static void a_set_of_many_texts_finds_each(void **state)
{
	enum { N = 20000 };
	struct row_fact *facts = mem_zalloc(N, sizeof(*facts)), stranger = row(N + 1, NO, 2, 1);
	struct factset set;

	(void)state;
	for (int i = 0; i < N; i++)
		facts[i] = row((uint64_t)(i % (N / 2)), NO, i + 2, 1);
	factset_init(&set, facts, N);
	for (int i = 0; i < N; i++)
		assert_int_equal(factset_add(&set, i), i % (N / 2));
	for (int i = 0; i < N; i++)
		assert_int_equal(factset_find(&set, &facts[i]), i % (N / 2));
	assert_int_equal(factset_find(&set, &stranger), -1);
	factset_clear(&set);
	free(facts);
}

static void texts_whose_hashes_meet_in_a_slot_stay_apart(void **state)
{
	struct row_fact facts[8];
	struct factset set;

	(void)state;
	for (int i = 0; i < 8; i++) {
		facts[i] = row(0, NO, i + 2, 1);
		facts[i].hash[0] = 15;
		facts[i].hash[1] = (uint64_t)(i % 4);
	}
	factset_init(&set, facts, 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(factset_add(&set, i), i % 4);
	assert_false(factset_mark(&set, &facts[2]));
	assert_true(factset_mark(&set, &facts[6]));
	assert_false(factset_mark(&set, &facts[3]));
	factset_clear(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_data_set_has_no_warnings),
		cmocka_unit_test(everything_suspicious_is_counted_and_told),
		cmocka_unit_test(at_most_five_lines_are_shown),
		cmocka_unit_test(an_evaluation_without_training_rows_has_a_report),
		cmocka_unit_test(imbalance_above_ten_to_one_is_told),
		cmocka_unit_test(a_class_without_training_rows_has_no_ratio),
		cmocka_unit_test(equal_halves_of_a_hash_are_no_equal_texts),
		cmocka_unit_test(percentiles_are_those_of_numpy),
		cmocka_unit_test(lengths_beyond_the_counted_ones_are_kept),
		cmocka_unit_test(the_recommended_length_cuts_at_most_one_row_of_twenty),
		cmocka_unit_test(the_recommended_length_is_one_the_model_has),
		cmocka_unit_test(a_max_length_that_is_too_long_costs_nothing_and_warns_of_nothing),
		cmocka_unit_test(a_short_max_length_is_told_with_what_a_longer_one_costs),
		cmocka_unit_test(texts_longer_than_the_model_get_no_advice),
		cmocka_unit_test(special_tokens_are_no_words),
		cmocka_unit_test(scripts_are_told_by_the_rows_they_have),
		cmocka_unit_test(a_script_the_vocabulary_does_not_know_is_told),
		cmocka_unit_test(a_set_of_many_texts_finds_each),
		cmocka_unit_test(texts_whose_hashes_meet_in_a_slot_stay_apart),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}

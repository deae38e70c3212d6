/* The "dataset" object of a job: defaults, what is refused and where, and that writing is the
 * inverse of reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "data/dataset.h"

static json_t *parsed(const char *text)
{
	struct errinfo ei;
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &value, &ei), OK);
	return value;
}

static bool read_spec(const char *text, struct dataset_spec *spec, struct faults *faults)
{
	json_t *object = parsed(text);
	bool ok = dataset_spec_read(object, "#/dataset", spec, faults);

	json_decref(object);
	return ok;
}

static void a_split_may_be_just_a_string(void **state)
{
	struct dataset_spec spec;
	struct faults faults = { 0 };

	(void)state;
	assert_true(read_spec("{\"train\": \"a.csv\"}", &spec, &faults));
	assert_string_equal(spec.splits[SPLIT_TRAIN].file, "a.csv");
	assert_int_equal(spec.splits[SPLIT_TRAIN].sample, -1);
	assert_int_equal(spec.splits[SPLIT_TRAIN].last, -1);
	assert_null(spec.splits[SPLIT_TEST].file);
	assert_string_equal(spec.text_column, "text");
	assert_string_equal(spec.label_column, "label");
	assert_null(spec.text_pair_column);
	assert_int_equal(spec.seed, 42);
	dataset_spec_clear(&spec);
}

static void a_split_may_pick_rows(void **state)
{
	struct dataset_spec spec;
	struct faults faults = { 0 };

	(void)state;
	assert_true(read_spec("{\"train\": {\"file\": \"a\", \"sample\": 625, \"random_state\": 7,"
			      " \"rows\": [312, 625]}, \"labels\": [\"no\", \"yes\"]}",
			      &spec, &faults));
	assert_int_equal(spec.splits[SPLIT_TRAIN].sample, 625);
	assert_int_equal(spec.splits[SPLIT_TRAIN].random_state, 7);
	assert_int_equal(spec.splits[SPLIT_TRAIN].first, 312);
	assert_int_equal(spec.splits[SPLIT_TRAIN].last, 625);
	assert_int_equal(spec.n_labels, 2);
	assert_string_equal(spec.labels[1], "yes");
	dataset_spec_clear(&spec);
}

static void faults_name_the_field(void **state)
{
	static const struct {
		const char *object;
		const char *pointer;
		const char *words; /* that the detail holds */
	} cases[] = {
		{ "[]", "#/dataset", "must be an object" },
		{ "{}", "#/dataset/train", "is required" },
		{ "{\"train\": null}", "#/dataset/train", "is required" },
		{ "{\"train\": 3}", "#/dataset/train", "must be a string or an object" },
		{ "{\"train\": \"\"}", "#/dataset/train", "length must be at least 1" },
		{ "{\"train\": {}}", "#/dataset/train/file", "is required" },
		{ "{\"train\": {\"file\": \"a\", \"smaple\": 3}}", "#/dataset/train/smaple",
		  "did you mean \"sample\"?" },
		{ "{\"train\": \"a\", \"text_colunm\": \"b\"}", "#/dataset/text_colunm",
		  "did you mean \"text_column\"?" },
		{ "{\"train\": {\"file\": \"a\", \"sample\": 0}}", "#/dataset/train/sample",
		  "must be at least 1" },
		{ "{\"train\": {\"file\": \"a\", \"sample\": 1.5}}", "#/dataset/train/sample",
		  "whole number" },
		{ "{\"train\": {\"file\": \"a\", \"random_state\": 1}}",
		  "#/dataset/train/random_state", "no effect without sample" },
		{ "{\"train\": {\"file\": \"a\", \"sample\": 1, \"random_state\": -1}}",
		  "#/dataset/train/random_state", "at least 0" },
		{ "{\"train\": {\"file\": \"a\", \"sample\": 1, \"random_state\": 4294967296}}",
		  "#/dataset/train/random_state", "at most" },
		{ "{\"train\": {\"file\": \"a\", \"rows\": [3]}}", "#/dataset/train/rows",
		  "[first, last]" },
		{ "{\"train\": {\"file\": \"a\", \"rows\": [3, 3]}}", "#/dataset/train/rows",
		  "[first, last]" },
		{ "{\"train\": {\"file\": \"a\", \"rows\": [-1, 3]}}", "#/dataset/train/rows",
		  "[first, last]" },
		{ "{\"train\": {\"file\": \"a\", \"rows\": [\"0\", 3]}}", "#/dataset/train/rows",
		  "[first, last]" },
		{ "{\"train\": \"a\", \"test\": {\"rows\": [0, 1]}}", "#/dataset/test/file",
		  "is required" },
		{ "{\"train\": \"a\", \"text_column\": \"\"}", "#/dataset/text_column", "length" },
		{ "{\"train\": \"a\", \"label_column\": \"text\"}", "#/dataset/label_column",
		  "same column as text_column" },
		{ "{\"train\": \"a\", \"text_pair_column\": \"label\"}",
		  "#/dataset/text_pair_column", "same column as label_column" },
		{ "{\"train\": \"a\", \"labels\": [\"x\"]}", "#/dataset/labels", "2 to 1000" },
		{ "{\"train\": \"a\", \"labels\": [\"x\", \"y\", \"x\"]}", "#/dataset/labels/2",
		  "stands twice" },
		{ "{\"train\": \"a\", \"labels\": [\"x\", 1]}", "#/dataset/labels/1",
		  "must be a string" },
		{ "{\"train\": \"a\", \"labels\": [\"x\", \"\"]}", "#/dataset/labels/1", "length" },
		{ "{\"train\": \"a\", \"labels\": [\"x\", \"\\u0000\"]}", "#/dataset/labels/1",
		  "U+0000" },
		{ "{\"train\": \"a\", \"validation_split\": 0}", "#/dataset/validation_split",
		  "above 0" },
		{ "{\"train\": \"a\", \"validation_split\": 1}", "#/dataset/validation_split",
		  "below 1" },
		{ "{\"train\": \"a\", \"validation\": \"b\", \"validation_split\": 0.1}",
		  "#/dataset/validation_split", "together with validation" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dataset_spec spec;
		struct faults faults = { 0 };
		assert_false(read_spec(cases[i].object, &spec, &faults));
		assert_int_equal(json_array_size(faults.list), 1);
		const json_t *fault = json_array_get(faults.list, 0);
		assert_string_equal(json_string_value(json_object_get(fault, "pointer")),
				    cases[i].pointer);
		assert_non_null(strstr(json_string_value(json_object_get(fault, "detail")),
				       cases[i].words));
		faults_clear(&faults);
		dataset_spec_clear(&spec);
	}
}

static void all_faults_are_told_at_once(void **state)
{
	struct dataset_spec spec;
	struct faults faults = { 0 };

	(void)state;
	assert_false(read_spec("{\"train\": {\"sample\": 0, \"rows\": [2, 1]}, \"test\": 1,"
			       " \"validation_split\": 2, \"labels\": [\"\", \"\"], \"x\": 1}",
			       &spec, &faults));
	assert_int_equal(json_array_size(faults.list), 8);
	faults_clear(&faults);
	dataset_spec_clear(&spec);
}

static void too_many_labels_are_refused(void **state)
{
	struct dataset_spec spec;
	struct faults faults = { 0 };
	json_t *object = json_pack("{s:s, s:[]}", "train", "a", "labels");

	(void)state;
	for (int i = 0; i <= dataset_default_limits.max_labels; i++)
		json_array_append_new(json_object_get(object, "labels"), json_sprintf("%d", i));
	assert_false(dataset_spec_read(object, "#/dataset", &spec, &faults));
	assert_int_equal(spec.n_labels, 0);
	json_decref(object);
	faults_clear(&faults);
	dataset_spec_clear(&spec);
}

static void what_is_written_reads_the_same(void **state)
{
	static const char *const objects[] = {
		"{\"train\": \"a\"}",
		"{\"train\": {\"file\": \"a\", \"sample\": 5}, \"validation_split\": 0.25}",
		"{\"train\": \"a\", \"validation\": {\"file\": \"b\", \"rows\": [3, null]}}",
		"{\"train\": {\"file\": \"a\", \"sample\": 9, \"random_state\": 0, \"rows\": [0, "
		"4]},"
		" \"test\": \"c\", \"text_column\": \"s1\", \"text_pair_column\": \"s2\","
		" \"label_column\": \"y\", \"labels\": [\"n\", \"e\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++) {
		struct dataset_spec spec, again;
		struct faults faults = { 0 };
		assert_true(read_spec(objects[i], &spec, &faults));
		json_t *written = dataset_spec_write(&spec);
		assert_true(dataset_spec_read(written, "#/dataset", &again, &faults));
		json_t *rewritten = dataset_spec_write(&again);
		assert_true(json_equal(written, rewritten));
		assert_int_equal(spec.splits[0].sample, again.splits[0].sample);
		assert_int_equal(spec.splits[1].first, again.splits[1].first);
		json_decref(written);
		json_decref(rewritten);
		dataset_spec_clear(&spec);
		dataset_spec_clear(&again);
	}
}

static void defaults_are_written_out(void **state)
{
	struct dataset_spec spec;
	struct faults faults = { 0 };
	struct buf text = { 0 };

	(void)state;
	assert_true(read_spec("{\"train\": {\"file\": \"a\", \"sample\": 5}}", &spec, &faults));
	json_t *written = dataset_spec_write(&spec);
	json_print(written, &text);
	assert_string_equal(text.data,
			    "{\"train\":{\"file\":\"a\",\"sample\":5,\"random_state\":42},"
			    "\"validation\":null,\"test\":null,\"text_column\":\"text\","
			    "\"text_pair_column\":null,\"label_column\":\"label\",\"labels\":null,"
			    "\"validation_split\":null}");
	json_decref(written);
	buf_clear(&text);
	dataset_spec_clear(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_split_may_be_just_a_string),
		cmocka_unit_test(a_split_may_pick_rows),
		cmocka_unit_test(faults_name_the_field),
		cmocka_unit_test(all_faults_are_told_at_once),
		cmocka_unit_test(too_many_labels_are_refused),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(defaults_are_written_out),
	};

	return cmocka_run_group_tests_name("dataset_spec", tests, NULL, NULL);
}

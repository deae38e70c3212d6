/* Class names in the metadata of the Hub's library: what counts as names, and what as none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "data/class_names.h"

#define MAX_NAMES 3

/* The names of column "label", each with a comma behind it. `feature` is what stands for it. */
static enum err names_of(const char *feature, struct buf *out, struct errinfo *ei)
{
	struct buf text = { 0 };
	struct class_names c;
	json_t *json;

	buf_printf(&text, "{\"info\": {\"features\": {\"label\": %s}}}", feature);
	assert_int_equal(json_parse(text.data, text.len, &json, ei), OK);
	enum err e = class_names_read(json, "label", MAX_NAMES, &c, ei);
	for (int i = 0; i < c.n; i++)
		buf_printf(out, "%s,", c.names[i]);
	class_names_clear(&c);
	json_decref(json);
	buf_clear(&text);
	return e;
}

static void names_are_read_from_lists_and_from_objects(void **state)
{
	static const struct {
		const char *feature, *names;
	} cases[] = {
		{ "{\"names\": [\"neg\", \"pos\"], \"_type\": \"ClassLabel\"}", "neg,pos," },
		{ "{\"names\": {\"1\": \"b\", \"2\": \"c\", \"0\": \"a\"}, \"_type\": "
		  "\"ClassLabel\"}",
		  "a,b,c," },
		{ "{\"num_classes\": 1, \"names\": [\"\"], \"_type\": \"ClassLabel\"}", "," },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out = { 0 };
		struct errinfo ei;
		assert_int_equal(names_of(cases[i].feature, &out, &ei), OK);
		assert_string_equal(out.data, cases[i].names);
		buf_clear(&out);
	}
}

static void what_makes_no_sense_is_no_names(void **state)
{
	static const char *const features[] = {
		"null",
		"[]",
		"{\"dtype\": \"int64\", \"_type\": \"Value\"}",
		"{\"names\": [\"a\", \"b\"], \"_type\": \"Value\"}",
		"{\"names\": [\"a\", \"b\"]}",
		"{\"num_classes\": 2, \"_type\": \"ClassLabel\"}",
		"{\"names\": [], \"_type\": \"ClassLabel\"}",
		"{\"names\": \"a\", \"_type\": \"ClassLabel\"}",
		"{\"names\": [\"a\", 1], \"_type\": \"ClassLabel\"}",
		"{\"names\": [\"a\", \"a\"], \"_type\": \"ClassLabel\"}",
		"{\"names\": [\"a\", \"b\\u0000c\"], \"_type\": \"ClassLabel\"}",
		"{\"names\": {\"0\": \"a\", \"2\": \"b\"}, \"_type\": \"ClassLabel\"}",
		"{\"names\": {\"a\": \"0\"}, \"_type\": \"ClassLabel\"}",
		"{\"feature\": {\"names\": [\"a\"], \"_type\": \"ClassLabel\"}, \"_type\": "
		"\"Sequence\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		struct buf out = { 0 };
		struct errinfo ei;
		assert_int_equal(names_of(features[i], &out, &ei), OK);
		assert_int_equal(out.len, 0);
		buf_clear(&out);
	}
}

static void metadata_of_another_shape_has_no_names(void **state)
{
	static const char *const texts[] = { "[]", "{}", "{\"info\": []}",
					     "{\"info\": {\"features\": 1}}" };
	struct class_names c;
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *json;
		assert_int_equal(json_parse(texts[i], strlen(texts[i]), &json, &ei), OK);
		assert_int_equal(class_names_read(json, "label", MAX_NAMES, &c, &ei), OK);
		assert_int_equal(c.n, 0);
		json_decref(json);
	}
}

static void too_many_names_are_refused(void **state)
{
	struct buf out = { 0 };
	struct errinfo ei;

	(void)state;
	assert_int_equal(
		names_of("{\"names\": [\"a\", \"b\", \"c\", \"d\"], \"_type\": \"ClassLabel\"}",
			 &out, &ei),
		ERR_TOO_LARGE);
	assert_string_equal(ei.msg, "has 4 class names; at most 3 are read");
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_from_lists_and_from_objects),
		cmocka_unit_test(what_makes_no_sense_is_no_names),
		cmocka_unit_test(metadata_of_another_shape_has_no_names),
		cmocka_unit_test(too_many_names_are_refused),
	};

	return cmocka_run_group_tests_name("class names", tests, NULL, NULL);
}

/* Field tables: reading, every kind of fault with its pointer, nearest names, and writing back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fields.h"

struct thing {
	bool flag;
	int64_t count;
	double rate;
	char *name;
	int colour;
	json_t *list, *any;
};

static const char *const colours[] = { "red", "green", NULL };
static const struct field table[] = {
	{ "flag", F_BOOL, offsetof(struct thing, flag) },
	{ "count", F_INT, offsetof(struct thing, count), .min = 1, .max = 10 },
	{ "rate", F_DOUBLE, offsetof(struct thing, rate), .min = 0, .max = 1, .above_min = true },
	{ "name", F_STRING, offsetof(struct thing, name), .min = 1, .max = 4, .nullable = true },
	{ "colour", F_ENUM, offsetof(struct thing, colour), .names = colours },
	{ "list", F_ARRAY, offsetof(struct thing, list), .min = 1, .max = 2 },
	{ "any", F_ANY, offsetof(struct thing, any), .required = true },
	{ 0 },
};

static bool read_text(const char *text, struct thing *out, struct faults *faults)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	assert_non_null(v);
	bool ok = fields_read(table, v, "#", out, faults);
	json_decref(v);
	return ok;
}

static void good_values_fill_the_struct(void **state)
{
	struct thing t = { 0 };
	struct faults faults = { 0 };

	(void)state;
	assert_true(
		read_text("{\"flag\":true,\"count\":3.0,\"rate\":0.5,\"name\":\"ab\",\"colour\":"
			  "\"green\",\"list\":[1],\"any\":null}",
			  &t, &faults));
	assert_false(faults_any(&faults));
	assert_true(t.flag);
	assert_int_equal(t.count, 3);
	assert_float_equal(t.rate, 0.5, 0);
	assert_string_equal(t.name, "ab");
	assert_int_equal(t.colour, 1);
	fields_clear(table, &t);
	assert_null(t.name);
}

static void each_wrong_value_is_one_fault_at_its_pointer(void **state)
{
	static const struct {
		const char *text, *pointer, *words;
	} cases[] = {
		{ "[]", "#", "an object" },
		{ "{}", "#/any", "required" },
		{ "{\"any\":1,\"flag\":1}", "#/flag", "true or false" },
		{ "{\"any\":1,\"count\":0}", "#/count", "at least 1 and at most 10" },
		{ "{\"any\":1,\"count\":11}", "#/count", "at most 10" },
		{ "{\"any\":1,\"count\":2.5}", "#/count", "whole" },
		{ "{\"any\":1,\"count\":\"3\"}", "#/count", "whole number" },
		{ "{\"any\":1,\"count\":null}", "#/count", "whole number" },
		{ "{\"any\":1,\"rate\":0}", "#/rate", "above 0" },
		{ "{\"any\":1,\"rate\":1.5}", "#/rate", "at most 1" },
		{ "{\"any\":1,\"name\":\"\"}", "#/name", "length" },
		{ "{\"any\":1,\"name\":\"abcde\"}", "#/name", "length" },
		{ "{\"any\":1,\"name\":\"a\\u0000\"}", "#/name", "U+0000" },
		{ "{\"any\":1,\"colour\":\"blue\"}", "#/colour", "\"red\", \"green\"" },
		{ "{\"any\":1,\"list\":[]}", "#/list", "length" },
		{ "{\"any\":1,\"list\":{}}", "#/list", "array" },
		{ "{\"any\":1,\"cuont\":1}", "#/cuont", "did you mean \"count\"" },
		{ "{\"any\":1,\"zzzzzz\":1}", "#/zzzzzz", "unknown field" },
		{ "{\"any\":1,\"a/b~c\":1}", "#/a~1b~0c", "unknown field" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct thing t = { 0 };
		struct faults faults = { 0 };
		assert_false(read_text(cases[i].text, &t, &faults));
		assert_int_equal(json_array_size(faults.list), 1);
		json_t *f = json_array_get(faults.list, 0);
		assert_string_equal(json_string_value(json_object_get(f, "pointer")),
				    cases[i].pointer);
		assert_non_null(
			strstr(json_string_value(json_object_get(f, "detail")), cases[i].words));
		faults_clear(&faults);
		fields_clear(table, &t);
	}
}

static void null_leaves_a_nullable_field_as_it_is(void **state)
{
	struct thing t = { 0 };
	struct faults faults = { 0 };

	(void)state;
	assert_true(read_text("{\"any\":1,\"name\":null}", &t, &faults));
	assert_null(t.name);
	fields_clear(table, &t);
}

static void what_is_written_is_read_back(void **state)
{
	struct thing a = { .count = 4, .rate = 0.25, .colour = 1 }, b = { 0 };
	struct faults faults = { 0 };

	(void)state;
	a.list = json_pack("[i]", 5);
	json_t *v = fields_write(table, &a);
	assert_true(fields_read(table, v, "#", &b, &faults));
	assert_int_equal(b.count, 4);
	assert_int_equal(b.colour, 1);
	assert_float_equal(b.rate, 0.25, 0);
	assert_true(json_equal(a.list, b.list));
	json_decref(v);
	fields_clear(table, &a);
	fields_clear(table, &b);
}

static void pointers_and_details_stay_within_their_room_and_utf8(void **state)
{
	struct faults faults = { 0 };
	char name[600], pointer[FIELDS_POINTER_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = "\xe4\xb8\xad"[i % 3];
	name[597] = '\0';
	fields_pointer("#", name, pointer);
	faults_add(&faults, pointer, "%s", name);
	json_t *f = json_array_get(faults.list, 0);
	assert_int_equal((json_string_length(json_object_get(f, "pointer")) - 2) % 3, 0);
	assert_int_equal(json_string_length(json_object_get(f, "detail")) % 3, 0);
	assert_true(json_string_length(json_object_get(f, "detail")) > 500);
	faults_clear(&faults);
}

static void faults_beyond_the_bound_are_not_kept(void **state)
{
	struct faults faults = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		faults_add(&faults, "#", "fault %d", i);
	assert_int_equal(json_array_size(faults.list), FAULTS_MAX);
	faults_clear(&faults);
	assert_false(faults_any(&faults));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_values_fill_the_struct),
		cmocka_unit_test(each_wrong_value_is_one_fault_at_its_pointer),
		cmocka_unit_test(null_leaves_a_nullable_field_as_it_is),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(pointers_and_details_stay_within_their_room_and_utf8),
		cmocka_unit_test(faults_beyond_the_bound_are_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rows as numpy, pandas and scikit-learn choose and read them; data.json comes from make_data.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/json.h"
#include "data/csv.h"
#include "data/dataset.h"
#include "data/labels.h"
#include "data/rows.h"
#include "data/sample.h"
#include "data/textfile.h"

#include "../unit/memfile.h"

#define GOLDEN "tests/golden/data.json"

static int read_golden(void **state)
{
	struct buf text = { 0 };
	struct errinfo ei;
	json_t *golden = NULL;

	if (files_read(GOLDEN, 1 << 20, &text, &ei) != OK ||
	    json_parse(text.data, text.len, &golden, &ei) != OK) {
		fprintf(stderr, "%s: %s\n", GOLDEN, ei.msg);
		return -1;
	}
	buf_clear(&text);
	*state = golden;
	return 0;
}

static int drop_golden(void **state)
{
	json_decref(*state);
	return 0;
}

static int64_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const json_t *cases(void **state, const char *name)
{
	const json_t *list = json_object_get(*state, name);

	assert_true(json_array_size(list) > 0);
	return list;
}

static void assert_rows(const json_t *expected, const uint32_t *rows)
{
	for (size_t i = 0; i < json_array_size(expected); i++)
		assert_int_equal(rows[i], json_integer_value(json_array_get(expected, i)));
}

static void samples_are_those_of_pandas(void **state)
{
	size_t i;
	json_t *x;

	json_array_foreach((json_t *)cases(state, "samples"), i, x) {
		int64_t n = number(x, "n");
		uint32_t *rows = calloc((size_t)n, sizeof(*rows));
		sample_permutation((uint32_t)number(x, "seed"), n, rows);
		assert_int_equal(json_array_size(json_object_get(x, "rows")), number(x, "k"));
		assert_rows(json_object_get(x, "rows"), rows);
		free(rows);
	}
}

static void splits_are_those_of_scikit_learn(void **state)
{
	size_t i;
	json_t *x;

	json_array_foreach((json_t *)cases(state, "splits"), i, x) {
		int64_t n = number(x, "n");
		uint32_t *rows = calloc((size_t)n, sizeof(*rows));
		const json_t *test = json_object_get(x, "test");
		int64_t n_test = sample_test_size(n, json_real_value(json_object_get(x, "share")));
		sample_permutation((uint32_t)number(x, "seed"), n, rows);
		assert_int_equal(n_test, json_array_size(test));
		assert_rows(test, rows);
		assert_rows(json_object_get(x, "train"), rows + n_test);
		free(rows);
	}
}

/* The bytes of a case, written in hex. */
static int hex_file(const char *hex)
{
	struct buf bytes = { 0 };
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_putc(&bytes, (char)byte);
	int fd = memfile(bytes.data, bytes.len);
	buf_clear(&bytes);
	return fd;
}

static void assert_fields(const json_t *expected, const struct csv_row *row)
{
	assert_int_equal(row->n, json_array_size(expected));
	for (int i = 0; i < row->n; i++) {
		const json_t *field = json_array_get(expected, (size_t)i);
		assert_int_equal(row->lengths[i], json_string_length(field));
		assert_string_equal(row->fields[i], json_string_value(field));
	}
}

static void csv_rows_are_those_of_pandas(void **state)
{
	size_t i, k;
	json_t *x, *expected;

	json_array_foreach((json_t *)cases(state, "csv"), i, x) {
		int fd = hex_file(json_string_value(json_object_get(x, "bytes")));
		struct textfile file;
		struct csv_row row;
		struct errinfo ei;
		textfile_init(&file, fd, 1 << 20);
		struct csv *csv = csv_new(&file, 1 << 20);
		assert_int_equal(csv_next(csv, &row, &ei), OK);
		assert_fields(json_object_get(x, "columns"), &row);
		json_array_foreach(json_object_get(x, "rows"), k, expected) {
			assert_int_equal(csv_next(csv, &row, &ei), OK);
			assert_fields(expected, &row);
		}
		assert_int_equal(csv_next(csv, &row, &ei), OK);
		assert_int_equal(row.n, 0);
		csv_free(csv);
		textfile_clear(&file);
		close(fd);
	}
}

/* Reads a CSV file with one column of those values, cell by cell. */
static void each_cell(const json_t *values, void (*fn)(void *ctx, const struct cell *cell),
		      void *ctx)
{
	static const char *const wanted[] = { "label" };
	struct buf text = { 0 };
	struct row_faults untold = ROW_FAULTS_UNTOLD;
	struct rows *rows;
	const struct row *row;
	struct errinfo ei;

	buf_puts(&text, "label,x\n");
	for (size_t i = 0; i < json_array_size(values); i++)
		buf_printf(&text, "%s,x\n", json_string_value(json_array_get(values, i)));
	int fd = memfile(text.data, text.len);
	assert_int_equal(rows_open(fd, wanted, 1, &dataset_default_limits, &untold, &rows, &ei),
			 OK);
	for (size_t i = 0; i <= json_array_size(values); i++) {
		assert_int_equal(rows_next(rows, &untold, &row, &ei), OK);
		if (row)
			fn(ctx, &row->cells[0]);
	}
	assert_null(row);
	assert_int_equal(untold.n, ROW_FAULTS_KEPT);
	rows_close(rows);
	buf_clear(&text);
	close(fd);
}

static void count(void *census, const struct cell *cell)
{
	label_census_add(census, cell);
}

struct expected_numbers {
	const json_t *numbers;
	size_t next;
};

static void compare(void *ctx, const struct cell *cell)
{
	struct expected_numbers *x = ctx;
	struct row_faults untold = ROW_FAULTS_UNTOLD;
	struct label label;

	if (x->next == json_array_size(x->numbers)) /* what pandas takes for missing */
		return;
	assert_true(label_read(cell, true, 2, &label, &untold));
	assert_int_equal(label.number, json_integer_value(json_array_get(x->numbers, x->next++)));
}

static void label_columns_are_numbers_where_pandas_has_integers(void **state)
{
	size_t i;
	json_t *x;

	json_array_foreach((json_t *)cases(state, "labels"), i, x) {
		const json_t *values = json_object_get(x, "values");
		struct expected_numbers expected = { json_object_get(x, "numbers"), 0 };
		struct label_census census = { 0 };
		each_cell(values, count, &census);
		assert_int_equal(labels_are_numbers(&census), json_is_array(expected.numbers));
		if (json_is_array(expected.numbers))
			each_cell(values, compare, &expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_those_of_pandas),
		cmocka_unit_test(splits_are_those_of_scikit_learn),
		cmocka_unit_test(csv_rows_are_those_of_pandas),
		cmocka_unit_test(label_columns_are_numbers_where_pandas_has_integers),
	};

	return cmocka_run_group_tests_name("data", tests, read_golden, drop_golden);
}

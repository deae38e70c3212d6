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
#include "data/sample.h"
#include "data/textfile.h"
#include "data/table.h"

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

static void assert_rows(const json_t *expected, const int64_t *rows)
{
	for (size_t i = 0; i < json_array_size(expected); i++)
		assert_int_equal(rows[i], json_integer_value(json_array_get(expected, i)));
}

static void samples_are_those_of_pandas(void **state)
{
	size_t i;
	json_t *x;

	json_array_foreach((json_t *)cases(state, "samples"), i, x) {
		int64_t n = number(x, "n"), *rows = calloc((size_t)n, sizeof(*rows));
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
		int64_t n = number(x, "n"), *rows = calloc((size_t)n, sizeof(*rows));
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

/* A table with one column of those values. */
static void read_column(const json_t *values, struct table *t)
{
	static const char *const wanted[] = { "label" };
	struct buf text = { 0 };
	struct faults faults = { 0 };
	struct row_faults rf = { .faults = &faults, .pointer = "#" };
	struct errinfo ei;

	buf_puts(&text, "label,x\n");
	for (size_t i = 0; i < json_array_size(values); i++)
		buf_printf(&text, "%s,x\n", json_string_value(json_array_get(values, i)));
	int fd = memfile(text.data, text.len);
	assert_int_equal(table_read(fd, wanted, 1, &dataset_default_limits, t, &rf, &ei), OK);
	assert_int_equal(rf.n, 0);
	buf_clear(&text);
	close(fd);
}

static void label_columns_are_numbers_where_pandas_has_integers(void **state)
{
	size_t i;
	json_t *x;

	json_array_foreach((json_t *)cases(state, "labels"), i, x) {
		const json_t *numbers = json_object_get(x, "numbers");
		struct faults faults = { 0 };
		struct row_faults rf = { .faults = &faults, .pointer = "#" };
		struct label label;
		struct table t;
		read_column(json_object_get(x, "values"), &t);
		assert_int_equal(labels_are_numbers(&t, 0), json_is_array(numbers));
		for (size_t k = 0; k < json_array_size(numbers); k++) {
			assert_true(
				label_read(table_cell(&t, (int64_t)k, 0), true, 2, &label, &rf));
			assert_int_equal(label.number,
					 json_integer_value(json_array_get(numbers, k)));
		}
		faults_clear(&faults);
		table_clear(&t);
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

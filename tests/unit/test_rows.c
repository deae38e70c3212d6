/* Rows of data files: which format, which columns, which cells. What one format takes for a row is
 * told by test_csv.c, test_jsonl.c and test_parquet.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/rows.h"

#include "memfile.h"

static const char *const wanted[] = { "text", "label" };

static void append_faults(const struct faults *faults, struct buf *out)
{
	size_t i;
	json_t *fault;

	json_array_foreach(faults->list, i, fault)
		buf_printf(out, "!%s;", json_string_value(json_object_get(fault, "detail")));
}

/* Reads fd to its end: "line:text/label …", a cell without text as its kind in parentheses; then
 * the columns in brackets and the faults. */
static char *read_all(int fd, const struct dataset_limits *limits)
{
	struct faults faults = { 0 };
	struct row_faults rf = { .faults = &faults, .pointer = "#" };
	const struct row *row = NULL;
	struct buf out = { 0 };
	struct errinfo ei;
	struct rows *rows;
	int64_t n = 0;
	enum err e = rows_open(fd, wanted, 2, limits, &rf, &rows, &ei);

	assert_true((e == OK) == (rows != NULL));
	while (e == OK) {
		assert_int_equal(rows_next(rows, &rf, &row, &ei), OK);
		if (!row)
			break;
		assert_int_equal(row->number, n++);
		buf_printf(&out, "%d:", (int)row->line);
		for (int w = 0; w < 2; w++) {
			const struct cell *cell = &row->cells[w];
			buf_printf(&out, cell->text ? "%s%s" : "%s(%s)", w ? "/" : "",
				   cell->text ? cell->text : cell_kind_words(cell->kind));
		}
		buf_puts(&out, ";");
	}
	for (int i = 0; rows && i < rows_n_columns(rows); i++)
		buf_printf(&out, "%s%s", i ? "," : "[", rows_columns(rows)[i]);
	buf_puts(&out, rows && rows_n_columns(rows) ? "]" : "");
	append_faults(&faults, &out);
	rows_close(rows);
	faults_clear(&faults);
	return buf_take(&out);
}

static void assert_reads(const char *bytes, size_t n, const struct dataset_limits *limits,
			 const char *expected)
{
	int fd = memfile(bytes, n);

	for (int pass = 0; pass < 2; pass++) { /* the second one begins at the start again */
		char *got = read_all(fd, limits);
		assert_string_equal(got, expected);
		free(got);
	}
	close(fd);
}

struct rows_case {
	const char *file, *expected;
};

static void assert_cases(const struct rows_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_reads(cases[i].file, strlen(cases[i].file), &dataset_default_limits,
			     cases[i].expected);
}
#define ASSERT_CASES(cases) assert_cases(cases, sizeof(cases) / sizeof(*(cases)))

static void the_content_tells_the_format(void **state)
{
	static const struct {
		const char *file;
		enum rows_format format;
	} cases[] = {
		{ "text,label\n", ROWS_CSV },	  { "{\"text\": 1}", ROWS_JSONL },
		{ "\xef\xbb\xbf{}", ROWS_JSONL }, { " \t\r\n\n{\"text\": 1}", ROWS_JSONL },
		{ "\"{\",label\n", ROWS_CSV },	  { "PAR,label\n", ROWS_CSV },
		{ "[],label\n", ROWS_CSV },	  { " x{\n", ROWS_CSV },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = memfile_text(cases[i].file);
		struct row_faults untold = ROW_FAULTS_UNTOLD;
		struct errinfo ei;
		struct rows *rows;
		assert_int_equal(
			rows_open(fd, NULL, 0, &dataset_default_limits, &untold, &rows, &ei), OK);
		assert_int_equal(rows_format(rows), cases[i].format);
		rows_close(rows);
		close(fd);
	}
}

static void wanted_columns_stand_in_any_order(void **state)
{
	static const struct rows_case cases[] = {
		{ "id,label,text\n1,x,a\n2,y,b\n", "2:a/x;3:b/y;[id,label,text]" },
		{ "label,text\nx\ny,b\n", "2:(missing)/x;3:b/y;[label,text]" },
		{ "label\nx\n", "2:(missing)/x;[label]" },
		{ "{\"label\":1,\"text\":\"a\"}\n{\"x\":0,\"text\":null}",
		  "1:a/1;2:(missing)/(missing);[label,text,x]" },
		{ "{\"text\":[1],\"label\":{}}\n{\"text\":-0.5,\"label\":true}",
		  "1:(a list)/(an object);2:(a number with a fraction or an exponent)/true;"
		  "[text,label]" },
		{ "{}\n{}", "1:(missing)/(missing);2:(missing)/(missing);" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void broken_rows_are_left_out_and_told(void **state)
{
	static const struct rows_case cases[] = {
		{ "text,label\na,x\nb,y,z\nc,x\n",
		  "2:a/x;4:c/x;[text,label]!line 3: 3 fields where the header has 2; a text with a "
		  "comma needs quotes;" },
		{ "text,label\n\xff,x\nc,x\n\"d",
		  "3:c/x;[text,label]!line 2: byte 0xff at offset 11 of the file is not UTF-8;"
		  "!line 4: the quoted field that begins here is never closed;" },
		{ "{\"text\":\"a\",\"label\":1}\n{\"text\":\n[]\n{\"text\":\"b\",\"label\":2}",
		  "1:a/1;4:b/2;[text,label]!line 2, column 8: unexpected token near end of file;"
		  "!line 3: not a JSON object;" },
		{ "text,text,label\na,b,x\n",
		  "2:a/x;[text,text,label]!the header names the column \"text\" 2 times;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void files_of_no_use_are_told(void **state)
{
	static const struct rows_case cases[] = {
		{ "", "!the file is empty;" },
		{ "\n \n\t\r\n", "!the file is empty;" },
		{ "\xff\n", "!line 1: byte 0xff at offset 0 of the file is not UTF-8;" },
		{ " [ {\"text\": 1}]",
		  "!the file is one JSON array; JSON Lines are read: one object a line, without "
		  "brackets and commas around them;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void limits_end_the_reading(void **state)
{
	static const struct {
		struct dataset_limits limits;
		const char *file, *expected;
	} cases[] = {
		{ { 99, 1, 9, 9 },
		  "text,label\na,x\nb,y\n",
		  "2:a/x;[text,label]!the file has more than 1 rows;" },
		{ { 99, 9, 5, 9 },
		  "text,label\na,x\nbbbbbb,y\nc,x\n",
		  "2:a/x;[text,label]!line 3: a field is longer than 5 bytes;" },
		{ { 99, 9, 5, 9 },
		  "{\"text\":\"a\"}\n{\"text\":\"bbbbbb\"}\n{\"text\":\"c\"}",
		  "1:a/(missing);[text]!line 2: \"text\" is longer than 5 bytes;" },
		{ { 20, 9, 9, 9 },
		  "text,label\naaaa,xxxx\n",
		  "!the file is larger than 20 bytes;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_reads(cases[i].file, strlen(cases[i].file), &cases[i].limits,
			     cases[i].expected);
}

static void a_descriptor_that_cannot_be_read_is_an_error(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	struct row_faults untold = ROW_FAULTS_UNTOLD;
	struct errinfo ei;
	struct rows *rows;

	(void)state;
	assert_int_equal(rows_open(fd, NULL, 0, &dataset_default_limits, &untold, &rows, &ei),
			 ERR_IO);
	assert_int_equal(untold.n, ROW_FAULTS_KEPT);
	assert_null(rows);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_content_tells_the_format),
		cmocka_unit_test(wanted_columns_stand_in_any_order),
		cmocka_unit_test(broken_rows_are_left_out_and_told),
		cmocka_unit_test(files_of_no_use_are_told),
		cmocka_unit_test(limits_end_the_reading),
		cmocka_unit_test(a_descriptor_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}

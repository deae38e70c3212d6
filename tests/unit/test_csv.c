/* The CSV reader: rows, their lines, and what is refused. Rows that pandas reads stand in
 * golden/test_data.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "data/csv.h"
#include "data/textfile.h"

#include "memfile.h"

#define MAX_FIELD 100000

/* Appends every row as "line:field|field;", every refused one as "!message;". */
static void render(const void *data, size_t n, struct buf *out)
{
	int fd = memfile(data, n);
	struct textfile file;
	struct csv_row row;
	struct errinfo ei;
	enum err e;

	textfile_init(&file, fd, 1 << 20);
	struct csv *csv = csv_new(&file, MAX_FIELD);
	do {
		e = csv_next(csv, &row, &ei);
		if (e != OK)
			buf_printf(out, "!%s;", ei.msg);
		for (int i = 0; e == OK && i < row.n; i++) {
			if (i == 0)
				buf_printf(out, "%d:", (int)row.line);
			buf_printf(out, "%s%s", row.fields[i], i + 1 < row.n ? "|" : ";");
		}
	} while (e == ERR_SYNTAX || (e == OK && row.n > 0));
	csv_free(csv);
	textfile_clear(&file);
	close(fd);
}

static void assert_renders(const char *data, size_t n, const char *expected)
{
	struct buf out = { 0 };

	render(data, n, &out);
	assert_string_equal(out.data ? out.data : "", expected);
	buf_clear(&out);
}

struct csv_case {
	const char *bytes;
	const char *rows;
};

static void rows_carry_the_line_they_begin_on(void **state)
{
	static const struct csv_case cases[] = {
		{ "", "" },
		{ "\n\r\n \t", "" },
		{ "a", "1:a;" },
		{ "a,b\n1,2\n3,4", "1:a|b;2:1|2;3:3|4;" },
		{ "a\r\n\r\n\r\nb\r\n", "1:a;4:b;" },
		{ "a\r\r\rb\r", "1:a;4:b;" },
		{ "a\n\r\nb\n\rc", "1:a;3:b;5:c;" },
		{ "\"x\ny\r\nz\rw\"\nb\n", "1:x\ny\r\nz\rw;5:b;" },
		{ "\"\r\",1\n\"\n\"\nb", "1:\r|1;3:\n;5:b;" },
		{ "\"a\r\"\"\n\"\nb", "1:a\r\"\n;4:b;" },
		{ "  \n a\n", "2: a;" },
		{ "a,,\n,\n", "1:a||;2:|;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_renders(cases[i].bytes, strlen(cases[i].bytes), cases[i].rows);
}

static void broken_rows_are_refused_and_the_others_read(void **state)
{
	static const struct csv_case cases[] = {
		{ "a\n\xff,x\nb\n",
		  "1:a;!line 2: byte 0xff at offset 2 of the file is not UTF-8;3:b;" },
		{ "a\n\"x\n\xe9\"\nb\n",
		  "1:a;!line 3: byte 0xe9 at offset 5 of the file is not UTF-8;4:b;" },
		{ "\xc3", "!line 1: byte 0xc3 at offset 0 of the file is not UTF-8;" },
		{ "\xef\xbb\xbfx\xed\xa0\x80",
		  "!line 1: byte 0xed at offset 4 of the file is not UTF-8;" },
		{ "\xc0\x80\n\xf5\n", "!line 1: byte 0xc0 at offset 0 of the file is not UTF-8;"
				      "!line 2: byte 0xf5 at offset 3 of the file is not UTF-8;" },
		{ "a\nb,\"c\nd\n\n",
		  "1:a;!line 2: the quoted field that begins here is never closed;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_renders(cases[i].bytes, strlen(cases[i].bytes), cases[i].rows);
}

static void nul_is_refused_with_its_offset(void **state)
{
	(void)state;
	assert_renders("a\nb\0c,\0\nd", 9, "1:a;!line 2: a NUL byte at offset 3 of the file;3:d;");
}

/* A file of n times the byte c between a head and a tail. */
static void long_file(struct buf *out, const char *head, char c, size_t n, const char *tail)
{
	buf_puts(out, head);
	for (size_t i = 0; i < n; i++)
		buf_putc(out, c);
	buf_puts(out, tail);
}

static void fields_above_the_limit_end_the_reading(void **state)
{
	struct buf file = { 0 };

	(void)state;
	long_file(&file, "a\n", 'x', MAX_FIELD + 1, "\nb\n");
	assert_renders(file.data, file.len, "1:a;!line 2: a field is longer than 100000 bytes;");
	buf_reset(&file);
	long_file(&file, "a\n\n1,\"", '\n', MAX_FIELD + 1, "");
	assert_renders(
		file.data, file.len,
		"1:a;!line 3: the quoted field that begins here is longer than 100000 bytes; "
		"is its closing quote missing?;");
	buf_clear(&file);
}

static void a_field_at_the_limit_is_read_over_windows(void **state)
{
	struct buf file = { 0 }, expected = { 0 };

	(void)state;
	long_file(&file, "\"", 'x', MAX_FIELD, "\",y\nb");
	long_file(&expected, "1:", 'x', MAX_FIELD, "|y;2:b;");
	assert_renders(file.data, file.len, expected.data);
	buf_clear(&file);
	buf_clear(&expected);
}

static void characters_may_lie_across_two_windows(void **state)
{
	struct buf file = { 0 }, expected = { 0 };

	(void)state;
	for (int shift = 0; shift < 4; shift++) {
		buf_reset(&file);
		buf_reset(&expected);
		long_file(&file, "", 'x', 65536 - (size_t)shift, "\xf0\x9f\x8e\x89,y\n");
		long_file(&expected, "1:", 'x', 65536 - (size_t)shift, "\xf0\x9f\x8e\x89|y;");
		assert_renders(file.data, file.len, expected.data);
	}
	buf_clear(&file);
	buf_clear(&expected);
}

static void a_line_end_across_two_windows_is_one(void **state)
{
	struct buf file = { 0 }, out = { 0 };

	(void)state;
	long_file(&file, "\"", 'x', 65534, "\r\n\"\ny");
	render(file.data, file.len, &out);
	assert_string_equal(out.data + out.len - 4, "3:y;");
	buf_clear(&file);
	buf_clear(&out);
}

static void rows_of_too_many_fields_end_the_reading(void **state)
{
	struct buf file = { 0 };

	(void)state;
	long_file(&file, "a\n", ',', CSV_MAX_FIELDS, "\nb");
	assert_renders(file.data, file.len, "1:a;!line 2: more than 1000 fields in one row;");
	buf_clear(&file);
}

static void files_above_the_limit_end_the_reading(void **state)
{
	struct textfile file;
	struct errinfo ei;
	int fd = memfile_text("0123456789");

	(void)state;
	textfile_init(&file, fd, 9);
	assert_int_equal(textfile_fill(&file, &ei), ERR_TOO_LARGE);
	assert_string_equal(ei.msg, "the file is larger than 9 bytes");
	textfile_clear(&file);
	close(fd);
}

static void a_descriptor_that_cannot_be_read_is_an_error(void **state)
{
	struct textfile file;
	struct errinfo ei;

	(void)state;
	textfile_init(&file, -1, 9);
	assert_int_equal(textfile_fill(&file, &ei), ERR_IO);
	textfile_clear(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_carry_the_line_they_begin_on),
		cmocka_unit_test(broken_rows_are_refused_and_the_others_read),
		cmocka_unit_test(nul_is_refused_with_its_offset),
		cmocka_unit_test(fields_above_the_limit_end_the_reading),
		cmocka_unit_test(a_field_at_the_limit_is_read_over_windows),
		cmocka_unit_test(characters_may_lie_across_two_windows),
		cmocka_unit_test(a_line_end_across_two_windows_is_one),
		cmocka_unit_test(rows_of_too_many_fields_end_the_reading),
		cmocka_unit_test(files_above_the_limit_end_the_reading),
		cmocka_unit_test(a_descriptor_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}

/* The Parquet reader over the files of tests/data/parquet, which golden/make_parquet.py writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "data/dataset.h"
#include "data/parquet.h"

#include "memfile.h"

#define FOLDER "tests/data/parquet/"

static int open_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), FOLDER "%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Appends every row as "value|value;", with a letter for the kind before each value and the bytes
 * below 0x20 as dots, and the message of what ends the reading as "!message". */
static enum err render_fd(int fd, const char *const *wanted, int n,
			  const struct dataset_limits *limits, struct buf *out)
{
	static const char kinds[] = { [CELL_MISSING] = '-',
				      [CELL_STRING] = 's',
				      [CELL_INTEGER] = 'i',
				      [CELL_BOOLEAN] = 'b',
				      [CELL_REAL] = 'r' };
	struct parquet_file *p = NULL;
	struct cell cells[16];
	struct errinfo ei;
	bool end = false;
	enum err e = parquet_open(fd, wanted, n, limits, &p, &ei);

	while (e == OK && (e = parquet_next(p, cells, &end, &ei)) == OK && !end) {
		for (int i = 0; i < n; i++) {
			buf_putc(out, kinds[cells[i].kind]);
			for (uint32_t k = 0; k < cells[i].len; k++) {
				char c = cells[i].text[k];
				buf_putc(out, c >= 0 && c < ' ' ? '.' : c);
			}
			assert_true(!cells[i].text || cells[i].text[cells[i].len] == '\0');
			buf_putc(out, i + 1 < n ? '|' : ';');
		}
	}
	if (e != OK)
		buf_printf(out, "!%s", ei.msg);
	parquet_close(p);
	return e;
}

static enum err render(const char *name, const char *const *wanted, int n, struct buf *out)
{
	int fd = open_file(name);
	enum err e = render_fd(fd, wanted, n, &dataset_default_limits, out);

	close(fd);
	return e;
}

static void assert_reads(const char *name, const char *const *wanted, int n, const char *expected)
{
	struct buf out = { 0 };

	assert_int_equal(render(name, wanted, n, &out), OK);
	assert_string_equal(out.data ? out.data : "", expected);
	buf_clear(&out);
}

static const char *const text_and_label[] = { "text", "label" };

#define REVIEWS \
	"sA warm and funny film.|i1;s|i0;-|i0;sDull; I left early.|i0;" \
	"sGröße, 映画, \xf0\x9f\x8e\xac|i1;swith.NUL|-;sA warm and funny film.|i1;" \
	"sline.break|i1;s\"quoted\", and a comma|i0;sThe end.|i1;"

static void the_same_rows_are_read_from_every_form_of_file(void **state)
{
	static const char *const files[] = {
		"plain.parquet",
		"hub.parquet",
		"large_zstd.parquet",
		"pages_v2.parquet",
		"delta_length_brotli.parquet",
		"dictionary_lz4.parquet",
		"categories.parquet",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		assert_reads(files[i], text_and_label, 2, REVIEWS);
}

static void whole_numbers_keep_width_and_sign(void **state)
{
	static const char *const wanted[] = { "int8",  "uint8",	 "int16", "uint16",
					      "int32", "uint32", "int64", "uint64" };

	(void)state;
	assert_reads("types.parquet", wanted, 8,
		     "i-128|i0|i-32768|i0|i-2147483648|i0|i-9223372036854775808|i0;"
		     "i127|i255|i32767|i65535|i2147483647|i4294967295|i9223372036854775807|"
		     "i18446744073709551615;-|-|-|-|-|-|-|-;");
}

static void booleans_and_real_numbers_have_their_kinds(void **state)
{
	static const char *const wanted[] = { "bool", "half", "float", "double", "null" };

	(void)state;
	assert_reads("types.parquet", wanted, 5, "btrue|r|r|r|-;bfalse|r|r|r|-;-|-|-|-|-;");
}

static void columns_without_nulls_are_read(void **state)
{
	(void)state;
	assert_reads("required.parquet", text_and_label, 2, "sa|btrue;sb|bfalse;");
}

static void a_column_that_is_not_there_is_missing_in_every_row(void **state)
{
	static const char *const wanted[] = { "label", "title" };

	(void)state;
	assert_reads("required.parquet", wanted, 2, "btrue|-;bfalse|-;");
}

static void a_file_without_rows_ends_at_once(void **state)
{
	(void)state;
	assert_reads("empty.parquet", text_and_label, 2, "");
}

static struct parquet_file *opened(const char *name, const char *const *wanted, int n, int *fd)
{
	struct parquet_file *p;
	struct errinfo ei;

	*fd = open_file(name);
	assert_int_equal(parquet_open(*fd, wanted, n, &dataset_default_limits, &p, &ei), OK);
	return p;
}

static void columns_are_listed_in_the_order_of_the_schema(void **state)
{
	static const char *const wanted[] = { "text", "title", "list" };
	int fd;

	(void)state;
	struct parquet_file *p = opened("unread.parquet", wanted, 2, &fd);
	assert_int_equal(parquet_n_columns(p), 10);
	assert_string_equal(parquet_columns(p)[0], "list");
	assert_string_equal(parquet_columns(p)[1], "struct");
	assert_int_equal(parquet_column_of(p, 0), 9);
	assert_int_equal(parquet_column_of(p, 1), -1);
	assert_int_equal(parquet_n_rows(p), 1);
	parquet_close(p);
	close(fd);
}

static void class_names_come_from_the_metadata_of_the_hub(void **state)
{
	static const char *const files[] = { "hub.parquet", "large_zstd.parquet" };
	char *const *names;
	int fd;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct parquet_file *p = opened(files[i], text_and_label, 2, &fd);
		assert_int_equal(parquet_class_names(p, 0, &names), 0);
		assert_int_equal(parquet_class_names(p, 1, &names), 2);
		assert_string_equal(names[0], "negative");
		assert_string_equal(names[1], "positive");
		parquet_close(p);
		close(fd);
	}
}

static void other_types_are_refused_by_name(void **state)
{
	static const struct {
		const char *column, *words;
	} cases[] = {
		{ "list", "a list" },
		{ "struct", "a struct" },
		{ "map", "a map" },
		{ "binary", "binary data" },
		{ "fixed", "binary data" },
		{ "decimal", "a decimal" },
		{ "date", "a date" },
		{ "time", "a time of day" },
		{ "timestamp", "a timestamp" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out = { 0 };
		char expected[128];
		assert_int_equal(render("unread.parquet", &cases[i].column, 1, &out),
				 ERR_UNSUPPORTED);
		snprintf(expected, sizeof(expected), "!the column \"%s\" is %s, which is not read",
			 cases[i].column, cases[i].words);
		assert_string_equal(out.data, expected);
		buf_clear(&out);
	}
}

static void what_is_encrypted_is_refused_and_the_rest_is_read(void **state)
{
	static const char *const label[] = { "label" };
	struct buf out = { 0 };

	(void)state;
	assert_reads("encrypted_column.parquet", label, 1, "i0;i1;");
	assert_int_equal(render("encrypted_column.parquet", text_and_label, 2, &out),
			 ERR_UNSUPPORTED);
	assert_string_equal(out.data, "!the column \"text\" is encrypted");
	buf_reset(&out);
	assert_int_equal(render("encrypted.parquet", label, 1, &out), ERR_UNSUPPORTED);
	assert_string_equal(out.data, "!the Parquet file is encrypted");
	buf_clear(&out);
}

static void a_text_that_is_not_utf8_ends_the_reading_with_its_row(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(render("latin1.parquet", text_and_label, 2, &out), ERR_SYNTAX);
	assert_string_equal(out.data, "sgood|i0;salso good|i1;!row 3: \"text\" is not UTF-8");
	buf_clear(&out);
}

static void a_wanted_column_that_is_there_twice_is_refused(void **state)
{
	static const char *const label[] = { "label" };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(render("twice.parquet", text_and_label, 1, &out), ERR_SYNTAX);
	assert_string_equal(out.data, "!the column \"text\" is there twice");
	buf_clear(&out);
	assert_reads("twice.parquet", label, 1, "i1;");
}

static void limits_are_kept(void **state)
{
	static const struct {
		struct dataset_limits limits;
		const char *message;
	} cases[] = {
		{ { 511, 10, 100, 2 }, "the file is larger than 511 bytes" },
		{ { 600, 9, 100, 2 }, "the Parquet file has more than 9 rows" },
		{ { 600, 10, 21, 2 }, "row 1: \"text\" is longer than 21 bytes" },
	};
	int fd = open_file("plain.parquet");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out = { 0 };
		assert_int_equal(render_fd(fd, text_and_label, 2, &cases[i].limits, &out),
				 ERR_TOO_LARGE);
		assert_string_equal(out.data + 1, cases[i].message);
		buf_clear(&out);
	}
	close(fd);
}

static void more_class_names_than_labels_may_be_are_refused(void **state)
{
	struct dataset_limits limits = dataset_default_limits;
	struct buf out = { 0 };
	int fd = open_file("hub.parquet");

	(void)state;
	limits.max_labels = 1;
	assert_int_equal(render_fd(fd, text_and_label, 2, &limits, &out), ERR_TOO_LARGE);
	assert_string_equal(out.data,
			    "!the column \"label\" has 2 class names; at most 1 are read");
	buf_clear(&out);
	close(fd);
}

static void two_files_are_read_side_by_side(void **state)
{
	struct cell a[2], b[2];
	struct errinfo ei;
	bool end = false;
	int fda, fdb;

	(void)state;
	struct parquet_file *pa = opened("hub.parquet", text_and_label, 2, &fda);
	struct parquet_file *pb = opened("pages_v2.parquet", text_and_label, 2, &fdb);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(parquet_next(pa, a, &end, &ei), OK);
		assert_int_equal(parquet_next(pb, b, &end, &ei), OK);
		assert_false(end);
		assert_int_equal(a[0].len, b[0].len);
		if (a[0].text)
			assert_memory_equal(a[0].text, b[0].text, a[0].len);
	}
	assert_int_equal(parquet_next(pa, a, &end, &ei), OK);
	assert_true(end);
	parquet_close(pa);
	parquet_close(pb);
	close(fda);
	close(fdb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_rows_are_read_from_every_form_of_file),
		cmocka_unit_test(whole_numbers_keep_width_and_sign),
		cmocka_unit_test(booleans_and_real_numbers_have_their_kinds),
		cmocka_unit_test(columns_without_nulls_are_read),
		cmocka_unit_test(a_column_that_is_not_there_is_missing_in_every_row),
		cmocka_unit_test(a_file_without_rows_ends_at_once),
		cmocka_unit_test(columns_are_listed_in_the_order_of_the_schema),
		cmocka_unit_test(class_names_come_from_the_metadata_of_the_hub),
		cmocka_unit_test(other_types_are_refused_by_name),
		cmocka_unit_test(what_is_encrypted_is_refused_and_the_rest_is_read),
		cmocka_unit_test(a_text_that_is_not_utf8_ends_the_reading_with_its_row),
		cmocka_unit_test(a_wanted_column_that_is_there_twice_is_refused),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(more_class_names_than_labels_may_be_are_refused),
		cmocka_unit_test(two_files_are_read_side_by_side),
	};

	return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}

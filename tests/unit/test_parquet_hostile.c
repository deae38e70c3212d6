/* Parquet files that lie, or are damaged: an error each time, and no memory for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/files.h"
#include "data/dataset.h"
#include "data/parquet.h"
#include "data/parquet_footer.h"

#include "memfile.h"
#include "parquet_bytes.h"

#define MAX_GROWTH (64 << 20) /* bytes of resident memory, all files of this test together */

static const struct dataset_limits usual = { 2147483648, 5000000, 1 << 20, 1000 };
static const char *const text[] = { "text" };

/* Reads all of fd; rows counts those that came. */
static enum err read_fd(int fd, const struct dataset_limits *limits, int64_t *rows,
			struct errinfo *ei)
{
	struct parquet_file *p = NULL;
	struct cell cell;
	bool end = false;
	enum err e = parquet_open(fd, text, 1, limits, &p, ei);

	*rows = 0;
	while (e == OK && (e = parquet_next(p, &cell, &end, ei)) == OK && !end)
		++*rows;
	parquet_close(p);
	return e;
}

static enum err read_bytes(const struct buf *b, const struct dataset_limits *limits,
			   struct errinfo *ei)
{
	int64_t rows;
	int fd = memfile(b->data, b->len);
	enum err e = read_fd(fd, limits, &rows, ei);

	close(fd);
	return e;
}

static void assert_refused(const struct buf *b, const struct dataset_limits *limits, enum err e,
			   const char *words)
{
	struct errinfo ei = { "" };

	enum err got = read_bytes(b, limits, &ei);
	if (!strstr(ei.msg, words))
		assert_string_equal(ei.msg, words);
	assert_int_equal(got, e);
}

#define HONEST_PAGE \
	{ \
		false, 0, 2, TRUE_SIZE, TRUE_SIZE, "\1\0\0\0a\1\0\0\0b", 10 \
	}
#define HONEST \
	{ \
		2, 2, 2, 0, 100, TRUE_SIZE, 4 \
	}

static void a_file_without_lies_is_read(void **state)
{
	struct page page = HONEST_PAGE;
	struct parquet_lie truth = HONEST;
	struct buf b = { 0 };
	struct errinfo ei;
	int64_t rows;

	(void)state;
	put_file(&b, &page, 1, &truth);
	int fd = memfile(b.data, b.len);
	assert_int_equal(read_fd(fd, &usual, &rows, &ei), OK);
	assert_int_equal(rows, 2);
	close(fd);
	buf_clear(&b);
}

static void lies_of_the_footer_are_refused(void **state)
{
	static const struct {
		struct parquet_lie lie;
		enum err e;
		const char *words;
	} cases[] = {
		{ { 3, 2, 2, 0, 100, TRUE_SIZE, 4 }, ERR_SYNTAX, "have not the rows of the file" },
		{ { 2, 3, 3, 0, 100, TRUE_SIZE, 4 }, ERR_SYNTAX, "have not the rows of the file" },
		{ { -1, -1, 2, 0, 100, TRUE_SIZE, 4 },
		  ERR_SYNTAX,
		  "have not the rows of the file" },
		{ { 3, 3, 3, 0, 100, TRUE_SIZE, 4 }, ERR_SYNTAX, "row 3: \"text\" is not there" },
		{ { 2, 2, 3, 0, 100, TRUE_SIZE, 4 }, ERR_SYNTAX, "not as many values as rows" },
		{ { 2, 2, 2, 3, 100, TRUE_SIZE, 4 }, ERR_UNSUPPORTED, "is compressed with lzo" },
		{ { 2, 2, 2, 99, 100, TRUE_SIZE, 4 },
		  ERR_SYNTAX,
		  "the column \"text\" is damaged" },
		{ { 2, 2, 2, 0, INT64_MAX, TRUE_SIZE, 4 },
		  ERR_TOO_LARGE,
		  "makes the wanted columns larger than 2147483648 bytes" },
		{ { 2, 2, 2, 0, -1, TRUE_SIZE, 4 }, ERR_SYNTAX, "has a negative size" },
		{ { 2, 2, 2, 0, 100, INT64_MAX, 4 }, ERR_SYNTAX, "lies outside the file" },
		{ { 2, 2, 2, 0, 100, -2, 4 }, ERR_SYNTAX, "lies outside the file" },
		{ { 2, 2, 2, 0, 100, 1 << 20, 4 }, ERR_SYNTAX, "lies outside the file" },
		{ { 2, 2, 2, 0, 100, TRUE_SIZE, INT64_MAX }, ERR_SYNTAX, "lies outside the file" },
		{ { 2, 2, 2, 0, 100, TRUE_SIZE, -4 }, ERR_SYNTAX, "lies outside the file" },
		{ { 2, 2, 2, 0, 100, TRUE_SIZE, 9 }, ERR_SYNTAX, "is damaged" },
		{ { 1 << 30, 1 << 30, 1 << 30, 0, 100, TRUE_SIZE, 4 },
		  ERR_TOO_LARGE,
		  "has more than 5000000 rows" },
	};
	struct page page = HONEST_PAGE;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = { 0 };
		put_file(&b, &page, 1, &cases[i].lie);
		assert_refused(&b, &usual, cases[i].e, cases[i].words);
		buf_clear(&b);
	}
}

#define ZEROS 64
static const char zeros[ZEROS];

/* A page of so many values, plain, of zeros that say they have other sizes. */
#define PLAIN(n, uncompressed, compressed) \
	{ \
		{ \
			false, 0, n, uncompressed, compressed, zeros, ZEROS \
		} \
	}
/* A page of two values in an encoding. */
#define ENCODED(encoding, bytes) \
	{ \
		{ \
			false, encoding, 2, TRUE_SIZE, TRUE_SIZE, bytes, sizeof(bytes) - 1 \
		} \
	}
/* A dictionary of n entries, and a page with that many times its entry 0. */
#define ENTRY_0 "\1\x80\x80\x80\x08\0" /* indices of 1 bit; a run of 8 Mi of 0 */
#define DICTIONARY(n, bytes, len) \
	{ \
		{ true, 2, n, TRUE_SIZE, TRUE_SIZE, bytes, len }, \
		{ \
			false, 2, 2, TRUE_SIZE, TRUE_SIZE, ENTRY_0, sizeof(ENTRY_0) - 1 \
		} \
	}
/* Of delta encodings: blocks of 128, 4 parts, a count of values, the first. */
#define DELTA_COUNT_2_TO_31 "\x80\1\4\xff\xff\xff\xff\x07\0"

static void lies_of_the_pages_are_refused(void **state)
{
	static const struct {
		struct page pages[2];
		int64_t codec;
		enum err e;
		const char *words;
	} cases[] = {
		{ PLAIN(2, INT32_MAX, TRUE_SIZE), 1, ERR_TOO_LARGE, "bytes of memory at once" },
		{ PLAIN(2, 200 << 20, TRUE_SIZE), 1, ERR_TOO_LARGE, "bytes of memory at once" },
		{ PLAIN(2, 20 << 20, TRUE_SIZE), 1, ERR_SYNTAX, "is damaged: \"IOError: Corrupt" },
		{ PLAIN(2, -5, TRUE_SIZE), 1, ERR_SYNTAX, "is damaged" },
		{ PLAIN(2, TRUE_SIZE, INT32_MAX), 0, ERR_SYNTAX, "is damaged: \"Unexpected end" },
		{ PLAIN(2, TRUE_SIZE, 100 << 20), 0, ERR_SYNTAX, "is damaged: \"Unexpected end" },
		{ PLAIN(2, TRUE_SIZE, -5), 0, ERR_SYNTAX, "is damaged" },
		{ PLAIN(-2, TRUE_SIZE, TRUE_SIZE), 0, ERR_SYNTAX, "negative number of values" },
		{ ENCODED(0, "\xff\xff\xff\x7f"), 0, ERR_SYNTAX, "is damaged: \"Unexpected end" },
		{ ENCODED(0, "\xff\xff\xff\xff"), 0, ERR_SYNTAX, "Invalid BYTE_ARRAY" },
		{ ENCODED(0, ""), 0, ERR_SYNTAX, "is damaged" },
		{ ENCODED(6, DELTA_COUNT_2_TO_31), 0, ERR_TOO_LARGE, "bytes of memory at once" },
		{ ENCODED(7, DELTA_COUNT_2_TO_31), 0, ERR_TOO_LARGE, "bytes of memory at once" },
		{ ENCODED(99, "x"), 0, ERR_SYNTAX, "is damaged: \"Unknown encoding" },
		{ ENCODED(2, ENTRY_0), 0, ERR_SYNTAX, "Dictionary page must be before" },
		{ DICTIONARY(100000000, zeros, ZEROS), 0, ERR_TOO_LARGE,
		  "bytes of memory at once" },
		{ DICTIONARY(1000000, zeros, ZEROS), 0, ERR_SYNTAX, "is damaged" },
		{ DICTIONARY(0, "", 0), 0, ERR_SYNTAX, "is damaged" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parquet_lie lie = HONEST;
		struct buf b = { 0 };
		lie.codec = cases[i].codec;
		put_file(&b, cases[i].pages, cases[i].pages[1].len ? 2 : 1, &lie);
		assert_refused(&b, &usual, cases[i].e, cases[i].words);
		buf_clear(&b);
	}
}

/* A million rows of one dictionary entry of 100 kB. */
static void a_long_value_in_many_rows_ends_at_the_limit(void **state)
{
	struct dataset_limits limits = { 1 << 20, 5000000, 1 << 20, 2 };
	struct parquet_lie lie = { 1000000, 1000000, 1000000, 0, 1000000, TRUE_SIZE, 4 };
	struct page pages[2] = DICTIONARY(1, NULL, 4 + 100000);
	struct buf entry = { 0 }, b = { 0 };

	(void)state;
	buf_append(&entry, "\xa0\x86\1\0", 4);
	for (int i = 0; i < 100000; i++)
		buf_putc(&entry, 'x');
	pages[0].data = entry.data;
	pages[1].n_values = 1000000;
	put_file(&b, pages, 2, &lie);
	assert_refused(&b, &limits, ERR_TOO_LARGE,
		       "row 11: \"text\" makes the wanted columns larger than 1048576 bytes");
	buf_clear(&entry);
	buf_clear(&b);
}

/* Snappy: the length, one literal 0, then copies of up to 64 bytes from one byte before. */
static void put_zeros(struct buf *b, size_t n)
{
	put_varint(b, n);
	buf_append(b, zeros, 2);
	for (size_t left = n - 1; left > 0;) {
		size_t k = left < 64 ? left : 64;
		buf_putc(b, (char)((k - 1) << 2 | 2));
		buf_append(b, "\1\0", 2);
		left -= k;
	}
}

/* Pages of one empty text each grow to 256 kB from 12 kB. */
static void pages_that_only_cost_time_end_at_the_limit(void **state)
{
	struct dataset_limits limits = { 1 << 20, 5000000, 1 << 20, 2 };
	struct parquet_lie lie = { 20, 20, 20, 1, 1000, TRUE_SIZE, 4 };
	struct buf grown = { 0 }, b = { 0 };
	struct page pages[20];

	(void)state;
	put_zeros(&grown, 256 << 10);
	for (int i = 0; i < 20; i++)
		pages[i] =
			(struct page){ false, 0, 1, 256 << 10, TRUE_SIZE, grown.data, grown.len };
	put_file(&b, pages, 20, &lie);
	assert_refused(&b, &limits, ERR_TOO_LARGE,
		       "row 5: \"text\" makes the wanted columns larger than 1048576 bytes");
	buf_clear(&grown);
	buf_clear(&b);
}

/* A file of nothing but a footer, made by put(b). */
static void assert_footer_refused(void (*put)(struct buf *b), enum err e, const char *words)
{
	struct buf b = { 0 };

	buf_puts(&b, "PAR1");
	put(&b);
	put_tail(&b, 4);
	assert_refused(&b, &usual, e, words);
	buf_clear(&b);
}

static void put_empty_structs(struct buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_stop(b);
}

static void put_a_million_columns(struct buf *b)
{
	put_number(b, 1, T_I32, 1);
	put_list(b, 1, T_STRUCT, 1000000);
	put_empty_structs(b, 1000001);
}

static void put_a_million_groups(struct buf *b)
{
	put_list(b, 4, T_STRUCT, 1000000);
	put_empty_structs(b, 1000001);
}

static void put_a_million_chunks(struct buf *b)
{
	put_list(b, 4, T_STRUCT, 1000);
	for (int i = 0; i < 1000; i++) {
		put_list(b, 1, T_STRUCT, 1000);
		put_empty_structs(b, 1001);
	}
	put_stop(b);
}

static void put_a_million_pairs(struct buf *b)
{
	put_list(b, 5, T_STRUCT, 1000000);
	put_empty_structs(b, 1000001);
}

static void put_a_claim_of_columns(struct buf *b)
{
	put_list(b, 2, T_STRUCT, 2000000000);
	put_stop(b);
}

static void put_a_claim_of_bytes(struct buf *b)
{
	put_head(b, 6, T_BINARY);
	put_varint(b, UINT64_MAX);
	put_stop(b);
}

static void put_lists_in_lists(struct buf *b)
{
	put_head(b, 9, T_LIST);
	for (int i = 0; i < 100000; i++)
		buf_putc(b, 0x10 | T_LIST);
}

static void put_structs_in_structs(struct buf *b)
{
	for (int i = 0; i < 100000; i++)
		put_head(b, 1, T_STRUCT);
}

/* Groups of one column each, which Arrow would follow one call deeper each time. */
static void put_columns_in_columns(struct buf *b)
{
	put_number(b, 1, T_I32, 1);
	put_list(b, 1, T_STRUCT, 9000);
	for (int i = 0; i < 9000; i++) {
		put_head(b, 4, T_BINARY);
		put_text(b, "x");
		put_number(b, 1, T_I32, 1);
		put_stop(b);
	}
	put_number(b, 1, T_I64, 0);
	put_list(b, 1, T_STRUCT, 0);
	put_stop(b);
}

static void put_more_than_a_footer_may_have(struct buf *b)
{
	for (int i = 0; i <= PARQUET_MAX_FOOTER / ZEROS; i++)
		buf_append(b, zeros, ZEROS);
}

static void put_nothing(struct buf *b)
{
	(void)b;
}

static void footers_of_great_numbers_are_refused(void **state)
{
	static const struct {
		void (*put)(struct buf *b);
		enum err e;
		const char *words;
	} cases[] = {
		{ put_a_million_columns, ERR_TOO_LARGE, "has more than 10000 columns" },
		{ put_a_million_groups, ERR_TOO_LARGE, "has more than 50000 row groups" },
		{ put_a_million_chunks, ERR_TOO_LARGE, "has more than 50000 column chunks" },
		{ put_a_million_pairs, ERR_TOO_LARGE, "has more than 500000 elements" },
		{ put_a_claim_of_columns, ERR_SYNTAX, "the footer of the Parquet file is damaged" },
		{ put_a_claim_of_bytes, ERR_SYNTAX, "the footer of the Parquet file is damaged" },
		{ put_lists_in_lists, ERR_SYNTAX, "the footer of the Parquet file is damaged" },
		{ put_structs_in_structs, ERR_SYNTAX, "the footer of the Parquet file is damaged" },
		{ put_columns_in_columns, ERR_SYNTAX, "the Parquet file is damaged" },
		{ put_more_than_a_footer_may_have, ERR_TOO_LARGE, "is longer than 16777216 bytes" },
		{ put_nothing, ERR_SYNTAX, "the footer of the Parquet file is damaged" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_footer_refused(cases[i].put, cases[i].e, cases[i].words);
}

static void other_files_are_no_parquet(void **state)
{
	static const struct {
		const char *bytes;
		enum err e;
		const char *words;
	} cases[] = {
		{ "PAR1PAR1", ERR_SYNTAX, "the Parquet file is cut off" },
		{ "PAR1....\1...PAR2", ERR_SYNTAX, "it does not end with \"PAR1\"" },
		{ "PAR1....\1...PARE", ERR_UNSUPPORTED, "the Parquet file is encrypted" },
		{ "PARX....\1...PAR1", ERR_SYNTAX, "this is no Parquet file" },
		{ "PAR1....\xff\xff\xff\xffPAR1", ERR_SYNTAX, "is longer than the file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = { 0 };
		buf_puts(&b, cases[i].bytes);
		assert_refused(&b, &usual, cases[i].e, cases[i].words);
		buf_clear(&b);
	}
}

static void a_descriptor_that_cannot_be_read_is_the_machines_fault(void **state)
{
	struct parquet_file *p;
	struct errinfo ei;

	(void)state;
	assert_int_equal(parquet_open(-1, text, 1, &usual, &p, &ei), ERR_IO);
}

static void reading_that_fails_midway_is_the_machines_fault(void **state)
{
	struct page page = HONEST_PAGE;
	struct parquet_lie truth = HONEST;
	struct parquet_file *p;
	struct buf b = { 0 };
	struct errinfo ei;
	struct cell cell;
	bool end;

	(void)state;
	put_file(&b, &page, 1, &truth);
	int fd = memfile(b.data, b.len);
	assert_int_equal(parquet_open(fd, text, 1, &usual, &p, &ei), OK);
	close(fd);
	assert_int_equal(parquet_next(p, &cell, &end, &ei), ERR_IO);
	assert_string_equal(ei.msg, "reading the file failed: Bad file descriptor");
	parquet_close(p);
	buf_clear(&b);
}

static const char *const files[] = {
	"plain",	  "hub",      "large_zstd", "pages_v2", "delta_length_brotli",
	"dictionary_lz4", "required", "types",	    "unread",
};

/* Every byte of a file changed, one at a time; then every length it may be cut to. What comes is an
 * error with words or rows that are as good as any. */
static void damage_everywhere(const char *name)
{
	static const struct dataset_limits limits = { 1 << 20, 1000, 1000, 10 };
	struct buf b = { 0 };
	struct errinfo ei = { "" };
	char path[128];

	snprintf(path, sizeof(path), "tests/data/parquet/%s.parquet", name);
	assert_int_equal(files_read(path, 1 << 20, &b, &ei), OK);
	for (size_t i = 0; i < b.len; i++) {
		for (int k = 0; k < 3; k++) {
			static const char masks[] = { 1, (char)0x80, (char)0xff };
			b.data[i] ^= masks[k];
			enum err e = read_bytes(&b, &limits, &ei);
			assert_true(e == OK || e == ERR_SYNTAX || e == ERR_TOO_LARGE ||
				    e == ERR_UNSUPPORTED);
			b.data[i] ^= masks[k];
		}
	}
	while (b.len > 0) {
		b.len--;
		assert_int_equal(read_bytes(&b, &limits, &ei), ERR_SYNTAX);
	}
	buf_clear(&b);
}

static void no_damage_does_more_than_end_the_reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		damage_everywhere(files[i]);
}

static long peak_kb(void)
{
	long kb = -1;
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "VmHWM: %ld", &kb) != 1)
		;
	if (f)
		fclose(f);
	return kb;
}

static long peak_before;

static int note_peak(void **state)
{
	(void)state;
	peak_before = peak_kb();
	return peak_before > 0 ? 0 : -1;
}

/* Stands last: over all files above. Sanitizers keep memory of their own. */
static void all_of_this_took_little_memory(void **state)
{
	long grown = peak_kb() - peak_before;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)grown;
	skip();
#else
	print_message("resident memory grew by %ld kB at most\n", grown);
	assert_in_range(grown, 1, MAX_GROWTH / 1024);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_without_lies_is_read),
		cmocka_unit_test(lies_of_the_footer_are_refused),
		cmocka_unit_test(lies_of_the_pages_are_refused),
		cmocka_unit_test(a_long_value_in_many_rows_ends_at_the_limit),
		cmocka_unit_test(pages_that_only_cost_time_end_at_the_limit),
		cmocka_unit_test(footers_of_great_numbers_are_refused),
		cmocka_unit_test(other_files_are_no_parquet),
		cmocka_unit_test(a_descriptor_that_cannot_be_read_is_the_machines_fault),
		cmocka_unit_test(reading_that_fails_midway_is_the_machines_fault),
		cmocka_unit_test(no_damage_does_more_than_end_the_reading),
		cmocka_unit_test(all_of_this_took_little_memory),
	};

	return cmocka_run_group_tests_name("hostile Parquet", tests, note_peak, NULL);
}

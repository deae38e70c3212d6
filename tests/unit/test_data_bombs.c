/* Files made to exhaust whoever reads them. Each must end with a fault that says what is wrong,
 * soon, and without taking memory: the whole program may grow by GROWTH_KIB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "data/dataset.h"

#define GROWTH_KIB (64 << 10)
#define SECONDS	   20 /* on a machine that does other things too */
#define KIB	   1024LL
#define MIB	   (1024 * KIB)
#define GIB	   (1024 * MIB)

/* One file: head, then body over and over up to a size, then holes up to another. A "%" in the body
 * is replaced by a number that grows. */
struct bomb {
	const char *name;
	const char *head, *body, *tail;
	int64_t body_bytes, bytes;
	const char *fault;	      /* a part of the first one */
	struct dataset_limits limits; /* max_bytes 0: the usual ones */
};

static const struct bomb bombs[] = {
	{ "a line of 4 GiB in CSV", "text,label\n", "abcdefgh", "", 8 * MIB, 4 * GIB,
	  "line 2: a field is longer than 1048576 bytes" },
	{ "a line of 4 GiB in JSON Lines", "{\"text\": \"", "abcdefgh", "", 16 * MIB, 4 * GIB,
	  "line 1 is longer than 8388608 bytes" },
	{ "a header of 4 GiB", "", "abcdefgh", "", 8 * MIB, 4 * GIB,
	  "line 1: a field is longer than 1048576 bytes" },
	{ "holes of 4 GiB", "", "", "", 0, 4 * GIB,
	  "line 1: a field is longer than 1048576 bytes" },
	{ "holes of 4 GiB after a header", "text,label\n", "", "", 0, 4 * GIB,
	  "line 2: a field is longer than 1048576 bytes" },
	{ "a string of 1 GiB in JSON", "{\"label\":\"x\"}\n{\"text\": \"", "\\u0041", "\"}",
	  32 * MIB, 1 * GIB, "line 2 is longer than 8388608 bytes" },
	{ "a number of 1 GiB in JSON", "{\"label\": 1", "0", "}", 32 * MIB, 1 * GIB,
	  "line 1 is longer than 8388608 bytes" },
	{ "a quoted field without an end", "text,label\na,\"", "b,\n", "", 3 * MIB, 0,
	  "line 2: the quoted field that begins here is longer than 1048576 bytes; is its closing "
	  "quote missing?" },
	{ "a million quotes, odd", "text,label\na,\"", "\"\"", "", 1000000, 0,
	  "line 2: the quoted field that begins here is never closed" },
	{ "a million quotes, even", "text,label\na,\"", "\"\"", "\"\n", 1000000, 0,
	  "the label is longer than 256 bytes" },
	{ "10⁶ columns in a header", "c", ",c%", "\n", 8 * MIB, 0,
	  "line 1: more than 1000 fields in one row" },
	{ "a header of commas only", ",", ",", "\n", 998, 0, "no column \"text\"" },
	{ "10⁶ commas in a header", "", ",", "\n", 1000000, 0,
	  "line 1: more than 1000 fields in one row" },
	{ "10⁶ fields in a row", "text,label\n", "x,", "\n", 2000000, 0,
	  "line 2: more than 1000 fields in one row" },
	{ "long fields in a row",
	  "text,label\n",
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,",
	  "\n",
	  60 * KIB,
	  0,
	  "line 2: the row is longer than 32768 bytes",
	  { 1 * GIB, 100, 4 * KIB, 10 } },
	{ "10⁶ keys in a JSON object", "{\"k\":0", ",\"%\":0", "}", 8 * MIB - KIB, 0,
	  "line 1 has more than 100000 values" },
	{ "30,000 keys in a JSON object", "{\"k\":0", ",\"%\":0", "}", 300 * KIB, 0,
	  "line 1: more than 1000 different keys" },
	{ "another key on each line", "", "{\"%\":0}\n", "", 8 * MIB, 0,
	  "line 1001: more than 1000 different keys" },
	{ "millions of brackets", "{\"text\":[[]", ",[]", "]}", 8 * MIB - KIB, 0,
	  "line 1 has more than 100000 values" },
	{ "deep JSON arrays", "{\"text\":", "[", "", 4 * MIB, 0,
	  "line 1 has more than 100000 values" },
	{ "deep JSON objects", "", "{\"a\":", "", 200 * KIB, 0, "deeper than 32" },
	{ "deep JSON on every line", "", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "",
	  16 * MIB, 0, "deeper than 32" },
	{ "numbers out of range in JSON", "", "{\"text\":\"a\",\"label\":99999999999999999999}\n",
	  "", 4 * MIB, 0, "line 1" },
	{ "exponents out of range in JSON", "", "{\"text\":\"a\",\"label\":1e999}\n", "", 4 * MIB,
	  0, "line 1" },
	{ "a label of a million digits", "text,label\na,", "9", "\nb,1\n", 1000000, 0,
	  "line 2: the label is longer than 256 bytes" },
	{ "numbers that no integer holds", "text,label\n", "a,99999999999999999999%\n", "", 8 * MIB,
	  0, "more than 1000 different labels; is label_column the right one?" },
	{ "10⁶ different labels", "text,label\n", "a,x%\n", "", 12 * MIB, 0,
	  "more than 1000 different labels; is label_column the right one?" },
	{ "10⁶ different labels in JSON", "", "{\"text\":\"a\",\"label\":\"%\"}\n", "", 12 * MIB, 0,
	  "more than 1000 different labels; is label_column the right one?" },
	{ "a million faulty rows", "text,label\n", "a,b,c\n", "", 6 * MIB, 0,
	  "line 2: 3 fields where the header has 2" },
	{ "a million rows without a label", "text,label\n", "a\n", "", 2 * MIB, 0,
	  "line 2: the label is missing" },
	{ "NULs on every line", "text,label\n", "a,x\n", "", 100, 1 * MIB, "line 27: a NUL byte" },
	{ "bytes that are no UTF-8", "text,label\n", "\xff\xfe,\xc3\n", "", 4 * MIB, 0,
	  "line 2: byte 0xff at offset 11 of the file is not UTF-8" },
	{ "a gzip file", "\x1f\x8b\x08\x01\xff", "\x80\x90\n", "", 1 * MIB, 0,
	  "line 1: byte 0x8b at offset 1 of the file is not UTF-8" },
	{ "blanks", "", "        ", "", 8 * MIB, 0,
	  "line 1: a field is longer than 1048576 bytes" },
	{ "a blank line of JSON", "{\"text\":1}\n", "        ", "", 16 * MIB, 0,
	  "line 2 is longer than 8388608 bytes" },
	{ "empty lines",
	  "",
	  "\n",
	  "",
	  24 * MIB,
	  0,
	  "the file is larger than 16777216 bytes",
	  { 16 * MIB, 100, 1 * MIB, 10 } },
	{ "empty lines of JSON",
	  "{}",
	  "\n",
	  "",
	  24 * MIB,
	  0,
	  "the file is larger than 16777216 bytes",
	  { 16 * MIB, 100, 1 * MIB, 10 } },
	{ "too many rows",
	  "text,label\n",
	  "a,x\nb,y\n",
	  "",
	  24 * MIB,
	  0,
	  "the file has more than 1000000 rows",
	  { 64 * MIB, 1000000, 1 * MIB, 10 } },
	{ "a name of 1 MB in the header", "text,label,", "n", "\n", 1000000, 0,
	  "the name of column 3 is longer than 1024 bytes" },
	{ "byte order marks", "", "\xef\xbb\xbf", "\n", 3 * MIB, 0,
	  "line 1: a field is longer than 1048576 bytes" },
	{ "Parquet of holes", "PAR1", "", "", 0, 4 * GIB, "Parquet" },
};

static void write_all(int fd, const void *data, size_t n)
{
	assert_int_equal(write(fd, data, n), (ssize_t)n);
}

static void write_body(int fd, const struct bomb *b)
{
	const char *number = strchr(b->body, '%');
	struct buf chunk = { 0 };
	int64_t written = 0;

	for (int64_t k = 0; *b->body && written < b->body_bytes; k++) {
		if (number)
			buf_printf(&chunk, "%.*s%lld%s", (int)(number - b->body), b->body,
				   (long long)k, number + 1);
		else
			buf_puts(&chunk, b->body);
		if (chunk.len < 64 * KIB && written + (int64_t)chunk.len < b->body_bytes)
			continue;
		write_all(fd, chunk.data, chunk.len);
		written += (int64_t)chunk.len;
		buf_reset(&chunk);
	}
	buf_clear(&chunk);
}

static int write_bomb(const struct bomb *b)
{
	int fd = memfd_create("bomb", MFD_CLOEXEC);

	assert_true(fd >= 0);
	write_all(fd, b->head, strlen(b->head));
	write_body(fd, b);
	if (b->bytes)
		assert_int_equal(ftruncate(fd, b->bytes - (int64_t)strlen(b->tail)), 0);
	lseek(fd, 0, SEEK_END);
	write_all(fd, b->tail, strlen(b->tail));
	return fd;
}

static enum err open_bomb(void *ctx, const char *file, int *fd, struct errinfo *ei)
{
	(void)file;
	(void)ei;
	*fd = dup(*(int *)ctx);
	return OK;
}

static enum err take(void *ctx, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	(void)ctx;
	(void)s;
	(void)place;
	(void)x;
	(void)ei;
	return OK;
}

/* Opens and reads the file as training rows; the first fault goes to words. */
static void read_bomb(int fd, const struct dataset_limits *limits, char *words, size_t size)
{
	static char file[] = "f", text[] = "text", label[] = "label";
	struct dataset_spec spec = { .text_column = text, .label_column = label };
	struct faults faults = { 0 };
	struct dataset *d;
	struct errinfo ei = { "" };

	spec.splits[SPLIT_TRAIN] = (struct split_spec){ .file = file, .sample = -1, .last = -1 };
	enum err e = dataset_open(&spec, limits, "/tmp", open_bomb, &fd, &d, &faults, &ei);
	if (e == OK)
		e = dataset_read(d, take, NULL, &faults, &ei);
	assert_int_equal(e, ERR_INVALID);
	const json_t *first = json_object_get(json_array_get(faults.list, 0), "detail");
	snprintf(words, size, "%s", json_string_value(first));
	dataset_close(d);
	faults_clear(&faults);
}

/* VmHWM, the most memory that was resident so far. */
static long peak_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	assert_non_null(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "VmHWM: %ld kB", &kib);
	fclose(f);
	assert_true(kib > 0);
	return kib;
}

static void each_bomb_is_refused_soon_and_in_little_memory(void **state)
{
	long before = peak_kib();
	struct errinfo words;

	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(*bombs); i++) {
		const struct bomb *b = &bombs[i];
		int fd = write_bomb(b);
		double start = clock_monotonic();
		read_bomb(fd, b->limits.max_bytes ? &b->limits : &dataset_default_limits, words.msg,
			  sizeof(words.msg));
		double seconds = clock_monotonic() - start;
		close(fd);
		if (getenv("VERBOSE"))
			fprintf(stderr, "%s: %.2f s, %ld KiB: %s\n", b->name, seconds,
				peak_kib() - before, words.msg);
		if (!strstr(words.msg, b->fault))
			fail_msg("%s: \"%s\" instead of \"%s\"", b->name, words.msg, b->fault);
		if (seconds > SECONDS)
			fail_msg("%s took %.1f s", b->name, seconds);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
		if (peak_kib() - before > GROWTH_KIB)
			fail_msg("%s took %ld KiB", b->name, peak_kib() - before);
#endif
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bomb_is_refused_soon_and_in_little_memory),
	};

	return cmocka_run_group_tests_name("data_bombs", tests, NULL, NULL);
}

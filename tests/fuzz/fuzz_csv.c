/* libFuzzer: any bytes as CSV. Rows that are read must read the same again when they are written
 * with quotes. */
#include "base/buf.h"
#include "base/err.h"
#include "data/csv.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utf8proc.h>

#define MAX_FIELD 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static void check_field(const char *text, size_t len)
{
	utf8proc_int32_t cp;

	BUG_ON(strlen(text) != len || len > MAX_FIELD);
	for (size_t i = 0; i < len;) {
		utf8proc_ssize_t w = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
						      (utf8proc_ssize_t)(len - i), &cp);
		BUG_ON(w <= 0);
		i += (size_t)w;
	}
}

static void write_field(struct buf *out, const char *text, size_t len)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, text[i]);
	}
	buf_putc(out, '"');
}

/* Appends all good rows of the file to out, every field in quotes. Returns whether no row was
 * broken. */
static bool rewrite(const void *data, size_t size, struct buf *out)
{
	int fd = file_of(data, size);
	struct textfile file;
	struct csv_row row;
	struct errinfo ei;
	int64_t line = 0;
	bool good = true;
	enum err e;

	textfile_init(&file, fd, 1 << 20);
	struct csv *csv = csv_new(&file, MAX_FIELD);
	do {
		e = csv_next(csv, &row, &ei);
		good &= e == OK;
		BUG_ON(e == OK && row.n > 0 && row.line <= line);
		line = e == OK && row.n > 0 ? row.line : line;
		for (int i = 0; e == OK && i < row.n; i++) {
			check_field(row.fields[i], row.lengths[i]);
			write_field(out, row.fields[i], row.lengths[i]);
			buf_putc(out, i + 1 < row.n ? ',' : '\n');
		}
	} while (e == ERR_SYNTAX || (e == OK && row.n > 0));
	csv_free(csv);
	textfile_clear(&file);
	close(fd);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = { 0 }, twice = { 0 };

	rewrite(data, size, &once);
	BUG_ON(!rewrite(once.data, once.len, &twice));
	BUG_ON(once.len != twice.len || (once.len && memcmp(once.data, twice.data, once.len) != 0));
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
